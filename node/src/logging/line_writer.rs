//! A queue of log lines, and the thread that writes them.
//!
//! Always true: a logging thread hands a line over and goes on; at most [`QUEUE_BYTES_MAX`] wait, further ones are
//! lost; a lost line, there or because the system refuses it, is counted; after the next line that was written the log
//! says how many were lost and why. Start reading at [`Shared::write`].

use blockchat_host::{stream, text};
use std::cell::Cell;
use std::collections::VecDeque;
use std::io::{self, Write};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::Duration;
use tracing_subscriber::fmt::MakeWriter;

/// Waiting lines, in bytes: some thousands.
const QUEUE_BYTES_MAX: usize = 1024 * 1024;
/// Begins a colour.
const ESCAPE: char = '\u{1b}';

thread_local! {
    /// On the writing thread, while it says that lines were lost: how many.
    static SPEAKS_OF: Cell<u64> = const { Cell::new(0) };
}

/// The form of lines.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Form {
    /// Text.
    Plain,
    /// Text with colours of our own.
    Coloured,
    /// JSON objects.
    Json,
}

/// Cheap to clone; all clones feed one thread.
#[derive(Clone, Debug)]
pub(super) struct LineWriter {
    shared: Arc<Shared>,
}

#[derive(Debug)]
struct Shared {
    form: Form,
    state: Mutex<State>,
    /// There is something to write.
    filled: Condvar,
    /// Nothing waits and nothing is being written.
    idle: Condvar,
}

#[derive(Debug, Default)]
struct State {
    lines: VecDeque<Line>,
    bytes: usize,
    writing: bool,
    lost: Option<Lost>,
}

/// One event.
#[derive(Debug)]
struct Line {
    bytes: Vec<u8>,
    /// So many lost lines it speaks of: they are lost again if it is.
    speaks_of: u64,
}

/// The lines that were not written.
#[derive(Debug, PartialEq, Eq)]
struct Lost {
    lines: u64,
    /// Of the last one.
    reason: String,
}

impl LineWriter {
    /// Starts the thread. It ends with the process.
    pub(super) fn start(to: impl Write + Send + 'static, form: Form) -> io::Result<Self> {
        let state = Mutex::new(State::default());
        let shared = Arc::new(Shared { form, state, filled: Condvar::new(), idle: Condvar::new() });
        let own = Arc::clone(&shared);
        thread::Builder::new().name("log".into()).spawn(move || own.write(to))?;
        Ok(Self { shared })
    }

    /// Waits until all lines are written or lost, at most so long.
    pub(super) fn flush(&self, within: Duration) {
        let waits = |state: &mut State| state.writing || !state.lines.is_empty();
        drop(self.shared.idle.wait_timeout_while(self.shared.lock(), within, waits));
    }
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn push(&self, event: &[u8]) {
        let bytes = self.safe(&String::from_utf8_lossy(event)).into_bytes();
        let speaks_of = SPEAKS_OF.take();
        let mut state = self.lock();
        // There is always room to say what was lost: once for each line that was written.
        if state.bytes + bytes.len() > QUEUE_BYTES_MAX && speaks_of == 0 {
            state.lose(1, "it was written slower than the node logs".into());
        } else {
            state.bytes += bytes.len();
            state.lines.push_back(Line { bytes, speaks_of });
            self.filled.notify_one();
        }
    }

    /// One event as one line. Values have lost their escapes already (`tracing_subscriber` does so), so those that are left
    /// are colours of our own.
    fn safe(&self, event: &str) -> String {
        let event = event.trim_end_matches('\n');
        let safe = match self.form {
            Form::Json => text::json(event).replace('\n', " "),
            Form::Plain => text::line(event).into_owned(),
            Form::Coloured => event.split(ESCAPE).map(text::line).collect::<Vec<_>>().join("\u{1b}"),
        };
        safe + "\n"
    }

    /// The thread: takes what waits, writes it, says what was lost.
    fn write(&self, mut to: impl Write) {
        loop {
            let lines = self.take();
            for line in lines {
                match stream::write_whole(&mut to, &line.bytes) {
                    Ok(()) => self.tell_lost(),
                    Err(error) => self.lock().lose(line.speaks_of.max(1), error.to_string()),
                }
            }
        }
    }

    fn take(&self) -> VecDeque<Line> {
        let mut state = self.lock();
        state.writing = false;
        while state.lines.is_empty() {
            self.idle.notify_all();
            state = self.filled.wait(state).unwrap_or_else(PoisonError::into_inner);
        }
        state.writing = true;
        state.bytes = 0;
        std::mem::take(&mut state.lines)
    }

    /// The log takes lines again: it says what it lacks.
    fn tell_lost(&self) {
        let Some(Lost { lines, reason }) = self.lock().lost.take() else { return };
        SPEAKS_OF.set(lines);
        tracing::error!(lines, %reason, "log lines were lost");
        // A filter may have kept it.
        SPEAKS_OF.set(0);
    }
}

impl State {
    fn lose(&mut self, lines: u64, reason: String) {
        let before = self.lost.as_ref().map_or(0, |lost| lost.lines);
        self.lost = Some(Lost { lines: before.saturating_add(lines), reason });
    }
}

impl<'a> MakeWriter<'a> for LineWriter {
    type Writer = Event<'a>;

    fn make_writer(&'a self) -> Event<'a> {
        Event(&self.shared)
    }
}

/// Takes one event, which comes in one piece.
#[derive(Debug)]
pub(super) struct Event<'a>(&'a Shared);

impl Write for Event<'_> {
    fn write(&mut self, event: &[u8]) -> io::Result<usize> {
        self.0.push(event);
        Ok(event.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::ErrorKind;
    use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
    use tracing::subscriber::with_default;

    /// A log whose reader decides what becomes of each write.
    struct Pipe {
        answers: Receiver<io::Result<()>>,
        written: SyncSender<String>,
    }

    impl Write for Pipe {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.answers.recv().unwrap_or(Ok(()))?;
            drop(self.written.send(String::from_utf8_lossy(bytes).into_owned()));
            Ok(bytes.len())
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    type Ends = (LineWriter, SyncSender<io::Result<()>>, Receiver<String>);

    fn pipe(form: Form) -> Ends {
        let (answer, answers) = sync_channel(100);
        let (written, seen) = sync_channel(100);
        (LineWriter::start(Pipe { answers, written }, form).unwrap(), answer, seen)
    }

    fn put(writer: &LineWriter, event: &str) {
        writer.make_writer().write_all(event.as_bytes()).unwrap();
    }

    fn lost(writer: &LineWriter) -> Option<(u64, String)> {
        writer.shared.lock().lost.as_ref().map(|lost| (lost.lines, lost.reason.clone()))
    }

    #[test]
    fn a_reader_that_stands_still_stops_nobody_and_what_is_too_much_is_counted() {
        let (writer, answer, seen) = pipe(Form::Plain);
        let long = "x".repeat(QUEUE_BYTES_MAX / 4) + "\n";
        (0..20).for_each(|_| put(&writer, &long));
        let (lines, reason) = lost(&writer).expect("twenty quarters are too much");
        assert!((12..=16).contains(&lines) && reason.contains("slower"), "{lines} {reason}");
        writer.flush(Duration::ZERO);
        drop(answer);
        writer.flush(Duration::from_secs(60));
        assert_eq!(u64::try_from(seen.try_iter().count()).unwrap(), 20 - lines, "what waited is written in the end");
    }

    #[test]
    fn lost_lines_are_told_of_once_the_log_takes_lines_again_and_never_forgotten() {
        let (writer, answer, seen) = pipe(Form::Plain);
        let told = tracing_subscriber::fmt().with_writer(writer.clone()).with_ansi(false).finish();
        let error = |kind: ErrorKind| Err(io::Error::from(kind));
        for kind in [ErrorKind::BrokenPipe, ErrorKind::StorageFull] {
            answer.send(error(kind)).unwrap();
            put(&writer, "gone\n");
        }
        writer.flush(Duration::from_secs(60));
        assert_eq!(lost(&writer).map(|(lines, _)| lines), Some(2));
        // The thread speaks through the subscriber of the process: here, it is asked by hand.
        with_default(told, || writer.shared.tell_lost());
        answer.send(error(ErrorKind::BrokenPipe)).unwrap();
        writer.flush(Duration::from_secs(60));
        assert_eq!(lost(&writer).map(|(lines, _)| lines), Some(2), "the two of which the lost line spoke");
        let again = tracing_subscriber::fmt().with_writer(writer.clone()).with_ansi(false).finish();
        with_default(again, || writer.shared.tell_lost());
        drop(answer);
        writer.flush(Duration::from_secs(60));
        let all: Vec<_> = seen.try_iter().collect();
        assert!(all.len() == 1 && all[0].contains("log lines were lost") && all[0].contains("lines=2"), "{all:?}");
    }

    #[test]
    fn an_event_is_one_line_that_drives_no_terminal() {
        let event = "a\nforged\u{202e} \u{9b}31m\u{1b}[2mcolour\u{1b}[0m\n";
        for (form, expected) in [
            (Form::Plain, "a⏎forged\u{fffd} \u{fffd}31m\u{fffd}[2mcolour\u{fffd}[0m\n"),
            (Form::Coloured, "a⏎forged\u{fffd} \u{fffd}31m\u{1b}[2mcolour\u{1b}[0m\n"),
            (Form::Json, "a forged\\u202e \\u009b31m\\u001b[2mcolour\\u001b[0m\n"),
        ] {
            assert_eq!(pipe(form).0.shared.safe(event), expected);
        }
    }
}
