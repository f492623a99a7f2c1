//! Final messages to and from the watched account, newest first.

use super::paint::{LOCK, Pen, Role};
use super::sheet::{Sheet, window};
use crate::model::Model;
use crate::model::look::Panel;
use crate::seals::Letter;
use crate::words::{clipped, left, right, span, thousands, width as columns_of};
use blockchat_host::text as safe;
use ratatui::text::{Line, Span};

/// Those that are shown.
pub(crate) fn shown(model: &Model) -> Vec<&Letter> {
    let all = model.messages.iter().flat_map(|heard| &heard.value);
    let text = |Letter { view: message, .. }: &Letter| {
        format!("{} {} {}", model.name(&message.from), model.name(&message.to), message.text.as_deref().unwrap_or(""))
    };
    all.filter(|message| model.look.finds(&text(message))).collect()
}

/// The panel.
pub(super) fn sheet(pen: &Pen<'_>, width: usize, height: usize) -> Sheet {
    let model = pen.model;
    let Some((name, account)) = &model.wallet else {
        return Sheet::new("my messages").empty(pen, "open with --wallet NAME to see its messages");
    };
    let sheet = Sheet::new(format!("my messages ({})", safe::line(name)));
    let Some(heard) = &model.messages else { return sheet.empty(pen, "asking") };
    let (all, mut sheet) = (shown(model), sheet.with_right(heard.value.len().to_string()));
    let chosen = model.look.is_at(Panel::Messages).then_some(model.look.scroll);
    for at in window(all.len(), chosen.unwrap_or(0), height) {
        sheet.push(line(pen, all[at], all[at].view.from == *account, width, chosen == Some(at)));
    }
    let sheet = sheet.aged(Some(model.now.since(heard.at)));
    if all.is_empty() { sheet.empty(pen, "none yet") } else { sheet }
}

fn line(pen: &Pen<'_>, letter: &Letter, own: bool, width: usize, chosen: bool) -> Line<'static> {
    let (model, message) = (pen.model, &letter.view);
    let (arrow, other) = if own { ("→", &message.to) } else { ("←", &message.from) };
    let body = match (&message.text, message.sealed) {
        (Some(text), false) => safe::line(text).into_owned(),
        (Some(text), true) => format!("{LOCK} {}", safe::line(text)),
        (None, true) => {
            let why = letter.closed.as_deref().map(|why| format!(": {}", safe::line(why))).unwrap_or_default();
            format!("{LOCK} (closed{why})")
        }
        (None, false) => String::new(),
    };
    let amount = message.amount.to_string();
    let amount = amount.trim_end_matches('0').trim_end_matches('.');
    let coins = if message.amount.is_zero() { String::new() } else { format!("{amount} BCC  ") };
    let behind = format!("{}  {}", thousands(message.height.0), right(&span(model.now.since(message.time)), 6));
    let head = format!(" {} {} ", arrow, left(&model.name(other), 10));
    let room = width.saturating_sub(columns_of(&head) + columns_of(&behind) + 3);
    let text = left(&clipped(&format!("{coins}{body}"), room), room);
    let role = if chosen { Role::Chosen } else { Role::Plain };
    Line::from(vec![
        Span::styled(head, pen.style(role)),
        Span::styled(text, pen.style(role)),
        Span::styled(format!("  {behind} "), pen.style(Role::Dim)),
    ])
}
