//! The task that owns the swarm: converts what happens into [`NetEvent`]s, carries out commands.
//!
//! Always true: it never waits for anything but its own `select!`; the runtime gets control events in order, and if it
//! does not keep up, transactions are dropped first (their nodes repeat them).
//! What follows from anything that happens to peers is decided by the `membership`; the work is spread by subject:
//! `connections`, `status`, `relay` (gossip), `sync_protocol`, `discovery`.
//! Start reading at [`Task::run`].

use super::behaviour::{self, NetEvent as SwarmNetEvent};
use super::config::{COMMANDS_MAX, EVENTS_MAX, NetConfig, NetError};
use super::dial_gate::Guarded;
use super::discovery::Discovery;
use super::gate::Gate;
use super::gossip::Topics;
use super::handle::{Command, NetEvent, NetHandle, Shared};
use super::listen::parse_peer;
use super::membership::targets::Dial;
use super::membership::{Charter, Fact, Membership};
use super::meter::Meters;
use super::relay::Relay;
use super::status::HeldStatus;
use super::sync_protocol::Questions;
use crate::clock::unix_millis;
use crate::traffic::Traffic;
use blockchat_proto::sync::Status;
use futures::StreamExt;
use libp2p::metrics::Recorder;
use libp2p::swarm::{ConnectionId, SwarmEvent};
use libp2p::{Multiaddr, PeerId, Swarm, gossipsub, identify};
use std::collections::{HashMap, VecDeque};
use std::num::NonZero;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::thread::available_parallelism;
use std::time::Duration;
use tokio::sync::{mpsc, watch};
use tokio::time::{Instant, MissedTickBehavior, interval, sleep_until};
use tokio_util::sync::CancellationToken;
use tracing::{debug, info, warn};

/// Interval of checks of targets, statuses and pauses.
const TICK: Duration = Duration::from_millis(250);
/// Control events that wait for the runtime.
const BACKLOG_MAX: usize = 4_096;

/// Starts the network: listening when this returns, with the real ports in the handle.
///
/// Errors: an address that is invalid, or at which nothing can listen.
pub async fn start(
    config: NetConfig,
    status: watch::Receiver<Status>,
    shutdown: CancellationToken,
) -> Result<(NetHandle, mpsc::Receiver<NetEvent>), NetError> {
    let topics = Topics::new(&config.genesis.short_name());
    let traffic = Arc::new(Traffic::default());
    let gate = Arc::new(Gate::new(available_parallelism().map_or(1, NonZero::get)));
    let meters = Meters::default();
    let swarm = behaviour::swarm(&config, &topics, &gate, Arc::clone(&traffic), meters.clone())?;
    let own = *swarm.local_peer_id();
    let (commands, commands_in) = mpsc::channel(COMMANDS_MAX);
    let (events_out, events) = mpsc::channel(EVENTS_MAX);
    let now = Instant::now();
    let (discovery, resolved) = Discovery::new(&config, now)?;
    let membership = membership(&config, own, &discovery, now)?;
    let shared = Arc::new(Shared {
        peer_id: own.to_string(),
        listen: Mutex::new(vec![]),
        peers: AtomicUsize::new(0),
        dropped: AtomicU64::new(0),
        events: events_out.downgrade(),
        events_dropped: AtomicU64::new(0),
        transactions_dropped: AtomicU64::new(0),
        traffic,
    });
    let mut task = Box::new(Task {
        swarm,
        status,
        events: events_out,
        backlog: VecDeque::new(),
        shared: Arc::clone(&shared),
        membership,
        meters,
        traffics: HashMap::new(),
        discovery,
        relay: Relay::new(topics, gate, unix_millis().0),
        questions: Questions::new(&config.genesis),
        held_statuses: vec![],
        libp2p_metrics: config.metrics.enter_others(libp2p::metrics::Metrics::new),
    });
    for peer in task.membership.targets.configured() {
        task.swarm.behaviour_mut().limits.bypass_peer_id(peer);
    }
    task.listen(&config).await?;
    tokio::spawn(task.run(commands_in, resolved, shutdown));
    Ok((NetHandle { commands, shared }, events))
}

fn membership(config: &NetConfig, own: PeerId, discovery: &Discovery, now: Instant) -> Result<Membership, NetError> {
    let configured = config.peers.iter().map(|address| parse_peer(address)).collect::<Result<_, _>>()?;
    let (chain, seed) = (config.genesis.hash(), rand::random());
    let charter = Charter { own, chain, configured, only_configured: config.only_peers, seed };
    let mut membership = Membership::new(&charter, now);
    for (peer, address, dialled) in discovery.book.entries() {
        membership.targets.remembered(peer, address, dialled, now);
    }
    Ok(membership)
}

/// The swarm and everything that is known about its peers.
pub(super) struct Task {
    pub(super) swarm: Swarm<Guarded>,
    /// The chain's tip, for our status.
    pub(super) status: watch::Receiver<Status>,
    pub(super) events: mpsc::Sender<NetEvent>,
    backlog: VecDeque<NetEvent>,
    pub(super) shared: Arc<Shared>,
    pub(super) membership: Membership,
    meters: Meters,
    /// Bytes of each connection; absent if they are counted with those of another one.
    pub(super) traffics: HashMap<ConnectionId, Arc<Traffic>>,
    pub(super) discovery: Discovery,
    pub(super) relay: Relay,
    pub(super) questions: Questions,
    pub(super) held_statuses: Vec<HeldStatus>,
    libp2p_metrics: libp2p::metrics::Metrics,
}

impl Task {
    async fn run(
        mut self: Box<Self>,
        mut commands: mpsc::Receiver<Command>,
        mut resolved: mpsc::Receiver<Dial>,
        shutdown: CancellationToken,
    ) {
        let mut tick = interval(TICK);
        tick.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            self.flush_backlog();
            let batch_due = self.relay.batcher.due();
            // Not biased: neither commands nor peers may starve the other.
            tokio::select! {
                () = shutdown.cancelled() => break,
                command = commands.recv() => match command {
                    Some(command) => self.command(command),
                    None => break,
                },
                event = self.swarm.select_next_some() => self.on_swarm(event),
                () = sleep_until(batch_due.unwrap_or_else(Instant::now)), if batch_due.is_some() => self.send_batch(),
                Ok(()) = self.status.changed() => self.tell_all(),
                Some(dial) = resolved.recv() => self.dial(dial),
                _ = tick.tick() => self.on_tick(),
            }
        }
        drop(self.swarm);
        self.discovery.close().await;
    }

    fn command(&mut self, command: Command) {
        match command {
            Command::Broadcast(message) => self.broadcast(*message),
            Command::Gossip(transactions) => self.relay.batcher.add(transactions),
            Command::Evidence(evidence) => self.publish_evidence(*evidence),
            Command::Verdict(ticket, verdict) => self.give_verdict(ticket, verdict),
            Command::Request(request, peer, question) => self.ask(request, peer, question),
            Command::Respond(inbound, bytes) => self.respond(inbound, bytes),
            Command::SendStatus(peer) => self.send_status(peer),
            Command::Blame(peer, offence) => self.blame(peer, offence),
            Command::Peers(answer) => drop(answer.send(self.peer_views())),
            Command::Known(answer) => drop(answer.send(self.known())),
        }
    }

    pub(super) fn on_swarm(&mut self, event: SwarmEvent<SwarmNetEvent>) {
        self.count(&event);
        match event {
            SwarmEvent::Behaviour(event) => self.on_behaviour(event),
            SwarmEvent::ConnectionEstablished { peer_id, connection_id, endpoint, .. } => {
                self.on_connected(peer_id, connection_id, &endpoint);
            }
            SwarmEvent::ConnectionClosed { peer_id, connection_id, cause, .. } => {
                debug!(peer = %peer_id, cause = ?cause.map(|cause| cause.to_string()), "disconnected");
                self.on_disconnected(peer_id, connection_id);
            }
            SwarmEvent::OutgoingConnectionError { connection_id, peer_id, error } => {
                self.on_dial_failed(connection_id, peer_id, &error);
            }
            SwarmEvent::NewListenAddr { address, .. } => {
                info!(%address, "listening");
                self.show_listeners();
            }
            SwarmEvent::ExpiredListenAddr { address, .. } => {
                info!(%address, "no longer listening");
                self.show_listeners();
            }
            SwarmEvent::ListenerError { error, .. } => warn!(%error, "listener"),
            _ => {}
        }
    }

    /// libp2p's own metrics. Identify's are left out: they are made of what strangers say.
    fn count(&self, event: &SwarmEvent<SwarmNetEvent>) {
        self.libp2p_metrics.record(event);
        match event {
            SwarmEvent::Behaviour(SwarmNetEvent::Gossip(event)) => self.libp2p_metrics.record(event),
            SwarmEvent::Behaviour(SwarmNetEvent::Ping(event)) => self.libp2p_metrics.record(event),
            SwarmEvent::Behaviour(SwarmNetEvent::Kad(event)) => self.libp2p_metrics.record(event),
            _ => {}
        }
    }

    fn show_listeners(&self) {
        let now = self.swarm.listeners().map(Multiaddr::to_string).collect();
        *self.shared.listen.lock().expect("nobody panics while holding it") = now;
    }

    fn on_behaviour(&mut self, event: SwarmNetEvent) {
        match event {
            SwarmNetEvent::Gossip(gossipsub::Event::Message { propagation_source, message_id, message }) => {
                self.on_message(propagation_source, message_id, &message);
            }
            SwarmNetEvent::Gossip(gossipsub::Event::Subscribed { topic, .. }) => self.on_subscribed(&topic),
            SwarmNetEvent::Gossip(gossipsub::Event::SlowPeer { peer_id, failed_messages }) => {
                debug!(peer = %peer_id, ?failed_messages, "peer does not keep up");
                self.decide(Fact::Choked { id: peer_id });
            }
            SwarmNetEvent::Gossip(gossipsub::Event::GossipsubNotSupported { peer_id }) => {
                self.decide(Fact::RefusesGossip { id: peer_id });
            }
            SwarmNetEvent::Identify(identify::Event::Received { peer_id, connection_id, info }) => {
                self.on_identified(peer_id, connection_id, info);
            }
            SwarmNetEvent::Ping(event) => self.on_ping(event),
            SwarmNetEvent::Mdns(event) => self.on_mdns(event),
            SwarmNetEvent::Neighbours(event) => self.on_neighbours(event),
            SwarmNetEvent::Status(event) => self.on_status_event(event),
            SwarmNetEvent::Goodbye(event) => self.on_goodbye(event),
            SwarmNetEvent::Errands(done) => self.on_errand(&done),
            SwarmNetEvent::Genesis(event) => self.on_genesis(event),
            SwarmNetEvent::Sync(event) => self.on_sync(event),
            SwarmNetEvent::Gossip(_) | SwarmNetEvent::Identify(_) | SwarmNetEvent::Kad(_) => {}
        }
    }

    fn on_tick(&mut self) {
        let now = Instant::now();
        let hearing = self.hearing();
        let flows = self.meters.flows(now);
        self.decide(Fact::Tick { hearing, flows });
        self.answer_held_statuses();
        self.tick_discovery(now);
        self.tick_relay(now);
        self.tell_all();
    }

    /// Control events keep their order and wait for the runtime, up to a bound; `false` if one was dropped.
    pub(super) fn tell(&mut self, event: NetEvent) -> bool {
        let room = self.backlog.len() < BACKLOG_MAX;
        if room {
            self.backlog.push_back(event);
        } else {
            self.shared.events_dropped.fetch_add(1, Ordering::Relaxed);
            warn!("the node does not keep up with its peers, dropping");
        }
        room
    }

    fn flush_backlog(&mut self) {
        while let Some(event) = self.backlog.pop_front() {
            if let Err(mpsc::error::TrySendError::Full(event)) = self.events.try_send(event) {
                return self.backlog.push_front(event);
            }
        }
    }
}
