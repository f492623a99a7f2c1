//! Proposes in the turn of others: blocks of its own, and blocks of others in its own name.

use super::{Audience, Misbehaviour, Scene, Speech, propose};
use crate::sim::wire::Heard;
use blockchat_proto::block::VerifiedBlock;
use blockchat_proto::gossip::ConsensusMessage;
use blockchat_proto::ledger::Draft;
use blockchat_proto::vote::{Proposal, VoteKind};

/// With every first vote, a proposal for its round.
#[derive(Debug, Default)]
pub(super) struct Usurper {
    proposed: Option<VerifiedBlock>,
}

impl Misbehaviour for Usurper {
    fn speak(&mut self, scene: &mut Scene<'_>, message: ConsensusMessage) -> Speech {
        let usurped = match &message {
            ConsensusMessage::Vote(signed) if signed.vote.kind == VoteKind::Prevote => {
                let (height, round, leader) = (signed.vote.height, signed.vote.round, signed.vote.validator);
                let others = self.proposed.as_ref().filter(|block| block.height() == height);
                let block = match others.filter(|_| scene.dice.permille(500)) {
                    Some(block) => block.to_block(),
                    None => {
                        let commit = others.and_then(|block| block.commit().cloned());
                        let late = others.and_then(|block| block.late().cloned());
                        let time = scene.ledger.tip().time.plus(1);
                        let draft = Draft { round, leader, time, offered: vec![], evidence: vec![], commit, late };
                        scene.ledger.build_block(draft).block.to_block()
                    }
                };
                let proposal = Proposal { height, round, block: block.header.hash(), lock_round: None, leader };
                Some((Audience::All, propose(scene, proposal, block)))
            }
            _ => None,
        };
        usurped.into_iter().chain([(Audience::All, message)]).collect()
    }

    fn hear(&mut self, message: &Heard) {
        if let Heard::Proposal(_, Some(block)) = message {
            self.proposed = Some(block.clone());
        }
    }
}
