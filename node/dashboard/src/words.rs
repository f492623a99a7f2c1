//! Numbers and lists as people read them. Pure.
//!
//! Always true: every text here is short, on one line, and made of digits and plain letters.

use ratatui::text::Span;

/// `1,502`.
pub(crate) fn thousands(number: u64) -> String {
    let digits = number.to_string();
    let mut text = String::with_capacity(digits.len() + digits.len() / 3);
    for (at, digit) in digits.chars().enumerate() {
        if at > 0 && (digits.len() - at).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// How long something takes or took: `0.2 s`, `12 s`, `2m11s`, `3h05m`, `4d02h`.
pub(crate) fn span(ms: u64) -> String {
    let s = ms / 1_000;
    match s {
        0..10 => format!("{s}.{} s", ms % 1_000 / 100),
        10..60 => format!("{s} s"),
        60..3_600 => format!("{}m{:02}s", s / 60, s % 60),
        3_600..86_400 => format!("{}h{:02}m", s / 3_600, s % 3_600 / 60),
        _ => format!("{}d{:02}h", s / 86_400, s % 86_400 / 3_600),
    }
}

/// A short time, exactly: `252 ms`, `1,178 ms`, from ten seconds on as [`span`].
pub(crate) fn millis(ms: u64) -> String {
    if ms < 10_000 { format!("{} ms", thousands(ms)) } else { span(ms) }
}

/// A round trip: `0.34 ms`, `12 ms`.
pub(crate) fn round_trip(us: u64) -> String {
    if us < 10_000 { format!("{}.{:02} ms", us / 1_000, us % 1_000 / 10) } else { format!("{} ms", us / 1_000) }
}

/// A share with one decimal, rounded down: `66.6 %`.
pub(crate) fn percent(part: u64, whole: u64) -> String {
    let tenths = tenths_of_percent(part, whole);
    format!("{}.{} %", tenths / 10, tenths % 10)
}

/// The same in tenths of a percent.
pub(crate) fn tenths_of_percent(part: u64, whole: u64) -> u64 {
    let tenths = u128::from(part) * 1_000 / u128::from(whole.max(1));
    u64::try_from(tenths).unwrap_or(u64::MAX)
}

/// An amount of data: `512 B`, `18 KB`, `3.2 MB`.
pub(crate) fn bytes(number: u64) -> String {
    let units = [("GB", 1_000_000_000_u64), ("MB", 1_000_000), ("KB", 1_000)];
    match units.into_iter().find(|(_, size)| number >= *size) {
        Some((unit, size)) if number < 10 * size => format!("{}.{} {unit}", number / size, number % size * 10 / size),
        Some((unit, size)) => format!("{} {unit}", number / size),
        None => format!("{number} B"),
    }
}

/// The time of day, UTC: `12:05:02`.
pub(crate) fn time_of_day(unix_ms: u64) -> String {
    let s = unix_ms / 1_000 % 86_400;
    format!("{:02}:{:02}:{:02}", s / 3_600, s / 60 % 60, s % 60)
}

/// `1 node`, `2 nodes`.
pub(crate) fn count(number: usize, thing: &str) -> String {
    let many = if number == 1 { "" } else { "s" };
    format!("{} {thing}{many}", thousands(u64::try_from(number).unwrap_or(u64::MAX)))
}

/// `id0 id1 id2`; of many only the first, and how many more.
pub(crate) fn names<S: AsRef<str>>(names: &[S], most: usize) -> String {
    let shown: Vec<&str> = names.iter().take(most).map(AsRef::as_ref).collect();
    let shown = shown.join(" ");
    match names.len().saturating_sub(most) {
        0 => shown,
        more => format!("{shown} and {more} more"),
    }
}

/// `id3 or id4`; `one of id0, id1, id2, ...` of many.
pub(crate) fn any_of<S: AsRef<str>>(names: &[S], most: usize) -> String {
    let shown: Vec<&str> = names.iter().take(most).map(AsRef::as_ref).collect();
    if names.len() > most { format!("one of {} ...", shown.join(" ")) } else { shown.join(" or ") }
}

/// How many columns of a terminal a text takes.
pub(crate) fn width(text: &str) -> usize {
    Span::raw(text).width()
}

/// At most so many columns of a text, with an ellipsis if something is left out.
pub(crate) fn clipped(text: &str, columns: usize) -> String {
    if width(text) <= columns {
        return text.to_owned();
    }
    let mut kept = String::new();
    for c in text.chars() {
        if width(&kept) + width(c.encode_utf8(&mut [0; 4])) >= columns {
            break;
        }
        kept.push(c);
    }
    if columns > 0 {
        kept.push('…');
    }
    kept
}

/// A text in so many columns: clipped, or filled up behind it.
pub(crate) fn left(text: &str, columns: usize) -> String {
    let text = clipped(text, columns);
    let blank = columns.saturating_sub(width(&text));
    text + &" ".repeat(blank)
}

/// A text in so many columns: clipped, or filled up before it.
pub(crate) fn right(text: &str, columns: usize) -> String {
    let text = clipped(text, columns);
    " ".repeat(columns.saturating_sub(width(&text))) + &text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_have_a_comma_every_three_digits() {
        assert_eq!([0, 999, 1_000, 1_234_567].map(thousands), ["0", "999", "1,000", "1,234,567"]);
    }

    #[test]
    fn a_time_is_shown_as_exactly_as_people_read_it() {
        let shown = [0, 250, 9_999, 12_400, 131_000, 11_100_000, 352_800_000].map(span);
        assert_eq!(shown, ["0.0 s", "0.2 s", "9.9 s", "12 s", "2m11s", "3h05m", "4d02h"]);
        assert_eq!([252, 1_178, 12_000].map(millis), ["252 ms", "1,178 ms", "12 s"]);
        assert_eq!([340, 23_456].map(round_trip), ["0.34 ms", "23 ms"]);
    }

    #[test]
    fn a_share_is_never_rounded_up_over_a_mark() {
        assert_eq!(percent(2, 3), "66.6 %");
        assert_eq!(percent(u64::MAX, u64::MAX), "100.0 %");
        assert_eq!(percent(1, 0), "100.0 %");
    }

    #[test]
    fn data_and_the_time_of_day_are_short() {
        assert_eq!([512, 1_800, 18_000, 3_200_000].map(bytes), ["512 B", "1.8 KB", "18 KB", "3.2 MB"]);
        assert_eq!(time_of_day(86_400_000 + 43_502_000), "12:05:02");
    }

    #[test]
    fn long_lists_say_how_many_are_left_out() {
        assert_eq!(names(&["a", "b", "c"], 2), "a b and 1 more");
        assert_eq!(any_of(&["a", "b"], 2), "a or b");
        assert_eq!(any_of(&["a", "b", "c"], 2), "one of a b ...");
        assert_eq!((count(1, "node"), count(2, "node")), ("1 node".into(), "2 nodes".into()));
    }

    #[test]
    fn texts_keep_to_their_columns_whatever_is_in_them() {
        for (text, columns) in [("abc", 3), ("abcd", 3), ("", 2), ("👋👋👋", 4), ("漢字漢字", 5), ("abc", 0)]
        {
            assert_eq!((width(&left(text, columns)), width(&right(text, columns))), (columns, columns), "{text}");
        }
        assert_eq!((left("abcd", 3), right("ab", 3)), ("ab…".into(), " ab".into()));
    }
}
