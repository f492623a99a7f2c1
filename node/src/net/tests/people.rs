//! Contents to send: chains, transactions, votes, blocks.

use blockchat_proto::block::{Block, Header};
use blockchat_proto::coins::Coins;
use blockchat_proto::genesis::{Genesis, GenesisAccount, Parameters, VerifiedGenesis};
use blockchat_proto::gossip::ConsensusMessage;
use blockchat_proto::hash::Hash32;
use blockchat_proto::keys::{Address, Signature, Signer};
use blockchat_proto::transaction::{Body, Payload, Transaction, VerifiedTransaction};
use blockchat_proto::units::{Height, Round, RulesVersion, UnixMillis};
use blockchat_proto::vote::{SignedVote, Vote, VoteKind};

/// The genesis of a chain with this name.
pub(in crate::net) fn genesis(name: &str) -> VerifiedGenesis {
    let account = GenesisAccount {
        address: Signer::from_seed(&[1; 32]).address(),
        balance: Coins::from_bcc(1_000),
        stake: Coins::from_bcc(10),
        name: None,
    };
    let genesis = Genesis {
        name: name.into(),
        time: UnixMillis(1),
        parameters: Parameters::default(),
        treasury: Coins::ZERO,
        accounts: vec![account],
        version: RulesVersion::FIRST,
    };
    genesis.verify().unwrap()
}

/// So many different transactions of the chain `test`.
pub(in crate::net) fn transactions(count: u64) -> Vec<VerifiedTransaction> {
    let chain = genesis("test").hash();
    let signer = Signer::from_seed(&[1; 32]);
    let body = Body::Send { to: Address([7; 32]), amount: Coins::from_bcc(1), payload: Payload::None };
    let transaction =
        |nonce| Transaction { chain, sender: signer.address(), nonce, expiry: None, body: body.clone() }.sign(&signer);
    (0..count).map(|nonce| transaction(nonce).verify(chain).unwrap()).collect()
}

/// A vote of this height. `net` does not check its signature.
pub(in crate::net) fn vote(height: u64) -> ConsensusMessage {
    let kind = VoteKind::Prevote;
    let vote = Vote { kind, height: Height(height), round: Round(0), value: None, validator: Address([3; 32]) };
    ConsensusMessage::Vote(SignedVote { vote, signature: Signature([0; 64]) })
}

/// An empty block of this height.
pub(in crate::net) fn block(height: u64) -> Block {
    let zero = Hash32::ZERO;
    let header = Header {
        version: RulesVersion::FIRST,
        chain: zero,
        height: Height(height),
        round: Round(0),
        parent: zero,
        leader: Address([3; 32]),
        time: UnixMillis(height),
        transactions_root: zero,
        evidence_root: zero,
        commit_root: zero,
        state_root: zero,
        validators_hash: zero,
        next_validators_hash: zero,
    };
    Block { header, transactions: vec![], evidence: vec![], commit: None, late: None }
}
