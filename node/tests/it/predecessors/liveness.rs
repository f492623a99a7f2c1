//! Nodes die, freeze or fall silent: the chain goes on as long as more than two thirds of the stake can.
//!
//! A dead validator, one lost packet, a race on the pool and a lock held during a remote call each stopped a predecessor
//! for ever.

use super::network::{Network, micro, run, runtime};
use super::stranger::Stranger;
use crate::support::wait_for;
use blockchat_client::shapes::{Phase, TransactionState, path};
use blockchat_client::{Client, ClientError};
use blockchat_proto::keys::Address;
use blockchat_proto::leader::leader_for;
use blockchat_proto::transaction::SignedTransaction;
use blockchat_proto::units::{Height, Round};
use blockchat_proto::validators::{Validator, ValidatorSet};
use std::time::Duration;
use tokio::io::AsyncWriteExt;
use tokio::net::TcpStream;

const BOB: Address = Address([2; 32]);
/// Blocks come with transactions only.
const QUIET: [&str; 4] = ["--idle-block-interval", "3600000", "--block-interval", "20"];

/// Four validators, running and agreed on a first block.
fn four(flags: &[&str]) -> Network {
    let mut network = Network::new(4, flags);
    (0..4).for_each(|index| drop(network.start(index).status()));
    network.node(0).submit_and_wait(&network.send(&network.wallet(0), 0, BOB, 1, "first"));
    network.wait_until_agreed();
    network.wait_until_acquainted();
    network
}

/// The leader of the next height's first round, by the rules and a node's own status.
fn next_leader(network: &Network) -> Address {
    let status = network.node(0).status();
    let member =
        |view: &blockchat_client::shapes::ValidatorView| Validator { address: view.address, stake: view.stake.into() };
    let set = ValidatorSet::new(status.validators.iter().map(member).collect()).unwrap();
    leader_for(&set, status.tip, status.height.next(), Round(0))
}

#[test]
pub(super) fn a_dead_leader_does_not_stop_the_chain_and_comes_back() {
    let mut network = four(&QUIET);
    let tip = network.node(0).status().height;
    let leader = next_leader(&network);
    let dead = network.index_of(&leader);
    network.kill(dead);
    let alive = network.nodes().next().expect("three are left");
    let signed = network.send(&network.wallet(0), 1, BOB, 1, "second");
    alive.submit(&signed).unwrap();
    let block = alive.wait_for_block(tip.next());
    assert!(block.round > Round(0) && block.leader != leader, "a second leader, in a later round: {block:?}");
    alive.wait_until_final(signed.id());

    // It comes back, has all it missed, and its voice counts again.
    network.start(dead);
    for nonce in 2.. {
        network.node(dead).submit_and_wait(&network.send(&network.wallet(0), nonce, BOB, 1, ""));
        let height = network.wait_until_agreed();
        if network.node(dead).block(height).signers.contains(&leader) {
            break;
        }
    }
    assert_eq!(network.node(dead).block(tip.next()).hash, block.hash);
}

/// Frozen until the others have hung up: messages on their way to them are lost, and no node can ask for them again.
#[test]
pub(super) fn lost_messages_hold_the_chain_up_no_longer_than_they_must() {
    let network = four(&QUIET);
    let frozen = [network.node(2), network.node(3)];
    let ids = frozen.map(|node| node.peer_id().to_owned());
    frozen.iter().for_each(|node| node.freeze());
    let (node, tip) = (network.node(0), network.node(0).status().height);
    let signed = network.send(&network.wallet(0), 1, BOB, 1, "into the void");
    node.submit(&signed).unwrap();
    for alive in [node, network.node(1)] {
        wait_for("its connections to the frozen ones are closed", || {
            let peers = run(alive.client.peers()).unwrap();
            peers.iter().all(|peer| !ids.contains(&peer.peer_id)).then_some(())
        });
    }
    // Half of the stake decides nothing, and says so.
    wait_for("the node says whom it misses", || match node.status().phase {
        Phase::WaitingForStake { missing, .. } => (missing.len() == 2).then_some(()),
        _ => None,
    });
    assert_eq!(node.status().height, tip);
    frozen.iter().for_each(|node| node.thaw());
    for node in network.nodes() {
        node.wait_until_final(signed.id());
    }
    network.wait_until_agreed();
}

/// Six contradicting transactions for each nonce of each sender, all at once, to all nodes.
#[test]
pub(super) fn a_race_on_the_pool_settles_and_the_chain_goes_on() {
    const NONCES: u64 = 10;
    const VARIANTS: u64 = 6;
    let network = four(&["--idle-block-interval", "1000", "--block-interval", "20"]);
    let senders = [network.wallet(1), network.validator(0), network.validator(1), network.validator(2)];
    let contradictions: Vec<Vec<SignedTransaction>> = senders
        .iter()
        .flat_map(|sender| {
            let variant = |nonce, variant: u64| network.send(sender, nonce, BOB, 1_000 + variant, "");
            (0..NONCES).map(move |nonce| (0..VARIANTS).map(|number| variant(nonce, number)).collect())
        })
        .collect();
    let urls: Vec<_> = network.nodes().map(|node| node.client.url().to_owned()).collect();
    let racers: Vec<_> = contradictions
        .iter()
        .flatten()
        .enumerate()
        .map(|(number, signed)| runtime().spawn(race(urls[number % urls.len()].clone(), signed.clone())))
        .collect();
    let answered = racers.into_iter().map(|racer| run(racer).expect("every submit is answered"));
    assert_eq!(answered.count(), contradictions.len() * usize::try_from(VARIANTS).unwrap());

    for sender in &senders {
        wait_for("every nonce is final", || {
            let mut accounts = network.nodes().map(|node| node.account(sender.address()));
            accounts.all(|account| account.next_nonce == NONCES).then_some(())
        });
    }
    network.wait_until_agreed();
    let mut paid = 1;
    for variants in &contradictions {
        let finals: Vec<_> = variants.iter().filter(|signed| is_final(&network, signed)).collect();
        assert_eq!(finals.len(), 1, "one of six");
        let position = variants.iter().position(|signed| signed == finals[0]).unwrap();
        paid += 1_000 + u64::try_from(position).unwrap();
    }
    network.nodes().for_each(|node| assert_eq!(node.account(BOB).balance, micro(paid)));
    network.node(3).submit_and_wait(&network.send(&network.wallet(0), 1, BOB, 1, "and on it goes"));
}

/// Submits over a connection of its own, until it gets an answer that is one.
async fn race(url: String, signed: SignedTransaction) {
    let client = Client::new(&url).unwrap();
    loop {
        match client.submit(&signed).await {
            Ok(_) => return,
            Err(ClientError::Problem(problem)) if problem.status != 503 => return,
            Err(_) => tokio::time::sleep(Duration::from_millis(20)).await,
        }
    }
}

fn is_final(network: &Network, signed: &SignedTransaction) -> bool {
    let places = network.nodes().map(|node| matches!(node.place(signed.id()), Some(TransactionState::Final { .. })));
    let places: Vec<_> = places.collect();
    assert!(places.iter().all(|place| *place == places[0]), "final on some nodes only");
    places[0]
}

/// A lock that only another node's answer releases would be held here for as long as the test likes.
#[test]
pub(super) fn nothing_waits_for_peers_and_clients_that_never_finish() {
    let network = Network::lone();
    let node = network.node(0);
    let mute = Stranger::claiming(&network, Height(1_000_000), Box::new(|_| None));
    mute.meet(node);
    wait_for("the node waits for an answer", || (!mute.questions().is_empty()).then_some(()));
    let api: String = node.client.url().trim_start_matches("http://").into();
    let open: Vec<TcpStream> = run(async {
        let mut open = vec![];
        for kind in ["application/json", "application/cbor"].repeat(20) {
            let to = if kind == "application/json" { path::TRANSACTIONS } else { path::TRANSACTIONS_BATCH };
            let mut client = TcpStream::connect(&api).await.unwrap();
            let head =
                format!("POST {to} HTTP/1.1\r\nhost: {api}\r\ncontent-type: {kind}\r\ncontent-length: 100\r\n\r\n");
            client.write_all(&[head.as_bytes(), b"[{"].concat()).await.unwrap();
            open.push(client);
        }
        for _ in 0..10 {
            open.push(TcpStream::connect(("127.0.0.1", node.port())).await.unwrap());
        }
        open
    });
    for nonce in 0..3 {
        node.submit_and_wait(&network.send(&network.wallet(0), nonce, BOB, 1, ""));
    }
    network.wait_for_growth(2);
    assert!(mute.is_connected(node), "it is still waited for, and nobody waits with it");
    drop(open);
}
