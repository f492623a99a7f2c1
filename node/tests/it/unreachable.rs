//! Peers that cannot be reached: each is named, with the reason and the next try, or refused at the start.

use crate::support::{Home, Node, says, wait_for};
use serde_json::Value;
use std::net::TcpListener;

/// An unused address of this machine.
fn nobody() -> String {
    let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    format!("/ip4/127.0.0.1/tcp/{port}")
}

/// A node's knowledge of the peer at this address, once it has a problem with it.
fn problem_with(home: &Home, node: &Node, address: &str) -> Value {
    wait_for(&format!("{address} has a problem"), || {
        let known = home.json(&["peers", "--known", "--api", &node.ready.api]);
        let items = known["items"].as_array().unwrap().clone();
        items.into_iter().find(|peer| {
            let is_there = peer["addresses"].as_array().unwrap().iter().any(|one| *one == *address);
            is_there && peer["problem"].is_string()
        })
    })
}

#[test]
fn peers_that_are_not_reached_are_listed_with_the_reason_and_the_next_try() {
    let home = Home::new();
    let (nobody, unknown) = (nobody(), "/dns4/nowhere.invalid/tcp/7475".to_owned());
    let node = Node::start_with(&home.path(), &["--peer", &nobody, "--peer", &unknown]);
    for (address, reason) in [(nobody, "connection refused"), (unknown, "unknown name")] {
        let known = problem_with(&home, &node, &address);
        says(known["problem"].as_str().unwrap(), &[reason]);
        assert!(known["next_try"].as_u64().unwrap() > 1_600_000_000_000, "{known}");
        assert_eq!((&known["peer_id"], &known["connected"]), (&Value::Null, &Value::Bool(false)));
        for args in [&["peers", "--known"][..], &["peers"]] {
            let said = home.run(&[args, &["--api", &node.ready.api]].concat());
            says(&said.out, &[&address, reason, "next try in"]);
        }
    }
}

#[test]
fn another_identity_than_the_one_named_is_refused_and_said() {
    let (one, other) = (Home::new(), Home::new());
    let first = one.start();
    let wrong = "12D3KooWEyoppNCUx8Yx66oV9fJnriXwCcXwDDUA2kj6vnc6iDEp";
    let address = first.ready.listen[0].split("/p2p/").next().unwrap().to_owned();
    let named = format!("{address}/p2p/{wrong}");
    let second = Node::start_with(&other.path(), &["--peer", &named]);
    let known = problem_with(&other, &second, &address);
    says(known["problem"].as_str().unwrap(), &["another peer answers there", &first.ready.peer_id]);
    assert_eq!(known["peer_id"], wrong);
    let peers = one.json(&["peers", "--api", &first.ready.api]);
    assert_eq!(peers["items"].as_array().unwrap().len(), 0, "no connection of the wrong one is kept");
    let joiner = Home::new();
    let said = joiner.run(&["run", "--join", "--no-mdns", "--join-wait", "3", "--peer", &named]);
    assert_ne!(said.code, 0);
    says(&said.err, &["another peer answers there", &first.ready.peer_id]);
}

#[test]
fn what_can_never_be_dialled_is_refused_at_the_start() {
    let home = Home::new();
    drop(home.start());
    for (address, reason) in [
        ("/ip4/127.0.0.9", "no port"),
        ("/dns4/node.example", "no port"),
        ("/ip4/127.0.0.1/udp/7475/quic-v1", "not QUIC"),
        ("/ip4/127.0.0.1/tcp/7475/ws", "WebSocket"),
    ] {
        let listen = ["--api", "127.0.0.1:0", "--listen", "/ip4/127.0.0.1/tcp/0", "--no-mdns"];
        let err = home.refused(1, &[&["run", "--peer", address], &listen[..]].concat());
        says(&err, &[address, "cannot be dialled", reason, "next: correct --peer"]);
        let fresh = Home::new();
        let err = fresh.refused(2, &["run", "--join", "--no-mdns", "--peer", address]);
        says(&err, &[address, "cannot be dialled", reason]);
    }
}
