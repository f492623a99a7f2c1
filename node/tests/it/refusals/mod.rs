//! Refusals: each names its cause, the next step and a stable code, and changes nothing.
//!
//! One file per door: [`money`], [`replacing`] and [`signatures`] (transactions), [`startup`] (`run`), [`files`] (damage on disk),
//! [`garbage`] (bytes on open ports), [`rules`] (a chain of the future), [`keys`] (wallets), [`codes`] (the table of all
//! codes).
//! Mistakes on the command line that need no node stand in `cli_errors.rs`, single refusals of the API in `http_api.rs`.

mod codes;
mod files;
mod garbage;
mod keys;
mod money;
mod replacing;
mod rules;
mod signatures;
mod slow_chain;
mod startup;

use crate::support::{Home, Said, program, wait_for};
use serde_json::Value;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::Stdio;

/// A home of a new chain with one validator, at rest, made with these flags of `init`.
fn initialised(flags: &[&str]) -> Home {
    let home = Home::new();
    let folder = home.path().with_extension("net");
    let dir = folder.display().to_string();
    home.json(&[&["init", "--dir", &dir, "--base-port", "0", "--stake", "10"], flags].concat());
    std::fs::rename(folder.join("id0"), home.path()).unwrap();
    home
}

/// Runs the node of a home that must refuse to start, on free ports unless told otherwise; its JSON error.
#[track_caller]
fn run_refused(home: &Path, code: &str, flags: &[&str]) -> Value {
    let mut command = program();
    command.args(["run", "--dev", "--no-mdns", "--log", "warn", "--output", "json", "--home"]).arg(home);
    if !flags.contains(&"--api") {
        command.args(["--api", "127.0.0.1:0"]);
    }
    if !flags.contains(&"--listen") {
        command.args(["--listen", "/ip4/127.0.0.1/tcp/0"]);
    }
    let served = home.with_extension("served-though");
    drop(std::fs::remove_file(&served));
    command.args(flags).arg("--ready-file").arg(&served).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().unwrap();
    wait_for("the node ends or serves", || (child.try_wait().unwrap().is_some() || served.exists()).then_some(()));
    // One that serves would never end by itself.
    drop(child.kill());
    let said: Said = child.wait_with_output().unwrap().into();
    json_error(&said, 1, code)
}

/// The error of a command that failed with this exit code and code, printed as JSON on the last line.
#[track_caller]
fn json_error(said: &Said, exit: i32, code: &str) -> Value {
    assert_eq!(said.code, exit, "{said:?}");
    assert_eq!(said.out, "", "an error leaves nothing on standard output");
    let last = said.err.trim_end().lines().next_back().unwrap_or_default();
    let error: Value = serde_json::from_str(last).unwrap_or_else(|wrong| panic!("{wrong}: {said:?}"));
    assert_eq!(error["code"], code, "{error}");
    for part in ["error", "next"] {
        assert!(error[part].as_str().is_some_and(|text| !text.is_empty()), "{part} is missing: {error}");
    }
    error
}

/// Every file of a home with its bytes, but not where a running node says that it is.
fn content(home: &Path) -> BTreeMap<PathBuf, Vec<u8>> {
    let mut found = BTreeMap::new();
    let mut folders = vec![home.to_path_buf()];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
            } else if !path.ends_with("ready.json") {
                found.insert(path.clone(), std::fs::read(&path).unwrap());
            }
        }
    }
    found
}

/// A copy of a home that may be damaged.
fn copy(from: &Path, to: &Path) {
    for (path, bytes) in content(from) {
        let place = to.join(path.strip_prefix(from).unwrap());
        std::fs::create_dir_all(place.parent().unwrap()).unwrap();
        std::fs::write(&place, bytes).unwrap();
        std::fs::set_permissions(&place, std::fs::metadata(&path).unwrap().permissions()).unwrap();
    }
}
