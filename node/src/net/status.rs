//! The status handshake: chain and height, both ways, on connecting and with every new head. SPEC SYNC-1.
//!
//! Owns: when it is said. Does not own: what follows from it (`membership`).
//! Always true: a peer counts, is asked and is answered only after it said that it is of our chain.
//! Start reading at [`Task::on_status_event`].

use super::codec::Answer;
use super::membership::Fact;
use super::peers::{Stage, Voice};
use super::quota::STATUSES;
use super::swarm_task::Task;
use crate::clock::unix_millis;
use blockchat_engine::event::PeerTag;
use blockchat_proto::sync::Status;
use libp2p::PeerId;
use libp2p::request_response::{self, Message, OutboundFailure, ResponseChannel};
use libp2p::swarm::ConnectionId;
use std::time::Duration;
use tokio::time::Instant;
use tracing::debug;

/// The status is said again this often, whether or not there is a new head.
const EVERY: Duration = Duration::from_secs(30);
/// A peer is told of new heads at most this often,
const PAUSE_MIN: Duration = Duration::from_millis(100);
/// or, with many peers, so long for each of them: 50 statuses a second in all.
const PAUSE_PER_PEER: Duration = Duration::from_millis(20);

/// A status that waits for its connection to be known as its peer's.
pub(super) struct HeldStatus {
    peer: PeerId,
    connection: ConnectionId,
    said: Status,
    channel: ResponseChannel<Answer<Status>>,
}

impl Task {
    /// Our current status.
    fn own_status(&self) -> Status {
        Status { time: unix_millis(), ..*self.status.borrow() }
    }

    /// Begins the handshake with a new peer.
    pub(super) fn greet(&mut self, id: &PeerId) {
        let ours = self.own_status();
        self.swarm.behaviour_mut().status.send_request(id, ours);
    }

    pub(super) fn on_status_event(&mut self, event: request_response::Event<Status, Answer<Status>>) {
        use request_response::Event;
        match event {
            Event::Message { peer, connection_id, message: Message::Request { request, channel, .. } } => {
                self.on_status_said(HeldStatus { peer, connection: connection_id, said: request, channel });
            }
            Event::Message { peer, message: Message::Response { response: Answer::Value(status), .. }, .. } => {
                self.on_status(peer, status);
            }
            Event::OutboundFailure { peer, error, .. } => self.on_unanswered(peer, &error),
            Event::Message { .. } | Event::InboundFailure { .. } | Event::ResponseSent { .. } => {}
        }
    }

    /// On a connection that may be of another run it waits: that one would take us for its peer.
    fn on_status_said(&mut self, status: HeldStatus) {
        let HeldStatus { peer, connection, .. } = status;
        let voice = self.membership.peers.get(&peer).map(|known| known.voice(connection, Instant::now()));
        match voice {
            Some(Voice::Heard) if self.may_say_status(&peer) => {
                let ours = self.own_status();
                // An error means that the peer is gone.
                drop(self.swarm.behaviour_mut().status.send_response(status.channel, Answer::Value(ours)));
                self.on_status(peer, status.said);
            }
            Some(Voice::Undecided) => {
                // One of each connection: the transport bounds how many there are.
                self.held_statuses.retain(|held| held.connection != connection);
                self.held_statuses.push(status);
            }
            _ => {}
        }
    }

    /// Some of those that wait may be of no other run, or of one, by now.
    pub(super) fn answer_held_statuses(&mut self) {
        std::mem::take(&mut self.held_statuses).into_iter().for_each(|status| self.on_status_said(status));
    }

    fn may_say_status(&mut self, id: &PeerId) -> bool {
        let now = Instant::now();
        let here = self.membership.peers.get_mut(id).filter(|peer| !matches!(peer.stage, Stage::Leaving(_)));
        here.is_some_and(|peer| peer.pace.status.spend(STATUSES, 1, now).is_ok())
    }

    fn on_unanswered(&mut self, id: PeerId, error: &OutboundFailure) {
        debug!(peer = %id, %error, "status not answered");
        if matches!(error, OutboundFailure::ConnectionClosed) {
            self.decide(Fact::Unanswered { id });
        }
    }

    fn on_status(&mut self, id: PeerId, status: Status) {
        self.decide(Fact::Said { id, status });
    }

    /// Sends our status to all peers that are behind our head, or have had none for a while; to none more often than
    /// allowed.
    pub(super) fn tell_all(&mut self) {
        let (now, ours) = (Instant::now(), self.status.borrow_and_update().height);
        let count = u32::try_from(self.membership.peers.greeted()).unwrap_or(u32::MAX);
        let pause = PAUSE_MIN.max(PAUSE_PER_PEER.saturating_mul(count));
        let mut due = vec![];
        for (id, peer) in self.membership.peers.iter_mut() {
            let Stage::Member(theirs) = peer.stage else {
                continue;
            };
            let is_news = ours > theirs.height && peer.told.is_none_or(|(_, height)| height < ours);
            let wait = if is_news { pause } else { EVERY };
            if peer.told.is_none_or(|(at, _)| now.duration_since(at) >= wait) {
                peer.told = Some((now, ours));
                due.push(*id);
            }
        }
        due.iter().for_each(|id| self.greet(id));
    }

    /// One peer seems to be behind.
    pub(super) fn send_status(&mut self, peer: PeerTag) {
        if let Some(id) = self.membership.peers.id(peer) {
            self.greet(&id);
        }
    }
}
