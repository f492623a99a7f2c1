//! The dashboard itself: joins nodes, time, keys and signals with the model, and the model with the screen.
//!
//! Always true: one task changes the model; pictures are at least [`PICTURE_EVERY`] apart. Start reading at [`run`].

use crate::keys::{self, Step};
use crate::model::Model;
use crate::model::look::Theme;
use crate::pace;
use crate::place::{Names, Places};
use crate::plain::Plain;
use crate::poll::Poll;
use crate::seals::Seals;
use crate::terminal::{Keys, Terminal};
use crate::update::{Happening, Told, update};
use crate::view;
use blockchat_host::signals::{self, Signals};
use blockchat_host::stream::Stream;
use blockchat_proto::keys::Address;
use blockchat_proto::units::UnixMillis;
use crossterm::event::{Event, KeyEvent};
use std::fmt;
use std::io;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::mpsc;
use tokio::time::{Instant, MissedTickBehavior, interval, sleep_until};

/// At most ten pictures a second.
const PICTURE_EVERY: Duration = Duration::from_millis(100);
/// Interval of checks for due requests.
const TICK: Duration = Duration::from_millis(250);
/// Interval of checks for the places of nodes.
const PLACES_EVERY: Duration = Duration::from_secs(1);

/// The error of a terminal that hung up.
const EIO: i32 = 5;

/// Tells the time. It is asked when the dashboard opens and at every picture; the dashboard reads no clock itself.
#[derive(Clone)]
pub struct Clock(Arc<dyn Fn() -> UnixMillis + Send + Sync>);

impl Clock {
    /// From a function that tells unix ms.
    pub fn new(tell: impl Fn() -> UnixMillis + Send + Sync + 'static) -> Self {
        Self(Arc::new(tell))
    }

    fn now(&self) -> UnixMillis {
        (self.0)()
    }
}

impl fmt::Debug for Clock {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Clock")
    }
}

/// The arguments of the dashboard.
#[derive(Clone, Debug)]
pub struct Options {
    /// Which nodes there are.
    pub places: Places,
    /// Names of accounts.
    pub names: Names,
    /// The account whose messages are shown, with its name.
    pub wallet: Option<(String, Address)>,
    /// Opens its sealed messages.
    pub seals: Seals,
    /// Lines of JSON, whatever standard output is.
    pub json: bool,
    /// Plain ASCII, even if the terminal can show more.
    pub ascii: bool,
    /// The time.
    pub clock: Clock,
}

/// How the dashboard ended, if nothing failed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ended {
    /// The person left it.
    Quit,
    /// A signal.
    Told(signals::Told),
    /// Its terminal is gone, or its output has no reader.
    Gone,
}

/// Shows the dashboard until it ends: on the terminal, or, if standard output is none or JSON is wanted, as lines.
///
/// Errors: the terminal cannot be taken over; signals cannot be heard. Panics as its parts do, after the terminal was
/// given back.
pub async fn run(options: Options) -> io::Result<Ended> {
    let mut signals = Signals::listen()?;
    let mut live = Live::new(&options);
    if options.json || !Stream::Output.is_terminal() {
        return lines(&mut live, &mut signals, options.json).await;
    }
    let ascii = options.ascii || !speaks_utf8();
    if !Stream::Output.has_colours() {
        live.model.look.theme = Theme::Mono;
    } else if is_light() {
        live.model.look.theme = Theme::Light;
    }
    let mut screen = Terminal::open()?;
    let (_keys, keys) = Keys::read()?;
    pictures(&mut live, &mut signals, &mut screen, keys, ascii).await
}

/// Does the terminal show more than ASCII, as its locale says?
fn speaks_utf8() -> bool {
    let set = |name: &str| std::env::var(name).ok().filter(|value| !value.is_empty());
    let locale = set("LC_ALL").or_else(|| set("LC_CTYPE")).or_else(|| set("LANG")).unwrap_or_default();
    let locale = locale.to_lowercase();
    locale.contains("utf-8") || locale.contains("utf8")
}

/// Is the background light? Some terminals say so: `COLORFGBG=0;15`.
fn is_light() -> bool {
    let said = std::env::var("COLORFGBG").unwrap_or_default();
    said.rsplit(';').next().is_some_and(|background| matches!(background, "7" | "15"))
}

/// The model and what feeds it.
struct Live {
    model: Model,
    told: Told,
    places: Places,
    looked: Option<Instant>,
    clock: Clock,
    poll: Poll,
    heard: mpsc::Receiver<Happening>,
}

impl Live {
    fn new(options: &Options) -> Self {
        let (poll, heard) = Poll::new(options.seals.clone());
        let model = Model::new(options.clock.now(), options.names.clone(), options.wallet.clone());
        let (places, clock) = (options.places.clone(), options.clock.clone());
        Self { model, told: Told::default(), places, looked: None, clock, poll, heard }
    }

    /// Takes in what happened, and asks what is due. True if there is something new to see.
    fn take(&mut self, happening: Happening) -> bool {
        let changed = update(&mut self.model, &mut self.told, self.clock.now(), happening);
        for ask in pace::due(&mut self.model) {
            self.poll.ask(ask);
        }
        changed
    }

    fn tick(&mut self) -> bool {
        let mut changed = false;
        if self.looked.is_none_or(|looked| looked.elapsed() >= PLACES_EVERY) {
            self.looked = Some(Instant::now());
            let places = self.places.look();
            changed = self.take(Happening::Places(places));
        }
        self.take(Happening::Tick) || changed
    }

    /// A panic in a task of the poll continues here.
    fn ended(result: Result<(), tokio::task::JoinError>) {
        if let Err(error) = result {
            std::panic::resume_unwind(error.into_panic());
        }
    }
}

fn ticks() -> tokio::time::Interval {
    let mut ticks = interval(TICK);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    ticks
}

async fn lines(live: &mut Live, signals: &mut Signals, json: bool) -> io::Result<Ended> {
    let (mut ticks, mut plain) = (ticks(), Plain::new(json));
    loop {
        tokio::select! {
            told = signals.next() => return Ok(Ended::Told(told)),
            Some(happening) = live.heard.recv() => { live.take(happening); }
            ended = live.poll.ended() => Live::ended(ended),
            _ = ticks.tick() => { live.tick(); }
        }
        if !plain.show(&live.model)? || !Stream::Output.has_reader() {
            return Ok(Ended::Gone);
        }
    }
}

async fn pictures(
    live: &mut Live,
    signals: &mut Signals,
    screen: &mut Terminal,
    mut events: mpsc::Receiver<Event>,
    ascii: bool,
) -> io::Result<Ended> {
    let (mut ticks, mut frozen) = (ticks(), None);
    let (mut dirty, mut next, mut second) = (true, Instant::now(), 0);
    loop {
        tokio::select! {
            told = signals.next() => return Ok(Ended::Told(told)),
            event = events.recv() => {
                let ended = match event {
                    None => Some(Ended::Gone),
                    Some(Event::Key(key)) => pressed(live, &mut frozen, screen, key)?,
                    Some(_) => None,
                };
                if let Some(ended) = ended {
                    return Ok(ended);
                }
                dirty = true;
            }
            Some(happening) = live.heard.recv() => { dirty |= live.take(happening); }
            ended = live.poll.ended() => Live::ended(ended),
            _ = ticks.tick() => {
                dirty |= live.tick();
                // Without a signal that says so: the terminal of a program that was started with nohup.
                if !Stream::Output.has_reader() {
                    return Ok(Ended::Gone);
                }
            }
            () = sleep_until(next), if dirty => {
                let now = frozen.is_some().then(|| live.clock.now());
                let model = frozen.as_deref().unwrap_or(&live.model);
                if let Err(error) = screen.draw(|frame| view::draw(frame, model, ascii, now)) {
                    return gone(error);
                }
                (dirty, next) = (false, Instant::now() + PICTURE_EVERY);
            }
        }
        // Times on the screen grow, even if nothing else happens.
        let this_second = live.clock.now().0 / 1_000;
        if this_second != second {
            (dirty, second) = (true, this_second);
        }
    }
}

/// Does what a key does. Some if that ends the dashboard.
fn pressed(
    live: &mut Live,
    frozen: &mut Option<Box<Model>>,
    screen: &mut Terminal,
    key: KeyEvent,
) -> io::Result<Option<Ended>> {
    let shown = frozen.as_deref_mut().unwrap_or(&mut live.model);
    let step = keys::press(shown, key);
    // The view is independent of a frozen picture.
    live.model.look = shown.look.clone();
    match step {
        Some(Step::Quit) => return Ok(Some(Ended::Quit)),
        Some(Step::Freeze) if frozen.take().is_none() => *frozen = Some(Box::new(live.model.clone())),
        Some(Step::Copy(text)) => {
            if let Err(error) = screen.copy(&text) {
                return gone(error).map(Some);
            }
        }
        Some(Step::Freeze | Step::Draw) | None => {}
    }
    Ok(None)
}

/// A terminal that is gone ends the dashboard; anything else is a failure.
fn gone(error: io::Error) -> io::Result<Ended> {
    let is_gone = error.kind() == io::ErrorKind::BrokenPipe || error.raw_os_error() == Some(EIO);
    if is_gone { Ok(Ended::Gone) } else { Err(error) }
}
