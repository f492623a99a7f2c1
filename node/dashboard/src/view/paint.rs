//! Colours and signs: the terminal's own sixteen colours on its own background, or none; Unicode signs, or plain ASCII.
//!
//! Always true: nothing is told by colour alone; every sign of ours has an ASCII twin of the same width.

use crate::model::Model;
use crate::model::look::Theme;
use crate::verdict::Level;
use ratatui::buffer::Buffer;
use ratatui::style::{Color, Modifier, Style};

/// The role of a text.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Role {
    /// Ordinary.
    Plain,
    /// Less important, or old.
    Dim,
    /// Well.
    Good,
    /// Not as it should be.
    Warn,
    /// Broken.
    Bad,
    /// Its subject.
    Accent,
    /// The chosen row.
    Chosen,
}

/// The input of a view: the model, and the styles of its theme.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Pen<'a> {
    /// The model.
    pub(crate) model: &'a Model,
}

/// Stands before what only its two ends can read.
pub(crate) const LOCK: &str = "🔒";

/// Heights of a curve, lowest first.
const CURVE: [&str; 8] = ["▁", "▂", "▃", "▄", "▅", "▆", "▇", "█"];

/// Our signs and their twins, for terminals that show nothing but ASCII. What others write in other letters becomes `?`.
const TWINS: &[(&str, &str)] = &[
    ("●", "*"),
    ("○", "o"),
    ("◌", "~"),
    ("✕", "x"),
    ("★", "L"),
    ("▲", "!"),
    ("■", "#"),
    ("↑", "^"),
    ("✓", "y"),
    ("·", "."),
    ("≠", "d"),
    ("░", "."),
    ("┃", "|"),
    ("…", "~"),
    ("▸", ">"),
    ("→", ">"),
    ("←", "<"),
    ("⏎", "/"),
    (LOCK, "[]"),
    ("▁", "."),
    ("▂", ":"),
    ("▃", "-"),
    ("▄", "="),
    ("▅", "+"),
    ("▆", "*"),
    ("▇", "%"),
    ("█", "#"),
    ("─", "-"),
    ("│", "|"),
    ("┌", "+"),
    ("┐", "+"),
    ("└", "+"),
    ("┘", "+"),
];

/// Exchanges every sign of a picture that is not ASCII.
pub(crate) fn to_ascii(picture: &mut Buffer) {
    for cell in picture.content.iter_mut().filter(|cell| !cell.symbol().is_ascii()) {
        let twin = TWINS.iter().find(|(sign, _)| *sign == cell.symbol()).map_or("?", |(_, twin)| twin);
        cell.set_symbol(twin);
    }
}

impl Pen<'_> {
    /// How a text looks.
    pub(crate) fn style(&self, role: Role) -> Style {
        let theme = self.model.look.theme;
        let (dark, mono) = (theme == Theme::Dark, theme == Theme::Mono);
        let plain = Style::new();
        match role {
            Role::Plain => plain,
            Role::Dim => plain.add_modifier(Modifier::DIM),
            Role::Chosen => plain.add_modifier(Modifier::REVERSED),
            Role::Good if mono => plain,
            Role::Good => plain.fg(Color::Green),
            Role::Warn if mono => plain.add_modifier(Modifier::BOLD),
            Role::Warn => plain.fg(if dark { Color::Yellow } else { Color::Magenta }),
            Role::Bad if mono => plain.add_modifier(Modifier::BOLD | Modifier::UNDERLINED),
            Role::Bad => plain.fg(Color::Red).add_modifier(Modifier::BOLD),
            Role::Accent if mono => plain.add_modifier(Modifier::BOLD),
            Role::Accent => plain.fg(if dark { Color::Cyan } else { Color::Blue }),
        }
    }

    /// How the second line looks.
    pub(crate) fn level_style(&self, level: Level) -> Style {
        let loud = |role| self.style(role).add_modifier(Modifier::BOLD | Modifier::REVERSED);
        match level {
            Level::Good => self.style(Role::Good).add_modifier(Modifier::BOLD),
            Level::Unknown => self.style(Role::Accent),
            Level::Warn => self.style(Role::Warn).add_modifier(Modifier::BOLD),
            Level::Bad | Level::Alarm => loud(Role::Bad),
        }
    }

    /// A curve in so many columns, newest right: each column shows the largest of its values, blank where there is none.
    pub(crate) fn curve(&self, values: &[Option<u64>], columns: usize) -> String {
        let of_column = values.len().div_ceil(columns.max(1)).max(1);
        let largest = values.iter().flatten().copied().max().unwrap_or(0).max(1);
        let step = |value: u64| usize::try_from(u128::from(value) * 7 / u128::from(largest)).unwrap_or(7).min(7);
        let chunks: Vec<_> = values.rchunks(of_column).collect();
        let column = |chunk: &&[Option<u64>]| match chunk.iter().flatten().max() {
            Some(value) => CURVE[step(*value)],
            None => " ",
        };
        let curve: String = chunks.iter().rev().map(column).collect();
        format!("{curve:>columns$}")
    }

    /// A bar in so many columns, with a mark where more than two thirds begin.
    pub(crate) fn bar(&self, part: u64, whole: u64, columns: usize) -> String {
        let cell = |share: u128| usize::try_from(share).unwrap_or(0);
        let full = cell(u128::from(part) * columns as u128 / u128::from(whole.max(1))).min(columns);
        let mark = columns * 2 / 3;
        let sign = |at: usize| match at {
            _ if at == mark => "┃",
            _ if at < full => "█",
            _ => "░",
        };
        (0..columns).map(sign).collect()
    }
}
