//! Why no block comes, and what will make it go on.
//!
//! Always true: a standstill ends with a block, not with the first link that returns: otherwise the answer would change
//! with each node that finds the others.

use super::spread::{ON_ITS_WAY_MS, Spread, decides, spread};
use super::{Level, Verdict, listed};
use crate::groups::voters;
use crate::model::Model;
use crate::words::{any_of, count, percent, thousands};
use blockchat_proto::keys::Address;
use blockchat_proto::units::UnixMillis;

/// A height that takes so long, and so many times the usual wait, is slow.
const SLOW_MS: u64 = 10_000;
const SLOW_TIMES: u64 = 20;
/// Older votes of a node say nothing about how slow it is now.
const TOLD_OF_LATE_MS: u64 = 3_000;

/// Enough stake that is back for so long without a block is slow: another matter.
const BACK_MS: u64 = 10_000;

/// A standstill that no block has ended yet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Still {
    since: UnixMillis,
    /// When stake was last missing.
    missed: UnixMillis,
}

impl Still {
    /// After a change: the same one goes on, a new one begins, or there is none.
    pub(crate) fn of(model: &Model) -> Option<Self> {
        let before = model.still.filter(|still| model.chain.moved.is_none_or(|moved| moved <= still.missed));
        match missing_since(model) {
            Some(since) => {
                Some(Self { since: before.map_or(since, |before| before.since.min(since)), missed: model.now })
            }
            None => before.filter(|still| model.now.since(still.missed) < BACK_MS),
        }
    }
}

/// Too much of the stake is away, or was until now, and no block has come since.
pub(super) fn stands_still(model: &Model) -> Option<Verdict> {
    let still = model.still?;
    let (spread, total) = (spread(model), model.stake_total());
    let present = model.stake_of(&spread.present);
    let why = if missing_since(model).is_none() {
        back(present, total)
    } else if model.groups.is_cut() {
        cut(model, total)
    } else {
        missing(model, &spread, present, total)
    };
    Some(Verdict::new(Level::Bad, "STANDS STILL", why).lasting(model.now.since(still.since)))
}

/// The block that ends the standstill is on its way.
fn back(present: u64, total: u64) -> Vec<String> {
    let share = percent(present, total);
    vec![format!("{share} of the stake is connected again, 66.7 % needed"), "A block is on its way".into()]
}

/// Since when too much of the stake is away to decide a block.
fn missing_since(model: &Model) -> Option<UnixMillis> {
    let spread = spread(model);
    let total = model.stake_total();
    let present = model.stake_of(&spread.present);
    if total == 0 || decides(present, total) {
        return None;
    }
    // A block that came after the stake was lost proves that members vote which we do not see.
    let lost = spread.away.iter().filter_map(|(_, since, _)| *since).max();
    if let (Some(lost), Some(moved)) = (lost, model.chain.moved)
        && moved > lost.plus(ON_ITS_WAY_MS)
    {
        return None;
    }
    // Before the stake was lost no node waited: a network that rests has a block every ten seconds.
    let moved = model.chain.moved.or_else(|| Some(model.guide_status()?.tip_time)).unwrap_or(model.opened);
    Some(lost.map_or(moved, |lost| moved.max(lost)))
}

/// Two pieces or more, none of which has enough.
fn cut(model: &Model, total: u64) -> Vec<String> {
    let sizes: Vec<_> = model.groups.groups.iter().map(|group| group.len().to_string()).collect();
    let side = |group: &Vec<usize>| {
        let share = percent(model.stake_of(&voters(model, group)), total);
        format!("{} have {share}", listed(&model.node_names(group)))
    };
    let sides: Vec<_> = model.groups.groups.iter().map(side).collect();
    let down: Vec<_> = (0..model.nodes.len()).filter(|index| model.nodes[*index].is_down()).collect();
    let down = if down.is_empty() { String::new() } else { format!(", {} down", listed(&model.node_names(&down))) };
    vec![
        format!("split {}", sizes.join(" | ")),
        format!("{}{down}; 66.7 % needed", sides.join(", ")),
        "Nothing is lost; it goes on when a link returns".into(),
    ]
}

fn missing(model: &Model, spread: &Spread, present: u64, total: u64) -> Vec<String> {
    let away = model.names_of(spread.away.iter().map(|(address, ..)| address));
    let share = percent(total - present, total);
    let reasons: Vec<_> = spread.away.iter().map(|(_, _, why)| blockchat_host::text::line(why).into_owned()).collect();
    let one_reason = reasons.windows(2).all(|pair| pair[0] == pair[1]);
    let reason = reasons.first().filter(|_| one_reason).map(|why| format!(" ({why})")).unwrap_or_default();
    vec![
        format!("{} missing, {share} of the stake{reason}", listed(&away)),
        format!("{} vote with {}, 66.7 % needed", count(spread.present.len(), "validator"), percent(present, total)),
        format!("{}; nothing is lost", what_helps(model, spread, present, total)),
    ]
}

/// Members whose return is enough.
fn what_helps(model: &Model, spread: &Spread, present: u64, total: u64) -> String {
    let stake = |address: &Address| model.stake_of([address]);
    let alone: Vec<_> =
        spread.away.iter().filter(|(address, ..)| decides(present.saturating_add(stake(address)), total)).collect();
    if !alone.is_empty() {
        let alone = model.names_of(alone.iter().map(|(address, ..)| address));
        return format!("It goes on when {} returns", any_of(&alone, 4));
    }
    let mut stakes: Vec<_> = spread.away.iter().map(|(address, ..)| stake(address)).collect();
    stakes.sort_unstable_by(|a, b| b.cmp(a));
    let mut sum = present;
    let needed = stakes.iter().take_while(|stake| {
        let short = !decides(sum, total);
        sum = sum.saturating_add(**stake);
        short
    });
    format!("It goes on when {} of them return", needed.count())
}

/// The stake is there, and still no block comes.
pub(super) fn slow(model: &Model) -> Option<Verdict> {
    let view = model.nodes[model.guide()?].live_consensus(model.now).filter(|view| view.begun)?;
    let heard = model.nodes[model.guide()?].consensus.as_ref()?.at;
    if model.now.since(heard) > TOLD_OF_LATE_MS {
        return None;
    }
    let waits = view.now.since(view.since).saturating_add(model.now.since(heard));
    let usual = model.chain.usual_interval().unwrap_or(0);
    if waits < SLOW_MS.max(usual.min(SLOW_MS) * SLOW_TIMES / 10) {
        return None;
    }
    let total = view.stake_total.micros();
    let round = view.rounds.last();
    let why = round.map_or_else(
        || "no vote was heard yet".into(),
        |round| {
            let votes = percent(round.precommits.stake_proposal.micros(), total);
            let leader = model.name(&round.leader);
            match &round.proposal {
                None => format!("round {}, no proposal of {leader} yet", round.round),
                Some(_) => format!("round {}, {leader} proposed, {votes} precommit it, 66.7 % needed", round.round),
            }
        },
    );
    let state = format!("SLOW at block {}", thousands(view.height.0));
    Some(Verdict::new(Level::Warn, state, [why, "It goes on round by round".into()]).lasting(waits))
}
