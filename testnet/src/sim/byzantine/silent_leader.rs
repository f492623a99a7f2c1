//! Votes, but never proposes.

use super::{Audience, Misbehaviour, Scene, Speech};
use blockchat_proto::gossip::ConsensusMessage;

/// Lets every round pass that it leads.
#[derive(Debug)]
pub(super) struct SilentLeader;

impl Misbehaviour for SilentLeader {
    fn speak(&mut self, _scene: &mut Scene<'_>, message: ConsensusMessage) -> Speech {
        match message {
            ConsensusMessage::Proposal { .. } => vec![],
            other => vec![(Audience::All, other)],
        }
    }
}
