//! The HTTP API of a node as its users see it: the JSON shapes, and a client.
//!
//! Does a program talk to a node over HTTP, or does the node answer one? Then it uses this crate: the node's API, its
//! command line, the testnet. No rules, no server, no terminal, no libp2p.
//!
//! [`shapes`] is the contract, [`Client`] asks one node.

mod client;
pub mod shapes;

pub use client::{Client, ClientError};
