//! Selects transactions for a block: one per sender, then a second one per sender, and so on.

use super::pool::Mempool;
use super::row::{Row, Turns};
use blockchat_proto::transaction::VerifiedTransaction;
use std::ops::Bound;

impl Mempool {
    /// Transactions for the next block, in the order to try them: those without nonce first, then the claim with the most
    /// work (a block pays one), then round robin over senders, each sender's in the order of their nonces. Ends with
    /// the first that does not fit.
    ///
    /// Begins after the sender that the last block served last, so that under load every sender has a turn. Changes
    /// nothing: selected ones stay pooled until they are final. Cost: O(selected), not of all pooled.
    pub fn select(&self, count_max: usize, bytes_max: usize) -> Vec<VerifiedTransaction> {
        let mut basket = Basket { count_left: count_max, bytes_left: bytes_max, taken: vec![] };
        if !self.nonce_free.values().chain(self.claims.best()).all(|transaction| basket.take(transaction)) {
            return basket.taken;
        }
        let mut rows = basket.deal(self.rows_in_turn().map(Row::iter));
        while let Some(left) = rows.filter(|left| !left.is_empty()) {
            rows = basket.deal(left.into_iter());
        }
        basket.taken
    }

    /// All rows, from the first after the sender served last.
    fn rows_in_turn(&self) -> impl Iterator<Item = &Row> {
        let later = self.rows.range((Bound::Excluded(self.served), Bound::Unbounded));
        later.chain(self.rows.range(..=self.served)).map(|(_, row)| row)
    }
}

struct Basket {
    count_left: usize,
    bytes_left: usize,
    taken: Vec<VerifiedTransaction>,
}

impl Basket {
    /// Takes one of every row. Returns the rows with entries left, or `None` if the basket is full.
    fn deal<'a>(&mut self, rows: impl Iterator<Item = Turns<'a>>) -> Option<Vec<Turns<'a>>> {
        let mut left = vec![];
        for mut row in rows {
            if !row.next().is_none_or(|transaction| self.take(transaction)) {
                return None;
            }
            if row.len() > 0 {
                left.push(row);
            }
        }
        Some(left)
    }

    /// Takes it if it fits.
    fn take(&mut self, transaction: &VerifiedTransaction) -> bool {
        let bytes = transaction.bytes().len();
        if self.count_left == 0 || bytes > self.bytes_left {
            return false;
        }
        self.count_left -= 1;
        self.bytes_left -= bytes;
        self.taken.push(transaction.clone());
        true
    }
}
