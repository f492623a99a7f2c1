//! Who is connected, and what we know of each.
//!
//! Always true: a tag is never used twice in a run; what a peer says of its addresses counts only as far as the
//! connection bears it out.
//! Start reading at [`Peer`].

use super::address::{ip_of, is_public, is_worth_a_dial, without_peer};
use super::config::PEERS_MANY;
use super::deaf::Choked;
use super::dialer::{Source, Standing};
use super::quota::Pace;
use blockchat_client::shapes::PeerView;
use blockchat_engine::event::PeerTag;
use blockchat_proto::hash::Hash32;
use blockchat_proto::sync::Status;
use blockchat_proto::units::Height;
use libp2p::swarm::ConnectionId;
use libp2p::{Multiaddr, PeerId};
use std::collections::BTreeMap;
use std::net::IpAddr;
use std::time::Duration;
use tokio::time::Instant;

/// First pause of a peer of another chain; doubles up to the maximum. By (peer, chain): somebody who begins a new chain
/// with the same key is not locked out.
const OTHER_CHAIN_PAUSE: Duration = Duration::from_secs(60);
const OTHER_CHAIN_PAUSE_MAX: Duration = Duration::from_secs(3_600);
/// Most peers remembered as being of another chain.
const STRANGERS_MAX: usize = 1_024;
/// A visit is over after this.
const VISIT: Duration = Duration::from_secs(10);
/// Most addresses kept of what a peer says of itself.
const ADDRESSES_MAX: usize = 16;

/// One connection to a peer.
pub(super) struct Connection {
    pub(super) id: ConnectionId,
    pub(super) address: Multiaddr,
    pub(super) inbound: bool,
    pub(super) since: Instant,
    /// Last sign of life on this very connection.
    pub(super) heard: Instant,
    /// For outbound ones: whose target it was.
    pub(super) source: Source,
    /// Was it made by Kademlia itself, to ask something?
    pub(super) visit: bool,
}

/// One connected peer.
pub(super) struct Peer {
    pub(super) tag: PeerTag,
    /// At least one; the oldest first.
    pub(super) connections: Vec<Connection>,
    /// Number of its run, if it tells: another one on a second connection means that it was restarted.
    pub(super) run: Option<String>,
    /// Where it says that it listens.
    pub(super) listens: Vec<Multiaddr>,
    /// Did it ever say that it speaks gossip?
    pub(super) gossips: bool,
    /// Did it refuse gossip all the same?
    pub(super) refuses_gossip: bool,
    /// Does it take part in Kademlia?
    pub(super) routes: bool,
    pub(super) latency: Option<Duration>,
    /// What it last said; `None` until the handshake.
    pub(super) status: Option<Status>,
    /// When and up to which height we last told it where we are.
    pub(super) told: Option<(Instant, Height)>,
    pub(super) choked: Option<Choked>,
    /// When it last sent us a gossip message that was news.
    pub(super) gossiped: Option<Instant>,
    pub(super) pace: PeerPace,
}

/// What a peer has used up of its quotas.
#[derive(Default)]
pub(super) struct PeerPace {
    pub(super) sync: Pace,
    pub(super) status: Pace,
    pub(super) genesis: Pace,
}

impl Peer {
    fn new(tag: PeerTag, connection: Connection) -> Self {
        Self {
            tag,
            connections: vec![connection],
            run: None,
            listens: vec![],
            gossips: false,
            refuses_gossip: false,
            routes: false,
            latency: None,
            status: None,
            told: None,
            choked: None,
            gossiped: None,
            pace: PeerPace::default(),
        }
    }

    /// The connection that stands for the peer.
    pub(super) fn first(&self) -> &Connection {
        self.connections.first().expect("a peer without connections is no peer")
    }

    /// Where it says that it listens, as far as it is worth a dial.
    pub(super) fn dialable(&self) -> impl Iterator<Item = &Multiaddr> {
        let local = ip_of(&self.first().address).is_some_and(|ip| ip.is_loopback());
        self.listens.iter().filter(move |address| is_worth_a_dial(address, local))
    }

    /// Would a dial of this address lead to this peer, as far as we know? What it says of itself counts for the machine
    /// that it is connected from, or a liar could keep us from dialling others.
    fn is_at(&self, address: &Multiaddr) -> bool {
        let dialled = |connection: &Connection| !connection.inbound && without_peer(&connection.address) == *address;
        let same_machine = |connection: &Connection| {
            let ip = ip_of(address);
            ip.is_some() && ip == ip_of(&connection.address)
        };
        self.connections.iter().any(dialled)
            || (self.listens.contains(address) && self.connections.iter().any(same_machine))
    }

    fn standing(&self) -> Standing {
        if self.status.is_some() { Standing::Greeted } else { Standing::Connected }
    }
}

/// All connected peers.
#[derive(Default)]
pub(super) struct Peers {
    next: u64,
    connected: BTreeMap<PeerId, Peer>,
    tags: BTreeMap<PeerTag, PeerId>,
}

impl Peers {
    /// A connection is there. `true` if it is the first to this peer.
    pub(super) fn connected(&mut self, id: PeerId, connection: Connection) -> bool {
        if let Some(peer) = self.connected.get_mut(&id) {
            peer.connections.push(connection);
            return false;
        }
        self.next += 1;
        let tag = PeerTag(self.next);
        self.tags.insert(tag, id);
        self.connected.insert(id, Peer::new(tag, connection));
        true
    }

    /// A connection is gone; the peer, if it was the last one.
    pub(super) fn disconnected(&mut self, id: &PeerId, connection: ConnectionId) -> Option<Peer> {
        let peer = self.connected.get_mut(id)?;
        peer.connections.retain(|known| known.id != connection);
        if !peer.connections.is_empty() {
            return None;
        }
        let peer = self.connected.remove(id)?;
        self.tags.remove(&peer.tag);
        Some(peer)
    }

    /// What a peer says of its addresses.
    pub(super) fn listens(&mut self, id: &PeerId, addresses: Vec<Multiaddr>) {
        if let Some(peer) = self.connected.get_mut(id) {
            peer.listens = addresses.iter().map(without_peer).take(ADDRESSES_MAX).collect();
        }
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

    /// How it stands with whoever is at this address, or with this peer.
    pub(super) fn standing(&self, address: &Multiaddr, id: Option<PeerId>) -> Standing {
        let by_id = id.and_then(|id| self.connected.get(&id));
        let found = by_id.or_else(|| self.connected.values().find(|peer| peer.is_at(address)));
        found.map_or(Standing::Apart, Peer::standing)
    }

    /// Peers above [`PEERS_MANY`] whom we only visited, the longest ago first.
    pub(super) fn surplus_visits(&self, now: Instant) -> Vec<PeerId> {
        let surplus = self.greeted().saturating_sub(PEERS_MANY);
        let over = |peer: &Peer| peer.connections.iter().all(|one| one.visit && now.duration_since(one.since) >= VISIT);
        let mut visited: Vec<_> =
            self.connected.iter().filter(|(_, peer)| over(peer)).map(|(id, peer)| (peer.first().since, *id)).collect();
        visited.sort();
        visited.into_iter().take(surplus).map(|(_, id)| id).collect()
    }

    /// Connections from the public address that this one is from.
    pub(super) fn count_at_public_ip(&self, ip: IpAddr) -> usize {
        let same = |connection: &&Connection| ip_of(&connection.address) == Some(ip);
        if is_public(ip) { self.connected.values().flat_map(|peer| &peer.connections).filter(same).count() } else { 0 }
    }

    /// For the API.
    pub(super) fn view(&self) -> Vec<PeerView> {
        let greeted = self.connected.iter().filter_map(|(id, peer)| Some((id, peer, peer.status?)));
        let view = |(id, peer, status): (&PeerId, &Peer, Status)| PeerView {
            peer_id: id.to_string(),
            address: peer.first().address.to_string(),
            inbound: peer.first().inbound,
            height: status.height,
            latency_ms: peer.latency.and_then(|latency| u64::try_from(latency.as_millis()).ok()),
            latency_us: peer.latency.and_then(|latency| u64::try_from(latency.as_micros()).ok()),
            source: peer.first().source.told(),
        };
        greeted.map(view).collect()
    }
}

/// Peers of other chains, and how long each is not dialled and not listened to.
#[derive(Default)]
pub(super) struct Strangers {
    known: BTreeMap<(PeerId, Hash32), Stranger>,
}

struct Stranger {
    until: Instant,
    pause: Duration,
}

impl Strangers {
    /// A peer turned out to be of another chain: until when it is not wanted, and whether that is news.
    pub(super) fn met(&mut self, id: PeerId, chain: Hash32, now: Instant) -> (Instant, bool) {
        let key = (id, chain);
        if self.known.len() >= STRANGERS_MAX && !self.known.contains_key(&key) {
            let first = self.known.iter().min_by_key(|(_, stranger)| stranger.until).map(|(key, _)| *key);
            first.and_then(|key| self.known.remove(&key));
        }
        let news = !self.known.contains_key(&key);
        let stranger = self.known.entry(key).or_insert(Stranger { until: now, pause: OTHER_CHAIN_PAUSE });
        if stranger.until <= now {
            stranger.until = now + stranger.pause;
            stranger.pause = (stranger.pause * 2).min(OTHER_CHAIN_PAUSE_MAX);
        }
        (stranger.until, news)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use blockchat_proto::units::UnixMillis;

    fn connection(address: &str, inbound: bool) -> Connection {
        let now = Instant::now();
        let source = if inbound { Source::Inbound } else { Source::Book };
        let id = ConnectionId::new_unchecked(1);
        Connection { id, address: address.parse().unwrap(), inbound, since: now, heard: now, source, visit: false }
    }

    #[test]
    fn who_was_only_visited_is_parted_from_once_there_are_many() {
        let mut peers = Peers::default();
        let chain = crate::net::tests::people::genesis("test").hash();
        let (height, earliest, time) = (Height(0), Height(1), UnixMillis(0));
        let status = Status { version: 1, chain, height, hash: chain, earliest, time };
        for number in 0..PEERS_MANY + 5 {
            let id = PeerId::random();
            let visit = number % 3 == 0;
            peers.connected(id, Connection { visit, ..connection("/ip4/10.0.0.1/tcp/1", false) });
            peers.get_mut(&id).unwrap().status = Some(status);
        }
        let now = Instant::now();
        assert_eq!(peers.surplus_visits(now), [], "a visit may take its time");
        let surplus = peers.surplus_visits(now + VISIT);
        assert_eq!(surplus.len(), 5);
        assert!(surplus.iter().all(|id| peers.get(id).unwrap().first().visit));
        peers.get_mut(&surplus[0]).unwrap().status = None;
        assert_eq!(peers.surplus_visits(now + VISIT).len(), 4, "as many as are too many");
    }

    #[test]
    fn an_address_that_a_peer_claims_counts_for_its_own_machine_only() {
        let mut peers = Peers::default();
        let id = PeerId::random();
        peers.connected(id, connection("/ip4/10.0.0.1/tcp/50000", true));
        let claimed = ["/ip4/10.0.0.1/tcp/7475", "/ip4/10.0.0.2/tcp/7475"].map(|text| text.parse().unwrap());
        peers.listens(&id, claimed.to_vec());
        assert_eq!(peers.standing(&claimed[0], None), Standing::Connected);
        assert_eq!(peers.standing(&claimed[1], None), Standing::Apart);
        assert_eq!(peers.standing(&claimed[1], Some(id)), Standing::Connected);
    }

    #[test]
    fn a_tag_is_never_used_twice() {
        let mut peers = Peers::default();
        let id = PeerId::random();
        assert!(peers.connected(id, connection("/ip4/10.0.0.1/tcp/1", false)));
        let first = peers.get(&id).unwrap().tag;
        assert!(peers.disconnected(&id, ConnectionId::new_unchecked(1)).is_some());
        peers.connected(id, connection("/ip4/10.0.0.1/tcp/1", false));
        assert_ne!(peers.get(&id).unwrap().tag, first);
        assert_eq!(peers.id(first), None);
    }

    #[test]
    fn a_stranger_is_avoided_longer_each_time_but_not_with_a_new_chain() {
        let (mut strangers, id, now) = (Strangers::default(), PeerId::random(), Instant::now());
        let (until, news) = strangers.met(id, Hash32([1; 32]), now);
        assert!(news);
        assert_eq!(until, now + OTHER_CHAIN_PAUSE);
        assert_eq!(strangers.met(id, Hash32([1; 32]), now), (until, false), "meeting it meanwhile adds nothing");
        assert_eq!(strangers.met(id, Hash32([1; 32]), until).0, until + OTHER_CHAIN_PAUSE * 2);
        assert_eq!(strangers.met(id, Hash32([2; 32]), now), (now + OTHER_CHAIN_PAUSE, true));
    }
}
