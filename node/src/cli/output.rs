//! The form of results: tables for people, JSON for programs; and text from strangers made safe to print.

use crate::clock::unix_millis;
pub(crate) use blockchat_host::text::quoted;
use blockchat_host::{stream, text};
use blockchat_proto::coins::Coins;
use blockchat_proto::units::UnixMillis;
use comfy_table::{CellAlignment, ContentArrangement, Table, presets};
use serde::Serialize;
use std::time::{Duration, SystemTime};

pub(crate) use blockchat_host::stream::{note, say};

/// The first moment of the year 10000, in unix ms.
const YEAR_10000_MS: u64 = 253_402_300_800_000;

/// On a narrower terminal nothing is arranged: every column would be a letter wide.
const COLUMNS_MIN: u16 = 40;

/// For whom a result is printed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, clap::ValueEnum)]
pub(crate) enum Format {
    /// People.
    #[default]
    Table,
    /// Programs: one JSON value on standard output.
    Json,
}

impl Format {
    /// Prints a result. If it cannot be written the command goes on, and fails in the end: see [`stream::lost`].
    pub(crate) fn print<T: Serialize>(self, value: &T, table: impl FnOnce(&T) -> String) {
        match self {
            Self::Table => say(&table(value)),
            Self::Json => stream::say_json(&json(value)),
        }
    }
}

/// A result as JSON for a person's eye.
pub(crate) fn json<T: Serialize>(value: &T) -> String {
    serde_json::to_string_pretty(value).expect("results are plain numbers, texts and lists")
}

/// Lines of `label  value`, values below each other; lines with an empty value are left out. A value is one line,
/// whatever is in it.
pub(crate) fn pairs(lines: &[(&str, String)]) -> String {
    let shown = || lines.iter().filter(|(_, value)| !value.is_empty());
    let width = shown().map(|(label, _)| label.len()).max().unwrap_or(0);
    shown().map(|(label, value)| format!("{label:width$}  {}\n", printable(value))).collect()
}

/// Columns under their names. Those in `right` are numbers. A cell is one line, whatever is in it; where the terminal is too
/// narrow, its words go on below each other.
pub(crate) fn table(header: &[&str], right: &[usize], rows: Vec<Vec<String>>) -> String {
    table_within(terminal_width(), header, right, rows)
}

/// The width of the terminal that results go to, if it is one.
fn terminal_width() -> Option<u16> {
    if !stream::Stream::Output.is_terminal() {
        return None;
    }
    crossterm::terminal::size().ok().map(|(columns, _)| columns).filter(|columns| *columns >= COLUMNS_MIN)
}

fn table_within(width: Option<u16>, header: &[&str], right: &[usize], rows: Vec<Vec<String>>) -> String {
    let mut table = Table::new();
    table.load_style(presets::NOTHING).set_content_arrangement(ContentArrangement::Disabled);
    if let Some(width) = width {
        table.set_content_arrangement(ContentArrangement::Dynamic).set_width(width);
    }
    table.set_header(header.iter().map(|name| name.to_uppercase()));
    table.add_rows(rows.iter().map(|row| row.iter().map(|cell| printable(cell))));
    for (index, column) in table.column_iter_mut().enumerate() {
        column.set_padding((0, 2));
        if right.contains(&index) {
            column.set_cell_alignment(CellAlignment::Right);
        }
    }
    table.lines().map(|line| line.trim_end().to_owned() + "\n").collect()
}

/// A text that only its two ends can read is shown with a lock.
pub(crate) fn locked(sealed: bool, text: &str) -> String {
    if sealed { format!("\u{1f512} {text}") } else { text.into() }
}

/// An amount for a sentence: `14.15 BCC`.
pub(crate) fn bcc(coins: Coins) -> String {
    format!("{} BCC", amount(coins))
}

/// An amount without its trailing zeros: `14.15`.
pub(crate) fn amount(coins: Coins) -> String {
    let text = coins.to_string();
    text.trim_end_matches('0').trim_end_matches('.').to_owned()
}

/// A number of things: `1 transaction`, `2 transactions`.
pub(crate) fn count(number: impl Into<u64>, thing: &str) -> String {
    let number = number.into();
    format!("{number} {thing}{}", if number == 1 { "" } else { "s" })
}

/// An amount of data: `17 bytes`, `3.2 MiB`.
pub(crate) fn bytes(number: u64) -> String {
    let units = [("GiB", 1_u64 << 30), ("MiB", 1 << 20), ("KiB", 1 << 10)];
    match units.into_iter().find(|(_, size)| number >= *size) {
        Some((unit, size)) => {
            let tenths = u128::from(number) * 10 / u128::from(size);
            format!("{}.{} {unit}", tenths / 10, tenths % 10)
        }
        None => count(number, "byte"),
    }
}

/// A moment: `2026-11-21 05:00:12 UTC`. Beyond the year 9999, which no calendar shows: the bare number.
pub(crate) fn moment(time: UnixMillis) -> String {
    if time.0 >= YEAR_10000_MS {
        return format!("{time} ms");
    }
    let time = SystemTime::UNIX_EPOCH + Duration::from_millis(time.0);
    humantime::format_rfc3339_seconds(time).to_string().replace('T', " ").replace('Z', " UTC")
}

/// A rough age: `3 s ago`.
pub(crate) fn age(time: UnixMillis) -> String {
    let seconds = unix_millis().0.saturating_sub(time.0) / 1_000;
    match seconds {
        0..=1 => "just now".into(),
        2..=119 => format!("{seconds} s ago"),
        120..=7_199 => format!("{} min ago", seconds / 60),
        7_200..=172_799 => format!("{} h ago", seconds / 3_600),
        _ => format!("{} days ago", seconds / 86_400),
    }
}

/// Text of a stranger as one line that is safe for a terminal.
pub(crate) fn printable(stranger: &str) -> String {
    text::line(stranger).into_owned()
}

/// At most `most` characters of a text, with an ellipsis if some are left out.
pub(crate) fn clipped(text: &str, most: usize) -> String {
    match text.char_indices().nth(most) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn amounts_lose_their_trailing_zeros_and_nothing_else() {
        assert_eq!(bcc(Coins::from_bcc(10)), "10 BCC");
        assert_eq!(bcc(Coins::from_micros(14_150_000).unwrap()), "14.15 BCC");
        assert_eq!(bcc(Coins::from_micros(1).unwrap()), "0.000001 BCC");
        assert_eq!(bcc(Coins::ZERO), "0 BCC");
    }

    #[test]
    fn what_others_wrote_neither_drives_the_terminal_nor_begins_a_line() {
        assert_eq!(pairs(&[("id", "a\u{1b}[2J\nstate  final".into())]), "id  a\u{fffd}[2J⏎state  final\n");
        let rows = vec![vec!["x\u{202e}\ny".into()]];
        assert_eq!(table(&["a"], &[], rows), "A\nx\u{fffd}⏎y\n");
    }

    #[test]
    fn data_is_shown_in_the_largest_unit_that_fits() {
        assert_eq!([1, 1_023, 1_024, 3_355_444].map(bytes), ["1 byte", "1023 bytes", "1.0 KiB", "3.2 MiB"]);
        assert_eq!(bytes(u64::MAX), "17179869183.9 GiB");
    }

    #[test]
    fn moments_read_like_a_calendar() {
        assert_eq!(moment(UnixMillis(0)), "1970-01-01 00:00:00 UTC");
        assert!(!moment(UnixMillis(u64::MAX)).is_empty());
    }

    #[test]
    fn values_stand_below_each_other_and_empty_ones_are_left_out() {
        let text = pairs(&[("id", "7".into()), ("fee", "1".into()), ("note", String::new())]);
        assert_eq!(text, "id   7\nfee  1\n");
        assert_eq!(table(&["a", "b"], &[1], vec![vec!["x".into(), "10".into()]]), "A   B\nx  10\n");
    }

    #[test]
    fn a_table_fits_a_terminal_of_60_80_and_200_columns_and_loses_no_word() {
        let message = "a message that is rather long for a narrow terminal, as messages often are";
        let row =
            || vec!["2026-11-21 05:00:12 UTC".to_owned(), "alice".into(), "bob".into(), "5".into(), message.into()];
        let header = ["time", "from", "to", "bcc", "message"];
        for width in [60, 80, 200] {
            let shown = table_within(Some(width), &header, &[3], vec![row(), row()]);
            let widest = shown.lines().map(|line| line.chars().count()).max().unwrap();
            assert!(widest <= usize::from(width), "{width}: {widest}\n{shown}");
            assert!(message.split(' ').all(|word| shown.contains(word)), "{shown}");
        }
        let piped = table_within(None, &header, &[3], vec![row()]);
        assert_eq!(piped.lines().count(), 2, "a pipe has no width: {piped}");
    }

    #[test]
    fn long_texts_are_clipped_between_characters() {
        assert_eq!(clipped("ααα", 2), "αα…");
        assert_eq!(clipped("αα", 2), "αα");
    }
}
