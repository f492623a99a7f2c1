//! Builds our own block: transactions in, a block that [`Ledger::apply_block`] accepts out.
//!
//! Owns: what fits. Does not own: choice and order of transactions (engine); execution (`execute`, shared with checking).
//! Start reading at [`build`].

use super::check_block::capacity;
use super::execute::Execution;
use super::{BuiltBlock, Draft, Ledger};
use crate::block::{Block, Header, VerifiedBlock, commit_root, evidence_root, transactions_root};
use crate::codec;
use crate::hash::Hash32;
use crate::limits;
use crate::transaction::VerifiedTransaction;
use crate::units::UnixMillis;
use crate::vote::{Evidence, LatePrecommits};

/// CBOR writes the number of transactions in 1 byte up to 23, in 5 up to 2^32.
const COUNT_BYTES: usize = 4;

/// Tries the offered transactions in order until the block is full. The first that does not fit ends it: skipping it would leave
/// a gap in its sender's nonces.
pub(super) fn build(ledger: &Ledger, mut draft: Draft) -> BuiltBlock {
    assert_eq!(ledger.unknown_version(), None, "nobody builds by rules that it does not know");
    draft.late = draft.late.and_then(|late| counting(ledger, late));
    let time = draft.time.max(ledger.tip().time.plus(1));
    let header = header_before(ledger, &draft, time);
    let Draft { leader, offered, commit, late, evidence, .. } = draft;
    let mut execution = Execution::begin(ledger, time, leader);
    let evidence = punishing(&mut execution, evidence);
    let frame = Block { header, transactions: vec![], evidence, commit, late };
    let mut room = limits::BLOCK_BYTES_MAX.saturating_sub(codec::encode(&frame).len() + COUNT_BYTES);
    let Block { mut header, commit, late, evidence, .. } = frame;
    execution.presence(commit.as_ref(), late.as_ref());
    let (mut taken, mut refused): (Vec<VerifiedTransaction>, _) = (vec![], vec![]);
    for transaction in offered {
        let bytes = transaction.bytes().len();
        if taken.len() >= capacity(ledger) || bytes > room {
            break;
        }
        match execution.transaction(&transaction) {
            Ok(()) => {
                room -= bytes;
                taken.push(transaction);
            }
            Err(reason) => refused.push((transaction.id(), reason)),
        }
    }
    let outcome = execution.finish();
    let ids: Vec<_> = taken.iter().map(VerifiedTransaction::id).collect();
    header.transactions_root = transactions_root(&ids);
    header.evidence_root = evidence_root(&evidence);
    header.state_root = outcome.state_root();
    header.next_validators_hash = outcome.next_validators().hash();
    let block = VerifiedBlock::assemble(header, taken, evidence, commit, late);
    let applied = outcome.applied(ledger, block.hash());
    BuiltBlock { block, applied, refused }
}

/// The evidence that punishes an account, already executed. SPEC EVID-2, BLOCK-4.
fn punishing(execution: &mut Execution<'_>, mut evidence: Vec<Evidence>) -> Vec<Evidence> {
    evidence.retain(|item| item.check_structure().is_ok());
    let mut left = limits::EVIDENCE_MAX;
    evidence.retain(|item| {
        let counts = left > 0 && execution.evidence(item).is_ok();
        left -= usize::from(counts);
        counts
    });
    evidence
}

/// The late precommits that count in the next block. SPEC BLOCK-7.
fn counting(ledger: &Ledger, mut late: LatePrecommits) -> Option<LatePrecommits> {
    late.signatures.retain(|part| ledger.found_missing(&part.validator));
    let counts = late.check_shape(ledger.tip().height.next()).is_ok() && late.block == ledger.tip().parent;
    counts.then_some(late)
}

/// The header as far as it is known before execution. The missing fields have a fixed length.
fn header_before(ledger: &Ledger, draft: &Draft, time: UnixMillis) -> Header {
    let tip = ledger.tip();
    Header {
        version: ledger.version(),
        chain: ledger.chain(),
        height: tip.height.next(),
        round: draft.round,
        parent: tip.hash,
        leader: draft.leader,
        time,
        transactions_root: Hash32::ZERO,
        evidence_root: evidence_root(&[]),
        commit_root: commit_root(draft.commit.as_ref(), draft.late.as_ref()),
        state_root: Hash32::ZERO,
        validators_hash: ledger.validators().hash(),
        next_validators_hash: Hash32::ZERO,
    }
}
