//! The network: one task owns the libp2p swarm; everyone else holds a [`NetHandle`].
//!
//! Owns: connections, discovery, gossip, request-response, peers' scores; decoding and size limits of all that comes in.
//! Does not own: signatures (`verify_pool`), any decision (the engine).
//! Always true: libp2p's types never leave this folder; every queue is bounded; a handle never waits.
//! Start reading at [`start`].

mod batcher;
mod behaviour;
mod book;
mod codec;
mod config;
mod dialer;
mod gossip;
mod handle;
mod peer_id;
mod peers;
mod status;
mod swarm_task;

pub use config::{NetConfig, NetError};
pub use handle::{InboundId, NetEvent, NetHandle, NetVerdict};
pub use peer_id::peer_id_of;
pub use swarm_task::start;
