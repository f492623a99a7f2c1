//! Shows its block to a few and the hash to all: the others have to ask those few.

use super::{Audience, Misbehaviour, Scene, Speech, own_block};
use crate::sim::dice::Dice;
use blockchat_proto::gossip::ConsensusMessage;

/// Hands out what it proposed only sometimes.
#[derive(Debug)]
pub(super) struct Withholder;

impl Misbehaviour for Withholder {
    fn speak(&mut self, scene: &mut Scene<'_>, message: ConsensusMessage) -> Speech {
        match (own_block(scene, &message), message) {
            (Some(_), ConsensusMessage::Proposal { proposal, block }) => vec![
                (Audience::Few, ConsensusMessage::Proposal { proposal, block }),
                (Audience::ButFew, ConsensusMessage::Proposal { proposal, block: None }),
            ],
            (_, message) => vec![(Audience::All, message)],
        }
    }

    fn hands_out_bodies(&mut self, dice: &mut Dice) -> bool {
        dice.permille(300)
    }
}
