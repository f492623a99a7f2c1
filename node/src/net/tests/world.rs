//! Nodes that consist of a network and nothing else, and waiting for what happens to them.

use super::people::genesis;
use crate::config::Announce;
use crate::held_ports::HeldPorts;
use crate::metrics::Metrics;
use crate::net::{NetConfig, NetEvent, NetHandle, NetVerdict, start};
use blockchat_engine::event::PeerTag;
use blockchat_proto::genesis::VerifiedGenesis;
use blockchat_proto::gossip::ConsensusMessage;
use blockchat_proto::sync::{STATUS_VERSION, Status};
use blockchat_proto::units::{Height, UnixMillis};
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::{mpsc, watch};
use tokio::task::JoinHandle;
use tokio::time::{Instant, interval, timeout};
use tokio_util::sync::CancellationToken;

/// Longest wait for anything: generous, because tests share the machine with a compiler.
pub(super) const PATIENCE: Duration = Duration::from_secs(60);

/// The events of a node's network.
pub(super) struct Node {
    pub(super) net: NetHandle,
    pub(super) status: watch::Sender<Status>,
    seen: mpsc::Receiver<NetEvent>,
    past: Vec<NetEvent>,
    stop: CancellationToken,
    pump: JoinHandle<()>,
}

/// A configuration for the loopback alone: any port, no mDNS.
pub(super) fn config(seed: u8) -> NetConfig {
    NetConfig {
        identity: [seed; 32],
        genesis: genesis("test"),
        listen: vec!["/ip4/127.0.0.1/tcp/0".into()],
        held: HeldPorts::default(),
        peers: vec![],
        mdns: false,
        external: vec![],
        only_peers: false,
        announce: Announce::All,
        book: None,
        metrics: Arc::new(Metrics::new(0)),
    }
}

/// The same, dialling this address and not reachable itself.
pub(super) fn caller(seed: u8, peer: String) -> NetConfig {
    NetConfig { listen: vec![], peers: vec![peer], ..config(seed) }
}

pub(super) fn status(genesis: &VerifiedGenesis, height: u64) -> Status {
    Status {
        version: STATUS_VERSION,
        chain: genesis.hash(),
        height: Height(height),
        hash: genesis.hash(),
        earliest: Height(1),
        time: UnixMillis(0),
    }
}

impl Node {
    /// A node that finds everything it gets good.
    pub(super) async fn start(config: NetConfig) -> Self {
        Self::start_with(config, NetVerdict::Accept).await
    }

    /// A node with this opinion of everything it gets.
    pub(super) async fn start_with(config: NetConfig, verdict: NetVerdict) -> Self {
        let (status, told) = watch::channel(status(&config.genesis, 0));
        let stop = CancellationToken::new();
        let (net, mut events) = start(config, told, stop.clone()).await.unwrap();
        let (seen_out, seen) = mpsc::channel(100_000);
        let handle = net.clone();
        let pump = tokio::spawn(async move {
            while let Some(event) = events.recv().await {
                if let NetEvent::Transactions { ticket, .. }
                | NetEvent::Consensus { ticket, .. }
                | NetEvent::Evidence { ticket, .. } = &event
                {
                    handle.verdict(*ticket, verdict);
                }
                seen_out.try_send(event).unwrap();
            }
        });
        Self { net, status, seen, past: vec![], stop, pump }
    }

    /// The address at which others dial it.
    pub(super) fn address(&self) -> String {
        self.net.listen_addresses().first().unwrap().clone()
    }

    pub(super) fn port(&self) -> u16 {
        self.address().rsplit('/').next().unwrap().parse().unwrap()
    }

    /// Waits for an event; those before it are kept in [`Node::past`].
    pub(super) async fn until<T>(&mut self, what: &str, mut see: impl FnMut(&NetEvent) -> Option<T>) -> T {
        let deadline = Instant::now() + PATIENCE;
        loop {
            let next = timeout(deadline.saturating_duration_since(Instant::now()), self.seen.recv()).await;
            let Ok(Some(event)) = next else {
                panic!("waited in vain until {what}; before: {:?}", self.past);
            };
            let found = see(&event);
            self.past.push(event);
            if let Some(found) = found {
                return found;
            }
        }
    }

    /// Waits for a peer of the chain; which one is the same for all tests with two nodes.
    pub(super) async fn peer(&mut self) -> PeerTag {
        self.until("a peer joins", |event| match event {
            NetEvent::PeerStatus { peer, .. } => Some(*peer),
            _ => None,
        })
        .await
    }

    pub(super) async fn gone(&mut self) -> PeerTag {
        self.until("a peer leaves", |event| match event {
            NetEvent::PeerGone { peer } => Some(*peer),
            _ => None,
        })
        .await
    }

    /// Waits for a vote of this height.
    pub(super) async fn vote(&mut self, height: u64) {
        self.until("a vote comes", |event| (height_of_vote(event) == Some(height)).then_some(())).await;
    }

    /// All that happened so far and was waited through.
    pub(super) fn past(&self) -> &[NetEvent] {
        &self.past
    }

    /// Ends it as a stop of its process would.
    pub(super) async fn stop(self) {
        self.stop.cancel();
        self.net.stopped().await;
        self.pump.await.unwrap();
    }
}

pub(super) fn height_of_vote(event: &NetEvent) -> Option<u64> {
    match event {
        NetEvent::Consensus { message: ConsensusMessage::Vote(signed), .. } => Some(signed.vote.height.0),
        _ => None,
    }
}

/// Two nodes of which the second dials the first, after their handshake.
pub(super) async fn pair() -> (Node, Node) {
    let mut one = Node::start(config(1)).await;
    let mut other = Node::start(caller(2, one.address())).await;
    one.peer().await;
    other.peer().await;
    (one, other)
}

/// Looks again and again until there is something to see.
pub(super) async fn eventually(what: &str, mut look: impl AsyncFnMut() -> bool) {
    let mut often = interval(Duration::from_millis(10));
    let deadline = Instant::now() + PATIENCE;
    while !look().await {
        assert!(Instant::now() < deadline, "waited in vain until {what}");
        often.tick().await;
    }
}

/// Sends votes from one node until one of them reaches another: while a mesh is being formed, single messages may be lost,
/// as they may at any time. Each has a height of its own.
pub(super) async fn votes_reach(from: &Node, to: &mut Node, first_height: u64) {
    let mut often = interval(Duration::from_millis(100));
    let deadline = Instant::now() + PATIENCE;
    for height in first_height.. {
        assert!(Instant::now() < deadline, "no vote gets through");
        from.net.broadcast(super::people::vote(height));
        often.tick().await;
        while let Ok(event) = to.seen.try_recv() {
            let arrived = height_of_vote(&event).is_some_and(|height| height >= first_height);
            to.past.push(event);
            if arrived {
                return;
            }
        }
    }
}
