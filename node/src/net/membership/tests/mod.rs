//! The membership as a whole, under virtual time: facts go in, acts come out. Many of them together: `network`.

mod network;
mod runs;

use super::failure::Failure;
use super::life::{BLOCKED_MAX, LEAVING_MAX};
use super::places::INBOUND_MAX;
use super::targets::{Dial, Need};
use super::{About, Act, Charter, Fact, Membership, Note, Way};
use crate::net::peer_score::PeerFault;
use blockchat_proto::hash::Hash32;
use blockchat_proto::sync::{Parting, STATUS_VERSION, Status};
use blockchat_proto::units::{Height, UnixMillis};
use libp2p::swarm::ConnectionId;
use libp2p::{Multiaddr, PeerId};
use proptest::prelude::*;
use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;
use tokio::time::Instant;

const CHAIN: Hash32 = Hash32([7; 32]);

/// A membership, the time, and the connections that its acts brought about.
struct World {
    members: Membership,
    now: Instant,
    connections: usize,
    /// Connected peers, with their connections.
    open: BTreeMap<PeerId, Vec<ConnectionId>>,
    acts: Vec<Act>,
}

fn status(chain: Hash32) -> Status {
    let (height, earliest, time) = (Height(1), Height(1), UnixMillis(0));
    Status { version: STATUS_VERSION, chain, height, hash: chain, earliest, time }
}

fn address(text: &str) -> Multiaddr {
    text.parse().unwrap()
}

impl World {
    fn new(configured: &[&str]) -> Self {
        let now = Instant::now();
        let configured = configured.iter().map(|text| address(text)).collect();
        // The smallest of many, so that it is never the polite one.
        let own = (0..64).map(|_| PeerId::random()).min().unwrap();
        let charter = Charter { own, chain: CHAIN, configured, only_configured: false, seed: 7 };
        let members = Membership::new(&charter, now);
        Self { members, now, connections: 0, open: BTreeMap::new(), acts: vec![] }
    }

    /// One fact; what follows is done as the task would, as far as connections go.
    fn tell(&mut self, fact: Fact) -> Vec<Act> {
        let acts = self.members.handle(fact, self.now);
        self.acts.extend(acts.iter().cloned());
        for act in &acts {
            match act {
                Act::Part(id) | Act::Block(id) => self.close(*id),
                Act::Close(connection) => {
                    let of = self.open.iter().find(|(_, all)| all.contains(connection)).map(|(id, _)| *id);
                    of.into_iter().for_each(|id| self.close_one(id, *connection));
                }
                _ => {}
            }
        }
        acts
    }

    fn close(&mut self, id: PeerId) {
        for connection in self.open.get(&id).cloned().unwrap_or_default() {
            self.close_one(id, connection);
        }
    }

    fn close_one(&mut self, id: PeerId, connection: ConnectionId) {
        if let Some(all) = self.open.get_mut(&id) {
            all.retain(|one| *one != connection);
        }
        self.open.retain(|_, all| !all.is_empty());
        self.tell(Fact::Closed { id, connection });
    }

    fn connect(&mut self, id: PeerId, from: &str, way: Way) -> Vec<Act> {
        self.connections += 1;
        let connection = ConnectionId::new_unchecked(self.connections);
        self.open.entry(id).or_default().push(connection);
        self.tell(Fact::Connected { id, connection, address: address(from), way })
    }

    /// A peer connects and identifies itself as of our chain, unless it has to go at once.
    fn called_by(&mut self, id: PeerId, from: &str) -> Vec<Act> {
        let mut acts = self.connect(id, from, Way::In);
        acts.extend(self.tell(Fact::Said { id, status: status(CHAIN) }));
        acts
    }

    /// The connection in this place says which run it leads to.
    fn identify(&mut self, id: PeerId, place: usize, run: &str) -> Vec<Act> {
        let Some(connection) = self.open[&id].get(place).copied() else {
            return vec![];
        };
        let about = About { run: Some(run.into()), gossips: true, ..About::default() };
        self.tell(Fact::Identified { id, connection, about })
    }

    /// A probe of a peer succeeds or fails.
    fn answers(&mut self, id: PeerId, alive: bool) -> Vec<Act> {
        let connection = self.open[&id][0];
        self.tell(Fact::Probed { id, connection, alive })
    }

    fn wait(&mut self, seconds: u64) -> Vec<Act> {
        self.now += Duration::from_secs(seconds);
        let hearing: BTreeSet<_> = self.open.keys().copied().collect();
        let flows = BTreeMap::new();
        self.tell(Fact::Tick { hearing, flows })
    }

    fn dials(acts: &[Act]) -> Vec<Dial> {
        let dial = |act: &Act| match act {
            Act::Dial(dial) => Some(dial.clone()),
            _ => None,
        };
        acts.iter().filter_map(dial).collect()
    }
}

fn private(last: usize) -> String {
    format!("/ip4/10.0.{}.{}/tcp/50000", last / 200, last % 200 + 1)
}

#[test]
fn a_crowd_of_callers_does_not_keep_us_from_calling_those_that_we_know() {
    let mut world = World::new(&[]);
    let friend = PeerId::random();
    (0..INBOUND_MAX).for_each(|last| drop(world.called_by(PeerId::random(), &private(last))));
    assert_eq!(world.members.need(), Need::Some, "company is no safety");
    world.tell(Fact::Found { peer: friend, address: address("/ip4/10.9.9.9/tcp/7475") });
    let dialled = World::dials(&world.wait(5));
    assert_eq!(dialled.iter().map(|dial| dial.peer).collect::<Vec<_>>(), [Some(friend)]);
}

#[test]
fn with_enough_that_we_called_ourselves_nobody_else_is_called() {
    let mut world = World::new(&[]);
    for last in 0..16 {
        let id = PeerId::random();
        let at = format!("/ip4/10.1.{last}.1/tcp/7475");
        world.tell(Fact::Found { peer: id, address: address(&at) });
        for dial in World::dials(&world.wait(1)) {
            world.connect(id, &at, Way::Out(dial.attempt));
            world.tell(Fact::Said { id, status: status(CHAIN) });
        }
    }
    assert_eq!(world.members.need(), Need::None);
}

#[test]
fn one_that_called_us_is_not_called() {
    let mut world = World::new(&[]);
    let friend = PeerId::random();
    world.called_by(friend, &private(1));
    world.tell(Fact::Found { peer: friend, address: address("/ip4/10.9.9.9/tcp/7475") });
    assert_eq!(World::dials(&world.wait(5)), []);
    world.close(friend);
    assert_eq!(World::dials(&world.wait(5)).len(), 1, "but once it is gone");
}

#[test]
fn a_newcomer_without_a_place_is_told_and_not_greeted() {
    let mut world = World::new(&[]);
    (0..INBOUND_MAX).for_each(|last| drop(world.called_by(PeerId::random(), &private(last))));
    let late = PeerId::random();
    let acts = world.called_by(late, &private(60));
    assert!(acts.contains(&Act::Dismiss(late, Parting::Full)), "they only just came: {acts:?}");
    assert!(!acts.contains(&Act::Greet(late)));
    assert!(!acts.iter().any(|act| matches!(act, Act::TellStatus(..))), "it is no peer");
    world.wait(3);
    assert!(!world.open.contains_key(&late), "parted from, whether it heard or not");
    world.wait(10);
    let next = PeerId::random();
    assert!(world.called_by(next, &private(61)).contains(&Act::Greet(next)), "one that idles leaves for it");
    assert_eq!(world.acts.iter().filter(|act| matches!(act, Act::TellGone(_))).count(), 1);
}

#[test]
fn a_validator_that_was_restarted_comes_back_through_a_crowd_that_calls_all_the_time() {
    let (mut world, validator) = (World::new(&[]), PeerId::random());
    world.called_by(validator, &private(1));
    (0..100).for_each(|_| drop(world.tell(Fact::Delivered { id: validator })));
    world.close(validator);
    for last in 0..300 {
        world.called_by(PeerId::random(), &private(100 + last));
        if last % 5 == 4 {
            world.wait(1);
        }
    }
    let stranger = world.called_by(PeerId::random(), &private(500));
    assert!(stranger.iter().any(|act| matches!(act, Act::Dismiss(_, Parting::Full))), "all places are fresh");
    let acts = world.called_by(validator, &private(1));
    assert!(acts.contains(&Act::Greet(validator)), "{acts:?}");
}

#[test]
fn callers_that_do_not_go_when_they_are_told_hold_a_bounded_number_of_connections() {
    let mut world = World::new(&[]);
    (0..1_000).for_each(|last| drop(world.called_by(PeerId::random(), &private(last))));
    assert_eq!(world.open.len(), INBOUND_MAX + LEAVING_MAX);
}

#[test]
fn what_delivers_blocks_is_kept_whatever_comes() {
    let mut world = World::new(&[]);
    let honest: Vec<_> = (0..4).map(|_| PeerId::random()).collect();
    for (last, id) in honest.iter().enumerate() {
        world.called_by(*id, &private(last));
    }
    for last in 0..600 {
        honest.iter().for_each(|id| _ = world.tell(Fact::Delivered { id: *id }));
        world.called_by(PeerId::random(), &private(100 + last));
        world.wait(1);
    }
    assert!(honest.iter().all(|id| world.open.contains_key(id)));
    assert!(world.open.len() <= INBOUND_MAX + 5, "{}", world.open.len());
}

#[test]
fn a_peer_that_names_others_is_believed_as_far_as_it_may_name_them() {
    let named = ["/ip4/127.0.0.1/tcp/22", "/ip4/10.3.3.3/tcp/22", "/ip4/9.9.9.9/tcp/22", "/dns4/a.example/tcp/22"];
    for (from, believed) in [
        ("/ip4/8.8.8.8/tcp/50000", &named[2..3]),
        ("/ip4/10.0.0.1/tcp/50000", &named[1..3]),
        ("/ip4/127.0.0.1/tcp/50000", &named[..3]),
    ] {
        let mut world = World::new(&[]);
        let speaker = PeerId::random();
        world.called_by(speaker, from);
        let peers = named.iter().map(|text| (PeerId::random(), vec![address(text)])).collect();
        world.tell(Fact::Named { by: speaker, peers });
        let dialled: BTreeSet<_> = World::dials(&world.wait(5))
            .into_iter()
            .flat_map(|dial| dial.addresses)
            .map(|one| one.to_string())
            .collect();
        assert_eq!(dialled, believed.iter().map(|text| (*text).to_owned()).collect(), "{from}");
    }
    let mut world = World::new(&[]);
    let stranger = PeerId::random();
    world.connect(stranger, "/ip4/127.0.0.1/tcp/50000", Way::In);
    world.tell(Fact::Named { by: stranger, peers: vec![(PeerId::random(), vec![address(named[2])])] });
    assert_eq!(World::dials(&world.wait(5)), [], "it never said which chain it is of");
}

#[test]
fn a_third_party_is_left_in_peace_after_the_attacker_has_gone() {
    let mut world = World::new(&[]);
    let attacker = PeerId::random();
    world.called_by(attacker, "/ip4/127.0.0.1/tcp/50000");
    let mut port = 1_000;
    let mut count = |world: &mut World, seconds: u64, name: bool| {
        let mut dialled = 0;
        for _ in 0..seconds {
            if name {
                let fresh = |port: u32| address(&format!("/ip4/127.0.0.1/tcp/{}", port % 60_000 + 1_000));
                let peers = (0..20).map(|number| (PeerId::random(), vec![fresh(port + number)])).collect();
                port += 20;
                world.tell(Fact::Named { by: attacker, peers });
            }
            for dial in World::dials(&world.wait(1)) {
                dialled += dial.addresses.len();
                let (attempt, peer) = (dial.attempt, dial.peer);
                world.tell(Fact::DialFailed { attempt, peer, at: None, failure: Failure::Refused });
            }
        }
        dialled
    };
    let during = count(&mut world, 600, true);
    assert!(during <= 700, "one a second: {during}");
    world.close(attacker);
    count(&mut world, 1_200, false);
    assert_eq!(count(&mut world, 3_600, false), 0);
}

#[test]
fn a_peer_of_another_chain_is_told_and_not_called_for_a_while() {
    let mut world = World::new(&["/ip4/10.9.9.9/tcp/7475"]);
    let stranger = PeerId::random();
    let dial = World::dials(&world.wait(1)).pop().unwrap();
    world.connect(stranger, "/ip4/10.9.9.9/tcp/7475", Way::Out(dial.attempt));
    let other = Hash32([8; 32]);
    let acts = world.tell(Fact::Said { id: stranger, status: status(other) });
    assert!(acts.contains(&Act::Dismiss(stranger, Parting::OtherChain)));
    let told = |act: &Act| matches!(act, Act::Say(Note::Unreachable { why: Failure::OtherChain(_), .. }));
    assert!(acts.iter().any(told), "{acts:?}");
    assert!(!acts.iter().any(|act| matches!(act, Act::TellStatus(..))));
    world.wait(3);
    assert!(world.open.is_empty());
    let again = (0..120).find(|_| !World::dials(&world.wait(1)).is_empty());
    assert!(again.is_some_and(|second| second >= 50), "{again:?}");
    let shown = world.members.targets.shown(Need::Few).next().unwrap().failure.cloned();
    assert_eq!(shown, Some(Failure::OtherChain(Some(other))));
}

#[test]
fn a_full_peer_is_called_again_later() {
    let mut world = World::new(&["/ip4/10.9.9.9/tcp/7475"]);
    let full = PeerId::random();
    let dial = World::dials(&world.wait(1)).pop().unwrap();
    world.connect(full, "/ip4/10.9.9.9/tcp/7475", Way::Out(dial.attempt));
    let acts = world.tell(Fact::Dismissed { id: full, why: Parting::Full });
    assert!(acts.contains(&Act::Part(full)));
    let again = (0..200).find(|_| !World::dials(&world.wait(1)).is_empty());
    assert!(again.is_some_and(|second| (55..=125).contains(&second)), "{again:?}");
}

#[test]
fn whoever_is_silent_is_parted_from_and_a_stalled_machine_blames_nobody() {
    let mut world = World::new(&[]);
    let (says_nothing, dies) = (PeerId::random(), PeerId::random());
    world.connect(says_nothing, &private(1), Way::In);
    world.called_by(dies, &private(2));
    let connection = world.open[&dies][0];
    world.tell(Fact::Pinged { id: dies, connection, latency: Duration::from_millis(1) });
    world.wait(600);
    assert!(world.open.contains_key(&dies), "we slept, not they");
    (0..11).for_each(|_| drop(world.wait(1)));
    assert!(!world.open.contains_key(&says_nothing));
    (0..11).for_each(|_| drop(world.wait(1)));
    assert!(!world.open.contains_key(&dies));
}

#[test]
fn who_misbehaves_is_blocked_for_a_while_unless_the_operator_named_it() {
    let named = PeerId::random();
    let mut world = World::new(&[&format!("/ip4/10.9.9.9/tcp/7475/p2p/{named}")]);
    (0..5).for_each(|last| drop(world.called_by(PeerId::random(), &private(last))));
    let bad = PeerId::random();
    for id in [bad, named] {
        world.called_by(id, &private(7));
        (0..3).for_each(|_| drop(world.tell(Fact::Wronged { id, fault: PeerFault::Blocks })));
    }
    assert!(!world.open.contains_key(&bad) && world.open.contains_key(&named));
    assert!(!world.wait(59).contains(&Act::Unblock(bad)));
    let unblocked = (0..8_000).any(|_| world.wait(1).contains(&Act::Unblock(bad)));
    assert!(unblocked);
}

#[test]
fn however_many_identities_misbehave_a_bounded_number_of_them_is_remembered_as_blocked() {
    let mut world = World::new(&[]);
    (0..5).for_each(|last| drop(world.called_by(PeerId::random(), &private(last))));
    let mut inside = BTreeSet::new();
    for _ in 0..BLOCKED_MAX + 10 {
        let id = PeerId::random();
        world.called_by(id, "/ip4/8.8.8.8/tcp/50000");
        for act in (0..3).flat_map(|_| world.tell(Fact::Wronged { id, fault: PeerFault::Blocks })) {
            match act {
                Act::Block(id) => drop(inside.insert(id)),
                Act::Unblock(id) => assert!(inside.remove(&id)),
                _ => {}
            }
        }
        world.acts.clear();
    }
    assert_eq!(inside.len(), BLOCKED_MAX);
}

/// Anything that can happen to a few peers.
fn any_fact() -> impl Strategy<Value = (u8, u8, u8)> {
    (0..16_u8, 0..6_u8, 0..255_u8)
}

proptest! {
    /// In any order of events: no connected peer is dialled, every dial fails or connects, notices about a peer come
    /// between its coming and going, and callers never exceed their places by more than those that leave.
    #[test]
    fn whatever_happens_the_rules_hold(facts in prop::collection::vec(any_fact(), 0..300)) {
        let mut world = World::new(&["/ip4/10.9.9.9/tcp/7475"]);
        let ids: Vec<_> = (0..6).map(|_| PeerId::random()).collect();
        let mut told: BTreeSet<_> = BTreeSet::new();
        for (kind, who, more) in facts {
            let id = ids[usize::from(who)];
            let connected = world.open.contains_key(&id);
            let from = match more % 3 {
                0 => "/ip4/127.0.0.1/tcp/50000".to_owned(),
                1 => format!("/ip4/8.8.{who}.{more}/tcp/50000"),
                _ => private(usize::from(more)),
            };
            let first = world.acts.len();
            match kind {
                0 | 1 => drop(world.wait(u64::from(more % 4))),
                2 | 3 if world.open.get(&id).is_none_or(|all| all.len() < 2) => drop(world.connect(id, &from, Way::In)),
                4 | 5 if connected => drop(world.tell(Fact::Said { id, status: status(CHAIN) })),
                6 if connected => drop(world.tell(Fact::Said { id, status: status(Hash32([9; 32])) })),
                7 => world.close(id),
                8 => drop(world.tell(Fact::Found { peer: id, address: address(&format!("/ip4/10.5.0.{who}/tcp/{}", u16::from(more) + 1)) })),
                9 => drop(world.tell(Fact::Wronged { id, fault: PeerFault::Gossip })),
                10 => drop(world.tell(Fact::Dismissed { id, why: Parting::Full })),
                11 => drop(world.tell(Fact::Delivered { id })),
                12 => drop(world.tell(Fact::Named { by: id, peers: vec![(ids[usize::from(more) % 6], vec![address(&from)])] })),
                13 if connected => drop(world.identify(id, usize::from(more % 2), &(more / 64).to_string())),
                14 if connected => drop(world.answers(id, more % 2 == 0)),
                15 => drop(world.tell(Fact::Dismissed { id, why: Parting::OtherRun })),
                _ => {}
            }
            let new: Vec<_> = world.acts[first..].to_vec();
            for act in &new {
                match act {
                    Act::TellStatus(tag, _) => drop(told.insert(*tag)),
                    Act::TellGone(tag) => prop_assert!(told.remove(tag), "gone before it was told of"),
                    _ => {}
                }
            }
            for dial in World::dials(&new) {
                let there = dial.peer.is_some_and(|peer| world.members.peers.get(&peer).is_some());
                prop_assert!(!there, "dialled though connected");
                prop_assert!(!dial.addresses.is_empty() && dial.addresses.len() <= 9);
                let (attempt, peer) = (dial.attempt, dial.peer);
                match peer.filter(|_| more % 2 == 0) {
                    Some(id) => drop(world.connect(id, &dial.addresses[0].to_string(), Way::Out(attempt))),
                    None => drop(world.tell(Fact::DialFailed { attempt, peer, at: None, failure: Failure::NoAnswer })),
                }
            }
        }
    }
}
