//! Signature checks, in batches, on threads of their own: the event loop and the network never wait behind them.
//!
//! Owns: the threads, how work is cut up, and the memory of what was verified before. Does not own: any rule (`proto`).
//!
//! Always true:
//! - what comes out was verified here or before, under exactly the same id, signature included;
//! - the memory holds at most two generations of `REMEMBERED_MAX` transactions, shared with the pool, not copied, and of
//!   `VOTES_MAX` votes: votes are said again while a round lasts, and once more in round certificates;
//! - there are two lanes, each with threads of its own: transactions never hold up votes, proposed blocks and what we catch
//!   up with;
//! - at most `JOBS_MAX` batches are being worked on in a lane; further callers wait, and they are bounded where they come
//!   from.
//!
//! Single votes and proposals are verified at once where they arrive: 40 us are less than the way to another thread and
//! back, and a vote must not queue behind 4,000 transactions.
//! Start reading at [`VerifyPool::transactions`].

use blockchat_proto::block::{Block, VerifiedBlock};
use blockchat_proto::claim::Tries;
use blockchat_proto::hash::Hash32;
use blockchat_proto::keys::Signature;
use blockchat_proto::ledger::{BlockRejected, TxRejected};
use blockchat_proto::sync::CertifiedBlock;
use blockchat_proto::transaction::{
    FramedTransaction, SignedTransaction, TransactionId, VerifiedTransaction, verify_framed,
};
use blockchat_proto::vote::{
    BadSignature, Certificate, Evidence, EvidenceRejected, RoundCertificate, SignedProposal, SignedVote, Verified,
    VerifySignatures,
};
use rayon::prelude::*;
use std::collections::HashMap;
use std::hash::Hash;
use std::sync::{Arc, Mutex, PoisonError};
use tokio::sync::{Semaphore, oneshot};

/// Transactions in one signature batch, at most: larger gains little, smaller spreads better over threads.
const CHUNK: usize = 512;
/// Verified transactions in one generation of the memory.
const REMEMBERED_MAX: usize = 65_536;
/// Verified votes in one generation of the memory: those of some seconds of a large and fast chain.
const VOTES_MAX: usize = 8_192;
/// Batches worked on at a time, in one lane.
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
    /// The least work of a valid claim, if the chain pays grants.
    least_work: Option<Tries>,
    consensus: Lane,
    transactions: Lane,
    known: Mutex<Known<TransactionId, VerifiedTransaction>>,
    votes: Mutex<Known<Signature, Verified<SignedVote>>>,
}

/// Threads with the work that waits for them.
#[derive(Debug)]
struct Lane {
    threads: rayon::ThreadPool,
    jobs: Semaphore,
}

impl Lane {
    /// As many threads as the machine has: which lane gets more of it is for the system to say.
    fn new(name: &'static str) -> Self {
        let threads = rayon::ThreadPoolBuilder::new()
            .thread_name(move |index| format!("{name}-{index}"))
            .build()
            .expect("a program that just started can start threads");
        Self { threads, jobs: Semaphore::new(JOBS_MAX) }
    }
}

impl VerifyPool {
    /// A pool for the chain with this genesis hash, whose claims bring at least so much work.
    ///
    /// Panics if the system gives no threads: without them nothing can run.
    pub fn new(chain: Hash32, least_work: Option<Tries>) -> Self {
        let (consensus, transactions) = (Lane::new("verify"), Lane::new("verify-tx"));
        let (known, votes) = (Mutex::new(Known::new(REMEMBERED_MAX)), Mutex::new(Known::new(VOTES_MAX)));
        Self(Arc::new(Inner { chain, least_work, consensus, transactions, known, votes }))
    }

    /// Checks many transactions against everything that needs no state; the id and an answer of each, in order.
    ///
    /// Answers known signatures from memory. Cost: 21 us each on one thread, in batches.
    pub async fn transactions(&self, signed: Vec<SignedTransaction>) -> Vec<(TransactionId, Answer)> {
        self.run(|inner| &inner.transactions, move |inner| inner.verify_transactions(signed)).await
    }

    /// Checks a block against everything that needs no state.
    pub async fn block(&self, block: Block) -> Result<VerifiedBlock, BlockRejected> {
        self.run(|inner| &inner.consensus, move |inner| inner.verify_block(block)).await
    }

    /// Checks blocks and their certificates, in parallel; the first failure in order is named.
    pub async fn blocks(
        &self,
        blocks: Vec<CertifiedBlock>,
    ) -> Result<Vec<(VerifiedBlock, Verified<Certificate>)>, String> {
        let verify = move |inner: &Inner| blocks.into_par_iter().map(|item| inner.verify_certified(item)).collect();
        self.run(|inner| &inner.consensus, verify).await
    }

    /// Checks a vote's signature. The same vote again is answered from memory.
    pub async fn vote(&self, vote: SignedVote) -> Result<Verified<SignedVote>, BadSignature> {
        if let Some(known) = self.0.known_vote(&vote) {
            return Ok(known);
        }
        let verified = vote.verify(self.0.chain)?;
        self.0.votes.lock().unwrap_or_else(PoisonError::into_inner).insert(vote.signature, verified.clone());
        Ok(verified)
    }

    /// Checks a proposal's signature.
    pub async fn proposal(&self, proposal: SignedProposal) -> Result<Verified<SignedProposal>, BadSignature> {
        proposal.verify(self.0.chain)
    }

    /// Checks everything about evidence that needs no state.
    pub async fn evidence(&self, evidence: Evidence) -> Result<Verified<Evidence>, EvidenceRejected> {
        evidence.verify(self.0.chain)
    }

    /// Checks all signatures of a round certificate, but those of votes that came before.
    pub async fn round_certificate(
        &self,
        certificate: RoundCertificate,
    ) -> Result<Verified<RoundCertificate>, BadSignature> {
        let news = certificate.votes.iter().filter(|vote| self.0.known_vote(vote).is_none()).count();
        if news <= ON_THE_SPOT_MAX {
            return certificate.verify_with(self.0.chain, |vote| self.0.known_vote(vote));
        }
        let verify = move |inner: &Inner| certificate.verify_with(inner.chain, |vote| inner.known_vote(vote));
        self.run(|inner| &inner.consensus, verify).await
    }

    /// Runs `work` on the threads of a lane.
    async fn run<T: Send + 'static>(
        &self,
        lane: impl FnOnce(&Inner) -> &Lane,
        work: impl FnOnce(&Inner) -> T + Send + 'static,
    ) -> T {
        let lane = lane(&self.0);
        let _job = lane.jobs.acquire().await.expect("the semaphore is never closed");
        let (done, answer) = oneshot::channel();
        let inner = Arc::clone(&self.0);
        lane.threads.spawn(move || drop(done.send(work(&inner))));
        answer.await.expect("a job that panics ends the process")
    }
}

impl Inner {
    fn verify_transactions(&self, signed: Vec<SignedTransaction>) -> Vec<(TransactionId, Answer)> {
        let framed: Vec<_> = signed.into_iter().map(SignedTransaction::framed).collect();
        let ids: Vec<_> = framed.iter().map(FramedTransaction::id).collect();
        let known: Vec<_> =
            self.recall(&ids).into_iter().zip(&framed).map(|(old, new)| self.known_of(old, new)).collect();
        let news = framed.into_iter().zip(&known).filter(|(_, known)| known.is_none()).map(|(new, _)| new).collect();
        let mut verified = self.verify_new(news).into_iter();
        let answer = |known: Option<Answer>| {
            known.unwrap_or_else(|| verified.next().expect("one answer for each new transaction"))
        };
        ids.into_iter().zip(known.into_iter().map(answer)).collect()
    }

    /// Answers without a signature check: known signatures, and claims with too little work. Claims cost no coins, and
    /// any stranger can make them, so the hash comes before the signature, which costs a hundred times more.
    fn known_of(&self, old: Option<VerifiedTransaction>, new: &FramedTransaction) -> Option<Answer> {
        old.map(Ok).or_else(|| {
            let found = new.transaction().work_found()?;
            match self.least_work {
                None => Some(Err(TxRejected::ClaimsClosed)),
                Some(least) if least.are_met_by(found) => None,
                Some(least) => Some(Err(TxRejected::WeakWork { needed: least.count(), found: found.worth() })),
            }
        })
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

    /// Verifies all others over all threads.
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

    /// A vote under this very signature that was verified before.
    fn known_vote(&self, vote: &SignedVote) -> Option<Verified<SignedVote>> {
        let votes = self.votes.lock().unwrap_or_else(PoisonError::into_inner);
        votes.get(&vote.signature).filter(|known| known.get() == vote)
    }

    fn recall(&self, ids: &[TransactionId]) -> Vec<Option<VerifiedTransaction>> {
        let known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        ids.iter().map(|id| known.get(id)).collect()
    }

    fn remember<'a>(&self, transactions: impl Iterator<Item = &'a VerifiedTransaction>) {
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        transactions.for_each(|transaction| known.insert(transaction.id(), transaction.clone()));
    }
}

/// Recent results: a young and an old generation; when the young one is full it becomes the old one.
#[derive(Debug)]
struct Known<K, V> {
    generation_max: usize,
    young: HashMap<K, V>,
    old: HashMap<K, V>,
}

impl<K: Eq + Hash, V: Clone> Known<K, V> {
    fn new(generation_max: usize) -> Self {
        Self { generation_max, young: HashMap::new(), old: HashMap::new() }
    }

    fn get(&self, key: &K) -> Option<V> {
        self.young.get(key).or_else(|| self.old.get(key)).cloned()
    }

    fn insert(&mut self, key: K, value: V) {
        if self.young.len() >= self.generation_max {
            self.old = std::mem::take(&mut self.young);
        }
        self.young.insert(key, value);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use blockchat_proto::block::Header;
    use blockchat_proto::coins::Coins;
    use blockchat_proto::keys::{Address, Signer};
    use blockchat_proto::transaction::{Body, Payload, Transaction};
    use blockchat_proto::units::{Height, Round};
    use blockchat_proto::units::{RulesVersion, UnixMillis};
    use blockchat_proto::vote::{RoundProof, Vote, VoteKind};

    const CHAIN: Hash32 = Hash32([7; 32]);

    fn signed(nonce: u64) -> SignedTransaction {
        let signer = Signer::from_seed(&[1; 32]);
        let body = Body::Send { to: Address([2; 32]), amount: Coins::from_bcc(1), payload: Payload::None };
        Transaction { chain: CHAIN, sender: signer.address(), nonce, expiry: None, body }.sign(&signer)
    }

    #[tokio::test]
    async fn answers_come_in_order_and_name_exactly_the_wrong_ones() {
        let pool = VerifyPool::new(CHAIN, None);
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
        let pool = VerifyPool::new(CHAIN, None);
        let good = signed(0);
        assert!(pool.transactions(vec![good.clone()]).await[0].1.is_ok());
        let mut garbage = good;
        garbage.signature.0[63] ^= 1;
        assert_eq!(pool.transactions(vec![garbage]).await[0].1, Err(TxRejected::BadSignature));
    }

    /// A signature that no program would accept: the work was checked before it. SPEC CLAIM-4.
    #[tokio::test]
    async fn a_claim_without_work_costs_no_signature_check() {
        let signer = Signer::from_seed(&[1; 32]);
        let body = Body::Claim { recent: CHAIN, work: 7 };
        let mut claim =
            Transaction { chain: CHAIN, sender: signer.address(), nonce: 0, expiry: None, body }.sign(&signer);
        let good = claim.clone();
        claim.signature.0[0] ^= 1;
        let found = claim.transaction.work_found().unwrap().worth();
        let answer = async |least: Option<u64>, claim: &SignedTransaction| {
            let least = least.map(|tries| Coins::from_micros(tries).unwrap());
            let pool = VerifyPool::new(CHAIN, least.and_then(|grant| Tries::for_grant(grant, grant, grant)));
            pool.transactions(vec![claim.clone()]).await.pop().unwrap().1.map(|_| ())
        };
        assert_eq!(answer(None, &claim).await, Err(TxRejected::ClaimsClosed));
        let needed = found + 1;
        assert_eq!(answer(Some(needed), &claim).await, Err(TxRejected::WeakWork { needed, found }));
        assert_eq!(answer(Some(found), &claim).await, Err(TxRejected::BadSignature));
        assert_eq!(answer(Some(found), &good).await, Ok(()));
    }

    #[test]
    fn the_memory_forgets_the_oldest_generation_only() {
        let mut known = Known::new(2);
        (0..5).for_each(|number| known.insert(number, number));
        let remembered: Vec<_> = (0..5).filter(|number| known.get(number).is_some()).collect();
        assert_eq!(remembered, [2, 3, 4]);
    }

    /// As many transactions as the lane takes at a time wait for each other, and a block does not wait for them.
    #[tokio::test]
    async fn a_block_is_never_behind_transactions() {
        let pool = VerifyPool::new(CHAIN, None);
        let all = u32::try_from(JOBS_MAX).unwrap();
        let _held = pool.0.transactions.jobs.acquire_many(all).await.unwrap();
        let (none, height) = (Hash32::ZERO, Height(1));
        let header = Header {
            version: RulesVersion::FIRST,
            chain: none,
            height,
            round: Round(0),
            parent: none,
            leader: Address([1; 32]),
            time: UnixMillis(0),
            transactions_root: none,
            evidence_root: none,
            commit_root: none,
            state_root: none,
            validators_hash: none,
            next_validators_hash: none,
        };
        let block = Block { header, transactions: vec![], evidence: vec![], commit: None, late: None };
        assert_eq!(pool.block(block).await, Err(BlockRejected::OtherChain));
        assert_eq!(pool.vote(vote(1, 0)).await.unwrap().get(), &vote(1, 0));
    }

    fn vote(validator: u8, round: u32) -> SignedVote {
        let signer = Signer::from_seed(&[validator; 32]);
        let (kind, validator) = (VoteKind::Prevote, signer.address());
        Vote { kind, height: Height(1), round: Round(round), value: None, validator }.sign(CHAIN, &signer)
    }

    #[tokio::test]
    async fn a_vote_is_remembered_under_its_signature_and_for_what_it_says_only() {
        let pool = VerifyPool::new(CHAIN, None);
        let good = vote(1, 0);
        for _ in 0..2 {
            assert_eq!(pool.vote(good).await.unwrap().get(), &good);
        }
        let mut moved = good;
        moved.vote.round = Round(1);
        assert!(pool.vote(moved).await.is_err());
        let mut garbage = good;
        garbage.signature.0[63] ^= 1;
        assert!(pool.vote(garbage).await.is_err());
        assert!(pool.vote(good).await.is_ok());
    }

    #[tokio::test]
    async fn a_certificate_of_known_votes_and_one_forgery_is_refused() {
        let pool = VerifyPool::new(CHAIN, None);
        for count in [3, 40] {
            let votes: Vec<_> = (1..=count).map(|validator| vote(validator, 0)).collect();
            for vote in &votes[1..] {
                pool.vote(*vote).await.unwrap();
            }
            let certificate = RoundCertificate { proof: RoundProof::Skip, votes };
            assert_eq!(pool.round_certificate(certificate.clone()).await.unwrap().get(), &certificate);
            let mut forged = certificate;
            let last = forged.votes.last_mut().unwrap();
            last.vote.value = Some(Hash32([9; 32]));
            assert!(pool.round_certificate(forged).await.is_err());
        }
    }
}
