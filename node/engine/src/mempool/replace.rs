//! Replacing: a sender replaces a transaction that is not final yet.
//!
//! The rule: same sender, same nonce, and at least the fee of [`replacement_fee`]. A caller of ours must also name the
//! replaced transaction, so that two commands that happen to use the same nonce never displace each other; gossip and a
//! restart cannot ask, and use only the fee.
//!
//! Always true: the fees of one position only rise, so a replaced transaction never returns and two never alternate; a
//! sender replaces at most [`REPLACEMENTS_MAX`] times until one of its own is final; a transaction that replaces ours
//! becomes ours. The chain decides which of the two becomes final: a proposal with the first one stays valid, and the
//! nonce lets only one through (SPEC TX-7).
//! Start reading at [`Mempool::replace_in_row`].

use super::pool::Mempool;
use crate::effect::Replaced;
use blockchat_proto::coins::Coins;
use blockchat_proto::genesis::Parameters;
use blockchat_proto::keys::Address;
use blockchat_proto::ledger::{Account, Ledger, TxRejected, fee_for};
use blockchat_proto::transaction::{TransactionId, VerifiedTransaction};
use std::collections::BTreeMap;

/// How often a sender may replace until one of its own is final. Fees grow by an eighth each time, so a flood of
/// replacements costs its sender more per message than a flood of new transactions.
pub const REPLACEMENTS_MAX: u32 = 64;
/// Number of senders counted; beyond that, the count of one restarts.
const COUNTED_MAX: usize = 4_096;

/// The transaction that a newcomer may replace.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Replaces {
    /// Nothing: its nonce must be free.
    Nothing,
    /// This one, and no other.
    This(TransactionId),
    /// Any with a lower fee.
    Any,
}

/// The minimum fee to replace a transaction that pays `held`: an eighth more, and at least the chain's minimum fee
/// more. `None` above the cap.
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
    pub(super) fn reset(&mut self, sender: &Address) {
        self.0.remove(sender);
    }

    /// Panics unless it is bounded. For tests.
    pub(super) fn check_invariants(&self) {
        assert!(self.0.len() <= COUNTED_MAX, "counts of replacements are bounded");
        assert!(self.0.values().all(|count| (1..=REPLACEMENTS_MAX).contains(count)), "nobody replaces too often");
    }
}

impl Mempool {
    /// Replaces the transaction with its nonce in its sender's row. `on_chain` is the final account.
    ///
    /// Those behind it stay as long as they can be paid; the first that cannot is refused, and the others wait on the
    /// shelf. Cost: O(the row behind it), in additions.
    pub(super) fn replace_in_row(
        &mut self,
        ledger: &Ledger,
        on_chain: Account,
        transaction: &VerifiedTransaction,
        replaces: Replaces,
    ) -> Result<(), TxRejected> {
        let (sender, nonce) = (transaction.sender(), transaction.nonce());
        let taken = TxRejected::NonceTaken { nonce };
        let row = self.rows.get(&sender).ok_or(taken.clone())?;
        let held = row.get(nonce).ok_or(taken)?.clone();
        self.check_replacement(ledger, &held, transaction, replaces)?;
        let mut account = row.account_at(ledger, on_chain.clone(), nonce)?;
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
        self.mend(ledger, sender, on_chain);
        Ok(())
    }

    /// Replaces the transaction with its nonce that waits on the shelf, with the same deadline.
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

    /// The second replaced the first. The caller that submitted the first here relies on us for the second.
    fn gone_for(&mut self, held: &VerifiedTransaction, by: &VerifiedTransaction) {
        self.replacements.count(held.sender());
        let ours = self.own.contains(&held.id());
        let replaced = Replaced { id: held.id(), by: by.id(), sender: held.sender(), nonce: held.nonce() };
        self.refuse(replaced.id, TxRejected::Replaced { by: replaced.by });
        self.replaced.push(replaced);
        if ours && self.own.insert(by, self.now) {
            self.adopted.push(by.clone());
        }
    }

    /// Transactions that became ours by replacing one of ours: store them for a restart.
    pub(crate) fn take_adopted(&mut self) -> Vec<VerifiedTransaction> {
        std::mem::take(&mut self.adopted)
    }

    /// What was replaced since the last call, in order: at most one for each transaction that came meanwhile.
    pub(crate) fn take_replaced(&mut self) -> Vec<Replaced> {
        std::mem::take(&mut self.replaced)
    }
}
