//! Goodbye: a peer that has to go is told why, and a node that is told goes. SPEC SYNC-6.
//!
//! Always true: a peer that is told is disconnected as soon as it has answered, or cannot hear us; the membership
//! disconnects it soon in any case. Start reading at [`Task::dismiss`].

use super::codec::Answer;
use super::membership::Fact;
use super::swarm_task::Task;
use blockchat_proto::sync::{GOODBYE_VERSION, Goodbye, Parting};
use libp2p::PeerId;
use libp2p::request_response::{Event, Message};
use tracing::{debug, info};

impl Task {
    /// Tells a peer why it has to go.
    pub(super) fn dismiss(&mut self, id: PeerId, why: Parting) {
        debug!(peer = %id, ?why, "disconnecting from peer");
        self.swarm.behaviour_mut().goodbye.send_request(&id, Goodbye { version: GOODBYE_VERSION, why });
    }

    pub(super) fn on_goodbye(&mut self, event: Event<Goodbye, Answer<Goodbye>>) {
        match event {
            Event::Message { peer, message: Message::Request { request, channel, .. }, .. } => {
                info!(%peer, why = words(request.why), "peer lets us go");
                // An error means that it is gone already.
                drop(self.swarm.behaviour_mut().goodbye.send_response(channel, Answer::Value(request)));
                self.decide(Fact::Dismissed { id: peer, why: request.why });
            }
            Event::Message { peer, message: Message::Response { .. }, .. } | Event::OutboundFailure { peer, .. } => {
                self.part(&peer);
            }
            Event::InboundFailure { peer, error, .. } => self.on_bad_question(peer, &error),
            Event::ResponseSent { .. } => {}
        }
    }
}

fn words(why: Parting) -> &'static str {
    match why {
        Parting::Full => "it is full",
        Parting::OtherChain => "it is of another chain",
        Parting::OtherRun => "another node with our identity is connected to it",
    }
}
