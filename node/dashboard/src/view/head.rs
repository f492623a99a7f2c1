//! The first line (where we are), the second one (the answer), the last one (the keys).

use super::paint::{Pen, Role};
use crate::model::Model;
use crate::verdict::Level;
use crate::words::{clipped, percent, span, thousands, time_of_day, width};
use blockchat_proto::coins::{Coins, MICROS_PER_BCC};
use blockchat_proto::units::UnixMillis;
use ratatui::Frame;
use ratatui::layout::Rect;
use ratatui::style::Modifier;
use ratatui::text::{Line, Span};
use ratatui::widgets::Paragraph;

/// Keys in the last line, the most important ones first.
const FOOT: &[&str] = &[
    "q quit",
    "? keys",
    "Tab panel",
    "Up/Down node",
    "Enter open",
    "z zoom",
    "s sort",
    "/ find",
    "Space freeze",
    "e log",
    "b blocks",
    "v validators",
    "o pool",
    "i messages",
    "m links",
    "w warnings",
    "y copy",
    "t colours",
    "Left/Right past",
];

/// Seconds over which transactions are counted.
const RATE_S: u64 = 10;

/// Transactions a second, over the last seconds.
pub(crate) fn transactions_per_second(model: &Model) -> u64 {
    let since = |came: UnixMillis| model.now.since(came) < RATE_S * 1_000;
    let lately = model.chain.newest().take_while(|(_, seen)| seen.came.is_none_or(since));
    let count: u64 = lately
        .filter(|(_, seen)| seen.came.is_some())
        .filter_map(|(_, seen)| seen.block.map(|block| u64::from(block.transactions)))
        .sum();
    count.div_ceil(RATE_S)
}

/// The place of the viewer.
pub(crate) fn top(frame: &mut Frame<'_>, pen: &Pen<'_>, area: Rect, frozen: Option<UnixMillis>) {
    let model = pen.model;
    let room = usize::from(area.width);
    let name = model.chain.genesis.as_ref().map_or("no chain yet", |(_, name)| name.as_str());
    let clock = match frozen {
        Some(now) => format!("FROZEN {} ago, Space goes on ", span(now.since(model.now))),
        None if room < 100 => format!("{} ", time_of_day(model.now.0)),
        None => format!("{} UTC ", time_of_day(model.now.0)),
    };
    let mut parts = vec![format!(" BlockChat {name}")];
    parts.extend(facts(pen));
    let mut text = String::new();
    for part in parts {
        let gap = if text.is_empty() { "" } else { "   " };
        if width(&text) + width(gap) + width(&part) + 1 + width(&clock) > room && !text.is_empty() {
            break;
        }
        text.push_str(gap);
        text.push_str(&part);
    }
    let text = clipped(&text, room.saturating_sub(width(&clock)));
    let blank = " ".repeat(room.saturating_sub(width(&text) + width(&clock)));
    let clock_style =
        if frozen.is_some() { pen.style(Role::Warn).add_modifier(Modifier::REVERSED) } else { pen.style(Role::Dim) };
    let line = Line::from(vec![
        Span::styled(text, pen.style(Role::Plain).add_modifier(Modifier::BOLD)),
        Span::raw(blank),
        Span::styled(clock, clock_style),
    ]);
    frame.render_widget(Paragraph::new(line), area);
}

/// The rest of the first line, the most important part first.
fn facts(pen: &Pen<'_>) -> Vec<String> {
    let model = pen.model;
    let mut facts = vec![];
    let up = model.nodes.iter().filter(|node| node.is_up()).count();
    let Some(status) = model.guide_status() else {
        if let Some(tip) = model.chain.tip() {
            facts.push(format!("final {} when last heard", thousands(tip)));
        }
        return facts;
    };
    let moved = model.chain.moved.unwrap_or(status.tip_time);
    facts.push(format!("final {}  {} ago", thousands(status.height.0), span(model.now.since(moved))));
    facts.push(format!("{} tx/s", thousands(transactions_per_second(model))));
    let pool =
        model.nodes.iter().filter_map(crate::model::node::Node::live).map(|status| status.pool_transactions).max();
    facts.push(format!("pool {}", thousands(u64::from(pool.unwrap_or(0)))));
    facts.push(format!("{up} of {} answer", model.nodes.len()));
    let whole = |coins: Coins| thousands(coins.micros() / MICROS_PER_BCC);
    facts.push(format!("supply {} BCC", whole(status.supply)));
    facts.extend(status.grants.as_ref().map(|grants| format!("treasury {} BCC", whole(grants.treasury))));
    facts.push(format!("genesis {}", status.genesis_hash.short()));
    facts.push(format!("v{}", blockchat_host::text::line(&status.version)));
    facts
}

/// The answer, on so many lines at most.
pub(crate) fn answer(pen: &Pen<'_>, columns: u16, lines_max: usize) -> Vec<Line<'static>> {
    let verdict = &pen.model.verdict;
    let style = pen.level_style(verdict.level);
    let mark = match verdict.level {
        Level::Good => "●",
        Level::Unknown => "◌",
        Level::Warn => "▲",
        Level::Bad | Level::Alarm => "■",
    };
    let room = usize::from(columns).saturating_sub(4);
    let lines = wrapped(&verdict.sentence(), room, lines_max);
    let line = |(at, text): (usize, String)| {
        let mark = if at == 0 { mark } else { " " };
        let blank = " ".repeat(room.saturating_sub(width(&text)));
        Line::from(Span::styled(format!(" {mark} {text}{blank} "), style))
    };
    lines.into_iter().enumerate().map(line).collect()
}

/// Words of a text on lines of so many columns; the last line is clipped.
pub(crate) fn wrapped(text: &str, columns: usize, lines_max: usize) -> Vec<String> {
    let mut lines = vec![String::new()];
    for word in text.split(' ') {
        let is_last = lines.len() >= lines_max;
        let line = lines.last_mut().expect("there is one from the start");
        if line.is_empty() {
            line.push_str(word);
        } else if is_last || width(line) + 1 + width(word) <= columns {
            line.push(' ');
            line.push_str(word);
        } else {
            lines.push(word.to_owned());
        }
    }
    lines.into_iter().map(|line| clipped(&line, columns)).collect()
}

/// Lines where they belong.
pub(crate) fn lines(frame: &mut Frame<'_>, lines: Vec<Line<'static>>, area: Rect) {
    frame.render_widget(Paragraph::new(lines), area);
}

/// A screen that has room for nothing else.
pub(crate) fn answer_only(frame: &mut Frame<'_>, pen: &Pen<'_>, area: Rect) {
    let text = answer(pen, area.width, usize::from(area.height.max(1)));
    frame.render_widget(Paragraph::new(text), area);
}

/// The keys, or what is being typed, or what the last key did.
pub(crate) fn foot(frame: &mut Frame<'_>, pen: &Pen<'_>, area: Rect) {
    let look = &pen.model.look;
    let room = usize::from(area.width);
    let (text, role) = if look.finding {
        (format!(" find: {}_   Enter keeps it, Esc shows all", look.find), Role::Accent)
    } else if !look.said.is_empty() {
        (format!(" {}", look.said), Role::Accent)
    } else {
        let mut text = String::new();
        for key in FOOT {
            if width(&text) + 2 + width(key) <= room {
                let gap = if text.is_empty() { " " } else { "  " };
                text.push_str(gap);
                text.push_str(key);
            }
        }
        (text, Role::Dim)
    };
    frame.render_widget(Paragraph::new(Span::styled(clipped(&text, room), pen.style(role))), area);
}

/// A share of all the stake.
pub(crate) fn share(pen: &Pen<'_>, stake: u64) -> String {
    percent(stake, pen.model.stake_total())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_answer_is_wrapped_between_words_and_its_last_line_clipped() {
        assert_eq!(wrapped("a bb ccc", 80, 3), ["a bb ccc"]);
        assert_eq!(wrapped("a bb ccc", 4, 3), ["a bb", "ccc"]);
        assert_eq!(wrapped("a bb ccc dd", 4, 2), ["a bb", "ccc…"]);
        assert_eq!(wrapped("", 4, 2), [""]);
    }
}
