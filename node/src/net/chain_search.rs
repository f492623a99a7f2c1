//! Looks for a chain to join, before there is a node: asks every node on the local network or at a given address for
//! its genesis. SPEC SYNC-2.
//!
//! Owns: a small swarm with a temporary identity, that only asks. Does not own: the choice of the chain (`cli::join`).
//! Always true: of a peer's answer only the genesis counts, whose rules are checked and whose hash is computed here; an
//! address that does not answer is tried again as long as the caller waits; one peer has one say. Start reading at
//! [`ChainSearch::next`].

use super::address::{is_name, peer_of, resolve, without_peer};
use super::behaviour::ask;
use super::codec::{Answer, CanonicalCodec};
use super::config::{IDLE_MAX, NetError, PENDING_MAX, STATUS_WIRE_MAX};
use super::dial_error::failure_of;
use super::listen::parse_peer;
use super::membership::failure::Failure;
use super::membership::scope::{Scope, scope_of};
use super::membership::targets::Source;
use blockchat_client::shapes::PeerSource;
use blockchat_proto::genesis::{Genesis, VerifiedGenesis};
use blockchat_proto::limits::GENESIS_BYTES_MAX;
use blockchat_proto::sync::{GENESIS_PROTOCOL, GenesisRequest};
use futures::StreamExt;
use libp2p::identity::Keypair;
use libp2p::request_response::{self, Message};
use libp2p::swarm::behaviour::toggle::Toggle;
use libp2p::swarm::dial_opts::DialOpts;
use libp2p::swarm::{ConnectionId, DialError, NetworkBehaviour, SwarmEvent};
use libp2p::{
    Multiaddr, PeerId, StreamProtocol, Swarm, SwarmBuilder, connection_limits, mdns, noise, ping, tcp, yamux,
};
use std::collections::{BTreeMap, BTreeSet, HashMap, VecDeque};
use std::time::Duration;
use tokio::sync::mpsc;
use tokio::time::{Instant, sleep_until};
use tracing::debug;

/// The local network is asked this often: an answer may be lost, and a second chain may be slower than the first.
const MDNS_EVERY: Duration = Duration::from_secs(1);
/// Targets are looked at this often.
const LOOK_EVERY: Duration = Duration::from_millis(100);
/// An address is tried again after this, and ever less often up to the maximum.
const PAUSE_FIRST: Duration = Duration::from_secs(1);
const PAUSE_MAX: Duration = Duration::from_secs(10);
/// Most addresses that are tried, and most peers that are remembered.
const TARGETS_MAX: usize = 512;
/// Names being resolved.
const RESOLVING_MAX: usize = 64;

/// The places to search.
#[derive(Clone, Debug)]
pub struct SearchConfig {
    /// Addresses of peers: multiaddresses, with or without `/p2p/...`.
    pub peers: Vec<String>,
    /// Addresses at which a node may listen: tried as often, and not reported if none answers.
    pub nearby: Vec<String>,
    /// Ask the local network too.
    pub mdns: bool,
}

/// A peer that was asked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Sighted {
    /// Its libp2p peer id.
    pub peer_id: String,
    /// The address that answered.
    pub address: String,
    /// The way it was found.
    pub source: PeerSource,
}

/// The result of a request to one node.
#[derive(Clone, Debug)]
pub enum Sighting {
    /// The peer serves this genesis; it holds, and its hash is that of the bytes served.
    Chain {
        /// The genesis.
        genesis: VerifiedGenesis,
        /// The node that serves it.
        peer: Sighted,
    },
    /// A peer is there, and serves no genesis that holds.
    Useless {
        /// The node.
        peer: Sighted,
        /// The fault.
        reason: String,
    },
    /// Nothing answers at a given address. It is tried again.
    Unreachable {
        /// As it was given.
        address: String,
        /// Why not.
        reason: String,
    },
}

#[derive(NetworkBehaviour)]
struct Asking {
    limits: connection_limits::Behaviour,
    mdns: Toggle<mdns::tokio::Behaviour>,
    ping: ping::Behaviour,
    genesis: request_response::Behaviour<CanonicalCodec<GenesisRequest, Genesis>>,
}

struct Target {
    source: Source,
    /// As it was given, for those that were.
    given: Option<String>,
    peer: Option<PeerId>,
    next: Instant,
    pause: Duration,
}

/// A dial, or the name behind which its addresses are.
struct Dial {
    target: Multiaddr,
    addresses: Vec<Multiaddr>,
}

/// A search that goes on while [`ChainSearch::next`] is awaited.
pub struct ChainSearch {
    swarm: Swarm<Asking>,
    targets: BTreeMap<Multiaddr, Target>,
    /// Which target a dial is of.
    dials: HashMap<ConnectionId, Multiaddr>,
    /// Connected nodes, and the address of each.
    connected: BTreeMap<PeerId, Sighted>,
    /// Nodes that have answered.
    heard: BTreeSet<PeerId>,
    sightings: VecDeque<Sighting>,
    /// Why the local network is not asked, though it should be.
    mdns_failed: Option<String>,
    /// Peers that the local network told of.
    seen_by_mdns: BTreeSet<PeerId>,
    resolved_in: mpsc::Sender<Dial>,
    resolved: mpsc::Receiver<Dial>,
}

impl std::fmt::Debug for ChainSearch {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("ChainSearch").field("targets", &self.targets.len()).finish_non_exhaustive()
    }
}

impl ChainSearch {
    /// Begins to look. Needs a tokio runtime.
    ///
    /// Errors: an invalid address.
    pub fn start(config: &SearchConfig) -> Result<Self, NetError> {
        let (resolved_in, resolved) = mpsc::channel(RESOLVING_MAX);
        let (swarm, mdns_failed) = swarm(config)?;
        let mut search = Self {
            swarm,
            mdns_failed,
            seen_by_mdns: BTreeSet::new(),
            targets: BTreeMap::new(),
            dials: HashMap::new(),
            connected: BTreeMap::new(),
            heard: BTreeSet::new(),
            sightings: VecDeque::new(),
            resolved_in,
            resolved,
        };
        for given in &config.peers {
            let address = parse_peer(given)?;
            let source = if is_name(&address) { Source::Dns } else { Source::Configured };
            search.add(&address, peer_of(&address), source, Some(given.clone()));
        }
        for address in &config.nearby {
            search.add(&parse_peer(address)?, None, Source::Configured, None);
        }
        Ok(search)
    }

    /// Why the local network is not asked, though it should be.
    pub fn mdns_failed(&self) -> Option<&str> {
        self.mdns_failed.as_deref()
    }

    /// Number of peers that the local network has named so far.
    pub fn seen_by_mdns(&self) -> usize {
        self.seen_by_mdns.len()
    }

    /// The next thing that is found out. Cancel safe; never ends by itself.
    pub async fn next(&mut self) -> Sighting {
        loop {
            if let Some(sighting) = self.sightings.pop_front() {
                return sighting;
            }
            let now = Instant::now();
            self.dial_due(now);
            tokio::select! {
                event = self.swarm.select_next_some() => self.on_swarm(event),
                Some(dial) = self.resolved.recv() => self.dial(dial),
                () = sleep_until(now + LOOK_EVERY) => {}
            }
        }
    }

    /// Have all named nodes answered? Names may always turn out to have one more address.
    pub fn has_heard_all_named(&self) -> bool {
        let heard = |target: &Target| target.peer.is_some_and(|peer| self.heard.contains(&peer));
        self.targets.values().filter(|target| target.given.is_some()).all(heard)
    }

    fn add(&mut self, address: &Multiaddr, peer: Option<PeerId>, source: Source, given: Option<String>) {
        if self.targets.len() < TARGETS_MAX {
            let fresh = Target { source, given, peer, next: Instant::now(), pause: PAUSE_FIRST };
            self.targets.entry(without_peer(address)).or_insert(fresh);
        }
    }

    fn dial_due(&mut self, now: Instant) {
        let (heard, connected) = (&self.heard, &self.connected);
        let done = |peer: &PeerId| heard.contains(peer) || connected.contains_key(peer);
        let due: Vec<_> = self
            .targets
            .iter_mut()
            .filter(|(_, target)| target.next <= now && !target.peer.as_ref().is_some_and(done))
            .map(|(address, target)| {
                target.next = now + target.pause;
                target.pause = (target.pause * 2).min(PAUSE_MAX);
                address.clone()
            })
            .collect();
        for address in due {
            self.resolve_and_dial(address);
        }
    }

    fn resolve_and_dial(&mut self, target: Multiaddr) {
        if !is_name(&target) {
            let addresses = vec![target.clone()];
            return self.dial(Dial { target, addresses });
        }
        let out = self.resolved_in.clone();
        tokio::spawn(async move {
            let addresses = resolve(target.clone()).await;
            // A full queue, or a search that is over: then no caller waits for it.
            drop(out.try_send(Dial { target, addresses }));
        });
    }

    fn dial(&mut self, dial: Dial) {
        if dial.addresses.is_empty() {
            self.unreachable(&dial.target, Failure::UnknownName.to_string());
        }
        let peer = self.targets.get(&dial.target).and_then(|target| target.peer);
        for address in dial.addresses {
            let options = match peer {
                Some(peer) => DialOpts::peer_id(peer).addresses(vec![address]).allocate_new_port().build(),
                None => DialOpts::unknown_peer_id().address(address).allocate_new_port().build(),
            };
            let connection = options.connection_id();
            match self.swarm.dial(options) {
                Ok(()) => drop(self.dials.insert(connection, dial.target.clone())),
                Err(DialError::DialPeerConditionFalse(_)) => {}
                Err(error) => self.unreachable(&dial.target, failure_of(&error).0.to_string()),
            }
        }
    }

    fn unreachable(&mut self, target: &Multiaddr, reason: String) {
        debug!(%target, reason, "not reached");
        if let Some(address) = self.targets.get(target).and_then(|target| target.given.clone()) {
            self.see(Sighting::Unreachable { address, reason });
        }
    }

    fn see(&mut self, sighting: Sighting) {
        if self.sightings.len() < TARGETS_MAX {
            self.sightings.push_back(sighting);
        }
    }

    fn on_swarm(&mut self, event: SwarmEvent<AskingEvent>) {
        match event {
            SwarmEvent::ConnectionEstablished { peer_id, connection_id, endpoint, .. } => {
                let target = self.dials.remove(&connection_id);
                self.on_connected(peer_id, target, endpoint.get_remote_address());
            }
            SwarmEvent::ConnectionClosed { peer_id, num_established: 0, .. } => drop(self.connected.remove(&peer_id)),
            SwarmEvent::OutgoingConnectionError { connection_id, error, .. } => {
                if let Some(target) = self.dials.remove(&connection_id) {
                    self.unreachable(&target, failure_of(&error).0.to_string());
                }
            }
            SwarmEvent::Behaviour(AskingEvent::Mdns(mdns::Event::Discovered(found))) => {
                for (peer, address) in found {
                    if self.seen_by_mdns.len() < TARGETS_MAX {
                        self.seen_by_mdns.insert(peer);
                    }
                    if scope_of(&address) > Some(Scope::Machine) {
                        self.add(&address, Some(peer), Source::Mdns, None);
                    }
                }
            }
            SwarmEvent::Behaviour(AskingEvent::Genesis(event)) => self.on_genesis(event),
            _ => {}
        }
    }

    fn on_connected(&mut self, id: PeerId, target: Option<Multiaddr>, address: &Multiaddr) {
        let source = target.as_ref().and_then(|target| self.targets.get(target)).map(|target| target.source);
        if let Some(target) = target.and_then(|address| self.targets.get_mut(&address)) {
            target.peer.get_or_insert(id);
        }
        let source = source.unwrap_or(Source::Mdns).told();
        let peer = Sighted { peer_id: id.to_string(), address: without_peer(address).to_string(), source };
        if !self.heard.contains(&id) && self.connected.insert(id, peer).is_none() {
            self.swarm.behaviour_mut().genesis.send_request(&id, GenesisRequest { version: 1 });
        }
    }

    fn on_genesis(&mut self, event: request_response::Event<GenesisRequest, Answer<Genesis>>) {
        use request_response::Event;
        let (id, found) = match event {
            Event::Message { peer, message: Message::Response { response: Answer::Value(genesis), .. }, .. } => {
                (peer, genesis.verify().map_err(|error| format!("it serves a genesis that is refused: {error}")))
            }
            Event::OutboundFailure { peer, error, .. } => (peer, Err(format!("it serves no genesis: {error}"))),
            Event::Message { .. } | Event::InboundFailure { .. } | Event::ResponseSent { .. } => return,
        };
        if let Some(peer) = self.connected.get(&id).cloned() {
            // An answer that cannot be read or is invalid stays so; a broken connection may be repaired.
            if found.is_ok() && self.heard.len() < TARGETS_MAX {
                self.heard.insert(id);
            }
            self.see(match found {
                Ok(genesis) => Sighting::Chain { genesis, peer },
                Err(reason) => Sighting::Useless { peer, reason },
            });
        }
        // An error means that it is gone already.
        _ = self.swarm.disconnect_peer_id(id);
    }
}

/// A swarm that listens nowhere: it cannot be found, and it is gone once a chain is chosen. With it, the reason why it
/// cannot ask the local network.
fn swarm(config: &SearchConfig) -> Result<(Swarm<Asking>, Option<String>), NetError> {
    let setup = |error: String| NetError::Setup(error);
    let key = Keypair::generate_ed25519();
    let own = key.public().to_peer_id();
    let often = mdns::Config { query_interval: MDNS_EVERY, ..mdns::Config::default() };
    let elsewhere = !config.peers.is_empty() || !config.nearby.is_empty();
    let (mdns, mdns_failed) = match config.mdns.then(|| mdns::tokio::Behaviour::new(often, own)).transpose() {
        Ok(mdns) => (mdns, None),
        // There are other places to look at.
        Err(error) if elsewhere => (None, Some(error.to_string())),
        Err(error) => return Err(setup(format!("cannot look around on the local network: {error}"))),
    };
    let limits = connection_limits::ConnectionLimits::default()
        .with_max_established_incoming(Some(0))
        .with_max_established_per_peer(Some(1))
        .with_max_pending_outgoing(Some(PENDING_MAX));
    let behaviour = Asking {
        limits: connection_limits::Behaviour::new(limits),
        mdns: Toggle::from(mdns),
        ping: ping::Behaviour::default(),
        genesis: ask(StreamProtocol::new(GENESIS_PROTOCOL), STATUS_WIRE_MAX, GENESIS_BYTES_MAX),
    };
    let swarm = SwarmBuilder::with_existing_identity(key)
        .with_tokio()
        .with_tcp(tcp::Config::default().nodelay(true), noise::Config::new, yamux::Config::default)
        .map_err(|error| setup(error.to_string()))?
        .with_behaviour(|_| Ok(behaviour))
        .map_err(|error| setup(error.to_string()))?
        .with_swarm_config(|swarm| swarm.with_idle_connection_timeout(IDLE_MAX))
        .build();
    Ok((swarm, mdns_failed))
}
