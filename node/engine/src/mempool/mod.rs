//! Mempool: a plain stand-in, so that the engine runs while the real one is being written. Replaced as a whole.
use crate::config::EngineConfig;
use crate::effect::*;
use blockchat_proto::{block::*, keys::Address, ledger::*, transaction::*, units::*};
pub struct Submitted {
    pub outcomes: Vec<(TransactionId, SubmitOutcome)>,
    pub gossip: Vec<VerifiedTransaction>,
    pub own: Vec<VerifiedTransaction>,
}
pub struct Ticked {
    pub gossip: Vec<VerifiedTransaction>,
    pub forget: Vec<TransactionId>,
}
pub struct Mempool {
    pool: Vec<VerifiedTransaction>,
}
impl Mempool {
    pub fn new(_: &EngineConfig) -> Self {
        Self { pool: vec![] }
    }
    fn add(&mut self, l: &Ledger, t: VerifiedTransaction) -> SubmitOutcome {
        if self.pool.contains(&t) {
            return SubmitOutcome::Pooled;
        }
        let mut a = self.projected(l, &t.sender());
        match l.project(&mut a, &t) {
            Ok(_) => {
                self.pool.push(t);
                SubmitOutcome::Pooled
            }
            Err(e) => SubmitOutcome::Refused(e),
        }
    }
    pub fn submit(&mut self, l: &Ledger, txs: Vec<VerifiedTransaction>, _: UnixMillis) -> Submitted {
        let outcomes = txs.iter().map(|t| (t.id(), self.add(l, t.clone()))).collect();
        Submitted { outcomes, gossip: txs.clone(), own: txs }
    }
    pub fn gossiped(&mut self, l: &Ledger, txs: Vec<VerifiedTransaction>, _: UnixMillis) -> GossipVerdict {
        for t in txs {
            self.add(l, t);
        }
        GossipVerdict::Accept
    }
    pub fn restore_own(&mut self, l: &Ledger, txs: Vec<VerifiedTransaction>, _: UnixMillis) -> Vec<TransactionId> {
        for t in txs {
            self.add(l, t);
        }
        vec![]
    }
    pub fn block_committed(&mut self, l: &Ledger, b: &VerifiedBlock, _: UnixMillis) -> Vec<TransactionId> {
        let old = std::mem::take(&mut self.pool);
        for t in old {
            if !b.transactions().contains(&t) {
                self.add(l, t);
            }
        }
        vec![]
    }
    pub fn select(&self, n: usize, _: usize) -> Vec<VerifiedTransaction> {
        self.pool.iter().take(n).cloned().collect()
    }
    pub fn refused(&mut self, _: &Ledger, _: &[(TransactionId, TxRejected)]) -> Vec<TransactionId> {
        vec![]
    }
    pub fn tick(&mut self, _: UnixMillis) -> Ticked {
        Ticked { gossip: vec![], forget: vec![] }
    }
    pub fn own_now(&mut self, _: UnixMillis) -> Vec<VerifiedTransaction> {
        vec![]
    }
    pub fn len(&self) -> usize {
        self.pool.len()
    }
    pub fn bytes(&self) -> usize {
        0
    }
    pub fn lookup(&self, _: &TransactionId) -> Option<(SubmitOutcome, Option<VerifiedTransaction>)> {
        None
    }
    pub fn get(&self, id: &TransactionId) -> Option<&VerifiedTransaction> {
        self.pool.iter().find(|t| t.id() == *id)
    }
    pub fn projected(&self, l: &Ledger, a: &Address) -> Account {
        let mut x = l.account(a);
        for t in self.pool.iter().filter(|t| t.sender() == *a) {
            let _ = l.project(&mut x, t);
        }
        x
    }
}
