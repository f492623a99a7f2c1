//! Bytes from peers, as every kind of message they might be. SPEC CODEC-2 to CODEC-4, GOSSIP-1.

#![no_main]

use blockchat_proto::codec::{decode, encode};
use blockchat_proto::genesis::Genesis;
use blockchat_proto::gossip::{ConsensusEnvelope, ConsensusMessage, EvidenceEnvelope, TransactionBatch};
use blockchat_proto::hash::Hash32;
use blockchat_proto::ledger::AccountProof;
use blockchat_proto::limits;
use blockchat_proto::sync::{GenesisRequest, Status, SyncRequest, SyncResponse};
use blockchat_proto::transaction::{SignedTransaction, verify_all};
use blockchat_proto::vote::VerifySignatures;
use libfuzzer_sys::fuzz_target;
use serde::Serialize;
use serde::de::DeserializeOwned;

const CHAIN: Hash32 = Hash32([7; 32]);

fuzz_target!(|bytes: &[u8]| {
    if let Some(batch) = canonical::<TransactionBatch>(bytes, limits::BATCH_BYTES_MAX) {
        let chain = batch.transactions.first().map_or(CHAIN, |signed| signed.transaction.chain);
        let together = verify_all(batch.transactions.clone(), chain);
        let alone: Vec<_> = batch.transactions.into_iter().map(|signed| signed.verify(chain)).collect();
        assert_eq!(together, alone, "a batch and its transactions one by one");
    }
    if let Some(envelope) = canonical::<ConsensusEnvelope>(bytes, limits::BLOCK_BYTES_MAX) {
        match envelope.message {
            ConsensusMessage::Proposal { proposal, block } => {
                let _ = proposal.verify(CHAIN);
                let _ = block.map(|block| block.verify(CHAIN, |_| None));
            }
            ConsensusMessage::Vote(vote) => drop(vote.verify(CHAIN)),
            ConsensusMessage::RoundCertificate(certificate) => drop(certificate.verify(CHAIN)),
        }
    }
    if let Some(envelope) = canonical::<EvidenceEnvelope>(bytes, limits::EVIDENCE_MESSAGE_BYTES_MAX) {
        drop(envelope.evidence.verify(CHAIN));
    }
    let _ = canonical::<SignedTransaction>(bytes, limits::TRANSACTION_BYTES_MAX);
    let _ = canonical::<Status>(bytes, limits::EVIDENCE_MESSAGE_BYTES_MAX);
    let _ = canonical::<GenesisRequest>(bytes, limits::EVIDENCE_MESSAGE_BYTES_MAX);
    let _ = canonical::<SyncRequest>(bytes, limits::EVIDENCE_MESSAGE_BYTES_MAX);
    let _ = canonical::<SyncResponse>(bytes, limits::SYNC_BYTES_MAX);
    if let Some(proof) = canonical::<AccountProof>(bytes, limits::GENESIS_BYTES_MAX) {
        let _ = proof.verify(CHAIN);
    }
    if let Some(genesis) = canonical::<Genesis>(bytes, limits::GENESIS_BYTES_MAX) {
        let _ = genesis.verify();
    }
});

/// What decodes encodes to the very same bytes.
fn canonical<T: Serialize + DeserializeOwned>(bytes: &[u8], limit_bytes: usize) -> Option<T> {
    let value: T = decode(bytes, limit_bytes).ok()?;
    assert_eq!(encode(&value), bytes);
    Some(value)
}
