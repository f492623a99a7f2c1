//! Many BlockChat nodes: processes under load and under fire, and a simulator of the same engine.
//!
//! This crate holds everything that runs many nodes or breaks things on purpose. The node is a black box: this crate
//! starts the program `blockchat-node`, signs transactions with [`blockchat_proto`], and talks HTTP. It never imports
//! the node's code; [`blockchat_engine`] is used by the simulator, and for the digest of the sources that a node was
//! built from.
//!
//! The map: [`cli`] -> [`command`], told by [`args`] -> [`network`] with its [`processes`], the [`load`], the [`faults`],
//! then [`checks`] and [`report`]; [`witness`] writes down what every node reported as final. [`links`] are the ways between
//! nodes, if those are ours, and [`hosts`] machines of their own; [`heal`] breaks things on purpose and judges what comes of it. [`mod@bench`] measures,
//! [`experiment`] repeats what the course asks for, [`discover`] plays how nodes find each other, [`sim`] needs no processes
//! at all.

pub mod args;
pub mod bench;
pub mod checks;
pub mod cli;
pub mod command;
pub mod discover;
pub mod experiment;
pub mod faults;
pub mod heal;
pub mod hosts;
pub mod links;
pub mod load;
pub mod network;
pub mod processes;
pub mod report;
pub mod screen;
pub mod sim;
pub mod witness;
