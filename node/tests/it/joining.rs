//! Becoming part of a network: a chain found and kept with `run --join`; all nodes found from one address, and again
//! without it.

use crate::support::{Home, Node, program, says, wait_for};
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use tempfile::TempDir;

/// The homes of a new chain, one validator each, in a folder that goes away.
struct Chain {
    folder: TempDir,
}

impl Chain {
    fn new(name: &str, validators: u32) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let mut init = program();
        init.args([
            "init",
            "--stake",
            "10",
            "--name",
            name,
            "--base-port",
            "0",
            "--validators",
            &validators.to_string(),
        ]);
        init.args(["--block-interval", "50", "--idle-block-interval", "500"]);
        let made = init.arg("--dir").arg(folder.path()).output().unwrap();
        assert!(made.status.success(), "{}", String::from_utf8_lossy(&made.stderr));
        Self { folder }
    }

    fn home(&self, index: usize) -> PathBuf {
        self.folder.path().join(format!("id{index}"))
    }

    fn genesis(&self) -> Value {
        serde_json::from_slice(&std::fs::read(self.home(0).join("genesis.json")).unwrap()).unwrap()
    }
}

/// The address at which a node is dialled.
fn address(node: &Node) -> String {
    node.ready.listen[0].clone()
}

/// A node's answer to a command, as JSON.
fn ask(node: &Node, args: &[&str]) -> Value {
    let output = program().args(args).args(["--output", "json", "--api", &node.ready.api]).output().unwrap();
    assert!(output.status.success(), "{args:?}: {}", String::from_utf8_lossy(&output.stderr));
    serde_json::from_slice(&output.stdout).unwrap()
}

fn genesis_hash(node: &Node) -> String {
    ask(node, &["status"])["genesis_hash"].as_str().unwrap().to_owned()
}

/// `run --join` on a home without anything, told of these peers only; never on the machine's real network.
fn join(home: &Path, peers: &[String], flags: &[&str]) -> Node {
    let peers: Vec<_> = peers.iter().flat_map(|peer| ["--peer", peer]).collect();
    Node::start_with(home, &[&["--join"], peers.as_slice(), flags].concat())
}

fn refused_to_join(home: &Home, code: i32, peers: &[String], flags: &[&str]) -> (String, String) {
    let peers: Vec<_> = peers.iter().flat_map(|peer| ["--peer", peer]).collect();
    let said = home.run(&[&["run", "--join", "--no-mdns"], peers.as_slice(), flags].concat());
    assert_eq!(said.code, code, "out {:?}, err {:?}", said.out, said.err);
    assert!(!home.path().join("genesis.json").exists(), "nothing was joined");
    (said.out, said.err)
}

#[test]
fn a_home_without_a_chain_joins_the_one_it_finds_and_observes_it() {
    let chain = Chain::new("alpha", 1);
    let first = Node::start(&chain.home(0));
    let home = Home::new();
    let joined = join(&home.path(), &[address(&first)], &[]);
    wait_for("the blocks of the chain are here", || {
        let status = ask(&joined, &["status"]);
        (status["height"].as_u64()? > 0 && status["voting"] == false).then_some(())
    });
    // The genesis names its validator: what is shown can be typed.
    let validator = ask(&joined, &["status"])["validators"][0]["address"].clone();
    assert_eq!(home.json(&["balance", "id0"])["address"], validator);
    let kept = std::fs::read(home.path().join("genesis.json")).unwrap();
    assert_eq!(serde_json::from_slice::<Value>(&kept).unwrap(), chain.genesis());
    let (code, said) = joined.stop();
    assert_eq!(code, Some(0));
    says(&said, &["joined", "alpha-", &genesis_hash(&first), "1 validator", &address(&first), "genesis.json"]);

    // From now on it is a home like any other.
    let hash = genesis_hash(&first);
    let again = join(&home.path(), &[], &["--genesis", &hash]);
    assert_eq!(genesis_hash(&again), hash);
    drop(again);
    let other = "0".repeat(64);
    let refused = home.refused(1, &["run", "--join", "--genesis", &other]);
    says(&refused, &["alpha-", &hash, &other, "next:", "--home"]);
}

#[cfg(unix)]
#[test]
fn only_its_owner_may_read_a_home_that_was_joined() {
    use std::os::unix::fs::PermissionsExt;
    let chain = Chain::new("alpha", 1);
    let first = Node::start(&chain.home(0));
    let home = Home::new();
    drop(join(&home.path(), &[address(&first)], &[]));
    let mode = |path: PathBuf| std::fs::metadata(path).unwrap().permissions().mode() & 0o777;
    assert_eq!((mode(home.path()), mode(home.path().join("genesis.json"))), (0o700, 0o600));
    assert!(!home.path().join("genesis.json.new").exists());
}

#[test]
fn of_several_chains_none_is_joined_until_one_is_named() {
    let (alpha, beta) = (Chain::new("alpha", 1), Chain::new("beta", 1));
    let nodes = [Node::start(&alpha.home(0)), Node::start(&beta.home(0))];
    let around = nodes.each_ref().map(address);
    let home = Home::new();
    let (out, err) = refused_to_join(&home, 1, &around, &[]);
    for (node, name) in nodes.iter().zip(["alpha-", "beta-"]) {
        says(&out, &[name, &genesis_hash(node), &address(node)]);
    }
    says(&err, &["2 different chains", "next:", "--genesis HASH"]);

    let (out, err) = refused_to_join(&home, 1, &around, &["--output", "json"]);
    let listed: Value = serde_json::from_str(&out).unwrap();
    let hashes: BTreeSet<_> =
        listed["chains"].as_array().unwrap().iter().map(|chain| chain["genesis_hash"].as_str().unwrap()).collect();
    let expected = nodes.each_ref().map(genesis_hash);
    assert_eq!(hashes, expected.iter().map(String::as_str).collect());
    assert_eq!(listed["chains"][0]["peers"][0]["source"], "peer");
    says(&err, &["\"code\":\"several_chains\""]);

    // A prefix of the name or the hash is enough, if it is of one of them.
    says(
        &refused_to_join(&home, 1, &around, &["--chain", "gamma", "--join-wait", "2"]).1,
        &["gamma", "2 other chains"],
    );
    let named = Home::new();
    let chosen = join(&named.path(), &around, &["--chain", "al"]);
    assert_eq!(genesis_hash(&chosen), expected[0]);
    drop(chosen);
    says(&named.refused(1, &["run", "--chain", "beta"]), &["alpha-", "not to beta"]);

    // The one that was named is joined, and the other passed over.
    let chosen = join(&home.path(), &around, &["--genesis", &expected[1]]);
    assert_eq!(genesis_hash(&chosen), expected[1]);
}

#[test]
fn a_chain_that_is_not_there_is_waited_for_and_then_given_up_with_the_reason() {
    let chain = Chain::new("alpha", 1);
    let first = Node::start(&chain.home(0));
    let home = Home::new();
    let hash = "ab".repeat(32);
    let (_, err) = refused_to_join(&home, 1, &[address(&first)], &["--genesis", &hash, "--join-wait", "2"]);
    says(&err, &["passing over alpha-", &genesis_hash(&first), &hash, "2 seconds", "1 other chain", "next:"]);
    let nobody = address(&first);
    drop(first);
    let (_, err) = refused_to_join(&home, 1, std::slice::from_ref(&nobody), &["--join-wait", "2"]);
    says(&err, &["looking for a chain at", &nobody, "no chain was found", "connection refused", "next:", "--peer"]);
}

#[test]
fn a_chain_that_appears_later_is_joined() {
    let chain = Chain::new("alpha", 1);
    let first = Node::start(&chain.home(0));
    let place = address(&first);
    drop(first);
    let home = Home::new();
    let waiting = std::thread::spawn({
        let (home, place) = (home.path(), place.clone());
        move || join(&home, &[place], &["--join-wait", "0"])
    });
    let first = wait_for("the port is free again", || Node::try_start_with(&chain.home(0), &["--listen", &place]));
    let joined = waiting.join().unwrap();
    assert_eq!(genesis_hash(&joined), genesis_hash(&first));
}

#[test]
fn joining_without_anywhere_to_look_or_without_a_whole_hash_makes_no_sense() {
    let home = Home::new();
    says(&refused_to_join(&home, 2, &[], &[]).1, &["no place to search", "--peer"]);
    says(&refused_to_join(&home, 2, &["nonsense".into()], &[]).1, &["nonsense", "next:"]);
    says(&refused_to_join(&home, 2, &[], &["--genesis", "alpha-0a1b2c3d"]).1, &["64 hex digits"]);
    says(&home.refused(2, &["run", "--genesis", &"0".repeat(64)]), &["no chain yet", "--join"]);
}

#[test]
fn a_home_whose_genesis_was_lost_joins_no_other_chain() {
    let (alpha, beta) = (Chain::new("alpha", 1), Chain::new("beta", 1));
    let nodes = [Node::start(&alpha.home(0)), Node::start(&beta.home(0))];
    let home = Home::new();
    drop(join(&home.path(), &[address(&nodes[0])], &[]));
    std::fs::remove_file(home.path().join("genesis.json")).unwrap();
    let (_, err) = refused_to_join(&home, 1, &[address(&nodes[1])], &[]);
    says(&err, &["store.redb", "--genesis HASH"]);
    let hash = genesis_hash(&nodes[0]);
    let back = join(&home.path(), &[address(&nodes[1]), address(&nodes[0])], &["--genesis", &hash]);
    assert_eq!(genesis_hash(&back), hash);
}

/// A network whose nodes keep their ports over restarts.
struct Net {
    chain: Chain,
    homes: BTreeMap<usize, PathBuf>,
    nodes: BTreeMap<usize, Node>,
    /// The addresses of each, once it has some.
    ports: BTreeMap<usize, String>,
}

impl Net {
    fn new(validators: u32) -> Self {
        let chain = Chain::new("wide", validators);
        Self { chain, homes: BTreeMap::new(), nodes: BTreeMap::new(), ports: BTreeMap::new() }
    }

    /// Validators have their homes from the start; any other node joins.
    fn start(&mut self, index: usize, peer: Option<String>) {
        let validator = self.chain.home(index);
        let is_validator = validator.exists();
        let home = self.homes.entry(index).or_insert(validator).clone();
        let mut flags: Vec<String> = peer.map(|peer| vec!["--peer".into(), peer]).unwrap_or_default();
        if let Some(place) = self.ports.get(&index) {
            flags.extend(["--listen".into(), place.clone()]);
        }
        if !is_validator {
            flags.push("--join".into());
        }
        let flags: Vec<_> = flags.iter().map(String::as_str).collect();
        let node = wait_for("the node's port is free", || Node::try_start_with(&home, &flags));
        self.ports.insert(index, address(&node));
        self.nodes.insert(index, node);
    }

    fn ids(&self) -> BTreeSet<String> {
        self.nodes.values().map(|node| node.ready.peer_id.clone()).collect()
    }

    /// Waits until every node knows all others, the connections make one piece, and all are at one tip which moves.
    fn wait_until_all_know_all(&self) {
        let ids = self.ids();
        let begun = self.heights().into_iter().max().unwrap();
        wait_for("all know all, are connected, and go on", || {
            self.nodes.values().all(|node| knows(node, &ids)).then_some(())?;
            (reachable(&self.nodes) == ids).then_some(())?;
            self.heights().iter().all(|height| *height > begun).then_some(())
        });
        let tip = |node: &Node, height: u64| ask(node, &["view", &height.to_string()])["hash"].clone();
        let hashes: BTreeSet<_> = self.nodes.values().map(|node| tip(node, begun + 1).to_string()).collect();
        assert_eq!(hashes.len(), 1, "one chain");
    }

    fn heights(&self) -> Vec<u64> {
        self.nodes.values().map(|node| ask(node, &["status"])["height"].as_u64().unwrap()).collect()
    }
}

fn peers_of(node: &Node) -> Vec<Value> {
    ask(node, &["peers"])["items"].as_array().unwrap().clone()
}

/// A connection as one of its ends shows it.
struct Call {
    from: String,
    to: String,
    inbound: bool,
}

fn calls_of(node: &Node) -> impl Iterator<Item = Call> {
    let own = &node.ready.peer_id;
    peers_of(node).into_iter().map(move |peer| {
        let (other, inbound) = (peer["peer_id"].as_str().unwrap().to_owned(), peer["inbound"] == true);
        let (from, to) = if inbound { (other, own.clone()) } else { (own.clone(), other) };
        Call { from, to, inbound }
    })
}

fn knows(node: &Node, ids: &BTreeSet<String>) -> bool {
    let known = ask(node, &["peers", "--known"]);
    let known: BTreeSet<_> =
        known["items"].as_array().unwrap().iter().filter_map(|peer| peer["peer_id"].as_str()).collect();
    ids.iter().all(|id| *id == node.ready.peer_id || known.contains(id.as_str()))
}

/// The nodes that are connected with the first one, directly or through others.
fn reachable(nodes: &BTreeMap<usize, Node>) -> BTreeSet<String> {
    let mut found: BTreeSet<String> = nodes.values().take(1).map(|node| node.ready.peer_id.clone()).collect();
    loop {
        let inside = nodes.values().filter(|node| found.contains(&node.ready.peer_id));
        let next = inside.flat_map(peers_of).map(|peer| peer["peer_id"].as_str().unwrap().to_owned());
        let next: BTreeSet<_> = next.chain(found.iter().cloned()).collect();
        if next == found {
            return found;
        }
        found = next;
    }
}

/// Nothing is special about the node that all others dialled first.
#[test]
fn one_address_is_enough_and_only_until_the_others_are_known() {
    let mut net = Net::new(4);
    net.start(0, None);
    let first = net.ports[&0].clone();
    (1..4).for_each(|index| net.start(index, Some(first.clone())));
    net.homes.insert(4, net.chain.folder.path().join("observer4"));
    net.start(4, Some(first.clone()));
    net.wait_until_all_know_all();

    // Nodes that were told one address only found the rest through Kademlia, and say so.
    let told = peers_of(&net.nodes[&0]);
    assert!(told.iter().all(|peer| peer["source"] == "inbound" || peer["source"] == "kademlia"), "{told:?}");
    for index in 1..5 {
        let peers = peers_of(&net.nodes[&index]);
        for peer in &peers {
            let source = peer["source"].as_str().unwrap();
            let expected = if peer["peer_id"] == net.nodes[&0].ready.peer_id.as_str() { "peer" } else { "kademlia" };
            let inbound = peer["inbound"] == true;
            assert!(if inbound { source == "inbound" } else { source == expected }, "{index}: {peers:?}");
        }
    }

    // The first is gone for good; a new one joins through another.
    drop(net.nodes.remove(&0));
    net.homes.insert(5, net.chain.folder.path().join("observer5"));
    let other = net.ports[&2].clone();
    net.start(5, Some(other));
    net.wait_until_all_know_all();

    // All are killed, and have nothing but their books.
    let ids = net.ids();
    wait_for("the books are on disk", || {
        let written = |(index, node): (&usize, &Node)| {
            let book = std::fs::read(net.homes[index].join("data/peers.cbor")).unwrap_or_default();
            let book = String::from_utf8_lossy(&book);
            ids.iter().all(|id| *id == node.ready.peer_id || book.contains(id))
        };
        net.nodes.iter().all(written).then_some(())
    });
    let rest: Vec<_> = net.nodes.keys().copied().collect();
    net.nodes.clear();
    rest.iter().for_each(|index| net.start(*index, None));
    net.wait_until_all_know_all();
    let sources: BTreeSet<_> =
        net.nodes.values().flat_map(peers_of).map(|peer| peer["source"].as_str().unwrap().to_owned()).collect();
    assert!(sources.contains("book") && !sources.contains("peer"), "{sources:?}");

    // Every fact about each peer is true.
    wait_for("everybody was pinged", || {
        let mut peers = net.nodes.values().flat_map(peers_of);
        peers.all(|peer| peer["latency_us"].as_u64().is_some_and(|us| us > 0)).then_some(())
    });
    wait_for("what one calls out, the other calls in", || {
        let calls = net.nodes.values().flat_map(calls_of);
        let (inbound, outbound): (Vec<_>, Vec<_>) = calls.partition(|call| call.inbound);
        let pairs = |calls: Vec<Call>| calls.into_iter().map(|call| (call.from, call.to)).collect::<BTreeSet<_>>();
        (pairs(inbound) == pairs(outbound)).then_some(())
    });
    let traffic = ask(&net.nodes[&2], &["status"])["traffic"].clone();
    assert!(traffic["received_bytes"].as_u64() > Some(0) && traffic["sent_bytes"].as_u64() > Some(0), "{traffic}");
}
