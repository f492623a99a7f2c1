//! The reader of the program's output goes away, stands still, or has no room.

use super::{asked, node};
use crate::support::{Home, Said, says, wait_for};
use blockchat_node::ready_file::{self, Ready};
use rustix::fs::{OFlags, fcntl_getfl, fcntl_setfl};
use rustix::process::{Pid, Signal, kill_process};
use std::fs::{File, OpenOptions};
use std::io::{Read, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

/// A pipe whose reader has gone away.
fn to_nobody() -> Stdio {
    let (reader, writer) = std::io::pipe().unwrap();
    drop(reader);
    writer.into()
}

/// A node that must serve, with these streams; killed if the test ends early.
struct Served(Child, PathBuf);

impl Served {
    fn start(home: &Path, out: Stdio, err: Stdio) -> Self {
        let mut child = node(home).stdout(out).stderr(err).spawn().unwrap();
        let file = ready_file::path_in(home);
        wait_for("the node serves", || {
            assert_eq!(child.try_wait().unwrap(), None, "it ended because of a stream");
            Ready::read(&file).filter(|ready| ready.pid == child.id())
        });
        Self(child, home.into())
    }

    /// Something becomes final: the engine logs and goes on.
    fn pays(&self) {
        let said: Said = asked(&self.1, &["send", "me", "-m", "hello"]).output().unwrap().into();
        assert_eq!(said.code, 0, "{said:?}");
    }

    /// Told to stop, it does so in order.
    fn stops(mut self) {
        let pid = Pid::from_raw(i32::try_from(self.0.id()).unwrap()).unwrap();
        kill_process(pid, Signal::TERM).unwrap();
        let status = wait_for("it stops", || self.0.try_wait().unwrap());
        assert_eq!(status.code(), Some(0), "{status}");
    }
}

impl Drop for Served {
    fn drop(&mut self) {
        drop(self.0.kill());
        drop(self.0.wait());
    }
}

#[test]
fn a_command_whose_reader_has_gone_away_does_its_work_and_says_so() {
    let home = Home::new();
    let dir = home.path().with_extension("net");
    let dir = dir.to_str().unwrap();
    home.json(&["wallet", "new", "bob", "--no-passphrase"]);
    let commands: [&[&str]; 9] = [
        &["completions", "bash"],
        &["--help"],
        &["run", "--help"],
        &["version"],
        &["version", "--output", "json"],
        &["wallet", "list"],
        &["wallet", "new", "carol", "--no-passphrase", "--output", "json"],
        &["contacts", "list"],
        &["init", "--dir", dir, "--validators", "3"],
    ];
    for command in commands {
        let said: Said =
            asked(&home.path(), command).stdout(to_nobody()).stderr(Stdio::piped()).output().unwrap().into();
        assert_eq!((said.code, said.err.as_str()), (0, ""), "{command:?}");
    }
    assert!(Path::new(dir).join("id2/genesis.json").exists());
    for streams in [true, false] {
        let mut wrong = asked(&home.path(), &["walk"]);
        wrong.stderr(to_nobody()).stdout(if streams { to_nobody() } else { Stdio::null() });
        assert_eq!(wrong.status().unwrap().code(), Some(2), "an error that nobody hears is one all the same");
    }
}

#[cfg(target_os = "linux")]
#[test]
fn a_result_that_cannot_be_written_is_a_failure_with_a_code() {
    let full = || Stdio::from(OpenOptions::new().write(true).open("/dev/full").unwrap());
    let home = Home::new();
    let dir = home.path().with_extension("net");
    home.json(&["wallet", "new", "bob", "--no-passphrase"]);
    let commands: [&[&str]; 8] = [
        &["wallet", "list"],
        &["wallet", "show", "bob"],
        &["contacts", "list"],
        &["version"],
        &["--help"],
        &["--version"],
        &["completions", "zsh"],
        &["init", "--dir", dir.to_str().unwrap()],
    ];
    for command in commands {
        let said: Said = asked(&home.path(), command).stdout(full()).stderr(Stdio::piped()).output().unwrap().into();
        assert_eq!(said.code, 1, "{command:?}");
        says(&said.err, &["could not be written", "next:"]);
    }
    let json = [&["wallet", "list", "--output", "json"][..]].concat();
    let said: Said = asked(&home.path(), &json).stdout(full()).stderr(Stdio::piped()).output().unwrap().into();
    let error: serde_json::Value = serde_json::from_str(&said.err).unwrap();
    assert_eq!(error["code"], "output_lost");
}

#[test]
fn a_node_goes_on_when_nobody_reads_its_streams_any_more() {
    let home = Home::new();
    let node = Served::start(&home.path(), to_nobody(), to_nobody());
    node.pays();
    node.stops();
}

#[test]
fn a_node_goes_on_and_ends_when_its_log_is_a_pipe_that_is_full() {
    let home = Home::new();
    let (_reader, mut writer) = std::io::pipe().unwrap();
    let flags = fcntl_getfl(&writer).unwrap();
    fcntl_setfl(&writer, flags | OFlags::NONBLOCK).unwrap();
    while writer.write(b"x").is_ok() {}
    fcntl_setfl(&writer, flags).unwrap();
    let out = writer.try_clone().unwrap();
    let node = Served::start(&home.path(), out.into(), writer.into());
    node.pays();
    node.stops();
}

#[cfg(target_os = "linux")]
#[test]
fn a_node_goes_on_when_its_log_is_on_a_full_disk() {
    let full = || Stdio::from(OpenOptions::new().write(true).open("/dev/full").unwrap());
    let home = Home::new();
    let node = Served::start(&home.path(), full(), full());
    node.pays();
    node.stops();
}

#[test]
fn a_log_that_can_be_written_again_says_what_was_lost() {
    let home = Home::new();
    let fifo = home.path().with_extension("log");
    assert!(Command::new("mkfifo").arg(&fifo).status().unwrap().success());
    let nonblocking = i32::try_from(OFlags::NONBLOCK.bits()).unwrap();
    let listen = || OpenOptions::new().read(true).custom_flags(nonblocking).open(&fifo).unwrap();
    let first = listen();
    let log = File::options().write(true).open(&fifo).unwrap();
    let node = Served::start(&home.path(), Stdio::null(), log.into());
    drop(first);
    node.pays();
    let mut second = listen();
    node.pays();
    let mut seen = vec![];
    let told = wait_for("the log says what it lacks", || {
        let mut piece = [0; 4096];
        // Nothing to read yet is an error of a stream that does not block.
        if let Ok(read) = second.read(&mut piece) {
            seen.extend(&piece[..read]);
        }
        let text = String::from_utf8_lossy(&seen);
        text.lines().find(|line| line.contains("log lines were lost") && line.contains("reason")).map(str::to_owned)
    });
    says(&told, &["lines=", "Broken pipe"]);
    assert!(!told.contains("lines=0"), "{told}");
    node.stops();
}

#[test]
fn a_dashboard_without_a_terminal_says_lines_until_nobody_reads_them() {
    let home = Home::new();
    let nobody = ["dashboard", "--api", "http://127.0.0.1:9"];
    let mut child =
        asked(&home.path(), &[&nobody[..], &["--output", "json"]].concat()).stdout(Stdio::piped()).spawn().unwrap();
    let mut line = String::new();
    let mut reader = std::io::BufReader::new(child.stdout.take().unwrap());
    std::io::BufRead::read_line(&mut reader, &mut line).unwrap();
    let value: serde_json::Value = serde_json::from_str(&line).unwrap();
    assert_eq!(value["event"], "state", "{line}");
    drop(reader);
    let status = wait_for("its reader is gone: it ends by itself", || child.try_wait().unwrap());
    assert_eq!(status.code(), Some(0), "{status}");
    let closed = asked(&home.path(), &nobody).stdout(to_nobody()).output().unwrap();
    assert_eq!(closed.status.code(), Some(0), "{closed:?}");
}
