//! Finding peers: dialling what the membership wants, names, the book, mDNS, and questions for others.
//!
//! Owns: names (resolved at every dial, by ourselves, and every address behind them is dialled), the book, the requests
//! for further peers. Does not own: dial decisions (`membership`), existing connections. Always true: only this file
//! dials: see `dial_gate`. Start reading at [`Task::resolve_and_dial`].

use super::address::{is_name, resolve};
use super::behaviour;
use super::book::Book;
use super::config::{NetConfig, NetError};
use super::dial_error::failure_of;
use super::find_node::Neighbours;
use super::membership::Fact;
use super::membership::failure::Failure;
use super::membership::targets::{AttemptId, ConnectionState, Dial, Source};
use super::swarm_task::Task;
use crate::clock::unix_millis;
use blockchat_client::shapes::KnownPeerView;
use blockchat_proto::units::UnixMillis;
use libp2p::request_response::{Event, Message};
use libp2p::swarm::dial_opts::DialOpts;
use libp2p::swarm::{ConnectionId, DialError};
use libp2p::{Multiaddr, PeerId, StreamProtocol, mdns};
use std::collections::{BTreeMap, HashMap};
use std::time::Duration;
use tokio::sync::mpsc;
use tokio::task::JoinHandle;
use tokio::time::Instant;
use tracing::debug;

/// A book that changed is written this often: a node may be killed at any time, and its book is all it has then. It
/// changes with new connections only.
const BOOK_EVERY: Duration = Duration::from_secs(5);
/// Dials whose names are being resolved.
pub(super) const RESOLVING_MAX: usize = 64;
/// Most addresses behind one name that are dialled.
const OF_NAME_MAX: usize = 256;

/// The parts that find peers.
pub(super) struct Discovery {
    pub(super) book: Book,
    /// Name of our chain's Kademlia.
    pub(super) kademlia: StreamProtocol,
    /// Which dial a connection that is being made is of.
    pub(super) attempts: HashMap<ConnectionId, AttemptId>,
    book_saved: Instant,
    saving: Option<JoinHandle<()>>,
    resolved: mpsc::Sender<Dial>,
}

impl Discovery {
    /// The receiver gets dials whose names were resolved.
    pub(super) fn new(config: &NetConfig, now: Instant) -> Result<(Self, mpsc::Receiver<Dial>), NetError> {
        let (resolved, dials) = mpsc::channel(RESOLVING_MAX);
        let kademlia = behaviour::kademlia_protocol(&config.genesis.short_name()).map_err(NetError::Setup)?;
        let book = Book::open(config.book.clone().filter(|_| !config.only_peers));
        let fresh = Self { book, kademlia, attempts: HashMap::new(), book_saved: now, saving: None, resolved };
        Ok((fresh, dials))
    }

    pub(super) fn reached(&mut self, id: PeerId, address: &Multiaddr) {
        self.book.worked(id, address, unix_millis());
    }

    pub(super) fn called(&mut self, id: PeerId, addresses: &[Multiaddr]) {
        self.book.claimed(id, addresses.iter(), unix_millis());
    }

    fn save(&mut self, now: Instant) {
        if now.duration_since(self.book_saved) >= BOOK_EVERY {
            self.book_saved = now;
            if let Some(changes) = self.book.changes() {
                self.saving = Some(tokio::task::spawn_blocking(move || changes.write()));
            }
        }
    }

    /// Writes the book for the last time. Blocks shortly.
    pub(super) async fn close(mut self) {
        if let Some(saving) = self.saving.take() {
            // It reports its errors itself.
            drop(saving.await);
        }
        if let Some(changes) = self.book.changes() {
            changes.write();
        }
    }
}

impl Task {
    pub(super) fn tick_discovery(&mut self, now: Instant) {
        self.discovery.save(now);
    }

    pub(super) fn resolve_and_dial(&mut self, dial: Dial) {
        if !dial.addresses.iter().any(is_name) {
            return self.dial(dial);
        }
        let out = self.discovery.resolved.clone();
        tokio::spawn(async move {
            let mut addresses = vec![];
            for address in dial.addresses {
                addresses.extend(resolve(address).await.into_iter().take(OF_NAME_MAX));
            }
            // A full queue means that many dials are under way: this target is tried again later.
            drop(out.try_send(Dial { addresses, ..dial }));
        });
    }

    /// Dials addresses without names; none: the name is unknown.
    pub(super) fn dial(&mut self, dial: Dial) {
        let Dial { attempt, peer, addresses, .. } = dial;
        if addresses.is_empty() {
            let failure = Failure::UnknownName;
            return self.decide(Fact::DialFailed { attempt, peer, at: None, failure });
        }
        if let Some(peer) = peer {
            if self.membership.peers.get(&peer).is_none() {
                self.attempt(DialOpts::peer_id(peer).addresses(addresses).allocate_new_port().build(), attempt);
            }
            return;
        }
        for address in addresses {
            if self.is_own(&address) {
                debug!(%address, "not dialled: it is ours");
            } else if self.membership.peers.connection_state(&address, None) == ConnectionState::Disconnected {
                self.attempt(DialOpts::unknown_peer_id().address(address).allocate_new_port().build(), attempt);
            }
        }
    }

    fn attempt(&mut self, options: DialOpts, attempt: AttemptId) {
        let (connection, peer) = (options.connection_id(), options.get_peer_id());
        self.swarm.behaviour_mut().expect(connection);
        match self.swarm.dial(options) {
            Ok(()) => drop(self.discovery.attempts.insert(connection, attempt)),
            Err(DialError::DialPeerConditionFalse(_)) => {}
            Err(error) => self.give_up(attempt, peer, &error),
        }
    }

    fn give_up(&mut self, attempt: AttemptId, peer: Option<PeerId>, error: &DialError) {
        debug!(?peer, %error, "dial failed");
        let (failure, at) = failure_of(error);
        self.decide(Fact::DialFailed { attempt, peer, at, failure });
    }

    fn is_own(&self, address: &Multiaddr) -> bool {
        self.swarm.listeners().chain(self.swarm.external_addresses()).any(|own| own == address)
    }

    pub(super) fn on_dial_failed(&mut self, connection: ConnectionId, peer: Option<PeerId>, error: &DialError) {
        if let Some(attempt) = self.discovery.attempts.remove(&connection) {
            self.give_up(attempt, peer, error);
        }
    }

    pub(super) fn on_mdns(&mut self, event: mdns::Event) {
        // An expired record is no proof of death.
        if let mdns::Event::Discovered(found) = event {
            found.into_iter().for_each(|(peer, address)| self.decide(Fact::Found { peer, address }));
        }
    }

    /// Asks a peer for those near a random point.
    pub(super) fn ask_for_others(&mut self, id: PeerId) {
        let near = PeerId::random();
        self.swarm.behaviour_mut().neighbours.send_request(&id, near);
    }

    pub(super) fn on_neighbours(&mut self, event: Event<PeerId, Neighbours>) {
        match event {
            Event::Message { peer: by, message: Message::Response { response: Neighbours(peers), .. }, .. } => {
                self.decide(Fact::Named { by, peers });
            }
            Event::OutboundFailure { peer, error, .. } => debug!(%peer, %error, "asked for others in vain"),
            Event::Message { .. } | Event::InboundFailure { .. } | Event::ResponseSent { .. } => {}
        }
    }

    /// Our Kademlia tells others of a peer.
    pub(super) fn route(&mut self, id: PeerId, addresses: Vec<Multiaddr>) {
        for address in addresses {
            if let Some(kad) = self.swarm.behaviour_mut().kad.as_mut() {
                kad.add_address(&id, address);
            }
        }
    }

    pub(super) fn unroute(&mut self, id: &PeerId) {
        if let Some(kad) = self.swarm.behaviour_mut().kad.as_mut() {
            kad.remove_peer(id);
        }
    }

    /// All that we know of: those we are connected to, and those we could dial, with what stands in the way.
    pub(super) fn known(&self) -> Vec<KnownPeerView> {
        let (now, clock) = (Instant::now(), unix_millis().0);
        let mut known: BTreeMap<(Option<PeerId>, Option<String>), KnownPeerView> = BTreeMap::new();
        let peers = &self.membership.peers;
        let mut learn = |id: Option<PeerId>, address: Option<&Multiaddr>, source: Source| {
            let key = (id, address.map(Multiaddr::to_string).filter(|_| id.is_none()));
            let fresh = || KnownPeerView {
                peer_id: id.map(|id| id.to_string()),
                addresses: vec![],
                source: source.told(),
                connected: id.and_then(|id| peers.get(&id)).is_some_and(|peer| peer.status().is_some()),
                problem: None,
                next_try: None,
            };
            let view = known.entry(key.clone()).or_insert_with(fresh);
            let address = address.map(Multiaddr::to_string).filter(|address| !view.addresses.contains(address));
            view.addresses.extend(address);
            key
        };
        for (id, peer) in peers.iter().filter(|(_, peer)| peer.status().is_some()) {
            learn(Some(*id), None, peer.first().source);
            peer.dialable().for_each(|address| _ = learn(Some(*id), Some(address), peer.first().source));
        }
        let mut problems = vec![];
        for target in self.membership.targets.shown(self.membership.need()) {
            let id = target.peer.or_else(|| peers.at(target.address));
            let key = learn(id, Some(target.address), target.source);
            let wait = target.next.saturating_duration_since(now);
            let next = clock.saturating_add(u64::try_from(wait.as_millis()).unwrap_or(u64::MAX));
            problems.push((key, target.failure.map(ToString::to_string), UnixMillis(next)));
        }
        self.discovery.book.entries().for_each(|(id, address, _)| _ = learn(Some(id), Some(address), Source::Book));
        for (key, problem, next) in problems {
            if let Some(view) = known.get_mut(&key).filter(|view| !view.connected) {
                view.problem = view.problem.take().or(problem);
                view.next_try = Some(view.next_try.map_or(next, |before| before.min(next)));
            }
        }
        known.into_values().collect()
    }
}
