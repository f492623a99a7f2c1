//! Puts the parts together and keeps them going: knows everyone, decides nothing.
//!
//! Owns: the threads and tasks of a node, their order of starting and stopping, the timers. Does not own: any
//! rule or decision: those are in the engine, which runs here on a thread of its own.
//!
//! The map: [`start`] opens, replays, spawns, wires. `event_loop` brings everything that happens into one order.
//! `perform` carries out what the engine asks for. `inbound` turns what peers send into events (`budget`: how often it
//! goes on), `serving` answers what peers ask. `timers` and [`shutdown`] are what they say.

mod budget;
#[cfg(test)]
mod crash_tests;
mod event_loop;
mod home_watch;
mod inbound;
mod perform;
mod serving;
pub mod shutdown;
pub mod start;
mod timers;

pub use start::{NodeFault, RunError, run};
