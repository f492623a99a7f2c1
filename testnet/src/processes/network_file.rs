//! `network.json` in the folder of a network: its nodes and their addresses, for `start`, `stop`, `status`.
//!
//! Always true: the file is replaced in one step, so a reader sees the old or the new one; a writer holds the folder's
//! lock.

use super::homes::Home;
use anyhow::{Context, Result, bail};
use blockchat_host::{path_json, text, whole_file};
use blockchat_proto::keys::Address;
use rustix::fs::{FlockOperation, flock};
use serde::{Deserialize, Serialize};
use std::fs::File;
use std::path::{Path, PathBuf};

/// Maximum size of the file, in bytes: thousands of nodes.
const FILE_BYTES_MAX: u64 = 16 * 1024 * 1024;

/// The name that stands for every node.
pub const ALL: &str = "all";

/// A network made by `up`.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct NetworkFile {
    /// Its node program.
    #[serde(with = "path_json::exact")]
    pub node_bin: PathBuf,
    /// Its nodes, `id0` first.
    pub nodes: Vec<NodeEntry>,
}

/// One node of a network.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct NodeEntry {
    /// `idN`.
    pub name: String,
    /// Its folder.
    #[serde(with = "path_json::exact")]
    pub home: PathBuf,
    /// The account of its validator key.
    pub address: Address,
    /// Its libp2p identity.
    pub peer_id: String,
    /// Port of its HTTP API on 127.0.0.1.
    pub api_port: u16,
    /// Port for its peers, on 127.0.0.1.
    pub p2p_port: u16,
    /// Its process, while it runs.
    pub pid: Option<u32>,
}

impl NodeEntry {
    /// Its address for peers.
    pub fn multiaddr(&self) -> String {
        format!("/ip4/127.0.0.1/tcp/{}/p2p/{}", self.p2p_port, self.peer_id)
    }
}

impl NetworkFile {
    /// A network of new homes: none runs, and ports are not chosen yet.
    pub fn of(node_bin: PathBuf, homes: Vec<Home>) -> Self {
        let entry = |Home { name, home, address, peer_id }| NodeEntry {
            name,
            home,
            address,
            peer_id,
            api_port: 0,
            p2p_port: 0,
            pid: None,
        };
        Self { node_bin, nodes: homes.into_iter().map(entry).collect() }
    }

    /// Does `dir` hold a network?
    pub fn is_in(dir: &Path) -> bool {
        file_in(dir).is_file()
    }

    /// Reads the file of the network in `dir`.
    pub fn read(dir: &Path) -> Result<Self> {
        let path = file_in(dir);
        let text = text::read(&path, FILE_BYTES_MAX).with_context(|| {
            format!(
                "no network in {}: {} cannot be read\nMake one with: blockchat-testnet up --keep-running --dir {}",
                dir.display(),
                path.display(),
                dir.display()
            )
        })?;
        serde_json::from_str(&text).with_context(|| format!("{} is damaged", path.display()))
    }

    /// Replaces the file of the network in `dir`.
    pub fn write(&self, dir: &Path) -> Result<()> {
        let path = file_in(dir);
        let text = serde_json::to_string_pretty(self)? + "\n";
        whole_file::replace(&path, text.as_bytes()).with_context(|| format!("cannot write {}", path.display()))
    }

    /// The addresses given to node `index`: those of the next two nodes, in a circle.
    pub fn peers_of(&self, index: usize) -> Vec<String> {
        let count = self.nodes.len();
        let next = (1..=2).map(|step| (index + step) % count).filter(|other| *other != index);
        let mut peers: Vec<_> = next.map(|other| self.nodes[other].multiaddr()).collect();
        peers.dedup();
        peers
    }

    /// Indexes of the named nodes; `all` stands for every node.
    pub fn indexes_of(&self, names: &[String]) -> Result<Vec<usize>> {
        if names.iter().any(|name| name == ALL) {
            return Ok((0..self.nodes.len()).collect());
        }
        names.iter().map(|name| self.index_of(name)).collect()
    }

    /// Index of the node with this name.
    pub fn index_of(&self, name: &str) -> Result<usize> {
        match self.nodes.iter().position(|node| node.name == name) {
            Some(index) => Ok(index),
            None => {
                let names: Vec<_> = self.nodes.iter().map(|node| node.name.as_str()).collect();
                bail!("there is no node {name}; there are {}", names.join(", "))
            }
        }
    }
}

fn file_in(dir: &Path) -> PathBuf {
    dir.join("network.json")
}

/// Keeps other `start` and `stop` commands waiting while it lives.
#[derive(Debug)]
pub struct FolderLock(#[expect(dead_code, reason = "held for its lock, which ends with it")] File);

impl FolderLock {
    /// Waits for the lock of this network.
    pub fn take(dir: &Path) -> Result<Self> {
        let path = dir.join("network.lock");
        let file = File::create(&path).with_context(|| format!("cannot write {}", path.display()))?;
        flock(&file, FlockOperation::LockExclusive).with_context(|| format!("cannot lock {}", path.display()))?;
        Ok(Self(file))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn network(count: u16) -> NetworkFile {
        let node = |n: u16| NodeEntry {
            name: format!("id{n}"),
            home: PathBuf::from(format!("/net/id{n}")),
            address: Address([0; 32]),
            peer_id: format!("P{n}"),
            api_port: 100 + n,
            p2p_port: 200 + n,
            pid: None,
        };
        NetworkFile { node_bin: "node".into(), nodes: (0..count).map(node).collect() }
    }

    #[test]
    fn each_node_knows_the_next_two_around_the_table() {
        let addresses = |n: u16| format!("/ip4/127.0.0.1/tcp/{}/p2p/P{n}", 200 + n);
        assert_eq!(network(5).peers_of(3), [addresses(4), addresses(0)]);
        assert_eq!(network(2).peers_of(0), [addresses(1)]);
        assert!(network(1).peers_of(0).is_empty());
    }

    #[test]
    fn the_file_survives_a_round_trip_and_unknown_names_are_explained() {
        let dir = tempfile::tempdir().unwrap();
        let _lock = FolderLock::take(dir.path()).unwrap();
        network(3).write(dir.path()).unwrap();
        let read = NetworkFile::read(dir.path()).unwrap();
        assert_eq!(read.index_of("id2").unwrap(), 2);
        assert!(read.index_of("id3").unwrap_err().to_string().contains("id0, id1, id2"));
    }

    #[test]
    fn a_folder_without_a_network_says_how_to_make_one() {
        let refused = NetworkFile::read(Path::new("/nowhere")).unwrap_err().to_string();
        assert!(refused.contains("up --keep-running"), "{refused}");
    }
}
