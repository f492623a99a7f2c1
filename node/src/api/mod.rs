//! The HTTP API: what a node tells, and how signed transactions get in.
//!
//! Owns: routes, limits of requests, error answers, cursors. Does not own: the JSON shapes and the client for all of it
//! (`blockchat_client`), any decision.
//!
//! Always true:
//! - nothing here signs, unlocks or changes a setting: transactions come in signed, or not at all;
//! - every error is an `application/problem+json` with a stable code (all of them: `docs/errors.md`);
//! - connections, bodies, answers, requests under way and their time are bounded, and shared by clients: no crowd of
//!   them keeps the others out, or the probes.
//!
//! Start reading at [`server::router`]; event streams at `stream`.

mod access;
mod admission;
mod caller;
mod connections;
mod consensus_views;
mod final_blocks;
mod history_views;
mod leaders;
mod listener;
mod paging;
mod pool_views;
mod problem;
mod room;
mod routes;
pub mod server;
mod state;
mod stream;
mod stream_events;
mod stream_place;
mod validator_views;
mod views;

pub use access::Access;
pub use state::{ApiState, NodeInfo, QueueGauge};
pub use views::consensus_event;
