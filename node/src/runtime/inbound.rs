//! Turns what peers send into events: verified here, decided in the engine.
//!
//! Owns: the verdicts that gossip needs about consensus messages, how often the same goes on (`budget`), and how much
//! unverified work may pile up (`bodies` for proposed blocks). Does not own:
//! decoding and size limits (`net`), whether a message concerns us (`relevance` in the engine), signatures
//! (`verify_pool`), the verdict on transactions (the engine).
//!
//! Always true:
//! - nothing unverified reaches the engine;
//! - cheap checks come before dear ones: whether it concerns us, then how often it was said, then its own signature, then
//!   what it brings;
//! - a message is rejected, which lowers its senders' scores, only for what is wrong whatever our state is: a signature, a
//!   root, a size; what is merely old, early, from a stranger, or by rules that we do not know ends here without blame;
//! - at most [`BATCHES_MAX`] batches are being verified; further ones are dropped, and their senders repeat them. Votes are
//!   never behind them.
//!
//! Start reading at [`Inbound::run`].

use super::asked::Asked;
use super::bodies::Bodies;
use super::budget::{Budgets, Said};
use super::doubles::Doubles;
use super::serving::Serving;
use crate::engine_handle::EngineHandle;
use crate::net::{NetEvent, NetHandle, NetVerdict};
use crate::verify_pool::VerifyPool;
use blockchat_client::shapes::QueueView;
use blockchat_engine::effect::Offence;
use blockchat_engine::event::{Event, GossipTicket, PeerTag, RequestFailure, SyncId};
use blockchat_engine::relevance::{Brought, Horizon, Refused, Use};
use blockchat_proto::block::Block;
use blockchat_proto::gossip::{ConsensusMessage, TransactionBatch};
use blockchat_proto::sync::CertifiedBlock;
use blockchat_proto::vote::{Evidence, RoundCertificate, SignedProposal, SignedVote, Verified, Vote};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use tokio::sync::{Semaphore, mpsc};
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use tracing::{debug, warn};

/// Batches of transactions being verified or waiting for the engine.
const BATCHES_MAX: usize = 32;

/// Verifies and sorts what comes in. Cheap to clone.
#[derive(Clone, Debug)]
pub(super) struct Inbound {
    net: NetHandle,
    verify: VerifyPool,
    engine: EngineHandle,
    serving: Serving,
    consensus: mpsc::Sender<Event>,
    gossip: mpsc::Sender<Event>,
    tasks: TaskTracker,
    batches: Arc<Semaphore>,
    batches_dropped: Arc<AtomicU64>,
    bodies: Bodies,
    asked: Asked,
    budgets: Arc<Mutex<Budgets>>,
    doubles: Arc<Mutex<Doubles>>,
}

/// The channel for verified messages.
#[derive(Debug)]
pub(super) struct ToEngine {
    pub(super) consensus: mpsc::Sender<Event>,
    pub(super) gossip: mpsc::Sender<Event>,
}

impl Inbound {
    pub(super) fn new(
        net: NetHandle,
        verify: VerifyPool,
        engine: EngineHandle,
        serving: Serving,
        ToEngine { consensus, gossip }: ToEngine,
        tasks: TaskTracker,
        asked: Asked,
    ) -> Self {
        let batches = Arc::new(Semaphore::new(BATCHES_MAX));
        let (bodies, budgets, doubles) = (Bodies::default(), Arc::default(), Arc::default());
        let batches_dropped = Arc::default();
        Self {
            net,
            verify,
            engine,
            serving,
            consensus,
            gossip,
            tasks,
            batches,
            batches_dropped,
            bodies,
            asked,
            budgets,
            doubles,
        }
    }

    /// Reads how full the queues are between the network and the engine. Keeps none of them open.
    pub(super) fn queues(&self) -> impl Fn() -> Vec<QueueView> + Send + Sync + use<> {
        let (batches, dropped) = (Arc::clone(&self.batches), Arc::clone(&self.batches_dropped));
        let (consensus, gossip) = (self.consensus.downgrade(), self.gossip.downgrade());
        move || {
            let (verified, dropped) = (BATCHES_MAX - batches.available_permits(), dropped.load(Ordering::Relaxed));
            let view = |name: &str, queue: &mpsc::WeakSender<Event>| {
                let (waiting, max) = queue.upgrade().map_or((0, 0), |queue| {
                    let max = queue.max_capacity();
                    (max - queue.capacity(), max)
                });
                QueueView::new(name, waiting, max, 0)
            };
            vec![
                QueueView::new("verify_batches", verified, BATCHES_MAX, dropped),
                view("engine_consensus_events", &consensus),
                view("engine_gossip_batches", &gossip),
            ]
        }
    }

    /// Runs until `stop`, or until the network is gone.
    pub(super) async fn run(self, mut events: mpsc::Receiver<NetEvent>, stop: CancellationToken) {
        loop {
            tokio::select! { biased;
                () = stop.cancelled() => return,
                event = events.recv() => match event {
                    Some(event) => self.take(event).await,
                    None => return,
                },
            }
        }
    }

    /// One arm per kind. Whatever takes long goes to a task of its own, so that a vote behind it is not held up.
    async fn take(&self, event: NetEvent) {
        match event {
            NetEvent::Transactions { from: _, ticket, batch, weight: _weight } => self.transactions(ticket, batch),
            NetEvent::Consensus { from, ticket, message, weight: _weight } => {
                self.consensus_message(from, ticket, message).await;
            }
            NetEvent::Evidence { from, ticket, evidence, weight: _weight } => {
                self.evidence(from, ticket, evidence).await;
            }
            NetEvent::PeerStatus { peer, status } => self.tell(Event::PeerStatus { peer, status }).await,
            NetEvent::PeerGone { peer } => self.tell(Event::PeerGone { peer }).await,
            NetEvent::Elsewhere { shut_out } => self.tell(Event::IdentityElsewhere { shut_out }).await,
            NetEvent::Blocks { request, peer, blocks } => self.blocks(request, peer, blocks),
            NetEvent::Body { request, peer, block } => self.body(request, peer, block),
            NetEvent::RequestFailed { request, reason } => self.request_failed(request, reason).await,
            NetEvent::Inbound { inbound, peer: _, request } => self.serving.answer(inbound, request),
        }
    }

    async fn consensus_message(&self, from: PeerTag, ticket: GossipTicket, message: ConsensusMessage) {
        match message {
            ConsensusMessage::Vote(vote) => self.vote(from, ticket, vote).await,
            ConsensusMessage::RoundCertificate(certificate) => self.round_certificate(from, ticket, certificate).await,
            ConsensusMessage::Proposal { proposal, block } => self.proposal(from, ticket, proposal, block).await,
        }
    }

    async fn vote(&self, from: PeerTag, ticket: GossipTicket, vote: SignedVote) {
        let found = Horizon::from(&*self.engine.view()).vote(&vote.vote);
        let Some(found) = self.worth(from, ticket, "vote", found, Said::vote(&vote)) else { return };
        match self.verify.vote(vote).await {
            Ok(vote) => {
                if self.passes(ticket, found, Said::vote(vote.get())) {
                    self.compare(vote.get());
                    self.tell(Event::Vote { from, vote }).await;
                }
            }
            Err(bad) => self.reject(from, ticket, "vote", bad),
        }
    }

    async fn round_certificate(&self, from: PeerTag, ticket: GossipTicket, certificate: RoundCertificate) {
        let found = Horizon::from(&*self.engine.view()).certificate(&certificate);
        let Some(said) = Said::certificate(&certificate) else {
            return self.reject(from, ticket, "round certificate", "it mixes heights or rounds");
        };
        let Some(found) = self.worth(from, ticket, "round certificate", found, said) else { return };
        match self.verify.round_certificate(certificate).await {
            Ok(certificate) => {
                if self.passes(ticket, found, said) {
                    self.tell(Event::RoundCertificate { from, certificate }).await;
                }
            }
            Err(bad) => self.reject(from, ticket, "round certificate", bad),
        }
    }

    /// One signature decides whether the block that comes with it is worth verifying. Its leader's budget counts good
    /// blocks only, or a peer that brings bad ones under a true proposal would spend it.
    async fn proposal(&self, from: PeerTag, ticket: GossipTicket, proposal: SignedProposal, block: Option<Block>) {
        let found = Horizon::from(&*self.engine.view()).proposal(&proposal.proposal, block.as_ref().map(Brought::from));
        let said = Said::proposal(&proposal, block.is_some());
        let Some(found) = self.worth(from, ticket, "proposal", found, said) else { return };
        let proposal = match self.verify.proposal(proposal).await {
            Ok(proposal) => proposal,
            Err(bad) => return self.reject(from, ticket, "proposal", bad),
        };
        match block {
            Some(block) if found.with_block => self.proposed_block(from, ticket, found, proposal, block).await,
            Some(_) => self.without_its_block(from, ticket, proposal).await,
            None => {
                if self.passes(ticket, found, said) {
                    self.tell(Event::Proposal { from, proposal, block: None }).await;
                }
            }
        }
    }

    /// Verifies a block whose hash its leader has signed, in a task of its own. Without a place for it the engine hears of
    /// the proposal at once, and asks for the block by its hash.
    async fn proposed_block(
        &self,
        from: PeerTag,
        ticket: GossipTicket,
        found: Use,
        proposal: Verified<SignedProposal>,
        block: Block,
    ) {
        let Some(place) = self.bodies.take(proposal.get().proposal.leader, found.ahead) else {
            return self.without_its_block(from, ticket, proposal).await;
        };
        let this = self.clone();
        self.tasks.spawn(async move {
            match this.verify.block(block).await {
                Ok(block) => {
                    if this.passes(ticket, found, Said::proposal(proposal.get(), true)) {
                        this.tell(Event::Proposal { from, proposal, block: Some(block) }).await;
                    }
                }
                Err(reason) => this.reject(from, ticket, "proposed block", reason),
            }
            drop(place);
        });
    }

    /// The engine hears of a proposal whose block is not verified, and no peer does.
    async fn without_its_block(&self, from: PeerTag, ticket: GossipTicket, proposal: Verified<SignedProposal>) {
        self.net.verdict(ticket, NetVerdict::Ignore);
        if self.budgets().allow(Said::proposal(proposal.get(), false), Instant::now()) {
            self.tell(Event::Proposal { from, proposal, block: None }).await;
        }
    }

    /// Any key can contradict itself; only of members is that news. SPEC GOSSIP-5.
    async fn evidence(&self, from: PeerTag, ticket: GossipTicket, evidence: Evidence) {
        if Horizon::from(&*self.engine.view()).evidence(&evidence).is_err() {
            return self.net.verdict(ticket, NetVerdict::Ignore);
        }
        match self.verify.evidence(evidence).await {
            Ok(evidence) => {
                let said = Said::evidence(evidence.get());
                let within = self.budgets().allow(said, Instant::now());
                self.net.verdict(ticket, if within { NetVerdict::Accept } else { NetVerdict::Ignore });
                if within {
                    self.tell(Event::Evidence(evidence)).await;
                }
            }
            Err(reason) => self.reject(from, ticket, "evidence", reason),
        }
    }

    /// One wrong signature refuses the whole batch: an honest peer verified all of them before it passed them on.
    fn transactions(&self, ticket: GossipTicket, batch: TransactionBatch) {
        let Ok(permit) = Arc::clone(&self.batches).try_acquire_owned() else {
            self.batches_dropped.fetch_add(1, Ordering::Relaxed);
            return self.net.verdict(ticket, NetVerdict::Ignore);
        };
        let this = self.clone();
        self.tasks.spawn(async move {
            let answers = this.verify.transactions(batch.transactions).await.into_iter();
            let verified: Result<Vec<_>, _> = answers.map(|(_, answer)| answer).collect();
            match verified {
                Ok(transactions) => {
                    let event = Event::GossipTransactions { ticket, transactions };
                    drop(this.gossip.send(event).await);
                }
                Err(refused) => {
                    debug!(reason = refused.code().as_str(), "batch rejected");
                    this.net.verdict(ticket, NetVerdict::Reject);
                }
            }
            drop(permit);
        });
    }

    /// Answers to our own questions: as many as the engine asked. Heights, counts and set come before any signature.
    fn blocks(&self, request: SyncId, peer: PeerTag, mut blocks: Vec<CertifiedBlock>) {
        let this = self.clone();
        self.tasks.spawn(async move {
            let found = Horizon::from(&*this.engine.view()).answer(&blocks);
            let event = match found {
                Ok(worth) => {
                    blocks.truncate(worth);
                    match this.verify.blocks(blocks).await {
                        Ok(blocks) => Event::BlocksReceived { request, peer, blocks },
                        Err(reason) => this.garbage(request, peer, &reason),
                    }
                }
                Err(Refused::Wrong(reason)) => this.garbage(request, peer, reason),
                Err(Refused::Noise) => Event::BlocksReceived { request, peer, blocks: vec![] },
            };
            this.tell(event).await;
        });
    }

    /// A block by rules that we do not know is no fault. SPEC VER-5.
    fn body(&self, request: SyncId, peer: PeerTag, block: Option<Block>) {
        let (this, asked) = (self.clone(), self.asked.take(request));
        self.tasks.spawn(async move {
            let nothing = Event::BodyReceived { request, block: None };
            let event = match block.zip(asked) {
                None => nothing,
                Some((block, asked)) => {
                    let found = Horizon::from(&*this.engine.view()).body(&block, asked);
                    match found {
                        Err(Refused::Noise) => nothing,
                        Err(Refused::Wrong(reason)) => this.garbage(request, peer, reason),
                        Ok(()) => match this.verify.block(block).await {
                            Ok(block) => Event::BodyReceived { request, block: Some(block) },
                            Err(reason) => this.garbage(request, peer, &reason.to_string()),
                        },
                    }
                }
            };
            this.tell(event).await;
        });
    }

    async fn request_failed(&self, request: SyncId, reason: RequestFailure) {
        self.asked.take(request);
        self.tell(Event::RequestFailed { request, reason }).await;
    }

    fn garbage(&self, request: SyncId, peer: PeerTag, reason: &str) -> Event {
        debug!(?peer, reason, "answer of a peer does not verify");
        self.net.blame(peer, Offence::BadBlocks);
        Event::RequestFailed { request, reason: RequestFailure::Garbage }
    }

    fn reject(&self, from: PeerTag, ticket: GossipTicket, what: &str, reason: impl std::fmt::Display) {
        debug!(?from, what, %reason, "message rejected");
        self.net.verdict(ticket, NetVerdict::Reject);
    }

    /// Returns the use of a message, if its signatures are worth checking: it concerns us, and was not repeated too
    /// often.
    fn worth(
        &self,
        from: PeerTag,
        ticket: GossipTicket,
        what: &str,
        found: Result<Use, Refused>,
        said: Said,
    ) -> Option<Use> {
        match found {
            Ok(_) if self.budgets().is_spent(said, Instant::now()) => self.net.verdict(ticket, NetVerdict::Ignore),
            Ok(found) => return Some(found),
            Err(Refused::Noise) => self.net.verdict(ticket, NetVerdict::Ignore),
            Err(Refused::Wrong(reason)) => self.reject(from, ticket, what, reason),
        }
        None
    }

    /// The verdict on a verified message; `false` if it was said often enough already, and ends here.
    fn passes(&self, ticket: GossipTicket, found: Use, said: Said) -> bool {
        let within = self.budgets().allow(said, Instant::now());
        if !within {
            debug!(?said, "said too often, not passed on");
        }
        self.net.verdict(ticket, if within && found.pass_on { NetVerdict::Accept } else { NetVerdict::Ignore });
        within
    }

    /// Tells the operator of a member that signs two things for one place.
    fn compare(&self, signed: &SignedVote) {
        let tip = self.engine.view().tip.height;
        let mut doubles = self.doubles.lock().unwrap_or_else(PoisonError::into_inner);
        if doubles.contradicts(signed, tip) {
            let Vote { kind, height, round, validator, .. } = &signed.vote;
            warn!(%validator, %height, %round, ?kind, "equivocation: a validator signs two different votes; its key may be in use in two places");
        }
    }

    fn budgets(&self) -> MutexGuard<'_, Budgets> {
        self.budgets.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// An event loop that has stopped no longer listens, which is no error here.
    async fn tell(&self, event: Event) {
        drop(self.consensus.send(event).await);
    }
}
