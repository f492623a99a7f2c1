//! The terminal: taken over, drawn on, and given back.
//!
//! Always true: however the program leaves (quit, a failure, a panic in any thread, a signal), the terminal is as it
//! was: cooked, on its own screen, with its cursor. Writing to a terminal that is gone is an error that ends the
//! dashboard, not a panic; no read is tried there. Start reading at [`Terminal::open`].

use blockchat_host::stream::Stream;
use blockchat_host::typed::{Typed, typed_within};
use crossterm::clipboard::CopyToClipboard;
use crossterm::cursor::{Hide, Show};
use crossterm::event::{self, Event};
use crossterm::terminal::{EnterAlternateScreen, LeaveAlternateScreen, SetTitle, disable_raw_mode, enable_raw_mode};
use ratatui::Frame;
use ratatui::backend::CrosstermBackend;
use std::fs::File;
use std::io::{self, BufWriter};
use std::panic;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};
use tokio::sync::mpsc;

/// Bytes of one picture that are written at once.
const PICTURE_BYTES: usize = 64 * 1024;
/// The reader of keys looks so often whether it shall end.
const KEYS_WITHIN: Duration = Duration::from_millis(250);
/// Interval of checks whether it has ended.
const LOOK_AGAIN: Duration = Duration::from_millis(5);
/// Keys that wait to be understood, at most.
const KEYS_MAX: usize = 64;

/// Is the terminal ours now? The hook of a panic asks.
static OURS: AtomicBool = AtomicBool::new(false);

/// See the module.
#[derive(Debug)]
pub(crate) struct Terminal {
    screen: ratatui::Terminal<CrosstermBackend<BufWriter<File>>>,
    _given_back: Taken,
}

/// The terminal while it is ours; dropped, it is given back.
#[derive(Debug)]
struct Taken;

impl Taken {
    fn take() -> io::Result<Self> {
        enable_raw_mode()?;
        let taken = Self;
        OURS.store(true, Ordering::SeqCst);
        crossterm::execute!(Stream::Output.open()?, EnterAlternateScreen, Hide, SetTitle("BlockChat"))?;
        Ok(taken)
    }
}

impl Drop for Taken {
    fn drop(&mut self) {
        give_back();
    }
}

/// Gives the terminal back, once. A terminal that is gone need not be.
fn give_back() {
    if !OURS.swap(false, Ordering::SeqCst) {
        return;
    }
    if let Ok(mut output) = Stream::Output.open() {
        drop(crossterm::execute!(output, LeaveAlternateScreen, Show));
    }
    drop(disable_raw_mode());
}

impl Terminal {
    /// Takes the terminal over.
    ///
    /// Errors: standard input or output is no terminal, or is gone.
    pub(crate) fn open() -> io::Result<Self> {
        let before = panic::take_hook();
        panic::set_hook(Box::new(move |panic| {
            // First: what the panic says shall be readable, and stay.
            give_back();
            before(panic);
        }));
        let _given_back = Taken::take()?;
        let output = BufWriter::with_capacity(PICTURE_BYTES, Stream::Output.open()?);
        Ok(Self { screen: ratatui::Terminal::new(CrosstermBackend::new(output))?, _given_back })
    }

    /// Draws a picture: only what differs from the one before is written.
    pub(crate) fn draw(&mut self, picture: impl FnOnce(&mut Frame<'_>)) -> io::Result<()> {
        self.screen.draw(picture).map(drop)
    }

    /// Puts a text into the clipboard of the person, if the terminal can.
    pub(crate) fn copy(&mut self, text: &str) -> io::Result<()> {
        crossterm::execute!(self.screen.backend_mut(), CopyToClipboard::to_clipboard_from(text))
    }
}

/// Reads keys in a thread of its own until it is dropped.
#[derive(Debug)]
pub(crate) struct Keys {
    ends: Arc<AtomicBool>,
    reader: Option<JoinHandle<()>>,
}

impl Keys {
    /// And where keys and resizes come out; it closes when the terminal is gone.
    pub(crate) fn read() -> io::Result<(Self, mpsc::Receiver<Event>)> {
        let (came, queue) = mpsc::channel(KEYS_MAX);
        let ends = Arc::new(AtomicBool::new(false));
        let told = ends.clone();
        let read = move || {
            while !told.load(Ordering::Relaxed) {
                // Without asking first, the library reads for ever at a terminal that is gone.
                if typed_within(KEYS_WITHIN) == Typed::Gone || take_all(&came).is_err() {
                    return;
                }
            }
        };
        let reader = thread::Builder::new().name("keys".into()).spawn(read)?;
        Ok((Self { ends, reader: Some(reader) }, queue))
    }
}

/// Hands on all keys and sizes that are there.
fn take_all(came: &mpsc::Sender<Event>) -> io::Result<()> {
    while event::poll(Duration::ZERO)? {
        // Full means that keys come faster than pictures are drawn: those are lost.
        drop(came.try_send(event::read()?));
    }
    Ok(())
}

impl Drop for Keys {
    fn drop(&mut self) {
        self.ends.store(true, Ordering::Relaxed);
        let Some(reader) = self.reader.take() else { return };
        let begun = Instant::now();
        while !reader.is_finished() && begun.elapsed() < KEYS_WITHIN * 2 {
            thread::sleep(LOOK_AGAIN);
        }
        // It ends within its wait, unless the terminal went away in the very moment in which the library looked: then it is
        // left alone, for it never ends. A panic in it was told already.
        if reader.is_finished() {
            drop(reader.join());
        }
    }
}
