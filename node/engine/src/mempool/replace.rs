//! Replacing: a sender puts another transaction in the place of one that is not final yet.
//!
//! The rule: same sender, same nonce, and a fee as high as [`replacement_fee`] says. A caller of ours must also name what
//! it replaces, so that two commands which happen to take the same nonce never push each other out; gossip and a restart
//! cannot ask, and go by the fee alone.
//!
//! Always true: fees in one place only rise, so what was replaced never comes back and two transactions never take turns;
//! a sender replaces at most [`REPLACEMENTS_MAX`] times until one of its own is final; what is ours is replaced by what
//! is ours. Which of the two becomes final is for the chain to say: a proposal that holds the first one stays valid, and
//! the nonce lets only one through (SPEC TX-7).
//! Start reading at [`Mempool::replace_in_row`].

use super::pool::Mempool;
use blockchat_proto::coins::Coins;
use blockchat_proto::genesis::Parameters;
use blockchat_proto::keys::Address;
use blockchat_proto::ledger::{Account, Ledger, TxRejected, fee_for};
use blockchat_proto::transaction::{TransactionId, VerifiedTransaction};
use std::collections::BTreeMap;

/// How often a sender may replace until one of its own is final. Fees grow by an eighth each time, so a flood of
/// replacements costs its sender more per message than a flood of new transactions.
pub const REPLACEMENTS_MAX: u32 = 64;
/// For so many senders it is counted; beyond that, somebody is counted anew.
const COUNTED_MAX: usize = 4_096;

/// What a newcomer may take the place of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Replaces {
    /// Nothing: its nonce must be free.
    Nothing,
    /// This one, and no other.
    This(TransactionId),
    /// Whatever pays less.
    Any,
}

/// The smallest fee of what replaces a transaction that pays `held`: an eighth more, and at least the smallest fee of the
/// chain more. `None` if there are not so many coins.
pub fn replacement_fee(held: Coins, parameters: &Parameters) -> Option<Coins> {
    let eighth = held.micros().div_ceil(8);
    let step = eighth.max(parameters.fee_min.micros()).max(1);
    held.checked_add(Coins::from_micros(step)?)
}

/// How often each sender has replaced since one of its own was final.
#[derive(Debug, Default)]
pub(super) struct Replacements(BTreeMap<Address, u32>);

impl Replacements {
    fn check(&self, sender: &Address) -> Result<(), TxRejected> {
        let spent = self.0.get(sender).is_some_and(|count| *count >= REPLACEMENTS_MAX);
        if spent { Err(TxRejected::ReplacedTooOften { limit: REPLACEMENTS_MAX }) } else { Ok(()) }
    }

    pub(super) fn count(&mut self, sender: Address) {
        *self.0.entry(sender).or_default() += 1;
        if self.0.len() > COUNTED_MAX {
            self.0.pop_first();
        }
    }

    /// One of the sender's is final.
    pub(super) fn settled(&mut self, sender: &Address) {
        self.0.remove(sender);
    }

    /// Panics unless it is bounded. For tests.
    pub(super) fn check_invariants(&self) {
        assert!(self.0.len() <= COUNTED_MAX, "counts of replacements are bounded");
        assert!(self.0.values().all(|count| (1..=REPLACEMENTS_MAX).contains(count)), "nobody replaces too often");
    }
}

impl Mempool {
    /// Puts a transaction in the place of the one with its nonce in its sender's row. `settled` is the final account.
    ///
    /// Those behind it stay, as far as they can still be paid; the first that cannot is refused, and the others wait on the
    /// shelf. Cost: O(the row behind it), in additions.
    pub(super) fn replace_in_row(
        &mut self,
        ledger: &Ledger,
        settled: Account,
        transaction: &VerifiedTransaction,
        replaces: Replaces,
    ) -> Result<(), TxRejected> {
        let (sender, nonce) = (transaction.sender(), transaction.nonce());
        let taken = TxRejected::NonceTaken { nonce };
        let row = self.rows.get(&sender).ok_or(taken.clone())?;
        let held = row.get(nonce).ok_or(taken)?.clone();
        self.check_replacement(ledger, &held, transaction, replaces)?;
        let mut account = row.account_at(ledger, settled.clone(), nonce)?;
        let before = account.balance;
        ledger.project(&mut account, transaction)?;
        let cost = before.checked_sub(account.balance).unwrap_or(Coins::ZERO);
        let growth = transaction.bytes().len().saturating_sub(held.bytes().len());
        if row.bytes() + growth > self.limits.per_sender_bytes_max {
            return Err(TxRejected::SenderLimit { limit: row.len() });
        }
        self.make_room(&sender, 0, growth)?;
        self.put_in_place(transaction.clone(), cost);
        self.gone_for(&held, transaction);
        self.mend(ledger, sender, settled);
        Ok(())
    }

    /// Puts a transaction in the place of the one with its nonce that waits on the shelf, for as long as that would have
    /// waited.
    pub(super) fn replace_on_shelf(
        &mut self,
        ledger: &Ledger,
        transaction: &VerifiedTransaction,
        replaces: Replaces,
    ) -> Result<(), TxRejected> {
        let nonce = transaction.nonce();
        let held = self.shelf.at((transaction.sender(), nonce)).ok_or(TxRejected::NonceTaken { nonce })?.clone();
        self.check_replacement(ledger, &held, transaction, replaces)?;
        self.shelf.put_in_place(transaction.clone());
        self.gone_for(&held, transaction);
        Ok(())
    }

    fn check_replacement(
        &self,
        ledger: &Ledger,
        held: &VerifiedTransaction,
        transaction: &VerifiedTransaction,
        replaces: Replaces,
    ) -> Result<(), TxRejected> {
        let allowed = match replaces {
            Replaces::Nothing => false,
            Replaces::This(id) => id == held.id(),
            Replaces::Any => true,
        };
        if !allowed {
            return Err(TxRejected::NonceTaken { nonce: held.nonce() });
        }
        let fee = |of: &VerifiedTransaction| fee_for(&of.transaction().body, ledger.parameters());
        let needed = replacement_fee(fee(held)?, ledger.parameters()).ok_or(TxRejected::AmountOverflow)?;
        let found = fee(transaction)?;
        if found < needed {
            return Err(TxRejected::FeeTooLow { needed, found });
        }
        self.replacements.check(&held.sender())
    }

    /// The first has left for the second. Whoever handed the first in here relies on us for the second.
    fn gone_for(&mut self, held: &VerifiedTransaction, by: &VerifiedTransaction) {
        self.replacements.count(held.sender());
        let ours = self.own.contains(&held.id());
        self.refuse(held.id(), TxRejected::Replaced { by: by.id() });
        if ours && self.own.insert(by.id(), self.now) {
            self.adopted.push(by.clone());
        }
    }

    /// What became ours because it replaced one of ours: to be remembered across a restart.
    pub(crate) fn take_adopted(&mut self) -> Vec<VerifiedTransaction> {
        std::mem::take(&mut self.adopted)
    }
}
