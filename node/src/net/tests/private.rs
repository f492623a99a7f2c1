//! Private networks: configured peers only, and addresses that are not announced.

use super::world::{Node, config, eventually};
use crate::config::Announce;
use crate::net::{NetConfig, peer_id_of};

/// A node of a private network that knows these peers.
fn private(seed: u8, peers: Vec<String>) -> NetConfig {
    NetConfig { peers, only_peers: true, announce: Announce::None, ..config(seed) }
}

/// Nothing listens there; the id counts.
fn only_the_id_of(seed: u8) -> String {
    format!("/ip4/127.0.0.1/tcp/9/p2p/{}", peer_id_of(&[seed; 32]))
}

#[tokio::test]
async fn in_a_private_network_only_those_get_in_who_are_named() {
    let one = Node::start(private(1, vec![only_the_id_of(2)])).await;
    let own_id = peer_id_of(&[1; 32]);
    let named = Node::start(private(2, vec![format!("{}/p2p/{own_id}", one.address())])).await;
    let stranger = Node::start(NetConfig { peers: vec![one.address()], ..config(3) }).await;
    let other = Node::start(NetConfig { peers: vec![one.address(), stranger.address()], ..config(4) }).await;
    eventually("the two that are named have met", async || named.net.peers().await.len() == 1).await;
    // The strangers have each other, and had as much time to get in.
    eventually("the strangers have met", async || {
        stranger.net.peers().await.iter().any(|peer| peer.peer_id == other.net.peer_id())
    })
    .await;
    let inside: Vec<_> = one.net.peers().await.into_iter().map(|peer| peer.peer_id).collect();
    assert_eq!(inside, [named.net.peer_id()]);
    assert!(stranger.net.peers().await.iter().all(|peer| peer.peer_id != one.net.peer_id()));
}

#[tokio::test]
async fn who_announces_nothing_is_known_by_no_address_of_its_own() {
    let announced = "/ip4/10.9.8.7/tcp/7475";
    for (announce, told) in [(Announce::None, 0), (Announce::External, 1), (Announce::All, 2)] {
        let one = Node::start(config(1)).await;
        let caller = NetConfig { external: vec![announced.into()], announce, ..config(2) };
        let two = Node::start(NetConfig { peers: vec![one.address()], ..caller }).await;
        let addresses = async || {
            let known = one.net.peers_known().await.into_iter().find(|peer| peer.peer_id == Some(two.net.peer_id()));
            known.map(|peer| peer.addresses).unwrap_or_default()
        };
        eventually("they have met", async || one.net.peers().await.len() == 1).await;
        if told > 0 {
            eventually("the addresses are told", async || addresses().await.len() >= told).await;
        }
        let addresses = addresses().await;
        let own = two.address();
        assert_eq!(
            addresses.iter().any(|address| address.starts_with(&own)),
            announce == Announce::All,
            "{addresses:?}"
        );
        assert_eq!(addresses.iter().any(|address| address == announced), told > 0, "{addresses:?}");
    }
}
