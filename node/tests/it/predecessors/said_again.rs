//! Messages of strangers that a node forwards: true votes a few times, contradictions of validators, nothing else. SPEC
//! GOSSIP-3, GOSSIP-5.

use super::network::{Network, run};
use super::stranger::Stranger;
use crate::support::{PATIENCE, wait_for};
use blockchat_client::shapes::{EventTopic, NodeEvent, OffenceView};
use blockchat_proto::block::{Block, Header, commit_root, evidence_root, transactions_root};
use blockchat_proto::codec;
use blockchat_proto::coins::Coins;
use blockchat_proto::gossip::{ConsensusEnvelope, ConsensusMessage, ENVELOPE_VERSION, EvidenceEnvelope, Topic};
use blockchat_proto::hash::Hash32;
use blockchat_proto::keys::Signer;
use blockchat_proto::units::{Height, Round, RulesVersion, UnixMillis};
use blockchat_proto::vote::{
    Certificate, CommitSignature, Evidence, Proposal, RoundCertificate, RoundProof, SignedVote, Vote, VoteKind,
};
use std::time::{Duration, Instant};
use tokio::time::timeout;

/// A prevote about the tip: late, but still of use.
fn prevote(network: &Network, signer: &Signer, round: u32, value: Option<Hash32>) -> SignedVote {
    let (kind, height) = (VoteKind::Prevote, network.node(0).status().height);
    Vote { kind, height, round: Round(round), value, validator: signer.address() }.sign(network.chain(), signer)
}

/// The number of times it heard this.
fn heard(listener: &Stranger, message: &ConsensusMessage) -> usize {
    let is_it = |data: &&Vec<u8>| {
        let envelope: Result<ConsensusEnvelope, _> = codec::decode(data, 64 * 1024);
        envelope.is_ok_and(|envelope| envelope.message == *message)
    };
    listener.heard(message.topic()).iter().filter(is_it).count()
}

/// Says votes of rounds from this one on, until the listener hears one of them.
fn reaches(network: &Network, talker: &Stranger, listener: &Stranger, first_round: u32) {
    let mut round = first_round;
    wait_for("the node passes a vote on", || {
        let vote = ConsensusMessage::Vote(prevote(network, &network.validator(0), round, None));
        talker.say(vote.clone());
        round += 1;
        std::thread::sleep(Duration::from_millis(100));
        (heard(listener, &vote) > 0).then_some(())
    });
}

#[test]
fn a_true_vote_that_a_stranger_says_again_and_again_is_passed_on_a_few_times() {
    const TIMES: usize = 2_000;
    let network = Network::lone();
    network.node(0).wait_for_block(Height(1));
    let [talker, listener] = [0, 1].map(|_| Stranger::meeting(&network, network.node(0)));
    reaches(&network, &talker, &listener, 1_000);
    let vote = ConsensusMessage::Vote(prevote(&network, &network.validator(0), 7, None));
    let start = Instant::now();
    (0..TIMES).for_each(|_| talker.say(vote.clone()));
    // Later messages arrive after them.
    reaches(&network, &talker, &listener, 2_000);
    let quarters = usize::try_from(start.elapsed().as_millis() / 250).unwrap();
    let count = heard(&listener, &vote);
    assert!((1..=4 + quarters + 1).contains(&count), "{count} of {TIMES} in {quarters} quarters of a second");
    assert!(count < TIMES / 4, "{count}");
    assert!(talker.is_connected(network.node(0)), "that is no offence");
}

/// Any stranger can sign votes with keys of its own, and put them together.
#[test]
fn a_round_certificate_of_members_is_passed_on_and_one_of_made_up_keys_is_not() {
    let network = Network::lone();
    network.node(0).wait_for_block(Height(1));
    let [talker, listener] = [0, 1].map(|_| Stranger::meeting(&network, network.node(0)));
    let of = |signer: &Signer| {
        let votes = vec![prevote(&network, signer, 9, None)];
        ConsensusMessage::RoundCertificate(RoundCertificate { proof: RoundProof::Skip, votes })
    };
    let (made_up, real) = (of(&Signer::from_seed(&[0xaa; 32])), of(&network.validator(0)));
    talker.say(made_up.clone());
    wait_for("the true one is passed on", || {
        talker.say(real.clone());
        std::thread::sleep(Duration::from_millis(100));
        (heard(&listener, &real) > 0).then_some(())
    });
    assert_eq!(heard(&listener, &made_up), 0);
    assert!(talker.is_connected(network.node(0)), "neither is an offence");
}

/// At every height, and with a block that needs no verification: with more signatures than there are validators.
#[test]
fn votes_and_proposals_of_a_made_up_key_end_at_the_first_node() {
    let network = Network::lone();
    network.node(0).wait_for_block(Height(1));
    let [talker, listener] = [0, 1].map(|_| Stranger::meeting(&network, network.node(0)));
    let made_up = Signer::from_seed(&[0xaa; 32]);
    let tip = network.node(0).status().height.0;
    let said: Vec<_> = (tip..tip + 200)
        .chain([u64::MAX])
        .flat_map(|height| [vote_at(&network, &made_up, height), proposal_at(&network, &made_up, height)])
        .collect();
    said.iter().for_each(|message| talker.say(message.clone()));
    // Later messages arrive after them.
    reaches(&network, &talker, &listener, 3_000);
    assert!(said.iter().all(|message| heard(&listener, message) == 0));
    assert!(talker.is_connected(network.node(0)), "a stranger is no liar");
}

fn vote_at(network: &Network, signer: &Signer, height: u64) -> ConsensusMessage {
    let (kind, height, round) = (VoteKind::Precommit, Height(height), Round(0));
    let vote = Vote { kind, height, round, value: None, validator: signer.address() };
    ConsensusMessage::Vote(vote.sign(network.chain(), signer))
}

/// With a block whose commit is signed 100 times by the same key.
fn proposal_at(network: &Network, signer: &Signer, height: u64) -> ConsensusMessage {
    let (chain, zero, height, round) = (network.chain(), Hash32::ZERO, Height(height), Round(0));
    let kind = VoteKind::Precommit;
    let vote = Vote { kind, height: Height(height.0 - 1), round, value: Some(zero), validator: signer.address() };
    let part = CommitSignature { validator: signer.address(), signature: vote.sign(chain, signer).signature };
    let commit = Certificate { height: vote.height, round, block: zero, signatures: vec![part; 100] };
    let header = Header {
        version: RulesVersion::FIRST,
        chain,
        height,
        round,
        parent: zero,
        leader: signer.address(),
        time: UnixMillis(1),
        transactions_root: transactions_root(&[]),
        evidence_root: evidence_root(&[]),
        commit_root: commit_root(Some(&commit), None),
        state_root: zero,
        validators_hash: zero,
        next_validators_hash: zero,
    };
    let proposal = Proposal { height, round, block: header.hash(), lock_round: None, leader: signer.address() };
    let block = Block { header, transactions: vec![], evidence: vec![], commit: Some(commit), late: None };
    ConsensusMessage::Proposal { proposal: proposal.sign(chain, signer), block: Some(block) }
}

fn evidence(network: &Network, signer: &Signer, round: u32) -> Evidence {
    let first = prevote(network, signer, round, None);
    // Of the very same height, though blocks go on.
    let second = Vote { value: Some(Hash32([1; 32])), ..first.vote }.sign(network.chain(), signer);
    Evidence::Votes { first, second }
}

fn encoded(evidence: Evidence) -> Vec<u8> {
    codec::encode(&EvidenceEnvelope { version: ENVELOPE_VERSION, evidence })
}

#[test]
fn evidence_against_a_validator_is_passed_on_and_against_a_made_up_key_is_not() {
    let network = Network::lone();
    let node = network.node(0);
    let [talker, listener] = [0, 1].map(|_| Stranger::meeting(&network, node));
    let (made_up, real) = (Signer::from_seed(&[0xaa; 32]), network.validator(0));
    let (nobodys, validators) = (encoded(evidence(&network, &made_up, 0)), encoded(evidence(&network, &real, 0)));
    talker.publish(Topic::Evidence, nobodys.clone());
    talker.publish(Topic::Evidence, validators.clone());
    wait_for("the listener hears it", || listener.heard(Topic::Evidence).contains(&validators).then_some(()));
    assert!(!listener.heard(Topic::Evidence).contains(&nobodys));
    assert!(talker.is_connected(node), "neither is an offence");
    let _company = Stranger::company(&network, node);
    let mut round = 1;
    let mut forged = || {
        let Evidence::Votes { first, mut second } = evidence(&network, &real, round) else {
            unreachable!("made above")
        };
        second.signature = first.signature;
        round += 1;
        encoded(Evidence::Votes { first, second })
    };
    wait_for("the node parts from who brings false evidence", || {
        talker.publish(Topic::Evidence, forged());
        std::thread::sleep(Duration::from_millis(100));
        (!talker.is_connected(node)).then_some(())
    });
}

/// SPEC EVID-2, API-11.
#[test]
fn who_contradicts_itself_is_barred_and_every_node_tells_its_readers_why() {
    let mut network = Network::new(4, &["--idle-block-interval", "500"]);
    (0..3).for_each(|index| {
        network.start(index);
    });
    network.node(0).wait_for_block(Height(2));
    let mut streams: Vec<_> = network.nodes().map(|node| node.listen(&[EventTopic::Barred])).collect();
    let liar = network.validator(3);
    let evidence = evidence(&network, &liar, 3);
    let talker = Stranger::meeting(&network, network.node(0));
    talker.publish(Topic::Evidence, encoded(evidence.clone()));
    let mut blocks = vec![];
    for events in &mut streams {
        let told = run(async { timeout(PATIENCE, events.next()).await });
        let told = told.expect("the liar is barred").expect("the stream holds").expect("the node runs");
        let NodeEvent::Barred(told) = told else { panic!("not asked for: {told:?}") };
        assert_eq!((told.account, told.offence), (liar.address(), OffenceView::from(&evidence)));
        assert!(told.burned > Coins::ZERO);
        blocks.push(told.height);
    }
    assert!(blocks.windows(2).all(|pair| pair[0] == pair[1]), "one block bars it: {blocks:?}");
    for node in network.nodes() {
        node.wait_for_block(blocks[0]);
        assert_eq!(node.status().barred, [liar.address()]);
    }
}

/// Another version, or a vote on another topic than its own, is rejected like anything that no honest node says.
#[test]
fn what_is_said_on_the_wrong_topic_costs_its_bearer_the_connection() {
    let network = Network::lone();
    let _company = Stranger::company(&network, network.node(0));
    for topic in [Topic::Evidence, Topic::Blocks] {
        let talker = Stranger::meeting(&network, network.node(0));
        let mut salt = 0;
        wait_for("the node parts from it", || {
            let message = ConsensusMessage::Vote(prevote(&network, &network.validator(0), 0, None));
            talker.publish(topic, codec::encode(&ConsensusEnvelope { version: ENVELOPE_VERSION, salt, message }));
            salt += 1;
            std::thread::sleep(Duration::from_millis(100));
            (!talker.is_connected(network.node(0))).then_some(())
        });
    }
}
