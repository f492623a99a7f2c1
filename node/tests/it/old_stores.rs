//! Upgrading: a home that an earlier program left is opened by this one and goes on, or is refused with what to do.
//!
//! The homes are kept in `tests/stores`, one a store format, without keys; none of them ever changes.

use crate::support::{Home, says, wait_for};
use blockchat_node::wallet::keystore::{self, KeyUse};
use blockchat_proto::keys::Signer;
use redb::{Database, TableDefinition};
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

const STORES: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/stores");

/// A copy of a kept home. Files are for their owner alone, which a repository does not keep.
fn kept(format: u32) -> Home {
    let home = Home::new();
    copy(&Path::new(STORES).join(format!("schema-{format}")), &home.path());
    home
}

fn copy(from: &Path, to: &Path) {
    fs::create_dir_all(to).unwrap();
    for entry in fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        let copy_of = to.join(entry.file_name());
        if entry.file_type().unwrap().is_dir() {
            copy(&entry.path(), &copy_of);
        } else {
            fs::copy(entry.path(), &copy_of).unwrap();
            fs::set_permissions(&copy_of, fs::Permissions::from_mode(0o600)).unwrap();
        }
    }
}

/// Writes another format into the store, sealed as a program of that format would.
fn claims_format(home: &Home, format: u32) {
    let store = Database::open(home.path().join("data/store.redb")).unwrap();
    let writing = store.begin_write().unwrap();
    {
        let mut meta = writing.open_table(TableDefinition::<&str, &[u8]>::new("meta")).unwrap();
        let number = format.to_be_bytes();
        let sealed = [crc32fast::hash(&number).to_be_bytes(), number].concat();
        meta.insert("schema", sealed.as_slice()).unwrap();
    }
    writing.commit().unwrap();
}

/// The home of today's format, with the keys of its validator and of bob.
fn kept_with_keys() -> Home {
    let home = kept(4);
    for (file, seed) in [("keys/validator.pem", 1), ("wallets/bob.pem", 2)] {
        let signer = Signer::from_seed(&[seed; 32]);
        keystore::create(&home.path().join(file), &signer, KeyUse::Account, None).unwrap();
    }
    home
}

#[test]
fn a_home_of_an_earlier_program_is_whole_and_its_chain_goes_on() {
    let home = kept_with_keys();
    let verified = home.json(&["db", "verify"]);
    assert_eq!((&verified["from"], &verified["tip"], &verified["executed"]), (&1.into(), &5.into(), &true.into()));
    let root = "8ad30637520f61a42e95863f5f6aa76e9c935aa753c95f0e7121ae76b186915b";
    assert_eq!(verified["state_root"], root);

    let node = home.start();
    let status = home.json(&["status"]);
    assert_eq!((&status["height"], &status["state_root"]), (&5.into(), &root.into()));
    says(&home.run(&["inbox", "--wallet", "bob"]).out, &["Hello Bob", "Hello yourself", "Between us"]);
    says(&home.run(&["balance", "bob"]).out, &["12 BCC"]);
    let sent = home.run(&["send", "bob", "1", "and on", "--yes", "--wallet", "validator"]);
    says(&sent.out, &["block 6"]);
    node.stop();
    assert_eq!(home.json(&["db", "verify"])["tip"], 6);
}

/// It says which format it is and what to do.
#[track_caller]
fn is_refused(home: &Home, format: u32, code: &str, next: &str) {
    for args in [&["run", "--dev", "--no-mdns"][..], &["db", "verify"], &["db", "export", "blocks.jsonl"]] {
        let said = home.refused(1, &[args, &["--output", "json"]].concat());
        says(&said, &[code, "store.redb", &format!("format {format}"), next]);
    }
}

#[test]
fn a_home_of_a_format_that_is_no_longer_read_is_refused_by_name() {
    is_refused(&kept(3), 3, "format_too_old", "keys stay");
}

#[test]
fn a_store_of_a_newer_format_is_refused_by_name_and_nothing_of_it_is_lost() {
    let home = kept(4);
    claims_format(&home, 5);
    is_refused(&home, 5, "format_too_new", "newer program");
    // As the newer program finds it.
    claims_format(&home, 4);
    assert_eq!(home.json(&["db", "verify"])["tip"], 5);
}

/// The remedy of the refusal works: without its store, a home keeps its guard, and fetches its chain again from peers.
#[test]
fn a_home_whose_store_was_moved_away_signs_nothing_that_it_may_have_signed() {
    let home = kept_with_keys();
    fs::rename(home.path().join("data/store.redb"), home.path().join("store.redb.old")).unwrap();
    let _node = home.start();
    let status = wait_for("it serves", || Some(home.json(&["status"])));
    assert_eq!((&status["height"], &status["voting"]), (&0.into(), &false.into()));
    says(status["silence"].as_str().unwrap(), &["has signed at height 5", "Peers that have them send them"]);
}
