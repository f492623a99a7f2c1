//! The network: one task owns the libp2p swarm; everyone else holds a [`NetHandle`].
//!
//! Owns: connections, discovery, gossip, request-response, peers' scores; decoding and size limits of all that comes in.
//! Does not own: signatures (`verify_pool`), any decision (the engine).
//!
//! Always true: libp2p's types never leave this folder; every queue is bounded; a handle never waits.
//!
//! The map: `swarm_task` (the loop), and by subject `connections`, `status` (handshake), `relay` (gossip in and out;
//! settings in `gossip`, the limits of a peer in `gate` and `shares`, batches in `batcher`, dead links in `deaf`),
//! `sync_protocol` (requests; bytes in `codec`), `discovery` (names, the file in `book`, requests of others in
//! `find_node`), `goodbye`. All decisions about peers, and nothing else, are in `membership`; only its dials pass
//! `dial_gate`. Facts about peers: `peers`, `peer_score`, `quota`; for readers `peer_views`. Before there is a node:
//! `chain_search`. Start reading at [`start`].

mod address;
mod answers;
mod batcher;
mod behaviour;
mod book;
mod chain_search;
mod closing;
mod codec;
mod config;
mod connections;
mod deaf;
mod dial_error;
mod dial_gate;
mod discovery;
mod errand;
mod find_node;
mod gate;
mod goodbye;
mod gossip;
mod handle;
mod listen;
mod membership;
mod meter;
mod peer_id;
mod peer_score;
mod peer_views;
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
mod weight;

pub use chain_search::{ChainSearch, SearchConfig, Sighted, Sighting};
pub use config::{NetConfig, NetError};
pub use handle::{InboundId, NetEvent, NetHandle, NetVerdict};
pub use peer_id::peer_id_of;
pub(crate) use quota::{Pace, Rate};
pub use swarm_task::start;
pub use weight::Weight;
