//! The node's own dashboard beside a story: in this terminal, for as long as the story lasts.
//!
//! Always true: it is asked to end, so that it leaves the terminal as it was, and is killed only if it does not.

use crate::processes::{node_bin, stop};
use anyhow::{Context, Result};
use std::path::Path;
use std::process::Child;
use std::time::Duration;

/// It is looked at so often while it ends, and so many times.
const LOOK_EVERY: Duration = Duration::from_millis(10);
const LOOKS_MAX: u32 = 200;

/// Open until it is dropped, or a person leaves it.
#[derive(Debug)]
pub(super) struct Dashboard(Child);

impl Dashboard {
    /// Of all nodes whose homes are in `dir`.
    pub(super) fn open(program: &Path, dir: &Path) -> Result<Self> {
        let mut command = node_bin::command(program);
        let opened = command.args(["dashboard", "--dir"]).arg(dir).spawn();
        Ok(Self(opened.context("cannot open the dashboard")?))
    }
}

impl Drop for Dashboard {
    fn drop(&mut self) {
        let _ = stop::ask_to_end(self.0.id());
        for _ in 0..LOOKS_MAX {
            if !matches!(self.0.try_wait(), Ok(None)) {
                return;
            }
            std::thread::sleep(LOOK_EVERY);
        }
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}
