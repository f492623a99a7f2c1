//! Messages for heights we have not reached: verified, from members, a few of each. The core would queue them
//! unchecked.

use blockchat_proto::block::VerifiedBlock;
use blockchat_proto::keys::Address;
use blockchat_proto::units::{Height, Round};
use blockchat_proto::vote::{RoundCertificate, SignedProposal, SignedVote, Verified};
use std::collections::{BTreeMap, BTreeSet, VecDeque};

use crate::event::PeerTag;
use crate::relevance::HEIGHTS_AHEAD;

/// A consensus message from the network.
#[derive(Clone, Debug)]
pub(crate) enum Message {
    Proposal(Verified<SignedProposal>, Option<VerifiedBlock>),
    Vote(Verified<SignedVote>),
    Certificate(Verified<RoundCertificate>),
}

impl Message {
    /// Its height and author; `None` for a malformed certificate.
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

impl Message {
    /// All signers of something in it.
    pub(super) fn speakers(&self) -> Vec<Address> {
        match self {
            Self::Proposal(proposal, _) => vec![proposal.get().proposal.leader],
            Self::Vote(vote) => vec![vote.get().vote.validator],
            Self::Certificate(votes) => votes.get().votes.iter().map(|signed| signed.vote.validator).collect(),
        }
    }

    /// Is `other` the same, without a block that this one lacks?
    fn says_as_much_as(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Proposal(one, has), Self::Proposal(two, brings)) => {
                one == two && (has.is_some() || brings.is_none())
            }
            (Self::Vote(one), Self::Vote(two)) => one == two,
            (Self::Certificate(one), Self::Certificate(two)) => one == two,
            _ => false,
        }
    }

    fn block_bytes(&self) -> usize {
        match self {
            Self::Proposal(_, Some(block)) => block.bytes().len(),
            Self::Proposal(_, None) | Self::Vote(_) | Self::Certificate(_) => 0,
        }
    }
}

/// Maximum bytes of blocks kept with their proposals, of all members together. A proposal beyond it is kept without
/// block, which is requested when its height comes.
const BLOCK_BYTES_MAX: usize = 8 * 1024 * 1024;

/// Bounded: the newest few messages per member, one of them with a block.
pub(super) struct Ahead {
    per_member_max: usize,
    kept: BTreeMap<Address, VecDeque<(Height, PeerTag, Message)>>,
}

impl Ahead {
    pub(super) fn new(per_member_max: usize) -> Self {
        Self { per_member_max, kept: BTreeMap::new() }
    }

    /// Keeps a message of the member `author` if its height is near; drops that member's oldest beyond the limit.
    pub(super) fn keep(&mut self, tip: Height, height: Height, author: Address, from: PeerTag, mut message: Message) {
        if height.0 > tip.0.saturating_add(HEIGHTS_AHEAD) {
            return;
        }
        // A repetition, from any sender: it must not displace another message.
        if self.kept.get(&author).into_iter().flatten().any(|(_, _, kept)| kept.says_as_much_as(&message)) {
            return;
        }
        if let Message::Proposal(_, block @ Some(_)) = &mut message {
            self.make_room(&author, block);
        }
        let queue = self.kept.entry(author).or_default();
        if queue.len() >= self.per_member_max {
            queue.pop_front();
        }
        queue.push_back((height, from, message));
    }

    /// Drops the block that its author sent before; and this one, if those of others leave no room.
    fn make_room(&mut self, author: &Address, block: &mut Option<VerifiedBlock>) {
        for (_, _, message) in self.kept.get_mut(author).into_iter().flatten() {
            if let Message::Proposal(_, before) = message {
                *before = None;
            }
        }
        let held = self.kept.values().flatten().map(|(_, _, message)| message.block_bytes()).sum::<usize>();
        if block.as_ref().is_some_and(|block| held + block.bytes().len() > BLOCK_BYTES_MAX) {
            *block = None;
        }
    }

    /// Takes the messages for `height`, and drops those below.
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

    /// Authors of the messages kept for this height.
    pub(super) fn speakers(&self, height: Height) -> BTreeSet<Address> {
        let of = self.kept.values().flatten().filter(|(at, _, _)| *at == height);
        of.flat_map(|(_, _, message)| message.speakers()).collect()
    }

    /// Blocks kept for the first round of this height, with their proposers.
    pub(super) fn first_blocks(&self, height: Height) -> impl Iterator<Item = (Address, &VerifiedBlock)> {
        let of = self.kept.values().flatten().filter(move |(at, _, _)| *at == height);
        of.filter_map(|(_, _, message)| match message {
            Message::Proposal(proposal, Some(block)) => {
                let proposal = proposal.get().proposal;
                (proposal.round == Round(0) && proposal.block == block.hash()).then_some((proposal.leader, block))
            }
            _ => None,
        })
    }
}
