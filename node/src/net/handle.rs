//! The door to the swarm task: bounded, never waits.
//!
//! Always true: a message that does not fit into the queue is dropped and counted; everything sent here is repeated by
//! its author or by others. Start reading at [`NetHandle`].

use super::config::EVENTS_MAX;
use super::weight::Weight;
use crate::traffic::Traffic;
use blockchat_client::shapes::{KnownPeerView, PeerView, QueueView};
use blockchat_engine::effect::Offence;
use blockchat_engine::event::{GossipTicket, PeerTag, RequestFailure, SyncId};
use blockchat_proto::block::Block;
use blockchat_proto::codec;
use blockchat_proto::gossip::{ConsensusMessage, TransactionBatch};
use blockchat_proto::hash::Hash32;
use blockchat_proto::sync::{CertifiedBlock, Status, SyncRequest, SyncResponse};
use blockchat_proto::transaction::VerifiedTransaction;
use blockchat_proto::units::Height;
use blockchat_proto::vote::Evidence;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use tokio::sync::{mpsc, oneshot};
use tracing::warn;

/// A peer's question that waits for our answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct InboundId(pub u64);

/// The verdict on a gossip message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NetVerdict {
    /// Pass it on.
    Accept,
    /// It is invalid in every state: end it, and lower the score of the peer that sent it.
    Reject,
    /// Let it end here, without blame.
    Ignore,
}

/// Messages of peers: decoded and within limits, not verified.
#[derive(Clone, Debug)]
pub enum NetEvent {
    /// A batch of transactions.
    Transactions {
        /// The peer that sent it to us.
        from: PeerTag,
        /// Answer with [`NetHandle::verdict`].
        ticket: GossipTicket,
        /// The batch.
        batch: TransactionBatch,
        /// Its bytes count until this is dropped.
        weight: Arc<Weight>,
    },
    /// A consensus message.
    Consensus {
        /// The peer that sent it to us.
        from: PeerTag,
        /// Answer with [`NetHandle::verdict`].
        ticket: GossipTicket,
        /// The message.
        message: ConsensusMessage,
        /// Its bytes count until this is dropped.
        weight: Arc<Weight>,
    },
    /// The proof that a validator contradicted itself.
    Evidence {
        /// The peer that sent it to us.
        from: PeerTag,
        /// Answer with [`NetHandle::verdict`].
        ticket: GossipTicket,
        /// The evidence.
        evidence: Evidence,
        /// Its bytes count until this is dropped.
        weight: Arc<Weight>,
    },
    /// A peer of our chain says how far it is.
    PeerStatus {
        /// The peer.
        peer: PeerTag,
        /// Its status.
        status: Status,
    },
    /// A peer of our chain is gone.
    PeerGone {
        /// The peer.
        peer: PeerTag,
    },
    /// Peers say that another node with our identity is connected to them.
    Elsewhere {
        /// And we have no peer ourselves.
        shut_out: bool,
    },
    /// Final blocks we asked for.
    Blocks {
        /// Our question.
        request: SyncId,
        /// The peer that answers.
        peer: PeerTag,
        /// The blocks.
        blocks: Vec<CertifiedBlock>,
    },
    /// A block we asked for by hash.
    Body {
        /// Our question.
        request: SyncId,
        /// The peer that answers.
        peer: PeerTag,
        /// The block, if the peer has it.
        block: Option<Block>,
    },
    /// A question of ours is not answered.
    RequestFailed {
        /// Our question.
        request: SyncId,
        /// Why.
        reason: RequestFailure,
    },
    /// A peer asks.
    Inbound {
        /// Answer with [`NetHandle::respond`].
        inbound: InboundId,
        /// The peer.
        peer: PeerTag,
        /// The fault.
        request: SyncRequest,
    },
}

/// Commands of the handle to the swarm task.
#[derive(Debug)]
pub(super) enum Command {
    Broadcast(Box<ConsensusMessage>),
    Gossip(Vec<VerifiedTransaction>),
    Evidence(Box<Evidence>),
    Verdict(GossipTicket, NetVerdict),
    Request(SyncId, PeerTag, SyncRequest),
    Respond(InboundId, Arc<[u8]>),
    SendStatus(PeerTag),
    Blame(PeerTag, Offence),
    Peers(oneshot::Sender<Vec<PeerView>>),
    Known(oneshot::Sender<Vec<KnownPeerView>>),
}

/// The network, for everyone but its task. Cheap to clone.
#[derive(Clone, Debug)]
pub struct NetHandle {
    pub(super) commands: mpsc::Sender<Command>,
    pub(super) shared: Arc<Shared>,
}

/// State that readers see without asking the task.
#[derive(Debug)]
pub(super) struct Shared {
    pub(super) peer_id: String,
    pub(super) listen: Mutex<Vec<String>>,
    pub(super) peers: AtomicUsize,
    pub(super) dropped: AtomicU64,
    /// The event channel, to see how many wait.
    pub(super) events: mpsc::WeakSender<NetEvent>,
    /// Control events that the runtime did not take in time.
    pub(super) events_dropped: AtomicU64,
    /// Batches of transactions that found no room among them.
    pub(super) transactions_dropped: AtomicU64,
    pub(super) traffic: Arc<Traffic>,
}

impl NetHandle {
    /// Sends a consensus message to all peers.
    pub fn broadcast(&self, message: ConsensusMessage) {
        self.send(Command::Broadcast(Box::new(message)));
    }

    /// Sends transactions to all peers, in batches.
    pub fn gossip(&self, transactions: Vec<VerifiedTransaction>) {
        self.send(Command::Gossip(transactions));
    }

    /// Tells all peers of a contradiction.
    pub fn gossip_evidence(&self, evidence: Evidence) {
        self.send(Command::Evidence(Box::new(evidence)));
    }

    /// Says what becomes of a gossiped message.
    pub fn verdict(&self, ticket: GossipTicket, verdict: NetVerdict) {
        self.send(Command::Verdict(ticket, verdict));
    }

    /// Asks a peer for final blocks.
    pub fn request_blocks(&self, request: SyncId, peer: PeerTag, from: Height, count: u32) {
        self.send(Command::Request(request, peer, SyncRequest::Blocks { from, count }));
    }

    /// Asks a peer for one block.
    pub fn request_body(&self, request: SyncId, peer: PeerTag, hash: Hash32) {
        self.send(Command::Request(request, peer, SyncRequest::Body { hash }));
    }

    /// Answers a peer. Encodes here, in the caller's task: an answer may be 4 MiB, and the swarm must not wait for it.
    pub fn respond(&self, inbound: InboundId, response: SyncResponse) {
        self.send(Command::Respond(inbound, codec::encode(&response).into()));
    }

    /// Tells one peer where we are.
    pub fn send_status(&self, peer: PeerTag) {
        self.send(Command::SendStatus(peer));
    }

    /// A peer sent what no honest peer sends.
    pub fn blame(&self, peer: PeerTag, offence: Offence) {
        self.send(Command::Blame(peer, offence));
    }

    /// The connected peers of our chain; empty once the network has stopped.
    pub async fn peers(&self) -> Vec<PeerView> {
        let (answer, peers) = oneshot::channel();
        if self.commands.send(Command::Peers(answer)).await.is_err() {
            return vec![];
        }
        peers.await.unwrap_or_default()
    }

    /// All peers that are known, connected or not; empty once the network has stopped.
    pub async fn peers_known(&self) -> Vec<KnownPeerView> {
        let (answer, known) = oneshot::channel();
        if self.commands.send(Command::Known(answer)).await.is_err() {
            return vec![];
        }
        known.await.unwrap_or_default()
    }

    /// Bytes to and from peers, counted as they pass.
    pub fn traffic(&self) -> Arc<Traffic> {
        Arc::clone(&self.shared.traffic)
    }

    /// Our libp2p peer id.
    pub fn peer_id(&self) -> String {
        self.shared.peer_id.clone()
    }

    /// The actual addresses for peers, with ports. They change with the interfaces of the machine.
    pub fn listen_addresses(&self) -> Vec<String> {
        self.shared.listen.lock().expect("nobody panics while holding it").clone()
    }

    /// Connected peers of our chain.
    pub fn peer_count(&self) -> usize {
        self.shared.peers.load(Ordering::Relaxed)
    }

    /// The fill of the network's queues, and their drops.
    pub fn queues(&self) -> Vec<QueueView> {
        let dropped = |count: &AtomicU64| count.load(Ordering::Relaxed);
        let (max, waiting) = (self.commands.max_capacity(), self.commands.max_capacity() - self.commands.capacity());
        let events = self.shared.events.upgrade().map_or(0, |events| events.max_capacity() - events.capacity());
        let (of_transactions, shared) = (EVENTS_MAX / 2, &self.shared);
        vec![
            QueueView::new("net_commands", waiting, max, dropped(&shared.dropped)),
            QueueView::new("net_events", events, EVENTS_MAX, dropped(&shared.events_dropped)),
            QueueView::new(
                "net_transactions",
                events.min(of_transactions),
                of_transactions,
                dropped(&shared.transactions_dropped),
            ),
        ]
    }

    /// Resolves once the network has stopped after a shutdown: its peer book is written, its sockets are closed.
    pub async fn stopped(&self) {
        self.commands.closed().await;
    }

    /// A full queue drops the newest: waiting would stall the engine.
    fn send(&self, command: Command) {
        if let Err(mpsc::error::TrySendError::Full(_)) = self.commands.try_send(command) {
            let dropped = self.shared.dropped.fetch_add(1, Ordering::Relaxed) + 1;
            if dropped.is_power_of_two() {
                warn!(dropped, "network queue is full, dropping");
            }
        }
    }
}
