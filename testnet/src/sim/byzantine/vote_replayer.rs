//! Sends what it once heard again, of whatever height, and changes some of it.

use super::{Audience, Misbehaviour, Scene, Speech};
use crate::sim::wire::Heard;
use blockchat_proto::gossip::ConsensusMessage;
use blockchat_proto::units::Round;
use blockchat_proto::vote::{SignedProposal, SignedVote, Vote};
use std::collections::VecDeque;

const REMEMBERED_MAX: usize = 256;

/// With every message of its own, two old ones of others and a forgery.
#[derive(Debug, Default)]
pub(super) struct VoteReplayer {
    heard: VecDeque<ConsensusMessage>,
}

impl Misbehaviour for VoteReplayer {
    fn speak(&mut self, scene: &mut Scene<'_>, message: ConsensusMessage) -> Speech {
        let mut speech = vec![(Audience::All, message)];
        for _ in 0..2 {
            speech.extend(self.old(scene).map(|old| (Audience::All, old)));
        }
        speech.extend(self.old(scene).map(|old| (Audience::All, forged(old))));
        speech
    }

    fn hear(&mut self, message: &Heard) {
        if self.heard.len() >= REMEMBERED_MAX {
            self.heard.pop_front();
        }
        self.heard.push_back(message.as_message());
    }
}

impl VoteReplayer {
    fn old(&self, scene: &mut Scene<'_>) -> Option<ConsensusMessage> {
        (!self.heard.is_empty()).then(|| self.heard[scene.dice.index(self.heard.len())].clone())
    }
}

/// A message of another member moved to the next round or height: its signature does not fit any more.
fn forged(message: ConsensusMessage) -> ConsensusMessage {
    match message {
        ConsensusMessage::Vote(SignedVote { vote, signature }) => {
            let vote = Vote { round: Round(vote.round.0 + 1), ..vote };
            ConsensusMessage::Vote(SignedVote { vote, signature })
        }
        ConsensusMessage::Proposal { proposal: SignedProposal { mut proposal, signature }, block } => {
            proposal.height = proposal.height.next();
            ConsensusMessage::Proposal { proposal: SignedProposal { proposal, signature }, block }
        }
        ConsensusMessage::RoundCertificate(mut certificate) => {
            if let Some(signed) = certificate.votes.first_mut() {
                signed.vote.value = None;
                signed.vote.round = Round(signed.vote.round.0 + 1);
            }
            ConsensusMessage::RoundCertificate(certificate)
        }
    }
}
