//! Small made-up sources: each rule can be broken, and is not broken by what is allowed.

use super::table::{LAYERS, RULES, layer_of};
use super::tree::{Source, breaches, sources};

fn breaches_of(path: &str, source: &str) -> Vec<String> {
    breaches(&Source::new(path, source.to_owned()))
}

/// This source breaks the rule whose name begins so, on its last line.
#[track_caller]
fn breaks(path: &str, source: &str, rule: &str) {
    let found = breaches_of(path, source);
    let place = format!("{path}:{}:", source.lines().count());
    let named = |breach: &&String| breach.starts_with(&place) && breach.contains(&format!("rule: {rule}"));
    assert!(found.iter().any(|breach| named(&breach)), "expected {place} {rule}, found {found:#?}");
}

#[track_caller]
fn keeps(path: &str, source: &str) {
    assert_eq!(breaches_of(path, source), Vec::<String>::new(), "{source}");
}

/// A source for every rule of the table, and the beginning of the rule's name.
const BROKEN: &[(&str, &str, &str)] = &[
    ("testnet/src/load/lane.rs", "use blockchat_node::store;", "crates point down"),
    ("node/src/runtime/start.rs", "fn f() { blockchat_testnet::sim::run() }", "crates point down"),
    ("proto/src/vote.rs", "use blockchat_engine::event::Event;", "crates point down"),
    ("node/client/src/client.rs", "use blockchat_node::api::server;", "crates point down"),
    ("node/client/src/client.rs", "use blockchat_engine::event::Event;", "crates point down"),
    ("node/engine/src/event.rs", "use blockchat_client::shapes::BlockView;", "crates point down"),
    ("proto/src/block.rs", "use crate::ledger::BlockRejected;", "imports point down"),
    ("node/engine/src/mempool/pool.rs", "use crate::engine::Engine;", "imports point down"),
    ("node/src/net/mod.rs", "fn f() { super::runtime::run() }", "imports point down"),
    ("node/src/store/disk.rs", "use crate::*;", "nobody imports a whole crate"),
    ("node/src/net/gossip.rs", "use crate::{\n  config::Settings,\n  store::disk::Disk};", "net, store, api"),
    ("node/src/api/server.rs", "use crate::store::disk::Disk;", "net, store, api"),
    ("node/src/api/server.rs", "use crate::store;", "net, store, api"),
    ("node/src/store/own.rs", "use super::super as node;\nfn f() -> node::wallet::Key {}", "net, store, api"),
    ("node/src/wallet/sign.rs", "use crate::api::server;", "net, store, api"),
    ("node/client/src/client.rs", "use blockchat_dashboard::run;", "crates point down"),
    ("node/dashboard/src/model/chain.rs", "use crate::view::draw;", "imports point down"),
    ("node/dashboard/src/update/mod.rs", "use tokio::sync::mpsc;", "of the dashboard, only poll"),
    ("node/dashboard/src/view/mod.rs", "fn f() { std::time::Instant::now() }", "of the dashboard, only poll"),
    ("node/src/api/server.rs", "use blockchat_engine::engine::Engine;", "only runtime runs"),
    ("node/src/cli/view.rs", "fn f(ledger: &blockchat_proto::ledger::Ledger) {}", "only runtime runs"),
    ("node/src/cli/peers.rs", "fn f(id: libp2p::PeerId) {}", "libp2p stays in net"),
    ("node/src/net/mod.rs", "pub use libp2p::PeerId;", "libp2p stays in net"),
    ("node/src/runtime/start.rs", "use {std::fs, ::redb::Database};", "libp2p stays in net"),
    ("node/engine/src/engine.rs", "use malachitebft_core_types::Round;", "libp2p stays in net"),
    ("testnet/src/sim/world.rs", "use malachitebft_core_consensus as core;", "libp2p stays in net"),
    ("node/engine/src/mempool/admit.rs", "use crate::consensus::Turn;", "mempool and consensus"),
    ("node/engine/src/consensus/mod.rs", "use crate::mempool::Mempool;", "mempool and consensus"),
    ("proto/src/ledger/execute.rs", "use std::collections::{BTreeMap,\n HashMap};", "proto and engine touch no"),
    ("node/engine/src/engine.rs", "fn f() { std::time::Instant::now() }", "proto and engine touch no"),
    ("testnet/src/sim/disk.rs", "use tokio::fs;", "the simulator has no"),
    ("testnet/src/sim/world.rs", "use crate::processes::launch;", "the simulator has no"),
    ("testnet/src/sim/world.rs", "use blockchat_client::Client;", "the simulator has no"),
    ("testnet/src/sim/world.rs", "use std::time::Instant;", "the simulator has no"),
    ("testnet/src/sim/scenario/draws.rs", "fn f() { rand::rng() }", "the simulator has no"),
];

#[test]
fn each_rule_of_the_table_can_be_broken() {
    for (path, source, rule) in BROKEN {
        breaks(path, source, rule);
    }
    for rule in RULES {
        assert!(BROKEN.iter().any(|(.., name)| rule.name.starts_with(name)), "nothing breaks: {}", rule.name);
    }
}

#[test]
fn what_the_table_allows_is_no_breach() {
    keeps("node/src/api/routes/blocks.rs", "use crate::store::history::{History, Page};");
    keeps("node/dashboard/src/poll.rs", "use blockchat_client::Client;");
    keeps("testnet/src/command/up.rs", "use blockchat_dashboard::run;");
    keeps("node/client/src/client.rs", "use blockchat_proto::keys::Address; use tokio::time::timeout;");
    keeps("node/src/net/swarm_task.rs", "use super::gossip; use libp2p::{PeerId, swarm::Swarm}; use crate::config::C;");
    keeps("node/src/runtime/start.rs", "use crate::{api::server, net, store::disk::Disk, wallet};");
    keeps("node/src/store/recover.rs", "use blockchat_proto::ledger::{Account, Ledger};");
    keeps("node/src/runtime/start.rs", "use blockchat_engine::engine::Engine;");
    keeps("node/src/cli/run.rs", "use crate::runtime; use blockchat_engine::event::Event; use std::fs;");
    keeps(
        "node/engine/src/consensus/malachite/core.rs",
        "use malachitebft_core_types as types; fn f(x: types::Round) {}",
    );
    keeps("proto/src/ledger/mod.rs", "pub use crate::rejected::TxRejected; use std::time::Duration;");
    keeps("node/src/net/book.rs", "// use crate::store::disk::Disk;\nconst S: &str = \"use crate::store::Disk;\";");
    keeps("testnet/src/sim/speed.rs", "use std::time::Instant;");
}

#[test]
fn a_float_or_a_wait_in_the_pure_crates_is_found() {
    breaks("proto/src/coins.rs", "fn f(x: u64) {}\nfn share(x: f64) {}", "proto and engine are pure");
    breaks("node/engine/src/engine.rs", "async fn f() {}", "proto and engine are pure");
    breaks("proto/src/keys.rs", "fn f() { rand_chacha::rand_core::OsRng }", "proto and engine are pure");
    breaks("node/engine/src/finalise.rs", "fn f() { println!() }", "proto and engine are pure");
    keeps("node/src/net/peer_score.rs", "async fn f(x: f64) { println!() }");
}

#[test]
fn only_modules_hang_on_cfg_test() {
    let rule = "only a module of tests";
    keeps("node/src/store/own.rs", "#[cfg(test)]\nmod tests { }");
    keeps("node/src/store/own.rs", "#[cfg(test)]\n#[path = \"own_tests.rs\"]\nmod tests;");
    keeps("node/src/store/own.rs", "#[cfg(test)] pub(crate) mod fake {} #[cfg(unix)] fn f() {}");
    breaks("node/src/store/own.rs", "#[cfg(test)] fn sync() {}", rule);
    breaks("node/src/store/own.rs", "#[cfg(test)] use std::fs;", rule);
    breaks("node/src/store/own.rs", "#[cfg(not(test))] mod real {}", rule);
    breaks("node/src/store/own.rs", "fn f() { if cfg!(test) {} }", rule);
    breaks("node/src/store/own.rs", "fn f() { if cfg!(debug_assertions) {} }", rule);
    breaks("node/src/store/own.rs", "#[cfg_attr(test, allow(dead_code))] struct S;", rule);
    breaks("node/src/store/own.rs", "#[cfg(any(test, unix))] mod tests {}", rule);
}

#[test]
fn a_module_without_a_layer_is_named() {
    breaks("node/src/utils.rs", "fn f() {}", "every module has its layer");
    breaks("node/host/src/utils.rs", "fn f() {}", "every module has its layer");
    breaks("node/src/utils/mod.rs", "fn f() {}", "every module has its layer");
}

#[test]
fn each_layer_may_use_the_lower_and_not_the_higher() {
    for (name, layers) in LAYERS {
        let folder = match *name {
            "blockchat_proto" => "proto",
            "blockchat_engine" => "node/engine",
            "blockchat_client" => "node/client",
            "blockchat_host" => "node/host",
            "blockchat_dashboard" => "node/dashboard",
            "blockchat_node" => "node",
            _ => "testnet",
        };
        for pair in layers.windows(2) {
            let (upper, lower) = (pair[0][0], pair[1][0]);
            breaks(&format!("{folder}/src/{lower}.rs"), &format!("use crate::{upper};"), "imports point down");
            keeps(&format!("{folder}/src/{upper}.rs"), &format!("use crate::{lower};"));
            assert!(layer_of(&[name.to_string(), upper.to_owned()]) < layer_of(&[name.to_string(), lower.to_owned()]));
        }
    }
}

/// Behind whatever strings, characters and comments a real source holds, the reader still sees what comes next.
#[test]
fn a_breach_at_the_end_of_any_real_source_is_found() {
    for source in sources() {
        let stranger = if source.is_in("blockchat_testnet") { "blockchat_node" } else { "blockchat_testnet" };
        let text = format!("{}\nuse {{std::fmt, {stranger}::x}};", source.text.trim_end());
        breaks(&source.path, &text, "crates point down");
    }
}
