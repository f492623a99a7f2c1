//! Events beside the chain, for event streams: consensus moves on, peers come and go, the pool replaces.
//!
//! Owns: the last `KEPT_MAX` events of consensus and peers, and as many of the pool. Does not own: readers (`api`), blocks
//! and their content (the store keeps those for ever), log lines (`logging`).
//! Always true: a writer never waits for readers; however much senders replace, readers of consensus and peers lose
//! nothing by it, because the pool has a ring of its own.

use crate::ring::Ring;
use blockchat_client::shapes::{ConsensusEvent, PeersEvent, ReplacedEvent};
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
pub struct Feed(Arc<Rings>);

#[derive(Debug)]
struct Rings {
    happenings: Ring<Happening>,
    replaced: Ring<ReplacedEvent>,
}

impl Default for Feed {
    fn default() -> Self {
        let happenings = Ring::new(KEPT_MAX, KEPT_BYTES_MAX);
        Self(Arc::new(Rings { happenings, replaced: Ring::new(KEPT_MAX, KEPT_BYTES_MAX) }))
    }
}

impl Feed {
    /// Publishes an event to all readers.
    pub fn tell(&self, happening: Happening) {
        let bytes = match &happening {
            Happening::Consensus(event) => size_of::<ConsensusEvent>() + missing(event) * 32,
            Happening::Peers(event) => size_of::<PeersEvent>() + event.peer_id.len() + event.address.len(),
        };
        self.0.happenings.put(|_| (happening, bytes));
    }

    /// Tells readers that a transaction was replaced.
    pub fn tell_replaced(&self, event: ReplacedEvent) {
        self.0.replaced.put(|_| (event, size_of::<ReplacedEvent>()));
    }

    /// Events of consensus and peers.
    pub fn ring(&self) -> &Ring<Happening> {
        &self.0.happenings
    }

    /// Events of the pool.
    pub fn replaced(&self) -> &Ring<ReplacedEvent> {
        &self.0.replaced
    }
}

fn missing(event: &ConsensusEvent) -> usize {
    match &event.phase {
        blockchat_client::shapes::Phase::WaitingForStake { missing, .. } => missing.len(),
        _ => 0,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use blockchat_client::shapes::PeerSource;
    use blockchat_proto::hash::Hash32;
    use blockchat_proto::keys::Address;
    use blockchat_proto::units::UnixMillis;

    #[test]
    fn a_flood_of_replacements_is_bounded_and_costs_other_readers_nothing() {
        let feed = Feed::default();
        let peer = Happening::Peers(Arc::new(PeersEvent {
            time: UnixMillis(7),
            peer_id: "a".into(),
            connected: true,
            address: String::new(),
            source: PeerSource::default(),
            peers: 1,
        }));
        feed.tell(peer.clone());
        for nonce in 0..5_000 {
            feed.tell_replaced(ReplacedEvent {
                id: Hash32([1; 32]),
                by: Hash32([2; 32]),
                sender: Address([3; 32]),
                nonce,
            });
        }
        assert_eq!(feed.ring().after(0, 10), Ok(vec![(1, peer)]));
        assert_eq!(feed.replaced().newest(usize::MAX, |_| true).len(), KEPT_MAX);
        assert_eq!(feed.replaced().last(), 5_000);
    }
}
