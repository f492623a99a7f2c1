//! Signals: each ends a node in order, and no later command is led to a node that is gone.

use super::node;
use crate::support::{Home, wait_for};
use blockchat_node::ready_file::{self, Ready};
use rustix::process::{Pid, Signal, kill_process};
use std::path::Path;
use std::process::{Child, Command, Stdio};

fn started(home: &Path, mut command: Command) -> Child {
    let file = ready_file::path_in(home);
    let child = command.spawn().unwrap();
    wait_for("the node serves", || Ready::read(&file).filter(|ready| ready.pid == child.id()));
    child
}

fn send(child: &Child, signal: Signal) {
    let pid = Pid::from_raw(i32::try_from(child.id()).unwrap()).unwrap();
    kill_process(pid, signal).unwrap();
}

/// The same program with this signal ignored from the start, as `nohup` does.
fn deaf_to(signal: &str, command: &Command) -> Command {
    let mut shell = Command::new("sh");
    shell.args(["-c", &format!("trap '' {signal}; exec \"$0\" \"$@\"")]);
    shell.arg(command.get_program()).args(command.get_args());
    shell.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
    shell
}

#[test]
fn every_signal_that_ends_a_node_ends_it_in_order() {
    let home = Home::new();
    for signal in [Signal::TERM, Signal::INT, Signal::HUP] {
        let mut child = started(&home.path(), node(&home.path()));
        send(&child, signal);
        let status = wait_for("it stops", || child.try_wait().unwrap());
        assert_eq!(status.code(), Some(0), "{signal:?}");
        assert!(!ready_file::path_in(&home.path()).exists(), "{signal:?}: it says that a node serves");
    }
}

#[test]
fn the_same_signal_twice_at_once_is_one() {
    let home = Home::new();
    let mut child = started(&home.path(), node(&home.path()));
    for _ in 0..5 {
        send(&child, Signal::INT);
        send(&child, Signal::TERM);
    }
    let status = wait_for("it stops", || child.try_wait().unwrap());
    assert_eq!(status.code(), Some(0), "it stopped in order");
    assert!(!ready_file::path_in(&home.path()).exists());
}

#[cfg(target_os = "linux")]
#[test]
fn a_node_under_nohup_outlives_its_terminal() {
    let home = Home::new();
    let mut child = started(&home.path(), deaf_to("HUP", &node(&home.path())));
    send(&child, Signal::HUP);
    send(&child, Signal::HUP);
    let said = super::asked(&home.path(), &["send", "me", "-m", "still here"]).output().unwrap();
    assert!(said.status.success(), "{said:?}");
    assert_eq!(child.try_wait().unwrap(), None);
    send(&child, Signal::TERM);
    let status = wait_for("it stops", || child.try_wait().unwrap());
    assert_eq!(status.code(), Some(0));
}

#[test]
fn a_ready_file_that_a_killed_node_left_is_gone_once_the_home_is_taken_again() {
    let home = Home::new();
    let mut child = started(&home.path(), node(&home.path()));
    child.kill().unwrap();
    child.wait().unwrap();
    let file = ready_file::path_in(&home.path());
    assert!(file.exists(), "kill -9 leaves it");
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let mut command = node(&home.path());
    command.args(["--listen", &format!("/ip4/127.0.0.1/tcp/{}", taken.local_addr().unwrap().port())]);
    assert_eq!(command.status().unwrap().code(), Some(1), "this one never serves");
    assert!(!file.exists());
}

#[cfg(target_os = "linux")]
#[test]
fn a_process_that_holds_a_key_leaves_no_core_dump() {
    let home = Home::new();
    let mut child = started(&home.path(), node(&home.path()));
    let limits = std::fs::read_to_string(format!("/proc/{}/limits", child.id())).unwrap();
    let core: Vec<_> = limits.lines().find(|line| line.starts_with("Max core")).unwrap().split_whitespace().collect();
    assert_eq!(core[4..6], ["0", "0"], "{core:?}");
    drop(child.kill());
    drop(child.wait());
}
