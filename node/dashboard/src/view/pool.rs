//! The pool of the node with the highest tip.

use super::paint::{Pen, Role};
use super::sheet::{Column, Sheet, cell, fitting, head, number, text, window};
use crate::model::Model;
use crate::model::look::Panel;
use crate::pace::Topic;
use crate::words::{span, thousands};
use blockchat_client::shapes::{HistoryKind, PoolRowView};
use ratatui::text::{Line, Span};

const COLUMNS: [Column; 8] = [
    text("id", 8, 0),
    text("from", 11, 1),
    number("nonce", 8, 4),
    text("what", 8, 2),
    text("to", 11, 3),
    number("amount", 12, 5),
    number("fee", 10, 7),
    number("waits", 7, 6),
];

/// Those that are shown.
pub(crate) fn shown(model: &Model) -> Vec<&PoolRowView> {
    let rows = model.pool.iter().flat_map(|heard| &heard.value);
    rows.filter(|row| model.look.finds(&format!("{} {}", row.id, model.name(&row.from)))).collect()
}

/// The panel.
pub(super) fn sheet(pen: &Pen<'_>, width: usize, height: usize) -> Sheet {
    let model = pen.model;
    let waiting = model.guide_status().map(|status| status.pool_transactions);
    let title =
        format!("pool{}", waiting.map(|count| format!("   {} tx", thousands(u64::from(count)))).unwrap_or_default());
    let mut sheet = Sheet::new(title);
    let Some(heard) = &model.pool else {
        let lacks = model.guide().is_some_and(|guide| model.nodes[guide].asked.is_lacking(Topic::Pool));
        let why = if lacks {
            "this version of the node does not list its pool"
        } else {
            if waiting == Some(0) { "nothing waits" } else { "asking what is in it" }
        };
        return sheet.empty(pen, why);
    };
    let (rows, kept) = (shown(model), fitting(&COLUMNS, width));
    sheet.push(head(pen, &COLUMNS, &kept));
    let chosen = model.look.is_at(Panel::Pool).then_some(model.look.scroll);
    for at in window(rows.len(), chosen.unwrap_or(0), height.saturating_sub(1)) {
        sheet.push(line(pen, &kept, rows[at], chosen == Some(at)));
    }
    let sheet = sheet.aged(Some(model.now.since(heard.at)));
    if rows.is_empty() { sheet.empty(pen, "nothing waits") } else { sheet }
}

fn line(pen: &Pen<'_>, kept: &[usize], row: &PoolRowView, chosen: bool) -> Line<'static> {
    let coins =
        |coins: blockchat_proto::coins::Coins| coins.to_string().trim_end_matches('0').trim_end_matches('.').to_owned();
    let text = |at: usize| match at {
        0 => row.id.short(),
        1 => pen.model.name(&row.from),
        2 => row.nonce.to_string(),
        3 if row.queued => "early".into(),
        3 => kind(row.kind).into(),
        4 => row.to.map_or("-".into(), |to| pen.model.name(&to)),
        5 => coins(row.amount),
        6 => coins(row.fee),
        _ => span(pen.model.now.since(row.since)),
    };
    let cells: Vec<_> = kept.iter().map(|at| cell(&COLUMNS[*at], &text(*at))).collect();
    let role = if chosen { Role::Chosen } else { Role::Plain };
    Line::from(Span::styled(format!(" {}", cells.join(" ")), pen.style(role)))
}

/// The kind of a transaction, in a word.
fn kind(kind: HistoryKind) -> &'static str {
    match kind {
        HistoryKind::Payment => "payment",
        HistoryKind::Message => "message",
        HistoryKind::Stake => "stake",
        HistoryKind::Activate => "activate",
        HistoryKind::Claim => "claim",
        HistoryKind::Fees => "fees",
        HistoryKind::Released => "released",
        HistoryKind::Jailed => "jailed",
        HistoryKind::Barred => "barred",
        HistoryKind::Announce => "announce",
        HistoryKind::Unknown => "other",
    }
}
