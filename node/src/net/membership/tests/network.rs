//! Many memberships that dial, call and name each other in virtual time: what becomes of the network as a whole.

use super::super::dice::Dice;
use super::super::failure::Failure;
use super::super::targets::Dial;
use super::super::{About, Act, Charter, Fact, Membership, OUTBOUND_WANTED, Way};
use super::{CHAIN, status};
use libp2p::swarm::ConnectionId;
use libp2p::{Multiaddr, PeerId};
use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::time::Duration;
use tokio::time::Instant;

/// A node in the virtual network.
struct Node {
    id: PeerId,
    address: Multiaddr,
    members: Membership,
    /// The peers that its Kademlia names to others.
    routes: BTreeMap<PeerId, Vec<Multiaddr>>,
    /// Connections, and to which node.
    open: BTreeMap<ConnectionId, usize>,
    up: bool,
}

struct Network {
    nodes: Vec<Node>,
    now: Instant,
    connections: usize,
    facts: VecDeque<(usize, Fact)>,
    /// Callers that are no nodes, and their connections.
    strangers: BTreeMap<PeerId, ConnectionId>,
    dice: Dice,
}

fn address(number: usize) -> Multiaddr {
    format!("/ip4/10.0.{}.{}/tcp/7475", number / 200, number % 200 + 1).parse().unwrap()
}

/// A node that has just been started.
fn fresh(number: usize, id: PeerId, seed: u64, now: Instant) -> Node {
    let configured = if number == 0 { vec![] } else { vec![address(0)] };
    let charter = Charter { own: id, chain: CHAIN, configured, only_configured: false, seed };
    let members = Membership::new(&charter, now);
    let (routes, open) = (BTreeMap::new(), BTreeMap::new());
    Node { id, address: address(number), members, routes, open, up: true }
}

impl Network {
    /// Nodes that know nothing but the address of the first.
    fn new(count: usize, seed: u64) -> Self {
        let mut dice = Dice::new(seed);
        let now = Instant::now();
        let nodes = (0..count).map(|number| fresh(number, PeerId::random(), dice.throw(u64::MAX), now)).collect();
        let (facts, strangers) = (VecDeque::new(), BTreeMap::new());
        Self { nodes, now, connections: 0, facts, strangers, dice }
    }

    fn run(&mut self, seconds: u64) {
        for _ in 0..seconds {
            self.now += Duration::from_secs(1);
            for number in 0..self.nodes.len() {
                self.facts.push_back((number, Fact::Tick { hearing: BTreeSet::new(), flows: BTreeMap::new() }));
            }
            self.deliver_all();
        }
    }

    /// Deals with all facts, and with those that follow from them.
    fn deliver_all(&mut self) {
        while let Some((number, fact)) = self.facts.pop_front() {
            if self.nodes[number].up {
                for act in self.nodes[number].members.handle(fact, self.now) {
                    self.perform(number, act);
                }
            }
        }
    }

    fn number_of(&self, id: &PeerId) -> Option<usize> {
        self.nodes.iter().position(|node| node.id == *id)
    }

    fn perform(&mut self, number: usize, act: Act) {
        let own = self.nodes[number].id;
        match act {
            Act::Dial(dial) => self.dial(number, &dial),
            Act::Greet(id) => {
                if let Some(other) = self.connected(number, &id) {
                    self.facts.push_back((other, Fact::Said { id: own, status: status(CHAIN) }));
                    self.facts.push_back((number, Fact::Said { id, status: status(CHAIN) }));
                }
            }
            Act::Close(connection) => self.close(number, connection),
            Act::Part(id) | Act::Block(id) => self.part(number, &id),
            Act::Dismiss(id, why) => {
                if let Some(other) = self.connected(number, &id) {
                    self.facts.push_back((other, Fact::Dismissed { id: own, why }));
                }
            }
            Act::Ask(by) => {
                if let Some(other) = self.connected(number, &by) {
                    let mut known: Vec<_> = self.nodes[other].routes.clone().into_iter().collect();
                    while known.len() > 20 {
                        let count = u64::try_from(known.len()).unwrap();
                        known.swap_remove(usize::try_from(self.dice.throw(count)).unwrap());
                    }
                    self.facts.push_back((number, Fact::Named { by, peers: known }));
                }
            }
            Act::Route(id, addresses) => drop(self.nodes[number].routes.insert(id, addresses)),
            Act::Unroute(id) => drop(self.nodes[number].routes.remove(&id)),
            _ => {}
        }
    }

    /// The other one's number, if the two are connected.
    fn connected(&self, number: usize, id: &PeerId) -> Option<usize> {
        self.number_of(id).filter(|other| self.nodes[number].open.values().any(|open| open == other))
    }

    fn dial(&mut self, number: usize, dial: &Dial) {
        let Dial { attempt, peer, addresses, .. } = dial;
        let up = |address: &Multiaddr| self.nodes.iter().position(|node| node.address == *address && node.up);
        match addresses.iter().find_map(up) {
            Some(other) if peer.is_none_or(|peer| peer == self.nodes[other].id) => {
                self.connect(number, other, Way::Out(*attempt));
            }
            Some(other) => {
                let failure = Failure::OtherPeer(self.nodes[other].id);
                let at = Some(self.nodes[other].address.clone());
                self.facts.push_back((number, Fact::DialFailed { attempt: *attempt, peer: *peer, at, failure }));
            }
            None => {
                let failure = Failure::Refused;
                self.facts.push_back((number, Fact::DialFailed { attempt: *attempt, peer: *peer, at: None, failure }));
            }
        }
    }

    fn connect(&mut self, number: usize, other: usize, way: Way) {
        self.connections += 1;
        let connection = ConnectionId::new_unchecked(self.connections);
        let ends = [(number, other, way), (other, number, Way::In)];
        for (own, peer, way) in ends {
            self.nodes[own].open.insert(connection, peer);
            let id = self.nodes[peer].id;
            let address = self.nodes[peer].address.clone();
            self.facts.push_back((own, Fact::Connected { id, connection, address, way }));
        }
        for (own, peer, _) in ends {
            let (id, listens) = (self.nodes[peer].id, vec![self.nodes[peer].address.clone()]);
            let about = About { run: Some("1".into()), routes: true, listens, ..About::default() };
            self.facts.push_back((own, Fact::Identified { id, connection, about }));
        }
    }

    fn close(&mut self, number: usize, connection: ConnectionId) {
        if let Some(other) = self.nodes[number].open.remove(&connection) {
            self.nodes[other].open.remove(&connection);
            let (own, peer) = (self.nodes[number].id, self.nodes[other].id);
            self.facts.push_back((number, Fact::Closed { id: peer, connection }));
            self.facts.push_back((other, Fact::Closed { id: own, connection }));
        }
    }

    fn part(&mut self, number: usize, id: &PeerId) {
        if let Some(connection) = self.strangers.remove(id) {
            self.facts.push_back((number, Fact::Closed { id: *id, connection }));
        }
        let other = self.number_of(id);
        let all = self.nodes[number].open.iter().filter(|(_, peer)| Some(**peer) == other);
        let all: Vec<_> = all.map(|(connection, _)| *connection).collect();
        all.into_iter().for_each(|connection| self.close(number, connection));
    }

    fn kill(&mut self, number: usize) {
        let all: Vec<_> = self.nodes[number].open.keys().copied().collect();
        all.into_iter().for_each(|connection| self.close(number, connection));
        self.nodes[number].up = false;
        self.deliver_all();
    }

    fn restart(&mut self, number: usize) {
        let (id, seed) = (self.nodes[number].id, self.dice.throw(u64::MAX));
        self.nodes[number] = fresh(number, id, seed, self.now);
    }

    /// A program that is no node connects, and claims to be of our chain.
    fn call(&mut self, victim: usize, from: Multiaddr) {
        self.connections += 1;
        let (id, connection) = (PeerId::random(), ConnectionId::new_unchecked(self.connections));
        self.strangers.insert(id, connection);
        self.facts.push_back((victim, Fact::Connected { id, connection, address: from, way: Way::In }));
        self.facts.push_back((victim, Fact::Said { id, status: status(CHAIN) }));
    }

    /// Those that a node is connected to, however far, among those that are up.
    fn reached_from(&self, first: usize) -> usize {
        let (mut reached, mut next) = (BTreeSet::from([first]), vec![first]);
        while let Some(number) = next.pop() {
            next.extend(self.nodes[number].open.values().filter(|other| reached.insert(**other)));
        }
        reached.len()
    }
}

#[test]
fn those_that_know_one_address_find_each_other_and_outlive_it() {
    for seed in 0..3 {
        let mut network = Network::new(40, seed);
        network.run(180);
        for node in &network.nodes[1..] {
            let outbound = node.members.peers.outbound();
            let all = node.members.peers.greeted();
            assert!(outbound >= OUTBOUND_WANTED || all >= 30, "{outbound} of {all}");
        }
        assert_eq!(network.reached_from(0), 40);
        (0..10).for_each(|number| network.kill(number));
        network.run(60);
        assert_eq!(network.reached_from(10), 30, "the first one and a quarter of all are gone");
    }
}

#[test]
fn a_node_that_was_gone_finds_back() {
    let mut network = Network::new(20, 7);
    network.run(60);
    network.kill(5);
    network.run(120);
    network.restart(5);
    network.run(60);
    assert_eq!(network.reached_from(0), 20);
}

#[test]
fn two_hundred_callers_do_not_part_a_node_from_those_that_deliver_blocks() {
    let mut network = Network::new(12, 3);
    network.run(60);
    let honest: Vec<_> = network.nodes.iter().map(|node| node.id).collect();
    let victim = 0;
    for second in 0..600_usize {
        for number in 0..5 {
            let from = format!("/ip4/10.9.{}.{}/tcp/50000", second % 200, number + 1);
            network.call(victim, from.parse().unwrap());
        }
        for other in network.nodes[victim].open.values().copied().collect::<BTreeSet<_>>() {
            network.facts.push_back((victim, Fact::Delivered { id: network.nodes[other].id }));
        }
        network.run(1);
    }
    let members = &network.nodes[victim].members;
    let here = |id: &PeerId| members.peers.get(id).is_some_and(|peer| peer.status().is_some());
    assert_eq!(honest[1..].iter().filter(|id| here(id)).count(), 11, "all of them");
    assert_eq!(network.reached_from(victim), 12);
    assert!(members.peers.greeted() > 40, "the others have what is left");
}
