//! The status handshake: who I am and how far I am, both ways, on connecting and with every new head. SPEC SYNC-1.
//!
//! Always true: a peer counts, is asked and is answered only after it said that it is of our chain.

use super::config::{STATUS_DEADLINE, STATUS_EVERY, STATUS_PAUSE};
use super::handle::NetEvent;
use super::swarm_task::Task;
use blockchat_engine::event::PeerTag;
use blockchat_proto::sync::{STATUS_VERSION, Status};
use libp2p::PeerId;
use libp2p::request_response::{self, Message};
use tokio::time::Instant;
use tracing::{debug, info, warn};

impl Task {
    pub(super) fn on_status_event(&mut self, event: request_response::Event<Status, Status>) {
        match event {
            request_response::Event::Message { peer, message, .. } => match message {
                Message::Request { request, channel, .. } => {
                    let ours = *self.status.borrow();
                    let _ = self.swarm.behaviour_mut().status.send_response(channel, ours);
                    self.on_status(peer, request);
                }
                Message::Response { response, .. } => self.on_status(peer, response),
            },
            request_response::Event::OutboundFailure { peer, error, .. } => {
                debug!(%peer, %error, "status not answered");
            }
            request_response::Event::InboundFailure { .. } | request_response::Event::ResponseSent { .. } => {}
        }
    }

    /// A peer of our chain is told to the engine; any other is parted from.
    fn on_status(&mut self, id: PeerId, status: Status) {
        let ours = *self.status.borrow();
        if status.version != STATUS_VERSION || status.chain != ours.chain {
            let now = Instant::now();
            let pause = self.peers.is_stranger(id, status.chain, now);
            info!(peer = %id, chain = %status.chain.short(), "peer is of another chain");
            return self.ban(id, pause);
        }
        let Some(peer) = self.peers.get_mut(&id) else {
            return;
        };
        if peer.status.is_none() {
            info!(peer = %id, address = %peer.address, height = %status.height, "peer joined");
        }
        peer.status = Some(status);
        let tag = peer.tag;
        self.count_peers();
        self.tell(NetEvent::PeerStatus { peer: tag, status });
    }

    /// Tells everyone who is behind our head, or has not heard of us for a while; nobody more often than allowed.
    pub(super) fn tell_all(&mut self) {
        let (now, ours) = (Instant::now(), *self.status.borrow_and_update());
        let mut due = vec![];
        for (id, peer) in self.peers.iter_mut() {
            let Some(theirs) = peer.status else {
                continue;
            };
            let news = ours.height > theirs.height && peer.told.is_none_or(|(_, height)| height < ours.height);
            let pause = if news { STATUS_PAUSE } else { STATUS_EVERY };
            if peer.told.is_none_or(|(at, _)| now.duration_since(at) >= pause) {
                peer.told = Some((now, ours.height));
                due.push(*id);
            }
        }
        for id in due {
            self.swarm.behaviour_mut().status.send_request(&id, ours);
        }
    }

    /// One peer seems to be behind.
    pub(super) fn send_status(&mut self, peer: PeerTag) {
        if let Some(id) = self.peers.id(peer) {
            let ours = *self.status.borrow();
            self.swarm.behaviour_mut().status.send_request(&id, ours);
        }
    }

    /// A peer that never says who it is takes a place that others need.
    pub(super) fn part_from_silent(&mut self, now: Instant) {
        let silent =
            |peer: &super::peers::Peer| peer.status.is_none() && now.duration_since(peer.since) >= STATUS_DEADLINE;
        let silent: Vec<_> = self.peers.iter().filter(|(_, peer)| silent(peer)).map(|(id, _)| *id).collect();
        for id in silent {
            warn!(peer = %id, "peer never said where it is");
            let _ = self.swarm.disconnect_peer_id(id);
        }
    }
}
