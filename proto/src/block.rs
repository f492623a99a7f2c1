//! Blocks and headers. SPEC BLOCK-1 to BLOCK-7.
//!
//! Owns: the wire types, the block hash, and every check that needs no state. Does not own: execution
//! (`ledger::apply_block`), leader selection (`leader`).
//! Always true: a [`VerifiedBlock`] is within limits, its roots match its contents, and every signature in it verifies.
//! Start reading at [`Header`].

use crate::codec::{self, DecodeRejected};
use crate::hash::{Hash32, hash, label, list_root};
use crate::keys::{Address, verify_batch};
use crate::limits;
use crate::rejected::BlockRejected;
use crate::transaction::{SignedTransaction, TransactionId, VerifiedTransaction, verify_all};
use crate::units::{Height, Round, RulesVersion, UnixMillis};
use crate::vote::{
    Certificate, CertificateRejected, CommitSignature, Evidence, EvidenceRejected, LatePrecommits, LateRejected,
};
use serde::{Deserialize, Serialize};
use std::sync::Arc;

/// The commitments of a block. SPEC BLOCK-1.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Header {
    /// Version of the rules that executes it. SPEC VER-4.
    pub version: RulesVersion,
    /// Genesis hash.
    pub chain: Hash32,
    /// One more than the parent's.
    pub height: Height,
    /// Round in which it was built. Its leader is drawn for this round, even if it is proposed again later.
    pub round: Round,
    /// Hash of the previous block; the genesis hash for block 1.
    pub parent: Hash32,
    /// Validator that built it and receives its fees.
    pub leader: Address,
    /// Strictly later than the parent's.
    pub time: UnixMillis,
    /// Root over the transaction ids.
    pub transactions_root: Hash32,
    /// Root over the evidence.
    pub evidence_root: Hash32,
    /// Root over the parent's commit and the late precommits.
    pub commit_root: Hash32,
    /// Root of the state after this block.
    pub state_root: Hash32,
    /// Hash of the validator set that decides this height.
    pub validators_hash: Hash32,
    /// Hash of the set that decides the next height.
    pub next_validators_hash: Hash32,
}

impl Header {
    /// The block hash; the roots bind everything else. SPEC BLOCK-2.
    pub fn hash(&self) -> Hash32 {
        hash(label::BLOCK, &codec::encode(self))
    }
}

/// A block from the wire, not verified yet. SPEC BLOCK-1.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Block {
    /// Its header.
    pub header: Header,
    /// Transactions in execution order.
    pub transactions: Vec<SignedTransaction>,
    /// Evidence of misbehaviour.
    pub evidence: Vec<Evidence>,
    /// Precommits for the parent; absent only in block 1.
    pub commit: Option<Certificate>,
    /// Precommits for the grandparent that came too late for the parent's commit; absent if there are none.
    pub late: Option<LatePrecommits>,
}

/// SPEC BLOCK-3.
pub fn transactions_root(ids: &[TransactionId]) -> Hash32 {
    list_root(label::TRANSACTIONS, ids)
}

/// SPEC BLOCK-3.
pub fn evidence_root(evidence: &[Evidence]) -> Hash32 {
    let items: Vec<_> = evidence.iter().map(|item| hash(label::ITEM, &codec::encode(item))).collect();
    list_root(label::EVIDENCE, &items)
}

/// SPEC BLOCK-3: the certificate without its signatures, then one item per signature; then the same for late
/// precommits.
pub fn commit_root(commit: Option<&Certificate>, late: Option<&LatePrecommits>) -> Hash32 {
    let mut items = vec![];
    if let Some(Certificate { height, round, block, signatures }) = commit {
        items.push(hash(label::ITEM, &codec::encode(&(height, round, block))));
        items.extend(signatures.iter().map(signature_item));
    }
    if let Some(LatePrecommits { round, block, signatures }) = late {
        items.push(hash(label::ITEM, &codec::encode(&(round, block))));
        items.extend(signatures.iter().map(signature_item));
    }
    list_root(label::COMMIT, &items)
}

fn signature_item(part: &CommitSignature) -> Hash32 {
    hash(label::ITEM, &codec::encode(part))
}

impl Block {
    /// From canonical bytes, at most [`limits::BLOCK_BYTES_MAX`].
    pub fn decode(bytes: &[u8]) -> Result<Self, DecodeRejected> {
        codec::decode(bytes, limits::BLOCK_BYTES_MAX)
    }

    /// Checks everything that needs no state. SPEC BLOCK-3, BLOCK-4, BLOCK-7.
    ///
    /// `known` returns a transaction that was already verified under exactly this id, so that pooled transactions are
    /// not verified again; `None` is always a correct answer. Cost: one hash per transaction, one batch for unknown
    /// ones, and one for the precommits.
    pub fn verify(
        self,
        chain: Hash32,
        known: impl Fn(&TransactionId) -> Option<VerifiedTransaction>,
    ) -> Result<VerifiedBlock, BlockRejected> {
        self.verify_with(chain, |_, ids| ids.iter().map(known).collect())
    }

    /// [`Block::verify`] for a caller that can answer for all transactions at once. When everything else about the
    /// block holds, `known` gets the transactions with their ids, and may verify those it does not know. Missing
    /// answers, and answers under another id, are verified here.
    pub fn verify_with(
        self,
        chain: Hash32,
        known: impl FnOnce(&[SignedTransaction], &[TransactionId]) -> Vec<Option<VerifiedTransaction>>,
    ) -> Result<VerifiedBlock, BlockRejected> {
        let bytes = codec::encode(&self);
        self.check_frame(chain, bytes.len())?;
        let Self { header, transactions, evidence, commit, late } = self;
        check_root("evidence", header.evidence_root, evidence_root(&evidence))?;
        check_root("commit", header.commit_root, commit_root(commit.as_ref(), late.as_ref()))?;
        let ids: Vec<_> = transactions.iter().map(SignedTransaction::id).collect();
        check_root("transactions", header.transactions_root, transactions_root(&ids))?;
        check_precommits(chain, header.height, commit.as_ref(), late.as_ref())?;
        check_evidence(chain, &evidence)?;
        let answers = known(&transactions, &ids);
        let transactions = verify_unknown(transactions, &ids, chain, answers)?;
        let hash = header.hash();
        Ok(VerifiedBlock(Arc::new(Contents { hash, bytes, header, transactions, evidence, commit, late })))
    }

    /// SPEC BLOCK-4: chain and sizes. The version depends on the state: `ledger::check_block`.
    fn check_frame(&self, chain: Hash32, found_bytes: usize) -> Result<(), BlockRejected> {
        if self.header.chain != chain {
            return Err(BlockRejected::OtherChain);
        }
        if found_bytes > limits::BLOCK_BYTES_MAX {
            return Err(BlockRejected::TooLarge { found_bytes, limit_bytes: limits::BLOCK_BYTES_MAX });
        }
        if self.transactions.len() > limits::BLOCK_TRANSACTIONS_MAX {
            let limit = limits::BLOCK_TRANSACTIONS_MAX;
            return Err(BlockRejected::TooManyTransactions { found: self.transactions.len(), limit });
        }
        if self.evidence.len() > limits::EVIDENCE_MAX {
            return Err(BlockRejected::TooMuchEvidence { found: self.evidence.len() });
        }
        let commit = self.commit.as_ref().map_or(0, |commit| commit.signatures.len());
        let found = self.late.as_ref().map_or(0, |late| late.signatures.len()).max(commit);
        if found > limits::VALIDATORS_MAX {
            return Err(BlockRejected::TooManyPrecommits { found, limit: limits::VALIDATORS_MAX });
        }
        Ok(())
    }
}

/// All signatures of validators in one batch. SPEC BLOCK-6, BLOCK-7.
fn check_precommits(
    chain: Hash32,
    height: Height,
    commit: Option<&Certificate>,
    late: Option<&LatePrecommits>,
) -> Result<(), BlockRejected> {
    let grandparent = late.map(|late| late.check_shape(height)).transpose().map_err(BlockRejected::Late)?;
    let votes = commit.into_iter().flat_map(Certificate::votes);
    let late = late.into_iter().zip(grandparent).flat_map(|(late, height)| late.votes(height));
    let checks: Vec<_> = votes.chain(late).map(|vote| vote.signature_check(chain)).collect();
    let Some(wrong) = verify_batch(&checks).iter().position(|good| !good) else {
        return Ok(());
    };
    let validator = checks[wrong].signer;
    Err(match commit {
        Some(commit) if wrong < commit.signatures.len() => {
            BlockRejected::Commit(CertificateRejected::BadSignature { validator })
        }
        _ => BlockRejected::Late(LateRejected::BadSignature { validator }),
    })
}

/// Checks that every contradiction is one, and all their signatures in one batch. SPEC EVID-1.
fn check_evidence(chain: Hash32, evidence: &[Evidence]) -> Result<(), BlockRejected> {
    let refused = |index, reason| BlockRejected::Evidence { index, reason };
    let structure = |(index, item): (usize, &Evidence)| item.check_structure().map_err(|reason| refused(index, reason));
    evidence.iter().enumerate().try_for_each(structure)?;
    let checks: Vec<_> = evidence.iter().flat_map(|item| item.signature_checks(chain)).collect();
    match verify_batch(&checks).iter().position(|good| !good) {
        Some(wrong) => Err(refused(wrong / 2, EvidenceRejected::BadSignature { accused: checks[wrong].signer })),
        None => Ok(()),
    }
}

fn check_root(which: &'static str, promised: Hash32, found: Hash32) -> Result<(), BlockRejected> {
    if promised == found { Ok(()) } else { Err(BlockRejected::Root { which, promised, found }) }
}

/// Verifies missing or mismatched answers in one batch; keeps the order.
fn verify_unknown(
    transactions: Vec<SignedTransaction>,
    ids: &[TransactionId],
    chain: Hash32,
    answers: Vec<Option<VerifiedTransaction>>,
) -> Result<Vec<VerifiedTransaction>, BlockRejected> {
    let mut answers = answers.into_iter();
    let believed = |id: &TransactionId| answers.next().flatten().filter(|known| known.id() == *id);
    let remembered: Vec<_> = ids.iter().map(believed).collect();
    let unknown = transactions.into_iter().zip(&remembered).filter(|(_, old)| old.is_none()).map(|(new, _)| new);
    let mut verified = verify_all(unknown.collect(), chain).into_iter();
    let answer = |(index, old): (usize, Option<VerifiedTransaction>)| match old {
        Some(transaction) => Ok(transaction),
        None => {
            let answer = verified.next().expect("one answer for each unknown transaction");
            answer.map_err(|reason| BlockRejected::Transaction { index, reason })
        }
    };
    remembered.into_iter().enumerate().map(answer).collect()
}

#[derive(Debug, PartialEq, Eq)]
struct Contents {
    hash: Hash32,
    bytes: Vec<u8>,
    header: Header,
    transactions: Vec<VerifiedTransaction>,
    evidence: Vec<Evidence>,
    commit: Option<Certificate>,
    late: Option<LatePrecommits>,
}

/// A block of this chain with valid signatures, roots and limits. The ledger may still refuse it. Cheap to clone.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct VerifiedBlock(Arc<Contents>);

impl VerifiedBlock {
    /// Builds our own block from verified parts. The roots in `header` must match the parts; the ledger's block builder
    /// guarantees this.
    pub(crate) fn assemble(
        header: Header,
        transactions: Vec<VerifiedTransaction>,
        evidence: Vec<Evidence>,
        commit: Option<Certificate>,
        late: Option<LatePrecommits>,
    ) -> Self {
        let signed = transactions.iter().map(|transaction| transaction.signed().clone()).collect();
        let block = Block { header, transactions: signed, evidence, commit, late };
        let bytes = codec::encode(&block);
        let Block { header, evidence, commit, late, .. } = block;
        Self(Arc::new(Contents { hash: header.hash(), bytes, header, transactions, evidence, commit, late }))
    }

    /// The block hash.
    pub fn hash(&self) -> Hash32 {
        self.0.hash
    }

    /// Its header.
    pub fn header(&self) -> &Header {
        &self.0.header
    }

    /// Its height.
    pub fn height(&self) -> Height {
        self.0.header.height
    }

    /// Transactions in execution order.
    pub fn transactions(&self) -> &[VerifiedTransaction] {
        &self.0.transactions
    }

    /// Evidence of misbehaviour.
    pub fn evidence(&self) -> &[Evidence] {
        &self.0.evidence
    }

    /// Precommits for the parent.
    pub fn commit(&self) -> Option<&Certificate> {
        self.0.commit.as_ref()
    }

    /// Precommits for the grandparent that were not in the parent's commit of it.
    pub fn late(&self) -> Option<&LatePrecommits> {
        self.0.late.as_ref()
    }

    /// The canonical bytes of the whole block.
    pub fn bytes(&self) -> &[u8] {
        &self.0.bytes
    }

    /// The block in wire form. Cost: a copy of everything in it.
    pub fn to_block(&self) -> Block {
        Block {
            header: self.header().clone(),
            transactions: self.transactions().iter().map(|transaction| transaction.signed().clone()).collect(),
            evidence: self.evidence().to_vec(),
            commit: self.commit().cloned(),
            late: self.late().cloned(),
        }
    }
}
