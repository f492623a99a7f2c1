//! The page `docs/first-hour.md`, played: every command typed by the person whose prompt it stands behind, and every line
//! below it waited for.
//!
//! Texts that differ each time (hashes, addresses, times, heights, folders) are matched by their kind, remembered, and
//! put into the commands that follow. Each person has a home of their own; both machines are one network namespace with
//! the address that the page shows.

use crate::support::wait_for;
use blockchat_host::stream::Stream;
use std::collections::BTreeMap;
use std::fs::File;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, Command, Stdio};

const PAGE: &str = include_str!("../../docs/first-hour.md");
const ADDRESS: &str = "192.168.1.7";

/// One step of the page.
#[derive(Debug)]
enum Step<'a> {
    /// A command of a person.
    Type { person: &'a str, command: &'a str },
    /// A line at the prompt of what the person runs.
    Say { line: &'a str },
    /// A line that appears where something was typed last.
    See { line: &'a str },
    /// A line that appears in the last conversation of a person.
    SeeAt { person: &'a str, line: &'a str },
}

fn steps(page: &str) -> Vec<Step<'_>> {
    let blocks = page.split("```console\n").skip(1).map(|rest| rest.split("```").next().unwrap_or_default());
    let lines = blocks.flat_map(str::lines).filter(|line| !line.trim().is_empty());
    lines.map(step).collect()
}

fn step(line: &str) -> Step<'_> {
    for person in ["alice", "bob"] {
        let rest = line.strip_prefix(person);
        if let Some(command) = rest.and_then(|rest| rest.strip_prefix("$ ")) {
            return Step::Type { person, command };
        }
        if let Some(line) = rest.and_then(|rest| rest.strip_prefix("> ")) {
            return Step::Say { line };
        }
        if let Some(line) = rest.and_then(|rest| rest.strip_prefix(": ")) {
            return Step::SeeAt { person, line };
        }
    }
    Step::See { line }
}

/// The kind of a word that differs each time.
fn kind(word: &str) -> Option<&'static str> {
    let hex = |text: &str| text.len() >= 8 && text.chars().all(|c| c.is_ascii_hexdigit());
    let number = |c: char| c.is_ascii_digit() || ".:-".contains(c);
    match word {
        _ if word.starts_with("bcc1") => Some("address"),
        _ if word.starts_with("/ip4/") => None,
        _ if word.starts_with('/') => Some("path"),
        _ if word.strip_prefix("dev-").is_some_and(hex) => Some("chain"),
        _ if hex(word) => Some("hash"),
        _ if word.len() > 1 && word.chars().all(number) || word.chars().all(|c| c.is_ascii_digit()) => Some("number"),
        _ => None,
    }
}

/// A word without the marks around it.
fn core(word: &str) -> &str {
    word.trim_matches(|c: char| "(),;`".contains(c))
}

/// Does a printed line say what the page says? Then what each of its words stood for.
fn matched<'a>(page: &'a str, printed: &'a str) -> Option<Vec<(&'a str, &'a str)>> {
    let (page, printed): (Vec<_>, Vec<_>) = (page.split_whitespace().collect(), printed.split_whitespace().collect());
    let pairs = || page.iter().map(|word| core(word)).zip(printed.iter().map(|word| core(word)));
    let same = |(page, printed): (&str, &str)| page == printed || kind(page).is_some() && kind(page) == kind(printed);
    (page.len() == printed.len() && pairs().all(same)).then(|| pairs().collect())
}

/// Something that a person runs.
struct Running {
    child: Child,
    input: Option<ChildStdin>,
    output: PathBuf,
    errors: PathBuf,
    /// So many lines of its output were seen.
    seen: usize,
}

impl Drop for Running {
    fn drop(&mut self) {
        drop(self.child.kill());
        drop(self.child.wait());
    }
}

struct Stage {
    folder: tempfile::TempDir,
    network: Running,
    /// All that was started, the last one last.
    running: Vec<(String, Running)>,
    /// The text on the page, and its counterpart here.
    meanings: BTreeMap<String, String>,
}

impl Stage {
    /// `None`, loudly, where this system allows no network of one's own.
    fn new() -> Option<Self> {
        let folder = tempfile::tempdir().unwrap();
        let up = folder.path().join("up");
        let mut holder = Command::new("unshare");
        let script = format!(
            "ip link set lo up && ip addr add {ADDRESS}/24 dev lo && touch '{}' && exec sleep 600",
            up.display()
        );
        holder.args(["-r", "-n", "sh", "-c", &script]).stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
        let mut child = holder.spawn().ok()?;
        let is_up = wait_for("the network is up, or cannot be", || match child.try_wait().unwrap() {
            Some(_) => Some(false),
            None => up.exists().then_some(true),
        });
        let network = Running { child, input: None, output: PathBuf::new(), errors: PathBuf::new(), seen: 0 };
        if is_up {
            return Some(Self { folder, network, running: vec![], meanings: BTreeMap::new() });
        }
        let why = "NOT CHECKED: the page docs/first-hour.md (no network namespace here: `unshare -rn` fails)\n";
        drop(Stream::Error.open().and_then(|mut stream| stream.write_all(why.as_bytes())));
        None
    }

    /// The text of the page, with the values of this run.
    fn here(&self, text: &str) -> String {
        let word = |word: &str| self.meanings.get(word).cloned().unwrap_or_else(|| word.to_owned());
        text.split(' ').map(word).collect::<Vec<_>>().join(" ")
    }

    fn type_command(&mut self, person: &str, command: &str) {
        let program = Path::new(env!("CARGO_BIN_EXE_blockchat-node")).parent().unwrap();
        let path = format!("{}:{}", program.display(), std::env::var("PATH").unwrap_or_default());
        let home = self.folder.path().join(person);
        std::fs::create_dir_all(&home).unwrap();
        let number = self.running.len();
        let (output, errors) = (home.join(format!("{number}.out")), home.join(format!("{number}.err")));
        let mut shell = Command::new("nsenter");
        shell.args(["--preserve-credentials", "-U", "-n", "-t", &self.network.child.id().to_string(), "sh", "-c"]);
        shell.arg(format!("exec {}", self.here(command)));
        let foreign = std::env::vars_os().map(|(name, _)| name);
        for name in foreign.filter(|name| name.to_string_lossy().starts_with("BLOCKCHAT_")) {
            shell.env_remove(name);
        }
        shell.env("PATH", path).env("XDG_DATA_HOME", &home).stdin(Stdio::piped());
        let mut child =
            shell.stdout(File::create(&output).unwrap()).stderr(File::create(&errors).unwrap()).spawn().unwrap();
        let input = child.stdin.take();
        self.running.push((person.to_owned(), Running { child, input, output, errors, seen: 0 }));
    }

    fn say(&mut self, line: &str) {
        let (_, running) = self.running.last_mut().unwrap();
        writeln!(running.input.as_mut().unwrap(), "{line}").unwrap();
    }

    /// Waits until the line appears in what this one prints, below the lines that were seen.
    fn see(&mut self, index: usize, line: &str) {
        let (person, running) = &mut self.running[index];
        let (number, meanings) = wait_for(&format!("{person} sees {line:?}"), || {
            let printed = std::fs::read_to_string(&running.output).unwrap_or_default();
            let mut lines = printed.lines().enumerate().skip(running.seen);
            let found = lines.find_map(|(number, printed)| {
                let pairs = matched(line, printed)?;
                Some((number, pairs.into_iter().map(|(a, b)| (a.to_owned(), b.to_owned())).collect::<Vec<_>>()))
            });
            let ended = running.child.try_wait().unwrap().is_some();
            let errors = || std::fs::read_to_string(&running.errors).unwrap_or_default();
            assert!(found.is_some() || !ended, "{person}: {line:?} is missing in:\n{printed}{}", errors());
            found
        });
        running.seen = number + 1;
        self.meanings.extend(meanings.into_iter().filter(|(page, _)| kind(page) != Some("number")));
    }
}

#[test]
fn the_page_of_the_first_hour_is_what_the_program_does() {
    let Some(mut stage) = Stage::new() else { return };
    let steps = steps(PAGE);
    assert!(steps.len() > 40, "the page was read");
    for step in steps {
        match step {
            Step::Type { person, command } => stage.type_command(person, command),
            Step::Say { line } => stage.say(line),
            Step::See { line } => {
                let last = stage.running.len() - 1;
                stage.see(last, line);
            }
            Step::SeeAt { person, line } => {
                let talks = |(who, running): &(String, Running)| who == person && running.seen > 0;
                let index = stage.running.iter().rposition(talks).unwrap();
                stage.see(index, line);
            }
        }
    }
}

#[test]
fn lines_of_the_page_match_by_the_kind_of_what_differs() {
    assert!(matched("chain  dev-d8ae06f4", "chain   dev-00000000").is_some());
    assert!(matched("name bob", "name carol").is_none());
    assert!(matched("5 BCC, final", "17 BCC, final").is_some());
    assert!(matched("at /ip4/192.168.1.7/tcp/7475", "at /ip4/192.168.1.8/tcp/7475").is_none());
    let pairs = matched("is bcc1qaaa, 9 BCC", "is bcc1qbbb, 9 BCC").unwrap();
    assert_eq!(pairs[1], ("bcc1qaaa", "bcc1qbbb"));
}
