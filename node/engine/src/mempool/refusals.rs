//! Why transactions that a caller here may ask about were refused: the newest few thousand.

use blockchat_proto::ledger::TxRejected;
use blockchat_proto::transaction::TransactionId;
use std::collections::BTreeMap;

/// Bounded: the oldest is dropped first.
#[derive(Debug)]
pub(super) struct Refusals {
    max: usize,
    reasons: BTreeMap<TransactionId, (u64, TxRejected)>,
    order: BTreeMap<u64, TransactionId>,
    sequence: u64,
}

impl Refusals {
    pub(super) fn new(max: usize) -> Self {
        Self { max, reasons: BTreeMap::new(), order: BTreeMap::new(), sequence: 0 }
    }

    pub(super) fn get(&self, id: &TransactionId) -> Option<&TxRejected> {
        self.reasons.get(id).map(|(_, reason)| reason)
    }

    pub(super) fn remember(&mut self, id: TransactionId, reason: TxRejected) {
        self.forget(&id);
        self.sequence += 1;
        self.reasons.insert(id, (self.sequence, reason));
        self.order.insert(self.sequence, id);
        if self.order.len() > self.max
            && let Some((_, oldest)) = self.order.pop_first()
        {
            self.reasons.remove(&oldest);
        }
    }

    /// It was accepted later, or is final.
    pub(super) fn forget(&mut self, id: &TransactionId) {
        if let Some((sequence, _)) = self.reasons.remove(id) {
            self.order.remove(&sequence);
        }
    }
}
