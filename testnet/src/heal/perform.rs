//! Breaking and healing: what each fault does, and the proof that it took hold.
//!
//! Always true: a fault returns evidence that was measured, never a mere "done"; with a sabotage in its way it finds none.

use super::judge::Outcome;
use super::machine;
use super::scenario::{Deed, Fault, Need, Who};
use super::stage::{LOOK_EVERY, Sabotage, Stage};
use crate::links::Links;
use crate::network::Network;
use crate::processes::node_bin;
use crate::processes::supervise::{NodeState, Order};
use std::process::Stdio;
use std::time::{Duration, Instant};
use tokio::time::sleep;

/// A fault that took hold shows itself within this, patience permitting.
const PROOF_WITHIN: Duration = Duration::from_secs(15);
/// No story sets this node's clock.
const RIGHT: usize = 0;
/// Bytes that were on the wire when a link was held have arrived after this.
const LAST_BYTES: Duration = Duration::from_millis(50);

impl Stage<'_> {
    /// The nodes that are meant, now.
    pub(super) async fn nodes_of(&self, who: Who) -> Vec<usize> {
        let count = self.count();
        match who {
            Who::Leader => vec![self.leader().await],
            Who::Nodes(numbers) => numbers.to_vec(),
            Who::Last(last) => (count.saturating_sub(last)..count).collect(),
            Who::Struck => self.struck.clone(),
            Who::Others => (0..self.scenario.nodes).filter(|node| !self.struck.contains(node)).collect(),
            Who::All => (0..count).collect(),
        }
    }

    /// As the node says that is ahead of all others.
    async fn leader(&self) -> usize {
        loop {
            if let Some(leader) = self.network.leader(&self.network.statuses().await) {
                return leader;
            }
            sleep(LOOK_EVERY).await;
        }
    }

    /// Breaks something; the evidence that it took hold, or why it did not.
    pub(super) async fn break_it(&mut self, fault: &Fault) -> Result<String, String> {
        self.words_before =
            self.record.with(|record| record.tracks.iter().map(|track| track.first_words.len()).collect());
        match fault {
            Fault::Kill(who) => self.take_away(*who, Order::KillAndHold, "kill -9").await,
            Fault::Stop(who) => self.take_away(*who, Order::StopAndHold, "stop").await,
            Fault::WipeData(who) => self.wipe(*who, &["data"]).await,
            Fault::WipeDataAndGuard(who) => self.wipe(*who, &["data", "keys/guard"]).await,
            Fault::Partition(sizes) => self.partition(sizes).await,
            Fault::Mute(last) => self.mute(*last).await,
            Fault::HalfOpen(last) => self.half_open(*last).await,
            Fault::Flap { last, every, times } => self.flap(*last, *every, *times).await,
            Fault::Move(who) => self.move_away(*who).await,
            Fault::Clocks(clocks) => self.set_clocks(clocks).await,
            Fault::FillDisk(node) => self.fill_disk(*node).await,
            Fault::SlowDisk(node) => self.slow_disk(*node).await,
            Fault::Twin(node) => self.twin(*node).await,
            Fault::Freeze(who) => {
                let nodes = self.nodes_of(*who).await;
                self.freeze(nodes).await
            }
            Fault::Flood => self.flood().await,
        }
    }

    /// The story is not allowed to do it: then there will be no evidence.
    pub(super) fn is_spared(&self) -> bool {
        self.plan.sabotage == Some(Sabotage::NoFault)
    }

    pub(super) fn strikes(&mut self, nodes: Vec<usize>, what: &str) {
        let names: Vec<_> = nodes.iter().map(|node| self.network.name_of(*node)).collect();
        self.since = Instant::now();
        self.struck = nodes;
        self.record.with(|record| record.mark(format!("{what} {}", names.join(" ")), true, self.since));
    }

    fn names(&self, nodes: &[usize]) -> String {
        names_of(&self.network, nodes)
    }

    async fn take_away(&mut self, who: Who, order: Order, what: &str) -> Result<String, String> {
        let nodes = self.nodes_of(who).await;
        self.strikes(nodes.clone(), what);
        if !self.is_spared() {
            nodes.iter().for_each(|node| self.network.nodes[*node].order(order));
            self.away.extend(&nodes);
        }
        self.are_gone(&nodes).await
    }

    pub(super) async fn are_gone(&self, nodes: &[usize]) -> Result<String, String> {
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

    /// A fault that took hold shows itself within this.
    fn proof_within(&self) -> Duration {
        self.plan.patience.min(PROOF_WITHIN)
    }

    async fn wipe(&mut self, who: Who, what: &[&str]) -> Result<String, String> {
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

    fn links(&self) -> Result<std::sync::Arc<Links>, String> {
        self.launcher.links.clone().ok_or_else(|| "this story has no links of ours".into())
    }

    async fn partition(&mut self, sizes: &[usize]) -> Result<String, String> {
        let mut groups = vec![];
        for (group, size) in sizes.iter().enumerate() {
            groups.extend(vec![group; *size]);
        }
        self.strikes((0..groups.len()).filter(|node| groups[*node] > 0).collect(), "cut off");
        let count = groups.len();
        let pairs = (0..count).flat_map(|from| (0..count).map(move |to| (from, to)));
        let held: Vec<_> = pairs.filter(|(from, to)| groups[*from] != groups[*to]).collect();
        self.hold(&held).await
    }

    async fn mute(&mut self, last: usize) -> Result<String, String> {
        let count = self.scenario.nodes;
        let muted = count.saturating_sub(last)..count;
        self.strikes(muted.clone().collect(), "mute");
        let held: Vec<_> = muted.flat_map(|from| (0..count - last).map(move |to| (from, to))).collect();
        self.hold(&held).await
    }

    /// Holds these directions. Evidence: bytes were stopped on each link, and none passed.
    async fn hold(&self, ways: &[(usize, usize)]) -> Result<String, String> {
        let links = self.links()?;
        if !self.is_spared() {
            ways.iter().for_each(|(from, to)| links.shape(*from, *to, |shape| shape.held = true));
        }
        sleep(LAST_BYTES).await;
        let passed = || ways.iter().map(|(from, to)| links.passed_bytes(*from, *to)).sum::<u64>();
        let before = passed();
        let stopped = |(from, to): &(usize, usize)| links.stopped_bytes(*from, *to) > 0;
        // One direction of a link may have nothing to say.
        let all_stopped = || ways.iter().all(|(from, to)| stopped(&(*from, *to)) || stopped(&(*to, *from)));
        let begun = Instant::now();
        while !all_stopped() {
            if begun.elapsed() > self.proof_within() {
                return Err("bytes still pass on links that were to be held".into());
            }
            sleep(LOOK_EVERY).await;
        }
        let leaked = passed() - before;
        let stopped: u64 = ways.iter().map(|(from, to)| links.stopped_bytes(*from, *to)).sum();
        match leaked {
            0 => Ok(format!("{stopped} bytes are held on {} directions, none passed", ways.len())),
            leaked => Err(format!("{leaked} bytes passed on links that were to be held")),
        }
    }

    /// Between the last so many and all others.
    fn crossing(&self, last: usize) -> Vec<(usize, usize)> {
        let count = self.scenario.nodes;
        let first = count.saturating_sub(last);
        (0..first).flat_map(|one| (first..count).map(move |other| (one, other))).collect()
    }

    async fn half_open(&mut self, last: usize) -> Result<String, String> {
        let (links, pairs) = (self.links()?, self.crossing(last));
        self.strikes((self.scenario.nodes - last..self.scenario.nodes).collect(), "half-open");
        if !self.is_spared() {
            pairs.iter().for_each(|(one, other)| links.kill_silently(*one, *other));
        }
        let stopped =
            |(one, other): &(usize, usize)| links.stopped_bytes(*one, *other) + links.stopped_bytes(*other, *one) > 0;
        let begun = Instant::now();
        while !pairs.iter().all(stopped) {
            if begun.elapsed() > self.proof_within() {
                return Err("bytes still pass on connections that were to be dead".into());
            }
            sleep(LOOK_EVERY).await;
        }
        Ok(format!("{} links swallow what is sent", pairs.len()))
    }

    async fn flap(&mut self, last: usize, every: Duration, times: u32) -> Result<String, String> {
        let (links, pairs) = (self.links()?, self.crossing(last));
        self.strikes((self.scenario.nodes - last..self.scenario.nodes).collect(), "flap");
        let turned_away = || pairs.iter().map(|(one, other)| links.connections(*one, *other).1).sum::<u64>();
        let made = || pairs.iter().map(|(one, other)| links.connections(*one, *other).0).sum::<u64>();
        let (before, made_before) = (turned_away(), made());
        for _ in 0..times {
            if !self.is_spared() {
                pairs.iter().for_each(|(one, other)| links.cut(*one, *other));
            }
            sleep(every).await;
            pairs.iter().for_each(|(one, other)| links.mend(*one, *other));
            sleep(every).await;
        }
        match (turned_away() - before, made() - made_before) {
            (0, 0) => Err("no connection was closed or turned away".into()),
            (away, made) => Ok(format!("{away} calls were turned away, {made} new connections were let through")),
        }
    }

    /// One after the other, as an operator does who moves machines: the others stay to be found.
    async fn move_away(&mut self, who: Who) -> Result<String, String> {
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

    /// Evidence: the dates in the nodes' own answers.
    async fn set_clocks(&mut self, clocks: &[(usize, i64)]) -> Result<String, String> {
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

    /// Waits until a node's clock is so many seconds from one that is right; dates are in whole seconds.
    async fn clock_shows(&self, node: usize, seconds: i64) -> Result<i64, String> {
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

    /// Evidence: nothing more could be written, and the node has ended.
    async fn fill_disk(&mut self, node: usize) -> Result<String, String> {
        self.strikes(vec![node], "disk full");
        let mut written = 0;
        if !self.is_spared() {
            let disk = self.disk.as_ref().ok_or("this story has no disk of its own")?;
            written = disk.fill().map_err(|error| format!("the disk cannot be filled: {error}"))?;
        }
        self.are_gone(&[node]).await?;
        // Nobody starts it again before there is room.
        self.network.nodes[node].order(Order::KillAndHold);
        self.away.push(node);
        Ok(format!("{written} bytes filled it; {} ended by itself", self.network.name_of(node)))
    }

    fn url(&self, node: usize) -> Option<String> {
        self.network.client(node).map(|client| client.url().to_owned())
    }

    async fn peers(&self, node: usize) -> Option<usize> {
        let status = self.network.client(node)?.status().await.ok()?;
        usize::try_from(status.peers).ok()
    }

    /// Undoes all that is broken; `for_good`: also if a sabotage says no.
    pub(super) async fn heal(&mut self, for_good: bool) {
        self.since = Instant::now();
        if self.plan.sabotage == Some(Sabotage::NoHeal) && !for_good {
            return;
        }
        if !for_good {
            self.record.with(|record| record.mark("heal".into(), false, self.since));
        }
        if let Some(links) = &self.launcher.links {
            links.heal();
            links.shape_all(|shape| *shape = self.scenario.wan.shape());
        }
        self.thaw();
        self.strangers.abort_all();
        self.untwin().await;
        drop(self.slow_disk.take());
        if let Some(disk) = &self.disk {
            disk.empty();
        }
        if self.scenario.needs.contains(&Need::Clocks) {
            // One that cannot be set back is found by the last checks.
            self.file.nodes.iter().for_each(|node| drop(machine::set_clock(&node.home, 0)));
        }
        for node in std::mem::take(&mut self.away) {
            self.network.nodes[node].order(Order::Start);
        }
    }

    /// What an operator does by hand.
    pub(super) async fn carry_out(&mut self, deed: Deed) -> Outcome {
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

    async fn start(&mut self, who: Who) -> Result<String, String> {
        let nodes = self.nodes_of(who).await;
        self.struck.clone_from(&nodes);
        self.begins(format!("start {}", self.names(&nodes)));
        nodes.iter().for_each(|node| self.network.nodes[*node].order(Order::Start));
        Ok(String::new())
    }

    /// As their owners would, each with its own node.
    async fn stake(&mut self, who: Who, coins: u64) -> Result<String, String> {
        let nodes = self.nodes_of(who).await;
        self.begins(format!("stake {coins} {}", self.names(&nodes)));
        for node in &nodes {
            let url = self.url(*node).ok_or_else(|| format!("{} does not run", self.network.name_of(*node)))?;
            self.program(*node, &["stake", &coins.to_string(), "--api", &url]).await?;
        }
        Ok(format!("{} BCC staked by each of {}", coins, self.names(&nodes)))
    }

    async fn await_blocks(&mut self, height: u64) -> Result<String, String> {
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

    /// The node program with these arguments, in this node's home.
    async fn program(&self, node: usize, arguments: &[&str]) -> Result<(), String> {
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

    /// Stops each, resets its guard against another node of the chain, starts it again: as the node itself says.
    async fn reset_guards(&mut self, who: Who) -> Result<String, String> {
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

/// As a person reads them.
pub(super) fn names_of(network: &Network, nodes: &[usize]) -> String {
    nodes.iter().map(|node| network.name_of(*node)).collect::<Vec<_>>().join(", ")
}
