//! People who were away: messages from meanwhile are there, in order, once, and count as unread until they were read.

use crate::support::{Home, Node, Said, program, says, wait_for};
use blockchat_client::Client;
use blockchat_node::wallet::{keystore, seal, sign};
use blockchat_proto::coins::Coins;
use blockchat_proto::hash::Hash32;
use blockchat_proto::keys::{Address, Signer};
use blockchat_proto::transaction::{Body, Payload, SignedTransaction};
use serde_json::Value;
use std::fs::File;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Child, Stdio};

/// Number of blocks of the absence, and of messages in each: few enough for every push. The whole size of the page:
/// `BLOCKCHAT_TEST_AWAY=1000x1`.
fn away() -> (u64, u64) {
    let wanted = std::env::var("BLOCKCHAT_TEST_AWAY").ok();
    let read = |text: &str| text.split_once('x').and_then(|(a, b)| Some((a.parse().ok()?, b.parse().ok()?)));
    wanted.as_deref().and_then(read).unwrap_or((36, 9))
}

/// Signs messages from one account to another: some plain, some sealed, some with coins.
struct Writer {
    client: Client,
    signer: Signer,
    chain: Hash32,
    to: Address,
}

impl Writer {
    fn new(home: &Home, node: &Node, key: &str, to: Address) -> Self {
        let client = Client::new(&node.ready.api).unwrap();
        let signer = keystore::load(&home.path().join(key), None).unwrap();
        let chain = run(client.status()).unwrap().genesis_hash;
        Self { client, signer, chain, to }
    }

    fn message(&self, nonce: u64, number: u64) -> SignedTransaction {
        let text = format!("n{number}");
        let coins = if number.is_multiple_of(5) { Coins::from_bcc(1) } else { Coins::ZERO };
        let body = if number.is_multiple_of(3) {
            let place = seal::Place { chain: self.chain, sender: self.signer.address(), recipient: self.to, nonce };
            let payload = Payload::Sealed(seal::seal(&self.signer, &place, &text).unwrap());
            Body::Send { to: self.to, amount: coins, payload }
        } else {
            sign::send_body(self.to, coins, Some(text))
        };
        sign::sign(&self.signer, self.chain, nonce, body)
    }

    /// So many blocks, one after the other, each with so many messages.
    fn write(&self, blocks: u64, each: u64) {
        let first = run(self.client.account(&self.signer.address())).unwrap().pending_nonce;
        for block in 0..blocks {
            let numbers = block * each..(block + 1) * each;
            let batch: Vec<_> = numbers.map(|number| self.message(first + number, number)).collect();
            run(self.client.submit_batch(&batch)).unwrap();
            let last = batch.last().unwrap().id();
            wait_for("the messages are final", || {
                let state = run(self.client.transaction(&last)).unwrap().state;
                matches!(state, blockchat_client::shapes::TransactionState::Final { .. }).then_some(())
            });
        }
    }
}

fn run<T>(work: impl Future<Output = T>) -> T {
    tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(work)
}

fn address(home: &Home, name: &str) -> Address {
    home.json(&["wallet", "show", name])["address"].as_str().unwrap().parse().unwrap()
}

/// `n0`, `n1`, ...: what a list of items holds of the writer's messages.
fn texts(items: &Value) -> Vec<String> {
    let items = items.as_array().unwrap().iter();
    items.filter_map(|item| item["text"].as_str().map(str::to_owned)).collect()
}

fn numbers(count: u64) -> Vec<String> {
    (0..count).map(|number| format!("n{number}")).collect()
}

/// A command that runs on, and what it has printed.
struct Running(Child, PathBuf);

impl Running {
    fn start(home: &Path, name: &str, args: &[&str]) -> Self {
        let out = home.with_extension(name);
        let mut command = program();
        command.arg("--home").arg(home).args(args).stdout(File::create(&out).unwrap()).stderr(Stdio::null());
        Self(command.spawn().unwrap(), out)
    }

    fn lines(&self) -> Vec<String> {
        let text = std::fs::read_to_string(&self.1).unwrap_or_default();
        // The last one may be half written.
        text.split_inclusive('\n').filter(|line| line.ends_with('\n')).map(|line| line.trim().to_owned()).collect()
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        drop(self.0.kill());
        drop(self.0.wait());
    }
}

fn piped(home: &Home, args: &[&str], lines: &str) -> Said {
    let mut command = program();
    command.arg("--home").arg(home.path()).args(args);
    let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    child.stdin.take().unwrap().write_all(lines.as_bytes()).unwrap();
    child.wait_with_output().unwrap().into()
}

/// Alice's chain; Bob's home and node, which joined it; Bob has a wallet with coins.
struct Pair {
    alice: Home,
    alices: Node,
    bob: Home,
    bobs: Node,
}

impl Pair {
    fn new() -> Self {
        let (alice, bob) = (Home::new(), Home::new());
        let alices = alice.start();
        let bobs = Self::join(&bob, &alices, "127.0.0.1:0").unwrap();
        bob.json(&["wallet", "new", "bob", "--no-passphrase"]);
        let pair = Self { alice, alices, bob, bobs };
        let (own, bobs) = (address(&pair.alice, "validator").to_string(), address(&pair.bob, "bob").to_string());
        pair.alice.json(&["contacts", "add", "bob", &bobs]);
        pair.bob.json(&["contacts", "add", "alice", &own]);
        pair.alice.json(&["send", "bob", "1000", "--wallet", "faucet"]);
        pair
    }

    fn join(bob: &Home, alices: &Node, api: &str) -> Option<Node> {
        let peer = &alices.ready.listen[0];
        Node::try_start_with(&bob.path(), &["--join", "--peer", peer, "--api", api])
    }

    fn caught_up(&self, node: &Node) {
        let height = |node: &Node| run(Client::new(&node.ready.api).unwrap().status()).unwrap().height;
        let wanted = height(&self.alices);
        wait_for("the node has caught up", || (height(node) >= wanted).then_some(()));
    }
}

#[test]
fn people_who_were_away_for_many_blocks_find_all_messages_in_order_and_once() {
    let (blocks, each) = away();
    let pair = Pair::new();
    let count = blocks * each;
    let to = address(&pair.bob, "bob");
    // One terminal stays open all the time; the node goes away below it.
    let api = pair.bobs.ready.api.trim_start_matches("http://").to_owned();
    pair.caught_up(&pair.bobs);
    let watch = ["message", "watch", "--unread", "--with", "alice", "--output", "json", "--api", &api];
    let watching = Running::start(&pair.bob.path(), "watched", &watch);
    pair.alice.json(&["send", "bob", "before"]);
    wait_for("the watcher is there", || (!watching.lines().is_empty()).then_some(()));
    let Pair { alice, alices, bob, bobs } = pair;
    bob.json(&["message", "read"]);
    assert_eq!(bobs.stop().0, Some(0));
    let height = || run(Client::new(&alices.ready.api).unwrap().status()).unwrap().height.0;
    let begun = height();
    Writer::new(&alice, &alices, "keys/validator.pem", to).write(blocks, each);
    assert!(height() >= begun + blocks, "one block after the other");
    let bobs = wait_for("the port is free", || Pair::join(&bob, &alices, &api));
    let pair = Pair { alice, alices, bob, bobs };
    pair.caught_up(&pair.bobs);

    let threads = pair.bob.json(&["message", "threads"]);
    assert_eq!(threads["unread"], count, "{threads}");
    let alices = &threads["threads"][0];
    assert_eq!(
        (&alices["name"], &alices["unread"], &alices["entries"]),
        (&"alice".into(), &count.into(), &(count + 1).into())
    );
    // In two goes: what does not fit stays unread.
    let half = (count / 2).to_string();
    let first = pair.bob.json(&["message", "read", "alice", "--context", "0", "--limit", &half]);
    let rest = pair.bob.json(&["message", "read", "alice", "--context", "0", "--limit", "100000"]);
    assert_eq!((&first["left"], &rest["left"]), (&(count - count / 2).into(), &0.into()));
    assert_eq!([texts(&first["items"]), texts(&rest["items"])].concat(), numbers(count), "all of them, in order");
    assert_eq!(pair.bob.json(&["message", "threads"])["unread"], 0);
    assert_eq!(pair.bob.json(&["message", "read"])["unread"], 0, "nothing comes twice");

    wait_for("the watcher has heard all", || (watching.lines().len() as u64 > count).then_some(()));
    let heard = watching.lines().into_iter().map(|line| serde_json::from_str(&line).unwrap()).collect();
    assert_eq!(texts(&Value::Array(heard)), [vec!["before".to_owned()], numbers(count)].concat());

    let exported = pair.bob.run(&["message", "export", "--with", "alice", "--format", "json"]).out;
    let exported = exported.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!(texts(&Value::Array(exported))[1..], numbers(count));
}

#[test]
fn a_chat_begins_with_what_is_unread_and_it_is_read_then() {
    let pair = Pair::new();
    pair.caught_up(&pair.bobs);
    let to = address(&pair.bob, "bob");
    Writer::new(&pair.alice, &pair.alices, "keys/validator.pem", to).write(3, 10);
    pair.caught_up(&pair.bobs);
    assert_eq!(pair.bob.json(&["message", "threads", "--unread"])["threads"][0]["unread"], 30);
    let inbox = pair.bob.json(&["inbox", "--limit", "500"]);
    assert_eq!(inbox["items"].as_array().unwrap().iter().filter(|one| one["unread"] == true).count(), 30);
    says(&pair.bob.run(&["inbox"]).out, &["new", "message read"]);
    let said = piped(&pair.bob, &["chat", "alice"], "");
    assert_eq!(said.code, 0, "{said:?}");
    let places: Vec<_> = (0..30).map(|number| said.out.find(&format!(" n{number}")).unwrap()).collect();
    assert!(places.is_sorted(), "{}", said.out);
    says(&said.out, &["\u{1f512} n27", "\u{1f512} n15  (+1 BCC)", "n20  (+1 BCC)"]);
    let threads = pair.bob.json(&["message", "threads"]);
    let unread = |name: &str| {
        let all = threads["threads"].as_array().unwrap();
        all.iter().find(|one| one["name"] == name).map(|one| one["unread"].clone())
    };
    assert_eq!(unread("alice"), Some(0.into()));
    assert_eq!(threads["unread"], 1, "the coins of the faucet are another conversation: {threads}");
    assert_eq!(pair.bob.json(&["message", "threads", "--unread"])["threads"].as_array().unwrap().len(), 1);
    // A message that arrives while the chat is open is read, too.
    let bobs = Running::start_with_input(&pair.bob.path(), "chat", &["chat", "alice"]);
    wait_for("the chat is open", || (!bobs.lines().is_empty()).then_some(()));
    pair.alice.json(&["send", "bob", "while you look"]);
    wait_for("it is shown", || bobs.lines().iter().any(|line| line.contains("while you look")).then_some(()));
    wait_for("it is read", || (pair.bob.json(&["message", "threads"])["unread"] == 1).then_some(()));
}

impl Running {
    /// The same with an input that stays open.
    fn start_with_input(home: &Path, name: &str, args: &[&str]) -> Self {
        let out = home.with_extension(name);
        let mut command = program();
        command.arg("--home").arg(home).args(args).stdin(Stdio::piped());
        Self(command.stdout(File::create(&out).unwrap()).stderr(Stdio::null()).spawn().unwrap(), out)
    }
}

#[test]
fn terminals_that_read_at_once_and_a_killed_one_leave_every_mark() {
    let home = Home::new();
    let _node = home.start();
    let people: Vec<_> = (0..6).map(|number| format!("p{number}")).collect();
    for name in &people {
        home.json(&["wallet", "new", name, "--no-passphrase"]);
        home.json(&["send", name, "50"]);
        home.json(&["send", "me", &format!("from {name}"), "--wallet", name]);
    }
    assert_eq!(home.json(&["message", "threads"])["unread"], 6);
    // One that is killed somewhere on its way has marked its conversation, or has not; never anything of the others.
    let mut killed = Running::start(&home.path(), "killed", &["message", "read", &people[0]]);
    drop(killed.0.kill());
    drop(killed.0.wait());
    let read = |name: &String| Running::start(&home.path(), name, &["message", "read", name]);
    let mut all: Vec<_> = people.iter().map(read).collect();
    for one in &mut all {
        assert!(one.0.wait().unwrap().success());
    }
    assert_eq!(home.json(&["message", "threads"])["unread"], 0);
    says(&std::fs::read_to_string(home.path().join("messages/read.json")).unwrap(), &["\"version\":1"]);
}

#[test]
fn a_search_finds_sealed_messages_in_an_index_that_was_lost_damaged_or_has_no_node() {
    let home = Home::new();
    let node = home.start();
    home.json(&["wallet", "new", "bob", "--no-passphrase"]);
    home.json(&["send", "bob", "The Vault opens at noon", "--sealed"]);
    home.json(&["send", "bob", "5", "no vault here"]);
    home.json(&["send", "bob", "something else"]);
    let found = |wallet: &str, text: &str| {
        let found = home.json(&["message", "search", text, "--wallet", wallet]);
        texts(&found["items"])
    };
    let both = ["The Vault opens at noon", "no vault here"];
    assert_eq!(
        (found("bob", "VAULT"), found("validator", "vault")),
        (both.map(str::to_owned).to_vec(), both.map(str::to_owned).to_vec())
    );
    assert!(found("bob", "nothing of the kind").is_empty());
    let files = || -> Vec<_> {
        let all = std::fs::read_dir(home.path().join("messages")).unwrap().map(|entry| entry.unwrap().path());
        all.filter(|path| path.extension().is_some_and(|end| end == "index")).collect()
    };
    assert_eq!(files().len(), 2, "one for each wallet");
    for path in files() {
        let mut bytes = std::fs::read(&path).unwrap();
        let middle = bytes.len() / 2;
        bytes[middle] ^= 1;
        std::fs::write(&path, bytes).unwrap();
    }
    assert_eq!(found("bob", "vault"), both, "it is built again");
    for path in files() {
        std::fs::remove_file(path).unwrap();
    }
    assert_eq!(found("bob", "vault"), both);
    says(
        &piped(&home, &["shell", "--wallet", "bob"], "search at noon\nthreads\nread\n").out,
        &["\u{1f512} The Vault", "-- 3 unread --"],
    );
    node.stop();
    let said = home.run(&["message", "search", "vault", "--wallet", "bob", "--api", "http://127.0.0.1:9"]);
    assert_eq!(said.code, 0, "{said:?}");
    says(&said.out, &["The Vault opens at noon"]);
    says(&said.err, &["no node answers", "what was known at block"]);
    says(&home.refused(2, &["message", "search", " "]), &["no text to look for"]);
}
