//! The HTTP API of a node as its users see it: the JSON shapes, and one client with event streams.
//!
//! Does a program talk to a node over HTTP, or does the node answer one? Then it uses this crate: the node's API, its
//! command line, the testnet. No rules, no server, no terminal, no libp2p.
//!
//! [`shapes`] is the contract, [`Client`] asks one node, [`Connections`] are shared by the clients of many.

mod client;
mod error;
mod events;
mod http;
pub mod shapes;
mod sse;

pub use client::Client;
pub use error::ClientError;
pub use events::{BlockEvents, Events, SILENT_MAX};
pub use http::Connections;
