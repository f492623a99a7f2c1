//! Signs two different things where one is allowed.

use super::{Audience, Misbehaviour, Scene, Speech, own_block, propose};
use crate::sim::wire::Heard;
use blockchat_proto::gossip::ConsensusMessage;
use blockchat_proto::hash::Hash32;
use blockchat_proto::ledger::Draft;
use blockchat_proto::units::UnixMillis;
use blockchat_proto::vote::{SignedVote, Vote};

/// Tells one half of the network this and the other half that.
#[derive(Debug, Default)]
pub(super) struct Equivocator {
    /// The block that was proposed last.
    proposed: Option<Hash32>,
}

impl Misbehaviour for Equivocator {
    fn speak(&mut self, scene: &mut Scene<'_>, message: ConsensusMessage) -> Speech {
        if let ConsensusMessage::Vote(signed) = &message
            && signed.vote.validator == scene.signer.address()
        {
            return self.two_votes(scene, *signed);
        }
        match own_block(scene, &message) {
            Some((proposal, block)) => {
                self.proposed = Some(proposal.block);
                let draft = Draft {
                    round: block.header.round,
                    leader: block.header.leader,
                    time: UnixMillis(block.header.time.0 + 1),
                    offered: vec![],
                    evidence: vec![],
                    commit: block.commit,
                    late: block.late,
                };
                let rival = scene.ledger.build_block(draft).block.to_block();
                vec![(Audience::Even, message), (Audience::Odd, propose(scene, proposal, rival))]
            }
            None => vec![(Audience::All, message)],
        }
    }

    fn hear(&mut self, message: &Heard) {
        if let Heard::Proposal(proposal, _) = message {
            self.proposed = Some(proposal.get().proposal.block);
        }
    }
}

impl Equivocator {
    fn two_votes(&self, scene: &mut Scene<'_>, signed: SignedVote) -> Speech {
        let value = match signed.vote.value {
            Some(_) => None,
            None => self.proposed,
        };
        let lie = Vote { value, ..signed.vote }.sign(scene.chain, scene.signer);
        let (truth, lie) = (ConsensusMessage::Vote(signed), ConsensusMessage::Vote(lie));
        match scene.dice.below(3) {
            0 => vec![(Audience::All, truth), (Audience::All, lie)],
            1 => vec![(Audience::Even, truth), (Audience::Odd, lie)],
            _ => vec![(Audience::Odd, truth), (Audience::Even, lie)],
        }
    }
}
