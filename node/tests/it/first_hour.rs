//! The first hour: a chain that a friend can join, two homes on one machine, and mistakes that begin no chain.

use crate::support::{Home, Node, program, says, wait_for};
use blockchat_host::stream::Stream;
use blockchat_node::ready_file::Ready;
use blockchat_proto::genesis::Genesis;
use std::collections::BTreeSet;
use std::fs::File;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

/// A command of ours among processes that have a network of their own, with a loopback and nothing else.
struct OwnNetwork {
    holder: Child,
}

impl OwnNetwork {
    /// `None`, loudly, where this system allows none.
    fn new() -> Option<Self> {
        let mut holder = Command::new("unshare");
        holder.args(["-r", "-n", "sh", "-c", "ip link set lo up && exec sleep 600"]);
        let holder = holder.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null()).spawn().ok()?;
        let mut this = Self { holder };
        let up = wait_for("the loopback is up, or cannot be", || {
            let ended = this.holder.try_wait().unwrap().is_some();
            let up = this.enter("true").status().is_ok_and(|status| status.success()) && this.is_up();
            if ended { Some(false) } else { up.then_some(true) }
        });
        if up {
            return Some(this);
        }
        let why = "NOT CHECKED: ports that nobody named (no network namespace here: `unshare -rn` fails)\n";
        drop(Stream::Error.open().and_then(|mut stream| stream.write_all(why.as_bytes())));
        None
    }

    fn enter(&self, program: &str) -> Command {
        let mut command = Command::new("nsenter");
        let pid = self.holder.id().to_string();
        command.args(["--preserve-credentials", "-U", "-n", "-t", &pid, program]);
        command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
        command
    }

    fn is_up(&self) -> bool {
        let output = self.enter("ip").args(["addr", "show", "dev", "lo"]).stdout(Stdio::piped()).output();
        output.is_ok_and(|output| String::from_utf8_lossy(&output.stdout).contains("127.0.0.1"))
    }

    fn run(&self, home: &Path, flags: &[&str]) -> Process {
        let mut command = self.enter(env!("CARGO_BIN_EXE_blockchat-node"));
        let foreign = std::env::vars_os().map(|(name, _)| name);
        for name in foreign.filter(|name| name.to_string_lossy().starts_with("BLOCKCHAT_")) {
            command.env_remove(name);
        }
        let said = home.with_extension("said");
        let out = File::create(&said).unwrap();
        command.stdout(out.try_clone().unwrap()).stderr(out);
        let child = command.arg("run").arg("--home").arg(home).args(["--log", "warn"]).args(flags).spawn().unwrap();
        Process(child, said)
    }
}

impl Drop for OwnNetwork {
    fn drop(&mut self) {
        drop(self.holder.kill());
        drop(self.holder.wait());
    }
}

/// Killed when dropped.
struct Process(Child, PathBuf);

impl Drop for Process {
    fn drop(&mut self) {
        drop(self.0.kill());
        drop(self.0.wait());
    }
}

impl Process {
    /// Waits until it serves; panics with all that it said if it ends instead.
    #[track_caller]
    fn ready(&mut self, home: &Path) -> Ready {
        let (child, said) = (&mut self.0, &self.1);
        wait_for("the node serves", || {
            let ended = child.try_wait().unwrap();
            let said = || std::fs::read_to_string(said).unwrap_or_default();
            assert!(ended.is_none(), "it ended ({ended:?}): {}", said());
            Ready::read(&home.join("data/ready.json"))
        })
    }
}

#[test]
fn two_homes_on_one_machine_need_no_ports_and_the_second_finds_the_first() {
    let Some(network) = OwnNetwork::new() else { return };
    let (first, second, third) = (Home::new(), Home::new(), Home::new());
    let mut process = network.run(&first.path(), &["--dev"]);
    let one = process.ready(&first.path());
    let at_7475 = one.listen[0].starts_with("/ip4/127.0.0.1/tcp/7475");
    assert_eq!((one.api.as_str(), at_7475), ("http://127.0.0.1:7474", true));
    let mut joined = network.run(&second.path(), &["--join"]);
    let two = joined.ready(&second.path());
    assert_eq!(two.api, "http://127.0.0.1:7484");
    assert!(two.listen.iter().all(|place| place.contains("/tcp/7485")), "{two:?}");
    let genesis = |home: &Home| std::fs::read(home.path().join("genesis.json")).unwrap();
    assert_eq!(genesis(&first), genesis(&second));

    // A third chain on the same machine is told apart by its name.
    let mut other = network.run(&third.path(), &["--dev"]);
    assert_eq!(other.ready(&third.path()).api, "http://127.0.0.1:7494");
    let name = |home: &Home| {
        let genesis: Genesis = serde_json::from_slice(&genesis(home)).unwrap();
        genesis.verify().unwrap().short_name()
    };
    let fourth = Home::new();
    let wanted = name(&third);
    let mut chosen = network.run(&fourth.path(), &["--join", "--chain", &wanted[..wanted.len() - 2]]);
    chosen.ready(&fourth.path());
    assert_eq!(genesis(&fourth), genesis(&third));

    // A node found on this machine is found again by plain `run`, from the book.
    wait_for("the second has the first in its book", || {
        let book = std::fs::read(second.path().join("data/peers.cbor")).unwrap_or_default();
        String::from_utf8_lossy(&book).contains(&one.peer_id).then_some(())
    });
    drop((joined, process));
    for home in [&first, &second] {
        std::fs::remove_file(home.path().join("data/ready.json")).unwrap();
    }
    let mut process = network.run(&first.path(), &[]);
    process.ready(&first.path());
    let mut joined = network.run(&second.path(), &["--no-mdns"]);
    let two = joined.ready(&second.path());
    wait_for("they are connected again", || {
        let mut ask = network.enter(env!("CARGO_BIN_EXE_blockchat-node"));
        ask.args(["--home", "/nonexistent", "--output", "json", "peers", "--api", &two.api]);
        let said = ask.stdout(Stdio::piped()).output().unwrap();
        String::from_utf8_lossy(&said.stdout).contains(&one.peer_id).then_some(())
    });
}

#[test]
fn homes_that_are_started_at_once_take_different_ports() {
    let Some(network) = OwnNetwork::new() else { return };
    let homes: Vec<_> = (0..4).map(|_| Home::new()).collect();
    let mut all: Vec<_> = homes.iter().map(|home| network.run(&home.path(), &["--dev"])).collect();
    let ready: Vec<_> = all.iter_mut().zip(&homes).map(|(process, home)| process.ready(&home.path())).collect();
    let apis: BTreeSet<_> = ready.iter().map(|ready| ready.api.clone()).collect();
    let expected = ["7474", "7484", "7494", "7504"].map(|port| format!("http://127.0.0.1:{port}"));
    assert_eq!(apis, BTreeSet::from(expected));
    let peers: BTreeSet<_> = ready.iter().map(|ready| ready.listen[0].clone()).collect();
    assert_eq!(peers.len(), homes.len(), "{peers:?}");
}

#[test]
fn a_home_that_may_be_mistyped_begins_no_chain() {
    let folder = tempfile::tempdir().unwrap();
    let run = |home: &Path| program().args(["run", "--no-mdns", "--home"]).arg(home).output().unwrap();
    let said = run(&folder.path().join("no/home"));
    assert_eq!(said.status.code(), Some(1));
    says(&String::from_utf8_lossy(&said.stderr), &["holds no chain", "--join", "run --dev --home"]);
    let node = Node::start_with(&folder.path().join("chain"), &[]);
    drop(node);
    let said = run(&folder.path().join("chian"));
    assert_eq!(said.status.code(), Some(1));
    says(&String::from_utf8_lossy(&said.stderr), &["did you mean", "/chain", "run --dev --home"]);
    // As in a container whose volume was never filled.
    let volume = folder.path().join("volume");
    let said = program().env("BLOCKCHAT_HOME", &volume).args(["run", "--no-mdns"]).output().unwrap();
    assert_eq!(said.status.code(), Some(1));
    for untouched in ["no", "chian", "volume"] {
        assert!(!folder.path().join(untouched).exists(), "nothing is written to {untouched}");
    }
}

#[test]
fn a_chain_that_begins_in_a_folder_that_was_named_is_said() {
    let home = Home::new();
    home.json(&["wallet", "new", "bob", "--no-passphrase"]);
    let ready = home.path().with_extension("ready");
    let mut command = program();
    command.args(["run", "--no-mdns", "--api", "127.0.0.1:0", "--listen", "/ip4/127.0.0.1/tcp/0", "--home"]);
    let stderr = File::create(home.path().with_extension("said")).unwrap();
    let mut child = command.arg(home.path()).arg("--ready-file").arg(&ready).stderr(stderr).spawn().unwrap();
    wait_for("the node serves", || Ready::read(&ready));
    drop((child.kill(), child.wait()));
    let said = std::fs::read_to_string(home.path().with_extension("said")).unwrap();
    says(&said, &["holds no chain: a chain of your own begins there"]);
}

#[test]
fn a_failed_init_leaves_nothing_that_runs_as_another_chain() {
    let home = Home::new();
    let dir = home.path().display().to_string();
    home.refused(2, &["init", "--dir", &dir, "--stake", "2000"]);
    says(&program_run(&home.path().join("id0")), &["holds no chain"]);
    assert!(!home.path().exists(), "nothing is written");
}

fn program_run(home: &Path) -> String {
    let said = program().arg("run").arg("--home").arg(home).output().unwrap();
    assert_eq!(said.status.code(), Some(1));
    String::from_utf8(said.stderr).unwrap()
}

#[test]
fn the_printed_command_makes_a_friend_part_of_the_chain() {
    let home = Home::new();
    let node = home.start();
    let place = node.ready.listen[0].split("/p2p/").next().unwrap().to_owned();
    let hash = home.json(&["status"])["genesis_hash"].as_str().unwrap().to_owned();
    let friend = Home::new();
    let joined = Node::start_with(&friend.path(), &["--join", "--peer", &place, "--genesis", &hash]);
    assert_eq!(friend.json(&["status"])["genesis_hash"], hash.as_str());
    let (code, out) = joined.stop();
    assert_eq!(code, Some(0));
    says(&out, &["you need a key", "wallet new NAME", "observes"]);
    // The command stands as it was tried here in what the first node printed.
    let (_, out) = node.stop();
    says(&out, &[&format!("--join --peer {place} --genesis {hash}"), "run --share --home", "only this machine"]);
}

#[test]
fn the_faucet_gives_bob_coins_to_answer_with() {
    let home = Home::new();
    let _node = home.start();
    assert_eq!(home.json(&["balance", "faucet"])["balance"], "1000000.000000");
    home.json(&["wallet", "new", "bob", "--no-passphrase"]);
    home.json(&["send", "bob", "100", "--wallet", "faucet"]);
    home.json(&["send", "me", "-m", "Hello yourself", "--wallet", "bob"]);
    assert_eq!(home.json(&["inbox"])["items"][0]["text"], "Hello yourself");
}
