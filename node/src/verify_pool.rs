//! Signature checks, in batches, on threads of their own: the event loop and the network never wait behind them.
//!
//! Owns: the threads, how work is cut up, and the memory of what was verified before. Does not own: any rule (`proto`).
//!
//! Always true:
//! - what comes out was verified here or before, under exactly the same id, signature included;
//! - the memory holds at most two generations of `REMEMBERED_MAX` transactions, shared with the pool, not copied;
//! - at most `JOBS_MAX` batches are being worked on; further callers wait, and they are bounded where they come from.
//!
//! Single votes and proposals are verified at once where they arrive: 40 us are less than the way to another thread and
//! back, and a vote must not queue behind 4,000 transactions.
//! Start reading at [`VerifyPool::transactions`].

use blockchat_proto::block::{Block, VerifiedBlock};
use blockchat_proto::hash::Hash32;
use blockchat_proto::ledger::{BlockRejected, TxRejected};
use blockchat_proto::sync::CertifiedBlock;
use blockchat_proto::transaction::{
    FramedTransaction, SignedTransaction, TransactionId, VerifiedTransaction, verify_framed,
};
use blockchat_proto::vote::{
    BadSignature, Certificate, RoundCertificate, SignedProposal, SignedVote, Verified, VerifySignatures,
};
use rayon::prelude::*;
use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use tokio::sync::{Semaphore, oneshot};

/// Transactions in one signature batch, at most: larger gains little, smaller spreads better over threads.
const CHUNK: usize = 512;
/// Verified transactions in one generation of the memory.
const REMEMBERED_MAX: usize = 65_536;
/// Batches worked on at a time.
const JOBS_MAX: usize = 32;
/// Votes up to which a round certificate is verified on the spot.
const ON_THE_SPOT_MAX: usize = 8;

/// A verified transaction, or why it is refused.
pub type Answer = Result<VerifiedTransaction, TxRejected>;

/// Verifies. Cheap to clone.
#[derive(Clone, Debug)]
pub struct VerifyPool(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    chain: Hash32,
    threads: rayon::ThreadPool,
    jobs: Semaphore,
    known: Mutex<Known>,
}

impl VerifyPool {
    /// A pool for the chain with this genesis hash, with as many threads as the machine has.
    ///
    /// Panics if the system gives no threads: without them nothing can run.
    pub fn new(chain: Hash32) -> Self {
        let threads = rayon::ThreadPoolBuilder::new()
            .thread_name(|index| format!("verify-{index}"))
            .build()
            .expect("a program that just started can start threads");
        Self(Arc::new(Inner { chain, threads, jobs: Semaphore::new(JOBS_MAX), known: Mutex::default() }))
    }

    /// Checks many transactions against everything that needs no state; the id and an answer of each, in order.
    ///
    /// What was verified before is answered from memory. Cost: 21 us each on one thread, in batches.
    pub async fn transactions(&self, signed: Vec<SignedTransaction>) -> Vec<(TransactionId, Answer)> {
        self.run(move |inner| inner.verify_transactions(signed)).await
    }

    /// Checks a block against everything that needs no state.
    pub async fn block(&self, block: Block) -> Result<VerifiedBlock, BlockRejected> {
        self.run(move |inner| inner.verify_block(block)).await
    }

    /// Checks blocks and their certificates, in parallel; the first failure in order is named.
    pub async fn blocks(
        &self,
        blocks: Vec<CertifiedBlock>,
    ) -> Result<Vec<(VerifiedBlock, Verified<Certificate>)>, String> {
        self.run(move |inner| blocks.into_par_iter().map(|item| inner.verify_certified(item)).collect()).await
    }

    /// Checks a vote's signature.
    pub async fn vote(&self, vote: SignedVote) -> Result<Verified<SignedVote>, BadSignature> {
        vote.verify(self.0.chain)
    }

    /// Checks a proposal's signature.
    pub async fn proposal(&self, proposal: SignedProposal) -> Result<Verified<SignedProposal>, BadSignature> {
        proposal.verify(self.0.chain)
    }

    /// Checks all signatures of a round certificate.
    pub async fn round_certificate(
        &self,
        certificate: RoundCertificate,
    ) -> Result<Verified<RoundCertificate>, BadSignature> {
        if certificate.votes.len() <= ON_THE_SPOT_MAX {
            return certificate.verify(self.0.chain);
        }
        self.run(move |inner| certificate.verify(inner.chain)).await
    }

    /// Runs `work` on the pool's threads.
    async fn run<T: Send + 'static>(&self, work: impl FnOnce(&Inner) -> T + Send + 'static) -> T {
        let _job = self.0.jobs.acquire().await.expect("the semaphore is never closed");
        let (done, answer) = oneshot::channel();
        let inner = Arc::clone(&self.0);
        self.0.threads.spawn(move || drop(done.send(work(&inner))));
        answer.await.expect("a job that panics ends the process")
    }
}

impl Inner {
    fn verify_transactions(&self, signed: Vec<SignedTransaction>) -> Vec<(TransactionId, Answer)> {
        let framed: Vec<_> = signed.into_iter().map(SignedTransaction::framed).collect();
        let ids: Vec<_> = framed.iter().map(FramedTransaction::id).collect();
        let remembered = self.recall(&ids);
        let news = framed.into_iter().zip(&remembered).filter(|(_, old)| old.is_none()).map(|(new, _)| new).collect();
        let mut verified = self.verify_new(news).into_iter();
        let answer = |old: Option<VerifiedTransaction>| match old {
            Some(transaction) => Ok(transaction),
            None => verified.next().expect("one answer for each new transaction"),
        };
        ids.into_iter().zip(remembered.into_iter().map(answer)).collect()
    }

    /// Verifies in even batches of at most [`CHUNK`] over all threads and remembers what is good.
    fn verify_new(&self, mut news: Vec<FramedTransaction>) -> Vec<Answer> {
        let batches = news.len().div_ceil(CHUNK);
        let answers: Vec<_> = if batches <= 1 {
            verify_framed(news, self.chain)
        } else {
            let size = news.len().div_ceil(batches);
            let mut parts: Vec<_> = (1..batches).rev().map(|part| news.split_off(part * size)).collect();
            parts.push(news);
            parts.into_par_iter().rev().flat_map_iter(|part| verify_framed(part, self.chain)).collect()
        };
        self.remember(answers.iter().flatten());
        answers
    }

    /// What is not remembered is verified over all threads.
    fn verify_block(&self, block: Block) -> Result<VerifiedBlock, BlockRejected> {
        block.verify_with(self.chain, |transactions, ids| {
            let mut known = self.recall(ids);
            let missing: Vec<_> = (0..ids.len()).filter(|index| known[*index].is_none()).collect();
            let news = missing.iter().map(|index| transactions[*index].clone().framed()).collect();
            for (index, answer) in missing.iter().zip(self.verify_new(news)) {
                known[*index] = answer.ok();
            }
            known
        })
    }

    fn verify_certified(&self, item: CertifiedBlock) -> Result<(VerifiedBlock, Verified<Certificate>), String> {
        let height = item.block.header.height;
        let certificate = item.certificate.verify(self.chain).map_err(|bad| format!("block {height}: {bad}"))?;
        let block = self.verify_block(item.block).map_err(|reason| format!("block {height}: {reason}"))?;
        Ok((block, certificate))
    }

    fn recall(&self, ids: &[TransactionId]) -> Vec<Option<VerifiedTransaction>> {
        let known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        ids.iter().map(|id| known.get(id)).collect()
    }

    fn remember<'a>(&self, transactions: impl Iterator<Item = &'a VerifiedTransaction>) {
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        transactions.for_each(|transaction| known.insert(transaction));
    }
}

/// What was verified lately: a young and an old generation; when the young one is full it becomes the old one.
#[derive(Debug, Default)]
struct Known {
    young: HashMap<TransactionId, VerifiedTransaction>,
    old: HashMap<TransactionId, VerifiedTransaction>,
}

impl Known {
    fn get(&self, id: &TransactionId) -> Option<VerifiedTransaction> {
        self.young.get(id).or_else(|| self.old.get(id)).cloned()
    }

    fn insert(&mut self, transaction: &VerifiedTransaction) {
        if self.young.len() >= REMEMBERED_MAX {
            self.old = std::mem::take(&mut self.young);
        }
        self.young.insert(transaction.id(), transaction.clone());
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use blockchat_proto::coins::Coins;
    use blockchat_proto::keys::{Address, Signer};
    use blockchat_proto::transaction::{Body, Payload, Transaction};

    const CHAIN: Hash32 = Hash32([7; 32]);

    fn signed(nonce: u64) -> SignedTransaction {
        let signer = Signer::from_seed(&[1; 32]);
        let body = Body::Send { to: Address([2; 32]), amount: Coins::from_bcc(1), payload: Payload::None };
        Transaction { chain: CHAIN, sender: signer.address(), nonce, expiry: None, body }.sign(&signer)
    }

    #[tokio::test]
    async fn answers_come_in_order_and_name_exactly_the_wrong_ones() {
        let pool = VerifyPool::new(CHAIN);
        let mut batch: Vec<_> = (0..1_300).map(signed).collect();
        batch[7].signature.0[0] ^= 1;
        batch[300].transaction.chain = Hash32::ZERO;
        for _ in 0..2 {
            let answers = pool.transactions(batch.clone()).await;
            assert_eq!(answers.len(), 1_300);
            for (nonce, (id, answer)) in (0..1_300).zip(&answers) {
                assert_eq!(*id, batch[usize::try_from(nonce).unwrap()].id());
                match answer {
                    Ok(transaction) => assert_eq!(transaction.nonce(), nonce),
                    Err(TxRejected::BadSignature) => assert_eq!(nonce, 7),
                    Err(TxRejected::OtherChain { .. }) => assert_eq!(nonce, 300),
                    Err(other) => panic!("unexpected refusal: {other}"),
                }
            }
        }
    }

    #[tokio::test]
    async fn a_known_transaction_under_a_garbage_signature_is_refused() {
        let pool = VerifyPool::new(CHAIN);
        let good = signed(0);
        assert!(pool.transactions(vec![good.clone()]).await[0].1.is_ok());
        let mut garbage = good;
        garbage.signature.0[63] ^= 1;
        assert_eq!(pool.transactions(vec![garbage]).await[0].1, Err(TxRejected::BadSignature));
    }

    #[test]
    fn the_memory_forgets_the_oldest_generation_only() {
        let transactions: Vec<_> = (0..3).map(|nonce| signed(nonce).verify(CHAIN).unwrap()).collect();
        let mut known = Known::default();
        known.insert(&transactions[0]);
        known.old = std::mem::take(&mut known.young);
        known.insert(&transactions[1]);
        assert!(transactions[..2].iter().all(|t| known.get(&t.id()).is_some()));
        known.old = std::mem::take(&mut known.young);
        assert!(known.get(&transactions[0].id()).is_none());
        assert!(known.get(&transactions[1].id()).is_some());
        assert!(known.get(&transactions[2].id()).is_none());
    }
}
