//! Admission of transactions: from our callers, from peers, and our own after a restart.
//!
//! Admission is per transaction and uses the ledger's own rules, on the sender's account after its row.
//! Start reading at [`Mempool::submit`].

use super::pool::{Mempool, NONCE_FREE_MAX};
use super::replace::Replaces;
use super::row::Row;
use crate::effect::{GossipVerdict, SubmitOutcome};
use blockchat_proto::claim::Found;
use blockchat_proto::coins::Coins;
use blockchat_proto::keys::Address;
use blockchat_proto::ledger::{Account, Ledger, TxRejected};
use blockchat_proto::refusal::TxCode;
use blockchat_proto::transaction::{Body, TransactionId, VerifiedTransaction};
use blockchat_proto::units::UnixMillis;
use std::cmp::Ordering;

/// Maximum *stake*s per row. They are the only entries whose projection depends on more than a sum.
const STAKES_PER_SENDER_MAX: usize = 16;

/// Outcomes of submitted transactions, and the resulting actions.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Submitted {
    /// One per transaction, in order of submission.
    pub outcomes: Vec<(TransactionId, SubmitOutcome)>,
    /// New here: gossip them now, earlier nonces first.
    pub gossip: Vec<VerifiedTransaction>,
    /// New among our own: store them for a restart.
    pub own: Vec<VerifiedTransaction>,
}

impl Mempool {
    /// From our API. Accepted transactions become our own: stored for a restart, and repeated until they are final.
    ///
    /// One that gossip delivered before becomes our own too: its caller relies on *us*. Lower nonces are processed
    /// first, regardless of the order. `replaces` names the only transaction that they may replace.
    pub fn submit(
        &mut self,
        ledger: &Ledger,
        transactions: Vec<VerifiedTransaction>,
        replaces: Option<TransactionId>,
        now: UnixMillis,
    ) -> Submitted {
        self.submit_for(ledger, transactions, replaces.map_or(Replaces::Nothing, Replaces::This), now)
    }

    fn submit_for(
        &mut self,
        ledger: &Ledger,
        transactions: Vec<VerifiedTransaction>,
        replaces: Replaces,
        now: UnixMillis,
    ) -> Submitted {
        self.now = now;
        let mut submitted = Submitted {
            outcomes: transactions.iter().map(|transaction| (transaction.id(), SubmitOutcome::Pooled)).collect(),
            ..Submitted::default()
        };
        for (index, transaction) in by_nonce(transactions) {
            let id = transaction.id();
            let place = self.place(&id);
            let known = place.is_some();
            let outcome = place.unwrap_or_else(|| self.admit_new(ledger, &transaction, replaces));
            match &outcome {
                SubmitOutcome::Refused(reason) => self.refusals.remember(id, reason.clone()),
                SubmitOutcome::MaybeFinal(_) | SubmitOutcome::InBlock(_) => {}
                SubmitOutcome::Pooled | SubmitOutcome::Queued => {
                    if self.own.insert(&transaction, now) {
                        submitted.own.push(transaction.clone());
                    }
                    if !known {
                        submitted.gossip.push(transaction);
                    }
                }
            }
            submitted.outcomes[index].1 = outcome;
        }
        submitted.own.extend(self.take_adopted());
        submitted
    }

    /// A peer's batch. Valid transactions are accepted, whatever the rest.
    ///
    /// [`GossipVerdict::Ignore`] if most of it is void on our ledger (stale, unpayable, no higher fee than another of
    /// the same nonce): forwarding that costs all nodes, but not its sender. A lack of room here does not count.
    pub fn gossiped(
        &mut self,
        ledger: &Ledger,
        transactions: Vec<VerifiedTransaction>,
        now: UnixMillis,
    ) -> GossipVerdict {
        self.now = now;
        let total = transactions.len();
        let outcomes = by_nonce(transactions).into_iter().map(|(_, transaction)| {
            let place = self.place(&transaction.id());
            place.unwrap_or_else(|| self.admit_new(ledger, &transaction, Replaces::Any))
        });
        let void = outcomes.filter(is_void).count();
        if total > 0 && 2 * void <= total { GossipVerdict::Accept } else { GossipVerdict::Ignore }
    }

    /// Our own transactions after a restart. Returns those that are final, or cannot become final any more.
    pub fn restore_own(
        &mut self,
        ledger: &Ledger,
        transactions: Vec<VerifiedTransaction>,
        now: UnixMillis,
    ) -> Vec<TransactionId> {
        let submitted = self.submit_for(ledger, transactions, Replaces::Any, now);
        let gone =
            |outcome: &SubmitOutcome| matches!(outcome, SubmitOutcome::Refused(_) | SubmitOutcome::MaybeFinal(_));
        let gone = submitted.outcomes.into_iter().filter(|(_, outcome)| gone(outcome)).map(|(id, _)| id);
        self.take_forgotten().into_iter().chain(gone).collect()
    }

    /// The place of a transaction that was accepted before.
    fn place(&self, id: &TransactionId) -> Option<SubmitOutcome> {
        let queued = || self.shelf.get(id).map(|_| SubmitOutcome::Queued);
        self.get(id).map(|_| SubmitOutcome::Pooled).or_else(queued)
    }

    fn admit_new(&mut self, ledger: &Ledger, transaction: &VerifiedTransaction, replaces: Replaces) -> SubmitOutcome {
        let id = transaction.id();
        let nonce_free = !transaction.transaction().body.needs_nonce();
        let admitted = match transaction.transaction().work_found() {
            Some(found) => self.admit_claim(ledger, transaction, found),
            None if nonce_free => self.admit_nonce_free(ledger, transaction),
            None => self.admit_in_turn(ledger, transaction, replaces),
        };
        match admitted {
            Ok(outcome) => {
                self.refusals.forget(&id);
                outcome
            }
            Err(reason) if nonce_free || is_stale(&reason) => SubmitOutcome::MaybeFinal(reason),
            Err(reason) => SubmitOutcome::Refused(reason),
        }
    }

    /// Transactions without nonce are tried before all rows, so they are checked against the final account. No nonce
    /// tells whether one is final.
    fn admit_nonce_free(
        &mut self,
        ledger: &Ledger,
        transaction: &VerifiedTransaction,
    ) -> Result<SubmitOutcome, TxRejected> {
        let sender = transaction.sender();
        ledger.project(&mut ledger.account(&sender), transaction)?;
        if self.nonce_free.contains_key(&sender) {
            return Err(TxRejected::NonceTaken { nonce: transaction.nonce() });
        }
        if self.nonce_free.len() >= NONCE_FREE_MAX {
            return Err(TxRejected::PoolFull);
        }
        self.make_room(&sender, 1, transaction.bytes().len())?;
        self.insert_nonce_free(transaction.clone());
        Ok(SubmitOutcome::Pooled)
    }

    /// Checked against the final account, like all without nonce; then the work decides about the little room. Ours can
    /// be evicted too: otherwise a stranger could fill it through our API.
    fn admit_claim(
        &mut self,
        ledger: &Ledger,
        claim: &VerifiedTransaction,
        found: Found,
    ) -> Result<SubmitOutcome, TxRejected> {
        let sender = claim.sender();
        ledger.project(&mut ledger.account(&sender), claim)?;
        let displaced = self.claims.displaced_by(sender, found)?;
        self.make_room(&sender, 1, claim.bytes().len())?;
        if let Some(weaker) = displaced.and_then(|whose| self.take_claim(&whose)) {
            self.refuse(weaker.id(), TxRejected::PoolFull);
        }
        self.insert_claim(found, claim.clone());
        Ok(SubmitOutcome::Pooled)
    }

    fn admit_in_turn(
        &mut self,
        ledger: &Ledger,
        transaction: &VerifiedTransaction,
        replaces: Replaces,
    ) -> Result<SubmitOutcome, TxRejected> {
        let (sender, nonce) = (transaction.sender(), transaction.nonce());
        let on_chain = ledger.account(&sender);
        if nonce < on_chain.next_nonce {
            return Err(TxRejected::WrongNonce { expected: on_chain.next_nonce, found: nonce });
        }
        let mut account = self.mend(ledger, sender, on_chain.clone());
        match nonce.cmp(&account.next_nonce) {
            Ordering::Less => {
                self.replace_in_row(ledger, on_chain, transaction, replaces)?;
                Ok(SubmitOutcome::Pooled)
            }
            Ordering::Greater => {
                check_early(ledger, account.clone(), transaction)?;
                match self.shelf.at((sender, nonce)) {
                    Some(_) => self.replace_on_shelf(ledger, transaction, replaces)?,
                    None => self.put_on_shelf(transaction.clone(), account.next_nonce)?,
                }
                Ok(SubmitOutcome::Queued)
            }
            Ordering::Equal => {
                self.append(ledger, &mut account, transaction)?;
                self.promote(ledger, sender, account);
                Ok(SubmitOutcome::Pooled)
            }
        }
    }

    /// The account after the sender's row; first truncates the row where it cannot be applied any more.
    pub(super) fn mend(&mut self, ledger: &Ledger, sender: Address, on_chain: Account) -> Account {
        let Some(row) = self.rows.get(&sender) else {
            return on_chain;
        };
        let projection = row.project(ledger, on_chain);
        if let Some((nonce, reason)) = projection.broken {
            self.cut(sender, nonce, reason);
        }
        projection.account
    }

    /// Appends to the sender's row. `account` is the account after the row, and advances.
    fn append(
        &mut self,
        ledger: &Ledger,
        account: &mut Account,
        transaction: &VerifiedTransaction,
    ) -> Result<(), TxRejected> {
        let before = account.balance;
        let mut after = account.clone();
        ledger.project(&mut after, transaction)?;
        self.check_share(transaction)?;
        self.make_room(&transaction.sender(), 1, transaction.bytes().len())?;
        *account = after;
        // Only the cost of sends is requested, and this is what they take.
        let cost = before.checked_sub(account.balance).unwrap_or(Coins::ZERO);
        self.insert(transaction.clone(), cost);
        Ok(())
    }

    /// Limits one sender to its share of the pool.
    fn check_share(&self, transaction: &VerifiedTransaction) -> Result<(), TxRejected> {
        let Some(row) = self.rows.get(&transaction.sender()) else {
            return Ok(());
        };
        let stake = matches!(transaction.transaction().body, Body::Stake { .. });
        if stake && row.stakes() >= STAKES_PER_SENDER_MAX {
            return Err(TxRejected::SenderLimit { limit: row.stakes() });
        }
        let bytes = row.bytes() + transaction.bytes().len();
        if row.len() >= self.limits.per_sender_max || bytes > self.limits.per_sender_bytes_max {
            return Err(TxRejected::SenderLimit { limit: row.len() });
        }
        Ok(())
    }

    /// Moves what follows the sender's row from the shelf into it. `account` is the account after the row.
    pub(super) fn promote(&mut self, ledger: &Ledger, sender: Address, mut account: Account) {
        while let Some(waiting) = self.shelf.take((sender, account.next_nonce)) {
            if let Err(reason) = self.append(ledger, &mut account, &waiting.transaction) {
                return self.refuse(waiting.transaction.id(), reason);
            }
        }
    }

    /// Lets a transaction wait for the nonces before it; drops the one it displaces.
    pub(super) fn put_on_shelf(&mut self, transaction: VerifiedTransaction, expected: u64) -> Result<(), TxRejected> {
        let own = &self.own;
        let displaced = self.shelf.put(transaction, expected, self.now, |id| own.contains(id))?;
        if let Some(displaced) = displaced {
            self.refuse(displaced.transaction.id(), TxRejected::PoolFull);
        }
        Ok(())
    }

    /// Number of a sender's pooled transactions, except those without nonce.
    pub(super) fn held(&self, sender: &Address) -> usize {
        self.rows.get(sender).map_or(0, Row::len)
    }
}

/// Would it be valid if its turn were now? A sender that cannot even pay for one must not fill the shelf.
fn check_early(ledger: &Ledger, mut account: Account, transaction: &VerifiedTransaction) -> Result<(), TxRejected> {
    account.next_nonce = transaction.nonce();
    match ledger.project(&mut account, transaction) {
        // A missing one may change the stake.
        Ok(_) | Err(TxRejected::StakeUnchanged { .. }) => Ok(()),
        Err(reason) => Err(reason),
    }
}

/// Lower nonces first; each with its position. Ties in order of arrival.
fn by_nonce(transactions: Vec<VerifiedTransaction>) -> Vec<(usize, VerifiedTransaction)> {
    let mut ordered: Vec<_> = transactions.into_iter().enumerate().collect();
    ordered.sort_by_key(|(_, transaction)| transaction.nonce());
    ordered
}

fn is_stale(reason: &TxRejected) -> bool {
    reason.code() == TxCode::StaleNonce
}

/// Is it useless to every node with our ledger?
fn is_void(outcome: &SubmitOutcome) -> bool {
    match outcome {
        SubmitOutcome::Pooled | SubmitOutcome::Queued | SubmitOutcome::InBlock(_) => false,
        SubmitOutcome::Refused(reason) | SubmitOutcome::MaybeFinal(reason) => !reason.code().is_for_want_of_room(),
    }
}
