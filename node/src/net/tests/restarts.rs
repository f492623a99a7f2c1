//! Nodes that come back with the key they had (libp2p#5097).

use super::people::genesis;
use super::proxy::Proxy;
use super::raw::{RawPeer, frame};
use super::world::{Node, caller, config, pair, status, votes_reach};
use crate::net::{NetConfig, NetEvent};
use blockchat_proto::codec;
use blockchat_proto::gossip::Topic;
use blockchat_proto::sync::STATUS_PROTOCOL;
use std::time::Duration;
use tokio::time::timeout;

#[tokio::test]
async fn a_node_that_was_restarted_is_back_in_the_mesh() {
    let (mut one, mut other) = pair().await;
    votes_reach(&one, &mut other, 1_000).await;
    let address = one.address();
    other.stop().await;
    one.gone().await;
    let mut again = Node::start(caller(2, address)).await;
    votes_reach(&one, &mut again, 2_000).await;
    votes_reach(&again, &mut one, 3_000).await;
}

#[tokio::test]
async fn a_node_that_others_dial_is_back_in_the_mesh_after_a_restart() {
    let (one, mut other) = pair().await;
    let address = one.address();
    one.stop().await;
    other.gone().await;
    let mut again = Node::start(NetConfig { listen: vec![address], ..config(1) }).await;
    votes_reach(&other, &mut again, 1_000).await;
    votes_reach(&again, &mut other, 2_000).await;
}

/// The hard case: we still hold a connection to the earlier run, which will never say anything again.
#[tokio::test]
async fn a_restarted_node_whose_old_connection_is_half_open_is_back_in_the_mesh() {
    let mut one = Node::start(config(1)).await;
    let wire = Proxy::to(one.port()).await;
    let mut other = Node::start(caller(2, wire.address())).await;
    votes_reach(&one, &mut other, 1_000).await;
    votes_reach(&other, &mut one, 2_000).await;
    wire.cut();
    other.stop().await;
    let mut again = Node::start(caller(2, wire.address())).await;
    votes_reach(&again, &mut one, 3_000).await;
    votes_reach(&one, &mut again, 4_000).await;
}

#[tokio::test]
async fn a_connection_that_died_silently_is_noticed_and_made_anew() {
    let mut one = Node::start(config(1)).await;
    let wire = Proxy::to(one.port()).await;
    let mut other = Node::start(caller(2, wire.address())).await;
    votes_reach(&one, &mut other, 1_000).await;
    super::world::eventually("both have pinged", async || {
        let pinged = async |node: &Node| node.net.peers().await.iter().any(|peer| peer.latency_ms.is_some());
        pinged(&one).await && pinged(&other).await
    })
    .await;
    wire.cut();
    other.gone().await;
    votes_reach(&other, &mut one, 2_000).await;
    votes_reach(&one, &mut other, 3_000).await;
}

fn unmarked(topics: &[Topic]) -> RawPeer {
    let genesis = genesis("test");
    let ours = frame(&codec::encode(&status(&genesis, 0)));
    let mut peer = RawPeer::new(STATUS_PROTOCOL.into(), &genesis.short_name(), ours);
    for topic in Topic::ALL.iter().filter(|topic| !topics.contains(topic)) {
        let ident = peer.topics.ident(*topic);
        peer.swarm.behaviour_mut().gossip.unsubscribe(&ident);
    }
    peer
}

/// The deaf one says which chain it is of, but its topics never came: what we publish would not go to it for as long as
/// it stays. The other one wants transactions only, and does not answer pings either: longer than any silence may last.
#[tokio::test]
async fn a_peer_whose_topics_were_lost_is_connected_anew_and_one_that_wants_few_is_kept() {
    let node = Node::start(config(1)).await;
    let (mut choosy, mut deaf) = (unmarked(&[Topic::Transactions]), unmarked(&[]));
    let peer = choosy.connect(&node.address()).await;
    deaf.connect(&node.address()).await;
    tokio::select! {
        () = choosy.closed() => panic!("one topic is enough"),
        () = deaf.closed() => {}
    }
    let ours = frame(&codec::encode(&status(&genesis("test"), 0)));
    assert!(choosy.ask(&peer, ours).await.is_some(), "it is still connected");
}

/// Once, a second connection more than 5 s after the first counted as a restart of such a peer, and it lost both.
#[tokio::test]
async fn a_second_connection_of_a_peer_that_does_not_tell_its_run_costs_it_neither() {
    let node = Node::start(config(1)).await;
    let mut peer = unmarked(&Topic::ALL);
    peer.connect(&node.address()).await;
    assert!(timeout(Duration::from_secs(6), peer.live()).await.is_err());
    peer.connect(&node.address()).await;
    assert!(timeout(Duration::from_secs(3), peer.closed()).await.is_err(), "no connection was closed");
    assert_eq!(node.net.peer_count(), 1);
}

/// The same identity twice, and both alive: the one that was here first stays, hears and is heard; the other one is told.
#[tokio::test]
async fn a_copy_of_a_node_is_refused_and_told_and_the_original_stays_in_the_mesh() {
    let (mut one, mut original) = pair().await;
    votes_reach(&one, &mut original, 1_000).await;
    let mut copy = Node::start(caller(2, one.address())).await;
    let shut_out = copy.until("it is told", |event| match event {
        NetEvent::Elsewhere { shut_out } => Some(*shut_out),
        _ => None,
    });
    assert!(shut_out.await);
    assert!(!copy.past().iter().any(|event| matches!(event, NetEvent::PeerStatus { .. })), "it was never taken");
    votes_reach(&one, &mut original, 2_000).await;
    votes_reach(&original, &mut one, 3_000).await;
    let peers = one.net.peers().await;
    assert!(peers.len() == 1 && peers[0].other_run.is_some(), "{peers:?}");
    assert!(!one.past().iter().any(|event| matches!(event, NetEvent::PeerGone { .. })));
    original.stop().await;
    votes_reach(&one, &mut copy, 4_000).await;
}
