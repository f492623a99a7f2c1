//! `discover`: do real nodes find each other from one address, and again without it? And what does being found cost?
//!
//! The words: a node *knows* another if it could dial it (`GET /v1/peers/known`: its book, what Kademlia told it, who is
//! connected). *All know all* holds when every node knows every other, and the connections make one piece of them, so
//! that whatever one says reaches everybody. Nobody has to be connected with everybody: 16 connections are enough
//! (`node/src/net/config.rs`), and gossip does the rest.
//!
//! The map: [`site`] (the processes), [`look`] (what all nodes say at one moment, and what is missing in it), [`idle`]
//! (traffic while nothing happens), [`story`] (the order of things), [`report`].

pub mod idle;
pub mod look;
pub mod report;
pub mod site;
pub mod story;
