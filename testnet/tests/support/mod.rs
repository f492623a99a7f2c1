//! Runs the `blockchat-testnet` program as a user would, and reads what it prints.

use serde_json::Value;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::time::{Duration, Instant};

/// A condition that does not come true within this is not going to.
const PATIENCE: Duration = Duration::from_secs(180);

/// The program with these arguments; nothing of the environment changes what nodes do.
pub(crate) fn testnet<S: AsRef<std::ffi::OsStr>>(args: &[S]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_blockchat-testnet")).args(args).output().expect("the program runs")
}

/// As [`testnet`], with JSON on standard output. Panics with everything it said unless it succeeded.
#[track_caller]
pub(crate) fn testnet_json<S: AsRef<std::ffi::OsStr>>(args: &[S]) -> Value {
    let output = testnet(args);
    let (out, err) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert!(output.status.success(), "{}\n{out}\n{err}", output.status);
    serde_json::from_str(&out).unwrap_or_else(|error| panic!("{error}: {out}"))
}

/// A workload of this many lines a node, each for the next node, below `dir`.
pub(crate) fn workload(dir: &Path, nodes: usize, lines: usize) -> PathBuf {
    let folder = dir.join("workload");
    std::fs::create_dir_all(&folder).unwrap();
    for node in 0..nodes {
        let to = (node + 1) % nodes;
        let content: String = (0..lines).map(|line| format!("id{to} Message {line} of id{node}\r\n")).collect();
        std::fs::write(folder.join(format!("trans{node}.txt")), content).unwrap();
    }
    folder
}

/// Asks again until the answer is `Some`.
#[track_caller]
pub(crate) fn wait_for<T>(what: &str, mut ask: impl FnMut() -> Option<T>) -> T {
    let begun = Instant::now();
    while begun.elapsed() < PATIENCE {
        if let Some(answer) = ask() {
            return answer;
        }
        std::thread::sleep(Duration::from_millis(100));
    }
    panic!("waited in vain for: {what}");
}

/// A network that was kept running; all of its nodes are stopped when it is dropped, also by a failed test.
pub(crate) struct Kept {
    /// Its folder.
    pub(crate) dir: PathBuf,
}

impl Kept {
    /// `up --keep-running` with these arguments.
    #[track_caller]
    pub(crate) fn up(dir: PathBuf, args: &[&str]) -> (Self, Value) {
        let kept = Self { dir };
        let mut all = vec!["up", "--keep-running", "--output", "json", "--dir", kept.dir.to_str().unwrap()];
        all.extend(args);
        let report = testnet_json(&all);
        (kept, report)
    }

    /// A command about this network; panics unless it succeeds.
    #[track_caller]
    pub(crate) fn command(&self, args: &[&str]) {
        let mut all = args.to_vec();
        all.extend(["--dir", self.dir.to_str().unwrap()]);
        let output = testnet(&all);
        assert!(output.status.success(), "{args:?}: {}", String::from_utf8_lossy(&output.stderr));
    }

    /// `status --output json`: one row a node.
    #[track_caller]
    pub(crate) fn status(&self) -> Vec<Value> {
        let all = ["status", "--output", "json", "--dir", self.dir.to_str().unwrap()];
        testnet_json(&all).as_array().unwrap().clone()
    }
}

impl Drop for Kept {
    fn drop(&mut self) {
        let _ = testnet(&["down", "--dir", self.dir.to_str().unwrap_or_default()]);
    }
}

/// The height a row of `status` reports, if its node runs.
pub(crate) fn height(row: &Value) -> Option<u64> {
    row["status"]["height"].as_u64()
}
