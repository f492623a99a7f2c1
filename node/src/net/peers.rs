//! Who is connected, what we know of each, and who may not connect for a while.

use super::dialer::Source;
use blockchat_engine::event::PeerTag;
use blockchat_proto::api::PeerView;
use blockchat_proto::hash::Hash32;
use blockchat_proto::sync::Status;
use blockchat_proto::units::Height;
use libp2p::{Multiaddr, PeerId};
use std::collections::BTreeMap;
use std::time::Duration;
use tokio::time::Instant;

/// First block of a peer of another chain; doubles up to the maximum. By (peer, chain): somebody who begins a new chain
/// with the same key is not locked out.
const OTHER_CHAIN_BLOCK: Duration = Duration::from_secs(60);
const OTHER_CHAIN_BLOCK_MAX: Duration = Duration::from_secs(3_600);
/// Most peers remembered as being of another chain.
const STRANGERS_MAX: usize = 1_024;

/// One connected peer.
pub(super) struct Peer {
    pub(super) tag: PeerTag,
    pub(super) address: Multiaddr,
    pub(super) inbound: bool,
    pub(super) since: Instant,
    pub(super) latency: Option<Duration>,
    /// What it last said; `None` until the handshake.
    pub(super) status: Option<Status>,
    /// When and up to which height we last told it where we are.
    pub(super) told: Option<(Instant, Height)>,
}

/// All connected peers.
#[derive(Default)]
pub(super) struct Peers {
    next: u64,
    connected: BTreeMap<PeerId, Peer>,
    tags: BTreeMap<PeerTag, PeerId>,
    strangers: BTreeMap<(PeerId, Hash32), (Instant, Duration)>,
}

impl Peers {
    /// A first connection: a new tag, never used before.
    pub(super) fn connected(&mut self, id: PeerId, address: Multiaddr, inbound: bool, now: Instant) {
        self.next += 1;
        let tag = PeerTag(self.next);
        self.tags.insert(tag, id);
        let peer = Peer { tag, address, inbound, since: now, latency: None, status: None, told: None };
        self.connected.insert(id, peer);
    }

    /// The last connection is gone.
    pub(super) fn disconnected(&mut self, id: &PeerId) -> Option<Peer> {
        let peer = self.connected.remove(id)?;
        self.tags.remove(&peer.tag);
        Some(peer)
    }

    pub(super) fn get(&self, id: &PeerId) -> Option<&Peer> {
        self.connected.get(id)
    }

    pub(super) fn get_mut(&mut self, id: &PeerId) -> Option<&mut Peer> {
        self.connected.get_mut(id)
    }

    pub(super) fn id(&self, tag: PeerTag) -> Option<PeerId> {
        self.tags.get(&tag).copied()
    }

    pub(super) fn iter_mut(&mut self) -> impl Iterator<Item = (&PeerId, &mut Peer)> {
        self.connected.iter_mut()
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = (&PeerId, &Peer)> {
        self.connected.iter()
    }

    /// Peers that completed the handshake.
    pub(super) fn greeted(&self) -> usize {
        self.connected.values().filter(|peer| peer.status.is_some()).count()
    }

    /// A peer turned out to be of another chain: for how long it is not let in again.
    pub(super) fn is_stranger(&mut self, id: PeerId, chain: Hash32, now: Instant) -> Duration {
        while self.strangers.len() >= STRANGERS_MAX {
            self.strangers.pop_first();
        }
        let (until, pause) = self.strangers.entry((id, chain)).or_insert((now, OTHER_CHAIN_BLOCK));
        let this = *pause;
        *until = now + this;
        *pause = (this * 2).min(OTHER_CHAIN_BLOCK_MAX);
        this
    }

    /// For the API.
    pub(super) fn view(&self, source: impl Fn(&PeerId) -> Option<Source>) -> Vec<PeerView> {
        let greeted = self.connected.iter().filter_map(|(id, peer)| Some((id, peer, peer.status?)));
        let view = |(id, peer, status): (&PeerId, &Peer, Status)| PeerView {
            peer_id: id.to_string(),
            address: peer.address.to_string(),
            inbound: peer.inbound,
            height: status.height,
            latency_ms: peer.latency.and_then(|latency| u64::try_from(latency.as_millis()).ok()),
            source: source(id).unwrap_or(Source::Inbound).name().into(),
        };
        greeted.map(view).collect()
    }
}
