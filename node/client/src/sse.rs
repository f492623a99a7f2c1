//! Server-sent events, from bytes that come in any pieces. As the HTML standard says, section 9.2.6. Pure.
//!
//! Our own because the parsers that are there keep whatever comes: this one refuses an event longer than
//! [`EVENT_BYTES_MAX`]. Always true: the pieces in which bytes come change nothing.
//! Start reading at [`Parser::read`].

use std::collections::VecDeque;

/// Longest line, and longest data of an event, in bytes. Ours are below 200.
pub(crate) const EVENT_BYTES_MAX: usize = 64 * 1024;

/// One event.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Event {
    /// `message` unless it says otherwise.
    pub(crate) name: String,
    /// Its lines, joined.
    pub(crate) data: String,
    /// The last id that was given, by this event or an earlier one; empty if none was.
    pub(crate) id: String,
}

/// An event that is longer than any of ours.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("an event of more than {EVENT_BYTES_MAX} bytes")]
pub(crate) struct TooLong;

/// Lines of the current event so far.
#[derive(Debug, Default)]
pub(crate) struct Parser {
    line: Vec<u8>,
    /// A line ended with CR: an LF that follows belongs to it.
    after_cr: bool,
    /// Was the first line read? A byte order mark before it does not count.
    begun: bool,
    name: String,
    /// Every line of data with an LF behind it.
    data: String,
    id: String,
}

impl Parser {
    /// Reads the next bytes; events that are whole by then go to `come`.
    pub(crate) fn read(&mut self, bytes: &[u8], come: &mut VecDeque<Event>) -> Result<(), TooLong> {
        for byte in bytes {
            let ends_cr = std::mem::replace(&mut self.after_cr, *byte == b'\r');
            match byte {
                b'\n' if ends_cr => {}
                b'\n' | b'\r' => come.extend(self.end_line()?),
                _ if self.line.len() == EVENT_BYTES_MAX => return Err(TooLong),
                _ => self.line.push(*byte),
            }
        }
        Ok(())
    }

    /// The event that this line ends, if it ends one.
    fn end_line(&mut self) -> Result<Option<Event>, TooLong> {
        let line = std::mem::take(&mut self.line);
        let line = String::from_utf8_lossy(&line);
        let line = if self.begun { &*line } else { line.strip_prefix('\u{feff}').unwrap_or(&line) };
        self.begun = true;
        if line.is_empty() {
            return Ok(self.end_event());
        }
        let (field, value) = line.split_once(':').unwrap_or((line, ""));
        self.field(field, value.strip_prefix(' ').unwrap_or(value))?;
        Ok(None)
    }

    /// A comment has no name; other fields, `retry` among them, say nothing to us.
    fn field(&mut self, field: &str, value: &str) -> Result<(), TooLong> {
        match field {
            "event" => self.name = value.to_owned(),
            "data" if self.data.len() + value.len() > EVENT_BYTES_MAX => return Err(TooLong),
            "data" => self.data.extend([value, "\n"]),
            "id" if !value.contains('\0') => self.id = value.to_owned(),
            _ => {}
        }
        Ok(())
    }

    /// Without data it is none.
    fn end_event(&mut self) -> Option<Event> {
        let (name, mut data) = (std::mem::take(&mut self.name), std::mem::take(&mut self.data));
        data.pop()?;
        let name = if name.is_empty() { "message".to_owned() } else { name };
        Some(Event { name, data, id: self.id.clone() })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read_in_pieces(bytes: &[u8], of: usize) -> Result<Vec<Event>, TooLong> {
        let (mut parser, mut come) = (Parser::default(), VecDeque::new());
        bytes.chunks(of).try_for_each(|piece| parser.read(piece, &mut come))?;
        Ok(come.into())
    }

    /// The events in this text: name, data, id; whatever the pieces in which it comes.
    #[track_caller]
    fn check(text: &str, expected: &[(&str, &str, &str)]) {
        let event = |(name, data, id): &(&str, &str, &str)| Event {
            name: (*name).to_owned(),
            data: (*data).to_owned(),
            id: (*id).to_owned(),
        };
        let expected: Vec<_> = expected.iter().map(event).collect();
        for pieces in 1..=text.len() {
            assert_eq!(
                read_in_pieces(text.as_bytes(), pieces).as_ref(),
                Ok(&expected),
                "in pieces of {pieces}: {text:?}"
            );
        }
    }

    #[test]
    fn an_event_is_its_name_data_and_id() {
        check("event: block\nid: 7\ndata: {\"height\":7}\n\n", &[("block", "{\"height\":7}", "7")]);
        check("data:a\n\ndata: b\n\n", &[("message", "a", ""), ("message", "b", "")]);
    }

    #[test]
    fn lines_end_in_three_ways() {
        check(
            "data: a\r\n\r\ndata: b\r\rdata: c\n\n",
            &[("message", "a", ""), ("message", "b", ""), ("message", "c", "")],
        );
    }

    #[test]
    fn lines_of_data_are_joined_and_one_blank_before_a_value_does_not_count() {
        check("data: a\ndata:  b\ndata\n\n", &[("message", "a\n b\n", "")]);
        check("\u{feff}data: α\n\n", &[("message", "α", "")]);
    }

    #[test]
    fn comments_and_unknown_fields_are_nothing_and_no_data_is_no_event() {
        check(": still here\n\nretry: 5\nfrom: me\n\nevent: block\n\ndata: a\n\n", &[("message", "a", "")]);
        check("data: half", &[]);
    }

    #[test]
    fn an_id_stays_until_another_comes_and_holds_no_nul() {
        check(
            "id: 1\ndata: a\n\ndata: b\n\nid: x\0y\ndata: c\n\nid\ndata: d\n\n",
            &[("message", "a", "1"), ("message", "b", "1"), ("message", "c", "1"), ("message", "d", "")],
        );
    }

    #[test]
    fn what_never_ends_is_refused() {
        let line = vec![b'x'; EVENT_BYTES_MAX + 1];
        assert_eq!(read_in_pieces(&line, 1_000), Err(TooLong));
        let lines = b"data: 0123456789\n".repeat(EVENT_BYTES_MAX / 10);
        assert_eq!(read_in_pieces(&lines, 1_000), Err(TooLong));
        let comments = b": 0123456789\n".repeat(EVENT_BYTES_MAX / 10);
        assert_eq!(read_in_pieces(&comments, 1_000), Ok(vec![]), "comments are not kept");
    }
}
