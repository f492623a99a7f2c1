//! Nodes that become peers, and nodes that do not.

use super::people::genesis;
use super::raw::{RawPeer, frame};
use super::world::{Node, caller, config, eventually, pair, status};
use crate::net::NetEvent;
use blockchat_proto::codec;
use blockchat_proto::sync::{STATUS_PROTOCOL, Status};
use blockchat_proto::units::Height;

fn height_told(event: &NetEvent) -> Option<Height> {
    match event {
        NetEvent::PeerStatus { status, .. } => Some(status.height),
        _ => None,
    }
}

#[tokio::test]
async fn two_nodes_tell_each_other_where_they_are_and_see_each_other_as_peers() {
    let (one, other) = pair().await;
    eventually("both count one peer", async || one.net.peer_count() == 1 && other.net.peer_count() == 1).await;
    let (seen, sees) = (other.net.peers().await, one.net.peers().await);
    assert_eq!((seen[0].peer_id.clone(), seen[0].inbound, seen[0].source.as_str()), (one.net.peer_id(), false, "peer"));
    assert_eq!(
        (sees[0].peer_id.clone(), sees[0].inbound, sees[0].source.as_str()),
        (other.net.peer_id(), true, "inbound")
    );
    eventually("the round trip is measured", async || one.net.peers().await[0].latency_ms.is_some()).await;
}

#[tokio::test]
async fn a_new_head_is_told_to_peers_that_are_behind() {
    let (one, mut other) = pair().await;
    one.status.send_modify(|status| status.height = Height(5));
    let told = other.until("the head is told", |event| height_told(event).filter(|height| *height == Height(5))).await;
    assert_eq!(told, Height(5));
}

#[tokio::test]
async fn a_status_can_be_sent_to_one_peer() {
    let (mut one, mut other) = pair().await;
    let peer = one.past().iter().find_map(|event| match event {
        NetEvent::PeerStatus { peer, .. } => Some(*peer),
        _ => None,
    });
    one.net.send_status(peer.unwrap());
    other.peer().await;
    one.peer().await;
}

#[tokio::test]
async fn a_node_of_another_chain_never_becomes_a_peer() {
    let mut one = Node::start(config(1)).await;
    let stranger = Node::start(crate::net::NetConfig { genesis: genesis("other"), ..caller(2, one.address()) }).await;
    let friend = Node::start(caller(3, one.address())).await;
    one.peer().await;
    eventually("the friend is there", async || friend.net.peer_count() == 1).await;
    assert_eq!(
        one.net.peers().await.iter().map(|peer| peer.peer_id.clone()).collect::<Vec<_>>(),
        [friend.net.peer_id()]
    );
    assert_eq!(stranger.net.peer_count(), 0);
}

#[tokio::test]
async fn whoever_says_another_chain_or_version_is_parted_from_each_time() {
    let ours = status(&genesis("test"), 0);
    let other_chain = status(&genesis("other"), 0);
    for wrong in [other_chain, Status { version: 2, ..ours }] {
        let node = Node::start(config(1)).await;
        let answer = frame(&codec::encode(&wrong));
        let mut stranger = RawPeer::new(STATUS_PROTOCOL.into(), "test-00000000", answer);
        for _ in 0..2 {
            stranger.connect(&node.address()).await;
            stranger.closed().await;
        }
        assert_eq!(node.net.peer_count(), 0);
        // With the same key on our chain it is welcome: it began anew, and must not be locked out.
        let peer = stranger.connect(&node.address()).await;
        stranger.ask(&peer, frame(&codec::encode(&ours))).await.expect("our status comes back");
    }
}

#[tokio::test]
async fn whoever_says_nothing_is_let_go() {
    let node = Node::start(config(1)).await;
    let mut silent = RawPeer::new("/blockchat/silence/1".into(), "test-00000000", vec![]);
    silent.connect(&node.address()).await;
    silent.closed().await;
    assert_eq!(node.net.peer_count(), 0);
}

#[tokio::test]
async fn a_taken_port_is_a_clear_error() {
    let one = Node::start(config(1)).await;
    let (_, told) = tokio::sync::watch::channel(status(&genesis("test"), 0));
    let taken = crate::net::NetConfig { listen: vec![one.address()], ..config(2) };
    let refused = crate::net::start(taken, told.clone(), tokio_util::sync::CancellationToken::new()).await.unwrap_err();
    assert!(matches!(&refused, crate::net::NetError::Listen { address, .. } if *address == one.address()), "{refused}");
    let wrong = crate::net::NetConfig { peers: vec!["localhost:7475".into()], ..config(2) };
    let refused = crate::net::start(wrong, told, tokio_util::sync::CancellationToken::new()).await.unwrap_err();
    assert!(matches!(refused, crate::net::NetError::Address { .. }), "{refused}");
}
