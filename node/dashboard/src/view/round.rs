//! The round being decided: the proposal, the votes, the missing votes. One part for each group of nodes.

use super::nodes::letter;
use super::paint::{Pen, Role};
use super::sheet::Sheet;
use crate::model::node::Node;
use crate::words::{bytes, clipped, left, millis, names, percent, span, thousands};
use blockchat_client::shapes::{ConsensusView, RoundView, TimerKind, VoteView, VotesView};
use ratatui::text::{Line, Span};

/// Names after a bar, at most.
const NAMES_MAX: usize = 8;

/// The panel.
pub(super) fn sheet(pen: &Pen<'_>, width: usize, height: usize) -> Sheet {
    let model = pen.model;
    let Some(first) = spokesman(pen, 0) else { return nobody(pen) };
    let Some(view) = model.nodes[first].live_consensus(model.now) else { return nobody(pen) };
    let mut sheet = Sheet::new(title(pen, view));
    if !model.groups.is_cut() {
        sheet.lines = part(pen, view, width, None);
        return sheet;
    }
    let views = (0..model.groups.groups.len()).filter_map(|group| {
        let view = model.nodes[spokesman(pen, group)?].live_consensus(model.now)?;
        Some((view, Some(letter(group))))
    });
    let views: Vec<_> = views.collect();
    sheet.lines = views.iter().flat_map(|(view, group)| part(pen, view, width, *group)).collect();
    if sheet.lines.len() > height {
        sheet.lines = in_short(pen, &views, width);
    }
    sheet
}

/// Of each group only what it waits for: for a screen that has no room for more.
fn in_short(pen: &Pen<'_>, views: &[(&ConsensusView, Option<char>)], width: usize) -> Vec<Line<'static>> {
    let mut lines = vec![];
    for (view, group) in views {
        let lead = group.map_or(" ".to_owned(), |letter| format!(" {letter} "));
        match view.rounds.last().filter(|_| view.begun) {
            Some(round) => {
                let (votes, what) = waited_for(view, round);
                lines.push(self::votes(pen, view, votes, &format!("{lead}{what}"), width));
            }
            None => lines.push(Line::raw(clipped(&format!("{lead}{}", resting(view)), width))),
        }
    }
    lines.push(Line::styled(" no round ends without 66.7 %: every group waits here", pen.style(Role::Warn)));
    lines
}

/// The node of a group that is furthest: it tells for all.
fn spokesman(pen: &Pen<'_>, group: usize) -> Option<usize> {
    let model = pen.model;
    let view = |node: usize| model.nodes[node].live_consensus(model.now);
    let inside = model.groups.groups.get(group)?.iter().copied().filter(|node| view(*node).is_some());
    inside.max_by_key(|node| view(*node).map(|view| (view.height, view.round, std::cmp::Reverse(*node))))
}

fn nobody(pen: &Pen<'_>) -> Sheet {
    let model = pen.model;
    let lacking =
        model.nodes.iter().filter(|node| node.is_up()).any(|node| node.asked.is_lacking(crate::pace::Topic::Consensus));
    let Some(status) = model.guide_status() else {
        return Sheet::new("round").empty(pen, "no node answers: nothing is known of votes");
    };
    let leader = status.leader.map(|leader| format!(", leader {}", model.name(&leader))).unwrap_or_default();
    let title = format!("round {} of height {}{leader}", status.round, thousands(status.height.next().0));
    let why = if lacking { "this version of the node does not tell of votes" } else { "asking who voted" };
    Sheet::new(title).empty(pen, why)
}

fn title(pen: &Pen<'_>, view: &ConsensusView) -> String {
    let mut leaders = view.next_leaders.iter().map(|next| pen.model.name(&next.leader));
    let first = leaders.next().map(|leader| format!("   leader {leader}")).unwrap_or_default();
    let next: Vec<_> = leaders.take(2).collect();
    let next = if next.is_empty() { String::new() } else { format!(", then {}", next.join(", ")) };
    format!("round {} of height {}{first}{next}", view.round, thousands(view.height.0))
}

fn part(pen: &Pen<'_>, view: &ConsensusView, width: usize, group: Option<char>) -> Vec<Line<'static>> {
    let lead = group.map_or(" ".to_owned(), |letter| format!(" {letter} "));
    let dim = pen.style(Role::Dim);
    let clip = |text: String| clipped(&text, width);
    let Some(round) = view.rounds.last().filter(|_| view.begun) else {
        let text = format!("{lead}{}", resting(view));
        let last = last_votes(pen, view, width);
        return std::iter::once(Line::styled(clip(text), dim)).chain(last).collect();
    };
    let mut lines = vec![Line::raw(clip(format!("{lead}{}", proposal(pen, view, round))))];
    lines.push(votes(pen, view, &round.prevotes, &format!("{lead}prevote"), width));
    lines.push(votes(pen, view, &round.precommits, &format!("{lead}precommit"), width));
    let decided = round.precommits.stake_proposal >= view.stake_needed;
    let style = pen.style(if decided { Role::Good } else { Role::Warn });
    lines.push(Line::styled(clip(format!("{lead}{}", waits_for(pen, view, round))), style));
    lines
}

/// Why no round runs.
fn resting(view: &ConsensusView) -> String {
    let pace = view.timers.iter().find(|timer| timer.timer == TimerKind::Pace);
    let until = pace.map(|timer| timer.until.since(view.now)).filter(|ms| *ms > 0);
    match until {
        Some(ms) => format!("rests: {} begins with a transaction, or in {}", thousands(view.height.0), span(ms)),
        None => format!("{} is about to begin", thousands(view.height.0)),
    }
}

/// While nothing is decided: how the last height was.
fn last_votes(pen: &Pen<'_>, view: &ConsensusView, width: usize) -> Vec<Line<'static>> {
    let Some(last) = view.decided.first() else { return vec![] };
    let Some(set) = view.sets.iter().find(|set| set.hash == last.set) else { return vec![] };
    let with = |signed: bool| -> Vec<_> {
        set.members.iter().zip(&last.signed).filter(|(_, it)| **it == signed).map(|(member, _)| *member).collect()
    };
    let (signed, absent) = (with(true), with(false));
    let stake = |these: &[blockchat_proto::keys::Address]| pen.model.stake_of(these);
    let total = view.stake_total.micros();
    let bar = pen.bar(stake(&signed), total, 24);
    let name = |these: Vec<blockchat_proto::keys::Address>| pen.model.names_of(&these);
    let share = percent(stake(&signed), total);
    let missing =
        if absent.is_empty() { String::new() } else { format!("  without {}", names(&name(absent), NAMES_MAX)) };
    let leader = pen.model.name(&last.leader);
    let took = last.interval_ms.map(|ms| format!(", {} after the one before", millis(ms))).unwrap_or_default();
    let text =
        format!(" {} by {leader} in round {}: {} tx{took}", thousands(last.height.0), last.round, last.transactions);
    let signers = format!(" signed    {bar} {share}  {}{missing}", names(&name(signed), NAMES_MAX));
    [text, signers].into_iter().map(|text| Line::raw(clipped(&text, width))).collect()
}

fn proposal(pen: &Pen<'_>, view: &ConsensusView, round: &RoundView) -> String {
    let leader = pen.model.name(&round.leader);
    let Some(proposal) = &round.proposal else {
        let timer = view.timers.iter().find(|timer| timer.timer == TimerKind::Propose);
        let left =
            timer.map(|timer| format!(", gives up in {}", span(timer.until.since(view.now)))).unwrap_or_default();
        return format!("proposal   none yet of {leader}{left}");
    };
    let seen =
        round.started.map(|started| format!(" after {}", millis(proposal.seen.since(started)))).unwrap_or_default();
    let holds = match (proposal.transactions, proposal.bytes) {
        (Some(transactions), Some(size)) => format!("   {} tx  {}", thousands(u64::from(transactions)), bytes(size)),
        _ => "   the block is on its way".into(),
    };
    let verdict = match proposal.valid {
        Some(true) => "✓",
        Some(false) => "✕ against the rules",
        None => "…",
    };
    let again = proposal.lock_round.map(|lock| format!("   again, from round {lock}")).unwrap_or_default();
    format!("proposal   {verdict} {}{seen}{holds}{again}", proposal.hash.short())
}

/// A bar that crosses the mark at two thirds, and its members.
fn votes(pen: &Pen<'_>, view: &ConsensusView, votes: &VotesView, what: &str, width: usize) -> Line<'static> {
    let (total, part) = (view.stake_total.micros(), votes.stake_proposal.micros());
    let needed = part >= view.stake_needed.micros();
    let columns = if width > 70 { 30 } else { 22 };
    let who = |wanted: fn(&VoteView) -> bool| -> Vec<_> {
        let pairs = view.members.iter().zip(&votes.votes).filter(|(_, vote)| wanted(vote));
        pen.model.names_of(pairs.map(|(member, _)| &member.address))
    };
    let mut text =
        format!(" {}  {}", percent(part, total), names(&who(|vote| matches!(vote, VoteView::Proposal)), NAMES_MAX));
    let nil = who(|vote| matches!(vote, VoteView::Nil));
    if !nil.is_empty() {
        text += &format!("   nil {} {}", percent(votes.stake_nil.micros(), total), names(&nil, NAMES_MAX));
    }
    let other = who(|vote| matches!(vote, VoteView::Other { .. }));
    if !other.is_empty() {
        text += &format!("   other {} {}", percent(votes.stake_other.micros(), total), names(&other, NAMES_MAX));
    }
    let room = width.saturating_sub(14 + columns);
    Line::from(vec![
        Span::raw(left(what, 13)),
        Span::styled(pen.bar(part, total, columns), pen.style(if needed { Role::Good } else { Role::Warn })),
        Span::raw(clipped(&text, room)),
    ])
}

/// The members whose votes are missing, and how much stake is missing.
fn waits_for(pen: &Pen<'_>, view: &ConsensusView, round: &RoundView) -> String {
    let needed = view.stake_needed.micros();
    let total = view.stake_total.micros();
    let (votes, what) = waited_for(view, round);
    let short = needed.saturating_sub(votes.stake_proposal.micros());
    if short == 0 {
        return "decided".into();
    }
    let unheard = view.members.iter().zip(&votes.votes).filter(|(_, vote)| matches!(vote, VoteView::Unheard));
    let mut unheard: Vec<_> = unheard.map(|(member, _)| member.address).collect();
    unheard.sort_by_key(|member| pen.model.node_of(member).unwrap_or(usize::MAX));
    let unheard: Vec<_> = unheard.iter().map(|member| who(pen, member)).collect();
    let round = round.round;
    if unheard.is_empty() {
        return format!(
            "all have voted, and round {round} decides nothing; round {} follows",
            round.0.saturating_add(1)
        );
    }
    format!(
        "round {round} needs {} more {what}s; not heard: {}",
        percent(short.saturating_add(total / 1_000).saturating_sub(1), total),
        names(&unheard, NAMES_MAX)
    )
}

/// The kind of votes that the round waits for.
fn waited_for<'a>(view: &ConsensusView, round: &'a RoundView) -> (&'a VotesView, &'static str) {
    if round.prevotes.stake_proposal < view.stake_needed {
        (&round.prevotes, "prevote")
    } else {
        (&round.precommits, "precommit")
    }
}

/// A name, with a sign if its node does not answer.
fn who(pen: &Pen<'_>, address: &blockchat_proto::keys::Address) -> String {
    let down = pen.model.node_of(address).is_some_and(|node| Node::is_down(&pen.model.nodes[node]));
    format!("{}{}", pen.model.name(address), if down { " ✕" } else { "" })
}
