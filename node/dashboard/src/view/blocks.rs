//! The last blocks, newest first.

use super::paint::{Pen, Role};
use super::sheet::{Column, Sheet, cell, fitting, head, number, text, window};
use crate::model::Model;
use crate::model::chain::Seen;
use crate::model::look::Panel;
use crate::words::{bytes, millis, span, thousands};
use ratatui::style::Style;
use ratatui::text::{Line, Span};

const COLUMNS: [Column; 9] = [
    number("height", 9, 0),
    text("leader", 9, 1),
    number("rd", 2, 5),
    number("tx", 6, 2),
    number("size", 7, 6),
    number("fees", 10, 8),
    text("hash", 8, 4),
    number("after", 9, 7),
    number("age", 7, 3),
];

/// Those that are shown.
pub(crate) fn shown(model: &Model) -> impl Iterator<Item = (u64, &Seen)> {
    let last = model.chain.tip().unwrap_or(0).saturating_sub(model.look.past);
    model.chain.newest().filter(move |(height, seen)| {
        let text = || {
            let block = seen.block.map(|block| format!("{} {}", model.name(&block.leader), block.hash));
            format!("{} {height} {}", thousands(*height), block.unwrap_or_default())
        };
        *height <= last && (model.look.find.is_empty() || model.look.finds(&text()))
    })
}

/// The panel.
pub(super) fn sheet(pen: &Pen<'_>, width: usize, height: usize) -> Sheet {
    let mut sheet = Sheet::new("blocks");
    let (Some(tip), kept) = (pen.model.chain.tip(), fitting(&COLUMNS, width)) else {
        return sheet.empty(pen, "no block is known yet");
    };
    let agree = pen.model.chain.at(tip).map_or(0, |seen| seen.hashes.values().map(|nodes| nodes.len()).sum::<usize>());
    sheet.right = format!("{}: one hash on {agree}", thousands(tip));
    if pen.model.chain.split.is_some() {
        sheet.right = "ALARM: two hashes".into();
    }
    sheet.push(head(pen, &COLUMNS, &kept));
    let chosen = if pen.model.look.is_at(Panel::Blocks) { Some(pen.model.look.scroll) } else { None };
    let rows: Vec<_> = shown(pen.model).take(chosen.unwrap_or(0) + height).collect();
    for at in window(rows.len(), chosen.unwrap_or(0), height.saturating_sub(1)) {
        sheet.push(row(pen, &kept, rows[at], chosen == Some(at)));
    }
    sheet
}

fn row(pen: &Pen<'_>, kept: &[usize], (height, seen): (u64, &Seen), chosen: bool) -> Line<'static> {
    let block = seen.block;
    let text = |at: usize| -> String {
        let known = match (at, block) {
            (0, _) => Some(thousands(height)),
            (1, Some(block)) => Some(pen.model.name(&block.leader)),
            (2, Some(block)) => Some(seen.decided_round.unwrap_or(block.round).to_string()),
            (3, Some(block)) => Some(thousands(u64::from(block.transactions))),
            (4, Some(block)) => Some(bytes(block.bytes)),
            (5, Some(block)) => {
                block.fees.map(|fees| fees.to_string().trim_end_matches('0').trim_end_matches('.').to_owned())
            }
            (6, _) => seen.hashes.keys().next().map(|hash| hash.short()),
            (7, _) => pen.model.chain.interval(height).map(millis),
            (8, _) => seen.came.or(block.map(|block| block.time)).map(|at| span(pen.model.now.since(at))),
            _ => None,
        };
        cell(&COLUMNS[at], &known.unwrap_or_else(|| "-".into()))
    };
    let role = if seen.hashes.len() > 1 {
        Role::Bad
    } else if chosen {
        Role::Chosen
    } else {
        Role::Plain
    };
    let cells: Vec<_> = kept.iter().map(|at| text(*at)).collect();
    let round = seen.decided_round.or(block.map(|block| block.round)).is_some_and(|round| round.0 > 0);
    let style = if round && role == Role::Plain { pen.style(Role::Warn) } else { pen.style(role) };
    Line::from(Span::styled(format!(" {}", cells.join(" ")), Style::new().patch(style)))
}
