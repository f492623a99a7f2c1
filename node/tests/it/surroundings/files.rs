//! Files appear whole or not at all, odd ones disturb nothing, and removed ones are missed.

use super::{asked, in_little_room, node};
use crate::support::{Home, Node, Said, says, wait_for, write_secret};
use serde_json::Value;
use std::ffi::OsStr;
use std::fs;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::Path;
use std::process::{Command, Stdio};

fn names(list: &Value) -> Vec<&str> {
    list.as_array().unwrap().iter().map(|one| one["name"].as_str().unwrap()).collect()
}

fn count(folder: &Path) -> usize {
    fs::read_dir(folder).map_or(0, Iterator::count)
}

#[test]
fn a_key_that_did_not_get_onto_the_disk_leaves_nothing_and_its_name_is_free() {
    let home = Home::new();
    home.json(&["wallet", "new", "alice", "--no-passphrase"]);
    let new = asked(&home.path(), &["wallet", "new", "bob", "--no-passphrase"]);
    let said: Said = in_little_room(&new, 0).output().unwrap().into();
    assert_eq!(said.code, 1, "{said:?}");
    assert_eq!(count(&home.path().join("wallets")), 1, "no file and no draft");
    assert_eq!(names(&home.json(&["wallet", "list"])), ["alice"]);
    home.json(&["wallet", "new", "bob", "--no-passphrase"]);
}

#[test]
fn an_interrupted_validator_key_can_be_made_again() {
    let home = Home::new();
    let new = asked(&home.path(), &["wallet", "new", "validator", "--no-passphrase"]);
    for kib in [0, 4] {
        let said: Said = in_little_room(&new, kib).output().unwrap().into();
        assert_eq!(said.code, 1, "{said:?}");
        assert_eq!(count(&home.path().join("keys")), 0, "{kib}");
    }
    // As if the process had been killed between the two files.
    home.json(&["wallet", "new", "validator", "--no-passphrase"]);
    fs::remove_file(home.path().join("keys/validator.pem")).unwrap();
    home.json(&["wallet", "new", "validator", "--no-passphrase"]);
    assert_eq!(home.json(&["guard", "show"])["mark"]["height"], 0);
}

#[test]
fn one_odd_file_among_the_wallets_hides_no_other() {
    let home = Home::new();
    let address = home.json(&["wallet", "new", "alice", "--no-passphrase"])["address"].clone();
    let wallets = home.path().join("wallets");
    let alice = fs::read(wallets.join("alice.pem")).unwrap();
    for name in ["Bob.pem", "alice (copy).pem", "alice.old.pem", "me.pem", "validator.pem", "esc\u{1b}[2J.pem"] {
        write_secret(&wallets.join(name), &alice);
    }
    write_secret(&wallets.join(OsStr::from_bytes(b"odd\xff.pem")), &alice);
    write_secret(&wallets.join("empty.pem"), "");
    write_secret(&wallets.join("bytes.pem"), [0xff; 100]);
    write_secret(&wallets.join("open.pem"), &alice);
    fs::set_permissions(wallets.join("open.pem"), fs::Permissions::from_mode(0o644)).unwrap();
    fs::create_dir(wallets.join("folder.pem")).unwrap();
    symlink("nowhere", wallets.join("dangling.pem")).unwrap();
    assert!(Command::new("mkfifo").arg("-m").arg("600").arg(wallets.join("pipe.pem")).status().unwrap().success());

    let list = home.json(&["wallet", "list"]);
    let all = list.as_array().unwrap();
    assert_eq!(all.len(), 14, "{list}");
    let problems: Vec<_> = all.iter().filter(|one| one["problem"].is_string()).map(|one| &one["name"]).collect();
    assert_eq!(problems, ["bytes", "dangling", "empty", "folder", "open", "pipe"]);
    let said = home.run(&["wallet", "list"]);
    assert!(said.code == 0 && !said.out.contains('\u{1b}'), "{said:?}");
    says(&said.out, &["alice ", "cannot be used: ", "mode 0044"]);

    for one in all.iter().filter(|one| !one["problem"].is_string()) {
        let name = one["name"].as_str().unwrap();
        if !name.contains('\u{fffd}') {
            assert_eq!(home.json(&["wallet", "show", name])["address"], address, "{name}");
        }
    }
    says(&home.refused(1, &["balance", "open", "--api", "127.0.0.1:9"]), &["can be read by others"]);
    says(&home.refused(1, &["balance", "--api", "127.0.0.1:9"]), &["no node answers"]);
}

#[test]
fn every_name_that_is_listed_names_an_account() {
    let home = Home::new();
    let _node = home.start();
    home.json(&["wallet", "new", "bob", "--no-passphrase"]);
    let bob = home.path().join("wallets/bob.pem");
    write_secret(&home.path().join("wallets/Bob's.pem"), fs::read(bob).unwrap());
    let list = home.json(&["wallet", "list"]);
    assert_eq!(list.as_array().unwrap().len(), 4, "the validator, bob twice, the faucet");
    for one in list.as_array().unwrap() {
        let name = one["name"].as_str().unwrap();
        assert_eq!(home.json(&["balance", name])["address"], one["address"], "{name}");
        assert_eq!(home.json(&["wallet", "show", name])["address"], one["address"], "{name}");
        assert_eq!(home.json(&["send", name, "0.5"])["to"], one["address"], "{name}");
    }
    let address = list[0]["address"].as_str().unwrap();
    for taken in ["me", "validator", "bob"] {
        says(&home.refused(2, &["contacts", "add", taken, address]), &["one of your keys"]);
    }
}

#[test]
fn a_first_run_that_found_no_room_is_begun_anew_by_the_next() {
    for kib in [0, 1, 2, 4, 16, 256, 768] {
        let home = Home::new();
        home.json(&["wallet", "new", "bob", "--no-passphrase"]);
        let ended = in_little_room(&node(&home.path()), kib).stderr(Stdio::piped()).output().unwrap();
        assert_eq!(ended.status.code(), Some(1), "{kib} KiB: {}", String::from_utf8_lossy(&ended.stderr));
        assert_eq!(home.start().stop().0, Some(0), "{kib} KiB");
        assert!(home.path().join("wallets/bob.pem").exists());
        assert!(!home.path().join("unfinished").exists());
    }
}

#[test]
fn a_chain_of_ones_own_keeps_the_contacts_that_are_there() {
    let home = Home::new();
    let bob = home.json(&["wallet", "new", "bob", "--no-passphrase"])["address"].as_str().unwrap().to_owned();
    home.json(&["contacts", "add", "carol", &bob]);
    home.json(&["contacts", "add", "dev", &bob]);
    home.start().stop();
    let contacts = home.json(&["contacts", "list"]);
    assert_eq!((&contacts["contacts"]["carol"], &contacts["contacts"]["dev"]), (&bob.clone().into(), &bob.into()));
}

#[test]
fn an_init_that_found_no_room_leaves_nothing_and_one_that_was_killed_is_begun_anew() {
    let home = Home::new();
    let net = home.path().with_extension("net");
    let init = ["init", "--validators", "3", "--wallets", "2", "--base-port", "0", "--dir", net.to_str().unwrap()];
    for kib in [0, 1, 4] {
        let said: Said = in_little_room(&asked(&home.path(), &init), kib).output().unwrap().into();
        assert_eq!(said.code, 1, "{said:?}");
        assert_eq!(count(&net), 0, "{kib} KiB");
    }
    home.json(&init);
    assert_eq!(count(&net), 4);
    // As if it had been killed before the last genesis.
    let files = ["keys/validator.pem", "keys/p2p.pem", "keys/guard", "contacts.toml", "config.toml", "genesis.json"];
    let list: String = (0..3).flat_map(|i| files.map(|file| format!("id{i}/{file}\n"))).collect();
    fs::write(net.join("unfinished"), format!("wallets/faucet.pem\nwallets/user0.pem\nwallets/user1.pem\n{list}"))
        .unwrap();
    let key = fs::read(net.join("id0/keys/validator.pem")).unwrap();
    says(&home.refused(1, &init), &["already exists"]);
    assert_eq!(fs::read(net.join("id0/keys/validator.pem")).unwrap(), key, "it was whole");
    fs::write(net.join("unfinished"), format!("wallets/faucet.pem\nwallets/user0.pem\nwallets/user1.pem\n{list}"))
        .unwrap();
    fs::remove_file(net.join("id2/genesis.json")).unwrap();
    home.json(&init);
    assert_ne!(fs::read(net.join("id0/keys/validator.pem")).unwrap(), key);
    assert_eq!(Node::start(&net.join("id0")).stop().0, Some(0));
}

#[test]
fn contacts_that_are_a_link_are_changed_where_they_lie() {
    let home = Home::new();
    let address = home.json(&["wallet", "new", "x", "--no-passphrase"])["address"].as_str().unwrap().to_owned();
    let real = home.path().with_extension("contacts");
    for exists in [false, true] {
        if exists {
            fs::set_permissions(&real, fs::Permissions::from_mode(0o600)).unwrap();
        } else {
            symlink(&real, home.path().join("contacts.toml")).unwrap();
        }
        home.json(&["contacts", "add", if exists { "dave" } else { "carol" }, &address]);
        assert!(home.path().join("contacts.toml").is_symlink());
    }
    says(&fs::read_to_string(&real).unwrap(), &["carol", "dave"]);
    assert_eq!(fs::metadata(&real).unwrap().permissions().mode() & 0o777, 0o600);
}

#[test]
fn a_node_whose_files_are_taken_away_stops_and_says_which() {
    for taken in ["data", "keys/guard", "data/journal"] {
        let home = Home::new();
        home.start().stop();
        let log = home.path().with_extension("log");
        let ready = home.path().with_extension("up");
        let mut command = node(&home.path());
        command.arg("--ready-file").arg(&ready).args(["--output", "json"]).stderr(fs::File::create(&log).unwrap());
        let mut child = command.spawn().unwrap();
        wait_for("it serves", || ready.exists().then_some(()));
        fs::rename(home.path().join(taken), home.path().join("taken")).unwrap();
        let status = wait_for("it stops", || child.try_wait().unwrap());
        assert_eq!(status.code(), Some(1), "{taken}");
        let said = fs::read_to_string(&log).unwrap();
        let error: Value = serde_json::from_str(said.lines().next_back().unwrap()).unwrap();
        assert_eq!(error["code"], "file_gone", "{said}");
        says(error["error"].as_str().unwrap(), &[taken, "while the node ran"]);
        assert!(!ready.exists());
        let back = home.path().join(taken);
        fs::rename(home.path().join("taken"), back).unwrap();
        assert_eq!(home.start().stop().0, Some(0), "put back, it goes on");
    }
}

#[test]
fn a_home_whose_path_is_no_utf_8_works_with_json_too() {
    let outer = Home::new();
    let home = outer.path().join(OsStr::from_bytes(b"h\xff"));
    let json = |args: &[&str]| -> Value {
        let said: Said = asked(&home, &[args, &["--output", "json"]].concat()).output().unwrap().into();
        assert_eq!(said.code, 0, "{args:?}: {said:?}");
        serde_json::from_str(&said.out).unwrap()
    };
    assert!(json(&["wallet", "new", "bob", "--no-passphrase"])["file"].as_str().unwrap().contains("h\u{fffd}"));
    assert_eq!(names(&json(&["wallet", "list"])), ["bob"]);
    let mut command = asked(&home, &["init", "--base-port", "0", "--output", "json", "--dir"]);
    let said: Said = command.arg(home.join("net")).output().unwrap().into();
    let written: Value = serde_json::from_str(&said.out).unwrap();
    assert!(written["genesis"].as_str().unwrap().ends_with("net/id0/genesis.json"), "{written}");
    let node = Node::start_with(&home.join("net").join("id0"), &["--output", "json"]);
    let guard = asked(&home.join("net/id0"), &["guard", "show", "--output", "json"]).output().unwrap();
    assert!(guard.status.success(), "{guard:?}");
    assert_eq!(node.stop().0, Some(0));
}

#[test]
fn a_byte_order_mark_before_a_file_changes_nothing() {
    let home = Home::new();
    let marked = |path: &Path| {
        let text = [b"\xef\xbb\xbf".to_vec(), fs::read(path).unwrap()].concat();
        write_secret(path, text);
    };
    let secret = home.path().with_extension("passphrase");
    write_secret(&secret, "correct horse\r\n");
    let flags = ["--passphrase-file", secret.to_str().unwrap()];
    let bob = home.json(&[&["wallet", "new", "bob"][..], &flags].concat())["address"].clone();
    home.start().stop();
    for file in
        ["genesis.json", "config.toml", "contacts.toml", "keys/validator.pem", "keys/p2p.pem", "wallets/bob.pem"]
    {
        marked(&home.path().join(file));
    }
    marked(&secret);
    let _node = home.start();
    let list = home.json(&["wallet", "list"]);
    assert!(list.as_array().unwrap().iter().all(|one| one["problem"].is_null()), "{list}");
    assert_eq!(list[1]["address"], bob);
    home.json(&["send", bob.as_str().unwrap(), "5"]);
    home.json(&[&["send", "me", "-m", "hi", "--wallet", "bob"][..], &flags].concat());
    home.json(&["contacts", "list"]);
    fs::write(home.path().join("contacts.toml"), [0xff, 0xfe, b'[', 0]).unwrap();
    says(&home.refused(1, &["contacts", "list"]), &["contacts.toml", "UTF-16"]);
}

#[test]
fn a_passphrase_that_others_can_read_is_refused_like_such_a_key() {
    let home = Home::new();
    let secret = home.path().with_extension("passphrase");
    write_secret(&secret, "correct horse");
    let path = secret.to_str().unwrap();
    for mode in [0o644, 0o640, 0o604, 0o660] {
        fs::set_permissions(&secret, fs::Permissions::from_mode(mode)).unwrap();
        let said = home.refused(1, &["wallet", "new", "bob", "--passphrase-file", path]);
        says(&said, &["can be read by others", &format!("chmod 600 {path}")]);
        let net = home.path().join("net");
        says(&home.refused(1, &["init", "--dir", net.to_str().unwrap(), "--passphrase-file", path]), &["chmod 600"]);
        assert!(!net.exists());
    }
    fs::set_permissions(&secret, fs::Permissions::from_mode(0o400)).unwrap();
    home.json(&["wallet", "new", "bob", "--passphrase-file", path]);
}
