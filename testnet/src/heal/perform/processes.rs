//! Faults of processes and their data: killed, stopped, wiped, moved; clocks and disks of single nodes.

use crate::heal::machine;
use crate::heal::scenario::Who;
use crate::heal::stage::{LOOK_EVERY, Stage};
use crate::processes::supervise::{NodeState, Order};
use std::time::Instant;
use tokio::time::sleep;

/// Error text: the story sets no clock for this node.
const RIGHT: usize = 0;

impl Stage<'_> {
    pub(super) async fn take_away(&mut self, who: Who, order: Order, what: &str) -> Result<String, String> {
        let nodes = self.nodes_of(who).await;
        self.strikes(nodes.clone(), what);
        if !self.is_spared() {
            nodes.iter().for_each(|node| self.network.nodes[*node].order(order));
            self.away.extend(&nodes);
        }
        self.are_gone(&nodes).await
    }

    pub(in crate::heal) async fn are_gone(&self, nodes: &[usize]) -> Result<String, String> {
        let gone = |node: &usize| matches!(&*self.network.nodes[*node].watched.state.borrow(), NodeState::Down);
        let begun = Instant::now();
        while !nodes.iter().all(gone) {
            if begun.elapsed() > self.proof_within() {
                return Err(format!("{} still run", self.names(nodes)));
            }
            sleep(LOOK_EVERY).await;
        }
        Ok(format!("the processes of {} are gone", self.names(nodes)))
    }

    pub(super) async fn wipe(&mut self, who: Who, what: &[&str]) -> Result<String, String> {
        let gone = self.take_away(who, Order::KillAndHold, "wipe").await?;
        for node in self.struck.clone() {
            let home = &self.file.nodes[node].home;
            for part in what {
                let path = home.join(part);
                let removed = if path.is_dir() { std::fs::remove_dir_all(&path) } else { std::fs::remove_file(&path) };
                removed.map_err(|error| format!("{} cannot be removed: {error}", path.display()))?;
            }
            if !home.join("keys").join("validator.pem").is_file() {
                return Err(format!("the keys of {} are gone too", self.network.name_of(node)));
            }
        }
        Ok(format!("{gone}; their {} are removed, their keys are there", what.join(" and ")))
    }

    /// One after the other, as an operator moves machines, so that the others can still be found.
    pub(super) async fn move_away(&mut self, who: Who) -> Result<String, String> {
        let nodes = self.nodes_of(who).await;
        self.strikes(nodes.clone(), "move");
        let mut moved = vec![];
        for node in nodes {
            let name = self.network.name_of(node);
            let before = self.url(node);
            self.launcher.surround(&name, |surroundings| surroundings.alone = true);
            if !self.is_spared() {
                self.network.nodes[node].order(Order::StopAndHold);
                self.are_gone(&[node]).await?;
                self.network.nodes[node].order(Order::StartElsewhere);
            }
            let wanted = self.scenario.nodes - 1;
            let back = async || {
                self.url(node).is_some_and(|url| Some(url) != before) && self.peers(node).await == Some(wanted)
            };
            let begun = Instant::now();
            while !back().await {
                if begun.elapsed() > self.plan.patience {
                    return Err(format!("{name} is not back with {wanted} peers on other ports"));
                }
                sleep(LOOK_EVERY * 4).await;
            }
            moved.push(name);
        }
        Ok(format!("{} are on other ports, and connected with all others", moved.join(", ")))
    }

    /// Evidence: the dates in the answers of the nodes.
    pub(super) async fn set_clocks(&mut self, clocks: &[(usize, i64)]) -> Result<String, String> {
        self.strikes(clocks.iter().map(|(node, _)| *node).collect(), "clocks of");
        let mut offsets = vec![];
        for (node, seconds) in clocks {
            let name = self.network.name_of(*node);
            if !self.is_spared() {
                let set = machine::set_clock(&self.file.nodes[*node].home, *seconds);
                set.map_err(|error| format!("the clock of {name} cannot be set: {error}"))?;
            }
            let offset = self.clock_shows(*node, *seconds).await?;
            offsets.push(format!("{name} {offset:+} s"));
        }
        Ok(format!("by their own answers, beside that of {}: {}", self.network.name_of(RIGHT), offsets.join(", ")))
    }

    fn port(&self, node: usize) -> Result<u16, String> {
        let port = self.url(node).and_then(|url| url.trim_end_matches('/').rsplit(':').next()?.parse().ok());
        port.ok_or_else(|| format!("{} is down", self.network.name_of(node)))
    }

    /// Waits until a node's clock differs from the correct time by this number of seconds; dates have whole seconds.
    pub(super) async fn clock_shows(&self, node: usize, seconds: i64) -> Result<i64, String> {
        let (wrong, right) = (self.port(node)?, self.port(RIGHT)?);
        let begun = Instant::now();
        loop {
            // On another thread: the answers come through plain sockets.
            let offset = move || -> std::io::Result<i64> { Ok(machine::time_at(wrong)? - machine::time_at(right)?) };
            let read = tokio::task::spawn_blocking(offset).await.map_err(|error| error.to_string())?;
            let offset = read.map_err(|error| error.to_string())?;
            if (offset - seconds).abs() <= 2 {
                return Ok(offset);
            }
            if begun.elapsed() > self.proof_within() {
                return Err(format!("a node says that its clock is {offset:+} s off, not {seconds:+} s"));
            }
            sleep(LOOK_EVERY * 20).await;
        }
    }

    /// Evidence: no further write is possible, and the node has ended.
    pub(super) async fn fill_disk(&mut self, node: usize) -> Result<String, String> {
        self.strikes(vec![node], "disk full");
        let mut written = 0;
        if !self.is_spared() {
            let disk = self.disk.as_ref().ok_or("this story has no disk of its own")?;
            written = disk.fill().map_err(|error| format!("the disk cannot be filled: {error}"))?;
        }
        self.are_gone(&[node]).await?;
        // It is not started again before there is room.
        self.network.nodes[node].order(Order::KillAndHold);
        self.away.push(node);
        Ok(format!("{written} bytes filled it; {} ended by itself", self.network.name_of(node)))
    }
}
