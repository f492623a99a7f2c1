//! A reader that goes away stops no work, least of all the stopping of nodes.

use crate::support::{Kept, workload};
use serde_json::json;
use std::path::Path;
use std::process::{Command, Output, Stdio};

/// The program, whose output has no reader.
fn unheard(args: &[&str]) -> Output {
    let (reader, writer) = std::io::pipe().unwrap();
    drop(reader);
    let mut command = Command::new(env!("CARGO_BIN_EXE_blockchat-testnet"));
    command.args(args).stdin(Stdio::null()).stdout(writer.try_clone().unwrap()).stderr(writer);
    command.output().unwrap()
}

#[test]
fn commands_whose_reader_has_gone_away_end_as_they_would_have() {
    let commands: [(&[&str], i32); 6] = [
        (&["--help"], 0),
        (&["sim", "--seeds", "1..2"], 0),
        (&["sim", "--seeds", "1..2", "--trace"], 0),
        (&["sim", "--seeds", "1..3", "--output", "json"], 0),
        (&["walk"], 2),
        (&["status", "--dir", "/nonexistent"], 1),
    ];
    for (args, code) in commands {
        assert_eq!(unheard(args).status.code(), Some(code), "{args:?}");
    }
}

#[cfg(target_os = "linux")]
#[test]
fn a_result_that_cannot_be_written_is_a_failure() {
    let full = std::fs::OpenOptions::new().write(true).open("/dev/full").unwrap();
    let mut command = Command::new(env!("CARGO_BIN_EXE_blockchat-testnet"));
    let output = command.args(["sim", "--seeds", "1..2"]).stdout(full).output().unwrap();
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.code() == Some(1) && said.contains("could not be written"), "{said}");
}

#[test]
fn a_network_comes_up_and_goes_down_though_nobody_listens() {
    let dir = tempfile::tempdir().unwrap();
    let files = workload(dir.path(), 2, 2);
    let net = dir.path().join("net");
    let kept = Kept { dir: net.clone() };
    let folder = net.to_str().unwrap();
    let up = ["up", "--keep-running", "--nodes", "2", "--kill-leader-at", "off", "--fund", "10000", "--dir", folder];
    let up = unheard(&[&up[..], &["--workload", files.to_str().unwrap()]].concat());
    assert_eq!(up.status.code(), Some(0));
    assert!(kept.status().iter().all(|row| row["status"]["height"].is_u64()), "they run");
    assert_eq!(unheard(&["down", "--dir", folder]).status.code(), Some(0));
    assert!(kept.status().iter().all(|row| row["phase"] == json!("not running")), "all of them are stopped");
    assert!(!Path::new(folder).join("id0/data/ready.json").exists());
}
