//! A panel: a frame with a title, and lines in it.

use super::paint::{Pen, Role};
use crate::model::look::Panel;
use crate::words::{clipped, left, right, span, width};
use ratatui::Frame;
use ratatui::layout::Rect;
use ratatui::style::Style;
use ratatui::text::{Line, Span};
use ratatui::widgets::{Block, Clear, Paragraph};

/// A sheet leaves this many columns of the panels visible, or none.
const BELOW_MIN: u16 = 8;

/// See the module.
#[derive(Clone, Debug, Default)]
pub(crate) struct Sheet {
    /// On the frame, left.
    pub(crate) title: String,
    /// On the frame, right.
    pub(crate) right: String,
    /// Inside.
    pub(crate) lines: Vec<Line<'static>>,
    /// All of it is so old, in ms: it is shown dim, and says so.
    pub(crate) old: Option<u64>,
}

impl Sheet {
    /// A sheet with this title.
    pub(crate) fn new(title: impl Into<String>) -> Self {
        Self { title: title.into(), ..Self::default() }
    }

    /// With a text on the right of its frame.
    pub(crate) fn with_right(self, right: impl Into<String>) -> Self {
        Self { right: right.into(), ..self }
    }

    /// Of values that came so long ago, if that is too long for them to be how things are.
    pub(crate) fn aged(self, age_ms: Option<u64>) -> Self {
        let old = age_ms.filter(|age| *age > crate::model::node::FRESH_MS * 2);
        Self { old, ..self }
    }

    /// Of a node that does not answer: so old, however young that is.
    pub(crate) fn of_the_past(self, age_ms: Option<u64>) -> Self {
        Self { old: age_ms, ..self }
    }

    /// One more line.
    pub(crate) fn push(&mut self, line: impl Into<Line<'static>>) {
        self.lines.push(line.into());
    }

    /// A line that says why there is nothing else.
    pub(crate) fn empty(mut self, pen: &Pen<'_>, why: impl Into<String>) -> Self {
        self.lines.push(Span::styled(format!(" {}", why.into()), pen.style(Role::Dim)).into());
        self
    }

    /// Draws it with its frame.
    pub(crate) fn draw(self, frame: &mut Frame<'_>, pen: &Pen<'_>, panel: Option<Panel>, area: Rect) {
        let chosen = panel.is_some() && pen.model.look.focus == panel;
        let edge = if chosen { pen.style(Role::Accent) } else { pen.style(Role::Dim) };
        let room = usize::from(area.width.saturating_sub(4));
        let title = clipped(&self.title, room);
        let mut note = self.right;
        if let Some(age) = self.old {
            note = format!("old: {} ago", span(age));
        }
        let note = clipped(&note, room.saturating_sub(width(&title) + 3));
        let title_style = if chosen { pen.style(Role::Accent) } else { Style::new() };
        let mut block =
            Block::bordered().border_style(edge).title(Line::from(Span::styled(format!(" {title} "), title_style)));
        if !note.is_empty() {
            let style = if self.old.is_some() { pen.style(Role::Warn) } else { pen.style(Role::Dim) };
            block = block.title(Line::from(Span::styled(format!(" {note} "), style)).right_aligned());
        }
        let mut text = Paragraph::new(self.lines);
        if self.old.is_some() {
            text = text.style(pen.style(Role::Dim));
        }
        frame.render_widget(text.block(block), area);
    }

    /// Draws it over what is there, as large as its lines need.
    pub(crate) fn draw_over(self, frame: &mut Frame<'_>, pen: &Pen<'_>, body: Rect) {
        let lines = u16::try_from(self.lines.len()).unwrap_or(u16::MAX).saturating_add(2).min(body.height);
        let columns = self.lines.iter().map(Line::width).max().unwrap_or(0).max(width(&self.title) + 2);
        let needed = u16::try_from(columns).unwrap_or(u16::MAX).saturating_add(3);
        // A few columns of what lies below tell nothing: it looks like a second frame.
        let columns = if needed.saturating_add(BELOW_MIN) > body.width { body.width } else { needed };
        let area = Rect {
            x: body.x + (body.width - columns) / 2,
            y: body.y + (body.height - lines) / 2,
            width: columns,
            height: lines,
        };
        frame.render_widget(Clear, area);
        self.draw(frame, pen, None, area);
    }
}

/// A column of a table.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Column {
    /// Over it.
    pub(crate) title: &'static str,
    /// Its width.
    pub(crate) width: usize,
    /// Numbers stand right.
    pub(crate) right: bool,
    /// Given up when there is no room, the highest first.
    pub(crate) rank: u8,
}

/// A column of text.
pub(crate) const fn text(title: &'static str, width: usize, rank: u8) -> Column {
    Column { title, width, right: false, rank }
}

/// A column of numbers.
pub(crate) const fn number(title: &'static str, width: usize, rank: u8) -> Column {
    Column { title, width, right: true, rank }
}

/// Which of these columns fit, in their order.
pub(crate) fn fitting(columns: &[Column], room: usize) -> Vec<usize> {
    let mut by_rank: Vec<_> = (0..columns.len()).collect();
    by_rank.sort_by_key(|at| columns[*at].rank);
    let (mut used, mut kept) = (1, vec![]);
    for at in by_rank {
        let needed = columns[at].width + 1;
        if used + needed > room {
            continue;
        }
        used += needed;
        kept.push(at);
    }
    kept.sort_unstable();
    kept
}

/// A cell in its column.
pub(crate) fn cell(column: &Column, value: &str) -> String {
    if column.right { right(value, column.width) } else { left(value, column.width) }
}

/// The titles of these columns.
pub(crate) fn head(pen: &Pen<'_>, columns: &[Column], kept: &[usize]) -> Line<'static> {
    let titles: Vec<_> = kept.iter().map(|at| cell(&columns[*at], columns[*at].title)).collect();
    Span::styled(format!(" {}", titles.join(" ")), pen.style(Role::Dim)).into()
}

/// Which rows of a list are shown, so that the chosen one is among them.
pub(crate) fn window(rows: usize, chosen: usize, room: usize) -> std::ops::Range<usize> {
    let chosen = chosen.min(rows.saturating_sub(1));
    let from = (chosen + 1).saturating_sub(room.max(1));
    from..(from + room).min(rows)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_are_given_up_by_rank_and_keep_their_order() {
        let columns = [text("a", 5, 1), text("b", 5, 9), number("c", 5, 2)];
        assert_eq!(fitting(&columns, 100), [0, 1, 2]);
        assert_eq!(fitting(&columns, 14), [0, 2]);
        assert_eq!(fitting(&columns, 3), [0; 0]);
    }

    #[test]
    fn the_chosen_row_is_always_among_those_shown() {
        assert_eq!(window(10, 0, 4), 0..4);
        assert_eq!(window(10, 7, 4), 4..8);
        assert_eq!(window(10, 99, 4), 6..10);
        assert_eq!((window(0, 3, 4), window(3, 1, 9)), (0..0, 0..3));
    }
}
