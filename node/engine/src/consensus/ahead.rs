//! Messages for heights we have not reached: verified, of members, few of each. The core would queue them unchecked.

use blockchat_proto::block::VerifiedBlock;
use blockchat_proto::keys::Address;
use blockchat_proto::units::Height;
use blockchat_proto::vote::{RoundCertificate, SignedProposal, SignedVote, Verified};
use std::collections::{BTreeMap, VecDeque};

use crate::event::PeerTag;

/// A consensus message as it came.
#[derive(Clone, Debug)]
pub(crate) enum Message {
    Proposal(Verified<SignedProposal>, Option<VerifiedBlock>),
    Vote(Verified<SignedVote>),
    Certificate(Verified<RoundCertificate>),
}

impl Message {
    /// Its height, and the member it speaks for; `None` for a certificate that is malformed.
    pub(crate) fn height_and_author(&self) -> Option<(Height, Address)> {
        match self {
            Self::Proposal(proposal, _) => Some((proposal.get().proposal.height, proposal.get().proposal.leader)),
            Self::Vote(vote) => Some((vote.get().vote.height, vote.get().vote.validator)),
            Self::Certificate(certificate) => {
                let (height, _) = certificate.get().height_and_round()?;
                Some((height, certificate.get().votes.first()?.vote.validator))
            }
        }
    }
}

/// How many heights ahead are kept.
const HEIGHTS_AHEAD_MAX: u64 = 2;

/// Bounded: per member the newest few messages.
pub(super) struct Ahead {
    per_member_max: usize,
    kept: BTreeMap<Address, VecDeque<(Height, PeerTag, Message)>>,
}

impl Ahead {
    pub(super) fn new(per_member_max: usize) -> Self {
        Self { per_member_max, kept: BTreeMap::new() }
    }

    /// Keeps a message of the member `author` if its height is near; drops that member's oldest beyond the limit.
    pub(super) fn keep(&mut self, current: Height, height: Height, author: Address, from: PeerTag, message: Message) {
        if height.0 > current.0.saturating_add(HEIGHTS_AHEAD_MAX) {
            return;
        }
        let queue = self.kept.entry(author).or_default();
        if queue.len() >= self.per_member_max {
            queue.pop_front();
        }
        queue.push_back((height, from, message));
    }

    /// Takes what was kept for `height`, and drops what is below.
    pub(super) fn take(&mut self, height: Height) -> Vec<(PeerTag, Message)> {
        let mut taken = vec![];
        for queue in self.kept.values_mut() {
            let (due, later): (VecDeque<_>, VecDeque<_>) =
                std::mem::take(queue).into_iter().partition(|(at, _, _)| *at <= height);
            *queue = later;
            taken.extend(due.into_iter().filter(|(at, _, _)| *at == height).map(|(_, from, message)| (from, message)));
        }
        self.kept.retain(|_, queue| !queue.is_empty());
        taken
    }

    /// Is anything kept for this height?
    pub(super) fn holds(&self, height: Height) -> bool {
        self.kept.values().flatten().any(|(at, _, _)| *at == height)
    }
}
