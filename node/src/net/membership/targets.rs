//! Dial targets, and the time of the next try for each. SPEC NET-4.
//!
//! Owns: targets (configured, found, from the book), their pauses, and the reasons of failures. Does not own:
//! connections, names (resolved again at every dial by the caller). Always true:
//! - a connected peer is not dialled, whichever side dialled first;
//! - what the operator gave is tried for ever, and so is what led to a peer once or is in the book; what others named is
//!   forgotten after [`TRIES`] failures, and not taken up again for [`FORGOTTEN_FOR`];
//! - of one peer at most [`ADDRESSES_MAX`] addresses that others named are known, and [`NAMED_MAX`] of what one peer named;
//! - pauses start anew only after a handshake, so that a peer of another chain is not dialled every second.
//!
//! Pure. Start reading at [`Targets::due`].

use super::budget::Budget;
use super::dice::Dice;
use super::failure::Failure;
use super::scope::{Group, group_of, scope_of};
use crate::net::address::{is_name, peer_of, without_peer};
use blockchat_client::shapes::PeerSource;
use libp2p::{Multiaddr, PeerId};
use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;
use tokio::time::Instant;

/// First pause after a failure, and after a peer is gone; doubles up to a maximum.
pub(in crate::net) const PAUSE_FIRST: Duration = Duration::from_secs(1);
/// Longest pause of a target that led to a peer or is configured, while we have few peers.
const PAUSE_LONELY_MAX: Duration = Duration::from_secs(15);
/// Longest pause of a configured target.
const PAUSE_CONFIGURED_MAX: Duration = Duration::from_secs(60);
/// Longest pause of any other.
const PAUSE_MAX: Duration = Duration::from_secs(300);
/// Pauses are longer than said by up to so many percent: nodes that started together do not dial at once for ever.
const JITTER_PERCENT: u64 = 25;
/// The side with the greater peer id waits so long for the other to dial.
pub(in crate::net) const COURTESY: Duration = Duration::from_secs(2);
/// Most targets.
const TARGETS_MAX: usize = 1_000;
/// Of these, most that never led to a peer and that one peer named.
const NAMED_MAX: usize = 100;
/// Most addresses of one peer, beside those that the operator gave.
pub(in crate::net) const ADDRESSES_MAX: usize = 8;
/// Most dials of targets that are not configured, at a time.
const DIALS_MAX: usize = 8;
/// An address that others named and that never led to a peer is forgotten after this many failures,
const TRIES: u32 = 5;
/// and for so long.
const FORGOTTEN_FOR: Duration = Duration::from_secs(300);
/// Most that are remembered as forgotten.
const FORGOTTEN_MAX: usize = 4_096;
/// Dials whose outcome may still come.
const ATTEMPTS_MAX: usize = 1_024;

/// The source of a peer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::net) enum Source {
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
    pub(in crate::net) fn told(self) -> PeerSource {
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

/// The connection to the peer behind a target.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::net) enum ConnectionState {
    /// There is none.
    Disconnected,
    /// Connected, without a handshake.
    Connected,
    /// A peer of our chain.
    Greeted,
}

/// Our need for peers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::net) enum Need {
    /// Almost alone: look often.
    Few,
    /// Some are there: dial those that are found.
    Some,
    /// As many as we want: only configured targets are dialled.
    None,
}

/// The result of a target so far.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Record {
    /// It never led to a peer of our chain, with so many failures.
    Unproven(u32),
    /// It did once.
    Proven,
}

/// A number for a dial, so that its outcome finds its target.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(in crate::net) struct AttemptId(pub(in crate::net) u64);

/// A dial target: all addresses of one peer, or one address of an unknown peer. Names are to be resolved.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::net) struct Dial {
    pub(in crate::net) attempt: AttemptId,
    pub(in crate::net) peer: Option<PeerId>,
    pub(in crate::net) addresses: Vec<Multiaddr>,
    pub(in crate::net) source: Source,
}

struct Target {
    source: Source,
    /// Known from the address or from its source.
    peer: Option<PeerId>,
    named_by: Option<PeerId>,
    record: Record,
    /// The time of the last try.
    last: Option<Instant>,
    next: Instant,
    pause: Duration,
    /// Not before this time, however much we need peers.
    barred: Option<Instant>,
    failure: Option<Failure>,
}

impl Target {
    fn pause_max(&self, need: Need) -> Duration {
        match (self.source, need) {
            (Source::Configured | Source::Book, Need::Few) => PAUSE_LONELY_MAX,
            (_, Need::Few) if self.record == Record::Proven => PAUSE_LONELY_MAX,
            (Source::Configured, _) => PAUSE_CONFIGURED_MAX,
            _ => PAUSE_MAX,
        }
    }

    /// A pause that was chosen while we had more peers is cut short.
    fn is_due(&self, now: Instant, need: Need) -> bool {
        self.next_try(need) <= now
    }

    /// The time of the next try.
    fn next_try(&self, need: Need) -> Instant {
        let longest = self.pause_max(need) * 5 / 4;
        let next = self.last.map_or(self.next, |last| self.next.min(last + longest));
        self.barred.map_or(next, |until| next.max(until))
    }

    fn tried(&mut self, now: Instant, need: Need, dice: &mut Dice) {
        let pause = self.pause.min(self.pause_max(need));
        self.next = now + dice.stretch(pause, JITTER_PERCENT);
        self.last = Some(now);
        self.pause = pause * 2;
    }

    fn begin_anew(&mut self, next: Instant) {
        (self.last, self.next, self.pause, self.barred) = (None, next, PAUSE_FIRST, None);
    }

    fn bar(&mut self, until: Instant) {
        self.barred = Some(self.barred.map_or(until, |before| before.max(until)));
    }

    fn is_forgettable(&self) -> bool {
        let on_others_word = matches!(self.source, Source::Kademlia | Source::Mdns);
        on_others_word && matches!(self.record, Record::Unproven(fails) if fails >= TRIES)
    }
}

/// A dial under way: of a name it may be of many addresses, each a connection of its own.
struct Attempt {
    dial: Dial,
    outcome: Outcome,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Outcome {
    Open,
    /// It led to a peer: what becomes of its other addresses is no failure of the target.
    Led,
}

/// All targets by address.
pub(in crate::net) struct Targets {
    own: PeerId,
    targets: BTreeMap<Multiaddr, Target>,
    /// Peers that a configured target led to, or names.
    configured: BTreeSet<PeerId>,
    /// The targets of the dials under way.
    attempts: BTreeMap<AttemptId, Attempt>,
    last_attempt: u64,
    forgotten: BTreeMap<Multiaddr, Instant>,
    /// Public groups from which no other peer is dialled.
    crowded: BTreeSet<Group>,
    budget: Budget,
    dice: Dice,
}

impl Targets {
    pub(in crate::net) fn new(own: PeerId, dice: Dice) -> Self {
        Self {
            own,
            targets: BTreeMap::new(),
            configured: BTreeSet::new(),
            attempts: BTreeMap::new(),
            last_attempt: 0,
            forgotten: BTreeMap::new(),
            crowded: BTreeSet::new(),
            budget: Budget::default(),
            dice,
        }
    }

    /// Configured by the operator.
    pub(in crate::net) fn configure(&mut self, address: &Multiaddr, now: Instant) {
        let peer = peer_of(address);
        if peer != Some(self.own) {
            self.configured.extend(peer);
            let target = fresh(Source::Configured, peer, None, now);
            self.targets.insert(without_peer(address), target);
        }
    }

    /// Known from an earlier run; `dialled`: it led to the peer then.
    pub(in crate::net) fn remembered(&mut self, peer: PeerId, address: &Multiaddr, dialled: bool, now: Instant) {
        self.add(address, peer, Source::Book, None, now);
        if let Some(target) = self.targets.get_mut(&without_peer(address)).filter(|_| dialled)
            && target.source == Source::Book
        {
            target.record = Record::Proven;
        }
    }

    /// Found on the network, or named by a peer, which may name it (`scope`). Of two nodes that find each other, the
    /// one with the greater peer id waits a little, so that they do not dial at once.
    pub(in crate::net) fn found(
        &mut self,
        address: &Multiaddr,
        peer: PeerId,
        source: Source,
        named_by: Option<PeerId>,
        now: Instant,
    ) {
        let next = if self.own > peer { now + COURTESY } else { now };
        self.add(address, peer, source, named_by, next);
    }

    fn add(&mut self, address: &Multiaddr, peer: PeerId, source: Source, named_by: Option<PeerId>, next: Instant) {
        let address = without_peer(address);
        if peer == self.own || scope_of(&address).is_none() || self.forgotten.contains_key(&address) {
            return;
        }
        if let Some(target) = self.targets.get_mut(&address) {
            // An address that was another peer's: the latest source is right, unless it led there.
            let other = target.peer != Some(peer) && target.source != Source::Configured;
            if other && target.record != Record::Proven {
                target.peer = Some(peer);
                target.begin_anew(next);
            }
            return;
        }
        let of_peer =
            self.targets.values().filter(|target| target.peer == Some(peer) && target.source != Source::Configured);
        let of_namer = self
            .targets
            .values()
            .filter(|target| named_by.is_some() && target.named_by == named_by && target.record != Record::Proven);
        if of_peer.count() < ADDRESSES_MAX && of_namer.count() < NAMED_MAX && self.has_room() {
            self.targets.insert(address, fresh(source, Some(peer), named_by, next));
        }
    }

    /// One that others named and that failed most makes room.
    fn has_room(&mut self) -> bool {
        if self.targets.len() < TARGETS_MAX {
            return true;
        }
        let worst = self.targets.iter().filter(|(_, target)| target.source != Source::Configured);
        let worst = worst.filter_map(|(address, target)| match target.record {
            Record::Unproven(fails) if fails > 0 => Some((fails, address.clone())),
            _ => None,
        });
        worst.max().and_then(|(_, address)| self.targets.remove(&address)).is_some()
    }

    /// Within these public groups only the operator's peers are dialled.
    pub(in crate::net) fn avoid(&mut self, crowded: BTreeSet<Group>) {
        self.crowded = crowded;
    }

    /// The dials that are due; the next try of each is set already.
    pub(in crate::net) fn due(
        &mut self,
        now: Instant,
        need: Need,
        connection_state: impl Fn(&Multiaddr, Option<PeerId>) -> ConnectionState,
    ) -> Vec<Dial> {
        self.forgotten.retain(|_, until| *until > now);
        let mut waiting = vec![];
        for (address, target) in &mut self.targets {
            match connection_state(address, target.peer) {
                ConnectionState::Greeted => {
                    target.failure = None;
                    target.begin_anew(now + PAUSE_FIRST);
                }
                ConnectionState::Connected => {}
                ConnectionState::Disconnected if !target.is_due(now, need) => {}
                ConnectionState::Disconnected => {
                    let rank = (target.source != Source::Configured, target.record != Record::Proven, target.next);
                    waiting.push((rank, address.clone()));
                }
            }
        }
        waiting.sort();
        let mut due: Vec<Dial> = vec![];
        for (_, address) in waiting {
            self.dial(address, now, need, &mut due);
        }
        for dial in &due {
            self.attempts.insert(dial.attempt, Attempt { dial: dial.clone(), outcome: Outcome::Open });
        }
        while self.attempts.len() > ATTEMPTS_MAX {
            self.attempts.pop_first();
        }
        due
    }

    /// Adds one address to what is dialled, if it is wanted and within the budget.
    fn dial(&mut self, address: Multiaddr, now: Instant, need: Need, due: &mut Vec<Dial>) {
        let Some(target) = self.targets.get_mut(&address) else { return };
        let same = due.iter_mut().find(|dial| dial.peer.is_some() && dial.peer == target.peer);
        if target.source != Source::Configured {
            let room = same.is_some() || due.len() < DIALS_MAX;
            let crowded = group_of(&address).is_some_and(|group| self.crowded.contains(&group));
            if need == Need::None || !room || crowded || !self.budget.spend(&address, now) {
                return;
            }
        }
        target.tried(now, need, &mut self.dice);
        match due.iter_mut().find(|dial| dial.peer.is_some() && dial.peer == target.peer) {
            Some(dial) => dial.addresses.push(address),
            None => {
                self.last_attempt += 1;
                let attempt = AttemptId(self.last_attempt);
                due.push(Dial { attempt, peer: target.peer, addresses: vec![address], source: target.source });
            }
        }
    }

    /// The sources of a dial's targets.
    pub(in crate::net) fn source_of(&self, attempt: AttemptId) -> Option<Source> {
        self.attempts.get(&attempt).map(|Attempt { dial, .. }| match dial.addresses.first() {
            Some(address) if is_name(address) && dial.source == Source::Configured => Source::Dns,
            _ => dial.source,
        })
    }

    /// A dial led to this peer of our chain, over this address.
    pub(in crate::net) fn worked(&mut self, peer: PeerId, attempt: AttemptId, address: &Multiaddr) {
        let Some(Attempt { dial, outcome }) = self.attempts.get_mut(&attempt) else { return };
        *outcome = Outcome::Led;
        let address = without_peer(address);
        for tried in &dial.addresses {
            if let Some(target) = self.targets.get_mut(tried).filter(|_| is_name(tried) || *tried == address) {
                (target.record, target.failure) = (Record::Proven, None);
                // The operator's word counts: any node that answers there the next time is welcome, too.
                if target.source != Source::Configured {
                    target.peer = Some(peer);
                }
            }
        }
        if dial.source == Source::Configured && self.configured.len() < TARGETS_MAX {
            self.configured.insert(peer);
        }
    }

    /// A dial came to nothing. `true` if a configured target has a reason that it did not have before.
    pub(in crate::net) fn failed(&mut self, attempt: AttemptId, failure: &Failure, now: Instant) -> bool {
        let open = self.attempts.get(&attempt).filter(|attempt| attempt.outcome == Outcome::Open);
        let Some(addresses) = open.map(|attempt| attempt.dial.addresses.clone()) else {
            return false;
        };
        let news = addresses.iter().filter(|address| self.note_failure(address, failure)).count() > 0;
        self.forget(now);
        news
    }

    fn note_failure(&mut self, address: &Multiaddr, failure: &Failure) -> bool {
        let Some(target) = self.targets.get_mut(address) else { return false };
        if let Record::Unproven(fails) = &mut target.record {
            *fails = fails.saturating_add(1);
        }
        let news = target.source == Source::Configured && target.failure.as_ref() != Some(failure);
        target.failure = Some(failure.clone());
        news
    }

    /// A peer that was reached does not stay with us.
    pub(in crate::net) fn refused(&mut self, peer: PeerId, failure: &Failure, until: Instant, now: Instant) -> bool {
        let of_peer = self.targets.iter().filter(|(_, target)| target.peer == Some(peer));
        let addresses: Vec<_> = of_peer.map(|(address, _)| address.clone()).collect();
        let news = addresses.iter().filter(|address| self.note_failure(address, failure)).count() > 0;
        self.postpone(peer, until);
        self.forget(now);
        news
    }

    /// The same of one address whose peer the operator did not name. `true` if that is news.
    pub(in crate::net) fn refused_at(&mut self, address: &Multiaddr, failure: &Failure, until: Instant) -> bool {
        let Some(target) = self.targets.get_mut(address).filter(|target| target.peer.is_none()) else {
            return false;
        };
        target.bar(until);
        self.note_failure(address, failure)
    }

    /// The addresses that a dial is of.
    pub(in crate::net) fn addresses_of(&self, attempt: AttemptId) -> Vec<Multiaddr> {
        self.attempts.get(&attempt).map(|attempt| attempt.dial.addresses.clone()).unwrap_or_default()
    }

    fn forget(&mut self, now: Instant) {
        let gone = self.targets.iter().filter(|(_, target)| target.is_forgettable());
        let gone: Vec<_> = gone.map(|(address, _)| address.clone()).collect();
        for address in gone {
            self.targets.remove(&address);
            if self.forgotten.len() < FORGOTTEN_MAX {
                self.forgotten.insert(address, now + FORGOTTEN_FOR);
            }
        }
    }

    /// A peer is gone: what led to it is tried again soon. Names too, for its address may have changed.
    pub(in crate::net) fn gone(&mut self, peer: PeerId, now: Instant) {
        for (address, target) in &mut self.targets {
            let name = target.source == Source::Configured && is_name(address);
            if target.record == Record::Proven && target.peer == Some(peer) || name {
                let barred = target.barred;
                target.begin_anew(target.next.min(now + PAUSE_FIRST));
                target.barred = barred.filter(|_| !name);
            }
        }
    }

    /// A peer is not wanted before this time.
    pub(in crate::net) fn postpone(&mut self, peer: PeerId, until: Instant) {
        for target in self.targets.values_mut().filter(|target| target.peer == Some(peer)) {
            target.bar(until);
        }
    }

    /// Behind an address answered another peer than expected: what others named is wrong, and what the operator gave is
    /// shown as wrong.
    pub(in crate::net) fn moved(&mut self, address: &Multiaddr, expected: PeerId) {
        let address = without_peer(address);
        let moved = |target: &Target| target.source != Source::Configured && target.peer == Some(expected);
        if self.targets.get(&address).is_some_and(moved) {
            self.targets.remove(&address);
        }
    }

    /// Was this peer configured by the operator? Such peers are never blocked.
    pub(in crate::net) fn is_configured(&self, peer: &PeerId) -> bool {
        self.configured.contains(peer)
    }

    /// Peers that the operator named.
    pub(in crate::net) fn configured(&self) -> impl Iterator<Item = &PeerId> {
        self.configured.iter()
    }

    /// Number of targets.
    pub(in crate::net) fn len(&self) -> usize {
        self.targets.len()
    }

    /// All targets, as they are shown.
    pub(in crate::net) fn shown(&self, need: Need) -> impl Iterator<Item = Shown<'_>> {
        self.targets.iter().map(move |(address, target)| Shown {
            address,
            peer: target.peer,
            source: if is_name(address) { Source::Dns } else { target.source },
            failure: target.failure.as_ref(),
            next: target.next_try(need),
        })
    }
}

/// A target, as it is shown.
pub(in crate::net) struct Shown<'a> {
    pub(in crate::net) address: &'a Multiaddr,
    pub(in crate::net) peer: Option<PeerId>,
    pub(in crate::net) source: Source,
    pub(in crate::net) failure: Option<&'a Failure>,
    /// The time of the next try, if its peer is not connected by then.
    pub(in crate::net) next: Instant,
}

fn fresh(source: Source, peer: Option<PeerId>, named_by: Option<PeerId>, next: Instant) -> Target {
    let record = Record::Unproven(0);
    Target { source, peer, named_by, record, last: None, next, pause: PAUSE_FIRST, barred: None, failure: None }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn address(last: u8) -> Multiaddr {
        format!("/ip4/10.0.0.{last}/tcp/7475").parse().unwrap()
    }

    fn disconnected(_: &Multiaddr, _: Option<PeerId>) -> ConnectionState {
        ConnectionState::Disconnected
    }

    /// Targets of a node with a small own id, so that it is never the polite one.
    fn targets() -> (Targets, Instant) {
        let own = (0..64).map(|_| PeerId::random()).min().unwrap();
        (Targets::new(own, Dice::new(7)), Instant::now())
    }

    fn seconds(count: u64) -> Duration {
        Duration::from_secs(count)
    }

    /// Seconds at which anything is dialled, when looked at every second for a while; every dial fails.
    fn dials(targets: &mut Targets, start: Instant, count: u64, need: Need) -> Vec<u64> {
        let at = |second: &u64| {
            let now = start + seconds(*second);
            let due = targets.due(now, need, disconnected);
            due.iter().for_each(|dial| _ = targets.failed(dial.attempt, &Failure::Refused, now));
            !due.is_empty()
        };
        (0..count).filter(at).collect()
    }

    #[test]
    fn a_configured_address_that_fails_is_tried_for_ever_and_ever_less_often() {
        let (mut targets, now) = targets();
        targets.configure(&address(1), now);
        let lonely = dials(&mut targets, now, 600, Need::Few);
        assert!(lonely[..4].is_sorted_by_key(|at| *at) && lonely[3] < 12, "{lonely:?}");
        assert!(lonely.windows(2).all(|pair| pair[1] - pair[0] <= 20), "{lonely:?}");
        let content = dials(&mut targets, now + seconds(600), 3_600, Need::Some);
        assert!(content.windows(2).all(|pair| pair[1] - pair[0] <= 76) && content.len() < 70, "{content:?}");
    }

    #[test]
    fn a_long_pause_is_cut_short_when_peers_become_few() {
        let (mut targets, now) = targets();
        targets.configure(&address(1), now);
        dials(&mut targets, now, 600, Need::Some);
        let later = now + seconds(600);
        assert!(dials(&mut targets, later, 20, Need::Few)[0] < 19);
    }

    #[test]
    fn what_others_named_and_never_led_anywhere_is_forgotten_and_not_taken_up_again_soon() {
        let (mut targets, now) = targets();
        let (liar, nobody) = (PeerId::random(), PeerId::random());
        targets.found(&address(1), nobody, Source::Kademlia, Some(liar), now);
        let tried = dials(&mut targets, now, 3_600, Need::Few);
        assert_eq!(tried.len(), usize::try_from(TRIES).unwrap(), "{tried:?}");
        let soon = now + seconds(60);
        targets.forgotten.insert(address(2), soon + FORGOTTEN_FOR);
        targets.found(&address(2), nobody, Source::Kademlia, Some(liar), soon);
        assert_eq!(targets.shown(Need::Few).count(), 0);
        dials(&mut targets, soon + FORGOTTEN_FOR, 1, Need::Few);
        targets.found(&address(2), nobody, Source::Kademlia, Some(liar), soon + FORGOTTEN_FOR);
        assert_eq!(targets.shown(Need::Few).count(), 1, "it may be true now");
    }

    #[test]
    fn one_peer_names_no_more_than_its_share_and_no_peer_has_more_than_a_few_addresses() {
        let (mut targets, now) = targets();
        let (liar, somebody) = (PeerId::random(), PeerId::random());
        let port = |port: u16| format!("/ip4/10.0.0.1/tcp/{port}").parse().unwrap();
        (1..400).for_each(|number| targets.found(&port(number), somebody, Source::Kademlia, Some(liar), now));
        assert_eq!(targets.shown(Need::Few).count(), ADDRESSES_MAX);
        (400..2_000)
            .for_each(|number| targets.found(&port(number), PeerId::random(), Source::Kademlia, Some(liar), now));
        assert_eq!(targets.shown(Need::Few).count(), NAMED_MAX);
        targets.found(&port(2_000), PeerId::random(), Source::Kademlia, Some(somebody), now);
        assert_eq!(targets.shown(Need::Few).count(), NAMED_MAX + 1);
    }

    #[test]
    fn only_the_address_that_led_to_a_peer_is_tried_for_ever() {
        let (mut targets, now) = targets();
        let (liar, real) = (PeerId::random(), PeerId::random());
        (1..=8).for_each(|last| targets.found(&address(last), real, Source::Kademlia, Some(liar), now));
        let dial = targets.due(now, Need::Few, disconnected).pop().unwrap();
        assert_eq!(dial.addresses.len(), 8);
        targets.worked(real, dial.attempt, &address(3));
        targets.gone(real, now);
        let mut dialled: BTreeMap<Multiaddr, u32> = BTreeMap::new();
        for second in 0..3_600 {
            let now = now + seconds(second);
            for dial in targets.due(now, Need::Few, disconnected) {
                dial.addresses.iter().for_each(|address| *dialled.entry(address.clone()).or_default() += 1);
                targets.failed(dial.attempt, &Failure::Refused, now);
            }
        }
        assert!(dialled.remove(&address(3)).unwrap() > 100);
        assert!(dialled.values().all(|times| *times <= TRIES), "{dialled:?}");
    }

    #[test]
    fn all_addresses_of_a_peer_are_one_dial() {
        let (mut targets, now) = targets();
        let peer = PeerId::random();
        targets.remembered(peer, &address(1), true, now);
        targets.remembered(peer, &address(2), false, now);
        let due = targets.due(now, Need::Few, disconnected);
        let dial = Dial {
            attempt: AttemptId(1),
            peer: Some(peer),
            addresses: vec![address(1), address(2)],
            source: Source::Book,
        };
        assert_eq!(due, [dial]);
    }

    #[test]
    fn of_two_that_find_each_other_one_waits() {
        let now = Instant::now();
        let mut ids = [PeerId::random(), PeerId::random()];
        ids.sort();
        let (mut low, mut high) = (Targets::new(ids[0], Dice::new(1)), Targets::new(ids[1], Dice::new(2)));
        low.found(&address(2), ids[1], Source::Mdns, None, now);
        high.found(&address(1), ids[0], Source::Mdns, None, now);
        assert_eq!(low.due(now, Need::Few, disconnected).len(), 1);
        assert_eq!(high.due(now, Need::Few, disconnected).len(), 0);
        assert_eq!(high.due(now + COURTESY, Need::Few, disconnected).len(), 1);
    }

    #[test]
    fn a_connected_peer_is_not_dialled_and_one_that_left_is_soon() {
        let (mut targets, now) = targets();
        let peer = PeerId::random();
        targets.remembered(peer, &address(1), true, now);
        assert_eq!(targets.due(now, Need::Few, disconnected).len(), 1);
        let later = now + seconds(100);
        assert_eq!(targets.due(later, Need::Few, |_, _| ConnectionState::Greeted), []);
        targets.gone(peer, later);
        assert_eq!(targets.due(later, Need::Few, disconnected), []);
        assert_eq!(targets.due(later + PAUSE_FIRST, Need::Few, disconnected).len(), 1);
    }

    #[test]
    fn with_enough_peers_only_configured_ones_are_dialled() {
        let (mut targets, now) = targets();
        targets.configure(&address(1), now);
        (2..100).for_each(|last| targets.found(&address(last), PeerId::random(), Source::Mdns, None, now));
        let due = targets.due(now, Need::None, disconnected);
        assert_eq!(due.iter().map(|dial| dial.source).collect::<Vec<_>>(), [Source::Configured]);
        let later = now + COURTESY * 4;
        assert!(targets.due(later, Need::Few, disconnected).len() <= DIALS_MAX + 1);
    }

    #[test]
    fn another_peer_at_a_configured_address_is_told_once_and_at_a_found_one_ends_it() {
        let (mut targets, now) = targets();
        let (expected, found) = (PeerId::random(), PeerId::random());
        targets.configure(&address(1).with_p2p(expected).unwrap(), now);
        let dial = targets.due(now, Need::Few, disconnected).pop().unwrap();
        assert_eq!(dial.peer, Some(expected), "nobody else is wanted there");
        let failure = Failure::OtherPeer(found);
        assert!(targets.failed(dial.attempt, &failure, now));
        assert!(!targets.failed(dial.attempt, &failure, now), "said already");
        targets.moved(&address(1), expected);
        assert_eq!(targets.shown(Need::Few).next().unwrap().failure, Some(&failure));
        targets.remembered(expected, &address(2), true, now);
        targets.moved(&address(2), expected);
        assert_eq!(targets.shown(Need::Few).count(), 1);
    }

    #[test]
    fn a_name_is_tried_for_ever_and_what_it_led_to_counts_as_configured() {
        let (mut targets, now) = targets();
        let name: Multiaddr = "/dns4/nodes.example/tcp/7475".parse().unwrap();
        targets.configure(&name, now);
        let dial = targets.due(now, Need::Few, disconnected).pop().unwrap();
        assert!(targets.failed(dial.attempt, &Failure::UnknownName, now));
        assert!(dials(&mut targets, now, 3_600, Need::Few).len() > 100);
        let later = now + seconds(7_200);
        let dial = targets.due(later, Need::Few, disconnected).pop().unwrap();
        assert_eq!(targets.source_of(dial.attempt), Some(Source::Dns));
        let peer = PeerId::random();
        targets.worked(peer, dial.attempt, &address(9));
        assert!(targets.is_configured(&peer));
        assert_eq!(targets.shown(Need::Few).next().unwrap().failure, None);
        let second = PeerId::random();
        assert_eq!(targets.source_of(dial.attempt), Some(Source::Dns), "there may be more behind it");
        targets.worked(second, dial.attempt, &address(10));
        assert!(targets.is_configured(&second));
        assert!(!targets.failed(dial.attempt, &Failure::Refused, later), "one of them is down");
        assert_eq!(targets.shown(Need::Few).next().unwrap().failure, None);
    }

    #[test]
    fn we_never_dial_ourselves_by_id() {
        let (mut targets, now) = targets();
        let own = targets.own;
        targets.found(&address(1), own, Source::Mdns, None, now);
        targets.configure(&address(2).with_p2p(own).unwrap(), now);
        assert_eq!(targets.due(now, Need::Few, disconnected), []);
    }
}
