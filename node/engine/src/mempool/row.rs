//! One sender's pooled *send*s and *stake*s, in the order of their nonces.
//!
//! Always true: nonces are consecutive; `spent` never falls along the row.
//!
//! A *send* takes a fixed amount from the balance, advances the nonce, and depends on nothing else that may change. So
//! a run of sends is projected with one subtraction of two running sums, and only the few stakes between them one by
//! one: a row of thousands is checked after a block as fast as a short one.
//! Start reading at [`Row::project`].

use blockchat_proto::coins::Coins;
use blockchat_proto::ledger::{Account, Ledger, TxRejected};
use blockchat_proto::transaction::{Body, VerifiedTransaction};
use std::collections::VecDeque;

/// See the module's header.
#[derive(Debug)]
pub(super) struct Row {
    entries: VecDeque<Entry>,
    /// Nonces of the stakes among the entries.
    stakes: Vec<u64>,
    /// `spent` of the entry before the first.
    paid: u128,
    bytes: usize,
}

/// One entry of a row.
#[derive(Debug)]
pub(super) struct Entry {
    transaction: VerifiedTransaction,
    /// Total cost of all sends of this row up to here, including those that left at the front, in micro-BCC. Unlimited
    /// in principle, because coins come back: hence wider than [`Coins`].
    spent: u128,
}

/// An account after a row.
#[derive(Debug)]
pub(super) struct Projection {
    /// After every entry, or after those before the invalid one.
    pub(super) account: Account,
    /// Nonce of the first entry that cannot follow, and why.
    pub(super) broken: Option<(u64, TxRejected)>,
}

impl Row {
    /// An empty row. Never kept empty.
    pub(super) fn new() -> Self {
        Self { entries: VecDeque::with_capacity(1), stakes: vec![], paid: 0, bytes: 0 }
    }

    pub(super) fn len(&self) -> usize {
        self.entries.len()
    }

    pub(super) fn bytes(&self) -> usize {
        self.bytes
    }

    pub(super) fn stakes(&self) -> usize {
        self.stakes.len()
    }

    /// The transaction at this nonce.
    pub(super) fn get(&self, nonce: u64) -> Option<&VerifiedTransaction> {
        self.entries.get(self.index(nonce)).map(|entry| &entry.transaction).filter(|found| found.nonce() == nonce)
    }

    /// In the order of their nonces.
    pub(super) fn iter(&self) -> Turns<'_> {
        self.entries.iter().map(|entry| &entry.transaction)
    }

    /// Appends a transaction that follows the last one. `cost` is what a send takes from the balance.
    pub(super) fn push(&mut self, transaction: VerifiedTransaction, cost: Coins) {
        let nonce = transaction.nonce();
        let follows = self.entries.back().is_none_or(|last| last.transaction.nonce().checked_add(1) == Some(nonce));
        assert!(follows, "nonces of a row are consecutive");
        let spent = match transaction.transaction().body {
            Body::Stake { .. } => {
                self.stakes.push(nonce);
                self.spent()
            }
            _ => self.spent() + u128::from(cost.micros()),
        };
        self.bytes += transaction.bytes().len();
        self.entries.push_back(Entry { transaction, spent });
    }

    /// Replaces the entry with its nonce, which must exist, by a send, and returns the old one. `cost` is what it takes
    /// from the balance. Never a stake: all pay the minimum fee, so none replaces anything.
    pub(super) fn put_in_place(&mut self, transaction: VerifiedTransaction, cost: Coins) -> VerifiedTransaction {
        let nonce = transaction.nonce();
        let index = self.index(nonce);
        let old_cost = self.entries[index].spent - self.spent_before(index);
        for entry in self.entries.range_mut(index..) {
            entry.spent = entry.spent - old_cost + u128::from(cost.micros());
        }
        self.stakes.retain(|stake| *stake != nonce);
        self.bytes += transaction.bytes().len();
        let held = std::mem::replace(&mut self.entries[index].transaction, transaction);
        self.bytes -= held.bytes().len();
        held
    }

    /// Removes everything below this nonce. Cost: O(removed).
    pub(super) fn take_below(&mut self, nonce: u64) -> Vec<VerifiedTransaction> {
        let index = self.index(nonce);
        self.stakes.retain(|stake| *stake >= nonce);
        self.paid = self.spent_before(index);
        let taken: Vec<_> = self.entries.drain(..index).map(|entry| entry.transaction).collect();
        self.released(taken)
    }

    /// Removes everything from this nonce on.
    pub(super) fn take_from(&mut self, nonce: u64) -> Vec<VerifiedTransaction> {
        let taken = self.entries.split_off(self.index(nonce));
        self.stakes.retain(|stake| *stake < nonce);
        self.released(taken.into_iter().map(|entry| entry.transaction).collect())
    }

    fn released(&mut self, taken: Vec<VerifiedTransaction>) -> Vec<VerifiedTransaction> {
        self.bytes -= taken.iter().map(|transaction| transaction.bytes().len()).sum::<usize>();
        taken
    }

    /// Applies the row to its sender's final `account`, whose next nonce is that of the first entry. Ignores expiry,
    /// except that of stakes.
    ///
    /// Cost: O(stakes * log entries).
    pub(super) fn project(&self, ledger: &Ledger, account: Account) -> Projection {
        let mut account = account;
        let broken = self.spend_to(self.len(), ledger, &mut account).err();
        Projection { account, broken }
    }

    /// The account before this nonce, which is that of an entry.
    pub(super) fn account_at(&self, ledger: &Ledger, account: Account, nonce: u64) -> Result<Account, TxRejected> {
        let mut account = account;
        self.spend_to(self.index(nonce), ledger, &mut account).map_err(|(_, reason)| reason)?;
        Ok(account)
    }

    /// Pays everything before the entry `end`.
    fn spend_to(&self, end: usize, ledger: &Ledger, account: &mut Account) -> Result<(), (u64, TxRejected)> {
        let stakes = self.stakes.iter().map(|nonce| (nonce, self.index(*nonce)));
        for (nonce, stake) in stakes.take_while(|(_, stake)| *stake < end) {
            self.spend_until(stake, account)?;
            let stake = &self.entries[stake].transaction;
            ledger.project(account, stake).map_err(|reason| (*nonce, reason))?;
        }
        self.spend_until(end, account)
    }

    /// Pays the sends from the account's next nonce up to the entry `end`, as far as the balance allows.
    fn spend_until(&self, end: usize, account: &mut Account) -> Result<(), (u64, TxRejected)> {
        let start = self.index(account.next_nonce);
        let before = self.spent_before(start);
        let affordable = before + u128::from(account.balance.micros());
        let reached = self.entries.partition_point(|entry| entry.spent <= affordable).clamp(start, end);
        account.balance = account
            .balance
            .checked_sub(coins(self.spent_before(reached) - before))
            .expect("only what the balance can pay is reached");
        let run = u64::try_from(reached - start).expect("a row is shorter than 2^64");
        account.next_nonce = account.next_nonce.saturating_add(run);
        if reached == end {
            return Ok(());
        }
        let needed = coins(self.entries[reached].spent - self.spent_before(reached));
        Err((account.next_nonce, TxRejected::InsufficientFunds { needed, spendable: account.balance }))
    }

    /// Index of this nonce, or where it would be.
    fn index(&self, nonce: u64) -> usize {
        let first = self.entries.front().map_or(nonce, |entry| entry.transaction.nonce());
        usize::try_from(nonce.saturating_sub(first)).map_or(self.len(), |index| index.min(self.len()))
    }

    fn spent_before(&self, index: usize) -> u128 {
        index.checked_sub(1).map_or(self.paid, |last| self.entries[last].spent)
    }

    fn spent(&self) -> u128 {
        self.spent_before(self.len())
    }
}

/// The rest of a row.
pub(super) type Turns<'a> =
    std::iter::Map<std::collections::vec_deque::Iter<'a, Entry>, fn(&Entry) -> &VerifiedTransaction>;

fn coins(micros: u128) -> Coins {
    let micros = u64::try_from(micros).ok().and_then(Coins::from_micros);
    micros.expect("one account could pay it once, so it is below the cap")
}
