//! The content of the manifests and clippy's lists: the dependencies of the pure crates, and the calls that are banned
//! in each.

use super::tree::read;
use std::collections::BTreeSet;
use toml::{Table, Value};

/// All that `proto` and `engine` are made of; a crate that is not here was never weighed. None has a clock, a socket or
/// randomness of its own (`rand_chacha` gives what a seed says).
const PROTO: &[&str] = &[
    "bech32",
    "ed25519-dalek",
    "ed25519-zebra",
    "hex",
    "rand_chacha",
    "serde",
    "serde_bytes",
    "serde_cbor",
    "sha2",
    "thiserror",
];
const ENGINE: &[&str] =
    &["blockchat-proto", "malachitebft-core-consensus", "malachitebft-core-types", "serde", "serde_bytes", "thiserror"];

/// All that `client` is made of: what speaks HTTP, and no server, terminal or peer network.
const CLIENT: &[&str] = &["blockchat-proto", "reqwest", "serde", "serde_json", "thiserror", "tokio", "utoipa"];

/// All that `dashboard` is made of: the client of the API, what draws, and nothing of a node.
const DASHBOARD: &[&str] =
    &["blockchat-client", "blockchat-host", "blockchat-proto", "crossterm", "ratatui", "serde_json", "tokio"];

/// Calls that clippy refuses in every crate, and those in the pure ones besides.
const BANNED: &[&str] =
    &["tokio::sync::mpsc::unbounded_channel", "std::sync::mpsc::channel", "futures::channel::mpsc::unbounded"];
const BANNED_IN_SHELL: &[&str] = &["std::time::SystemTime::now", "std::io::stdout", "std::io::stderr"];
const BANNED_MACROS: &[&str] = &["std::print", "std::println", "std::eprint", "std::eprintln"];
const BANNED_IN_PURE: &[&str] = &["std::time::Instant::now", "std::time::SystemTime::now", "std::thread::sleep"];
const BANNED_TYPES: &[&str] = &["std::collections::HashMap", "std::collections::HashSet"];

/// The names in these tables of a manifest, those for one platform included.
fn dependencies(manifest: &str, kinds: &[&str]) -> BTreeSet<String> {
    let manifest: Table = manifest.parse().expect("the manifest is TOML");
    let platforms = manifest.get("target").and_then(Value::as_table).into_iter().flat_map(Table::values);
    let tables = platforms.filter_map(Value::as_table).chain([&manifest]);
    let wanted = tables.flat_map(|table| kinds.iter().filter_map(|kind| table.get(*kind)?.as_table()));
    wanted.flat_map(Table::keys).cloned().collect()
}

/// The paths in a list of `.clippy.toml`.
fn banned(file: &str, list: &str) -> BTreeSet<String> {
    let file: Table = file.parse().expect("the list is TOML");
    let entries = file.get(list).and_then(Value::as_array).into_iter().flatten();
    entries.filter_map(|entry| Some(entry.get("path")?.as_str()?.to_owned())).collect()
}

fn set(names: &[&str]) -> BTreeSet<String> {
    names.iter().map(|name| (*name).to_owned()).collect()
}

#[test]
fn the_pure_crates_are_made_of_nothing_that_waits_or_draws_lots() {
    assert_eq!(dependencies(&read("proto/Cargo.toml"), &["dependencies"]), set(PROTO));
    assert_eq!(dependencies(&read("node/engine/Cargo.toml"), &["dependencies"]), set(ENGINE));
}

#[test]
fn the_client_is_made_of_what_speaks_http_and_nothing_else() {
    assert_eq!(dependencies(&read("node/client/Cargo.toml"), &["dependencies"]), set(CLIENT));
}

#[test]
fn the_dashboard_is_made_of_the_client_and_what_draws() {
    assert_eq!(dependencies(&read("node/dashboard/Cargo.toml"), &["dependencies"]), set(DASHBOARD));
}

#[test]
fn the_testnet_is_not_built_with_the_node_nor_the_node_with_the_testnet() {
    let all = ["dependencies", "dev-dependencies", "build-dependencies"];
    let testnet = dependencies(&read("testnet/Cargo.toml"), &all);
    assert!(testnet.contains("blockchat-engine") && testnet.contains("blockchat-client"));
    for foreign in ["blockchat-node", "libp2p", "redb"] {
        assert!(!testnet.contains(foreign), "{foreign}");
    }
    let node = dependencies(&read("node/Cargo.toml"), &["dependencies", "build-dependencies"]);
    assert!(node.contains("blockchat-engine"));
    assert!(!node.contains("blockchat-testnet"));
    assert!(!node.iter().any(|name| name.contains("malachite")), "Malachite belongs to the engine alone");
}

#[test]
fn clippy_bans_clocks_hash_maps_floats_unbounded_queues_and_bare_streams() {
    let everywhere = banned(&read(".clippy.toml"), "disallowed-methods");
    assert!(everywhere.is_superset(&set(BANNED)) && everywhere.is_superset(&set(BANNED_IN_SHELL)), "{everywhere:?}");
    let macros = banned(&read(".clippy.toml"), "disallowed-macros");
    assert!(macros.is_superset(&set(BANNED_MACROS)), "a closed pipe must panic nowhere: {macros:?}");
    // The nearest file wins and does not merge: what is banned everywhere stands in these again.
    for file in ["proto/.clippy.toml", "node/engine/.clippy.toml"] {
        let methods = banned(&read(file), "disallowed-methods");
        assert!(methods.is_superset(&set(BANNED)), "{file}: {methods:?}");
        assert!(methods.is_superset(&set(BANNED_IN_PURE)), "{file}: {methods:?}");
        let types = banned(&read(file), "disallowed-types");
        assert!(types.is_superset(&set(BANNED_TYPES)), "{file}: {types:?}");
    }
    // Types of floats are looked for by `table::IMPURE_WORDS`: benches and tests of statistics may use them.
    for root in ["proto/src/lib.rs", "node/engine/src/lib.rs"] {
        assert!(read(root).contains("\n#![deny(clippy::float_arithmetic)]\n"), "{root}");
    }
}

#[test]
fn a_dependency_is_found_in_each_kind_of_table() {
    let manifest = "[dependencies]\na.workspace = true\n[dev-dependencies]\nb = \"1\"\n[target.'cfg(unix)'.dependencies]\nc = \"1\"";
    assert_eq!(dependencies(manifest, &["dependencies"]), set(&["a", "c"]));
    assert_eq!(dependencies(manifest, &["dev-dependencies"]), set(&["b"]));
    assert_eq!(banned("l = [{ path = \"x::y\", reason = \"z\" }]", "l"), set(&["x::y"]));
}
