//! The state of the height after the tip: created and dropped with that height.
//!
//! Always true: nothing in here outlives its height, because it is replaced as a whole when the tip moves
//! (`height_decided` of [`super::Consensus`]). State that lasts longer is in [`super::Consensus`].
//! Start reading at [`Deciding`].

use super::Wish;
use super::malachite::VotingCore;
use super::proposed_blocks::ProposedBlocks;
use super::sightings::Sightings;
use crate::event::Timer;
use crate::journal::JournalRecord;
use blockchat_proto::hash::Hash32;
use blockchat_proto::keys::Address;
use blockchat_proto::units::{Round, UnixMillis};
use blockchat_proto::vote::{SignedProposal, SignedVote};
use std::collections::{BTreeSet, VecDeque};

/// One height, from the moment its parent is final until it is final itself.
pub(super) struct Deciding {
    /// Votes; `None` before the height starts.
    pub(super) core: Option<VotingCore>,
    /// The node's journal of this height from before its start: replayed whenever the core starts.
    pub(super) journal: Vec<JournalRecord>,
    pub(super) round: Round,
    /// Leader of that round.
    pub(super) leader: Address,
    /// Start of the height, or, before that, the time of the previous decision.
    pub(super) since: UnixMillis,
    /// Start of the previous height, if it was decided here; else when the tip moved.
    pub(super) begun_last: UnixMillis,
    /// Was the previous block full?
    pub(super) after_full: bool,
    pub(super) proposed: ProposedBlocks,
    /// Proposals of later rounds that our lock forbids, each with the verdict on its block. See `lost`.
    pub(super) withheld: Vec<(SignedProposal, bool)>,
    /// Our votes in the round in which our data was lost; the core has left that round.
    pub(super) parting: Vec<SignedVote>,
    /// Running timers.
    pub(super) timers: BTreeSet<Timer>,
    /// Number of repetitions of our votes.
    pub(super) repeated: u32,
    /// Number of repetitions since the intervals between them last started anew.
    pub(super) backoff: u32,
    /// Blocks to send along with their proposals.
    pub(super) attach: BTreeSet<Hash32>,
    pub(super) sightings: Sightings,
    /// Blocks ahead of our clock, held until it reaches them or a quorum has prevoted them.
    pub(super) held: BTreeSet<Hash32>,
    /// Members that said something about it.
    pub(super) speakers: BTreeSet<Address>,
    /// Requests to other parts, oldest first.
    pub(super) wishes: VecDeque<Wish>,
}

impl Deciding {
    /// A new height without messages; this member leads its first round.
    pub(super) fn new(leader: Address, now: UnixMillis) -> Self {
        Self {
            core: None,
            journal: vec![],
            round: Round(0),
            leader,
            since: now,
            begun_last: now,
            after_full: false,
            proposed: ProposedBlocks::default(),
            withheld: vec![],
            parting: vec![],
            timers: BTreeSet::new(),
            repeated: 0,
            backoff: 0,
            attach: BTreeSet::new(),
            sightings: Sightings::default(),
            held: BTreeSet::new(),
            speakers: BTreeSet::new(),
            wishes: VecDeque::new(),
        }
    }

    /// The same height again, without the core's knowledge of it, but for the journal. Our sightings of others stay.
    #[must_use]
    pub(super) fn anew(self) -> Self {
        let Self { journal, leader, since, begun_last, after_full, sightings, held, speakers, .. } = self;
        Self { journal, begun_last, after_full, sightings, held, speakers, ..Self::new(leader, since) }
    }
}
