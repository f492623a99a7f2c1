//! Making room in a full pool.
//!
//! A newcomer whose sender holds less displaces the last transactions of the sender that holds most. The victim still
//! holds as many as the newcomer's sender afterwards, so two senders never displace each other in turn. Our own are
//! never evicted: their callers were told that they are pooled.

use super::pool::Mempool;
use super::row::Row;
use blockchat_proto::keys::Address;
use blockchat_proto::ledger::TxRejected;

/// Number of the largest rows searched for one whose end is not ours.
const ROWS_TRIED_MAX: usize = 16;

impl Mempool {
    /// Makes room for `more` transactions from `sender`, one or none, and for `bytes`; or changes nothing.
    pub(super) fn make_room(&mut self, sender: &Address, more: usize, bytes: usize) -> Result<(), TxRejected> {
        let full = self.len() + more > self.limits.transactions_max;
        let excess = (self.bytes() + bytes).saturating_sub(self.limits.bytes_max);
        if !full && excess == 0 {
            return Ok(());
        }
        let enough = self.held(sender) + more;
        let larger = self.ranking.iter().rev().take_while(|(length, _)| *length > enough).take(ROWS_TRIED_MAX);
        let mut ends = larger.filter_map(|(length, victim)| {
            let nonce = self.end_of(self.rows.get(victim)?, length - enough, excess)?;
            Some((*victim, nonce))
        });
        let (victim, nonce) = ends.next().ok_or(TxRejected::PoolFull)?;
        for evicted in self.take_from(victim, nonce) {
            self.refuse(evicted.id(), TxRejected::PoolFull);
        }
        Ok(())
    }

    /// The nonce at which to truncate a row to free `excess` bytes, at least one transaction and at most `most`; `None`
    /// if that is too little or one of them is ours.
    fn end_of(&self, row: &Row, most: usize, excess: usize) -> Option<u64> {
        let mut freed = 0;
        for transaction in row.iter().rev().take(most) {
            if self.own.contains(&transaction.id()) {
                return None;
            }
            freed += transaction.bytes().len();
            if freed >= excess {
                return Some(transaction.nonce());
            }
        }
        None
    }
}
