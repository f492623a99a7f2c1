//! Standard output and standard error: the only writer of both.
//!
//! Always true:
//! - nothing panics and nothing stops because of what happens to a stream: the work goes on, and its exit code tells how
//!   it went;
//! - a reader that has gone away (`| head`) is no error: it has what it wanted;
//! - a result that could not be written for another reason (a full disk) is remembered: see [`lost`];
//! - what is said passes [`text`], so nothing that others wrote drives a terminal.
//!
//! clippy bans `println!` and its kin, and the streams themselves, everywhere else. Start reading at [`say`].

use crate::text;
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use std::fs::File;
use std::io::{self, ErrorKind, IsTerminal, Write};
use std::os::fd::AsFd;
use std::sync::{Mutex, OnceLock, PoisonError, mpsc};
use std::thread;
use std::time::Duration;

/// Another process made a shared stream non-blocking: it is full, and tried again after this.
const FULL_PAUSE: Duration = Duration::from_millis(10);
/// So long may a remark take: a reader that does not read keeps no node from starting, and none alive.
const NOTE_WITHIN: Duration = Duration::from_secs(2);

/// The first result that could not be written, though the reader is still there.
static LOST: OnceLock<io::Error> = OnceLock::new();
/// One result after the other,
static OUTPUT_TURN: Mutex<()> = Mutex::new(());
/// and one remark; a stream that is full keeps nothing from the other one.
static ERROR_TURN: Mutex<()> = Mutex::new(());

/// Which stream.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stream {
    /// Results.
    Output,
    /// Remarks, errors, the log.
    Error,
}

impl Stream {
    /// The stream without any buffer of the library: what is written is written, or known not to be.
    ///
    /// Errors: no further file can be opened.
    #[expect(clippy::disallowed_methods, reason = "the one place that may")]
    pub fn open(self) -> io::Result<File> {
        let stream = match self {
            Self::Output => io::stdout().as_fd().try_clone_to_owned(),
            Self::Error => io::stderr().as_fd().try_clone_to_owned(),
        };
        stream.map(File::from)
    }

    /// May colours be written there? Only to a terminal that has some, unless the person wants none.
    pub fn has_colours(self) -> bool {
        let wanted = |name: &str| std::env::var_os(name).unwrap_or_default();
        wanted("NO_COLOR").is_empty() && wanted("TERM") != "dumb" && self.is_terminal()
    }

    /// Is the reader still there? Not once the other end of a pipe or a terminal is closed. Never waits.
    pub fn has_reader(self) -> bool {
        let Ok(stream) = self.open() else { return false };
        let mut looked_at = [PollFd::new(&stream, PollFlags::empty())];
        let at_once = Timespec { tv_sec: 0, tv_nsec: 0 };
        let gone = PollFlags::ERR | PollFlags::HUP | PollFlags::NVAL;
        poll(&mut looked_at, Some(&at_once)).is_err() || !looked_at[0].revents().intersects(gone)
    }

    /// Is it a terminal?
    pub fn is_terminal(self) -> bool {
        self.open().is_ok_and(|stream| stream.is_terminal())
    }
}

/// A result, on standard output. If it cannot be written the work goes on: see [`lost`].
pub fn say(text: &str) {
    remember(try_say(text));
}

/// A result, on standard output, whose loss is not remembered: the caller knows.
///
/// Errors: it could not be written, and not because the reader has gone away.
pub fn try_say(text: &str) -> io::Result<()> {
    put(Stream::Output, &text::page(text))
}

/// A result that is JSON, on standard output.
pub fn say_json(json: &str) {
    remember(put(Stream::Output, &text::json(json)));
}

/// A line of results that goes on and on, on standard output: text, or JSON. `false` if the reader has gone away.
///
/// Errors: it could not be written for another reason.
pub fn go_on_saying(line: &str, is_json: bool) -> io::Result<bool> {
    let safe = if is_json { text::json(line) } else { text::page(line) };
    match put_or_break(Stream::Output, &safe) {
        Err(error) if error.kind() == ErrorKind::BrokenPipe => Ok(false),
        done => done.map(|()| true),
    }
}

/// Text of our own making that holds tabs or colours: help, a script. Never anything that others wrote.
pub fn say_own(own: &str) {
    remember(put(Stream::Output, own));
}

/// A remark for a person that is no result, on standard error. It is dropped if that is gone. If it is full and not
/// read, the work goes on after two seconds; the remark is written if it is read later.
pub fn note(remark: &str) {
    let line = text::page(remark).into_owned();
    let (done, ended) = mpsc::sync_channel(1);
    let said = thread::Builder::new().spawn(move || {
        drop(put(Stream::Error, &line));
        // No caller waits any more once it took too long.
        let _ = done.send(());
    });
    match said {
        Ok(_) => _ = ended.recv_timeout(NOTE_WITHIN),
        // No threads left: the remark may say just that.
        Err(_) => drop(put(Stream::Error, &text::page(remark))),
    }
}

/// Why the first result that was lost could not be written. A program that did its work all the same has failed.
pub fn lost() -> Option<&'static io::Error> {
    LOST.get()
}

fn remember(said: io::Result<()>) {
    if let Err(error) = said {
        LOST.get_or_init(|| error);
    }
}

fn put(stream: Stream, text: &str) -> io::Result<()> {
    match put_or_break(stream, text) {
        Err(error) if error.kind() == ErrorKind::BrokenPipe => Ok(()),
        done => done,
    }
}

fn put_or_break(stream: Stream, text: &str) -> io::Result<()> {
    let line = text.trim_end().to_owned() + "\n";
    let turn = match stream {
        Stream::Output => &OUTPUT_TURN,
        Stream::Error => &ERROR_TURN,
    };
    let _turn = turn.lock().unwrap_or_else(PoisonError::into_inner);
    stream.open().and_then(|to| write_whole(to, line.as_bytes()))
}

/// Writes all of it, waiting where the stream is full.
pub fn write_whole(mut to: impl Write, mut bytes: &[u8]) -> io::Result<()> {
    while !bytes.is_empty() {
        match to.write(bytes) {
            Ok(0) => return Err(ErrorKind::WriteZero.into()),
            Ok(written) => bytes = &bytes[written..],
            Err(error) if error.kind() == ErrorKind::Interrupted => {}
            Err(error) if error.kind() == ErrorKind::WouldBlock => thread::sleep(FULL_PAUSE),
            Err(error) => return Err(error),
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Answers each write with the next of these.
    struct Moody(Vec<io::Result<usize>>, Vec<u8>);

    impl Write for Moody {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            let answer = self.0.remove(0)?.min(bytes.len());
            self.1.extend(&bytes[..answer]);
            Ok(answer)
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    #[test]
    fn a_stream_that_is_full_or_interrupted_gets_all_of_it_in_pieces() {
        let wait = |kind: ErrorKind| Err(io::Error::from(kind));
        let mut to =
            Moody(vec![Ok(2), wait(ErrorKind::WouldBlock), Ok(1), wait(ErrorKind::Interrupted), Ok(9)], vec![]);
        write_whole(&mut to, b"abcdef").unwrap();
        assert_eq!(to.1, b"abcdef");
    }

    #[test]
    fn a_stream_that_fails_is_given_up_with_its_reason() {
        let mut to = Moody(vec![Ok(1), Err(ErrorKind::StorageFull.into())], vec![]);
        assert_eq!(write_whole(&mut to, b"abc").unwrap_err().kind(), ErrorKind::StorageFull);
        assert_eq!(write_whole(&mut Moody(vec![Ok(0)], vec![]), b"abc").unwrap_err().kind(), ErrorKind::WriteZero);
    }
}
