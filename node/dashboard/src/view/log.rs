//! The last lines of the chosen node's log, newest first.

use super::paint::{Pen, Role};
use super::sheet::{Sheet, window};
use crate::model::look::Panel;
use crate::pace::Topic;
use crate::words::{clipped, time_of_day};
use blockchat_client::shapes::{LogLevel, LogLineView};
use blockchat_host::text as safe;
use ratatui::text::{Line, Span};

/// The panel.
pub(super) fn sheet(pen: &Pen<'_>, width: usize, height: usize) -> Sheet {
    let model = pen.model;
    let Some(node) = model.nodes.get(model.look.node) else { return Sheet::new("log").empty(pen, "no node is chosen") };
    let which = if model.look.warnings { ", warnings" } else { "" };
    let mut sheet = Sheet::new(format!("log of {}{which}", safe::line(&node.name))).with_right("w: warnings");
    let shown: Vec<_> = node.log.iter().rev().filter(|line| is_shown(pen, line)).collect();
    let chosen = if model.look.is_at(Panel::Log) { model.look.scroll } else { 0 };
    for at in window(shown.len(), chosen, height) {
        sheet.push(self::line(pen, shown[at], width));
    }
    let age = node.process.as_ref().filter(|_| !node.is_up()).map(|heard| model.now.since(heard.at));
    let sheet = sheet.of_the_past(age);
    match () {
        () if !sheet.lines.is_empty() => sheet,
        () if node.asked.is_lacking(Topic::Process) => {
            sheet.empty(pen, "this version of the node does not tell of its log")
        }
        () => sheet.empty(pen, "no line yet"),
    }
}

fn is_shown(pen: &Pen<'_>, line: &LogLineView) -> bool {
    let look = &pen.model.look;
    (!look.warnings || matches!(line.level, LogLevel::Warn | LogLevel::Error)) && look.finds(&line.text)
}

/// One line of a log.
pub(super) fn line(pen: &Pen<'_>, line: &LogLineView, width: usize) -> Line<'static> {
    let role = match line.level {
        LogLevel::Error => Role::Bad,
        LogLevel::Warn => Role::Warn,
        LogLevel::Info => Role::Plain,
        LogLevel::Debug | LogLevel::Trace | LogLevel::Unknown => Role::Dim,
    };
    let level = line.level.as_str().to_uppercase();
    let text = format!("{level:<5} {}", safe::line(&line.text));
    Line::from(vec![
        Span::styled(format!(" {} ", time_of_day(line.time.0)), pen.style(Role::Dim)),
        Span::styled(clipped(&text, width.saturating_sub(11)), pen.style(role)),
    ])
}
