//! One home, or one key, in two places: the original goes on, and the other one says what is wrong. SPEC VOTE-9, NET-2.

use super::network::{Network, Running};
use crate::support::{program, says, wait_for};
use std::fs;
use std::path::{Path, PathBuf};
use tempfile::TempDir;

/// Validators of the network; the last one is copied.
const NODES: usize = 4;
const COPIED: usize = 3;

fn running() -> Network {
    let mut network = Network::new(NODES, &["--idle-block-interval", "400"]);
    (0..NODES).for_each(|index| _ = network.start(index));
    network.wait_until_acquainted();
    network.wait_for_growth(2);
    network
}

/// A copy of a home, as of now.
fn copy_of(network: &Network, name: &str) -> PathBuf {
    let to = network.folder.path().join(name);
    copy_folder(&network.home(COPIED), &to);
    drop(fs::remove_file(to.join("data/ready.json")));
    to
}

fn copy_folder(from: &Path, to: &Path) {
    fs::create_dir(to).unwrap();
    for entry in fs::read_dir(from).unwrap().map(Result::unwrap) {
        let (path, to) = (entry.path(), to.join(entry.file_name()));
        if path.is_dir() { copy_folder(&path, &to) } else { _ = fs::copy(&path, &to).unwrap() }
    }
}

fn start(home: &Path, network: &Network, known: usize) -> Running {
    Running::start(home, &["--peer", &network.node(known).address()])
}

/// Waits until the node does not vote, and its reason has these words.
#[track_caller]
fn wait_until_silent(node: &Running, words: &str) {
    wait_for(words, || {
        let status = node.status();
        (!status.voting && status.silence.is_some_and(|silence| silence.contains(words))).then_some(())
    });
}

/// The original keeps its peers and its vote, and the chain grows.
#[track_caller]
fn is_unharmed(network: &Network) {
    network.wait_for_growth(10);
    let status = network.node(COPIED).status();
    assert_eq!((status.voting, status.silence), (true, None));
    network.wait_until_acquainted();
}

/// Copies, started one after the other, are refused by all that the original is connected to, and say so. Once it is gone,
/// the last one takes its place: a restored backup.
#[test]
fn copies_of_a_home_are_refused_while_the_original_lives_and_one_may_take_its_place() {
    let mut network = running();
    let copies = ["first", "second"].map(|name| start(&copy_of(&network, name), &network, 0));
    for copy in &copies {
        wait_until_silent(copy, "copied home");
        assert_eq!(copy.status().peers, 0);
        let not_ready = super::network::run(copy.client.ready()).expect_err("it takes no part").to_string();
        says(&not_ready, &["copied home", "run --join --home"]);
    }
    is_unharmed(&network);
    let peers = super::network::run(network.node(0).client.peers()).unwrap();
    let original = peers.iter().find(|peer| peer.peer_id == network.node(COPIED).peer_id()).unwrap();
    assert!(original.other_run.is_some(), "the others say where the copy called from: {original:?}");
    let [copy, other] = copies;
    drop(other);
    network.kill(COPIED);
    wait_for("the copy votes", || copy.status().voting.then_some(()));
    network.wait_for_growth(5);
    assert!(copy.status().voting);
}

/// With an identity of its own the second one is connected, finds signatures of its key in the chain that its guard does not
/// know, listens, hears the first one, and stops for good. So the chain has to be further than the guard that was copied:
/// of two that begin at one height, nothing tells which one is the copy, and both stop.
#[test]
fn a_key_in_a_second_home_hears_itself_and_never_signs() {
    let network = running();
    let (home, other) = (copy_of(&network, "copy"), TempDir::new().unwrap());
    let made = program().args(["init", "--base-port", "0", "--dir"]).arg(other.path()).output().unwrap();
    assert!(made.status.success(), "{}", String::from_utf8_lossy(&made.stderr));
    fs::copy(other.path().join("id0/keys/p2p.pem"), home.join("keys/p2p.pem")).unwrap();
    network.wait_for_growth(4);
    let copy = start(&home, &network, 0);
    wait_until_silent(&copy, "another node signs with this validator's key");
    is_unharmed(&network);
    assert!(copy.status().peers >= 1, "it follows the chain");
}
