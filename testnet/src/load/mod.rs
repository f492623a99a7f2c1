//! The load: the lines to send, their senders, and their states.
//!
//! [`workload`] is the input; a [`lane`] decides what its node sends next, [`sender`] performs it; [`follow`]
//! reads the chain; the [`board`] knows the state of every line.

pub mod board;
#[cfg(test)]
mod fake_node;
pub mod follow;
pub mod lane;
pub mod latency;
pub mod sender;
pub mod workload;
