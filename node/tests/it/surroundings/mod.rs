//! Surroundings cannot kill the program: streams, files, signals, variables, and text of others.
//!
//! One file per neighbour: [`streams`] (pipes and full disks), [`files`] (interrupted, odd and removed ones), [`signals`],
//! [`words`] (what others wrote), [`command_line`] (variables and numbers).

mod command_line;
mod files;
mod signals;
mod streams;
mod words;

use crate::support::program;
use std::ffi::OsStr;
use std::path::Path;
use std::process::{Command, Stdio};

/// A node of this home on free ports; its streams and further flags are up to the test.
fn node(home: &Path) -> Command {
    let mut command = program();
    command.args(["run", "--dev", "--api", "127.0.0.1:0", "--listen", "/ip4/127.0.0.1/tcp/0", "--no-mdns", "--home"]);
    command.arg(home).stdout(Stdio::null()).stderr(Stdio::null());
    command
}

/// The same program with no room for files longer than so many KiB, as on a full disk. It has the same arguments.
fn in_little_room(command: &Command, kib: u32) -> Command {
    let mut small = Command::new("bash");
    small.args(["-c", &format!("trap '' XFSZ; ulimit -f {kib}; exec \"$0\" \"$@\"")]);
    small.arg(command.get_program()).args(command.get_args()).stdin(Stdio::null());
    for (name, value) in command.get_envs() {
        match value {
            Some(value) => small.env(name, value),
            None => small.env_remove(name),
        };
    }
    small
}

/// The program with these arguments against a home.
fn asked(home: &Path, args: &[impl AsRef<OsStr>]) -> Command {
    let mut command = program();
    command.arg("--home").arg(home).args(args);
    command
}
