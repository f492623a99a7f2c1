//! All validators: stake, what they lead against what is fair, what they miss.

use super::paint::{Pen, Role};
use super::sheet::{Column, Sheet, cell, fitting, head, number, text, window};
use crate::model::Model;
use crate::model::look::Panel;
use crate::words::thousands;
use blockchat_client::shapes::{Standing, ValidatorRowView};
use ratatui::text::{Line, Span};

const COLUMNS: [Column; 8] = [
    text("validator", 11, 0),
    number("stake", 12, 3),
    number("share", 7, 1),
    number("led", 5, 4),
    number("fair", 7, 5),
    number("chance", 8, 7),
    number("missed", 6, 2),
    text("standing", 9, 6),
];

/// Those that are shown, the largest stake first.
pub(crate) fn shown(model: &Model) -> Vec<&ValidatorRowView> {
    let rows = model.validators.iter().flat_map(|heard| &heard.value);
    let mut rows: Vec<_> =
        rows.filter(|row| model.look.finds(&format!("{} {}", model.name(&row.address), row.address))).collect();
    rows.sort_by_key(|row| {
        (std::cmp::Reverse(row.stake), model.node_of(&row.address).unwrap_or(usize::MAX), row.address)
    });
    rows
}

/// The panel.
pub(super) fn sheet(pen: &Pen<'_>, width: usize, height: usize) -> Sheet {
    let Some(heard) = &pen.model.validators else { return simple(pen, height) };
    let rows = shown(pen.model);
    let counted = rows.iter().map(|row| row.counted).max().unwrap_or(0);
    let mut sheet =
        Sheet::new("validators").with_right(format!("of the last {} blocks", thousands(u64::from(counted))));
    let kept = fitting(&COLUMNS, width);
    sheet.push(head(pen, &COLUMNS, &kept));
    let chosen = pen.model.look.is_at(Panel::Validators).then_some(pen.model.look.scroll);
    for at in window(rows.len(), chosen.unwrap_or(0), height.saturating_sub(1)) {
        sheet.push(line(pen, &kept, rows[at], chosen == Some(at)));
    }
    sheet.aged(Some(pen.model.now.since(heard.at)))
}

fn line(pen: &Pen<'_>, kept: &[usize], row: &ValidatorRowView, chosen: bool) -> Line<'static> {
    let fair_tenths = u64::from(row.fair_ppm) * u64::from(row.counted) / 100_000;
    let text = |at: usize| match at {
        0 => pen.model.name(&row.address),
        1 => row.stake.to_string().trim_end_matches('0').trim_end_matches('.').to_owned(),
        2 => format!("{}.{} %", row.stake_ppm / 10_000, row.stake_ppm / 1_000 % 10),
        3 => row.led.to_string(),
        4 => format!("{}.{}", fair_tenths / 10, fair_tenths % 10),
        5 => row.chance_ppm.map_or("-".into(), |ppm| format!("{}.{} %", ppm / 10_000, ppm / 1_000 % 10)),
        6 => thousands(u64::from(row.missed)),
        _ if row.suspect => "suspect".to_owned(),
        _ => row.standing.as_str().to_owned(),
    };
    let bad = row.suspect || matches!(row.standing, Standing::Jailed | Standing::Barred);
    let role = match () {
        () if chosen => Role::Chosen,
        () if bad => Role::Bad,
        () if row.missed_in_a_row > 3 => Role::Warn,
        () if !row.member => Role::Dim,
        () => Role::Plain,
    };
    let cells: Vec<_> = kept.iter().map(|at| cell(&COLUMNS[*at], &text(*at))).collect();
    Line::from(Span::styled(format!(" {}", cells.join(" ")), pen.style(role)))
}

/// Of a node that reports no more than the members of the set.
fn simple(pen: &Pen<'_>, height: usize) -> Sheet {
    let mut sheet = Sheet::new("validators");
    let total = pen.model.stake_total();
    for member in pen.model.members().iter().take(height) {
        let share = crate::words::percent(member.stake.micros(), total);
        sheet.push(format!(" {}  {share:>8}", crate::words::left(&pen.model.name(&member.address), 11)));
    }
    if sheet.lines.is_empty() { sheet.empty(pen, "no node told of validators yet") } else { sheet }
}
