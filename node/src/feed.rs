//! Events beside the chain, for event streams: consensus moves on, peers come and go.
//!
//! Owns: the last `KEPT_MAX` of these events. Does not own: readers (`api`), blocks and their content (the store keeps
//! those for ever), log lines (`logging`). Always true: a writer never waits for readers.

use crate::ring::Ring;
use blockchat_client::shapes::{ConsensusEvent, PeersEvent};
use std::sync::Arc;

/// Events kept.
const KEPT_MAX: usize = 2_048;
/// Their bytes, about.
const KEPT_BYTES_MAX: usize = 1024 * 1024;

/// One event.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Happening {
    /// Another height, round, leader or phase.
    Consensus(Arc<ConsensusEvent>),
    /// A peer came or went.
    Peers(Arc<PeersEvent>),
}

/// The last events. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Feed(Arc<Ring<Happening>>);

impl Default for Feed {
    fn default() -> Self {
        Self(Arc::new(Ring::new(KEPT_MAX, KEPT_BYTES_MAX)))
    }
}

impl Feed {
    /// Publishes an event to all readers.
    pub fn tell(&self, happening: Happening) {
        let bytes = match &happening {
            Happening::Consensus(event) => size_of::<ConsensusEvent>() + missing(event) * 32,
            Happening::Peers(event) => size_of::<PeersEvent>() + event.peer_id.len() + event.address.len(),
        };
        self.0.put(|_| (happening, bytes));
    }

    /// The event.
    pub fn ring(&self) -> &Ring<Happening> {
        &self.0
    }
}

fn missing(event: &ConsensusEvent) -> usize {
    match &event.phase {
        blockchat_client::shapes::Phase::WaitingForStake { missing, .. } => missing.len(),
        _ => 0,
    }
}
