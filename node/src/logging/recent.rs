//! The last lines of the log for readers of the node's status: a ring of our own, independent of the log's stream.
//!
//! Always true: at most [`LINES_MAX`] lines and [`BYTES_MAX`] bytes are kept; each is one line of text, with what drives
//! terminals taken out; what the log's filter keeps out is not here either, nor is anything of level *trace*: a stream of
//! the log would tell of its own sending without end.

use crate::clock::unix_millis;
use crate::ring::Ring;
use blockchat_client::shapes::{LogLevel, LogLineView};
use blockchat_host::text;
use std::fmt::{Debug, Write};
use std::sync::LazyLock;
use tracing::field::{Field, Visit};
use tracing::{Event, Level, Subscriber};
use tracing_subscriber::Layer;
use tracing_subscriber::layer::Context;

/// Lines kept.
const LINES_MAX: usize = 1_000;
/// Their bytes, about.
const BYTES_MAX: usize = 512 * 1024;
/// Longest text of a line, in bytes; the rest of a longer one is cut off.
const TEXT_BYTES_MAX: usize = 2 * 1024;

static LINES: LazyLock<Ring<LogLineView>> = LazyLock::new(|| Ring::new(LINES_MAX, BYTES_MAX));

/// The last lines of this process.
pub fn lines() -> &'static Ring<LogLineView> {
    &LINES
}

/// Puts every event into the ring.
pub(super) struct Recent;

impl<S: Subscriber> Layer<S> for Recent {
    fn on_event(&self, event: &Event<'_>, _: Context<'_, S>) {
        if *event.metadata().level() == Level::TRACE {
            return;
        }
        let mut words = Words::default();
        event.record(&mut words);
        let text = words.line();
        let metadata = event.metadata();
        let bytes = size_of::<LogLineView>() + text.len() + metadata.target().len();
        LINES.put(|number| {
            let (time, target) = (unix_millis(), metadata.target().to_owned());
            (LogLineView { number, time, level: level(*metadata.level()), target, text }, bytes)
        });
    }
}

fn level(level: Level) -> LogLevel {
    match level {
        Level::ERROR => LogLevel::Error,
        Level::WARN => LogLevel::Warn,
        Level::INFO => LogLevel::Info,
        Level::DEBUG => LogLevel::Debug,
        Level::TRACE => LogLevel::Trace,
    }
}

/// The message, and the values behind it.
#[derive(Default)]
struct Words {
    message: String,
    values: String,
}

impl Words {
    fn line(self) -> String {
        let both = self.message + &self.values;
        let mut line = text::line(&both).into_owned();
        let end = (0..=TEXT_BYTES_MAX.min(line.len())).rev().find(|at| line.is_char_boundary(*at));
        line.truncate(end.unwrap_or(0));
        line
    }
}

impl Visit for Words {
    fn record_str(&mut self, field: &Field, value: &str) {
        if field.name() == "message" { self.message.push_str(value) } else { self.record_debug(field, &value) }
    }

    fn record_debug(&mut self, field: &Field, value: &dyn Debug) {
        // Writing into a text cannot fail.
        _ = match field.name() {
            "message" => write!(self.message, "{value:?}"),
            name => write!(self.values, " {name}={value:?}"),
        };
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use tracing::subscriber::with_default;
    use tracing_subscriber::layer::SubscriberExt;

    #[test]
    fn a_line_is_its_message_with_its_values_and_drives_no_terminal() {
        let before = lines().last();
        with_default(tracing_subscriber::registry().with(Recent), || {
            tracing::warn!(peer = %"12D\u{1b}[31m", tries = 3, "no answer");
        });
        let found = lines().newest(LINES_MAX, |line| line.number > before && line.text.starts_with("no answer"));
        let [line] = &found[..] else { panic!("{found:?}") };
        assert_eq!(line.level, LogLevel::Warn);
        assert!(line.text.contains("tries=3") && !line.text.contains('\u{1b}'), "{line:?}");
        assert!(line.target.contains("recent"), "{line:?}");
    }
}
