//! Nodes that come back with the key they had (libp2p#5097).

use super::people::genesis;
use super::proxy::Proxy;
use super::raw::{RawPeer, frame};
use super::world::{Node, caller, config, pair, status, votes_reach};
use crate::net::NetConfig;
use blockchat_proto::codec;
use blockchat_proto::gossip::Topic;
use blockchat_proto::sync::STATUS_PROTOCOL;

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

/// It says which chain it is of, but its topics never came: what we publish would not go to it for as long as it stays.
#[tokio::test]
async fn a_peer_whose_topics_were_lost_is_connected_anew() {
    let node = Node::start(config(1)).await;
    let genesis = genesis("test");
    let ours = frame(&codec::encode(&status(&genesis, 0)));
    let mut deaf = RawPeer::new(STATUS_PROTOCOL.into(), &genesis.short_name(), ours);
    let votes = deaf.topics.ident(Topic::Votes);
    deaf.swarm.behaviour_mut().gossip.unsubscribe(&votes);
    deaf.connect(&node.address()).await;
    deaf.closed().await;
}
