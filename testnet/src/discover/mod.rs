//! `discover`: do real nodes find each other from one address, and again without it? And what does being found cost?
//!
//! The words: a node *knows* another if it could dial it (`GET /v1/peers/known`: its book, the answers of Kademlia, its
//! connections). *All know all* holds when every node knows every other, and the connections make one piece of them, so
//! that every message reaches all. Not every pair has to be connected: 16 connections per node are enough
//! (`node/src/net/config.rs`), and gossip does the rest.
//!
//! The map: [`site`] (the processes), [`look`] (what all nodes say at one moment, and what is missing in it), [`idle`]
//! (traffic while nothing happens), [`story`] (the order of things), [`report`].

pub mod idle;
pub mod look;
pub mod report;
pub mod site;
pub mod story;
