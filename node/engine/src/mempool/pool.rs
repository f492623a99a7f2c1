//! The contents of the pool, and the few operations that change them: they keep all indexes in step.
//!
//! Does not own: admission (`admit`), eviction (`evict`).
//! Start reading at [`Mempool`]; [`Mempool::check_invariants`] checks the invariants.

use super::claims::Claims;
use super::own::Own;
use super::refusals::Refusals;
use super::replace::Replacements;
use super::row::Row;
use super::shelf::Shelf;
use crate::config::EngineConfig;
use crate::effect::{Replaced, SubmitOutcome};
use blockchat_proto::claim::Found;
use blockchat_proto::coins::Coins;
use blockchat_proto::keys::Address;
use blockchat_proto::ledger::{Account, Ledger, TxRejected};
use blockchat_proto::limits;
use blockchat_proto::transaction::{TransactionId, VerifiedTransaction};
use blockchat_proto::units::{Height, UnixMillis};
use std::collections::{BTreeMap, BTreeSet};

/// Maximum pooled transactions without nonce. They are checked again after every block, so their number bounds that
/// work; each goes into the next block, so the slots are freed quickly.
pub(super) const NONCE_FREE_MAX: usize = 4 * limits::VALIDATORS_MAX;

/// See the module's header.
#[derive(Debug)]
pub struct Mempool {
    pub(super) limits: PoolLimits,
    /// Rows by sender; none is empty.
    pub(super) rows: BTreeMap<Address, Row>,
    /// Transactions without nonce (*activate*, *announce*), by sender.
    pub(super) nonce_free: BTreeMap<Address, VerifiedTransaction>,
    /// Claims, by work.
    pub(super) claims: Claims,
    /// Everything in a row or without nonce, and its time of arrival.
    ids: BTreeMap<TransactionId, (VerifiedTransaction, UnixMillis)>,
    bytes: usize,
    /// The earliest arrival of those removed since this was last cleared.
    pub(super) first_out: Option<UnixMillis>,
    /// Senders by the length of their row.
    pub(super) ranking: BTreeSet<(usize, Address)>,
    /// Entries of rows that expire at a height.
    pub(super) expiries: BTreeSet<(Height, TransactionId)>,
    pub(super) shelf: Shelf,
    pub(super) own: Own,
    pub(super) refusals: Refusals,
    pub(super) replacements: Replacements,
    /// Transactions that became ours by replacing one of ours, until they are returned.
    pub(super) adopted: Vec<VerifiedTransaction>,
    /// Transactions that were replaced, until they are returned.
    pub(super) replaced: Vec<Replaced>,
    /// Own transactions that are final or invalid, until they are returned.
    pub(super) forgotten: Vec<TransactionId>,
    /// The sender served last: the next selection begins after it.
    pub(super) served: Address,
    /// The time of the last call that had one.
    pub(super) now: UnixMillis,
}

/// All limits.
#[derive(Debug)]
pub(super) struct PoolLimits {
    pub(super) transactions_max: usize,
    pub(super) bytes_max: usize,
    pub(super) per_sender_max: usize,
    pub(super) per_sender_bytes_max: usize,
}

impl Mempool {
    /// An empty pool.
    pub fn new(config: &EngineConfig) -> Self {
        let share = config.pool_sender_share.max(1);
        Self {
            limits: PoolLimits {
                transactions_max: config.pool_transactions_max,
                bytes_max: config.pool_bytes_max,
                per_sender_max: (config.pool_transactions_max / share).max(1),
                per_sender_bytes_max: (config.pool_bytes_max / share).max(limits::TRANSACTION_BYTES_MAX),
            },
            rows: BTreeMap::new(),
            nonce_free: BTreeMap::new(),
            claims: Claims::default(),
            ids: BTreeMap::new(),
            bytes: 0,
            first_out: None,
            ranking: BTreeSet::new(),
            expiries: BTreeSet::new(),
            shelf: Shelf::new(config),
            own: Own::new(config.repeat_first_ms, config.repeat_max_ms),
            refusals: Refusals::new(config.refused_max),
            replacements: Replacements::default(),
            adopted: vec![],
            replaced: vec![],
            forgotten: vec![],
            served: Address([0; 32]),
            now: UnixMillis::default(),
        }
    }

    /// Number of pooled transactions, without the shelf.
    pub fn len(&self) -> usize {
        self.ids.len()
    }

    /// Is nothing pooled? The shelf may still hold some.
    pub fn is_empty(&self) -> bool {
        self.ids.is_empty()
    }

    /// Their bytes, without the shelf.
    pub fn bytes(&self) -> usize {
        self.bytes
    }

    /// A pooled transaction; not one on the shelf.
    pub fn get(&self, id: &TransactionId) -> Option<&VerifiedTransaction> {
        self.ids.get(id).map(|(transaction, _)| transaction)
    }

    /// When a pooled transaction arrived.
    pub(super) fn since(&self, id: &TransactionId) -> Option<UnixMillis> {
        self.ids.get(id).map(|(_, since)| *since)
    }

    /// The place of a transaction: pooled, queued, or refused, if recently and possibly asked for here.
    pub fn lookup(&self, id: &TransactionId) -> Option<(SubmitOutcome, Option<VerifiedTransaction>)> {
        if let Some(pooled) = self.get(id) {
            return Some((SubmitOutcome::Pooled, Some(pooled.clone())));
        }
        if let Some(waiting) = self.shelf.get(id) {
            return Some((SubmitOutcome::Queued, Some(waiting.clone())));
        }
        self.refusals.get(id).map(|reason| (SubmitOutcome::Refused(reason.clone()), None))
    }

    /// The sender of this queued transaction, and when it expires.
    pub(crate) fn waits(&self, id: &TransactionId) -> Option<(Address, UnixMillis)> {
        self.shelf.until(id)
    }

    /// The account after its pooled transactions: the spendable balance, and the next nonce to sign with.
    pub fn projected(&self, ledger: &Ledger, address: &Address) -> Account {
        let account = ledger.account(address);
        match self.rows.get(address) {
            Some(row) => row.project(ledger, account).account,
            None => account,
        }
    }

    /// Appends to its sender's row.
    pub(super) fn insert(&mut self, transaction: VerifiedTransaction, cost: Coins) {
        if let Some(expiry) = transaction.transaction().expiry {
            self.expiries.insert((expiry, transaction.id()));
        }
        self.list(&transaction);
        self.with_row(transaction.sender(), |row| row.push(transaction, cost));
    }

    /// Replaces the entry with its nonce in its sender's row by a send.
    pub(super) fn put_in_place(&mut self, transaction: VerifiedTransaction, cost: Coins) {
        if let Some(expiry) = transaction.transaction().expiry {
            self.expiries.insert((expiry, transaction.id()));
        }
        self.list(&transaction);
        let held = self.with_row(transaction.sender(), |row| row.put_in_place(transaction, cost));
        self.unlist(&held);
    }

    /// Adds a transaction without nonce beside the rows.
    pub(super) fn insert_nonce_free(&mut self, transaction: VerifiedTransaction) {
        self.list(&transaction);
        self.nonce_free.insert(transaction.sender(), transaction);
    }

    /// Removes a sender's transaction beside its row.
    pub(super) fn take_nonce_free(&mut self, sender: &Address) -> Option<VerifiedTransaction> {
        let transaction = self.nonce_free.remove(sender)?;
        self.unlist(&transaction);
        Some(transaction)
    }

    /// Adds a claim with this work.
    pub(super) fn insert_claim(&mut self, found: Found, claim: VerifiedTransaction) {
        self.list(&claim);
        self.claims.insert(found, claim);
    }

    /// Removes a sender's claim.
    pub(super) fn take_claim(&mut self, sender: &Address) -> Option<VerifiedTransaction> {
        let claim = self.claims.take(sender)?;
        self.unlist(&claim);
        Some(claim)
    }

    /// Removes the entries below this nonce in a sender's row.
    pub(super) fn take_below(&mut self, sender: Address, nonce: u64) -> Vec<VerifiedTransaction> {
        let taken = self.with_row(sender, |row| row.take_below(nonce));
        taken.iter().for_each(|transaction| self.unlist(transaction));
        taken
    }

    /// Removes the entries from this nonce on in a sender's row.
    pub(super) fn take_from(&mut self, sender: Address, nonce: u64) -> Vec<VerifiedTransaction> {
        let taken = self.with_row(sender, |row| row.take_from(nonce));
        taken.iter().for_each(|transaction| self.unlist(transaction));
        taken
    }

    /// It left for good and is not final: remembers why, and forgets it if it is ours.
    pub(super) fn refuse(&mut self, id: TransactionId, reason: TxRejected) {
        self.refusals.remember(id, reason);
        self.forget_own(&id);
    }

    pub(super) fn forget_own(&mut self, id: &TransactionId) {
        if self.own.remove(id) {
            self.forgotten.push(*id);
        }
    }

    /// Changes a row and everything that depends on its length.
    fn with_row<R>(&mut self, sender: Address, change: impl FnOnce(&mut Row) -> R) -> R {
        let row = self.rows.entry(sender).or_insert_with(Row::new);
        let old = row.len();
        let result = change(row);
        let new = row.len();
        if new == 0 {
            self.rows.remove(&sender);
        }
        if new != old {
            self.ranking.remove(&(old, sender));
            if new > 0 {
                self.ranking.insert((new, sender));
            }
        }
        result
    }

    fn list(&mut self, transaction: &VerifiedTransaction) {
        self.bytes += transaction.bytes().len();
        self.ids.insert(transaction.id(), (transaction.clone(), self.now));
    }

    fn unlist(&mut self, transaction: &VerifiedTransaction) {
        self.bytes -= transaction.bytes().len();
        let since = self.ids.remove(&transaction.id()).map(|(_, since)| since);
        self.first_out = self.first_out.into_iter().chain(since).min();
        if let Some(expiry) = transaction.transaction().expiry {
            self.expiries.remove(&(expiry, transaction.id()));
        }
    }

    /// Panics unless the invariants in the module's header hold at this ledger. For tests and simulators.
    ///
    /// Cost: a walk through the whole pool.
    pub fn check_invariants(&self, ledger: &Ledger) {
        let limits = &self.limits;
        assert!(self.len() <= limits.transactions_max && self.bytes <= limits.bytes_max, "the pool is bounded");
        assert!(self.nonce_free.len() <= NONCE_FREE_MAX, "what needs no nonce is bounded");
        self.claims.check_invariants();
        let (mut count, mut bytes, mut expiring) = (0, 0, 0);
        let in_rows = self.rows.values().flat_map(Row::iter);
        for transaction in in_rows.chain(self.nonce_free.values()).chain(self.claims.iter()) {
            count += 1;
            bytes += transaction.bytes().len();
            assert_eq!(self.get(&transaction.id()), Some(transaction), "what is pooled has its id listed");
            let in_row = transaction.transaction().body.needs_nonce();
            if let Some(expiry) = transaction.transaction().expiry.filter(|_| in_row) {
                expiring += 1;
                assert!(expiry > ledger.tip().height, "what expired is gone");
                assert!(self.expiries.contains(&(expiry, transaction.id())));
            }
        }
        assert_eq!(
            (self.ids.len(), self.bytes, self.expiries.len()),
            (count, bytes, expiring),
            "nothing else is counted"
        );
        assert_eq!(self.ranking.len(), self.rows.len(), "every row is ranked once");
        for (sender, row) in &self.rows {
            assert!(
                row.len() <= limits.per_sender_max && row.bytes() <= limits.per_sender_bytes_max,
                "a sender has its share"
            );
            assert!(self.ranking.contains(&(row.len(), *sender)) && row.len() > 0);
            let next = ledger.account(sender).next_nonce;
            assert!(
                (next..).zip(row.iter()).all(|(nonce, transaction)| transaction.nonce() == nonce),
                "consecutive nonces"
            );
            assert!(row.iter().all(|transaction| transaction.sender() == *sender));
        }
        let end = |sender: &Address| {
            let length = u64::try_from(self.rows.get(sender).map_or(0, Row::len)).expect("a row is shorter than 2^64");
            ledger.account(sender).next_nonce + length
        };
        self.shelf.check_invariants(end);
        self.replacements.check_invariants();
        self.own.check_invariants(|id| self.ids.contains_key(id) || self.shelf.get(id).is_some());
    }
}
