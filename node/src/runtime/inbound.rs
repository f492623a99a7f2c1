//! Turns what peers send into events: verified here, decided in the engine.
//!
//! Owns: the verdicts that gossip needs about consensus messages, how often the same goes on (`budget`), and how much
//! unverified work may pile up. Does not own:
//! decoding and size limits (`net`), signatures (`verify_pool`), the verdict on transactions (the engine).
//!
//! Always true:
//! - nothing unverified reaches the engine;
//! - a message is rejected, which lowers its senders' scores, only for what is wrong whatever our state is: a signature, a
//!   root, a size; what is merely old, early, from a stranger, or by rules that we do not know ends here without blame;
//! - at most [`BATCHES_MAX`] batches and [`BODIES_MAX`] proposed blocks are being verified; further ones are dropped, and
//!   their senders repeat them. Votes are never behind them.
//!
//! Start reading at [`Inbound::run`].

use super::budget::{Budgets, Said};
use super::serving::Serving;
use crate::engine_handle::EngineHandle;
use crate::net::{NetEvent, NetHandle, NetVerdict};
use crate::verify_pool::VerifyPool;
use blockchat_engine::effect::Offence;
use blockchat_engine::event::{Event, GossipTicket, PeerTag, RequestFailure, SyncId};
use blockchat_proto::block::Block;
use blockchat_proto::gossip::{ConsensusMessage, TransactionBatch};
use blockchat_proto::keys::Address;
use blockchat_proto::sync::CertifiedBlock;
use blockchat_proto::units::Height;
use blockchat_proto::vote::{Evidence, RoundCertificate, SignedProposal, SignedVote};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use tokio::sync::{Semaphore, mpsc};
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use tracing::{debug, warn};

/// Batches of transactions being verified or waiting for the engine.
const BATCHES_MAX: usize = 32;
/// Proposed blocks being verified or waiting for the engine.
const BODIES_MAX: usize = 16;
/// Messages about heights this far below the tip are of no use to anybody we would pass them on to.
const STALE_HEIGHTS: u64 = 2;
/// Proposals this far above the tip are for a node that is nearer: their bodies are not verified here.
const AHEAD_HEIGHTS: u64 = 2;

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
    bodies: Arc<Semaphore>,
    budgets: Arc<Mutex<Budgets>>,
}

impl Inbound {
    pub(super) fn new(
        net: NetHandle,
        verify: VerifyPool,
        engine: EngineHandle,
        serving: Serving,
        consensus: mpsc::Sender<Event>,
        gossip: mpsc::Sender<Event>,
        tasks: TaskTracker,
    ) -> Self {
        let (batches, bodies) = (Arc::new(Semaphore::new(BATCHES_MAX)), Arc::new(Semaphore::new(BODIES_MAX)));
        let budgets = Arc::default();
        Self { net, verify, engine, serving, consensus, gossip, tasks, batches, bodies, budgets }
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
            NetEvent::Transactions { from: _, ticket, batch } => self.transactions(ticket, batch),
            NetEvent::Consensus { from, ticket, message } => self.consensus_message(from, ticket, message).await,
            NetEvent::Evidence { from, ticket, evidence } => self.evidence(from, ticket, evidence).await,
            NetEvent::PeerStatus { peer, status } => self.tell(Event::PeerStatus { peer, status }).await,
            NetEvent::PeerGone { peer } => self.tell(Event::PeerGone { peer }).await,
            NetEvent::Blocks { request, peer, blocks } => self.blocks(request, peer, blocks),
            NetEvent::Body { request, peer, block } => self.body(request, peer, block),
            NetEvent::RequestFailed { request, reason } => self.tell(Event::RequestFailed { request, reason }).await,
            NetEvent::Inbound { inbound, peer: _, request } => self.serving.answer(inbound, request),
        }
    }

    async fn consensus_message(&self, from: PeerTag, ticket: GossipTicket, message: ConsensusMessage) {
        match message {
            ConsensusMessage::Vote(vote) => self.vote(from, ticket, vote).await,
            ConsensusMessage::RoundCertificate(certificate) => self.round_certificate(from, ticket, certificate).await,
            ConsensusMessage::Proposal { proposal, block: None } => self.proposal(from, ticket, proposal).await,
            ConsensusMessage::Proposal { proposal, block: Some(block) } => {
                self.proposal_with_block(from, ticket, proposal, block);
            }
        }
    }

    async fn vote(&self, from: PeerTag, ticket: GossipTicket, vote: SignedVote) {
        let height = vote.vote.height;
        if self.is_noise(vote.vote.validator, height) {
            return self.net.verdict(ticket, NetVerdict::Ignore);
        }
        match self.verify.vote(vote).await {
            Ok(vote) => {
                if self.passes(ticket, height, Said::vote(vote.get())) {
                    self.tell(Event::Vote { from, vote }).await;
                }
            }
            Err(bad) => self.reject(from, ticket, "vote", bad),
        }
    }

    async fn round_certificate(&self, from: PeerTag, ticket: GossipTicket, certificate: RoundCertificate) {
        let (Some((height, _)), Some(said)) = (certificate.height_and_round(), Said::certificate(&certificate)) else {
            return self.reject(from, ticket, "round certificate", "it mixes heights or rounds");
        };
        // Of our set, or anybody could put together certificates for others to check, and spend the budget of true ones.
        if certificate.check_structure(&self.engine.view().validators).is_err() {
            return self.net.verdict(ticket, NetVerdict::Ignore);
        }
        match self.verify.round_certificate(certificate).await {
            Ok(certificate) => {
                if self.passes(ticket, height, said) {
                    self.tell(Event::RoundCertificate { from, certificate }).await;
                }
            }
            Err(bad) => self.reject(from, ticket, "round certificate", bad),
        }
    }

    /// A proposal of a block that was sent before.
    async fn proposal(&self, from: PeerTag, ticket: GossipTicket, proposal: SignedProposal) {
        let height = proposal.proposal.height;
        if self.is_noise(proposal.proposal.leader, height) {
            return self.net.verdict(ticket, NetVerdict::Ignore);
        }
        match self.verify.proposal(proposal).await {
            Ok(proposal) => {
                if self.passes(ticket, height, Said::proposal(proposal.get(), false)) {
                    self.tell(Event::Proposal { from, proposal, block: None }).await;
                }
            }
            Err(bad) => self.reject(from, ticket, "proposal", bad),
        }
    }

    fn proposal_with_block(&self, from: PeerTag, ticket: GossipTicket, proposal: SignedProposal, block: Block) {
        let signed = proposal.proposal;
        let nearby = signed.height.0 <= self.tip().0 + AHEAD_HEIGHTS && self.can_check(&block);
        let permit = Arc::clone(&self.bodies).try_acquire_owned();
        let (Ok(permit), true, false) = (permit, nearby, self.is_noise(signed.leader, signed.height)) else {
            return self.net.verdict(ticket, NetVerdict::Ignore);
        };
        let this = self.clone();
        self.tasks.spawn(async move {
            this.verify_proposal(from, ticket, proposal, block).await;
            drop(permit);
        });
    }

    /// The signature first: 40 us decide whether the block is worth verifying. Its leader's budget counts good blocks
    /// only, or whoever brings bad ones under a true proposal would spend it.
    async fn verify_proposal(&self, from: PeerTag, ticket: GossipTicket, proposal: SignedProposal, block: Block) {
        let height = proposal.proposal.height;
        let promised = proposal.proposal.block;
        let proposal = match self.verify.proposal(proposal).await {
            Ok(proposal) => proposal,
            Err(bad) => return self.reject(from, ticket, "proposal", bad),
        };
        let said = Said::proposal(proposal.get(), true);
        if self.budgets().is_spent(said, Instant::now()) {
            return self.net.verdict(ticket, NetVerdict::Ignore);
        }
        if block.header.hash() != promised {
            return self.reject(from, ticket, "proposal", "its block is another one");
        }
        match self.verify.block(block).await {
            Ok(block) => {
                if self.passes(ticket, height, said) {
                    self.tell(Event::Proposal { from, proposal, block: Some(block) }).await;
                }
            }
            Err(reason) => self.reject(from, ticket, "proposed block", reason),
        }
    }

    /// Evidence is not in force yet: it is checked and passed on, so that operators everywhere can see it in their logs.
    /// Anybody can contradict itself with a key of its own; only of members is that news. SPEC EVID-0, GOSSIP-5.
    async fn evidence(&self, from: PeerTag, ticket: GossipTicket, evidence: Evidence) {
        if self.engine.view().validators.get(&evidence.accused()).is_none() {
            return self.net.verdict(ticket, NetVerdict::Ignore);
        }
        match self.verify.evidence(evidence).await {
            Ok(evidence) => {
                let (said, validator) = (Said::evidence(evidence.get()), evidence.get().accused());
                let within = self.budgets().allow(said, Instant::now());
                if within {
                    warn!(%validator, evidence = ?evidence.get(), "a validator contradicted itself; nothing punishes that yet");
                }
                self.net.verdict(ticket, if within { NetVerdict::Accept } else { NetVerdict::Ignore });
            }
            Err(reason) => self.reject(from, ticket, "evidence", reason),
        }
    }

    /// One wrong signature refuses the whole batch: an honest peer verified all of them before it passed them on.
    fn transactions(&self, ticket: GossipTicket, batch: TransactionBatch) {
        let Ok(permit) = Arc::clone(&self.batches).try_acquire_owned() else {
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

    /// Answers to our own questions: as many as the engine asked.
    fn blocks(&self, request: SyncId, peer: PeerTag, blocks: Vec<CertifiedBlock>) {
        let this = self.clone();
        let blocks = blocks.into_iter().take_while(|certified| this.can_check(&certified.block)).collect();
        self.tasks.spawn(async move {
            let event = match this.verify.blocks(blocks).await {
                Ok(blocks) => Event::BlocksReceived { request, peer, blocks },
                Err(reason) => this.garbage(request, peer, &reason),
            };
            this.tell(event).await;
        });
    }

    fn body(&self, request: SyncId, peer: PeerTag, block: Option<Block>) {
        let this = self.clone();
        let block = block.filter(|block| this.can_check(block));
        self.tasks.spawn(async move {
            let event = match block {
                None => Event::BodyReceived { request, block: None },
                Some(block) => match this.verify.block(block).await {
                    Ok(block) => Event::BodyReceived { request, block: Some(block) },
                    Err(reason) => this.garbage(request, peer, &reason.to_string()),
                },
            };
            this.tell(event).await;
        });
    }

    /// By rules that this program knows? Nobody is to blame for other blocks. SPEC VER-5.
    fn can_check(&self, block: &Block) -> bool {
        block.header.version <= self.engine.view().rules.known
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

    /// A message of somebody who is no member: anybody can make such, so it is not worth a signature check, and is not
    /// passed on. Only of the height after the one being decided we do not know the members yet.
    fn is_noise(&self, author: Address, height: Height) -> bool {
        let view = self.engine.view();
        height != view.tip.height.next().next() && view.validators.get(&author).is_none()
    }

    /// The verdict on a verified message of this height; `false` if it was said often enough already, and ends here.
    fn passes(&self, ticket: GossipTicket, height: Height, said: Said) -> bool {
        let within = self.budgets().allow(said, Instant::now());
        if !within {
            debug!(?said, "said too often, not passed on");
        }
        self.net.verdict(ticket, if within { self.use_to_others(height) } else { NetVerdict::Ignore });
        within
    }

    fn budgets(&self) -> MutexGuard<'_, Budgets> {
        self.budgets.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Late messages of the last heights still help others; older ones do not. The engine sees all: it answers laggards.
    fn use_to_others(&self, height: Height) -> NetVerdict {
        if height.0 + STALE_HEIGHTS > self.tip().0 { NetVerdict::Accept } else { NetVerdict::Ignore }
    }

    fn tip(&self) -> Height {
        self.engine.view().tip.height
    }

    /// An event loop that has stopped no longer listens, which is no error here.
    async fn tell(&self, event: Event) {
        drop(self.consensus.send(event).await);
    }
}
