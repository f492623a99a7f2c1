//! Connections that live while gossip over them is dead.
//!
//! Gossipsub tells its topics once, on the first connection to a peer, and gives gossip on a connection up for good after
//! five broken streams, both without a word: the peer still answers pings and says its status, but nothing that we publish
//! goes to it. A network whose links die that way falls apart into pieces that believe to be connected.
//!
//! Always true: a peer that said it speaks gossip, but of whose topics we know none after [`DEAF_AFTER`], that refuses
//! gossip after all, or that takes nothing for [`CHOKED_FOR`] and says nothing new either, is connected anew; whoever knows
//! an address dials again. One topic proves that what it subscribed to has arrived: which ones is its own affair. A peer
//! that never said so (it came to fetch blocks) is left in peace.
//! Start reading at [`Task::tick_deaf`].

use super::peers::Peer;
use super::swarm_task::Task;
use blockchat_proto::gossip::Topic;
use libp2p::PeerId;
use std::collections::BTreeSet;
use std::time::Duration;
use tokio::time::Instant;
use tracing::info;

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
    fn again(before: Option<Self>, now: Instant) -> Self {
        let since = before.filter(|before| now.duration_since(before.last) <= CHOKED_GAP).map_or(now, |one| one.since);
        Self { since, last: now }
    }

    /// `mute`: it says nothing new either.
    fn is_for_good(&self, mute: bool) -> bool {
        self.last.duration_since(self.since) >= if mute { CHOKED_FOR } else { CHOKED_MAX }
    }
}

impl Task {
    /// Looks for peers that cannot hear us.
    pub(super) fn tick_deaf(&mut self, now: Instant) {
        let wanted: Vec<_> = Topic::ALL.iter().map(|topic| self.relay.topic_hash(*topic)).collect();
        let gossip = &self.swarm.behaviour().gossip;
        let hearing: BTreeSet<_> = gossip
            .all_peers()
            .filter(|(_, topics)| wanted.iter().any(|hash| topics.contains(&hash)))
            .map(|(id, _)| *id)
            .collect();
        let why = |id: &PeerId, peer: &Peer| {
            let old = now.duration_since(peer.first().since) >= DEAF_AFTER;
            match (peer.refuses_gossip, old && !hearing.contains(id)) {
                _ if peer.status.is_none() || !peer.gossips => None,
                (true, _) => Some("it refuses gossip"),
                (false, true) => Some("its topics were lost"),
                (false, false) => None,
            }
        };
        let deaf: Vec<_> = self.peers.iter().filter_map(|(id, peer)| Some((*id, why(id, peer)?))).collect();
        for (id, why) in deaf {
            self.connect_anew(id, why);
        }
    }

    /// The queue to a peer overflowed since the last heartbeat.
    pub(super) fn on_choked(&mut self, id: PeerId, now: Instant) {
        let Some(peer) = self.peers.get_mut(&id) else {
            return;
        };
        let choked = Choked::again(peer.choked, now);
        peer.choked = Some(choked);
        let mute = peer.gossiped.is_none_or(|last| now.duration_since(last) >= CHOKED_FOR);
        if choked.is_for_good(mute) {
            self.connect_anew(id, "it takes nothing any more");
        }
    }

    /// A peer's side of gossip is closed.
    pub(super) fn on_gossip_refused(&mut self, id: PeerId) {
        if let Some(peer) = self.peers.get_mut(&id) {
            peer.refuses_gossip = true;
        }
    }

    fn connect_anew(&mut self, id: PeerId, why: &str) {
        info!(peer = %id, why, "gossip with peer is dead, connecting anew");
        self.part(&id);
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
