//! Connected peers, and the facts about each.
//!
//! Always true: a tag is never used twice in a run; what a peer says of its addresses counts only as far as the
//! connection bears it out.
//! Start reading at [`Peer`].

use super::address::{ip_of, without_peer};
use super::deaf::Choked;
use super::membership::scope::may_name;
use super::membership::targets::{AttemptId, ConnectionState, Source};
use super::quota::Pace;
use blockchat_engine::event::PeerTag;
use blockchat_proto::hash::Hash32;
use blockchat_proto::sync::Status;
use blockchat_proto::units::Height;
use libp2p::swarm::ConnectionId;
use libp2p::{Multiaddr, PeerId};
use std::collections::BTreeMap;
use std::time::Duration;
use tokio::time::Instant;

/// First pause of a peer of another chain; doubles up to the maximum. By (peer, chain): a node that begins a new chain
/// with the same key is not locked out.
const OTHER_CHAIN_PAUSE: Duration = Duration::from_secs(60);
const OTHER_CHAIN_PAUSE_MAX: Duration = Duration::from_secs(3_600);
/// Most peers remembered as being of another chain.
const STRANGERS_MAX: usize = 1_024;
/// A second connection that has not told its run by then is taken for one of the same run: of a peer that tells none.
const RUN_WITHIN: Duration = Duration::from_secs(2);
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
    /// For outbound ones: how its target was found.
    pub(super) source: Source,
    /// For outbound ones: the dial that made it.
    pub(super) attempt: Option<AttemptId>,
    /// Number of the run that it leads to, if that was told.
    pub(super) run: Option<String>,
    /// It was told that it has to go, then.
    pub(super) refused: Option<Instant>,
}

impl Connection {
    pub(super) fn new(
        id: ConnectionId,
        address: Multiaddr,
        inbound: bool,
        since: Instant,
        source: Source,
        attempt: Option<AttemptId>,
    ) -> Self {
        Self { id, address, inbound, since, heard: since, source, attempt, run: None, refused: None }
    }
}

/// Two connections to one peer that lead to two runs of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Contest {
    /// The older one. If it answers, it stays.
    pub(super) holder: ConnectionId,
    pub(super) newcomer: ConnectionId,
    pub(super) since: Instant,
}

/// Does a connection speak for its peer?
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Voice {
    Heard,
    /// It may be of another run.
    Undecided,
    /// It is of another run, which is refused, or unknown.
    Refused,
}

/// The progress of a peer's handshake.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Stage {
    /// It has not said which chain it is of.
    Greeting,
    /// It is of our chain; this is what it said last.
    Member(Status),
    /// It was told that it has to go, then.
    Leaving(Instant),
}

/// The state of gossip with a peer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Speech {
    /// It never said that it speaks it.
    Unknown,
    /// It does.
    Gossips,
    /// It refused it, whatever it says.
    Refuses,
}

/// One connected peer.
pub(super) struct Peer {
    pub(super) tag: PeerTag,
    /// At least one; the oldest first.
    pub(super) connections: Vec<Connection>,
    /// Number of its run, if it tells: another one on a second connection is a restarted node, or a copy.
    pub(super) run: Option<String>,
    pub(super) contest: Option<Contest>,
    /// When another run of its identity was last refused, and when the operator was last told.
    pub(super) other_run: Option<(Multiaddr, Instant)>,
    /// Which program it says it is.
    pub(super) client: Option<String>,
    /// Addresses at which it says that it listens.
    pub(super) listens: Vec<Multiaddr>,
    pub(super) speech: Speech,
    /// Does it take part in Kademlia?
    pub(super) routes: bool,
    pub(super) latency: Option<Duration>,
    pub(super) stage: Stage,
    /// When we last sent it our status, and with which height.
    pub(super) told: Option<(Instant, Height)>,
    pub(super) choked: Option<Choked>,
    /// When it last sent us a gossip message that was new.
    pub(super) gossiped: Option<Instant>,
    /// When it last delivered a block or vote that was new and valid.
    pub(super) delivered: Option<Instant>,
    pub(super) pace: PeerPace,
}

/// The used part of a peer's quotas.
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
            contest: None,
            other_run: None,
            client: None,
            listens: vec![],
            speech: Speech::Unknown,
            routes: false,
            latency: None,
            stage: Stage::Greeting,
            told: None,
            choked: None,
            gossiped: None,
            delivered: None,
            pace: PeerPace::default(),
        }
    }

    /// The connection that stands for the peer.
    pub(super) fn first(&self) -> &Connection {
        self.connections.first().expect("a peer without connections is no peer")
    }

    pub(super) fn connection(&self, id: ConnectionId) -> Option<&Connection> {
        self.connections.iter().find(|one| one.id == id)
    }

    /// Place of the oldest connection that leads to this run.
    pub(super) fn of_run(&self, run: &str) -> Option<usize> {
        self.connections.iter().position(|one| one.run.as_deref() == Some(run))
    }

    /// Does what comes over this connection count as the peer's? A second one has a moment to tell its run.
    pub(super) fn voice(&self, connection: ConnectionId, now: Instant) -> Voice {
        let Some(one) = self.connection(connection) else {
            return Voice::Refused;
        };
        let contested = self.contest.is_some_and(|contest| contest.newcomer == connection);
        match &one.run {
            _ if one.refused.is_some() => Voice::Refused,
            _ if self.first().id == connection => Voice::Heard,
            _ if contested => Voice::Undecided,
            Some(run) if self.run.as_ref() == Some(run) => Voice::Heard,
            _ if now.duration_since(one.since) >= RUN_WITHIN => Voice::Heard,
            _ => Voice::Undecided,
        }
    }

    /// Its last status; `None` until the handshake, and once it was told to go.
    pub(super) fn status(&self) -> Option<Status> {
        match self.stage {
            Stage::Member(status) => Some(status),
            Stage::Greeting | Stage::Leaving(_) => None,
        }
    }

    /// Did we make a connection to it?
    pub(super) fn is_outbound(&self) -> bool {
        self.connections.iter().any(|connection| !connection.inbound)
    }

    /// Addresses at which it says that it listens, as far as it may name them.
    pub(super) fn dialable(&self) -> impl Iterator<Item = &Multiaddr> {
        self.listens.iter().filter(|address| may_name(&self.first().address, address))
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

    fn connection_state(&self) -> ConnectionState {
        if self.status().is_some() { ConnectionState::Greeted } else { ConnectionState::Connected }
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

    /// A peer's own addresses.
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
        self.connected.values().filter(|peer| peer.status().is_some()).count()
    }

    /// The connection to this peer, or to the one at this address.
    pub(super) fn connection_state(&self, address: &Multiaddr, id: Option<PeerId>) -> ConnectionState {
        let by_id = id.and_then(|id| self.connected.get(&id));
        let found = by_id.or_else(|| self.connected.values().find(|peer| peer.is_at(address)));
        found.map_or(ConnectionState::Disconnected, Peer::connection_state)
    }

    /// Peers of our chain that we called ourselves.
    pub(super) fn outbound(&self) -> usize {
        self.connected.values().filter(|peer| peer.status().is_some() && peer.is_outbound()).count()
    }

    /// The peer at this address, as far as we know.
    pub(super) fn at(&self, address: &Multiaddr) -> Option<PeerId> {
        self.connected.iter().find(|(_, peer)| peer.is_at(address)).map(|(id, _)| *id)
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

    fn connection(address: &str, inbound: bool) -> Connection {
        let now = Instant::now();
        let source = if inbound { Source::Inbound } else { Source::Book };
        Connection::new(ConnectionId::new_unchecked(1), address.parse().unwrap(), inbound, now, source, None)
    }

    #[test]
    fn an_address_that_a_peer_claims_counts_for_its_own_machine_only() {
        let mut peers = Peers::default();
        let id = PeerId::random();
        peers.connected(id, connection("/ip4/10.0.0.1/tcp/50000", true));
        let claimed = ["/ip4/10.0.0.1/tcp/7475", "/ip4/10.0.0.2/tcp/7475"].map(|text| text.parse().unwrap());
        peers.listens(&id, claimed.to_vec());
        assert_eq!(peers.connection_state(&claimed[0], None), ConnectionState::Connected);
        assert_eq!(peers.connection_state(&claimed[1], None), ConnectionState::Disconnected);
        assert_eq!(peers.connection_state(&claimed[1], Some(id)), ConnectionState::Connected);
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
