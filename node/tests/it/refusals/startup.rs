//! `run` where it must not run: ports and homes that are taken, another chain's genesis, a disk that cannot be written.

use super::{content, copy, initialised, run_refused};
use crate::support::{Home, Node, program, says, wait_for};
use blockchat_host::stream::Stream;
use blockchat_node::ready_file::Ready;
use serde_json::Value;
use std::fs::File;
use std::io::Write;
use std::path::Path;
use std::process::{Command, Stdio};

/// A chain on which no block comes by itself while a test looks, however slow the machine.
const QUIET: &[&str] = &["--idle-block-interval", "3600000"];

/// The status of a running node.
fn status(node: &Node) -> Value {
    let said = program().args(["status", "--output", "json", "--api", &node.ready.api]).output().unwrap();
    serde_json::from_slice(&said.stdout).unwrap()
}

#[test]
fn ports_and_homes_in_use_are_named_and_their_owner_is_left_in_peace() {
    let (first, second) = (initialised(QUIET), initialised(QUIET));
    let node = first.start();
    let api = node.ready.api.trim_start_matches("http://").to_owned();
    let peers = node.ready.listen[0].split("/p2p/").next().unwrap().to_owned();
    let (before, ready) = (content(&second.path()), Ready::read(&first.path().join("data/ready.json")));

    let error = run_refused(&second.path(), "cannot_listen", &["--api", &api]);
    says(error["error"].as_str().unwrap(), &[&api, "in use"]);
    says(error["next"].as_str().unwrap(), &["blockchat-node status", "--api"]);
    assert!(content(&second.path()) == before, "nothing is written before the API's port is ours");

    let error = run_refused(&second.path(), "cannot_listen", &["--listen", &peers]);
    says(error["error"].as_str().unwrap(), &[&peers, "in use"]);
    says(error["next"].as_str().unwrap(), &["--listen"]);

    let error = run_refused(&first.path(), "home_in_use", &[]);
    says(error["error"].as_str().unwrap(), &["store.redb is in use"]);
    says(error["next"].as_str().unwrap(), &["--home"]);
    let said = first.run(&["guard", "reset", "--force", "--height", "5", "--output", "json"]);
    let error = super::json_error(&said, 1, "home_in_use");
    says(error["next"].as_str().unwrap(), &["stop the node first"]);

    assert_eq!(Ready::read(&first.path().join("data/ready.json")), ready, "the first node is still found");
    assert_eq!(status(&node)["voting"], true);
    assert_eq!(node.stop().0, Some(0));
    assert_eq!(second.start().stop().0, Some(0), "with ports of its own it runs");
}

#[test]
fn an_edited_genesis_is_another_chain_and_a_broken_one_is_none() {
    let home = initialised(QUIET);
    let node = home.start();
    let expected = status(&node);
    node.stop();
    let path = home.path().join("genesis.json");
    let good = std::fs::read_to_string(&path).unwrap();
    let data = |home: &Home| {
        let mut files = content(&home.path().join("data"));
        // The database keeps books about itself in whatever it opens; what it holds is looked at at the end.
        files.remove(&home.path().join("data/store.redb")).expect("there is a store");
        files
    };
    let before = data(&home);
    for (text, code, cause) in [
        (good.replacen("\"blockchat\"", "\"blockchit\"", 1), "other_chain", "store.redb holds chain"),
        (good.replacen("1000", "1001", 1), "other_chain", "store.redb holds chain"),
        (good.replacen('{', "{\"motto\": 1,", 1), "bad_genesis", "motto"),
        (good[..good.len() / 2].to_owned(), "bad_genesis", "is not a valid genesis"),
        (String::new(), "bad_genesis", "is not a valid genesis"),
    ] {
        assert_ne!(text, good);
        std::fs::write(&path, text).unwrap();
        let error = run_refused(&home.path(), code, &[]);
        says(error["error"].as_str().unwrap(), &[cause]);
        says(error["next"].as_str().unwrap(), &["genesis.json"]);
    }
    assert!(data(&home) == before, "nothing is written");
    std::fs::write(&path, good).unwrap();
    let node = home.start();
    let after = status(&node);
    let same = |key: &str| assert_eq!(after[key], expected[key], "{key}");
    ["genesis_hash", "state_root", "height", "supply"].into_iter().for_each(same);
    assert_eq!(node.stop().0, Some(0));
}

/// Runs a node whose log goes to a file, until it serves.
fn start_with_log(home: &Path, log: &Path, flags: &[&str]) -> (std::process::Child, Ready) {
    let ready = log.with_extension("ready");
    let mut command = program();
    command.args(["run", "--api", "127.0.0.1:0", "--listen", "/ip4/127.0.0.1/tcp/0", "--no-mdns", "--log", "info"]);
    command.args(flags).arg("--home").arg(home).arg("--ready-file").arg(&ready);
    let child = command.stdout(Stdio::null()).stderr(File::create(log).unwrap()).spawn().unwrap();
    (child, wait_for("the node serves", || Ready::read(&ready)))
}

#[test]
fn a_peer_with_another_genesis_is_parted_from_and_the_log_says_so() {
    let (ours, theirs) = (initialised(QUIET), initialised(&["--name", "elsewhere"]));
    let node = ours.start();
    let before = status(&node);
    let log = theirs.path().with_extension("log");
    let (mut child, _) = start_with_log(&theirs.path(), &log, &["--peer", &node.ready.listen[0]]);
    let told = wait_for("the other node says why", || {
        let text = std::fs::read_to_string(&log).unwrap();
        text.contains("peer is of another chain").then_some(text)
    });
    let hash = &before["genesis_hash"].as_str().unwrap()[..8];
    says(&told, &["its genesis differs from ours", &format!("theirs={hash}"), &node.ready.peer_id]);
    let after = status(&node);
    assert_eq!((&after["peers"], &after["height"]), (&Value::from(0), &before["height"]));
    child.kill().unwrap();
    child.wait().unwrap();
}

/// A way to make a folder read-only even for root; `None`, loudly, where this system allows none.
fn read_only(home: &Path) -> Option<Command> {
    let script = r#"mount --bind "$0" "$0" && mount -o remount,ro,bind "$0" && exec "$@""#;
    for flags in [["-m"].as_slice(), ["-r", "-m"].as_slice()] {
        let mut command = Command::new("unshare");
        command.args(flags).args(["sh", "-c", script]).arg(home).stdin(Stdio::null());
        let mut probe = Command::new("unshare");
        probe.args(flags).args(["sh", "-c", script]).arg(home).arg("true");
        if probe.output().is_ok_and(|done| done.status.success()) {
            return Some(command);
        }
    }
    // Not through `eprintln!`, which the test harness keeps to itself: a test that checks nothing must be seen.
    let why = "NOT CHECKED: a read-only home (no private mount namespace here: `unshare -m` and `unshare -rm` fail)\n";
    drop(Stream::Error.open().and_then(|mut stream| stream.write_all(why.as_bytes())));
    None
}

#[test]
fn a_read_only_disk_is_named_and_left_as_it_is() {
    let home = initialised(QUIET);
    home.start().stop();
    let before = content(&home.path());
    let runs: [(&[&str], &str); 2] = [
        (&["run", "--api", "127.0.0.1:0", "--listen", "/ip4/127.0.0.1/tcp/0", "--no-mdns"], "store.redb"),
        (&["wallet", "new", "carol", "--no-passphrase"], "wallets"),
    ];
    for (args, file) in runs {
        let Some(mut command) = read_only(&home.path()) else { return };
        command.arg(env!("CARGO_BIN_EXE_blockchat-node")).arg("--home").arg(home.path()).args(args);
        let said = command.args(["--output", "json"]).output().unwrap().into();
        let error = super::json_error(&said, 1, "disk_refused");
        says(error["error"].as_str().unwrap(), &[file, "Read-only file system"]);
        says(error["next"].as_str().unwrap(), &["writ"]);
    }
    assert!(content(&home.path()) == before, "nothing is written");
}

#[test]
fn a_home_whose_parent_is_a_file_is_refused() {
    let home = Home::new();
    let blocked = home.path();
    std::fs::write(&blocked, "a file").unwrap();
    let error = run_refused(&blocked.join("home"), "disk_refused", &[]);
    says(error["error"].as_str().unwrap(), &["Not a directory"]);
    assert_eq!(std::fs::read(&blocked).unwrap(), b"a file");
}

#[test]
fn a_copy_of_a_home_without_its_guard_signs_nothing() {
    let home = initialised(QUIET);
    home.start().stop();
    let twin = home.path().with_extension("twin");
    copy(&home.path(), &twin);
    std::fs::remove_file(twin.join("keys/guard")).unwrap();
    let log = home.path().with_extension("log");
    let (mut child, ready) = start_with_log(&twin, &log, &[]);
    says(&std::fs::read_to_string(&log).unwrap(), &["guard of the validator key is missing", "guard reset"]);
    let said = program().args(["status", "--output", "json", "--api", &ready.api]).output().unwrap();
    let status: Value = serde_json::from_slice(&said.stdout).unwrap();
    assert_eq!((&status["voting"], &status["height"]), (&Value::from(false), &Value::from(0)));
    assert!(!twin.join("keys/guard").exists(), "a guard is never made by itself");
    child.kill().unwrap();
    child.wait().unwrap();
}
