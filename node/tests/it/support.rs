//! Running the real program: a node on a home of its own, and commands against it.

use blockchat_host::whole_file::{Access, create};
use blockchat_node::ready_file::Ready;
use serde_json::Value;
use std::fs::File;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::time::{Duration, Instant};
use tempfile::TempDir;

/// Longest wait for anything: generous, because tests share the machine with a compiler.
pub(crate) const PATIENCE: Duration = Duration::from_secs(180);

/// The program with a clean environment: nothing of the developer's own home gets in.
pub(crate) fn program() -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_blockchat-node"));
    let foreign =
        std::env::vars_os().map(|(name, _)| name).filter(|name| name.to_string_lossy().starts_with("BLOCKCHAT_"));
    foreign.for_each(|name| {
        command.env_remove(name);
    });
    command.stdin(Stdio::null());
    command
}

/// Writes a file that only its owner may read, such as one with a passphrase.
pub(crate) fn write_secret(path: &Path, content: impl AsRef<[u8]>) {
    drop(std::fs::remove_file(path));
    create(path, content.as_ref(), Access::Private).expect("its folder can be written");
}

/// The output of a command, and its exit.
#[derive(Debug)]
pub(crate) struct Said {
    pub(crate) code: i32,
    pub(crate) out: String,
    pub(crate) err: String,
}

impl From<Output> for Said {
    fn from(output: Output) -> Self {
        Self {
            code: output.status.code().unwrap_or(-1),
            out: String::from_utf8_lossy(&output.stdout).into_owned(),
            err: String::from_utf8_lossy(&output.stderr).into_owned(),
        }
    }
}

/// A home in a temporary folder.
pub(crate) struct Home {
    folder: TempDir,
}

impl Home {
    pub(crate) fn new() -> Self {
        Self { folder: tempfile::tempdir().expect("a temporary folder") }
    }

    pub(crate) fn path(&self) -> PathBuf {
        self.folder.path().join("home")
    }

    /// Runs a command against this home to its end.
    pub(crate) fn run(&self, args: &[&str]) -> Said {
        let output = program().arg("--home").arg(self.path()).args(args).output();
        output.expect("the program starts").into()
    }

    /// Runs a command that must succeed; its JSON.
    #[track_caller]
    pub(crate) fn json(&self, args: &[&str]) -> Value {
        let said = self.run(&[args, &["--output", "json"]].concat());
        assert_eq!(said.code, 0, "{args:?}: {}", said.err);
        serde_json::from_str(&said.out).unwrap_or_else(|error| panic!("{args:?}: {error}: {}", said.out))
    }

    /// Runs a command that must fail with this exit code; what it said to standard error.
    #[track_caller]
    pub(crate) fn refused(&self, code: i32, args: &[&str]) -> String {
        let said = self.run(args);
        assert_eq!(said.code, code, "{args:?}: out {:?}, err {:?}", said.out, said.err);
        assert_eq!(said.out, "", "an error leaves nothing on standard output");
        said.err
    }

    /// Runs a command that must fail after it has said something; what it said to standard error.
    #[track_caller]
    pub(crate) fn refused_after_output(&self, args: &[&str]) -> String {
        let said = self.run(args);
        assert_eq!(said.code, 1, "{args:?}: out {:?}, err {:?}", said.out, said.err);
        assert_ne!(said.out, "", "{args:?}");
        said.err
    }

    /// Starts the node of this home and waits until it serves.
    pub(crate) fn start(&self) -> Node {
        Node::start(&self.path())
    }
}

/// A running node; killed when dropped.
pub(crate) struct Node {
    child: Child,
    pub(crate) ready: Ready,
}

impl Node {
    pub(crate) fn start(home: &Path) -> Self {
        Self::start_with(home, &[])
    }

    /// The same with further flags.
    #[track_caller]
    pub(crate) fn start_with(home: &Path, flags: &[&str]) -> Self {
        Self::start_or_why(home, flags).unwrap_or_else(|why| panic!("the node ended {why}"))
    }

    /// The same, where the node may end instead, because its port is not free yet.
    pub(crate) fn try_start_with(home: &Path, flags: &[&str]) -> Option<Self> {
        Self::start_or_why(home, flags).ok()
    }

    fn start_or_why(home: &Path, flags: &[&str]) -> Result<Self, String> {
        let file = home.with_extension("ready");
        drop(std::fs::remove_file(&file));
        let mut command = program();
        command.arg("run").arg("--home").arg(home).arg("--ready-file").arg(&file);
        command.args(["--no-mdns", "--log", "warn"]);
        if !flags.contains(&"--api") {
            command.args(["--api", "127.0.0.1:0"]);
        }
        if !flags.contains(&"--join") {
            command.arg("--dev");
        }
        if !flags.contains(&"--listen") {
            command.args(["--listen", "/ip4/127.0.0.1/tcp/0"]);
        }
        command.args(flags);
        // To a file: a pipe without a reader is full one day, and a node that complains about peers would stand still.
        let log = home.with_extension("stderr");
        let complaints = File::create(&log).expect("its folder is there");
        let mut child = command.stdout(Stdio::piped()).stderr(complaints).spawn().expect("the program starts");
        let ready = wait_for("the node serves", || match child.try_wait() {
            Ok(Some(status)) => Some(Err(format!("({status}): {}", read_all(File::open(&log).ok())))),
            _ => Ready::read(&file).map(Ok),
        });
        ready.map(|ready| Self { child, ready })
    }

    /// Asks it to stop; its exit code, and what it printed on standard output.
    pub(crate) fn stop(mut self) -> (Option<i32>, String) {
        let pid = i32::try_from(self.child.id()).expect("process ids are small");
        let pid = rustix::process::Pid::from_raw(pid).expect("a running process");
        rustix::process::kill_process(pid, rustix::process::Signal::TERM).expect("it still runs");
        let status = wait_for("the node stops", || self.child.try_wait().expect("it is our child"));
        (status.code(), read_all(self.child.stdout.take()))
    }
}

impl Drop for Node {
    fn drop(&mut self) {
        drop(self.child.kill());
        drop(self.child.wait());
    }
}

fn read_all(pipe: Option<impl std::io::Read>) -> String {
    let mut text = String::new();
    if let Some(mut pipe) = pipe {
        drop(pipe.read_to_string(&mut text));
    }
    text
}

/// Does the text hold all of these?
#[track_caller]
pub(crate) fn says(text: &str, parts: &[&str]) {
    for part in parts {
        assert!(text.contains(part), "{part:?} is missing in: {text}");
    }
}

/// Looks again and again until there is something to see.
#[track_caller]
pub(crate) fn wait_for<T>(what: &str, mut look: impl FnMut() -> Option<T>) -> T {
    let deadline = Instant::now() + PATIENCE;
    loop {
        if let Some(found) = look() {
            return found;
        }
        assert!(Instant::now() < deadline, "waited {PATIENCE:?} in vain until {what}");
        std::thread::sleep(Duration::from_millis(10));
    }
}
