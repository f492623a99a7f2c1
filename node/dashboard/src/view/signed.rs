//! Signers of the last heights: one lane per validator, newest right.

use super::paint::{Pen, Role};
use super::sheet::Sheet;
use crate::words::{left, thousands};
use blockchat_proto::keys::Address;
use ratatui::text::{Line, Span};

/// Columns of a name.
const NAME: usize = 9;
/// Columns behind a lane.
const BEHIND: usize = 9;
/// Heights that are named above the lanes, so far apart.
const MARKS: u64 = 10;

/// The panel.
pub(super) fn sheet(pen: &Pen<'_>, width: usize, height: usize) -> Sheet {
    let model = pen.model;
    let mut sheet = Sheet::new("who signed   ★ led  █ signed  · absent");
    sheet.right = if model.look.past > 0 { format!("{} back", model.look.past) } else { "newest right".into() };
    let Some(tip) = model.chain.tip() else { return Sheet::new("who signed").empty(pen, "no block is known yet") };
    let last = tip.saturating_sub(model.look.past).max(1);
    let lane = width.saturating_sub(NAME + BEHIND + 2).max(8) as u64;
    let heights: Vec<u64> = (last.saturating_sub(lane - 1).max(1)..=last).collect();
    sheet.push(Span::styled(marks(&heights, lane as usize), pen.style(Role::Dim)));
    let mut members: Vec<_> =
        model.members().iter().map(|member| member.address).filter(|it| model.look.finds(&model.name(it))).collect();
    members.sort_by_key(|member| (model.node_of(member).unwrap_or(usize::MAX), *member));
    for member in members.iter().take(height.saturating_sub(1)) {
        sheet.push(lane_of(pen, member, &heights, lane as usize));
    }
    sheet
}

/// Heights over their columns: `1,480` ends above its lane.
fn marks(heights: &[u64], lane: usize) -> String {
    let mut text = vec![' '; NAME + 2 + lane];
    let first = text.len() - heights.len();
    for (at, height) in heights.iter().enumerate().filter(|(_, height)| height.is_multiple_of(MARKS)) {
        let label: Vec<_> = thousands(*height).chars().collect();
        let end = first + at + 1;
        if end >= label.len() + NAME {
            drop(text.splice(end - label.len()..end, label));
        }
    }
    text.into_iter().collect()
}

fn lane_of(pen: &Pen<'_>, member: &Address, heights: &[u64], lane: usize) -> Line<'static> {
    let model = pen.model;
    let mut spans =
        vec![Span::raw(format!(" {} {}", left(&model.name(member), NAME), " ".repeat(lane - heights.len().min(lane))))];
    let mut led = 0;
    for height in heights {
        let seen = model.chain.at(*height);
        let leads = seen.and_then(|seen| seen.block).is_some_and(|block| block.leader == *member);
        led += usize::from(leads);
        let signed = seen.and_then(|seen| seen.signed.get(member).copied());
        let (sign, role) = match (leads, signed) {
            (true, _) => ("★", Role::Accent),
            (false, Some(true)) => ("█", Role::Good),
            (false, Some(false)) => ("·", Role::Bad),
            (false, None) => (" ", Role::Dim),
        };
        spans.push(Span::styled(sign, pen.style(role)));
    }
    spans.push(Span::styled(format!(" {led:>3} led"), pen.style(Role::Dim)));
    Line::from(spans)
}
