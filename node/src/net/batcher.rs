//! Collects transactions into batches: one gossip message for many, because every message costs a signature, a frame and
//! a flush at every hop.
//!
//! Always true: a lone transaction after a pause is sent at once; under load a batch goes out when it is full or
//! [`BATCH_PAUSE`] after the one before; no two batches have the same bytes.

use blockchat_proto::codec;
use blockchat_proto::gossip::{ENVELOPE_VERSION, TransactionBatch};
use blockchat_proto::limits::BATCH_TRANSACTIONS_MAX;
use blockchat_proto::transaction::VerifiedTransaction;
use std::collections::VecDeque;
use std::time::Duration;
use tokio::time::Instant;

/// A batch is sent when it reaches this many bytes.
const BATCH_BYTES: usize = 96 * 1024;
/// Or this long after the one before, whichever comes first.
const BATCH_PAUSE: Duration = Duration::from_millis(25);
/// Most transactions that wait; beyond it the oldest are dropped, and repeated by their node.
const WAITING_MAX: usize = 50_000;

/// Transactions on their way out.
pub(super) struct Batcher {
    waiting: VecDeque<VerifiedTransaction>,
    bytes: usize,
    sent: Instant,
    salt: u64,
}

impl Batcher {
    /// `salt` must differ from that of earlier runs: the unix time in ms.
    pub(super) fn new(salt: u64, now: Instant) -> Self {
        Self { waiting: VecDeque::new(), bytes: 0, sent: now, salt }
    }

    pub(super) fn add(&mut self, transactions: Vec<VerifiedTransaction>) {
        for transaction in transactions {
            self.bytes += transaction.bytes().len();
            self.waiting.push_back(transaction);
        }
        while self.waiting.len() > WAITING_MAX {
            self.pop();
        }
    }

    /// The due time of the next batch: at once if there was a pause before it or it is full.
    pub(super) fn due(&self) -> Option<Instant> {
        match self.waiting.len() {
            0 => None,
            n if n >= BATCH_TRANSACTIONS_MAX || self.bytes >= BATCH_BYTES => Some(self.sent),
            _ => Some(self.sent + BATCH_PAUSE),
        }
    }

    /// The next batch, as canonical bytes.
    pub(super) fn take(&mut self, now: Instant) -> Vec<u8> {
        let (mut transactions, mut bytes) = (vec![], 0);
        while bytes < BATCH_BYTES && transactions.len() < BATCH_TRANSACTIONS_MAX {
            let Some(transaction) = self.pop() else {
                break;
            };
            bytes += transaction.bytes().len();
            transactions.push(transaction.signed().clone());
        }
        self.sent = now;
        self.salt += 1;
        codec::encode(&TransactionBatch { version: ENVELOPE_VERSION, salt: self.salt, transactions })
    }

    fn pop(&mut self) -> Option<VerifiedTransaction> {
        let transaction = self.waiting.pop_front()?;
        self.bytes -= transaction.bytes().len();
        Some(transaction)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::net::tests::people::transactions;

    fn decode(bytes: &[u8]) -> TransactionBatch {
        codec::decode(bytes, blockchat_proto::limits::BATCH_BYTES_MAX).unwrap()
    }

    #[test]
    fn a_lone_transaction_goes_at_once_and_those_right_after_it_together() {
        let start = Instant::now();
        let now = start + BATCH_PAUSE;
        let mut batcher = Batcher::new(7, start);
        assert_eq!(batcher.due(), None);
        batcher.add(transactions(1));
        assert_eq!(batcher.due(), Some(now));
        batcher.take(now);
        batcher.add(transactions(2));
        assert_eq!(batcher.due(), Some(now + BATCH_PAUSE));
        batcher.add(transactions(1));
        assert_eq!(decode(&batcher.take(now)).transactions.len(), 3);
        assert_eq!(batcher.due(), None);
    }

    #[test]
    fn a_full_batch_goes_at_once_and_stays_within_its_limit() {
        let now = Instant::now();
        let mut batcher = Batcher::new(7, now);
        batcher.add(transactions(1_000));
        let mut sent = 0;
        while batcher.due() == Some(now) {
            let bytes = batcher.take(now);
            assert!(bytes.len() < BATCH_BYTES + 4 * 1024, "{}", bytes.len());
            sent += decode(&bytes).transactions.len();
        }
        assert!(sent > 500, "{sent}");
        assert!(batcher.bytes < BATCH_BYTES);
    }

    #[test]
    fn the_same_transactions_again_are_other_bytes() {
        let now = Instant::now();
        let (mut batcher, same) = (Batcher::new(7, now), transactions(1));
        batcher.add(same.clone());
        let first = batcher.take(now);
        batcher.add(same);
        assert_ne!(batcher.take(now), first);
    }
}
