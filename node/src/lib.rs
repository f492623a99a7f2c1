//! The program around the pure engine: network, disk, HTTP, wallet, command line.
//!
//! This crate holds everything that touches a clock, a disk, a socket, a terminal or randomness. Rules live in
//! `blockchat-proto`, decisions in `blockchat-engine`.
//!
//! The map: [`cli`] is what people type, `shell` a prompt for the same verbs, [`runtime`] puts the parts together and runs the engine; [`net`], [`store`],
//! [`api`] and [`wallet`] are siblings that do not know each other; below them what all may use: [`engine_handle`] (the
//! door to the engine), [`verify_pool`] (signatures), [`config`], [`clock`] and smaller things. `node/README.md` has the
//! picture, and the path of a transaction through all of it.

pub mod api;
pub mod cli;
pub mod clock;
pub mod clock_watch;
pub mod config;
pub mod engine_handle;
pub mod feed;
pub mod held_ports;
pub mod logging;
pub mod metrics;
pub mod net;
pub mod process_facts;
pub mod ready_file;
pub mod ring;
pub mod runtime;
mod shell;
pub mod silence;
pub mod store;
pub mod traffic;
pub mod verify_pool;
pub mod wallet;
