//! Follows the chain: what a block made final, void or possible.
//!
//! Only a sender's own transactions lower its balance and advance its nonce, so only rows of senders in the block are
//! checked again. A *stake* in another row may become void (others left first, its sender was jailed): the next block
//! that is built refuses it, and [`Mempool::refused`] drops it.
//! Start reading at [`Mempool::after_block`].

use super::pool::Mempool;
use blockchat_proto::block::VerifiedBlock;
use blockchat_proto::keys::Address;
use blockchat_proto::ledger::{Ledger, TxRejected};
use blockchat_proto::transaction::{TransactionId, VerifiedTransaction};
use blockchat_proto::units::UnixMillis;
use std::collections::BTreeSet;

impl Mempool {
    /// A block became final, and `ledger` is at it. Returns own transactions that are now final or invalid.
    ///
    /// Must be called for every block. Cost: O(transactions in the block * log pool), plus what expires.
    pub fn after_block(&mut self, ledger: &Ledger, block: &VerifiedBlock, now: UnixMillis) -> Vec<TransactionId> {
        self.now = now;
        self.first_out = None;
        let included: BTreeSet<_> = block.transactions().iter().map(VerifiedTransaction::id).collect();
        for id in &included {
            self.refusals.forget(id);
            self.shelf.take_id(id);
            self.own.is_final(id, now);
            self.forget_own(id);
        }
        let in_turn = |transaction: &&VerifiedTransaction| transaction.transaction().body.needs_nonce();
        let senders = || block.transactions().iter().filter(in_turn).map(VerifiedTransaction::sender);
        let touched: BTreeSet<_> = senders().collect();
        touched.iter().for_each(|sender| self.drop_used(ledger, *sender, &included));
        touched.iter().for_each(|sender| self.replacements.reset(sender));
        let first_out = self.first_out;
        self.recheck_nonce_free(ledger, &included);
        self.drop_expired(ledger);
        for sender in touched.iter().filter(|sender| self.held(sender) > 0).collect::<Vec<_>>() {
            self.mend(ledger, *sender, ledger.account(sender));
        }
        // Only now, when all departures have made room. Each may evict the end of another's row.
        for sender in touched.into_iter().filter(|sender| self.shelf.held(sender) > 0).collect::<Vec<_>>() {
            let account = self.mend(ledger, sender, ledger.account(&sender));
            self.promote(ledger, sender, account);
        }
        self.served = senders().next_back().unwrap_or(self.served);
        self.first_out = first_out;
        self.take_forgotten()
    }

    /// The earliest arrival here of the transactions that the last block removed from their rows.
    pub fn removed_since(&self) -> Option<UnixMillis> {
        self.first_out
    }

    /// Drops transactions that a build refused, with the reason. Returns own ones that are now invalid.
    pub fn refused(&mut self, refused: &[(TransactionId, TxRejected)]) -> Vec<TransactionId> {
        // Most early nonces only follow from the refusal of one before them, whose removal returns them to the shelf.
        let early = |reason: &TxRejected| matches!(reason, TxRejected::WrongNonce { .. });
        let (follow, cause): (Vec<_>, Vec<_>) = refused.iter().partition(|(_, reason)| early(reason));
        for (id, reason) in cause.into_iter().chain(follow) {
            if let Some(transaction) = self.get(id).cloned() {
                self.drop_refused(&transaction, reason.clone());
            }
        }
        self.take_forgotten()
    }

    fn drop_refused(&mut self, transaction: &VerifiedTransaction, reason: TxRejected) {
        if transaction.transaction().body.needs_nonce() {
            self.cut(transaction.sender(), transaction.nonce(), reason);
        } else {
            self.take_beside(transaction);
            self.refuse(transaction.id(), reason);
        }
    }

    /// Removes entries whose nonce the chain has passed: final, or replaced by another.
    fn drop_used(&mut self, ledger: &Ledger, sender: Address, included: &BTreeSet<TransactionId>) {
        let expected = ledger.account(&sender).next_nonce;
        let mut used = self.take_below(sender, expected);
        used.extend(self.shelf.take_below(sender, expected).into_iter().map(|waiting| waiting.transaction));
        for replaced in used.iter().filter(|transaction| !included.contains(&transaction.id())) {
            self.refuse(replaced.id(), TxRejected::WrongNonce { expected, found: replaced.nonce() });
        }
    }

    /// Transactions without nonce become void in many ways, and there are few: all are checked.
    fn recheck_nonce_free(&mut self, ledger: &Ledger, included: &BTreeSet<TransactionId>) {
        let looked_at = self.nonce_free.values().chain(self.claims.iter()).map(|transaction| {
            let answer = ledger.project(&mut ledger.account(&transaction.sender()), transaction);
            (transaction.clone(), answer)
        });
        for (transaction, answer) in looked_at.collect::<Vec<_>>() {
            match answer {
                _ if included.contains(&transaction.id()) => self.take_beside(&transaction),
                Ok(_) => {}
                Err(reason) => {
                    self.take_beside(&transaction);
                    self.refuse(transaction.id(), reason);
                }
            }
        }
    }

    /// Removes a transaction without nonce.
    fn take_beside(&mut self, transaction: &VerifiedTransaction) {
        let sender = transaction.sender();
        if self.nonce_free.get(&sender) == Some(transaction) {
            self.take_nonce_free(&sender);
        } else if self.claims.get(&sender) == Some(transaction) {
            self.take_claim(&sender);
        }
    }

    /// Drops those whose expiry is below the next block.
    fn drop_expired(&mut self, ledger: &Ledger) {
        let height = ledger.tip().height.next();
        while let Some((expiry, id)) = self.expiries.first().copied().filter(|(expiry, _)| *expiry < height) {
            let late = self.get(&id).cloned().expect("only what is pooled can expire");
            self.cut(late.sender(), late.nonce(), TxRejected::Expired { expiry, height });
        }
    }

    /// Drops the transaction at this nonce of a row; the later ones return to the shelf, as far as it has room.
    pub(super) fn cut(&mut self, sender: Address, nonce: u64, reason: TxRejected) {
        let mut tail = self.take_from(sender, nonce).into_iter();
        if let Some(dropped) = tail.next() {
            self.refuse(dropped.id(), reason);
        }
        for early in tail {
            let (id, found) = (early.id(), early.nonce());
            if self.put_on_shelf(early, nonce).is_err() {
                self.refuse(id, TxRejected::WrongNonce { expected: nonce, found });
            }
        }
    }

    pub(super) fn take_forgotten(&mut self) -> Vec<TransactionId> {
        std::mem::take(&mut self.forgotten)
    }
}
