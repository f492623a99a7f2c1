//! Puts the parts together and keeps them going: knows everyone, decides nothing.
//!
//! Owns: the threads and tasks of a node, their order of starting and stopping, the timers. Does not own: any
//! rule or decision: those are in the engine, which runs here on a thread of its own.
//!
//! The map: [`start`] opens, replays, spawns, wires. `event_loop` brings all events into one order. `perform` carries
//! out the engine's effects. `inbound` turns messages of peers into events (`budget`: number of forwards; `bodies`:
//! proposed blocks at a time; `asked`: requested blocks; `doubles`: contradictions), `serving` answers peers.
//! `stall_watch` says when the chain stands still; `timers` and [`shutdown`] are what their names say.

mod asked;
mod bodies;
mod budget;
#[cfg(test)]
mod crash_tests;
mod doubles;
mod event_loop;
mod home_watch;
mod inbound;
mod own_waits;
mod perform;
mod serving;
pub mod shutdown;
mod stall_watch;
pub mod start;
mod timers;

pub use start::{NodeFault, RunError, run};
