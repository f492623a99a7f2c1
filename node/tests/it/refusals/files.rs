//! Damage on disk, as the program's user meets it: each file is named, and repaired or refused; nothing wrong is served.
//!
//! | file | what happens |
//! | --- | --- |
//! | `store.redb` | refused at the start, or, deep in old blocks, at the question: 500 `store_fault`; other blocks are served |
//! | `journal` | refused if what it held cannot be told; lost: the validator signs only what comes after its guard |
//! | `own` | a bad head is refused; a bad end is cut off, and the log says so |
//! | `peers.cbor` | replaced, and the log says so |
//! | `guard` | one mark bad: the other one and the journal count; both bad: refused; lost: nothing is signed |

use super::{copy, initialised, run_refused};
use crate::support::{Home, Node, PATIENCE, Said, program, says, wait_for};
use blockchat_client::Client;
use blockchat_client::shapes::TransactionState;
use blockchat_node::wallet::{keystore, sign};
use blockchat_proto::coins::Coins;
use blockchat_proto::keys::Address;
use serde_json::Value;
use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

/// More blocks than are read at a start.
const BLOCKS: u64 = 40;

/// A home at rest with so many blocks, each with one message of its own.
async fn with_blocks() -> Home {
    let home = initialised(&["--capacity", "1", "--block-interval", "1"]);
    let node = home.start();
    let client = Client::new(&node.ready.api).unwrap();
    let signer = keystore::load(&home.path().join("keys/validator.pem"), None).unwrap();
    let chain = client.status().await.unwrap().genesis_hash;
    let coin = Coins::from_micros(1).unwrap();
    let send = |nonce| {
        let body = sign::send_body(Address([2; 32]), coin, Some(text(nonce)));
        sign::sign(&signer, chain, nonce, body)
    };
    let all: Vec<_> = (0..BLOCKS).map(send).collect();
    client.submit_batch(&all).await.unwrap();
    let last = all[all.len() - 1].id();
    let is_final = async {
        while !matches!(client.transaction(&last).await.map(|view| view.state), Ok(TransactionState::Final { .. })) {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    tokio::time::timeout(PATIENCE, is_final).await.expect("everything becomes final");
    node.stop();
    home
}

/// The message in the block after this many.
fn text(nonce: u64) -> String {
    format!("told-{nonce:04}")
}

/// A copy of a home with one of its files changed.
fn damaged(home: &Home, name: &str, file: &str, damage: impl FnOnce(&mut Vec<u8>)) -> PathBuf {
    let twin = home.path().with_extension(name);
    copy(&home.path(), &twin);
    let mut bytes = fs::read(twin.join(file)).unwrap();
    damage(&mut bytes);
    fs::write(twin.join(file), bytes).unwrap();
    twin
}

/// The node of a damaged home refuses to start, names the file and says what to do; the file stays as it is.
#[track_caller]
fn is_refused(home: &Path, file: &str, next: &str) {
    let named = fs::read_dir(home.join("data")).unwrap().chain(fs::read_dir(home.join("keys")).unwrap());
    let named = named.map(|entry| entry.unwrap().path()).find(|path| path.ends_with(file)).expect("it is there");
    let before = fs::read(&named).unwrap();
    let error = run_refused(home, "file_damaged", &[]);
    says(error["error"].as_str().unwrap(), &[file, "is damaged at"]);
    says(error["next"].as_str().unwrap(), &[next]);
    let after = fs::read(&named).unwrap();
    // The database keeps books about itself in whatever it opens; what it holds is looked at by the next start.
    assert!(file == "store.redb" || after == before, "what may still be rescued is left alone");
}

/// Starts the node and stops it again; its log.
fn start_and_stop(home: &Path) -> String {
    start_until(home, "")
}

/// Starts a node, waits until it serves and its log holds this, and kills it; what it logged.
fn start_until(home: &Path, part: &str) -> String {
    let log = home.join("log");
    let ready = home.join("served");
    drop(fs::remove_file(&ready));
    let mut command = program();
    command.args(["run", "--api", "127.0.0.1:0", "--listen", "/ip4/127.0.0.1/tcp/0", "--no-mdns", "--log", "warn"]);
    command.arg("--home").arg(home).arg("--ready-file").arg(&ready).stdout(std::process::Stdio::null());
    let mut child = command.stderr(fs::File::create(&log).unwrap()).spawn().unwrap();
    wait_for("the node serves", || ready.exists().then_some(()));
    wait_for(part, || fs::read_to_string(&log).unwrap().contains(part).then_some(()));
    child.kill().unwrap();
    child.wait().unwrap();
    fs::read_to_string(log).unwrap()
}

fn view(node: &Node, height: u64) -> Said {
    let mut command = program();
    command.args(["view", &height.to_string(), "--output", "json", "--api", &node.ready.api]);
    command.output().unwrap().into()
}

/// Wherever the needle stands.
fn places(hay: &[u8], needle: &[u8]) -> Vec<usize> {
    hay.windows(needle.len()).enumerate().filter(|(_, part)| *part == needle).map(|(at, _)| at).collect()
}

#[tokio::test]
async fn a_damaged_store_is_refused_or_says_which_block_is_lost() {
    let home = with_blocks().await;
    let store = "data/store.redb";
    for (name, damage) in [
        ("half", (|bytes| bytes.truncate(bytes.len() / 2)) as fn(&mut Vec<u8>)),
        ("stub", |bytes| bytes.truncate(10)),
        ("empty", Vec::clear),
        ("junk", |bytes| bytes.fill(0x5a)),
        ("head", |bytes| [100, 228].into_iter().for_each(|at| bytes[at] ^= 1)),
    ] {
        is_refused(&damaged(&home, name, store, damage), "store.redb", "move the file away");
    }
    let recent = text(BLOCKS - 1);
    let twin = damaged(&home, "recent", store, |bytes| {
        let found = places(bytes, recent.as_bytes());
        assert!(!found.is_empty());
        found.into_iter().for_each(|at| bytes[at] ^= 1);
    });
    is_refused(&twin, "store.redb", "move the file away");

    let whole = home.start();
    let served: Vec<_> = (1..=BLOCKS).map(|height| view(&whole, height).out).collect();
    whole.stop();
    let lost = served.iter().position(|block| block.contains(&text(1))).unwrap();
    let old = damaged(&home, "old", store, |bytes| {
        places(bytes, text(1).as_bytes()).into_iter().for_each(|at| bytes[at] ^= 1);
    });
    let node = Node::start(&old);
    for (index, expected) in served.iter().enumerate() {
        let said = view(&node, u64::try_from(index).unwrap() + 1);
        if index == lost {
            let error = super::json_error(&said, 1, "store_fault");
            says(error["error"].as_str().unwrap(), &["store.redb", "checksum"]);
            says(error["next"].as_str().unwrap(), &["log"]);
        } else {
            assert_eq!((said.code, &said.out), (0, expected), "block {}", index + 1);
        }
    }
}

#[tokio::test]
async fn small_damage_to_small_files_is_named_and_does_not_stop_the_node_for_long() {
    let home = with_blocks().await;
    let random = vec![0xa7; 300];
    is_refused(&damaged(&home, "own-head", "data/own", |bytes| *bytes = random.clone()), "own", "submitted again");
    let torn = damaged(&home, "own-end", "data/own", |bytes| bytes.extend(&random));
    says(&start_and_stop(&torn), &["data/own", "damaged and removed"]);
    fs::write(home.path().join("data/peers.cbor"), "junk").unwrap();
    let book = damaged(&home, "book", "data/peers.cbor", |_| {});
    says(&start_and_stop(&book), &["peer book is damaged and is replaced", "peers.cbor"]);

    let guard = "keys/guard";
    is_refused(&damaged(&home, "guard", guard, |bytes| bytes.fill(0x11)), "guard", "guard reset");
    is_refused(&damaged(&home, "guard-cut", guard, Vec::clear), "guard", "guard reset");
    for (name, at) in [("first", 30), ("second", 4096 + 30)] {
        let twin = damaged(&home, name, guard, |bytes| bytes[at] ^= 1);
        says(&start_and_stop(&twin), &[guard, "torn or damaged"]);
    }
    is_refused(&damaged(&home, "journal", "data/journal", |bytes| *bytes = random.clone()), "journal", "guard names");
    let torn = damaged(&home, "journal-end", "data/journal", |bytes| bytes.extend(&random));
    says(&start_and_stop(&torn), &["data/journal", "damaged and removed"]);
}

/// One of four validators, alone: it signs for block 1 and cannot decide it, so its journal is not empty.
fn one_that_signed() -> Home {
    let home = initialised(&["--validators", "4", "--block-interval", "10", "--idle-block-interval", "100"]);
    let node = home.start();
    wait_for("it has signed for block 1", || {
        let guard = home.json(&["guard", "show"]);
        (guard["mark"]["height"] == 1).then_some(())
    });
    assert_eq!(voting(&node), Value::from(true));
    drop(node);
    home
}

fn voting(node: &Node) -> Value {
    let said = program().args(["status", "--output", "json", "--api", &node.ready.api]).output().unwrap();
    let status: Value = serde_json::from_slice(&said.stdout).unwrap();
    status["voting"].clone()
}

/// Height, round and step of a mark.
fn position(mark: &Value) -> (Option<u64>, Option<u64>, usize) {
    let step = ["Proposal", "Prevote", "Precommit"].iter().position(|step| mark["step"] == *step);
    (mark["height"].as_u64(), mark["round"].as_u64(), step.expect("a step"))
}

fn mark(home: &Path) -> Value {
    let said = program().args(["guard", "show", "--output", "json", "--home"]).arg(home).output().unwrap();
    let guard: Value = serde_json::from_slice(&said.stdout).unwrap();
    guard["mark"].clone()
}

#[test]
fn a_validator_whose_journal_is_lost_signs_nothing_below_its_guard() {
    let home = one_that_signed();
    let journal = "data/journal";
    let before = position(&mark(&home.path()));
    for (name, damage) in [
        ("gone", Vec::clear as fn(&mut Vec<u8>)),
        ("headless", |bytes| bytes.truncate(10)),
        ("frameless", |bytes| bytes.truncate(20)),
        ("first-frame", |bytes| bytes.truncate(30)),
    ] {
        let twin = damaged(&home, name, journal, damage);
        start_until(&twin, "the journal lost votes that the guard remembers");
        let node = Node::start(&twin);
        assert_eq!(voting(&node), Value::from(true), "{name}: no lock was lost with it");
        drop(node);
        let after = position(&mark(&twin));
        // Alone it signs nothing more for now: it listens until a peer is there. SPEC VOTE-9.
        assert!(after >= before && after.0 == Some(1), "{name}: {after:?} after {before:?}");
    }
    let whole = home.start();
    assert_eq!(voting(&whole), Value::from(true), "with its journal whole it goes on");
}

/// Any byte of the journal: the node refuses, or knows that it lost something, or what was hit is worth nothing.
#[test]
fn a_flipped_byte_in_a_journal_never_lets_a_validator_forget_what_it_signed() {
    let home = one_that_signed();
    let length = fs::metadata(home.path().join("data/journal")).unwrap().len();
    let length = usize::try_from(length).unwrap();
    assert!(length > 20, "the journal holds something");
    let before = mark(&home.path());
    for at in [0, 10, 21, 30, 45, length / 2, length - 1] {
        let twin = damaged(&home, &format!("flip{at}"), "data/journal", |bytes| bytes[at] ^= 0x10);
        match Node::try_start_with(&twin, &[]) {
            None => is_refused(&twin, "journal", "guard names"),
            Some(node) => {
                let (votes, now) = (voting(&node), mark(&twin));
                assert!(votes == false || now == before || position(&now) > position(&before), "byte {at}");
            }
        }
    }
}
