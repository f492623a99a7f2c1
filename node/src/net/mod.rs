//! The network: one task owns the libp2p swarm; everyone else holds a [`NetHandle`].
//!
//! Owns: connections, discovery, gossip, request-response, peers' scores; decoding and size limits of all that comes in.
//! Does not own: signatures (`verify_pool`), any decision (the engine).
//!
//! Always true: libp2p's types never leave this folder; every queue is bounded; a handle never waits.
//!
//! Where what lives: `swarm_task` (the loop), and by subject `connections`, `status` (handshake), `relay` (gossip in and
//! out; settings in `gossip`, what a peer may bring in `gate` and `shares`, batches in `batcher`, links that went dead in `deaf`), `sync_protocol` (questions; bytes in `codec`), `discovery` (targets in
//! `dialer`, the file in `book`). Facts about peers: `peers`, `peer_score`, `quota`.
//! Before there is a node: `chain_search`.
//! Start reading at [`start`].

mod address;
mod batcher;
mod behaviour;
mod book;
mod chain_search;
mod codec;
mod config;
mod connections;
mod deaf;
mod dialer;
mod discovery;
mod gate;
mod gossip;
mod handle;
mod listen;
mod peer_id;
mod peer_score;
mod peers;
mod quota;
mod relay;
mod shares;
mod status;
mod swarm_task;
mod sync_protocol;
#[cfg(test)]
mod tests;
mod transport;

pub use chain_search::{ChainSearch, SearchConfig, Sighted, Sighting};
pub use config::{NetConfig, NetError};
pub use handle::{InboundId, NetEvent, NetHandle, NetVerdict};
pub use peer_id::peer_id_of;
pub(crate) use quota::{Pace, Rate};
pub use swarm_task::start;
