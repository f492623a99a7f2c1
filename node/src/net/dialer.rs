//! Whom to dial, and when to try again: for ever, with growing pauses.
//!
//! Owns: targets (configured, found, from the book) and their pauses. Does not own: the swarm, names (resolved again at
//! every dial by whoever dials).
//! Always true: a target is not dialled while its peer is connected; pauses start anew only after a handshake, so that a
//! peer of another chain is not dialled every second.
//! Start reading at [`Dialer::due`].

use super::address::{is_name, peer_of, without_peer};
use blockchat_client::shapes::PeerSource;
use libp2p::swarm::ConnectionId;
use libp2p::{Multiaddr, PeerId};
use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::time::Duration;
use tokio::time::Instant;

/// First pause after a failure, and after a peer is gone; doubles up to a maximum.
const PAUSE_FIRST: Duration = Duration::from_secs(1);
/// Longest pause of a target that led to a peer or is configured, while we have few peers.
const PAUSE_LONELY_MAX: Duration = Duration::from_secs(15);
/// Longest pause of a configured target.
const PAUSE_CONFIGURED_MAX: Duration = Duration::from_secs(60);
/// Longest pause of any other.
const PAUSE_MAX: Duration = Duration::from_secs(300);
/// Pauses are longer than said by up to this factor.
const JITTER_MAX: f64 = 1.25;
/// The side with the greater peer id waits so long for the other to dial.
const COURTESY: Duration = Duration::from_secs(2);
/// Most targets; one that was found and failed most makes room.
const TARGETS_MAX: usize = 1_000;
/// Most dials of targets that are not configured, at a time.
const DIALS_MAX: usize = 8;

/// How a peer was found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Source {
    Configured,
    /// Configured by a name. Of connections only: targets keep their names.
    Dns,
    Book,
    Mdns,
    Kademlia,
    Inbound,
}

impl Source {
    /// As told by the API.
    pub(super) fn told(self) -> PeerSource {
        match self {
            Self::Configured => PeerSource::Peer,
            Self::Dns => PeerSource::Dns,
            Self::Book => PeerSource::Book,
            Self::Mdns => PeerSource::Mdns,
            Self::Kademlia => PeerSource::Kademlia,
            Self::Inbound => PeerSource::Inbound,
        }
    }
}

/// How it stands between us and whoever a target leads to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Standing {
    /// Nothing.
    Apart,
    /// Connected, and not more.
    Connected,
    /// A peer of our chain.
    Greeted,
}

struct Target {
    source: Source,
    /// Known from the address or from who found it.
    peer: Option<PeerId>,
    /// Did it ever lead to a peer of our chain?
    worked: bool,
    /// When it was tried last.
    last: Option<Instant>,
    next: Instant,
    pause: Duration,
    fails: u32,
    /// Not before this time, however much we need peers.
    barred: Option<Instant>,
}

/// How much we need peers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Need {
    /// Hardly anybody is there: look often.
    Few,
    /// Some are there: dial who is found.
    Some,
    /// As many as we want: only configured targets are dialled.
    None,
}

impl Target {
    fn pause_max(&self, need: Need) -> Duration {
        match (self.source, need) {
            (Source::Configured | Source::Book, Need::Few) => PAUSE_LONELY_MAX,
            (_, Need::Few) if self.worked => PAUSE_LONELY_MAX,
            (Source::Configured, _) => PAUSE_CONFIGURED_MAX,
            _ => PAUSE_MAX,
        }
    }

    /// A pause that was chosen while we had more peers is cut short.
    fn is_due(&self, now: Instant, need: Need) -> bool {
        let longest = self.pause_max(need).mul_f64(JITTER_MAX);
        let waited = self.next <= now || self.last.is_some_and(|last| last + longest <= now);
        waited && self.barred.is_none_or(|until| until <= now)
    }

    /// A quarter of chance keeps nodes that started together from dialling each other at once for ever.
    fn tried(&mut self, now: Instant, need: Need) {
        let pause = self.pause.min(self.pause_max(need));
        self.next = now + pause.mul_f64(rand::random_range(1.0..JITTER_MAX));
        self.last = Some(now);
        self.pause = pause * 2;
        self.fails = self.fails.saturating_add(1);
    }

    fn begin_anew(&mut self, next: Instant) {
        (self.last, self.next, self.pause, self.fails, self.barred) = (None, next, PAUSE_FIRST, 0, None);
    }
}

/// Something to dial: all addresses of one peer, or one address of somebody.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Dial {
    pub(super) peer: Option<PeerId>,
    pub(super) addresses: Vec<Multiaddr>,
    pub(super) source: Source,
}

/// All targets by address.
pub(super) struct Dialer {
    own: PeerId,
    targets: BTreeMap<Multiaddr, Target>,
    /// Peers that a configured target led to, or names.
    configured: BTreeSet<PeerId>,
    /// Dials under way.
    attempts: HashMap<ConnectionId, Source>,
}

impl Dialer {
    pub(super) fn new(own: PeerId) -> Self {
        Self { own, targets: BTreeMap::new(), configured: BTreeSet::new(), attempts: HashMap::new() }
    }

    /// Adds an address, unless it is known. Of two nodes that find each other, the one with the greater peer id waits a
    /// little, so that they do not dial at once.
    pub(super) fn add(&mut self, address: Multiaddr, peer: Option<PeerId>, source: Source, now: Instant) {
        let peer = peer.or_else(|| peer_of(&address));
        let address = without_peer(&address);
        if peer == Some(self.own) || !self.has_room_for(&address, source) {
            return;
        }
        if source == Source::Configured {
            self.configured.extend(peer);
        }
        let mutual = matches!(source, Source::Mdns | Source::Kademlia);
        let polite = mutual && peer.is_some_and(|peer| self.own > peer);
        let next = if polite { now + COURTESY } else { now };
        let fresh =
            Target { source, peer, worked: false, last: None, next, pause: PAUSE_FIRST, fails: 0, barred: None };
        let target = self.targets.entry(address).or_insert(fresh);
        // An address that was another peer's: whoever found it last is right.
        if target.source != Source::Configured && peer.is_some() && target.peer != peer {
            target.peer = peer;
            target.begin_anew(next);
        }
    }

    fn has_room_for(&mut self, address: &Multiaddr, source: Source) -> bool {
        if self.targets.len() < TARGETS_MAX || self.targets.contains_key(address) || source == Source::Configured {
            return true;
        }
        let found = self.targets.iter().filter(|(_, target)| target.source != Source::Configured && target.fails > 0);
        let worst = found.max_by_key(|(_, target)| (!target.worked, target.fails)).map(|(address, _)| address.clone());
        worst.and_then(|address| self.targets.remove(&address)).is_some()
    }

    /// What to dial now; the next try of each is set already.
    pub(super) fn due(
        &mut self,
        now: Instant,
        need: Need,
        standing: impl Fn(&Multiaddr, Option<PeerId>) -> Standing,
    ) -> Vec<Dial> {
        let mut due: BTreeMap<(Option<PeerId>, Option<Multiaddr>), Dial> = BTreeMap::new();
        for (address, target) in &mut self.targets {
            match standing(address, target.peer) {
                Standing::Greeted => {
                    target.worked = true;
                    target.begin_anew(now + PAUSE_FIRST);
                }
                Standing::Connected => {}
                Standing::Apart if !target.is_due(now, need) => {}
                Standing::Apart => {
                    let key = (target.peer, target.peer.is_none().then(|| address.clone()));
                    let room = due.len() < DIALS_MAX || due.contains_key(&key);
                    let wanted = target.source == Source::Configured || (need != Need::None && room);
                    if wanted {
                        target.tried(now, need);
                        let dial = Dial { peer: target.peer, addresses: vec![], source: target.source };
                        due.entry(key).or_insert(dial).addresses.push(address.clone());
                    }
                }
            }
        }
        due.into_values().collect()
    }

    /// A dial is under way.
    pub(super) fn attempted(&mut self, connection: ConnectionId, source: Source) {
        self.attempts.insert(connection, source);
    }

    /// A dial is over, well or not: where its target came from. `None` for dials that are not ours but Kademlia's.
    pub(super) fn over(&mut self, connection: ConnectionId) -> Option<Source> {
        self.attempts.remove(&connection)
    }

    /// A peer of our chain is connected, and was found this way.
    pub(super) fn greeted(&mut self, peer: PeerId, source: Source) {
        if matches!(source, Source::Configured | Source::Dns) && self.configured.len() < TARGETS_MAX {
            self.configured.insert(peer);
        }
    }

    /// A peer is gone: what led to it is tried again soon. Names too, for its address may have changed.
    pub(super) fn gone(&mut self, peer: PeerId, now: Instant) {
        for (address, target) in &mut self.targets {
            let name = target.source == Source::Configured && is_name(address);
            if target.worked && target.peer == Some(peer) || name {
                target.begin_anew(target.next.min(now + PAUSE_FIRST));
            }
        }
    }

    /// A peer is not wanted for so long.
    pub(super) fn postpone(&mut self, peer: PeerId, until: Instant) {
        for target in self.targets.values_mut().filter(|target| target.peer == Some(peer)) {
            target.barred = Some(until);
        }
    }

    /// Behind an address answered somebody else than expected. A configured address counts more than the peer id beside
    /// it, which somebody may have copied wrongly; of others, the peer moved away. `true` if it was configured.
    pub(super) fn is_other(&mut self, address: &Multiaddr, expected: &PeerId) -> bool {
        let address = without_peer(address);
        match self.targets.get_mut(&address) {
            Some(target) if target.source == Source::Configured => {
                target.peer = None;
                true
            }
            Some(target) if target.peer == Some(*expected) => {
                self.targets.remove(&address);
                false
            }
            _ => false,
        }
    }

    /// All targets whose peer is known.
    pub(super) fn known(&self) -> impl Iterator<Item = (PeerId, &Multiaddr, Source)> {
        self.targets.iter().filter_map(|(address, target)| Some((target.peer?, address, target.source)))
    }

    /// Was this peer configured by the operator? Such peers are never blocked.
    pub(super) fn is_configured(&self, peer: &PeerId) -> bool {
        self.configured.contains(peer)
    }

    /// Peers that the operator named.
    pub(super) fn configured(&self) -> impl Iterator<Item = &PeerId> {
        self.configured.iter()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn address(last: u8) -> Multiaddr {
        format!("/ip4/10.0.0.{last}/tcp/7475").parse().unwrap()
    }

    fn apart(_: &Multiaddr, _: Option<PeerId>) -> Standing {
        Standing::Apart
    }

    /// A dialer with a small own id, so that it is never the polite one.
    fn dialer() -> (Dialer, Instant) {
        let own = (0..64).map(|_| PeerId::random()).min().unwrap();
        (Dialer::new(own), Instant::now())
    }

    /// Seconds at which an address is dialled, when looked at every second for a while.
    fn dials(dialer: &mut Dialer, start: Instant, seconds: u64, need: Need) -> Vec<u64> {
        let at = |second: &u64| !dialer.due(start + Duration::from_secs(*second), need, apart).is_empty();
        (0..seconds).filter(at).collect()
    }

    #[test]
    fn an_address_that_fails_is_tried_for_ever_and_ever_less_often() {
        let (mut dialer, now) = dialer();
        dialer.add(address(1), None, Source::Configured, now);
        let lonely = dials(&mut dialer, now, 600, Need::Few);
        assert!(lonely[..4].is_sorted_by_key(|at| *at) && lonely[3] < 12, "{lonely:?}");
        assert!(lonely.windows(2).all(|pair| pair[1] - pair[0] <= 20), "{lonely:?}");
        let content = dials(&mut dialer, now + Duration::from_secs(600), 3_600, Need::Some);
        assert!(content.windows(2).all(|pair| pair[1] - pair[0] <= 76) && content.len() < 70, "{content:?}");
    }

    #[test]
    fn a_long_pause_is_cut_short_when_peers_become_few() {
        let (mut dialer, now) = dialer();
        dialer.add(address(1), None, Source::Configured, now);
        dials(&mut dialer, now, 600, Need::Some);
        let later = now + Duration::from_secs(600);
        assert!(dials(&mut dialer, later, 20, Need::Few)[0] < 16);
    }

    #[test]
    fn all_addresses_of_a_peer_are_one_dial() {
        let (mut dialer, now) = dialer();
        let peer = PeerId::random();
        dialer.add(address(1), Some(peer), Source::Book, now);
        dialer.add(address(2), Some(peer), Source::Book, now);
        let due = dialer.due(now, Need::Few, apart);
        assert_eq!(due, [Dial { peer: Some(peer), addresses: vec![address(1), address(2)], source: Source::Book }]);
    }

    #[test]
    fn of_two_that_find_each_other_one_waits() {
        let now = Instant::now();
        let mut ids = [PeerId::random(), PeerId::random()];
        ids.sort();
        let (mut low, mut high) = (Dialer::new(ids[0]), Dialer::new(ids[1]));
        low.add(address(2), Some(ids[1]), Source::Mdns, now);
        high.add(address(1), Some(ids[0]), Source::Mdns, now);
        assert_eq!(low.due(now, Need::Few, apart).len(), 1);
        assert_eq!(high.due(now, Need::Few, apart).len(), 0);
        assert_eq!(high.due(now + COURTESY, Need::Few, apart).len(), 1);
    }

    #[test]
    fn a_connected_peer_is_not_dialled_and_one_that_left_is_soon() {
        let (mut dialer, now) = dialer();
        let peer = PeerId::random();
        dialer.add(address(1), Some(peer), Source::Book, now);
        assert_eq!(dialer.due(now, Need::Few, apart).len(), 1);
        let later = now + Duration::from_secs(100);
        assert_eq!(dialer.due(later, Need::Few, |_, _| Standing::Greeted), []);
        dialer.gone(peer, later);
        assert_eq!(dialer.due(later, Need::Few, apart), []);
        assert_eq!(dialer.due(later + PAUSE_FIRST, Need::Few, apart).len(), 1);
    }

    #[test]
    fn with_enough_peers_only_configured_ones_are_dialled() {
        let (mut dialer, now) = dialer();
        dialer.add(address(1), None, Source::Configured, now);
        (2..100).for_each(|last| dialer.add(address(last), Some(PeerId::random()), Source::Kademlia, now));
        let due = dialer.due(now, Need::None, apart);
        assert_eq!(due.iter().map(|dial| dial.source).collect::<Vec<_>>(), [Source::Configured]);
        let later = now + COURTESY * 4;
        assert!(dialer.due(later, Need::Few, apart).len() <= DIALS_MAX + 1);
    }

    #[test]
    fn a_wrong_peer_id_beside_a_configured_address_does_not_stop_us() {
        let (mut dialer, now) = dialer();
        let expected = PeerId::random();
        dialer.add(address(1).with_p2p(expected).unwrap(), None, Source::Configured, now);
        assert!(dialer.is_other(&address(1).with_p2p(expected).unwrap(), &expected));
        let due = dialer.due(now, Need::Few, apart);
        assert_eq!(due, [Dial { peer: None, addresses: vec![address(1)], source: Source::Configured }]);
    }

    #[test]
    fn a_found_address_of_somebody_else_is_dropped() {
        let (mut dialer, now) = dialer();
        let expected = PeerId::random();
        dialer.add(address(1), Some(expected), Source::Book, now);
        assert!(!dialer.is_other(&address(1), &expected));
        assert_eq!(dialer.due(now, Need::Few, apart), []);
    }

    #[test]
    fn we_never_dial_ourselves_by_id() {
        let (mut dialer, now) = dialer();
        let own = dialer.own;
        dialer.add(address(1), Some(own), Source::Mdns, now);
        assert_eq!(dialer.due(now, Need::Few, apart), []);
    }
}
