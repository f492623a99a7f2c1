//! Collects transactions into batches: one gossip message for many, because every message costs a signature, a frame and
//! a flush at every hop.

use blockchat_proto::codec;
use blockchat_proto::gossip::{ENVELOPE_VERSION, TransactionBatch};
use blockchat_proto::limits::BATCH_TRANSACTIONS_MAX;
use blockchat_proto::transaction::VerifiedTransaction;
use std::collections::VecDeque;
use std::time::Duration;
use tokio::time::Instant;

/// A batch is sent when it reaches this many bytes.
const BATCH_BYTES: usize = 64 * 1024;
/// Or this long after the one before, whichever comes first.
const BATCH_PAUSE: Duration = Duration::from_millis(20);
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
    pub(super) fn new(salt: u64) -> Self {
        Self { waiting: VecDeque::new(), bytes: 0, sent: Instant::now(), salt }
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

    /// When the next batch is due: at once if there was a pause before it or it is full.
    pub(super) fn due(&self) -> Option<Instant> {
        match self.waiting.len() {
            0 => None,
            n if n >= BATCH_TRANSACTIONS_MAX || self.bytes >= BATCH_BYTES => Some(self.sent),
            _ => Some(self.sent + BATCH_PAUSE),
        }
    }

    /// The next batch, as canonical bytes.
    pub(super) fn take(&mut self) -> Vec<u8> {
        let (mut transactions, mut bytes) = (vec![], 0);
        while bytes < BATCH_BYTES && transactions.len() < BATCH_TRANSACTIONS_MAX {
            let Some(transaction) = self.pop() else {
                break;
            };
            bytes += transaction.bytes().len();
            transactions.push(transaction.signed().clone());
        }
        self.sent = Instant::now();
        self.salt += 1;
        codec::encode(&TransactionBatch { version: ENVELOPE_VERSION, salt: self.salt, transactions })
    }

    fn pop(&mut self) -> Option<VerifiedTransaction> {
        let transaction = self.waiting.pop_front()?;
        self.bytes -= transaction.bytes().len();
        Some(transaction)
    }
}
