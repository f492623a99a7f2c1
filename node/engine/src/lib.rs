//! One node's decisions. Pure: [`Event`](event::Event)s in, [`Effect`](effect::Effect)s out, in order.
//!
//! What belongs here: every choice a running honest node makes. No clock, disk, socket, randomness, logging or waiting:
//! time comes in with each event, and what must be written or sent goes out as an effect. The same engine runs in the
//! node and under the simulator.
//!
//! The map: [`engine`] routes an event to the part that owns it. [`relevance`] says what of all that peers say is worth a
//! look. [`mempool`] keeps what is not final, `consensus` votes, `build_block` proposes, `commit` finalises, `catch_up` and
//! `following` fetch what was missed, `presence` says that we run, `readers` shows. [`recovered`] is what a restart knows,
//! `following` fetch what was missed, `presence` says that we run, `readers` shows, from what the parts know and what `tally`
//! counts. [`recovered`] is what a restart knows, [`journal`] what must be on disk before we speak.
#![deny(clippy::float_arithmetic)]

mod build_block;
mod catch_up;
pub mod chain_view;
mod commit;
pub mod config;
mod consensus;
pub mod effect;
pub mod engine;
pub mod engine_view;
pub mod event;
mod evidence;
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
