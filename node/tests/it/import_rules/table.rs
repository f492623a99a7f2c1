//! The table of what may import what, and why.
//!
//! Owns: the layers of each crate, the siblings and their two exceptions, the homes of foreign types, what the pure
//! crates never name. Does not own: how names are found ([`super::mentions`]), which files are read ([`super::tree`]).
//! Always true: a path in a test module obeys the same rules, for it shows what a part needs to be tested.
//! Start reading at [`RULES`].

use super::mentions::Mention;
use super::tree::Source;

/// One rule over everything that a source mentions.
pub(super) struct Rule {
    /// Shown with a breach.
    pub(super) name: &'static str,
    /// Shown with a breach.
    pub(super) why: &'static str,
    breaks: fn(&Source, &Mention) -> bool,
}

/// The rules, most general first.
pub(super) const RULES: &[Rule] = &[
    Rule {
        name: "crates point down: testnet, node | dashboard | engine, client, host | proto",
        why: "the testnet sees the node as users do, and the rules know neither their users nor a machine",
        breaks: crates_point_up,
    },
    Rule {
        name: "imports point down only, inside a crate too",
        why: "a part can be read, tested and replaced without those above it",
        breaks: layers_point_up,
    },
    Rule {
        name: "nobody imports a whole crate by `*`",
        why: "these rules could not see what is meant",
        breaks: |_, mention| {
            mention.path.len() == 2 && mention.path[1] == "*" && CRATES.contains(&mention.path[0].as_str())
        },
    },
    Rule {
        name: "net, store, api and wallet never import one another",
        why: "each can be swapped and tested alone; api may read store::history",
        breaks: siblings_meet,
    },
    Rule {
        name: "only runtime runs the engine, only store and runtime hold a ledger",
        why: "one door, one order of events: everybody else asks through engine_handle",
        breaks: |source, mention| {
            let [store, runtime] = ["store", "runtime"].map(|it| source.is_in(&format!("blockchat_node::{it}")));
            let engine = mention.is_in("blockchat_engine::engine");
            let ledger = mention.is_in("blockchat_proto::ledger::Ledger");
            source.module[0] == "blockchat_node" && !runtime && (engine || ledger && !store)
        },
    },
    Rule {
        name: "libp2p stays in net, redb in store, Malachite in consensus/malachite",
        why: "an upgrade of theirs stays in one folder",
        breaks: foreign_types_leave_home,
    },
    Rule {
        name: "mempool and consensus do not know each other",
        why: "a decision has one owner; the engine stands between them",
        breaks: |source, mention| {
            let [mempool, consensus] = ["blockchat_engine::mempool", "blockchat_engine::consensus"];
            source.is_in(mempool) && mention.is_in(consensus) || source.is_in(consensus) && mention.is_in(mempool)
        },
    },
    Rule {
        name: "proto and engine touch no clock, disk, socket, thread or random order",
        why: "two honest nodes compute the same, and a seed replays",
        breaks: |source, mention| is_pure(source) && IMPURE.iter().any(|path| mention.is_in(path)),
    },
    Rule {
        name: "of the dashboard, only poll, terminal, plain and app touch a node, a terminal, a clock or a task",
        why: "what is shown is tested without any of them, with a clock that stands still",
        breaks: |source, mention| {
            let outside = ["app", "lib", "plain", "poll", "terminal"].map(|it| format!("blockchat_dashboard::{it}"));
            let inside = source.is_in("blockchat_dashboard") && source.module.len() > 1;
            let real =
                ["tokio", "std::time", "std::thread", "std::env", "std::fs", "std::io", "blockchat_client::Client"];
            inside && !outside.iter().any(|it| source.is_in(it)) && real.iter().any(|path| mention.is_in(path))
        },
    },
    Rule {
        name: "the simulator has no process, socket or task, and its worlds no clock, disk or random order either",
        why: "its world is virtual: the same seed gives the same run",
        breaks: |source, mention| {
            let real = ["tokio", "reqwest", "futures", "blockchat_testnet::processes", "blockchat_client"];
            let in_world = is_simulated(source) && IMPURE.iter().any(|path| mention.is_in(path));
            in_world || source.is_in("blockchat_testnet::sim") && real.iter().any(|path| mention.is_in(path))
        },
    },
];

/// Each crate's modules, highest first: a module may use those of its own line and of the lines below.
pub(super) const LAYERS: &[(&str, &[&[&str]])] = &[
    (
        "blockchat_proto",
        &[
            &["gossip", "receipt", "sync"],
            &["ledger"],
            &["genesis", "block", "leader", "transaction", "validators", "vote", "rejected", "refusal"],
            &["codec", "keys", "hash", "coins", "limits", "units", "fixed_bytes", "claim"],
        ],
    ),
    (
        "blockchat_engine",
        &[
            // One type, `Engine`, and what it does by itself, a file for each.
            &["engine", "build_block", "evidence", "finalise", "following", "presence", "readers"],
            &["consensus", "mempool", "catch_up", "tally"],
            &["relevance"],
            &["event", "effect", "chain_view", "engine_view", "config", "journal", "recovered"],
        ],
    ),
    ("blockchat_client", &[&["client", "events", "http"], &["error", "sse"], &["shapes"]]),
    (
        "blockchat_dashboard",
        &[
            &["app"],
            &["poll", "terminal", "plain"],
            // The help of the screen is the table of keys; keys act on what is shown.
            &["keys", "view"],
            // Pure, and of one piece: the model, and what is computed from it and kept in it.
            &["update", "pace", "verdict", "groups", "model", "fixture", "verdict_tests"],
            &["place", "seals", "words"],
        ],
    ),
    (
        "blockchat_host",
        &[
            &["command_line"],
            &["stream"],
            &["completions"],
            &["core_dump", "path_json", "platform", "signals", "text", "typed", "whole_file"],
        ],
    ),
    (
        "blockchat_node",
        &[
            // The prompt does the verbs of the command line, which in turn begin it.
            &["cli", "shell"],
            &["runtime"],
            SIBLINGS,
            &[
                "clock",
                "clock_watch",
                "config",
                "engine_handle",
                "feed",
                "logging",
                "metrics",
                "held_ports",
                "process_facts",
                "ready_file",
                "ring",
                "silence",
                "traffic",
                "verify_pool",
            ],
        ],
    ),
    (
        "blockchat_testnet",
        &[
            &["cli"],
            &["command", "bench", "discover", "experiment", "sim"],
            &["args"],
            &["report", "heal"],
            &["checks", "faults"],
            &["load"],
            &["network", "witness"],
            &["processes"],
            &["screen", "links", "hosts"],
        ],
    ),
];

const CRATES: &[&str] = &[
    "blockchat_proto",
    "blockchat_engine",
    "blockchat_client",
    "blockchat_host",
    "blockchat_dashboard",
    "blockchat_node",
    "blockchat_testnet",
];

const SIBLINGS: &[&str] = &["net", "store", "api", "wallet"];

/// The siblings that may use a part of another.
const EXCEPTIONS: &[(&str, &str)] = &[("api", "blockchat_node::store::history")];

/// The first words of the names of foreign crates, and where these are at home.
const HOMES: &[(&str, &str)] = &[
    ("libp2p", "blockchat_node::net"),
    ("multiaddr", "blockchat_node::net"),
    ("redb", "blockchat_node::store"),
    ("malachitebft", "blockchat_engine::consensus::malachite"),
    ("arc_malachitebft", "blockchat_engine::consensus::malachite"),
];

const IMPURE: &[&str] = &[
    "std::collections::HashMap",
    "std::collections::HashSet",
    "std::collections::hash_map",
    "std::collections::hash_set",
    "std::env",
    "std::fs",
    "std::hash::RandomState",
    "std::io::stderr",
    "std::io::stdin",
    "std::io::stdout",
    "std::net",
    "std::os",
    "std::process",
    "std::sync::Condvar",
    "std::sync::Mutex",
    "std::sync::RwLock",
    "std::sync::mpsc",
    "std::thread",
    "std::time::Instant",
    "std::time::SystemTime",
    "tokio",
    "futures",
    "tracing",
    "rand",
];

/// Words that no source of the pure crates holds, and why.
pub(super) const IMPURE_WORDS: &[(&str, &str)] = &[
    ("f32", "floats differ between machines"),
    ("f64", "floats differ between machines"),
    ("async", "nothing waits here"),
    ("await", "nothing waits here"),
    ("println", "the shell logs events and effects"),
    ("eprintln", "the shell logs events and effects"),
    ("OsRng", "chance comes from a seed, or from outside as an event"),
    ("SysRng", "chance comes from a seed, or from outside as an event"),
];

/// Is it of a crate in which everything is computed from what comes in?
pub(super) fn is_pure(source: &Source) -> bool {
    source.is_in("blockchat_proto") || source.is_in("blockchat_engine")
}

/// Is it of a simulated world? Around the worlds, `sim` has threads and measures how long they took.
fn is_simulated(source: &Source) -> bool {
    let around = ["command", "speed", "suite"].map(|name| source.is_in(&format!("blockchat_testnet::sim::{name}")));
    source.is_in("blockchat_testnet::sim") && !around.contains(&true)
}

impl Rule {
    /// Does this mention break it?
    pub(super) fn is_broken_by(&self, source: &Source, mention: &Mention) -> bool {
        (self.breaks)(source, mention)
    }
}

/// Which line of its crate's layers a module stands in; the root of a crate stands above all.
pub(super) fn layer_of(module: &[String]) -> Option<usize> {
    let (_, layers) = LAYERS.iter().find(|(name, _)| *name == module[0])?;
    layers.iter().position(|names| module.get(1).is_some_and(|name| names.contains(&name.as_str())))
}

fn crates_point_up(source: &Source, mention: &Mention) -> bool {
    let rank = |name: &str| match name {
        "blockchat_proto" => 0,
        "blockchat_engine" | "blockchat_client" | "blockchat_host" => 1,
        "blockchat_dashboard" => 2,
        _ => 3,
    };
    let (own, other) = (source.module[0].as_str(), mention.path[0].as_str());
    CRATES.contains(&other) && own != other && rank(other) >= rank(own)
}

fn layers_point_up(source: &Source, mention: &Mention) -> bool {
    source.module[0] == mention.path[0]
        && match (layer_of(&source.module), layer_of(&mention.path)) {
            (Some(own), Some(other)) => other < own,
            _ => false,
        }
}

fn siblings_meet(source: &Source, mention: &Mention) -> bool {
    let sibling = |path: &[String]| {
        let [root, name, ..] = path else { return None };
        SIBLINGS.iter().find(|it| root == "blockchat_node" && *it == name)
    };
    match (sibling(&source.module), sibling(&mention.path)) {
        (Some(own), Some(other)) if own != other => {
            !EXCEPTIONS.iter().any(|(who, what)| who == own && mention.is_in(what))
        }
        _ => false,
    }
}

fn foreign_types_leave_home(source: &Source, mention: &Mention) -> bool {
    let home = HOMES.iter().find(|(name, _)| mention.path[0].starts_with(name));
    home.is_some_and(|(_, home)| mention.handed_on || !source.is_in(home))
}
