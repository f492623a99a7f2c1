//! Requests for blocks, headers and validator sets, ours and those of peers, and for the genesis. SPEC SYNC-2 to
//! SYNC-4.
//!
//! Always true: a bounded number of answers is under way, each way; a peer that asks too much is told to wait, which is
//! no offence; every question of ours is answered, if only with a failure.
//! Start reading at [`Task::ask`] for our questions, [`Task::on_question`] for those of peers.

use super::answers::{Admitted, Answers, Hold};
use super::codec::Answer;
use super::handle::{InboundId, NetEvent};
use super::membership::Fact;
use super::peer_score::PeerFault;
use super::quota::{GENESES, SYNC_BYTES, SYNC_QUESTION_BYTES};
use super::swarm_task::Task;
use blockchat_engine::event::{PeerTag, RequestFailure, SyncId};
use blockchat_proto::codec;
use blockchat_proto::genesis::{Genesis, VerifiedGenesis};
use blockchat_proto::sync::{GenesisRequest, SyncRequest, SyncResponse};
use libp2p::PeerId;
use libp2p::request_response::{
    Event, InboundFailure, InboundRequestId, Message, OutboundFailure, OutboundRequestId, ResponseChannel,
};
use std::collections::{BTreeMap, HashMap};
use std::io;
use std::sync::Arc;
use std::time::Duration;
use tokio::time::Instant;
use tracing::debug;

/// Our questions under way to one peer, at most.
const QUESTIONS_PER_PEER_MAX: usize = 2;
/// And to all.
const QUESTIONS_MAX: usize = 24;
/// When to ask again, if there is no better guess.
const RETRY: Duration = Duration::from_millis(200);
/// No peer can put us off for longer.
const RETRY_MAX: Duration = Duration::from_secs(10);

/// Questions under way.
pub(super) struct Questions {
    /// The canonical genesis, encoded once.
    genesis: Arc<[u8]>,
    ours: HashMap<OutboundRequestId, (SyncId, PeerId)>,
    theirs: BTreeMap<InboundId, Inbound>,
    answers: Answers,
    next: u64,
}

/// A peer's question that waits for our answer.
struct Inbound {
    peer: PeerId,
    number: InboundRequestId,
    channel: ResponseChannel<Answer<SyncResponse>>,
    hold: Hold,
}

impl Questions {
    pub(super) fn new(genesis: &VerifiedGenesis) -> Self {
        let genesis = codec::encode(genesis.genesis()).into();
        Self { genesis, ours: HashMap::new(), theirs: BTreeMap::new(), answers: Answers::default(), next: 0 }
    }

    fn may_ask(&self, peer: PeerId) -> bool {
        let to_peer = self.ours.values().filter(|(_, asked)| *asked == peer).count();
        to_peer < QUESTIONS_PER_PEER_MAX && self.ours.len() < QUESTIONS_MAX
    }
}

impl Task {
    /// A question of the engine's to one peer.
    pub(super) fn ask(&mut self, request: SyncId, peer: PeerTag, question: SyncRequest) {
        let failure = match self.membership.peers.id(peer) {
            Some(id) if self.questions.may_ask(id) => {
                let number = self.swarm.behaviour_mut().sync.send_request(&id, question);
                self.questions.ours.insert(number, (request, id));
                return;
            }
            Some(_) => RequestFailure::Busy { retry_ms: millis(RETRY) },
            None => RequestFailure::Unreachable,
        };
        self.tell(NetEvent::RequestFailed { request, reason: failure });
    }

    /// The runtime's answer to a peer; it may be gone by now.
    pub(super) fn respond(&mut self, inbound: InboundId, bytes: Arc<[u8]>) {
        let Some(Inbound { peer, channel, hold, .. }) = self.questions.theirs.remove(&inbound) else {
            return;
        };
        let now = Instant::now();
        if let Some(peer) = self.membership.peers.get_mut(&peer) {
            // The part above the quota counts against the next request.
            _ = peer.pace.sync.spend(SYNC_BYTES, bytes.len().saturating_sub(SYNC_QUESTION_BYTES), now);
        }
        self.decide(Fact::Sent { to: Some(peer), bytes: bytes.len() });
        hold.moved(0, now);
        drop(self.swarm.behaviour_mut().sync.send_response(channel, Answer::Held(bytes, Arc::new(hold))));
    }

    pub(super) fn on_sync(&mut self, event: Event<SyncRequest, Answer<SyncResponse>>) {
        match event {
            Event::Message { peer, message: Message::Request { request_id, request, channel }, .. } => {
                self.on_question(peer, request_id, request, channel);
            }
            Event::Message { peer, message: Message::Response { request_id, response }, .. } => {
                self.on_answer(peer, request_id, response);
            }
            Event::OutboundFailure { peer, request_id, error, .. } => self.on_no_answer(peer, request_id, &error),
            Event::InboundFailure { peer, request_id, error, .. } => {
                debug!(%peer, %error, "a peer's question failed");
                self.questions.theirs.retain(|_, question| question.number != request_id);
                self.on_bad_question(peer, &error);
            }
            Event::ResponseSent { .. } => {}
        }
    }

    fn on_question(
        &mut self,
        id: PeerId,
        number: InboundRequestId,
        request: SyncRequest,
        channel: ResponseChannel<Answer<SyncResponse>>,
    ) {
        match self.admit_question(id) {
            Ok((peer, hold)) => {
                self.questions.next += 1;
                let inbound = InboundId(self.questions.next);
                self.questions.theirs.insert(inbound, Inbound { peer: id, number, channel, hold });
                self.tell(NetEvent::Inbound { inbound, peer, request });
            }
            Err(wait) => {
                let busy = Answer::Value(SyncResponse::Busy { retry_ms: millis(wait) });
                drop(self.swarm.behaviour_mut().sync.send_response(channel, busy));
            }
        }
    }

    /// Only peers of our chain are served, within their quotas; others are told when to ask again.
    fn admit_question(&mut self, id: PeerId) -> Result<(PeerTag, Hold), Duration> {
        let now = Instant::now();
        let peer = self.membership.peers.get_mut(&id).filter(|peer| peer.status().is_some()).ok_or(RETRY)?;
        let tag = peer.tag;
        // A refused request costs nothing: a peer that must wait because of others is not charged for it.
        peer.pace.sync.spend(SYNC_BYTES, 0, now)?;
        match self.questions.answers.admit(id, now) {
            Admitted::Yes(hold) => {
                _ = peer.pace.sync.spend(SYNC_BYTES, SYNC_QUESTION_BYTES, now);
                Ok((tag, hold))
            }
            Admitted::Busy => Err(RETRY),
            Admitted::Behind(other) => {
                self.decide(Fact::TakesNothing { id: other });
                Err(RETRY)
            }
        }
    }

    fn on_answer(&mut self, id: PeerId, number: OutboundRequestId, response: Answer<SyncResponse>) {
        let Some((request, _)) = self.questions.ours.remove(&number) else {
            return;
        };
        let (Some(peer), Answer::Value(response)) = (self.membership.peers.get(&id).map(|peer| peer.tag), response)
        else {
            self.tell(NetEvent::RequestFailed { request, reason: RequestFailure::Unreachable });
            return;
        };
        let event = match response {
            SyncResponse::Blocks(blocks) => NetEvent::Blocks { request, peer, blocks },
            SyncResponse::Body(block) => NetEvent::Body { request, peer, block },
            SyncResponse::Headers(_) | SyncResponse::Members(_) => {
                // Nodes ask for blocks alone: this is no answer to anything.
                self.lower(id, PeerFault::Answer);
                NetEvent::RequestFailed { request, reason: RequestFailure::Garbage }
            }
            SyncResponse::Busy { retry_ms } => {
                let retry_ms = retry_ms.min(millis(RETRY_MAX));
                NetEvent::RequestFailed { request, reason: RequestFailure::Busy { retry_ms } }
            }
        };
        self.tell(event);
    }

    fn on_no_answer(&mut self, id: PeerId, number: OutboundRequestId, error: &OutboundFailure) {
        let Some((request, _)) = self.questions.ours.remove(&number) else {
            return;
        };
        debug!(peer = %id, %error, "question not answered");
        let garbage = matches!(error, OutboundFailure::Io(error) if error.kind() == io::ErrorKind::InvalidData);
        if garbage {
            self.lower(id, PeerFault::Answer);
        }
        let reason = if garbage { RequestFailure::Garbage } else { RequestFailure::Unreachable };
        self.tell(NetEvent::RequestFailed { request, reason });
    }

    /// Garbage instead of a question, on any of our protocols.
    pub(super) fn on_bad_question(&mut self, id: PeerId, error: &InboundFailure) {
        if matches!(error, InboundFailure::Io(error) if error.kind() == io::ErrorKind::InvalidData) {
            self.lower(id, PeerFault::Question);
        }
    }

    /// Any peer may ask for the genesis: a newcomer does not know the chain yet.
    pub(super) fn on_genesis(&mut self, event: Event<GenesisRequest, Answer<Genesis>>) {
        match event {
            Event::Message { peer, message: Message::Request { channel, .. }, .. } => {
                let now = Instant::now();
                let pace = self.membership.peers.get_mut(&peer).map(|peer| &mut peer.pace.genesis);
                if pace.is_some_and(|pace| pace.spend(GENESES, 1, now).is_ok()) {
                    let genesis = Answer::Bytes(Arc::clone(&self.questions.genesis));
                    drop(self.swarm.behaviour_mut().genesis.send_response(channel, genesis));
                }
            }
            Event::InboundFailure { peer, error, .. } => self.on_bad_question(peer, &error),
            Event::Message { .. } | Event::OutboundFailure { .. } | Event::ResponseSent { .. } => {}
        }
    }
}

fn millis(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX).max(1)
}
