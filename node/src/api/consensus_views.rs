//! Decisions of heights as the API's JSON shapes. Pure.
//!
//! Start reading at [`consensus`].

use super::views;
use blockchat_client::shapes::{
    ConsensusView, DECIDED_TOLD_MAX, DecidedView, LEADERS_TOLD, LeaderView, MemberView, ProposalView, ROUNDS_TOLD_MAX,
    RoundView, SetView, TimerKind, TimerView, VoteView, VotesView,
};
use blockchat_engine::engine_view::{
    DECIDED_SHOWN, Decided, EngineView, LEADERS_SHOWN, ProposalFacts, ROUNDS_SHOWN, RoundFacts,
};
use blockchat_engine::event::{RoundTimer, Timer};
use blockchat_proto::coins::Stake;
use blockchat_proto::hash::Hash32;
use blockchat_proto::units::UnixMillis;
use blockchat_proto::validators::{Validator, ValidatorSet};
use std::collections::BTreeMap;

// The API's shapes promise as many entries as the engine shows.
const _: () = assert!(DECIDED_SHOWN == DECIDED_TOLD_MAX && ROUNDS_SHOWN == ROUNDS_TOLD_MAX);
const _: () = assert!(LEADERS_SHOWN as usize == LEADERS_TOLD);

/// The height being decided, and the last ones.
pub(super) fn consensus(view: &EngineView) -> ConsensusView {
    let total = view.validators.total();
    let members = view.validators.members();
    let sets: BTreeMap<_, _> = view.decided.iter().map(|decided| (decided.members.hash(), &decided.members)).collect();
    let leader = |(round, leader): &_| LeaderView { round: *round, leader: *leader };
    ConsensusView {
        now: view.now,
        height: view.height,
        begun: view.begun,
        phase: views::phase_of(&view.phase, total, view.rules),
        voting: view.voting,
        round: view.round,
        since: view.since,
        members: members.iter().zip(&view.heard).map(|(member, heard)| member_view(view, member, *heard)).collect(),
        stake_total: views::coins(total),
        stake_needed: views::coins(needed(total)),
        rounds: view.rounds.iter().map(|round| round_view(round, &view.validators)).collect(),
        timers: view.timers.iter().filter_map(timer).collect(),
        next_leaders: view.leaders.iter().map(leader).collect(),
        decided: view.decided.iter().map(decided).collect(),
        sets: sets.into_iter().map(|(hash, set)| set_view(hash, set)).collect(),
    }
}

/// The least stake that is more than two thirds. SPEC QUORUM-1.
fn needed(total: Stake) -> Stake {
    Stake(total.0 / 3 * 2 + total.0 % 3 * 2 / 3 + 1)
}

fn member_view(view: &EngineView, member: &Validator, heard: Option<UnixMillis>) -> MemberView {
    let own = view.own == Some(member.address);
    MemberView { address: member.address, stake: views::coins(member.stake), own, heard: heard.filter(|_| !own) }
}

fn round_view(round: &RoundFacts, members: &ValidatorSet) -> RoundView {
    let proposed = round.proposal.map(|proposal| proposal.block);
    RoundView {
        round: round.round,
        leader: round.leader,
        started: round.entered,
        proposal: round.proposal.map(proposal),
        prevotes: votes(&round.prevotes, proposed, members),
        precommits: votes(&round.precommits, proposed, members),
    }
}

fn proposal(facts: ProposalFacts) -> ProposalView {
    let (transactions, bytes) = facts.holds.unzip();
    ProposalView {
        hash: facts.block,
        transactions: transactions.map(|count| u32::try_from(count).unwrap_or(u32::MAX)),
        bytes: bytes.map(|count| u64::try_from(count).unwrap_or(u64::MAX)),
        seen: facts.seen,
        lock_round: facts.lock_round,
        valid: facts.valid,
    }
}

fn votes(values: &[Option<Option<Hash32>>], proposed: Option<Hash32>, members: &ValidatorSet) -> VotesView {
    let votes: Vec<_> = values.iter().map(|value| vote(*value, proposed)).collect();
    let stake = |wanted: fn(&VoteView) -> bool| {
        let theirs = votes.iter().zip(members.members()).filter(|(vote, _)| wanted(vote));
        views::coins(theirs.fold(Stake::default(), |sum, (_, member)| sum.plus(member.stake)))
    };
    VotesView {
        stake_proposal: stake(|vote| *vote == VoteView::Proposal),
        stake_other: stake(|vote| matches!(vote, VoteView::Other { .. })),
        stake_nil: stake(|vote| *vote == VoteView::Nil),
        stake_unheard: stake(|vote| *vote == VoteView::Unheard),
        votes,
    }
}

fn vote(value: Option<Option<Hash32>>, proposed: Option<Hash32>) -> VoteView {
    match value {
        None => VoteView::Unheard,
        Some(None) => VoteView::Nil,
        Some(Some(hash)) if Some(hash) == proposed => VoteView::Proposal,
        Some(Some(hash)) => VoteView::Other { hash },
    }
}

fn timer((timer, since, until): &(Timer, UnixMillis, UnixMillis)) -> Option<TimerView> {
    let (kind, round) = match timer {
        Timer::Round { round, step, .. } => {
            let kind = match step {
                RoundTimer::Propose => TimerKind::Propose,
                RoundTimer::Prevote => TimerKind::Prevote,
                RoundTimer::Precommit => TimerKind::Precommit,
                RoundTimer::Rebroadcast => TimerKind::Rebroadcast,
            };
            (kind, Some(*round))
        }
        Timer::Pace(_) => (TimerKind::Pace, None),
        Timer::HeldBlock(_) => (TimerKind::HeldBlock, None),
        Timer::Body(_) => (TimerKind::Body, None),
        Timer::CatchUp => (TimerKind::CatchUp, None),
        Timer::NextPart | Timer::Mempool | Timer::Presence => return None,
    };
    Some(TimerView { timer: kind, round, since: *since, until: *until })
}

fn decided(decided: &Decided) -> DecidedView {
    DecidedView {
        height: decided.height,
        hash: decided.hash,
        leader: decided.leader,
        round: decided.round,
        time: decided.time,
        decided: decided.decided,
        caught_up: decided.caught_up,
        interval_ms: decided.interval_ms,
        seen_to_final_ms: decided.seen_to_final_ms,
        transactions: u32::try_from(decided.transactions).unwrap_or(u32::MAX),
        bytes: u64::try_from(decided.bytes).unwrap_or(u64::MAX),
        set: decided.members.hash(),
        signed: decided.signed.clone(),
    }
}

fn set_view(hash: Hash32, set: &ValidatorSet) -> SetView {
    SetView { hash, members: set.members().iter().map(|member| member.address).collect() }
}

#[cfg(test)]
mod tests {
    use super::*;
    use blockchat_proto::coins::is_quorum;
    use blockchat_proto::keys::Address;

    #[test]
    fn what_is_needed_is_enough_and_one_less_is_not() {
        for total in [1, 2, 3, 4, 5, 6, 7, 100, 101, 102, u64::MAX / 4] {
            let least = needed(Stake(total));
            assert!(is_quorum(least, Stake(total)), "{total}");
            assert!(!is_quorum(Stake(least.0 - 1), Stake(total)), "{total}");
        }
    }

    #[test]
    fn every_vote_is_for_the_proposal_another_block_nil_or_not_heard_and_so_is_its_stake() {
        let member = |n: u8| Validator { address: Address([n; 32]), stake: Stake(u64::from(n) * 1_000_000) };
        let members = ValidatorSet::new((1..=4).map(member).collect()).unwrap();
        let (this, other) = (Hash32([1; 32]), Hash32([2; 32]));
        let view = votes(&[Some(Some(this)), Some(Some(other)), Some(None), None], Some(this), &members);
        let expected = [VoteView::Proposal, VoteView::Other { hash: other }, VoteView::Nil, VoteView::Unheard];
        assert_eq!(view.votes, expected);
        let stakes = [view.stake_proposal, view.stake_other, view.stake_nil, view.stake_unheard];
        assert_eq!(stakes.map(|stake| stake.micros()), [1_000_000, 2_000_000, 3_000_000, 4_000_000]);
        assert_eq!(vote(Some(Some(this)), None), VoteView::Other { hash: this }, "of a proposal that has not come");
    }
}
