//! What bytes cost: encoding, decoding (with the check that they are canonical), ids, per kind of message.
//!
//! Prints bytes and microseconds a value, the best of several runs. On a quiet machine:
//! `cargo bench -p blockchat-proto --bench decode`.

#![allow(clippy::disallowed_methods, reason = "a benchmark reads the clock; the rules never do")]

use blockchat_proto::block::{Block, Header, commit_root, evidence_root, transactions_root};
use blockchat_proto::codec::{decode, encode};
use blockchat_proto::coins::Coins;
use blockchat_proto::gossip::{ConsensusEnvelope, ConsensusMessage, ENVELOPE_VERSION, TransactionBatch};
use blockchat_proto::hash::Hash32;
use blockchat_proto::keys::{Address, Signature};
use blockchat_proto::limits::BLOCK_BYTES_MAX;
use blockchat_proto::transaction::{Body, Payload, SealSalt, Sealed, SignedTransaction, Transaction};
use blockchat_proto::units::{Height, Round, RulesVersion, UnixMillis};
use blockchat_proto::vote::{Certificate, CommitSignature, SignedVote, Vote, VoteKind};
use serde::Serialize;
use serde::de::DeserializeOwned;
use std::hint::black_box;
use std::time::Instant;

const RUNS: u32 = 5;
/// Bytes handled in one run, so that small values are repeated often enough to be measured.
const RUN_BYTES: usize = 4_000_000;

fn main() {
    println!("{:<28} {:>9} {:>10} {:>10} {:>10}", "value", "bytes", "encode us", "decode us", "decode MB/s");
    row("send, coins only", &transaction(0, Payload::None));
    row("send, 40 characters", &transaction(0, Payload::Plain("forty characters of text, more or less..".into())));
    row("send, sealed 1,024 bytes", &transaction(0, sealed(1_040)));
    row("vote", &vote());
    row("certificate of 4", &certificate(4));
    row("certificate of 128", &certificate(128));
    row("gossip: vote", &envelope(ConsensusMessage::Vote(vote())));
    row("gossip: 256 transactions", &TransactionBatch { version: ENVELOPE_VERSION, salt: 1, transactions: many(256) });
    row("block of 100", &block(100));
    row("block of 5,000", &block(5_000));
    let transactions = many(1_000);
    let ids = best(|| transactions.iter().map(SignedTransaction::id).collect::<Vec<_>>());
    println!("\nid of a transaction: {:.2} us", ids / 1_000.0);
    let ids: Vec<_> = transactions.iter().map(SignedTransaction::id).collect();
    println!("root over ids, a transaction: {:.2} us", best(|| transactions_root(&ids)) / 1_000.0);
}

/// Microseconds of the fastest run.
fn best<T>(work: impl Fn() -> T) -> f64 {
    let run = |_| {
        let started = Instant::now();
        black_box(work());
        started.elapsed().as_secs_f64() * 1e6
    };
    (0..RUNS).map(run).fold(f64::MAX, f64::min)
}

fn row<T: Serialize + DeserializeOwned>(name: &str, value: &T) {
    let bytes = encode(value);
    let times = (RUN_BYTES / bytes.len()).max(1);
    let each = |us: f64| us / u32::try_from(times).map_or(f64::MAX, f64::from);
    let encoding = each(best(|| (0..times).for_each(|_| drop(black_box(encode(black_box(value)))))));
    let once = || drop(black_box(decode::<T>(black_box(&bytes), BLOCK_BYTES_MAX).expect("canonical")));
    let decoding = each(best(|| (0..times).for_each(|_| once())));
    let length = u32::try_from(bytes.len()).expect("below 4 GiB");
    println!("{name:<28} {length:>9} {encoding:>10.2} {decoding:>10.2} {:>10.0}", f64::from(length) / decoding);
}

fn sealed(bytes: usize) -> Payload {
    let (ephemeral, salt) = (Hash32([9; 32]), SealSalt([8; 16]));
    Payload::Sealed(Sealed { version: 1, ephemeral, salt, ciphertext: vec![7; bytes] })
}

fn transaction(nonce: u64, payload: Payload) -> SignedTransaction {
    let body = Body::Send { to: Address([2; 32]), amount: Coins::from_bcc(12), payload };
    let transaction = Transaction { chain: Hash32([1; 32]), sender: Address([3; 32]), nonce, expiry: None, body };
    SignedTransaction { transaction, signature: Signature([4; 64]) }
}

fn many(count: u64) -> Vec<SignedTransaction> {
    (0..count).map(|nonce| transaction(nonce, Payload::Plain("a word or two of greeting".into()))).collect()
}

fn vote() -> SignedVote {
    let (value, validator) = (Some(Hash32([1; 32])), Address([2; 32]));
    let vote = Vote { kind: VoteKind::Precommit, height: Height(100_000), round: Round(0), value, validator };
    SignedVote { vote, signature: Signature([4; 64]) }
}

fn certificate(signers: u8) -> Certificate {
    let part = |person| CommitSignature { validator: Address([person; 32]), signature: Signature([person; 64]) };
    let signatures = (0..signers).map(part).collect();
    Certificate { height: Height(100_000), round: Round(0), block: Hash32([1; 32]), signatures }
}

fn envelope(message: ConsensusMessage) -> ConsensusEnvelope {
    ConsensusEnvelope { version: ENVELOPE_VERSION, salt: 1_700_000_000_000, message }
}

fn block(count: u64) -> Block {
    let commit = Some(certificate(4));
    let header = Header {
        version: RulesVersion::FIRST,
        chain: Hash32([1; 32]),
        height: Height(100_001),
        round: Round(0),
        parent: Hash32([1; 32]),
        leader: Address([2; 32]),
        time: UnixMillis(1_700_000_000_000),
        transactions_root: Hash32::ZERO,
        evidence_root: evidence_root(&[]),
        commit_root: commit_root(commit.as_ref(), None),
        state_root: Hash32::ZERO,
        validators_hash: Hash32::ZERO,
        next_validators_hash: Hash32::ZERO,
    };
    Block { header, transactions: many(count), evidence: vec![], commit, late: None }
}
