//! A fresh network for a measurement: its homes, its genesis with the load accounts, its processes.
//!
//! Always true: every process is gone when a [`Cluster`] is dropped. Nothing is started again by itself: a node that dies
//! spoils the measurement.

use super::supply::Accounts;
use crate::links::shape::Wan;
use crate::processes::homes::{self, Begin};
use crate::processes::launch::{Launcher, Running, StartFailed};
use crate::processes::network_file::NetworkFile;
use crate::processes::{logs, stop, supervise};
use anyhow::{Context, Result};
use blockchat_client::Client;
use blockchat_proto::coins::Coins;
use blockchat_proto::genesis::{Genesis, Parameters, VerifiedGenesis};
use futures::future::try_join_all;
use std::fs::{self, OpenOptions};
use std::io::Write;
use std::path::{Path, PathBuf};
use std::time::Duration;
use tokio::time::{sleep, timeout};

/// An orderly stop that takes longer is cut short.
const STOP_WITHIN: Duration = Duration::from_secs(10);
/// How often nodes are asked whether they take part.
const ASK_EVERY: Duration = Duration::from_millis(20);
/// Coins of each validator, and how many of them are staked.
const VALIDATOR: (Coins, Coins) = (Coins::from_bcc(1_000), Coins::from_bcc(100));
/// The line a node logs at each sync point, if asked to.
const SYNC_POINT: &str = "signed and synced";
/// Added to a node's configuration so that it does.
const LOG: &str = "\n[log]\nfilter = \"info,blockchat_node::runtime::perform=debug\"\n";

/// The configuration of a network.
#[derive(Clone, Debug)]
pub struct Plan {
    /// The node program.
    pub node_bin: PathBuf,
    /// Validators.
    pub nodes: usize,
    /// Transactions a block.
    pub capacity: u32,
    /// Of the genesis, in ms; nothing for the default.
    pub block_interval_ms: Option<u64>,
    /// Of every link.
    pub wan: Wan,
}

impl Plan {
    /// The least time of a transaction over links with a delay.
    pub fn five_delays_and_interval_ms(&self) -> Option<u64> {
        let interval = self.block_interval_ms.unwrap_or(Parameters::default().block_interval_ms);
        self.wan.delay_ms.map(|delay| 5 * delay.ms + interval)
    }

    fn launcher(&self, file: &NetworkFile) -> Result<Launcher> {
        let launcher = Launcher::new(self.node_bin.clone());
        if !self.wan.is_some() {
            return Ok(launcher);
        }
        let launcher = launcher.over_links(file)?;
        launcher.links.iter().for_each(|links| links.shape_all(|shape| *shape = self.wan.shape()));
        Ok(launcher)
    }
}

/// The processes of a network, `id0` first.
#[derive(Debug)]
pub struct Cluster {
    /// The genesis and keys of a network.
    pub genesis: VerifiedGenesis,
    file: NetworkFile,
    launcher: Launcher,
    running: Vec<Option<Running>>,
}

impl Cluster {
    /// Writes homes below `dir`, and starts all nodes; returns once every node takes part.
    pub async fn start(plan: &Plan, dir: &Path, accounts: &Accounts) -> Result<Self> {
        let (genesis, file) = prepare(plan, dir, accounts)?;
        let launcher = plan.launcher(&file)?;
        let mut cluster = Self { genesis, file, launcher, running: vec![] };
        cluster.running = cluster.start_all().await?.into_iter().map(Some).collect();
        for node in 0..plan.nodes {
            cluster.takes_part(node).await;
        }
        Ok(cluster)
    }

    /// Ports may be taken by others: then all start anew, because their peers' addresses change.
    async fn start_all(&mut self) -> Result<Vec<Running>> {
        loop {
            supervise::choose_ports(&mut self.file)?;
            let starts = self.file.nodes.iter().enumerate().map(|(index, entry)| {
                let (launcher, peers) = (&self.launcher, self.launcher.peers_of(&self.file, index));
                async move { launcher.start(entry, &peers).await }
            });
            match try_join_all(starts).await {
                Ok(running) => return Ok(running),
                Err(StartFailed::PortTaken { .. }) => {}
                Err(other) => return Err(other.into()),
            }
        }
    }

    /// How many.
    pub fn len(&self) -> usize {
        self.file.nodes.len()
    }

    /// Never true.
    pub fn is_empty(&self) -> bool {
        self.file.nodes.is_empty()
    }

    /// `idN`.
    pub fn name(&self, node: usize) -> &str {
        &self.file.nodes[node].name
    }

    /// How to talk to a node.
    pub fn client(&self, node: usize) -> Client {
        self.launcher.connections.to_port(self.file.nodes[node].api_port)
    }

    /// How to talk to each node.
    pub fn clients(&self) -> Vec<Client> {
        (0..self.len()).map(|node| self.client(node)).collect()
    }

    /// The process of a node.
    pub fn pid(&self, node: usize) -> Option<u32> {
        self.running[node].as_ref().map(|running| running.pid)
    }

    /// Why a node is not running any more, if one is not.
    pub fn death(&mut self) -> Option<String> {
        let dead = self.running.iter_mut().position(|node| node.as_mut().is_some_and(Running::has_ended))?;
        Some(format!("{} has died; {}", self.name(dead), logs::tail(&self.file.nodes[dead].home)))
    }

    /// Waits until a node takes part.
    pub async fn takes_part(&self, node: usize) {
        while self.client(node).ready().await.is_err() {
            sleep(ASK_EVERY).await;
        }
    }

    /// Kills a node outright, as a power cut would, and waits until it is gone.
    pub async fn kill(&mut self, node: usize) -> Result<()> {
        if let Some(mut running) = self.running[node].take() {
            running.kill().await.context("cannot kill a node")?;
        }
        Ok(())
    }

    /// Starts a node again; returns as soon as it answers.
    pub async fn start_again(&mut self, node: usize) -> Result<()> {
        let running = self.launcher.start(&self.file.nodes[node], &self.launcher.peers_of(&self.file, node)).await?;
        self.running[node] = Some(running);
        Ok(())
    }

    /// Stops all in order.
    pub async fn stop(mut self) {
        let running: Vec<_> = self.running.iter_mut().filter_map(Option::take).collect();
        running.iter().for_each(|node| drop(stop::ask_to_end(node.pid)));
        for mut node in running {
            // A process that takes longer is killed by being dropped.
            let _ = timeout(STOP_WITHIN, node.wait()).await;
        }
    }

    /// Sync points a node has logged so far.
    pub fn sync_points(&self, node: usize) -> u64 {
        let text = fs::read_to_string(logs::path(&self.file.nodes[node].home)).unwrap_or_default();
        u64::try_from(text.matches(SYNC_POINT).count()).unwrap_or(u64::MAX)
    }

    /// Length of a node's store, in bytes.
    pub fn store_bytes(&self, node: usize) -> u64 {
        let store = self.file.nodes[node].home.join("data").join("store.redb");
        fs::metadata(store).map_or(0, |found| found.len())
    }
}

fn prepare(plan: &Plan, dir: &Path, accounts: &Accounts) -> Result<(VerifiedGenesis, NetworkFile)> {
    let (fund, stake) = VALIDATOR;
    let begin = Begin { nodes: plan.nodes, capacity: plan.capacity, fund, stake, idle_block_interval_ms: None };
    let homes = homes::create(&plan.node_bin, dir, &begin)?.homes;
    let genesis = widened(homes::genesis(&homes[0].home)?.genesis().clone(), plan, accounts)?;
    let text = serde_json::to_string(genesis.genesis())? + "\n";
    for home in &homes {
        let path = home.home.join("genesis.json");
        fs::write(&path, &text).with_context(|| format!("cannot write {}", path.display()))?;
        let path = home.home.join("config.toml");
        let config = OpenOptions::new().append(true).open(&path);
        let written = config.and_then(|mut config| config.write_all(LOG.as_bytes()));
        written.with_context(|| format!("cannot write {}", path.display()))?;
    }
    Ok((genesis, NetworkFile::of(plan.node_bin.clone(), homes)))
}

/// The genesis of `init` with the load accounts in it.
fn widened(mut genesis: Genesis, plan: &Plan, accounts: &Accounts) -> Result<VerifiedGenesis> {
    genesis.accounts.extend(accounts.funded());
    genesis.accounts.sort_by_key(|account| account.address);
    if let Some(interval) = plan.block_interval_ms {
        genesis.parameters.block_interval_ms = interval;
    }
    genesis.verify().context("the genesis with the load accounts is refused")
}
