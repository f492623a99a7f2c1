//! Looking for a chain, among liars too.

use super::people::genesis;
use super::raw::{RawPeer, frame};
use super::world::{Node, PATIENCE, config};
use crate::net::{ChainSearch, SearchConfig, Sighting};
use blockchat_client::shapes::PeerSource;
use blockchat_proto::codec;
use blockchat_proto::genesis::Genesis;
use blockchat_proto::limits::GENESIS_BYTES_MAX;
use blockchat_proto::sync::GENESIS_PROTOCOL;
use libp2p::swarm::SwarmEvent;
use tokio::task::JoinHandle;
use tokio::time::timeout;

/// A peer that answers every question for the genesis with these bytes: where, and its life.
async fn liar(answer: Vec<u8>) -> (String, JoinHandle<()>) {
    let mut peer = RawPeer::new(GENESIS_PROTOCOL.into(), "any", answer);
    peer.swarm.listen_on("/ip4/127.0.0.1/tcp/0".parse().unwrap()).unwrap();
    let listening = |event: &SwarmEvent<_>| match event {
        SwarmEvent::NewListenAddr { address, .. } => Some(address.to_string()),
        _ => None,
    };
    let address = peer.until("it listens", listening).await;
    (address, tokio::spawn(async move { peer.live().await }))
}

fn search(peers: Vec<String>) -> ChainSearch {
    ChainSearch::start(&SearchConfig { peers, nearby: vec![], mdns: false }).unwrap()
}

async fn next(search: &mut ChainSearch) -> Sighting {
    timeout(PATIENCE, search.next()).await.expect("something is found out")
}

#[tokio::test]
async fn a_genesis_is_found_with_a_hash_of_our_own_computing() {
    let node = Node::start(config(1)).await;
    let mut search = search(vec![node.address()]);
    let Sighting::Chain { genesis: found, peer } = next(&mut search).await else { panic!("no chain") };
    assert_eq!((found.hash(), &found), (genesis("test").hash(), &genesis("test")));
    assert_eq!((peer.peer_id, peer.source), (node.net.peer_id(), PeerSource::Peer));
    assert!(search.has_heard_all_named());
}

#[tokio::test]
async fn what_is_no_genesis_or_breaks_its_rules_is_told_and_passed_over() {
    let valid = genesis("test").genesis().clone();
    let nobody_decides = codec::encode(&Genesis { accounts: vec![], ..valid.clone() });
    let bad_name = codec::encode(&Genesis { name: "\u{1b}[2J".into(), ..valid });
    let too_long = u32::try_from(GENESIS_BYTES_MAX + 1).unwrap().to_be_bytes().to_vec();
    let answers = [
        (frame(&nobody_decides), "refused"),
        (frame(&bad_name), "refused"),
        (frame(b"garbage"), "no genesis"),
        (too_long, "no genesis"),
    ];
    for (answer, reason) in answers {
        let (address, life) = liar(answer).await;
        let node = Node::start(config(1)).await;
        let mut search = search(vec![address.clone(), node.address()]);
        let (mut found, mut refused) = (false, false);
        while !found || !refused {
            match next(&mut search).await {
                Sighting::Chain { genesis: chain, .. } => found = chain == genesis("test"),
                Sighting::Useless { peer, reason: told } => refused = peer.address == address && told.contains(reason),
                Sighting::Unreachable { address, reason } => panic!("{address}: {reason}"),
            }
        }
        assert!(!search.has_heard_all_named(), "a liar has had no say, and may be replaced by an honest node");
        life.abort();
    }
}

#[tokio::test]
async fn an_address_without_a_node_is_told_with_the_reason_and_tried_again() {
    let node = Node::start(config(1)).await;
    let address = node.address();
    node.stop().await;
    let mut search = search(vec![address.clone()]);
    for _ in 0..2 {
        let Sighting::Unreachable { address: told, reason } = next(&mut search).await else {
            panic!("somebody answers")
        };
        assert_eq!((told, reason.as_str()), (address.clone(), "connection refused: nobody listens there"));
    }
    let node = Node::start(crate::net::NetConfig { listen: vec![address], ..config(1) }).await;
    while !matches!(next(&mut search).await, Sighting::Chain { .. }) {}
    node.stop().await;
}
