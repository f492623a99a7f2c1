//! The timeline, in words, newest first.

use super::paint::{Pen, Role};
use super::sheet::{Sheet, window};
use crate::model::look::Panel;
use crate::model::story::{Entry, Weight};
use crate::words::{clipped, right, span};
use ratatui::text::{Line, Span};

/// The panel.
pub(super) fn sheet(pen: &Pen<'_>, width: usize, height: usize) -> Sheet {
    let model = pen.model;
    let mut sheet = Sheet::new("what happened");
    sheet.right =
        if model.look.warnings { "w: all".into() } else { format!("w: warnings, {} of them", model.story.warnings()) };
    let entries: Vec<_> =
        model.story.newest(model.look.warnings).filter(|entry| model.look.finds(&entry.text)).collect();
    let chosen = if model.look.is_at(Panel::Story) { model.look.scroll } else { 0 };
    for at in window(entries.len(), chosen, height) {
        sheet.push(line(pen, entries[at], width));
    }
    if sheet.lines.is_empty() { sheet.empty(pen, "nothing yet since this screen was opened") } else { sheet }
}

fn line(pen: &Pen<'_>, entry: &Entry, width: usize) -> Line<'static> {
    let ago = right(&span(pen.model.now.since(entry.at)), 7);
    let role = match entry.weight {
        Weight::Note => Role::Plain,
        Weight::Good => Role::Good,
        Weight::Warn => Role::Warn,
        Weight::Bad => Role::Bad,
    };
    let sign = match entry.weight {
        Weight::Note => "·",
        Weight::Good => "●",
        Weight::Warn => "▲",
        Weight::Bad => "■",
    };
    let times = if entry.times > 1 { format!("  ({} times)", entry.times) } else { String::new() };
    let text = clipped(&format!("{}{times}", entry.text), width.saturating_sub(16));
    Line::from(vec![
        Span::styled(format!("{ago} ago  "), pen.style(Role::Dim)),
        Span::styled(format!("{sign} {text}"), pen.style(role)),
    ])
}
