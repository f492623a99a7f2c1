//! Text from others: made safe to show, and read from files as people and their editors leave it.
//!
//! Owns: which characters never reach a terminal. Those are all control characters (Cc: they move the cursor, change
//! colours, and more), all that change the direction of writing (Bidi_Control: they make a message pose as something else),
//! and the two separators of lines and paragraphs (Zl, Zp).
//! Start reading at [`is_harmless`].

use std::borrow::Cow;
use std::fmt::Write;
use std::fs::File;
use std::io::{self, ErrorKind, Read, Seek, SeekFrom};
use std::path::Path;

/// Stands for a character that is not shown.
const HIDDEN: char = char::REPLACEMENT_CHARACTER;
/// Stands for the end of a line inside a text that has only one.
const LINE_END: char = '⏎';
/// Some editors put it before the first character of a file.
const BYTE_ORDER_MARK: char = '\u{feff}';

/// May this character reach a terminal as it is?
pub fn is_harmless(c: char) -> bool {
    let turns = matches!(c, '\u{61c}' | '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}');
    !(c.is_control() || turns || matches!(c, '\u{2028}' | '\u{2029}'))
}

/// A text of several lines, safe to show; its line ends stay.
pub fn page(text: &str) -> Cow<'_, str> {
    mapped(text, |c| c == '\n', |_| HIDDEN)
}

/// A text that is one line wherever it is shown: a name, a message, a reason. An end of line in it shows as `⏎`.
pub fn line(text: &str) -> Cow<'_, str> {
    mapped(text, |_| false, |c| if c == '\n' { LINE_END } else { HIDDEN })
}

fn mapped(text: &str, stays: impl Fn(char) -> bool, instead: impl Fn(char) -> char) -> Cow<'_, str> {
    let stays = |c: char| is_harmless(c) || stays(c);
    if text.chars().all(&stays) {
        return text.into();
    }
    text.chars().map(|c| if stays(c) { c } else { instead(c) }).collect()
}

/// JSON with `\u` escapes for what must not reach a terminal, and the same value. Blanks between its tokens stay: such
/// characters can only stand inside texts, where serializers escape those below U+0020 by themselves.
pub fn json(text: &str) -> Cow<'_, str> {
    let stays = |c: char| is_harmless(c) || c == '\n';
    if text.chars().all(stays) {
        return text.into();
    }
    let mut escaped = String::with_capacity(text.len() + 32);
    for c in text.chars() {
        if stays(c) {
            escaped.push(c);
        } else {
            // All of them are below U+10000: one unit each.
            write!(escaped, "\\u{:04x}", u32::from(c)).expect("a text grows");
        }
    }
    escaped.into()
}

/// Reads a small file of text as UTF-8, without the byte order mark that some editors begin it with.
///
/// Errors: the system's; longer than `bytes_max`; not UTF-8.
pub fn read(path: &Path, bytes_max: u64) -> io::Result<String> {
    let file = File::open(path)?;
    let length = file.metadata()?.len().min(bytes_max);
    // In one piece from the start: what grows leaves copies behind, and this may be a secret.
    let mut bytes = Vec::with_capacity(usize::try_from(length).unwrap_or(0) + 1);
    file.take(bytes_max + 1).read_to_end(&mut bytes)?;
    if u64::try_from(bytes.len()).unwrap_or(u64::MAX) > bytes_max {
        return Err(refused(format!("it is longer than {bytes_max} bytes")));
    }
    let wide = bytes.starts_with(&[0xff, 0xfe]) || bytes.starts_with(&[0xfe, 0xff]);
    let mut text = String::from_utf8(bytes).map_err(|wrong| {
        let form = if wide {
            "it is UTF-16: save it as UTF-8".into()
        } else {
            format!("it is not valid UTF-8: {}", wrong.utf8_error())
        };
        refused(form)
    })?;
    if text.starts_with(BYTE_ORDER_MARK) {
        text.remove(0);
    }
    Ok(text)
}

/// The end of a file of text that may be long: at most `bytes_max` bytes, from the beginning of a line. What is no UTF-8 is
/// replaced.
///
/// Errors: the system's.
pub fn read_end(path: &Path, bytes_max: u64) -> io::Result<String> {
    let mut file = File::open(path)?;
    let length = file.metadata()?.len();
    let skipped = length.saturating_sub(bytes_max);
    file.seek(SeekFrom::Start(skipped))?;
    let mut bytes = vec![];
    file.take(bytes_max).read_to_end(&mut bytes)?;
    let text = String::from_utf8_lossy(&bytes);
    let whole = if skipped == 0 { &text } else { text.split_once('\n').map_or("", |(_, rest)| rest) };
    Ok(whole.to_owned())
}

fn refused(reason: String) -> io::Error {
    io::Error::new(ErrorKind::InvalidData, reason)
}

/// A word as a shell has to be given it, for a command that is printed.
pub fn quoted(word: &str) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || "-_./:,=@+%".contains(c);
    if !word.is_empty() && word.chars().all(plain) {
        return word.into();
    }
    format!("'{}'", word.replace('\'', "'\\''"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_word_in_a_printed_command_is_one_word_to_a_shell() {
        assert_eq!(["/home/a/net-1", "a b", "it's", ""].map(quoted), ["/home/a/net-1", "'a b'", r"'it'\''s'", "''"]);
    }

    /// All of Bidi_Control, Zl, Zp, and some of Cc.
    const HOSTILE: &str = "\u{61c}\u{200e}\u{200f}\u{202a}\u{202b}\u{202c}\u{202d}\u{202e}\u{2066}\u{2067}\u{2068}\u{2069}\
                           \u{2028}\u{2029}\u{1b}\u{9b}\u{7}\r\u{8}\u{85}\u{7f}\u{0}\t";

    #[test]
    fn no_character_that_drives_a_terminal_is_shown() {
        for c in HOSTILE.chars() {
            let text = format!("a{c}b");
            assert_eq!(line(&text), "a\u{fffd}b", "{c:?}");
            assert_eq!(page(&text), "a\u{fffd}b", "{c:?}");
        }
        assert_eq!(line("hi\u{1b}[2Jthere\r\n"), "hi\u{fffd}[2Jthere\u{fffd}⏎");
        assert_eq!(page("one\ntwo\u{202e}"), "one\ntwo\u{fffd}");
    }

    #[test]
    fn what_people_write_is_shown_as_it_is() {
        for text in ["γειά 👋", "שלום", "e\u{301}", "a\u{200d}b", ""] {
            assert!(matches!(line(text), Cow::Borrowed(same) if same == text));
        }
    }

    #[test]
    fn escaped_json_is_the_same_value_and_holds_nothing_that_drives_a_terminal() {
        let value = serde_json::json!({ "text": HOSTILE, "plain": "γειά" });
        let text = serde_json::to_string_pretty(&value).unwrap();
        let escaped = json(&text);
        assert!(escaped.chars().all(|c| is_harmless(c) || c == '\n'), "{escaped:?}");
        assert_eq!(serde_json::from_str::<serde_json::Value>(&escaped).unwrap(), value);
        assert!(escaped.contains("γειά"));
    }

    #[test]
    fn a_text_is_read_without_its_byte_order_mark_and_only_if_it_is_one() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("t");
        let of = |bytes: &[u8]| {
            std::fs::write(&path, bytes).unwrap();
            read(&path, 8).map_err(|error| error.to_string())
        };
        assert_eq!(of(b"\xef\xbb\xbfabc"), Ok("abc".into()));
        assert_eq!(of(b"abc\xef\xbb\xbf"), Ok("abc\u{feff}".into()));
        assert_eq!(of(b"12345678"), Ok("12345678".into()));
        assert!(of(b"123456789").unwrap_err().contains("longer than 8"));
        assert!(of(b"\xff\xfea\0").unwrap_err().contains("UTF-16"));
        assert!(of(b"a\xffb").unwrap_err().contains("not valid UTF-8"));
    }

    #[test]
    fn the_end_of_a_long_file_begins_with_a_whole_line() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("log");
        std::fs::write(&path, "first\nsecond\nthird\n").unwrap();
        assert_eq!(read_end(&path, 100).unwrap(), "first\nsecond\nthird\n");
        assert_eq!(read_end(&path, 10).unwrap(), "third\n");
        assert_eq!(read_end(&path, 3).unwrap(), "");
    }
}
