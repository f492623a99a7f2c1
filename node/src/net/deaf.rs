//! Connections that live while gossip over them is dead.
//!
//! Gossipsub tells its topics once, on the first connection to a peer, and gives gossip on a connection up for good after
//! five broken streams, both without a word: the peer still answers pings and says its status, but nothing that we publish
//! goes to it. A network whose links die that way falls apart into pieces that believe to be connected.
//!
//! Always true: a peer is reconnected if it said that it speaks gossip, but we know none of its topics after
//! [`DEAF_AFTER`]; if it refuses gossip after all; or if it takes nothing for [`CHOKED_FOR`] and says nothing new
//! either; the side that knows an address dials again. One topic proves that its subscriptions have arrived; its choice
//! of topics is free. A peer that never said so (it came to fetch blocks) is left in peace. Start reading at [`why`].

use super::peers::{Peer, Speech};
use super::swarm_task::Task;
use blockchat_proto::gossip::Topic;
use libp2p::PeerId;
use std::collections::BTreeSet;
use std::time::Duration;
use tokio::time::Instant;

/// A peer tells its topics with its first message; what has not come after this was lost.
const DEAF_AFTER: Duration = Duration::from_secs(20);
/// A queue that overflows in every heartbeat for so long is not being emptied.
const CHOKED_FOR: Duration = Duration::from_secs(60);
/// The same, whatever it says: its queue is memory of ours.
const CHOKED_MAX: Duration = Duration::from_secs(600);
/// Overflows further apart than this are a peer that is slow at times.
const CHOKED_GAP: Duration = Duration::from_secs(5);

/// Since when a peer takes nothing, and when we last saw that.
#[derive(Clone, Copy, Debug)]
pub(super) struct Choked {
    since: Instant,
    last: Instant,
}

impl Choked {
    /// A message found no room in the queue to the peer.
    pub(super) fn again(before: Option<Self>, now: Instant) -> Self {
        let since = before.filter(|before| now.duration_since(before.last) <= CHOKED_GAP).map_or(now, |one| one.since);
        Self { since, last: now }
    }

    /// `mute`: it says nothing new either.
    pub(super) fn is_for_good(&self, mute: bool) -> bool {
        self.last.duration_since(self.since) >= if mute { CHOKED_FOR } else { CHOKED_MAX }
    }
}

/// Why a peer is connected anew; nothing if it need not be. `hears`: it said at least one of our topics.
pub(super) fn why(peer: &Peer, hears: bool, now: Instant) -> Option<&'static str> {
    let old = now.duration_since(peer.first().since) >= DEAF_AFTER;
    match peer.speech {
        _ if peer.status().is_none() => None,
        Speech::Refuses => Some("it refuses gossip"),
        Speech::Gossips if old && !hears => Some("its topics were lost"),
        Speech::Gossips | Speech::Unknown => None,
    }
}

impl Task {
    /// Peers that said at least one of our topics.
    pub(super) fn hearing(&self) -> BTreeSet<PeerId> {
        let wanted: Vec<_> = Topic::ALL.iter().map(|topic| self.relay.topic_hash(*topic)).collect();
        let peers = self.swarm.behaviour().gossip.all_peers();
        let hear = peers.filter(|(_, topics)| wanted.iter().any(|hash| topics.contains(&hash)));
        hear.map(|(id, _)| *id).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_queue_that_overflows_all_the_time_is_choked() {
        let start = Instant::now();
        let overflows = |every: Duration, mute: bool| {
            let times = (1..200_u32).map(|count| start + every * count);
            let last = times.fold(None, |before, now| Some(Choked::again(before, now)));
            last.is_some_and(|choked| choked.is_for_good(mute))
        };
        assert!(overflows(Duration::from_millis(700), true));
        assert!(!overflows(Duration::from_millis(700), false), "it is slow, and alive");
        assert!(overflows(CHOKED_GAP, false));
        assert!(!overflows(CHOKED_GAP + Duration::from_millis(1), true));
    }
}
