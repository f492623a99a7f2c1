//! Contradicts itself once.

use super::{Audience, Misbehaviour, Scene, Speech};
use blockchat_proto::gossip::ConsensusMessage;
use blockchat_proto::hash::Hash32;
use blockchat_proto::units::Height;
use blockchat_proto::vote::{Vote, VoteKind};

/// Prevotes for two things at one height, to all, and is honest otherwise.
#[derive(Debug)]
pub(super) struct Slip {
    at: Height,
    done: bool,
}

impl Slip {
    pub(super) fn at(at: Height) -> Self {
        Self { at, done: false }
    }
}

impl Misbehaviour for Slip {
    fn speak(&mut self, scene: &mut Scene<'_>, message: ConsensusMessage) -> Speech {
        let truth = (Audience::All, message.clone());
        match message {
            ConsensusMessage::Vote(signed)
                if !self.done && signed.vote.height == self.at && signed.vote.kind == VoteKind::Prevote =>
            {
                self.done = true;
                let value = signed.vote.value.is_none().then_some(Hash32::ZERO);
                let lie = Vote { value, ..signed.vote }.sign(scene.chain, scene.signer);
                vec![truth, (Audience::All, ConsensusMessage::Vote(lie))]
            }
            _ => vec![truth],
        }
    }
}
