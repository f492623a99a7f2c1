//! The processes of one story: four validators, the rest observers; each can be killed for good or started again.
//!
//! Owns: homes, ports, processes. Does not own: the claims. Always true: a node is started with exactly the
//! addresses that the caller names, and mDNS is off; every process has ended once this is dropped.

use super::look::{Look, NodeLook};
use crate::processes::homes::{self, Begin};
use crate::processes::launch::{Launcher, Running, StartFailed};
use crate::processes::network_file::NodeEntry;
use crate::processes::ports;
use anyhow::{Context, Result, bail};
use blockchat_client::Client;
use blockchat_proto::coins::Coins;
use blockchat_proto::keys::Address;
use futures::future::{join_all, try_join_all};
use std::path::{Path, PathBuf};
use std::time::Duration;

/// Validators of every story; three of them decide.
pub const VALIDATORS: usize = 4;
/// Number of attempts with other ports before a node is given up.
const PORTS_TRIES_MAX: u32 = 20;

/// One node, running or not.
struct Member {
    entry: NodeEntry,
    running: Option<Running>,
}

/// All nodes of a story.
pub struct Site {
    dir: PathBuf,
    launcher: Launcher,
    members: Vec<Member>,
}

impl std::fmt::Debug for Site {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Site").field("dir", &self.dir).field("members", &self.members.len()).finish_non_exhaustive()
    }
}

impl Site {
    /// Homes of `nodes` nodes below `dir`; none runs yet.
    pub fn prepare(node_bin: &Path, dir: &Path, nodes: usize, idle_block_interval: Duration) -> Result<Self> {
        let (fund, stake) = (Coins::from_bcc(1_000), Coins::from_bcc(10));
        let idle_block_interval_ms = Some(u64::try_from(idle_block_interval.as_millis())?);
        let begin = Begin { nodes: VALIDATORS, capacity: 5_000, fund, stake, idle_block_interval_ms };
        let validators = homes::create(node_bin, dir, &begin)?.homes;
        let launcher = Launcher::new(node_bin.to_owned());
        let mut site = Self { dir: dir.to_owned(), launcher, members: vec![] };
        for home in validators {
            site.add(home.name, home.home, home.address, home.peer_id)?;
        }
        while site.members.len() < nodes {
            site.add_observer()?;
        }
        Ok(site)
    }

    /// Adds a home with nothing but the genesis. Returns its index.
    pub fn add_observer(&mut self) -> Result<usize> {
        let name = format!("id{}", self.members.len());
        let home = self.dir.join(&name);
        std::fs::create_dir_all(&home).with_context(|| format!("cannot make {}", home.display()))?;
        let genesis = self.members[0].entry.home.join("genesis.json");
        std::fs::copy(&genesis, home.join("genesis.json"))
            .with_context(|| format!("cannot copy {}", genesis.display()))?;
        // An observer has no account, and makes its peer key when it starts.
        self.add(name, home, Address([0; 32]), String::new())
    }

    fn add(&mut self, name: String, home: PathBuf, address: Address, peer_id: String) -> Result<usize> {
        let chosen = ports::choose(2)?;
        let entry = NodeEntry { name, home, address, peer_id, api_port: chosen[0], p2p_port: chosen[1], pid: None };
        self.members.push(Member { entry, running: None });
        Ok(self.members.len() - 1)
    }

    /// The address for dialling this node.
    pub fn address(&self, index: usize) -> String {
        format!("/ip4/127.0.0.1/tcp/{}", self.members[index].entry.p2p_port)
    }

    /// Starts these nodes at once, with these addresses and no others, and waits until all answer.
    pub async fn start(&mut self, indexes: &[usize], peers: &[String]) -> Result<()> {
        // An empty list has to be said: the homes that `init` writes name each other.
        let peers = if peers.is_empty() { vec![String::new()] } else { peers.to_vec() };
        let launcher = &self.launcher;
        let chosen = self.members.iter_mut().enumerate().filter(|(index, _)| indexes.contains(index));
        try_join_all(chosen.map(|(_, member)| member.start(launcher, &peers))).await.map(drop)
    }

    /// Kills a node with -9.
    pub async fn kill(&mut self, index: usize) -> Result<()> {
        if let Some(mut running) = self.members[index].running.take() {
            running.kill().await.with_context(|| format!("cannot kill {}", self.members[index].entry.name))?;
        }
        Ok(())
    }

    /// Indexes of the running nodes.
    pub fn running(&self) -> Vec<usize> {
        (0..self.members.len()).filter(|index| self.members[*index].running.is_some()).collect()
    }

    /// The answers of every running node.
    pub async fn look(&self) -> Result<Look, String> {
        let asked = self.members.iter().filter_map(|member| Some((&member.entry, member.running.as_ref()?)));
        let looks = join_all(asked.map(|(entry, running)| NodeLook::take(entry.name.clone(), &running.client))).await;
        looks.into_iter().collect::<Result<_, _>>().map(Look)
    }

    /// The clients of all running nodes.
    pub fn clients(&self) -> Vec<Client> {
        self.members.iter().filter_map(|member| Some(member.running.as_ref()?.client.clone())).collect()
    }

    /// The book on the disk of the node with this name, as text in which peer ids stand as they are.
    pub fn book(&self, name: &str) -> String {
        let member = self.members.iter().find(|member| member.entry.name == name);
        let book = member.and_then(|member| std::fs::read(member.entry.home.join("data").join("peers.cbor")).ok());
        String::from_utf8_lossy(&book.unwrap_or_default()).into_owned()
    }
}

impl Member {
    async fn start(&mut self, launcher: &Launcher, peers: &[String]) -> Result<()> {
        for _ in 0..PORTS_TRIES_MAX {
            match launcher.start(&self.entry, peers).await {
                Ok(running) => {
                    self.running = Some(running);
                    return Ok(());
                }
                Err(StartFailed::PortTaken { .. }) => {
                    let chosen = ports::choose(2)?;
                    (self.entry.api_port, self.entry.p2p_port) = (chosen[0], chosen[1]);
                }
                Err(other) => return Err(other.into()),
            }
        }
        bail!("no free ports for {}", self.entry.name)
    }
}
