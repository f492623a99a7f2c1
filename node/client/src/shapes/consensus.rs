//! How a height is being decided, and how the last ones were.
//!
//! Times are of the answering node's own clock, in unix ms: compare them with [`ConsensusView::now`], never with a clock of
//! your own.

use super::Phase;
use blockchat_proto::coins::Coins;
use blockchat_proto::hash::Hash32;
use blockchat_proto::keys::Address;
use blockchat_proto::units::{Height, Round, UnixMillis};
use serde::{Deserialize, Serialize};

/// Most rounds of the height that are told: the last ones.
pub const ROUNDS_TOLD_MAX: usize = 8;
/// Most decided heights that are told.
pub const DECIDED_TOLD_MAX: usize = 64;
/// Leaders told: of the current round and of those after it.
pub const LEADERS_TOLD: usize = 8;

/// The height being decided as one node sees it, and the last decided ones.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct ConsensusView {
    /// The node's clock when it answered.
    #[cfg_attr(feature = "openapi", schema(value_type = super::open::UnixMillis))]
    pub now: UnixMillis,
    /// The height being decided: the one after the last final block.
    #[cfg_attr(feature = "openapi", schema(value_type = super::open::Height))]
    pub height: Height,
    /// Has it begun? If not, the node waits for transactions or the next block's time; `rounds` is empty then.
    pub begun: bool,
    /// Phase of the node, as in the status.
    pub phase: Phase,
    /// Does this node vote?
    pub voting: bool,
    /// Round that the node is in.
    #[cfg_attr(feature = "openapi", schema(value_type = super::open::Round))]
    pub round: Round,
    /// When the height began; before that, when the last one was decided.
    #[cfg_attr(feature = "openapi", schema(value_type = super::open::UnixMillis))]
    pub since: UnixMillis,
    /// Members of the deciding set, by address: all lists of votes are in this order.
    pub members: Vec<MemberView>,
    /// Their stake in all.
    #[cfg_attr(feature = "openapi", schema(value_type = super::open::Coins))]
    pub stake_total: Coins,
    /// The least stake that decides: more than two thirds.
    #[cfg_attr(feature = "openapi", schema(value_type = super::open::Coins))]
    pub stake_needed: Coins,
    /// The last [`ROUNDS_TOLD_MAX`] rounds of the height up to the current one, oldest first.
    pub rounds: Vec<RoundView>,
    /// Waits that run now, by their end.
    pub timers: Vec<TimerView>,
    /// Leaders of the current round and of the [`LEADERS_TOLD`] - 1 after it.
    pub next_leaders: Vec<LeaderView>,
    /// The last decided heights, newest first, at most [`DECIDED_TOLD_MAX`]; those since the process started.
    pub decided: Vec<DecidedView>,
    /// The sets that decided these heights: each set once.
    pub sets: Vec<SetView>,
}

impl ConsensusView {
    /// Did this validator sign the certificate of a decided height? `None` if it was no member.
    pub fn signed(&self, decided: &DecidedView, validator: &Address) -> Option<bool> {
        let set = self.sets.iter().find(|set| set.hash == decided.set)?;
        let place = set.members.iter().position(|member| member == validator)?;
        decided.signed.get(place).copied()
    }
}

/// One member of the set that decides.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct MemberView {
    /// Whose.
    #[cfg_attr(feature = "openapi", schema(value_type = super::open::Address))]
    pub address: Address,
    /// Its stake.
    #[cfg_attr(feature = "openapi", schema(value_type = super::open::Coins))]
    pub stake: Coins,
    /// Is it the answering node's own validator?
    pub own: bool,
    /// When a consensus message of it last came; `null` if none did since the process started, and for the node's own.
    #[cfg_attr(feature = "openapi", schema(value_type = Option<super::open::UnixMillis>))]
    pub heard: Option<UnixMillis>,
}

/// One round of the height being decided.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct RoundView {
    /// Its number, from 0.
    #[cfg_attr(feature = "openapi", schema(value_type = super::open::Round))]
    pub round: Round,
    /// Its leader.
    #[cfg_attr(feature = "openapi", schema(value_type = super::open::Address))]
    pub leader: Address,
    /// When the node entered it; `null` of a round that it only heard votes of.
    #[cfg_attr(feature = "openapi", schema(value_type = Option<super::open::UnixMillis>))]
    pub started: Option<UnixMillis>,
    /// The leader's proposal, once it has arrived.
    pub proposal: Option<ProposalView>,
    /// First votes.
    pub prevotes: VotesView,
    /// Second votes: more than two thirds of the stake for one block decide.
    pub precommits: VotesView,
}

/// A proposed block.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct ProposalView {
    /// Its hash.
    #[cfg_attr(feature = "openapi", schema(value_type = super::open::Hash32))]
    pub hash: Hash32,
    /// How many transactions it holds; `null` until the block itself is here.
    pub transactions: Option<u32>,
    /// Size of its canonical bytes; `null` until the block itself is here.
    pub bytes: Option<u64>,
    /// When the proposal was first heard.
    #[cfg_attr(feature = "openapi", schema(value_type = super::open::UnixMillis))]
    pub seen: UnixMillis,
    /// The earlier round in which more than two thirds prevoted it, if it is proposed again.
    #[cfg_attr(feature = "openapi", schema(value_type = Option<super::open::Round>))]
    pub lock_round: Option<Round>,
    /// Does the block follow the rules? `null` until that is known.
    pub valid: Option<bool>,
}

/// The votes of one kind in one round.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct VotesView {
    /// Vote of each member, in the order of [`ConsensusView::members`].
    pub votes: Vec<VoteView>,
    /// Stake for the proposal of this round.
    #[cfg_attr(feature = "openapi", schema(value_type = super::open::Coins))]
    pub stake_proposal: Coins,
    /// Stake for other blocks.
    #[cfg_attr(feature = "openapi", schema(value_type = super::open::Coins))]
    pub stake_other: Coins,
    /// Stake for nil: no block in this round.
    #[cfg_attr(feature = "openapi", schema(value_type = super::open::Coins))]
    pub stake_nil: Coins,
    /// Stake of the members not heard.
    #[cfg_attr(feature = "openapi", schema(value_type = super::open::Coins))]
    pub stake_unheard: Coins,
}

/// Vote of one member.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(tag = "is", rename_all = "snake_case")]
pub enum VoteView {
    /// For the proposal of this round.
    Proposal,
    /// For a block that is not the proposal, or whose proposal has not come.
    Other {
        /// Its hash.
        #[cfg_attr(feature = "openapi", schema(value_type = super::open::Hash32))]
        hash: Hash32,
    },
    /// For no block in this round.
    Nil,
    /// Nothing, as far as this node heard.
    Unheard,
    /// Something that this program does not know yet.
    #[serde(other)]
    Unknown,
}

/// A wait that runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct TimerView {
    /// Its purpose.
    pub timer: TimerKind,
    /// Of this round; `null` where it belongs to none.
    #[cfg_attr(feature = "openapi", schema(value_type = Option<super::open::Round>))]
    pub round: Option<Round>,
    /// When it began.
    #[cfg_attr(feature = "openapi", schema(value_type = super::open::UnixMillis))]
    pub since: UnixMillis,
    /// When it ends.
    #[cfg_attr(feature = "openapi", schema(value_type = super::open::UnixMillis))]
    pub until: UnixMillis,
}

/// The step that a timer ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case")]
pub enum TimerKind {
    /// For the proposal.
    Propose,
    /// For more prevotes.
    Prevote,
    /// For more precommits.
    Precommit,
    /// Until the node's last votes are sent again.
    Rebroadcast,
    /// Until the height begins: for transactions, or the next block's time.
    Pace,
    /// Until the node's clock reaches the time of a block that came from ahead of it.
    HeldBlock,
    /// Until a proposed block is asked for again.
    Body,
    /// Until claims of higher tips are checked again.
    CatchUp,
    /// Something that this program does not know yet.
    #[serde(other)]
    Unknown,
}

impl TimerKind {
    /// As in JSON.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Propose => "propose",
            Self::Prevote => "prevote",
            Self::Precommit => "precommit",
            Self::Rebroadcast => "rebroadcast",
            Self::Pace => "pace",
            Self::HeldBlock => "held_block",
            Self::Body => "body",
            Self::CatchUp => "catch_up",
            Self::Unknown => "unknown",
        }
    }
}

/// Leader of a round.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct LeaderView {
    /// The round.
    #[cfg_attr(feature = "openapi", schema(value_type = super::open::Round))]
    pub round: Round,
    /// Its leader.
    #[cfg_attr(feature = "openapi", schema(value_type = super::open::Address))]
    pub leader: Address,
}

/// One decided height.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct DecidedView {
    /// The height.
    #[cfg_attr(feature = "openapi", schema(value_type = super::open::Height))]
    pub height: Height,
    /// Hash of its block.
    #[cfg_attr(feature = "openapi", schema(value_type = super::open::Hash32))]
    pub hash: Hash32,
    /// Leader that assembled the block.
    #[cfg_attr(feature = "openapi", schema(value_type = super::open::Address))]
    pub leader: Address,
    /// Round in which it was decided; the round in which the block was built may be an earlier one.
    #[cfg_attr(feature = "openapi", schema(value_type = super::open::Round))]
    pub round: Round,
    /// The block's own time.
    #[cfg_attr(feature = "openapi", schema(value_type = super::open::UnixMillis))]
    pub time: UnixMillis,
    /// When it became final here.
    #[cfg_attr(feature = "openapi", schema(value_type = super::open::UnixMillis))]
    pub decided: UnixMillis,
    /// Was it fetched from a peer, long after the others had decided it? Then the times say nothing about the network.
    pub caught_up: bool,
    /// Between the decision before it and this one, by the node's clock; `null` of the first one since it started.
    pub interval_ms: Option<u64>,
    /// From when the node first saw one of its transactions until it was final here; `null` if it saw none before.
    pub seen_to_final_ms: Option<u64>,
    /// How many transactions it holds.
    pub transactions: u32,
    /// Size of its canonical bytes.
    pub bytes: u64,
    /// Which set decided it: one of [`ConsensusView::sets`].
    #[cfg_attr(feature = "openapi", schema(value_type = super::open::Hash32))]
    pub set: Hash32,
    /// For each member of that set: is its precommit in the certificate, those that came late included?
    pub signed: Vec<bool>,
}

/// Round, leader and signers of a decided height.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct SetView {
    /// Its hash, as in headers.
    #[cfg_attr(feature = "openapi", schema(value_type = super::open::Hash32))]
    pub hash: Hash32,
    /// Its members, by address.
    #[cfg_attr(feature = "openapi", schema(value_type = Vec<super::open::Address>))]
    pub members: Vec<Address>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_vote_says_what_it_is_for_and_a_new_kind_hides_no_other() {
        for (vote, json) in [
            (VoteView::Proposal, r#"{"is":"proposal"}"#.to_owned()),
            (VoteView::Nil, r#"{"is":"nil"}"#.to_owned()),
            (VoteView::Unheard, r#"{"is":"unheard"}"#.to_owned()),
            (VoteView::Other { hash: Hash32::ZERO }, format!(r#"{{"is":"other","hash":"{}"}}"#, Hash32::ZERO)),
        ] {
            assert_eq!(serde_json::to_string(&vote).unwrap(), json);
            assert_eq!(serde_json::from_str::<VoteView>(&json).unwrap(), vote);
        }
        assert_eq!(serde_json::from_str::<VoteView>(r#"{"is":"abstained","why":1}"#).unwrap(), VoteView::Unknown);
    }

    #[test]
    fn a_timer_is_its_name_and_a_new_one_does_not_hide_the_others() {
        use TimerKind::{Body, CatchUp, HeldBlock, Pace, Precommit, Prevote, Propose, Rebroadcast, Unknown};
        for timer in [Propose, Prevote, Precommit, Rebroadcast, Pace, HeldBlock, Body, CatchUp, Unknown] {
            let json = format!("\"{}\"", timer.as_str());
            assert_eq!(serde_json::to_string(&timer).unwrap(), json);
            assert_eq!(serde_json::from_str::<TimerKind>(&json).unwrap(), timer);
        }
        assert_eq!(serde_json::from_str::<TimerKind>("\"tea\"").unwrap(), TimerKind::Unknown);
    }
}
