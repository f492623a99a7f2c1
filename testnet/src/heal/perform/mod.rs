//! Breaking and healing: what each fault does, and the proof that it took hold.
//!
//! Always true: a fault returns measured evidence, never a mere "done"; under sabotage there is no evidence.
//! Map: `processes`, `links`, `hosts`, `deeds`, by the target; [`Stage::break_it`] and [`Stage::heal`] are here.

mod deeds;
mod hosts;
mod links;
mod processes;

use super::machine;
use super::scenario::{InjectedFault, Need, Who};
use super::stage::{LOOK_EVERY, Sabotage, Stage};
use crate::network::Network;
use crate::processes::supervise::Order;
use std::time::{Duration, Instant};
use tokio::time::sleep;

/// Maximum time until a fault shows effect, multiplied by the patience.
const PROOF_WITHIN: Duration = Duration::from_secs(15);

impl Stage<'_> {
    /// The chosen nodes at this moment.
    pub(in crate::heal) async fn nodes_of(&self, who: Who) -> Vec<usize> {
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

    /// Nodes that run or are on their way back: all except those away until the heal, and spares that have not
    /// started.
    pub(in crate::heal) fn present(&self) -> Vec<usize> {
        self.all().filter(|node| !self.away.contains(node) && !self.idle.contains(node)).collect()
    }

    /// The leader according to the node that is ahead of all others.
    async fn leader(&self) -> usize {
        loop {
            if let Some(leader) = self.network.leader(&self.network.statuses().await) {
                return leader;
            }
            sleep(LOOK_EVERY).await;
        }
    }

    /// Applies a fault. Returns the evidence that it took hold, or the reason why it did not.
    pub(in crate::heal) async fn break_it(&mut self, fault: &InjectedFault) -> Result<String, String> {
        self.words_before =
            self.record.with(|record| record.tracks.iter().map(|track| track.first_words.len()).collect());
        match fault {
            InjectedFault::Kill(who) => self.take_away(*who, Order::KillAndHold, "kill -9").await,
            InjectedFault::Stop(who) => self.take_away(*who, Order::StopAndHold, "stop").await,
            InjectedFault::WipeData(who) => self.wipe(*who, &["data"]).await,
            InjectedFault::WipeDataAndGuard(who) => self.wipe(*who, &["data", "keys/guard"]).await,
            InjectedFault::Partition(sizes) => self.partition(sizes).await,
            InjectedFault::Mute(last) => self.mute(*last).await,
            InjectedFault::HalfOpen(last) => self.half_open(*last).await,
            InjectedFault::Flap { last, every, times } => self.flap(*last, *every, *times).await,
            InjectedFault::Move(who) => self.move_away(*who).await,
            InjectedFault::Unplug(last) => self.unplug(*last).await,
            InjectedFault::Renumber => self.renumber().await,
            InjectedFault::Clocks(clocks) => self.set_clocks(clocks).await,
            InjectedFault::FillDisk(node) => self.fill_disk(*node).await,
            InjectedFault::SlowDisk(node) => self.slow_disk(*node).await,
            InjectedFault::Twin(node) => self.twin(*node).await,
            InjectedFault::Freeze(who) => {
                let nodes = self.nodes_of(*who).await;
                self.freeze(nodes).await
            }
            InjectedFault::Flood => self.flood().await,
        }
    }

    /// Sabotage: the fault is not applied, so there will be no evidence.
    pub(in crate::heal) fn is_spared(&self) -> bool {
        self.plan.sabotage == Some(Sabotage::NoFault)
    }

    pub(in crate::heal) fn strikes(&mut self, nodes: Vec<usize>, what: &str) {
        let names: Vec<_> = nodes.iter().map(|node| self.network.name_of(*node)).collect();
        self.since = Instant::now();
        self.struck = nodes;
        self.record.with(|record| record.mark(format!("{what} {}", names.join(" ")), true, self.since));
    }

    fn names(&self, nodes: &[usize]) -> String {
        names_of(&self.network, nodes)
    }

    /// Waits for the evidence of a fault.
    fn proof_within(&self) -> Duration {
        self.plan.patience.min(PROOF_WITHIN)
    }

    fn url(&self, node: usize) -> Option<String> {
        self.network.client(node).map(|client| client.url().to_owned())
    }

    async fn peers(&self, node: usize) -> Option<usize> {
        let status = self.network.client(node)?.status().await.ok()?;
        usize::try_from(status.peers).ok()
    }

    /// Heals all faults; `for_good`: even if a sabotage forbids it.
    pub(in crate::heal) async fn heal(&mut self, for_good: bool) {
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
        if let Some(hosts) = &self.hosts {
            // One that cannot be plugged in is found by the last checks.
            self.all().for_each(|host| drop(hosts.plug_in(host)));
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
}

/// The names of nodes, for people.
pub(in crate::heal) fn names_of(network: &Network, nodes: &[usize]) -> String {
    nodes.iter().map(|node| network.name_of(*node)).collect::<Vec<_>>().join(", ")
}
