//! Crowds of strangers at a node's door, and what strangers could make it dial.

use super::people::genesis;
use super::world::{Node, caller, config, eventually};
use crate::net::behaviour;
use crate::net::gate::Gate;
use crate::net::gossip::Topics;
use crate::net::meter::Meters;
use crate::traffic::Traffic;
use futures::{FutureExt, StreamExt};
use libp2p::swarm::SwarmEvent;
use libp2p::{Multiaddr, PeerId, kad};
use std::sync::Arc;
use tokio::io::AsyncReadExt;
use tokio::net::{TcpListener, TcpStream};
use tokio::time::timeout;

/// SPEC NET-3.
#[tokio::test]
async fn a_crowd_of_connections_that_say_nothing_keeps_nobody_out_and_is_closed() {
    let node = Node::start(config(1)).await;
    let mut crowd = vec![];
    for _ in 0..300 {
        crowd.push(TcpStream::connect(("127.0.0.1", node.port())).await.unwrap());
    }
    let mut friend = Node::start(caller(2, node.address())).await;
    friend.peer().await;
    for mut silent in crowd {
        let ended = timeout(super::world::PATIENCE, silent.read_to_end(&mut vec![])).await;
        assert!(ended.is_ok(), "it is still open");
    }
    assert_eq!(node.net.peer_count(), 1);
}

/// SPEC NET-4.
#[tokio::test]
async fn what_kademlia_wants_to_dial_is_not_dialled() {
    let third_party = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address: Multiaddr =
        format!("/ip4/127.0.0.1/tcp/{}", third_party.local_addr().unwrap().port()).parse().unwrap();
    let topics = Topics::new(&genesis("test").short_name());
    let gate = Arc::new(Gate::new(1));
    let traffic = Arc::new(Traffic::default());
    let mut swarm = behaviour::swarm(&config(1), &topics, &gate, traffic, Meters::default()).unwrap();
    for _ in 0..5 {
        swarm.behaviour_mut().kad.as_mut().unwrap().add_address(&PeerId::random(), address.clone());
    }
    swarm.behaviour_mut().kad.as_mut().unwrap().get_closest_peers(PeerId::random());
    let over = async {
        loop {
            let event = swarm.select_next_some().await;
            if let SwarmEvent::Behaviour(behaviour::NetEvent::Kad(kad::Event::OutboundQueryProgressed { step, .. })) =
                event
                && step.last
            {
                break;
            }
        }
    };
    timeout(super::world::PATIENCE, over).await.expect("the walk ends");
    assert!(third_party.accept().now_or_never().is_none(), "somebody was dialled");
}

/// SPEC SYNC-6.
#[tokio::test]
async fn a_node_that_is_sent_away_knows_why() {
    let one = Node::start(config(1)).await;
    let stranger = crate::net::NetConfig { genesis: genesis("other"), ..caller(2, one.address()) };
    let stranger = Node::start(stranger).await;
    eventually("it is shown", async || {
        let known = stranger.net.peers_known().await;
        known.iter().any(|peer| peer.problem.as_ref().is_some_and(|why| why.contains("another chain")))
    })
    .await;
    assert_eq!((one.net.peer_count(), stranger.net.peer_count()), (0, 0));
}
