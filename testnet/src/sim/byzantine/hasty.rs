//! Has no patience: where others wait for transactions, it votes for the next height, and would have them follow.

use super::{Audience, Misbehaviour, Scene, Speech};
use blockchat_proto::gossip::ConsensusMessage;
use blockchat_proto::units::{Height, Round};
use blockchat_proto::vote::{SignedVote, Vote, VoteKind};

/// With the first thing that it hears at a tip, a vote for what follows.
#[derive(Debug, Default)]
pub(super) struct Hasty {
    voted: Height,
}

impl Misbehaviour for Hasty {
    /// In round 0 of a height it signs one prevote, its own or that of its engine: a hurry is no contradiction.
    fn speak(&mut self, scene: &mut Scene<'_>, message: ConsensusMessage) -> Speech {
        let own = scene.signer.address();
        let first = |vote: &Vote| (vote.validator, vote.kind, vote.round) == (own, VoteKind::Prevote, Round(0));
        match &message {
            ConsensusMessage::Vote(SignedVote { vote, .. }) if first(vote) => {
                if vote.height <= self.voted {
                    return vec![];
                }
                self.voted = vote.height;
            }
            // The votes of its engine are among them.
            ConsensusMessage::RoundCertificate(votes) if votes.votes.iter().any(|signed| first(&signed.vote)) => {
                return vec![];
            }
            _ => {}
        }
        vec![(Audience::All, message)]
    }

    fn retort(&mut self, scene: &mut Scene<'_>) -> Speech {
        let height = scene.ledger.tip().height.next();
        if height <= self.voted {
            return vec![];
        }
        self.voted = height;
        let (kind, validator) = (VoteKind::Prevote, scene.signer.address());
        let vote = Vote { kind, height, round: Round(0), value: None, validator }.sign(scene.chain, scene.signer);
        vec![(Audience::All, ConsensusMessage::Vote(vote))]
    }
}
