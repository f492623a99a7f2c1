//! The load: many accounts, and their transfers signed before anything is measured.
//!
//! Owns: sender, recipient and nonce of each transfer. Does not own: the time of its submit (`feed`).
//!
//! Always true: an account belongs to one node, and its transactions come out of that node's batches in the order of their
//! nonces; two batches in a row of one node have no account in common if the node has two batches' worth of accounts.
//! Start reading at [`Accounts::sign`].

use blockchat_proto::codec;
use blockchat_proto::coins::Coins;
use blockchat_proto::genesis::GenesisAccount;
use blockchat_proto::hash::Hash32;
use blockchat_proto::keys::Signer;
use blockchat_proto::transaction::{Body, Payload, SignedTransaction, Transaction, TransactionId};
use std::collections::VecDeque;

/// Balance of each load account at the start: enough for any run.
const FUND: Coins = Coins::from_bcc(100_000);
/// Amount of each transfer, in micro-BCC: 0.01 BCC.
const AMOUNT: Option<Coins> = Coins::from_micros(10_000);
/// Receivers are spread over all accounts: a prime, so that they do not fall into step with the senders.
const STRIDE: usize = 7_919;

/// One submit: canonical bytes, and what is in them.
#[derive(Clone, Debug)]
pub struct Batch {
    /// The canonical bytes of the list.
    pub bytes: Vec<u8>,
    /// The ids, in order.
    pub ids: Vec<TransactionId>,
    plan: Plan,
}

/// The load accounts, each with its next nonce.
#[derive(Debug)]
pub struct Accounts {
    signers: Vec<Signer>,
    nonces: Vec<u64>,
    /// The next account of each node's turn.
    turns: Vec<usize>,
}

impl Accounts {
    /// So many accounts for so many nodes: at least one a node.
    pub fn new(count: usize, nodes: usize) -> Self {
        let signer = |index: usize| {
            let mut seed = [0x10; 32];
            seed[..8].copy_from_slice(&index.to_be_bytes());
            Signer::from_seed(&seed)
        };
        let count = count.max(nodes);
        Self { signers: (0..count).map(signer).collect(), nonces: vec![0; count], turns: (0..nodes).collect() }
    }

    /// As they stand in the genesis.
    pub fn funded(&self) -> impl Iterator<Item = GenesisAccount> {
        self.signers.iter().map(|signer| GenesisAccount {
            address: signer.address(),
            balance: FUND,
            stake: Coins::ZERO,
            name: None,
        })
    }

    /// Signs so many batches for each node, on all threads. Takes about 20 us a transaction and thread.
    pub fn sign(&mut self, chain: Hash32, batches: usize, size: usize) -> Vec<VecDeque<Batch>> {
        let nodes = self.turns.len();
        let plans: Vec<_> = (0..nodes * batches).map(|index| self.plan(index % nodes, size)).collect();
        let threads = crate::sim::suite::all_threads();
        let part = plans.len().div_ceil(threads).max(1);
        let signed: Vec<Vec<Batch>> = std::thread::scope(|scope| {
            let sign = |plans: &[Plan]| plans.iter().map(|plan| self.sign_batch(chain, plan)).collect();
            let workers: Vec<_> = plans.chunks(part).map(|plans| scope.spawn(move || sign(plans))).collect();
            workers.into_iter().map(|worker| worker.join().expect("signing cannot fail")).collect()
        });
        let mut lanes = vec![VecDeque::with_capacity(batches); nodes];
        signed.into_iter().flatten().enumerate().for_each(|(index, batch)| lanes[index % nodes].push_back(batch));
        lanes
    }

    /// Takes back batches that were never submitted: their nonces are free again, and what is signed next begins there.
    pub fn take_back(&mut self, unsent: impl IntoIterator<Item = Batch>) {
        for (account, nonce) in unsent.into_iter().flat_map(|batch| batch.plan) {
            self.nonces[account] = self.nonces[account].min(nonce);
        }
    }

    /// The next `size` senders of a node with their nonces.
    fn plan(&mut self, node: usize, size: usize) -> Plan {
        let nodes = self.turns.len();
        let mut plan = Vec::with_capacity(size);
        for _ in 0..size {
            let account = self.turns[node];
            let next = account + nodes;
            self.turns[node] = if next < self.signers.len() { next } else { node };
            plan.push((account, self.nonces[account]));
            self.nonces[account] += 1;
        }
        plan
    }

    fn sign_batch(&self, chain: Hash32, plan: &Plan) -> Batch {
        let signed: Vec<_> = plan.iter().map(|(account, nonce)| self.transfer(chain, *account, *nonce)).collect();
        let ids = signed.iter().map(SignedTransaction::id).collect();
        Batch { bytes: codec::encode(&signed), ids, plan: plan.clone() }
    }

    fn transfer(&self, chain: Hash32, account: usize, nonce: u64) -> SignedTransaction {
        let turn = usize::try_from(nonce).unwrap_or(0);
        let to = (account + STRIDE.wrapping_mul(turn + 1)) % self.signers.len();
        let amount = AMOUNT.expect("a small constant");
        let body = Body::Send { to: self.signers[to].address(), amount, payload: Payload::None };
        let signer = &self.signers[account];
        Transaction { chain, sender: signer.address(), nonce, expiry: None, body }.sign(signer)
    }
}

/// Accounts and nonces of one batch.
type Plan = Vec<(usize, u64)>;

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeMap;

    #[test]
    fn each_account_has_one_node_and_consecutive_nonces_over_all_calls() {
        let mut accounts = Accounts::new(10, 3);
        let mut seen: BTreeMap<_, (usize, u64)> = BTreeMap::new();
        for _ in 0..3 {
            let mut lanes = accounts.sign(Hash32::ZERO, 4, 5);
            accounts.take_back(lanes.iter_mut().filter_map(VecDeque::pop_back));
            for (node, batch) in lanes.iter().enumerate().flat_map(|(node, lane)| lane.iter().map(move |b| (node, b))) {
                let signed: Vec<SignedTransaction> = codec::decode(&batch.bytes, 1 << 20).unwrap();
                assert_eq!(signed.iter().map(SignedTransaction::id).collect::<Vec<_>>(), batch.ids);
                for one in signed {
                    assert!(one.clone().verify(Hash32::ZERO).is_ok());
                    let (owner, next) = seen.entry(one.transaction.sender).or_insert((node, 0));
                    assert_eq!((*owner, *next), (node, one.transaction.nonce));
                    *next += 1;
                }
            }
        }
        assert_eq!(seen.len(), 10);
    }
}
