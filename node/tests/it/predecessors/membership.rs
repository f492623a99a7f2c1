//! Any node may begin, come, go and come back.
//!
//! The predecessors needed one bootstrap node, first and for ever; a number of nodes fixed beforehand; and names of one
//! digit.

use super::network::{Network, Running, micro};
use crate::support::{Said, program, wait_for};
use blockchat_node::wallet::keystore;
use blockchat_proto::coins::Coins;
use blockchat_proto::genesis::Genesis;
use blockchat_proto::keys::Address;
use blockchat_proto::transaction::Body;
use std::path::{Path, PathBuf};

const BOB: Address = Address([2; 32]);

/// A command of a person at this home, asking this node.
fn person(home: &Path, node: &Running, args: &[&str]) -> Said {
    let mut command = program();
    command.arg("--home").arg(home).args(args).args(["--output", "json"]);
    if !args.contains(&"new") {
        command.args(["--api", node.client.url()]);
    }
    command.output().expect("the program starts").into()
}

#[test]
pub(super) fn any_node_may_be_first_last_or_missing() {
    let mut network = Network::new(4, &["--idle-block-interval", "500", "--block-interval", "20"]);
    // The "first" one does not run, and nothing is missing.
    for index in [2, 3, 1] {
        network.start(index);
    }
    let alice = network.wallet(0);
    network.node(2).submit_and_wait(&network.send(&alice, 0, BOB, 1, "without id0"));
    // It comes last, and counts like any other.
    network.start_with(0, &["--peer", &network.node(1).address()]);
    network.wait_until_agreed();
    let (node, first) = (network.node(0), network.validator(0).address());
    wait_for("the last one votes", || node.block(node.status().height).signers.contains(&first).then_some(()));
    // The one that all the others had dialled goes for good.
    network.wait_until_acquainted();
    network.kill(2);
    network.node(0).submit_and_wait(&network.send(&alice, 1, BOB, 1, "without id2"));
    network.wait_for_growth(2);
    for node in network.nodes() {
        assert_eq!(node.account(BOB).balance, micro(2));
    }
}

#[test]
pub(super) fn somebody_who_was_not_there_at_the_start_joins_stakes_and_leads() {
    let mut network = Network::new(1, &["--idle-block-interval", "300", "--block-interval", "20"]);
    network.start(0);
    let (node, home) = (network.node(0), network.folder.path().join("newcomer"));
    let key = own_validator_key(&home, node);
    let me = keystore::load(&key, None).unwrap();
    let newcomer = Running::start(&home, &["--join", "--peer", &node.address()]);
    node.submit_and_wait(&network.send(&network.wallet(0), 0, me.address(), 500_000_000, "welcome"));
    newcomer.wait_for_block(node.status().height);
    assert_eq!(newcomer.account(me.address()).balance, Coins::from_bcc(500));
    newcomer.submit_and_wait(&network.sign(&me, 0, Body::Stake { amount: Coins::from_bcc(20) }));
    wait_for("the newcomer leads a block", || (node.block(node.status().height).leader == me.address()).then_some(()));
    assert_eq!(node.status().validators.len(), 2);
    // And payments go on with two where one had been foreseen.
    let signed = network.send(&network.wallet(0), 1, BOB, 1, "");
    newcomer.submit_and_wait(&signed);
    node.wait_until_final(signed.id());
}

/// A person makes the key that the newcomer's node will vote with.
fn own_validator_key(home: &Path, node: &Running) -> PathBuf {
    let made = person(home, node, &["wallet", "new", "validator", "--no-passphrase"]);
    assert_eq!(made.code, 0, "{}", made.err);
    let again = person(home, node, &["wallet", "new", "validator", "--no-passphrase"]);
    assert_ne!(again.code, 0, "a second key would leave the guard of the first: {}", again.out);
    home.join("keys/validator.pem")
}

/// id1 was what the parsers made of id10 and id11.
#[test]
pub(super) fn names_of_two_digits_are_themselves() {
    let mut network = Network::new(12, &["--block-interval", "20"]);
    rest_the_stake_on(&mut network, 10);
    network.start(10);
    let (node, home) = (network.node(10), network.home(11));
    for (name, amount) in [("id10", "10"), ("id1", "1"), ("id11", "11")] {
        let said = person(&home, node, &["send", name, amount]);
        assert_eq!(said.code, 0, "{name}: {}", said.err);
    }
    let gained = |index: usize, paid: u64| {
        let account = node.account(network.validator(index).address());
        (account.balance.micros() + account.stake.micros()).wrapping_sub(1_000_000_000 + paid)
    };
    let fees = 30_000 + 300_000 + 330_000;
    assert_eq!(gained(1, 1_000_000), 0);
    assert_eq!(gained(10, 10_000_000 + fees), 0, "the leader has the fees");
    assert_eq!(gained(11, 0), 0_u64.wrapping_sub(11_000_000 + fees), "its own 11 came back");
    assert!((2..10).all(|index| gained(index, 0) == 0));
}

/// Twelve homes, one of which has all the stake: the names are what counts, and one process is enough for them.
fn rest_the_stake_on(network: &mut Network, index: usize) {
    let staked = network.validator(index).address();
    let mut genesis: Genesis = network.genesis.genesis().clone();
    for account in genesis.accounts.iter_mut().filter(|account| account.address != staked) {
        account.balance = account.balance.checked_add(account.stake).unwrap();
        account.stake = Coins::ZERO;
    }
    let json = serde_json::to_vec(&genesis).unwrap();
    (0..12).for_each(|home| std::fs::write(network.home(home).join("genesis.json"), &json).unwrap());
    network.genesis = genesis.verify().unwrap();
}
