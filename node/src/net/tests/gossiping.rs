//! Transactions and consensus messages, over one hop and over two.

use super::people::{block, transactions, vote};
use super::raw::{LiarEvent, RawPeer, frame};
use super::world::{Node, caller, config, height_of_vote, pair, status, votes_reach};
use crate::net::{NetEvent, NetVerdict};
use blockchat_proto::codec;
use blockchat_proto::gossip::{ConsensusEnvelope, ConsensusMessage, ENVELOPE_VERSION, Topic, TransactionBatch};
use blockchat_proto::keys::{Address, Signature};
use blockchat_proto::sync::STATUS_PROTOCOL;
use blockchat_proto::units::{Height, Round};
use blockchat_proto::vote::{Proposal, SignedProposal};
use libp2p::gossipsub;
use libp2p::swarm::SwarmEvent;
use std::collections::BTreeSet;

/// A line: the outer two listen nowhere, so that they cannot find each other.
async fn line(middle: NetVerdict) -> (Node, Node, Node) {
    let mut centre = Node::start_with(config(1), middle).await;
    let mut left = Node::start(caller(2, centre.address())).await;
    let mut right = Node::start(caller(3, centre.address())).await;
    left.peer().await;
    right.peer().await;
    votes_reach(&left, &mut centre, 1_000_000).await;
    votes_reach(&right, &mut centre, 2_000_000).await;
    votes_reach(&centre, &mut left, 3_000_000).await;
    votes_reach(&centre, &mut right, 4_000_000).await;
    (left, centre, right)
}

fn batch(event: &NetEvent) -> Option<TransactionBatch> {
    match event {
        NetEvent::Transactions { batch, .. } => Some(batch.clone()),
        _ => None,
    }
}

#[tokio::test]
async fn transactions_reach_the_end_of_a_line_exactly_once() {
    let (left, mut centre, mut right) = line(NetVerdict::Accept).await;
    let sent = transactions(1_000);
    left.net.gossip(sent.clone());
    for node in [&mut centre, &mut right] {
        let mut nonces = BTreeSet::new();
        let mut count = 0;
        node.until("all transactions are there", |event| {
            let batch = batch(event)?;
            count += batch.transactions.len();
            nonces.extend(batch.transactions.iter().map(|signed| signed.transaction.nonce));
            (nonces.len() == sent.len()).then_some(())
        })
        .await;
        // A vote sent after them, over the same wire, comes after them: whatever came twice would be here by now.
        let height = 5_000_000;
        left.net.broadcast(vote(height));
        node.until("the vote comes", |event| {
            count += batch(event).map_or(0, |batch| batch.transactions.len());
            (height_of_vote(event)? >= height).then_some(())
        })
        .await;
        assert_eq!(count, sent.len());
        left.net.broadcast(vote(height + 1));
    }
}

#[tokio::test]
async fn votes_and_proposals_reach_the_end_of_a_line() {
    let (left, _centre, mut right) = line(NetVerdict::Accept).await;
    left.net.broadcast(vote(7));
    right.vote(7).await;
    let block = block(8);
    let about = Proposal {
        height: Height(8),
        round: Round(0),
        block: block.header.hash(),
        lock_round: None,
        leader: Address([3; 32]),
    };
    let proposal = SignedProposal { proposal: about, signature: Signature([0; 64]) };
    let sent = ConsensusMessage::Proposal { proposal, block: Some(block) };
    left.net.broadcast(sent.clone());
    right
        .until("the proposal comes", |event| match event {
            NetEvent::Consensus { message, .. } if *message == sent => Some(()),
            _ => None,
        })
        .await;
}

#[tokio::test]
async fn the_same_vote_can_be_said_again() {
    let (one, mut other) = pair().await;
    votes_reach(&one, &mut other, 1_000).await;
    for _ in 0..2 {
        one.net.broadcast(vote(7));
        other.vote(7).await;
    }
}

#[tokio::test]
async fn what_is_ignored_or_rejected_is_not_passed_on() {
    for verdict in [NetVerdict::Ignore, NetVerdict::Reject] {
        let mut centre = Node::start_with(config(1), verdict).await;
        let left = Node::start(caller(2, centre.address())).await;
        let mut right = Node::start(caller(3, centre.address())).await;
        right.peer().await;
        votes_reach(&left, &mut centre, 1_000).await;
        // The centre's own message, sent after its verdict, arrives, and nothing before it.
        votes_reach(&centre, &mut right, 2_000).await;
        let heights: Vec<_> = right.past().iter().filter_map(height_of_vote).collect();
        assert!(!heights.is_empty() && heights.iter().all(|height| *height >= 2_000), "{verdict:?}: {heights:?}");
    }
}

#[tokio::test]
async fn a_vote_sent_before_anybody_listens_is_not_lost() {
    let mut one = Node::start(config(1)).await;
    let other = Node::start(caller(2, one.address())).await;
    // No peer has subscribed yet; it goes out with the first subscription.
    other.net.broadcast(vote(7));
    one.vote(7).await;
}

/// Gossip delivers nothing twice: were it dropped, a peer that never identifies itself could bring true votes just to
/// have them forgotten here.
#[tokio::test]
async fn what_a_peer_says_before_its_status_is_heard() {
    let mut node = Node::start(config(1)).await;
    let genesis = super::people::genesis("test");
    let mut silent = RawPeer::new("/blockchat/silence/1".into(), &genesis.short_name(), vec![]);
    silent.connect(&node.address()).await;
    silent.until("the node subscribes", subscribed).await;
    let topic = silent.topics.ident(Topic::Votes);
    let envelope = ConsensusEnvelope { version: ENVELOPE_VERSION, salt: 1, message: vote(7) };
    silent.swarm.behaviour_mut().gossip.publish(topic, codec::encode(&envelope)).unwrap();
    tokio::select! {
        () = silent.live() => unreachable!("it lives for ever"),
        () = node.vote(7) => {}
    }
    assert!(node.past().iter().all(|event| !matches!(event, NetEvent::PeerStatus { .. })));
}

fn subscribed(event: &SwarmEvent<LiarEvent>) -> Option<()> {
    matches!(event, SwarmEvent::Behaviour(LiarEvent::Gossip(gossipsub::Event::Subscribed { .. }))).then_some(())
}

#[tokio::test]
async fn gossip_that_does_not_decode_ends_here_and_its_sender_is_let_go() {
    let node = Node::start(config(1)).await;
    // Three honest peers: the last two would be kept whatever they do.
    let mut honest = vec![];
    for seed in 2..5 {
        let mut peer = Node::start(caller(seed, node.address())).await;
        peer.peer().await;
        honest.push(peer);
    }
    let genesis = super::people::genesis("test");
    let ours = frame(&codec::encode(&status(&genesis, 0)));
    let mut liar = RawPeer::new(STATUS_PROTOCOL.into(), &genesis.short_name(), ours);
    liar.connect(&node.address()).await;
    liar.until("the node subscribes", subscribed).await;
    for garbage in 0..3_u8 {
        let topic = liar.topics.ident(Topic::Votes);
        liar.swarm.behaviour_mut().gossip.publish(topic, vec![garbage; 100]).unwrap();
    }
    liar.closed().await;
    let heard = |peer: &Node| peer.past().iter().filter_map(height_of_vote).count();
    assert!(honest.iter().all(|peer| heard(peer) == 0));
    super::world::eventually("the honest ones remain", async || node.net.peer_count() == 3).await;
}
