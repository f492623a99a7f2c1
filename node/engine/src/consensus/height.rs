//! All that belongs to the height after the tip: it comes with that height, and goes with it.
//!
//! Always true: nothing in here outlives its height, because the whole of it is replaced when the tip moves
//! ([`super::Consensus::committed`]). What lasts longer stands in [`super::Consensus`].
//! Start reading at [`Deciding`].

use super::Wish;
use super::candidates::Candidates;
use super::malachite::VotingCore;
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
    /// Votes; nothing before the height starts.
    pub(super) core: Option<VotingCore>,
    /// Replayed when the height starts.
    pub(super) journal: Vec<JournalRecord>,
    pub(super) round: Round,
    /// Of that round.
    pub(super) leader: Address,
    /// When it began, or, before that, when the one before was decided.
    pub(super) since: UnixMillis,
    /// When the height before it began, if that was decided here; when the tip moved, if it was not.
    pub(super) begun_last: UnixMillis,
    /// Was the block before it full?
    pub(super) after_full: bool,
    pub(super) candidates: Candidates,
    /// Proposals of later rounds that our lock forbids, each with the verdict on its block. See `lost`.
    pub(super) withheld: Vec<(SignedProposal, bool)>,
    /// Our votes in the round in which our data was lost: the core has left it.
    pub(super) parting: Vec<SignedVote>,
    /// Those that run.
    pub(super) timers: BTreeSet<Timer>,
    /// How often our votes were sent again.
    pub(super) repeated: u32,
    /// Blocks to be sent along with their proposals.
    pub(super) attach: BTreeSet<Hash32>,
    pub(super) sightings: Sightings,
    /// Blocks from ahead of our clock, held until it reaches them or a quorum has prevoted them.
    pub(super) held: BTreeSet<Hash32>,
    /// Members that said something about it.
    pub(super) speakers: BTreeSet<Address>,
    /// What is needed of the other parts, oldest first.
    pub(super) wishes: VecDeque<Wish>,
}

impl Deciding {
    /// A height that nobody has said anything about; this member leads its first round.
    pub(super) fn new(leader: Address, now: UnixMillis) -> Self {
        Self {
            core: None,
            journal: vec![],
            round: Round(0),
            leader,
            since: now,
            begun_last: now,
            after_full: false,
            candidates: Candidates::default(),
            withheld: vec![],
            parting: vec![],
            timers: BTreeSet::new(),
            repeated: 0,
            attach: BTreeSet::new(),
            sightings: Sightings::default(),
            held: BTreeSet::new(),
            speakers: BTreeSet::new(),
            wishes: VecDeque::new(),
        }
    }

    /// The same height once more, with nothing of what our core knew of it. What we saw of others stays.
    #[must_use]
    pub(super) fn anew(self) -> Self {
        let Self { leader, since, begun_last, after_full, sightings, held, speakers, .. } = self;
        Self { begun_last, after_full, sightings, held, speakers, ..Self::new(leader, since) }
    }
}
