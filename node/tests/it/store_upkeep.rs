//! `db verify|export|prune`: the store of a node at rest.

use crate::support::{Home, Node, says, wait_for};
use blockchat_proto::block::Block;
use serde_json::Value;
use std::fs;

/// A chain of its own with some blocks in it, at rest; how many.
fn chain_at_rest(home: &Home) -> u64 {
    home.json(&[
        "init",
        "--dir",
        home.path().parent().unwrap().join("net").to_str().unwrap(),
        "--idle-block-interval",
        "100",
    ]);
    fs::rename(home.path().parent().unwrap().join("net/id0"), home.path()).unwrap();
    let node = home.start();
    let height = |_: &Node| home.json(&["status"])["height"].as_u64().unwrap();
    wait_for("there are some blocks", || (height(&node) >= 6).then_some(()));
    says(&home.refused(1, &["db", "verify"]), &["in use"]);
    node.stop();
    home.json(&["db", "verify"])["tip"].as_u64().unwrap()
}

#[test]
fn a_store_is_verified_exported_and_pruned_and_its_node_goes_on() {
    let home = Home::new();
    let tip = chain_at_rest(&home);
    let verified = home.json(&["db", "verify"]);
    assert_eq!((&verified["from"], &verified["tip"], &verified["executed"]), (&1.into(), &tip.into(), &true.into()));
    says(&home.run(&["db", "verify"]).out, &["executed again from the genesis on"]);

    let file = home.path().join("blocks.jsonl");
    let exported = home.json(&["db", "export", file.to_str().unwrap(), "--from", "2"]);
    assert_eq!((&exported["from"], &exported["to"]), (&2.into(), &tip.into()));
    let lines: Vec<Value> =
        fs::read_to_string(&file).unwrap().lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!(lines.len() as u64, tip - 1);
    let block = Block::decode(&hex::decode(lines[0]["block"].as_str().unwrap()).unwrap()).unwrap();
    assert_eq!(
        (block.header.height.0, block.header.hash().to_string()),
        (2, lines[0]["hash"].as_str().unwrap().into())
    );
    says(&home.refused(1, &["db", "export", file.to_str().unwrap()]), &["already exists"]);

    let pruned = home.json(&["db", "prune", "--keep", "2"]);
    assert_eq!(pruned["from"], tip - 1);
    let verified = home.json(&["db", "verify"]);
    assert_eq!((&verified["from"], &verified["executed"]), (&(tip - 1).into(), &false.into()));
    let _node = home.start();
    wait_for("it goes on", || (home.json(&["status"])["height"].as_u64().unwrap() > tip).then_some(()));
    assert_eq!(home.json(&["view", &tip.to_string()])["height"], tip);
    says(&home.refused(1, &["view", "1"]), &["1"]);
}

#[test]
fn a_changed_byte_in_an_old_block_is_found_and_named() {
    let home = Home::new();
    chain_at_rest(&home);
    let file = home.path().join("blocks.jsonl");
    home.json(&["db", "export", file.to_str().unwrap(), "--from", "3", "--to", "3"]);
    let line: Value = serde_json::from_str(&fs::read_to_string(&file).unwrap()).unwrap();
    let hash = hex::decode(line["hash"].as_str().unwrap()).unwrap();
    let store = home.path().join("data/store.redb");
    let mut bytes = fs::read(&store).unwrap();
    let places: Vec<_> = (0..bytes.len() - hash.len()).filter(|at| bytes[*at..].starts_with(&hash)).collect();
    assert!(!places.is_empty(), "the hash of block 3 is in block 4, as its parent");
    places.iter().for_each(|at| bytes[*at] ^= 1);
    fs::write(&store, &bytes).unwrap();
    says(&home.refused(1, &["db", "verify", "--output", "json"]), &["file_damaged", "store.redb"]);
}

#[test]
fn a_home_without_a_store_or_a_chain_is_named_and_nothing_is_made() {
    let home = Home::new();
    says(&home.refused(1, &["db", "verify"]), &["has no chain"]);
    home.json(&["init", "--dir", home.path().to_str().unwrap()]);
    let id0 = home.path().join("id0");
    let said = crate::support::program().arg("--home").arg(&id0).args(["db", "verify"]).output().unwrap();
    assert_eq!(said.status.code(), Some(1));
    says(&String::from_utf8_lossy(&said.stderr), &["store.redb"]);
    assert!(!id0.join("data/store.redb").exists());
}

#[test]
fn every_command_has_a_manual_page() {
    let home = Home::new();
    let dir = home.path().join("man1");
    home.json(&["man", "--dir", dir.to_str().unwrap()]);
    for page in ["blockchat-node", "blockchat-node-run", "blockchat-node-db-verify", "blockchat-node-pod-init"] {
        says(&fs::read_to_string(dir.join(format!("{page}.1"))).unwrap(), &[".TH", "SYNOPSIS"]);
    }
}

#[test]
fn the_version_says_commit_target_and_rules() {
    let version = Home::new().json(&["version"]);
    assert!(version["target"].as_str().unwrap().split('-').count() >= 3, "{version}");
    assert!(!version["commit"].as_str().unwrap().is_empty());
    says(&Home::new().run(&["--version"]).out, &["commit ", "target ", "sources "]);
}
