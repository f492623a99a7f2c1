//! Finding peers that are not there yet, are no longer where they were, or are known to others only.

use super::world::{Node, caller, config, eventually};
use crate::net::{NetConfig, NetEvent};
use blockchat_client::shapes::PeerSource;
use tokio::net::TcpListener;

/// A free port.
async fn free_port() -> u16 {
    TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap().port()
}

#[tokio::test]
async fn a_configured_peer_is_dialled_until_it_appears() {
    let door = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = format!("/ip4/127.0.0.1/tcp/{}", door.local_addr().unwrap().port());
    let mut early = Node::start(caller(1, address.clone())).await;
    for _ in 0..2 {
        // A listener that accepts and says nothing, as a machine does whose node is not up yet.
        drop(door.accept().await.unwrap());
    }
    drop(door);
    let mut late = Node::start(NetConfig { listen: vec![address], ..config(2) }).await;
    early.peer().await;
    late.peer().await;
}

#[tokio::test]
async fn a_name_is_resolved_and_does_not_lead_to_more_than_one_connection() {
    let one = Node::start(config(1)).await;
    let name = format!("/dns4/localhost/tcp/{}", one.port());
    let twice = vec![name, one.address()];
    let mut other = Node::start(NetConfig { peers: twice, ..caller(2, String::new()) }).await;
    let peer = other.peer().await;
    one.status.send_modify(|status| status.height = blockchat_proto::units::Height(1));
    let still = other
        .until("the head is told", |event| match event {
            NetEvent::PeerStatus { peer, status } if status.height.0 == 1 => Some(*peer),
            _ => None,
        })
        .await;
    assert_eq!(peer, still);
}

#[tokio::test]
async fn a_name_that_leads_nowhere_is_no_error_and_does_not_keep_from_those_that_lead_somewhere() {
    let mut one = Node::start(config(1)).await;
    let nowhere = "/dns4/not-there-yet.invalid/tcp/7475".to_owned();
    let mut other = Node::start(NetConfig { peers: vec![nowhere, one.address()], ..caller(2, String::new()) }).await;
    one.peer().await;
    other.peer().await;
}

#[tokio::test]
async fn how_a_peer_was_found_is_told_on_both_sides() {
    let one = Node::start(config(1)).await;
    let by_name = Node::start(caller(2, format!("/dns4/localhost/tcp/{}", one.port()))).await;
    let by_address = Node::start(caller(3, one.address())).await;
    eventually("both are there", async || one.net.peers().await.len() == 2).await;
    for (node, source) in [(&by_name, "dns"), (&by_address, "peer")] {
        let seen = async || node.net.peers().await.into_iter().find(|peer| peer.peer_id == one.net.peer_id());
        eventually("it is there too", async || seen().await.is_some()).await;
        let peer = seen().await.unwrap();
        assert_eq!((peer.source.as_str(), peer.inbound), (source, false));
    }
    assert!(one.net.peers().await.iter().all(|peer| peer.inbound && peer.source == PeerSource::Inbound));
    let known = one.net.peers_known().await;
    assert_eq!(known.iter().filter(|peer| peer.connected).count(), 2, "{known:?}");
}

#[tokio::test]
async fn our_own_address_among_the_peers_does_no_harm() {
    let port = free_port().await;
    let own = format!("/ip4/127.0.0.1/tcp/{port}");
    let mut one = Node::start(NetConfig { listen: vec![own.clone()], peers: vec![own], ..config(1) }).await;
    let mut other = Node::start(caller(2, one.address())).await;
    other.peer().await;
    one.peer().await;
}

#[tokio::test]
async fn another_peer_than_named_at_an_address_is_refused_and_shown() {
    let one = Node::start(config(1)).await;
    let wrong = crate::net::peer_id_of(&[77; 32]);
    let other = Node::start(caller(2, format!("{}/p2p/{wrong}", one.address()))).await;
    let shown = async || other.net.peers_known().await.into_iter().find(|known| known.problem.is_some());
    eventually("it is shown", async || shown().await.is_some()).await;
    let known = shown().await.unwrap();
    assert_eq!((known.peer_id, known.connected), (Some(wrong), false));
    assert!(known.problem.unwrap().contains(&one.net.peer_id()), "which peer answers is told");
    assert!(known.next_try.is_some());
    assert_eq!((other.net.peer_count(), one.net.peer_count()), (0, 0));
}

#[tokio::test]
async fn what_is_not_reached_is_shown_with_the_reason_and_the_next_try() {
    let port = free_port().await;
    let (nobody, unknown) = (format!("/ip4/127.0.0.1/tcp/{port}"), "/dns4/nowhere.invalid/tcp/7475".to_owned());
    let peers = vec![nobody.clone(), unknown.clone()];
    let node = Node::start(NetConfig { peers, ..config(1) }).await;
    for (address, reason) in [(nobody, "refused"), (unknown, "unknown name")] {
        eventually(&format!("{address} is shown: {reason}"), async || {
            let known = node.net.peers_known().await;
            let shown = known.iter().find(|known| known.addresses == [address.clone()]);
            shown.is_some_and(|known| known.problem.as_ref().is_some_and(|problem| problem.contains(reason)))
        })
        .await;
    }
}

#[tokio::test]
async fn after_the_first_dial_the_book_is_enough() {
    let folder = tempfile::tempdir().unwrap();
    let book = Some(folder.path().join("peers.cbor"));
    let mut one = Node::start(config(1)).await;
    let mut other = Node::start(NetConfig { book: book.clone(), ..caller(2, one.address()) }).await;
    other.peer().await;
    other.stop().await;
    one.gone().await;
    let mut again = Node::start(NetConfig { book, peers: vec![], ..caller(2, String::new()) }).await;
    again.peer().await;
    assert_eq!(again.net.peers().await[0].source, PeerSource::Book);
}

#[tokio::test]
async fn peers_of_peers_are_found_through_kademlia() {
    let centre = Node::start(config(1)).await;
    let mut nodes = vec![];
    for seed in 2..5 {
        nodes.push(Node::start(NetConfig { peers: vec![centre.address()], ..config(seed) }).await);
    }
    for node in &nodes {
        eventually("everybody knows everybody", async || node.net.peer_count() == 3).await;
    }
    let sources = async |node: &Node| node.net.peers().await.into_iter().map(|peer| peer.source).collect::<Vec<_>>();
    let mut found = 0;
    for node in &nodes {
        found += sources(node).await.iter().filter(|source| **source == PeerSource::Kademlia).count();
    }
    assert!(found >= 3, "three pairs found each other");
}

#[tokio::test]
async fn two_nodes_that_dial_each_other_at_once_stay_connected() {
    let (first, second) = (free_port().await, free_port().await);
    let address = |port: u16| format!("/ip4/127.0.0.1/tcp/{port}");
    let start = |seed, own, peer| {
        Node::start(NetConfig { listen: vec![address(own)], peers: vec![address(peer)], ..config(seed) })
    };
    let (mut one, mut other) = tokio::join!(start(1, first, second), start(2, second, first));
    let (peer_of_one, peer_of_other) = (one.peer().await, other.peer().await);
    super::world::votes_reach(&one, &mut other, 1).await;
    super::world::votes_reach(&other, &mut one, 1).await;
    let left = |node: &Node| node.past().iter().any(|event| matches!(event, NetEvent::PeerGone { .. }));
    assert!(!left(&one) && !left(&other), "{peer_of_one:?} {peer_of_other:?}");
}
