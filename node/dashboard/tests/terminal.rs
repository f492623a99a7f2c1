//! The dashboard in a real pseudo-terminal: it takes the terminal over, and gives it back however it ends.
//!
//! The program in the terminal is this test binary itself, started again with one test and told by a variable what to do.

use blockchat_dashboard::{Clock, Ended, Names, Options, Place, Places, Seals, run};
use blockchat_host::signals::Told;
use blockchat_host::stream::say;
use blockchat_proto::units::UnixMillis;
use portable_pty::{Child, CommandBuilder, MasterPty, PtySize, native_pty_system};
use std::io::{Read, Write};
use std::path::Path;
use std::process::Command;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::{Duration, Instant};

/// Says to the program in the terminal that it is one, and how it shall end.
const PROGRAM: &str = "BLOCKCHAT_TEST_PROGRAM";
const NOON: u64 = 1_700_049_600_000;
/// Longest wait for anything: the machine may be busy.
const PATIENCE: Duration = Duration::from_secs(120);
/// The program's clock moves with each question, so far that a change is drawn after a few of them: at most ten redraws
/// per second are allowed by that clock.
const STEP_MS: u64 = 50;

/// Not a test of its own: the program in the terminal.
#[test]
fn program_in_the_terminal() {
    let Ok(mode) = std::env::var(PROGRAM) else { return };
    let asked = AtomicU64::new(0);
    let clock = Clock::new(move || {
        // Told by a file, so that the test chooses the moment.
        assert!(!Path::new(&mode).exists(), "the clock broke");
        UnixMillis(NOON + asked.fetch_add(STEP_MS, Ordering::Relaxed))
    });
    // Nobody listens there.
    let place = Place { name: "id0".into(), url: Some("http://127.0.0.1:9".into()), validator: None };
    let options = Options {
        places: Places::new(move || vec![place.clone()]),
        names: Names::new(),
        wallet: None,
        seals: Seals::new(|_| Err("nobody has a key".into())),
        json: false,
        ascii: false,
        clock,
    };
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let ended = runtime.block_on(run(options)).unwrap();
    say(match ended {
        Ended::Quit => "it was quit",
        Ended::Told(Told::Terminate) => "it was told to terminate",
        Ended::Told(Told::HangUp) => "it was told to hang up",
        Ended::Told(Told::Interrupt) => "it was interrupted",
        Ended::Gone => "its terminal is gone",
    });
}

/// The program, its terminal, and what stands on the screen.
struct Session {
    child: Box<dyn Child + Send + Sync>,
    master: Box<dyn MasterPty + Send>,
    keys: Box<dyn Write + Send>,
    screen: Arc<Mutex<vt100::Parser>>,
    /// While it is, what is drawn is read, which keeps the terminal there.
    watched: Arc<AtomicBool>,
    before: String,
}

/// This test binary as the program in the terminal.
fn own_program() -> CommandBuilder {
    let mut command = CommandBuilder::new(std::env::current_exe().unwrap());
    command.args(["program_in_the_terminal", "--exact", "--nocapture", "--test-threads=1"]);
    command
}

/// As `nohup` starts a program.
fn deaf_to_hang_ups(command: CommandBuilder) -> CommandBuilder {
    let mut deaf = CommandBuilder::new("sh");
    deaf.args(["-c", "trap '' HUP; exec \"$0\" \"$@\""]);
    command.get_argv().iter().for_each(|word| deaf.arg(word));
    deaf
}

impl Session {
    fn open(mode: &str) -> Self {
        Self::start(mode, own_program())
    }

    fn start(mode: &str, mut command: CommandBuilder) -> Self {
        let size = PtySize { rows: 24, cols: 80, pixel_width: 0, pixel_height: 0 };
        let pair = native_pty_system().openpty(size).unwrap();
        let before = settings(&*pair.master);
        for (name, value) in [(PROGRAM, mode), ("TERM", "xterm-256color"), ("LC_ALL", "C.UTF-8"), ("NO_COLOR", "")] {
            command.env(name, value);
        }
        let child = pair.slave.spawn_command(command).unwrap();
        let screen = Arc::new(Mutex::new(vt100::Parser::new(24, 80, 0)));
        let (mut reader, drawn) = (pair.master.try_clone_reader().unwrap(), screen.clone());
        let watched = Arc::new(AtomicBool::new(true));
        let watches = Arc::clone(&watched);
        thread::spawn(move || {
            let mut bytes = [0; 4096];
            // It ends when the program and with it the terminal is gone.
            while let Ok(count @ 1..) = reader.read(&mut bytes) {
                if !watches.load(Ordering::Relaxed) {
                    return;
                }
                drawn.lock().unwrap().process(&bytes[..count]);
            }
        });
        let keys = pair.master.take_writer().unwrap();
        let session = Self { child, master: pair.master, keys, screen, watched, before };
        session
            .shows("the answer", |screen| screen.alternate_screen() && screen.contents().contains("DOES NOT ANSWER"));
        assert_ne!(settings(&*session.master), session.before, "it has the terminal to itself");
        session
    }

    fn shows(&self, what: &str, condition: impl Fn(&vt100::Screen) -> bool) {
        let begun = Instant::now();
        loop {
            {
                let parser = self.screen.lock().unwrap();
                if condition(parser.screen()) {
                    return;
                }
                assert!(begun.elapsed() < PATIENCE, "{what} never came:\n{}", parser.screen().contents());
            }
            thread::sleep(Duration::from_millis(20));
        }
    }

    fn presses(&mut self, keys: &str) {
        self.keys.write_all(keys.as_bytes()).unwrap();
        self.keys.flush().unwrap();
    }

    fn is_sent(&self, signal: &str) {
        let pid = self.child.process_id().unwrap().to_string();
        assert!(Command::new("kill").args([signal, &pid]).status().unwrap().success());
    }

    /// It ended, said this behind its screen, and the terminal is as it was.
    fn ends(mut self, said: &str) {
        self.shows(said, |screen| !screen.alternate_screen() && screen.contents().contains(said));
        self.child.wait().unwrap();
        assert!(!self.screen.lock().unwrap().screen().hide_cursor(), "the cursor is back");
        assert_eq!(settings(&*self.master), self.before, "lines, echo and signals are as they were");
    }
}

/// How the terminal treats keys and output.
fn settings(master: &dyn MasterPty) -> String {
    format!("{:?}", master.get_termios())
}

#[test]
fn the_key_q_gives_the_terminal_back() {
    let mut session = Session::open("/stays");
    session.presses("?");
    session.shows("the keys", |screen| screen.contents().contains("freeze what is shown"));
    session.presses("q");
    session.ends("it was quit");
}

#[test]
fn control_c_is_a_key_and_gives_the_terminal_back() {
    let mut session = Session::open("/stays");
    session.presses("\u{3}");
    session.ends("it was quit");
}

#[test]
fn signals_give_the_terminal_back() {
    for (signal, said) in [("-TERM", "it was told to terminate"), ("-HUP", "it was told to hang up")] {
        let session = Session::open("/stays");
        session.is_sent(signal);
        session.ends(said);
    }
}

#[test]
fn a_panic_gives_the_terminal_back_and_stays_readable() {
    let file = std::env::temp_dir().join(format!("blockchat-dashboard-{}", std::process::id()));
    let session = Session::open(file.to_str().unwrap());
    std::fs::write(&file, "").unwrap();
    session.shows("what the panic says", |screen| screen.contents().contains("the clock broke"));
    std::fs::remove_file(&file).unwrap();
    session.ends("the clock broke");
}

/// A window that is closed, a connection that breaks: nobody is there to quit it, and it must not go on reading.
#[test]
fn a_terminal_that_goes_away_ends_it_whether_a_signal_says_so_or_not() {
    for command in [own_program(), deaf_to_hang_ups(own_program())] {
        let Session { mut child, master, keys, watched, .. } = Session::start("/stays", command);
        watched.store(false, Ordering::Relaxed);
        drop((master, keys));
        let begun = Instant::now();
        while child.try_wait().unwrap().is_none() {
            if begun.elapsed() > PATIENCE {
                child.kill().unwrap();
                panic!("it goes on without a terminal");
            }
            thread::sleep(Duration::from_millis(20));
        }
    }
}

#[test]
fn another_size_is_drawn_anew() {
    let mut session = Session::open("/stays");
    let size = PtySize { rows: 30, cols: 100, pixel_width: 0, pixel_height: 0 };
    session.screen.lock().unwrap().screen_mut().set_size(30, 100);
    session.master.resize(size).unwrap();
    session.shows("keys in the last line", |screen| {
        let last: String = screen.rows(0, 100).nth(29).unwrap_or_default();
        last.contains("q quit")
    });
    session.presses("q");
    session.ends("it was quit");
}
