//! Acts of an operator: start nodes, stake, reset a guard.

use crate::heal::judge::Outcome;
use crate::heal::scenario::{Deed, Who};
use crate::heal::stage::Stage;
use crate::processes::node_bin;
use crate::processes::supervise::Order;
use std::process::Stdio;
use std::time::Instant;

impl Stage<'_> {
    /// An act of an operator.
    pub(in crate::heal) async fn carry_out(&mut self, deed: Deed) -> Outcome {
        let done = match deed {
            Deed::GuardReset(who) => self.reset_guards(who).await,
            Deed::Start(who) => self.start(who).await,
            Deed::Stake(who, coins) => self.stake(who, coins).await,
            Deed::AwaitBlocks(height) => self.await_blocks(height).await,
        };
        let held = done.is_ok();
        Outcome::of(held, done.unwrap_or_else(|reason| reason))
    }

    fn begins(&mut self, words: String) {
        self.since = Instant::now();
        self.record.with(|record| record.mark(words, false, self.since));
    }

    pub(super) async fn start(&mut self, who: Who) -> Result<String, String> {
        let nodes = self.nodes_of(who).await;
        self.struck.clone_from(&nodes);
        self.away.retain(|node| !nodes.contains(node));
        self.idle.retain(|node| !nodes.contains(node));
        self.begins(format!("start {}", self.names(&nodes)));
        nodes.iter().for_each(|node| self.network.nodes[*node].order(Order::Start));
        Ok(String::new())
    }

    /// Each owner stakes with its own node.
    pub(super) async fn stake(&mut self, who: Who, coins: u64) -> Result<String, String> {
        let nodes = self.nodes_of(who).await;
        self.begins(format!("stake {coins} {}", self.names(&nodes)));
        for node in &nodes {
            let url = self.url(*node).ok_or_else(|| format!("{} does not run", self.network.name_of(*node)))?;
            self.program(*node, &["stake", &coins.to_string(), "--api", &url]).await?;
        }
        Ok(format!("{} BCC staked by each of {}", coins, self.names(&nodes)))
    }

    pub(super) async fn await_blocks(&mut self, height: u64) -> Result<String, String> {
        let all: Vec<_> = self.all().collect();
        let begun = Instant::now();
        loop {
            let reached = self.record.with(|record| record.height(&all)).0;
            if reached >= height {
                return Ok(format!("after {:.1} s", begun.elapsed().as_secs_f32()));
            }
            let moved = self.until(self.plan.patience, |record| (record.height(&all).0 > reached).then_some(()));
            moved.await.ok_or_else(|| format!("no block came after block {reached}"))?;
        }
    }

    /// Runs the node program with these arguments in this node's home.
    pub(super) async fn program(&self, node: usize, arguments: &[&str]) -> Result<(), String> {
        let mut command = tokio::process::Command::from(node_bin::command(&self.plan.node_bin));
        command.arg("--home").arg(&self.file.nodes[node].home).args(arguments).stdin(Stdio::null());
        let name = arguments.first().unwrap_or(&"");
        let output = command.output().await.map_err(|error| format!("`{name}` cannot run: {error}"))?;
        if output.status.success() {
            return Ok(());
        }
        let said = String::from_utf8_lossy(&output.stderr);
        Err(format!("`{name}` of {} failed: {}", self.network.name_of(node), said.trim()))
    }

    /// Stops each node, resets its guard against another node of the chain, and restarts it, as it advises.
    pub(super) async fn reset_guards(&mut self, who: Who) -> Result<String, String> {
        let nodes = self.nodes_of(who).await;
        for node in &nodes {
            self.network.nodes[*node].order(Order::StopAndHold);
            self.are_gone(&[*node]).await?;
            let other = self.all().filter(|other| !nodes.contains(other)).find_map(|other| self.url(other));
            let url = other.ok_or("no other node runs")?;
            self.program(*node, &["guard", "reset", "--api", &url]).await?;
            self.network.nodes[*node].order(Order::Start);
        }
        self.begins("guard reset".into());
        Ok(format!("`guard reset --api` beside {}", self.names(&nodes)))
    }
}
