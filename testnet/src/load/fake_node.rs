//! A node in memory: admits by nonce and funds, forgets its pool when killed, and makes everything final on demand.

use blockchat_client::shapes::{AccountView, BlockTransactionView, Standing, TransactionState};
use blockchat_proto::coins::Coins;
use blockchat_proto::hash::Hash32;
use blockchat_proto::keys::{Address, Signature};
use blockchat_proto::refusal::{Retry, TxCode};
use blockchat_proto::transaction::{Body, Payload, SignedTransaction, Transaction, TransactionId};
use blockchat_proto::units::Height;
use std::collections::BTreeMap;

/// An entry of a block with this id; its content does not matter.
pub(crate) fn block_entry(id: TransactionId) -> BlockTransactionView {
    let body = Body::Stake { amount: Coins::ZERO };
    let transaction = Transaction { chain: Hash32::ZERO, sender: Address([0; 32]), nonce: 0, expiry: None, body };
    let transaction = SignedTransaction { transaction, signature: Signature([0; 64]) };
    BlockTransactionView { id, transaction, fee: Coins::ZERO }
}

#[derive(Default)]
pub(crate) struct FakeNode {
    pub(crate) balance: u64,
    pub(crate) chain: Vec<(TransactionId, String)>,
    pub(crate) pool: BTreeMap<u64, (TransactionId, String)>,
    pub(crate) refusals: usize,
}

impl FakeNode {
    fn pending(&self) -> u64 {
        self.balance - self.pool.values().map(|(_, text)| text.chars().count() as u64).sum::<u64>()
    }

    fn pending_nonce(&self) -> u64 {
        (self.chain.len() as u64..).find(|nonce| !self.pool.contains_key(nonce)).unwrap()
    }

    pub(crate) fn account(&self, address: Address) -> AccountView {
        AccountView {
            address,
            height: Height(0),
            balance: Coins::from_bcc(self.balance),
            pending_balance: Coins::from_bcc(self.pending()),
            stake: Coins::ZERO,
            unbonding: vec![],
            next_nonce: self.chain.len() as u64,
            pending_nonce: self.pending_nonce(),
            claimed: false,
            standing: Standing::Active,
        }
    }

    pub(crate) fn submit(&mut self, signed: &SignedTransaction) -> TransactionState {
        let Body::Send { payload: Payload::Plain(text), .. } = &signed.transaction.body else {
            panic!("lanes send messages")
        };
        let (id, nonce) = (signed.id(), signed.transaction.nonce);
        if self.chain.iter().any(|(known, _)| *known == id) {
            return TransactionState::Final { height: Height(1), index: 0, leader: Address([0; 32]) };
        }
        if self.pool.get(&nonce).is_some_and(|(known, _)| *known == id) {
            return TransactionState::Pooled;
        }
        assert_eq!(nonce, self.pending_nonce(), "two transactions share a nonce, or one is missing");
        if text.chars().count() as u64 > self.pending() {
            self.refusals += 1;
            let (code, reason) = (TxCode::InsufficientFunds.into(), String::new());
            return TransactionState::Refused { code, reason, retry: Retry::Never };
        }
        self.pool.insert(nonce, (id, text.clone()));
        TransactionState::Pooled
    }

    /// Makes the first `count` of the pool final.
    pub(crate) fn finalise(&mut self, count: usize) -> Vec<TransactionId> {
        let mut ids = vec![];
        for _ in 0..count {
            let Some((_, (id, text))) = self.pool.pop_first() else { break };
            self.balance -= text.chars().count() as u64;
            self.chain.push((id, text));
            ids.push(id);
        }
        ids
    }
}
