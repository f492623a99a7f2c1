//! The task that owns the swarm: converts what happens into [`NetEvent`]s, carries out commands.
//!
//! Always true: it never waits for anything but its own `select!`; what the runtime does not take in time is dropped if
//! it is gossip (its sender repeats it) and kept in order otherwise.
//! Start reading at [`Task::run`].

use super::batcher::Batcher;
use super::behaviour::{self, Net, NetEvent as SwarmNetEvent};
use super::book::Book;
use super::config::{COMMANDS_MAX, EVENTS_MAX, NetConfig, NetError, PEERS_FEW};
use super::dialer::{self, Dialer, Source};
use super::gossip::{Topics, Waiting};
use super::handle::{Command, InboundId, NetEvent, NetHandle, NetVerdict, Shared};
use super::peers::Peers;
use blockchat_engine::event::{PeerTag, RequestFailure, SyncId};
use blockchat_proto::codec;
use blockchat_proto::genesis::Genesis;
use blockchat_proto::gossip::{ConsensusEnvelope, ConsensusMessage, ENVELOPE_VERSION, Topic};
use blockchat_proto::sync::{GenesisRequest, Status, SyncRequest, SyncResponse};
use futures::StreamExt;
use libp2p::core::ConnectedPoint;
use libp2p::gossipsub::{self, PublishError};
use libp2p::request_response::{self, OutboundRequestId, ResponseChannel};
use libp2p::swarm::dial_opts::DialOpts;
use libp2p::swarm::{DialError, SwarmEvent};
use libp2p::{Multiaddr, PeerId, Swarm, mdns, ping};
use std::collections::{BTreeMap, HashMap, VecDeque};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::time::{Duration, SystemTime, UNIX_EPOCH};
use tokio::sync::{mpsc, watch};
use tokio::time::{Instant, MissedTickBehavior, interval, sleep_until, timeout};
use tokio_util::sync::CancellationToken;
use tracing::{debug, info, warn};

/// How often targets, statuses and pauses are looked at.
const TICK: Duration = Duration::from_millis(250);
/// The book is written this often.
const BOOK_EVERY: Duration = Duration::from_secs(60);
/// A second connection while the first is older than this: the peer was restarted and the first one is dead.
const RESTART_AGE: Duration = Duration::from_secs(5);
/// Peers' questions that wait for an answer.
const INBOUND_MAX: usize = 256;
/// Control events that wait for the runtime.
const BACKLOG_MAX: usize = 4_096;

/// Starts the network: listening when this returns, with the real ports in the handle.
///
/// Errors: an address that is none, or where nothing can listen.
pub async fn start(
    config: NetConfig,
    status: watch::Receiver<Status>,
    shutdown: CancellationToken,
) -> Result<(NetHandle, mpsc::Receiver<NetEvent>), NetError> {
    let topics = Topics::new(&config.genesis.short_name());
    let mut swarm = behaviour::swarm(&config, &topics)?;
    let listen = listen(&mut swarm, &config.listen).await?;
    for address in &config.external {
        swarm.add_external_address(parse(address)?);
    }
    let own = *swarm.local_peer_id();
    let now = Instant::now();
    let mut dialer = Dialer::new(own);
    for address in &config.peers {
        dialer.add(parse(address)?, None, Source::Configured, now);
    }
    let book = Book::open(config.book.clone());
    for (peer, address) in book.entries() {
        dialer.add(address.clone(), Some(peer), Source::Book, now);
    }
    let (commands, commands_in) = mpsc::channel(COMMANDS_MAX);
    let (events_out, events) = mpsc::channel(EVENTS_MAX);
    let shared =
        Arc::new(Shared { peer_id: own.to_string(), listen, peers: AtomicUsize::new(0), dropped: AtomicU64::new(0) });
    let (resolved_out, resolved) = mpsc::channel(64);
    let started_ms = unix_millis();
    let task = Task {
        swarm,
        topics,
        genesis: config.genesis.genesis().clone(),
        status,
        events: events_out,
        backlog: VecDeque::new(),
        shared: Arc::clone(&shared),
        dialer,
        book,
        book_saved: now,
        peers: Peers::default(),
        waiting: Waiting::default(),
        batcher: Batcher::new(started_ms),
        counter: started_ms,
        questions: HashMap::new(),
        inbound: BTreeMap::new(),
        next_inbound: 0,
        blocked: vec![],
        resolved_out,
    };
    tokio::spawn(task.run(commands_in, resolved, shutdown));
    Ok((NetHandle { commands, shared }, events))
}

fn parse(text: &str) -> Result<Multiaddr, NetError> {
    text.parse()
        .map_err(|error: libp2p::multiaddr::Error| NetError::Address { found: text.into(), reason: error.to_string() })
}

/// The last cause in a chain of errors: the outer ones of libp2p's transports say nothing themselves.
fn innermost(error: &(dyn std::error::Error + 'static)) -> String {
    let mut cause = error;
    while let Some(deeper) = cause.source() {
        cause = deeper;
    }
    cause.to_string()
}

/// Listens everywhere it is told to; returns the real addresses, with ports.
async fn listen(swarm: &mut Swarm<Net>, addresses: &[String]) -> Result<Vec<String>, NetError> {
    let mut waiting = BTreeMap::new();
    for address in addresses {
        let failed = |reason: String| NetError::Listen { address: address.clone(), reason };
        let id = swarm.listen_on(parse(address)?).map_err(|error| failed(innermost(&error)))?;
        waiting.insert(id.to_string(), address.clone());
    }
    let mut found = vec![];
    while !waiting.is_empty() {
        // An interface without an address never reports one: then there is nothing to wait for.
        let Ok(event) = timeout(Duration::from_secs(5), swarm.select_next_some()).await else {
            break;
        };
        match event {
            SwarmEvent::NewListenAddr { listener_id, address } => {
                waiting.remove(&listener_id.to_string());
                found.push(address.to_string());
            }
            SwarmEvent::ListenerClosed { listener_id, reason: Err(error), .. } => {
                if let Some(address) = waiting.remove(&listener_id.to_string()) {
                    return Err(NetError::Listen { address, reason: error.to_string() });
                }
            }
            _ => {}
        }
    }
    Ok(found)
}

fn unix_millis() -> u64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    u64::try_from(since.as_millis()).unwrap_or(u64::MAX / 2)
}

pub(super) struct Task {
    pub(super) swarm: Swarm<Net>,
    topics: Topics,
    genesis: Genesis,
    pub(super) status: watch::Receiver<Status>,
    events: mpsc::Sender<NetEvent>,
    backlog: VecDeque<NetEvent>,
    shared: Arc<Shared>,
    dialer: Dialer,
    book: Book,
    book_saved: Instant,
    pub(super) peers: Peers,
    waiting: Waiting,
    batcher: Batcher,
    /// Stamped on every consensus message; rises over restarts.
    counter: u64,
    questions: HashMap<OutboundRequestId, SyncId>,
    inbound: BTreeMap<InboundId, ResponseChannel<SyncResponse>>,
    next_inbound: u64,
    blocked: Vec<(Instant, PeerId)>,
    resolved_out: mpsc::Sender<(Vec<Multiaddr>, Multiaddr, Option<PeerId>)>,
}

impl Task {
    async fn run(
        mut self,
        mut commands: mpsc::Receiver<Command>,
        mut resolved: mpsc::Receiver<(Vec<Multiaddr>, Multiaddr, Option<PeerId>)>,
        shutdown: CancellationToken,
    ) {
        let mut tick = interval(TICK);
        tick.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            let batch_due = self.batcher.due();
            tokio::select! { biased;
                () = shutdown.cancelled() => break,
                command = commands.recv() => match command {
                    Some(command) => self.command(command),
                    None => break,
                },
                event = self.swarm.select_next_some() => self.on_swarm(event),
                () = sleep_until(batch_due.unwrap_or_else(Instant::now)), if batch_due.is_some() => self.send_batch(),
                Ok(()) = self.status.changed() => self.tell_all(),
                Some((addresses, name, peer)) = resolved.recv() => self.dial(addresses, &name, peer),
                _ = tick.tick() => self.on_tick(),
            }
            self.flush_backlog();
        }
        self.book.save();
    }

    fn command(&mut self, command: Command) {
        match command {
            Command::Broadcast(message) => self.broadcast(*message),
            Command::Gossip(transactions) => self.batcher.add(transactions),
            Command::Verdict(ticket, verdict) => {
                self.waiting.settle(&mut self.swarm.behaviour_mut().gossip, ticket, verdict);
            }
            Command::Request(request, peer, question) => self.ask(request, peer, question),
            Command::Respond(inbound, response) => {
                if let Some(channel) = self.inbound.remove(&inbound) {
                    // An error means that the peer is gone: nobody waits for the answer.
                    drop(self.swarm.behaviour_mut().sync.send_response(channel, response));
                }
            }
            Command::SendStatus(peer) => self.send_status(peer),
            Command::Blame(peer, offence) => {
                if let Some(id) = self.peers.id(peer) {
                    warn!(peer = %id, ?offence, "peer misbehaves");
                    self.ban(id, Duration::from_secs(60));
                }
            }
            Command::Peers(answer) => drop(answer.send(self.peers.view(|peer| self.dialer.source_of(peer)))),
        }
    }

    fn broadcast(&mut self, message: ConsensusMessage) {
        self.counter += 1;
        let topic = message.topic();
        let envelope = ConsensusEnvelope { version: ENVELOPE_VERSION, counter: self.counter, message };
        self.publish(topic, codec::encode(&envelope));
    }

    fn send_batch(&mut self) {
        let bytes = self.batcher.take();
        self.publish(Topic::Transactions, bytes);
    }

    /// Whatever is lost here is repeated by whoever sent it: votes by their rounds, transactions by their node.
    fn publish(&mut self, topic: Topic, bytes: Vec<u8>) {
        let ident = self.topics.ident(topic);
        match self.swarm.behaviour_mut().gossip.publish(ident, bytes) {
            Ok(_) | Err(PublishError::Duplicate | PublishError::NoPeersSubscribedToTopic) => {}
            Err(error) => warn!(%error, ?topic, "message not sent"),
        }
    }

    fn ask(&mut self, request: SyncId, peer: PeerTag, question: SyncRequest) {
        match self.peers.id(peer).filter(|id| self.swarm.is_connected(id)) {
            Some(id) => {
                let number = self.swarm.behaviour_mut().sync.send_request(&id, question);
                self.questions.insert(number, request);
            }
            None => self.tell(NetEvent::RequestFailed { request, reason: RequestFailure::Unreachable }),
        }
    }

    fn on_swarm(&mut self, event: SwarmEvent<SwarmNetEvent>) {
        match event {
            SwarmEvent::Behaviour(event) => self.on_behaviour(event),
            SwarmEvent::ConnectionEstablished { peer_id, endpoint, num_established, .. } => {
                self.on_connected(peer_id, &endpoint, num_established.get());
            }
            SwarmEvent::ConnectionClosed { peer_id, num_established: 0, cause, .. } => {
                debug!(peer = %peer_id, cause = ?cause.map(|cause| cause.to_string()), "disconnected");
                self.on_disconnected(&peer_id);
            }
            SwarmEvent::OutgoingConnectionError { peer_id, error, .. } => {
                debug!(peer = ?peer_id, %error, "dial failed");
                if let (Some(peer), DialError::WrongPeerId { .. }) = (peer_id, &error) {
                    self.dialer.is_other(&peer);
                }
            }
            SwarmEvent::NewListenAddr { address, .. } => info!(%address, "listening"),
            SwarmEvent::ListenerError { error, .. } => warn!(%error, "listener"),
            _ => {}
        }
    }

    fn on_connected(&mut self, peer: PeerId, endpoint: &ConnectedPoint, connections: u32) {
        let now = Instant::now();
        let (address, inbound) = match endpoint {
            ConnectedPoint::Dialer { address, .. } => (address.clone(), false),
            ConnectedPoint::Listener { send_back_addr, .. } => (send_back_addr.clone(), true),
        };
        if !inbound {
            self.dialer.reached(&address, peer);
            self.book.worked(peer, &dialer::without_peer(&address));
        }
        match self.peers.get(&peer) {
            // The peer was restarted with the same key. Gossip tells its topics on a first connection only, so closing
            // just the old one would leave it out of the mesh for ever (libp2p#5097): close both, and begin anew.
            Some(known) if connections > 1 && now.duration_since(known.since) > RESTART_AGE => {
                debug!(%peer, "second connection: the peer was restarted");
                let _ = self.swarm.disconnect_peer_id(peer);
            }
            Some(_) => {}
            None => {
                debug!(%peer, %address, inbound, "connected");
                self.peers.connected(peer, address, inbound, now);
                let status = *self.status.borrow();
                self.swarm.behaviour_mut().status.send_request(&peer, status);
            }
        }
    }

    fn on_disconnected(&mut self, peer: &PeerId) {
        if let Some(gone) = self.peers.disconnected(peer) {
            if gone.status.is_some() {
                self.tell(NetEvent::PeerGone { peer: gone.tag });
            }
            self.count_peers();
        }
    }

    fn on_behaviour(&mut self, event: SwarmNetEvent) {
        match event {
            SwarmNetEvent::Gossip(gossipsub::Event::Message { propagation_source, message_id, message }) => {
                self.on_gossip(propagation_source, message_id, &message);
            }
            SwarmNetEvent::Gossip(gossipsub::Event::SlowPeer { peer_id, .. }) => debug!(peer = %peer_id, "slow peer"),
            SwarmNetEvent::Ping(ping::Event { peer, connection, result }) => match result {
                Ok(latency) => {
                    if let Some(peer) = self.peers.get_mut(&peer) {
                        peer.latency = Some(latency);
                    }
                }
                // libp2p leaves this to us; a dead link would otherwise live for a quarter of an hour.
                Err(error) => {
                    debug!(%peer, %error, "no answer to ping, closing");
                    self.swarm.close_connection(connection);
                }
            },
            SwarmNetEvent::Mdns(mdns::Event::Discovered(found)) => {
                let now = Instant::now();
                for (peer, address) in found {
                    self.dialer.add(address, Some(peer), Source::Mdns, now);
                }
            }
            SwarmNetEvent::Status(event) => self.on_status_event(event),
            SwarmNetEvent::Genesis(request_response::Event::Message { message, .. }) => self.on_genesis(message),
            SwarmNetEvent::Sync(event) => self.on_sync(event),
            SwarmNetEvent::Gossip(_)
            | SwarmNetEvent::Mdns(_)
            | SwarmNetEvent::Identify(_)
            | SwarmNetEvent::Genesis(_) => {}
        }
    }

    /// Decodes a message and hands it on with a ticket; what does not decode is refused at once.
    fn on_gossip(&mut self, source: PeerId, id: gossipsub::MessageId, message: &gossipsub::Message) {
        let ticket = self.waiting.issue(id, source);
        let from = self.peers.get(&source).map(|peer| peer.tag);
        let event = match (self.topics.of(&message.topic), from) {
            (Some(topic), Some(from)) => decode(topic, &message.data, from, ticket),
            _ => None,
        };
        let verdict = match event {
            Some(event) => match self.events.try_send(event) {
                Ok(()) => return,
                Err(_) => NetVerdict::Ignore,
            },
            None => NetVerdict::Reject,
        };
        self.waiting.settle(&mut self.swarm.behaviour_mut().gossip, ticket, verdict);
    }

    fn on_genesis(&mut self, message: request_response::Message<GenesisRequest, Genesis>) {
        if let request_response::Message::Request { channel, .. } = message {
            let genesis = self.genesis.clone();
            drop(self.swarm.behaviour_mut().genesis.send_response(channel, genesis));
        }
    }

    fn on_sync(&mut self, event: request_response::Event<SyncRequest, SyncResponse>) {
        use request_response::{Event, Message, OutboundFailure};
        match event {
            Event::Message { peer, message: Message::Request { request, channel, .. }, .. } => {
                self.on_question(&peer, request, channel);
            }
            Event::Message { peer, message: Message::Response { request_id, response }, .. } => {
                self.on_answer(&peer, request_id, response);
            }
            Event::OutboundFailure { request_id, error, .. } => {
                if let Some(request) = self.questions.remove(&request_id) {
                    debug!(%error, "sync question failed");
                    let garbage =
                        matches!(&error, OutboundFailure::Io(io) if io.kind() == std::io::ErrorKind::InvalidData);
                    let reason = if garbage { RequestFailure::Garbage } else { RequestFailure::Unreachable };
                    self.tell(NetEvent::RequestFailed { request, reason });
                }
            }
            Event::InboundFailure { error, .. } => debug!(%error, "a peer's sync question failed"),
            Event::ResponseSent { .. } => {}
        }
    }

    fn on_question(&mut self, peer: &PeerId, request: SyncRequest, channel: ResponseChannel<SyncResponse>) {
        let greeted = self.peers.get(peer).filter(|peer| peer.status.is_some()).map(|peer| peer.tag);
        let Some(tag) = greeted.filter(|_| self.inbound.len() < INBOUND_MAX) else {
            let busy = SyncResponse::Busy { retry_ms: 500 };
            return drop(self.swarm.behaviour_mut().sync.send_response(channel, busy));
        };
        self.next_inbound += 1;
        let inbound = InboundId(self.next_inbound);
        self.inbound.insert(inbound, channel);
        self.tell(NetEvent::Inbound { inbound, peer: tag, request });
    }

    fn on_answer(&mut self, peer: &PeerId, number: OutboundRequestId, response: SyncResponse) {
        let (Some(request), Some(peer)) = (self.questions.remove(&number), self.peers.get(peer)) else {
            return;
        };
        let peer = peer.tag;
        self.tell(match response {
            SyncResponse::Blocks(blocks) => NetEvent::Blocks { request, peer, blocks },
            SyncResponse::Body(block) => NetEvent::Body { request, peer, block },
            SyncResponse::Busy { retry_ms } => {
                NetEvent::RequestFailed { request, reason: RequestFailure::Busy { retry_ms } }
            }
        });
    }

    fn on_tick(&mut self) {
        let now = Instant::now();
        let due = self.dialer.due(now, |peer| self.peers.get(peer).is_some());
        for (name, peer) in due {
            let out = self.resolved_out.clone();
            tokio::spawn(async move {
                let addresses = dialer::resolve(name.clone()).await;
                // A full queue means that many dials are under way: this target is tried again later.
                drop(out.try_send((addresses, name, peer)));
            });
        }
        self.unblock(now);
        self.part_from_silent(now);
        self.tell_all();
        if now.duration_since(self.book_saved) >= BOOK_EVERY {
            self.book_saved = now;
            self.book.save();
        }
    }

    fn dial(&mut self, addresses: Vec<Multiaddr>, name: &Multiaddr, peer: Option<PeerId>) {
        let few = self.peers.iter().count() < PEERS_FEW;
        for address in addresses {
            let options = match peer {
                Some(peer) if self.peers.get(&peer).is_some() => continue,
                Some(peer) => DialOpts::peer_id(peer).addresses(vec![dialer::without_peer(&address)]).build(),
                None => DialOpts::unknown_peer_id().address(address).build(),
            };
            if let Err(error) = self.swarm.dial(options) {
                debug!(%name, %error, few, "not dialled");
            }
        }
    }

    /// Closes all connections to a peer and does not let it in for a while, unless the operator configured it.
    pub(super) fn ban(&mut self, peer: PeerId, pause: Duration) {
        if !self.dialer.is_configured(&peer) {
            self.swarm.behaviour_mut().blocked.block_peer(peer);
            self.blocked.push((Instant::now() + pause, peer));
        }
        let _ = self.swarm.disconnect_peer_id(peer);
    }

    fn unblock(&mut self, now: Instant) {
        for (_, peer) in self.blocked.extract_if(.., |(until, _)| *until <= now) {
            self.swarm.behaviour_mut().blocked.unblock_peer(peer);
        }
    }

    pub(super) fn count_peers(&self) {
        self.shared.peers.store(self.peers.greeted(), Ordering::Relaxed);
    }

    /// Control events are never dropped while there is room in the backlog, and keep their order.
    pub(super) fn tell(&mut self, event: NetEvent) {
        if self.backlog.len() < BACKLOG_MAX {
            self.backlog.push_back(event);
        } else {
            warn!("the node does not keep up with its peers, dropping");
        }
    }

    fn flush_backlog(&mut self) {
        while let Some(event) = self.backlog.pop_front() {
            if let Err(mpsc::error::TrySendError::Full(event)) = self.events.try_send(event) {
                return self.backlog.push_front(event);
            }
        }
    }
}

fn decode(topic: Topic, data: &[u8], from: PeerTag, ticket: blockchat_engine::event::GossipTicket) -> Option<NetEvent> {
    let limit = super::gossip::wire_max(topic);
    match topic {
        Topic::Transactions => {
            let batch: blockchat_proto::gossip::TransactionBatch = codec::decode(data, limit).ok()?;
            let fits = batch.version == ENVELOPE_VERSION
                && batch.transactions.len() <= blockchat_proto::limits::BATCH_TRANSACTIONS_MAX;
            fits.then_some(NetEvent::Transactions { from, ticket, batch })
        }
        Topic::Blocks | Topic::Votes => {
            let envelope: ConsensusEnvelope = codec::decode(data, limit).ok()?;
            let fits = envelope.version == ENVELOPE_VERSION && envelope.message.topic() == topic;
            fits.then_some(NetEvent::Consensus { from, ticket, message: envelope.message })
        }
    }
}
