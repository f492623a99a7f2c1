//! The load: what is sent, by whom, and what became of it.
//!
//! [`workload`] is the input; a [`lane`] decides for one node what to send next, [`sender`] performs it; [`follow`]
//! reads the chain; the [`board`] knows where every line is.

pub mod board;
#[cfg(test)]
mod fake_node;
pub mod follow;
pub mod lane;
pub mod latency;
pub mod sender;
pub mod workload;
