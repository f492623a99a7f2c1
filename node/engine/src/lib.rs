//! One node's decisions. Pure: [`Event`](event::Event)s in, [`Effect`](effect::Effect)s out, in order.
//!
//! This crate contains every decision of a running honest node. No clock, disk, socket, randomness, logging or waiting:
//! time comes in with each event, and writes and messages go out as effects. The same engine runs in the node and under
//! the simulator.
//!
//! The map: [`engine`] routes an event to its part. [`relevance`] filters peers' messages before they are verified.
//! [`mempool`] keeps transactions that are not final, `consensus` votes, `build_block` proposes, `finalise` moves the tip,
//! `catch_up` and `following` fetch missing blocks, `presence` announces our validator, `readers` shows the state of
//! the parts and the counts of `tally`. [`recovered`] is the input of a restart, [`journal`] what must be on disk
//! before we send.
#![deny(clippy::float_arithmetic)]

mod build_block;
mod catch_up;
pub mod chain_view;
pub mod config;
mod consensus;
pub mod effect;
pub mod engine;
pub mod engine_view;
pub mod event;
mod evidence;
mod finalise;
mod following;
pub mod journal;
pub mod mempool;
mod presence;
mod readers;
pub mod recovered;
pub mod relevance;
mod tally;

/// Digest of the sources of `proto` and this crate: programs with the same digest follow the same rules.
pub const SOURCES: &str = env!("BLOCKCHAT_SOURCES");
