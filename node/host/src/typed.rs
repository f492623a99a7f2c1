//! Reports input at the terminal, or that the terminal is gone.
//!
//! Libraries that read keys go on reading, without a pause, at a terminal that is gone: callers ask here first.

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::io::Errno;
use std::fs::File;
use std::io::{self, IsTerminal};
use std::os::fd::{AsFd, BorrowedFd};
use std::time::Duration;

/// The state of the input.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Typed {
    /// Keys.
    Something,
    /// None within the wait, or a signal came.
    Nothing,
    /// There will be none any more: the terminal is gone, or there never was one.
    Gone,
}

/// Waits for keys at standard input, or, if that is no terminal, at the one of the process; at most so long. A signal, such
/// as that of another size, ends the wait.
pub fn typed_within(wait: Duration) -> Typed {
    let input = io::stdin();
    if input.is_terminal() {
        return typed_at(input.as_fd(), wait);
    }
    File::open("/dev/tty").map_or(Typed::Gone, |terminal| typed_at(terminal.as_fd(), wait))
}

fn typed_at(terminal: BorrowedFd<'_>, wait: Duration) -> Typed {
    let mut looked_at = [PollFd::new(&terminal, PollFlags::IN)];
    let wait = Timespec::try_from(wait).unwrap_or(Timespec { tv_sec: 1, tv_nsec: 0 });
    match poll(&mut looked_at, Some(&wait)) {
        Ok(_) => {}
        Err(Errno::INTR) => return Typed::Nothing,
        Err(_) => return Typed::Gone,
    }
    let found = looked_at[0].revents();
    match () {
        // Input from before it went is useless.
        () if found.intersects(PollFlags::HUP | PollFlags::ERR | PollFlags::NVAL) => Typed::Gone,
        () if found.contains(PollFlags::IN) => Typed::Something,
        () => Typed::Nothing,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Write;

    /// Of the two ends of a pipe, as of the two of a terminal, the reader learns that the other one is gone.
    #[test]
    fn what_is_typed_is_told_from_silence_and_from_an_end() {
        let (reader, mut writer) = io::pipe().unwrap();
        assert_eq!(typed_at(reader.as_fd(), Duration::ZERO), Typed::Nothing);
        writer.write_all(b"q").unwrap();
        assert_eq!(typed_at(reader.as_fd(), Duration::from_secs(60)), Typed::Something);
        drop(writer);
        assert_eq!(typed_at(reader.as_fd(), Duration::from_secs(60)), Typed::Gone);
    }
}
