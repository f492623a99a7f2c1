//! Finding peers: configured ones, the book, mDNS, Kademlia; and dialling them.
//!
//! Owns: targets, the book, walks through Kademlia. Does not own: connections that exist.
//! Always true: names are resolved at every dial, by ourselves, and every address behind them is dialled; nobody is
//! dialled who is connected; no address is needed after the first dial, because the book and Kademlia know the others.
//! Start reading at [`Task::tick_discovery`].

use super::address::{ip_of, is_name, is_worth_a_dial, resolve, without_peer};
use super::behaviour;
use super::book::Book;
use super::config::{NetConfig, NetError, PEERS_FEW, PEERS_WANTED};
use super::dialer::{Dial, Dialer, Need, Source, Standing};
use super::listen::parse;
use super::swarm_task::Task;
use crate::clock::unix_millis;
use blockchat_client::shapes::KnownPeerView;
use libp2p::swarm::dial_opts::DialOpts;
use libp2p::swarm::{ConnectionId, DialError};
use libp2p::{Multiaddr, PeerId, StreamProtocol, kad, mdns};
use std::collections::BTreeMap;
use std::time::Duration;
use tokio::sync::mpsc;
use tokio::task::JoinHandle;
use tokio::time::Instant;
use tracing::{debug, info, warn};

/// A book that changed is written this often: a node may be killed at any time, and its book is all it has then. It
/// changes with new connections only.
const BOOK_EVERY: Duration = Duration::from_secs(5);
/// With few peers, Kademlia is asked this often,
const WALK_FEW_EVERY: Duration = Duration::from_secs(5);
/// and otherwise this often,
const WALK_EVERY: Duration = Duration::from_secs(60);
/// or this often, when all connections that we want are there: whom we know of is whom we have if they go. Each up to
/// twice that.
const WALK_CONTENT_EVERY: Duration = Duration::from_secs(300);
/// Addresses that one caller may put into our book.
const CLAIMS_MAX: usize = 2;
/// Dials whose names are being resolved.
const RESOLVING_MAX: usize = 64;

/// What is needed to find peers.
pub(super) struct Discovery {
    pub(super) dialer: Dialer,
    pub(super) book: Book,
    /// Name of our chain's Kademlia.
    pub(super) kademlia: StreamProtocol,
    book_saved: Instant,
    saving: Option<JoinHandle<()>>,
    walk_next: Instant,
    resolved: mpsc::Sender<Dial>,
}

impl Discovery {
    /// With all that is known at the start. The receiver gets dials whose names were resolved.
    ///
    /// Errors: a configured address that is none.
    pub(super) fn new(config: &NetConfig, own: PeerId) -> Result<(Self, mpsc::Receiver<Dial>), NetError> {
        let now = Instant::now();
        let mut dialer = Dialer::new(own);
        for address in &config.peers {
            dialer.add(parse(address)?, None, Source::Configured, now);
        }
        let book = Book::open(config.book.clone());
        for (peer, address) in book.entries() {
            dialer.add(address.clone(), Some(peer), Source::Book, now);
        }
        let (resolved, dials) = mpsc::channel(RESOLVING_MAX);
        let kademlia = behaviour::kademlia_protocol(&config.genesis.short_name()).map_err(NetError::Setup)?;
        let fresh = Self { dialer, book, kademlia, book_saved: now, saving: None, walk_next: now, resolved };
        Ok((fresh, dials))
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
        let greeted = self.peers.greeted();
        let need = match greeted {
            few if few < PEERS_FEW => Need::Few,
            some if some < PEERS_WANTED => Need::Some,
            _ => Need::None,
        };
        let due = self.discovery.dialer.due(now, need, |address, peer| self.peers.standing(address, peer));
        for dial in due {
            self.resolve_and_dial(dial);
        }
        if greeted > 0 && self.discovery.walk_next <= now {
            self.walk(now, need);
        }
        if now.duration_since(self.discovery.book_saved) >= BOOK_EVERY {
            self.discovery.book_saved = now;
            if let Some(changes) = self.discovery.book.changes() {
                self.discovery.saving = Some(tokio::task::spawn_blocking(move || changes.write()));
            }
        }
    }

    /// Asks Kademlia for whoever is near a random point: each walk ends somewhere else.
    fn walk(&mut self, now: Instant, need: Need) {
        let pause = match need {
            Need::Few => WALK_FEW_EVERY,
            Need::Some => WALK_EVERY,
            Need::None => WALK_CONTENT_EVERY,
        };
        self.discovery.walk_next = now + pause.mul_f64(rand::random_range(1.0..2.0));
        self.swarm.behaviour_mut().kad.get_closest_peers(PeerId::random());
    }

    fn resolve_and_dial(&mut self, dial: Dial) {
        if !dial.addresses.iter().any(is_name) {
            return self.dial(dial);
        }
        let out = self.discovery.resolved.clone();
        tokio::spawn(async move {
            let mut addresses = vec![];
            for address in dial.addresses {
                addresses.extend(resolve(address).await);
            }
            let source = if dial.source == Source::Configured { Source::Dns } else { dial.source };
            // A full queue means that many dials are under way: this target is tried again later.
            drop(out.try_send(Dial { addresses, source, ..dial }));
        });
    }

    /// Dials addresses without names.
    pub(super) fn dial(&mut self, dial: Dial) {
        let Dial { peer, addresses, source } = dial;
        if let Some(peer) = peer {
            if self.peers.get(&peer).is_none() && !addresses.is_empty() {
                self.attempt(DialOpts::peer_id(peer).addresses(addresses).allocate_new_port().build(), source);
            }
            return;
        }
        for address in addresses {
            let apart = self.peers.standing(&address, None) == Standing::Apart;
            if apart && !self.is_own(&address) {
                self.attempt(DialOpts::unknown_peer_id().address(address).allocate_new_port().build(), source);
            }
        }
    }

    fn attempt(&mut self, options: DialOpts, source: Source) {
        let connection = options.connection_id();
        match self.swarm.dial(options) {
            Ok(()) => self.discovery.dialer.attempted(connection, source),
            Err(DialError::DialPeerConditionFalse(_)) => {}
            Err(error) => debug!(%error, "not dialled"),
        }
    }

    fn is_own(&self, address: &Multiaddr) -> bool {
        self.swarm.listeners().chain(self.swarm.external_addresses()).any(|own| own == address)
    }

    pub(super) fn on_dial_failed(&mut self, connection: ConnectionId, peer: Option<PeerId>, error: &DialError) {
        let source = self.discovery.dialer.over(connection);
        match (error, peer) {
            (DialError::WrongPeerId { obtained, address }, Some(expected)) => {
                if self.discovery.dialer.is_other(address, &expected) {
                    warn!(%address, %expected, %obtained, "a configured peer has another id than told, dialling it all the same");
                } else {
                    self.discovery.book.is_wrong(expected, &without_peer(address));
                }
            }
            _ => debug!(?peer, ?source, %error, "dial failed"),
        }
    }

    pub(super) fn on_mdns(&mut self, event: mdns::Event) {
        // An expired record is no proof of death.
        if let mdns::Event::Discovered(found) = event {
            let now = Instant::now();
            for (peer, address) in found {
                self.discovery.dialer.add(address, Some(peer), Source::Mdns, now);
            }
        }
    }

    /// Kademlia learns of a peer once it is of our chain and said where it listens.
    pub(super) fn feed_kademlia(&mut self, id: PeerId) {
        let Some(peer) = self.peers.get(&id).filter(|peer| peer.status.is_some() && peer.routes) else {
            return;
        };
        for address in peer.dialable() {
            self.swarm.behaviour_mut().kad.add_address(&id, address.clone());
        }
    }

    /// A walk found somebody.
    pub(super) fn on_kademlia(&mut self, event: kad::Event) {
        let kad::Event::OutboundQueryProgressed { result: kad::QueryResult::GetClosestPeers(result), .. } = event
        else {
            return;
        };
        let found = match result {
            Ok(found) => found.peers,
            Err(kad::GetClosestPeersError::Timeout { peers, .. }) => peers,
        };
        let now = Instant::now();
        let local = self.swarm.listeners().all(|own| ip_of(own).is_some_and(|ip| ip.is_loopback()));
        for kad::PeerInfo { peer_id, addrs } in found {
            for address in addrs.into_iter().filter(|address| is_worth_a_dial(address, local)) {
                self.discovery.dialer.add(address, Some(peer_id), Source::Kademlia, now);
            }
        }
    }

    /// A new peer, from wherever we dialled it, is worth remembering.
    pub(super) fn remember(&mut self, id: PeerId) {
        let Some(peer) = self.peers.get(&id) else {
            return;
        };
        self.discovery.dialer.greeted(id, peer.first().source);
        let now = unix_millis();
        for connection in peer.connections.iter().filter(|connection| !connection.inbound) {
            self.discovery.book.worked(id, &without_peer(&connection.address), now);
        }
        info!(
            peer = %id, address = %peer.first().address, source = peer.first().source.told().as_str(), "peer joined"
        );
        self.note_caller(id);
    }

    /// Whoever called us is written down too, where it says that it listens, if that is on the machine that it called
    /// from: a node that everybody else dials would have an empty book.
    pub(super) fn note_caller(&mut self, id: PeerId) {
        let Some(peer) = self.peers.get(&id).filter(|peer| peer.status.is_some() && peer.first().inbound) else {
            return;
        };
        let ip = ip_of(&peer.first().address);
        let own = peer.dialable().filter(|address| ip_of(address) == ip).take(CLAIMS_MAX);
        self.discovery.book.claimed(id, own, unix_millis());
    }

    /// Everybody we know of: whom we could dial, and whom we are connected to.
    pub(super) fn known(&self) -> Vec<KnownPeerView> {
        let mut known: BTreeMap<PeerId, KnownPeerView> = BTreeMap::new();
        let mut learn = |id: PeerId, address: Option<&Multiaddr>, source: Source| {
            let fresh = || KnownPeerView {
                peer_id: id.to_string(),
                addresses: vec![],
                source: source.told(),
                connected: self.peers.get(&id).is_some_and(|peer| peer.status.is_some()),
            };
            let addresses = &mut known.entry(id).or_insert_with(fresh).addresses;
            let address = address.map(Multiaddr::to_string).filter(|address| !addresses.contains(address));
            addresses.extend(address);
        };
        for (id, peer) in self.peers.iter().filter(|(_, peer)| peer.status.is_some()) {
            learn(*id, None, peer.first().source);
            peer.dialable().for_each(|address| learn(*id, Some(address), peer.first().source));
        }
        self.discovery.dialer.known().for_each(|(id, address, source)| learn(id, Some(address), source));
        self.discovery.book.entries().for_each(|(id, address)| learn(id, Some(address), Source::Book));
        known.into_values().collect()
    }
}
