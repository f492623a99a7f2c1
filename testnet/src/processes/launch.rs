//! Starts one node process and waits until it answers.
//!
//! Always true: a dropped [`Running`] kills its process, unless it was released; an error contains the last lines of
//! the node's log.

use super::network_file::{NetworkFile, NodeEntry};
use super::{logs, node_bin, ports};
use crate::links::Links;
use anyhow::{Context, Result};
use blockchat_client::{Client, Connections};
use serde::Deserialize;
use std::collections::BTreeMap;
use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::process::{ExitStatus, Stdio};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};
use tokio::process::{Child, Command};
use tokio::time::sleep;

/// Timeout of a start: the node opens its store, which may be large.
const READY_WITHIN: Duration = Duration::from_secs(120);
/// Interval between looks for the ready file.
const LOOK_EVERY: Duration = Duration::from_millis(10);

/// Interval between looks at a killed process, and their number.
const GONE_LOOK_EVERY: Duration = Duration::from_millis(2);
/// A second, if the system is that busy.
const GONE_LOOKS_MAX: u32 = 500;

/// Timeout of a request to a node.
const CALL_WITHIN: Duration = Duration::from_secs(10);

/// State that all clients of a run share.
pub fn connections() -> Connections {
    Connections::new(CALL_WITHIN)
}

/// Options for starting nodes.
#[derive(Clone, Debug)]
pub struct Launcher {
    /// The node program.
    pub node_bin: PathBuf,
    /// Do the nodes outlive this program?
    pub detached: bool,
    /// Connections for their clients.
    pub connections: Connections,
    /// The links between them, if this program owns them.
    pub links: Option<Arc<Links>>,
    /// Additions for single nodes, by name; may change between starts.
    pub surroundings: Arc<Mutex<BTreeMap<String, Surroundings>>>,
}

/// Additions for the start of one node.
#[derive(Clone, Debug, Default)]
pub struct Surroundings {
    /// Environment variables.
    pub environment: Vec<(OsString, OsString)>,
    /// Command prefix, such as one that gives it a separate disk; empty for none.
    pub wrapper: Vec<OsString>,
    /// Start without addresses: it finds the others by itself.
    pub alone: bool,
    /// It has its own host: it listens on all interfaces there, and answers multicast.
    pub own_host: bool,
}

/// A process that became ready.
#[derive(Debug)]
pub struct Running {
    child: Option<Child>,
    /// Its process id.
    pub pid: u32,
    /// Its API client.
    pub client: Client,
}

/// Reasons why a node did not become ready.
#[derive(Debug, thiserror::Error)]
pub enum StartFailed {
    /// One of its ports is taken: choose others and start again.
    #[error("port {port} of {name} is taken by another program")]
    PortTaken {
        /// The node.
        name: String,
        /// The port.
        port: u16,
    },
    /// It ended.
    #[error("{name} ended {seconds:.1} s after its start ({status}); {tail}")]
    Ended {
        /// The node.
        name: String,
        /// The moment.
        seconds: f32,
        /// Its exit status.
        status: ExitStatus,
        /// The last lines of its log.
        tail: String,
    },
    /// It runs, but does not become ready.
    #[error("{name} is not ready after {} s; {tail}", READY_WITHIN.as_secs())]
    Silent {
        /// The node.
        name: String,
        /// The last lines of its log.
        tail: String,
    },
    /// The system refused to start it.
    #[error("{0:#}")]
    NotStarted(anyhow::Error),
}

/// The content of a node's ready file.
#[derive(Debug, Deserialize)]
struct ReadyFile {
    pid: u32,
}

impl Launcher {
    /// For nodes that end with this program, with direct connections.
    pub fn new(node_bin: PathBuf) -> Self {
        let surroundings = Arc::default();
        Self { node_bin, detached: false, connections: connections(), links: None, surroundings }
    }

    /// The same nodes over links of this shape, in a network that is private to them.
    ///
    /// Errors: the links cannot listen.
    pub fn over_links(self, file: &NetworkFile) -> Result<Self> {
        let ids = file.nodes.iter().map(|node| node.peer_id.clone()).collect();
        let links = Links::start(ids).context("cannot listen for the links between the nodes")?;
        Ok(Self { links: Some(Arc::new(links)), ..self })
    }

    /// The addresses given to this node of the file.
    pub fn peers_of(&self, file: &NetworkFile, index: usize) -> Vec<String> {
        match &self.links {
            Some(links) => links.peers_of(&file.nodes[index].peer_id),
            None => file.peers_of(index),
        }
    }

    /// Changes the additions for the next start of the node with this name.
    pub fn surround(&self, name: &str, change: impl FnOnce(&mut Surroundings)) {
        let mut all = self.surroundings.lock().unwrap_or_else(PoisonError::into_inner);
        change(all.entry(name.to_owned()).or_default());
    }

    fn surroundings_of(&self, name: &str) -> Surroundings {
        let all = self.surroundings.lock().unwrap_or_else(PoisonError::into_inner);
        all.get(name).cloned().unwrap_or_default()
    }

    /// Starts a node and waits until its API answers.
    pub async fn start(&self, entry: &NodeEntry, peers: &[String]) -> Result<Running, StartFailed> {
        let begun = Instant::now();
        let mut running = self.spawn(entry, peers).map_err(StartFailed::NotStarted)?;
        let ready = ready_file(&entry.home);
        while begun.elapsed() < READY_WITHIN {
            if let Some(status) = running.ended() {
                return Err(ended(entry, status, begun));
            }
            if says_ready(&ready, running.pid) && running.client.status().await.is_ok() {
                return Ok(running);
            }
            sleep(LOOK_EVERY).await;
        }
        Err(StartFailed::Silent { name: entry.name.clone(), tail: logs::tail(&entry.home) })
    }

    fn spawn(&self, entry: &NodeEntry, peers: &[String]) -> Result<Running> {
        let ready = ready_file(&entry.home);
        let _ = std::fs::remove_file(&ready);
        let log = logs::open(&entry.home).with_context(|| format!("cannot write the log of {}", entry.name))?;
        let surroundings = self.surroundings_of(&entry.name);
        let mut command = self.become_node_command(&surroundings)?;
        command.arg("run").arg("--home").arg(&entry.home).arg("--ready-file").arg(&ready);
        command.args(["--api", &format!("127.0.0.1:{}", entry.api_port)]);
        let (interface, mdns) = if surroundings.own_host { ("0.0.0.0", "on") } else { ("127.0.0.1", "off") };
        command.args(["--listen", &format!("/ip4/{interface}/tcp/{}", entry.p2p_port), "--mdns", mdns]);
        if let Some(links) = &self.links {
            links.aim(&entry.peer_id, entry.p2p_port);
            command.args(["--only-peers", "--announce", "none"]);
        }
        // An empty list has to be said: the homes that `init` writes name each other.
        let nobody = [String::new()];
        let peers: &[String] = if surroundings.alone { &nobody } else { peers };
        peers.iter().for_each(|peer| _ = command.args(["--peer", peer]));
        command.stdin(Stdio::null()).stdout(log.try_clone()?).stderr(log);
        if !self.detached {
            // Ctrl-C in the terminal is for us alone: we stop the nodes. A detached node leaves the terminal itself.
            command.process_group(0);
        }
        let child = command.spawn().with_context(|| format!("cannot start {}", entry.name))?;
        let pid = child.id().context("the process ended at once")?;
        let client = self.connections.to_port(entry.api_port);
        Ok(Running { child: Some(child), pid, client })
    }

    /// This program again, which then becomes the node: see `exec_node`.
    fn become_node_command(&self, surroundings: &Surroundings) -> Result<Command> {
        let own = std::env::current_exe().context("cannot find this program's own file")?;
        let mut words = surroundings.wrapper.iter().cloned().chain([own.into_os_string()]);
        let mut command = std::process::Command::new(words.next().context("this program has a name")?);
        command.args(words);
        node_bin::clear_environment(&mut command);
        command.envs(surroundings.environment.iter().cloned());
        command.arg("exec-node");
        if self.detached {
            command.arg("--detach");
        } else {
            command.args(["--parent", &std::process::id().to_string()]);
        }
        command.arg("--").arg(&self.node_bin);
        Ok(command.into())
    }
}

fn ready_file(home: &Path) -> PathBuf {
    home.join("ready.json")
}

/// A ready file of an earlier process does not count.
fn says_ready(path: &Path, pid: u32) -> bool {
    let read = std::fs::read(path).ok().and_then(|bytes| serde_json::from_slice::<ReadyFile>(&bytes).ok());
    read.is_some_and(|ready| ready.pid == pid)
}

fn ended(entry: &NodeEntry, status: ExitStatus, begun: Instant) -> StartFailed {
    let name = entry.name.clone();
    match [entry.api_port, entry.p2p_port].into_iter().find(|port| !ports::is_free(*port)) {
        Some(port) => StartFailed::PortTaken { name, port },
        None => {
            let seconds = begun.elapsed().as_secs_f32();
            StartFailed::Ended { name, seconds, status, tail: logs::tail(&entry.home) }
        }
    }
}

impl Running {
    /// Waits until the process ends.
    pub async fn wait(&mut self) -> std::io::Result<ExitStatus> {
        self.child.as_mut().expect("only `let_go` takes the child, and consumes").wait().await
    }

    /// Kills it as a power cut would, and waits until it is gone.
    pub async fn kill(&mut self) -> std::io::Result<()> {
        self.child.as_mut().expect("only `let_go` takes the child, and consumes").kill().await
    }

    /// Releases it: it outlives this program.
    pub fn let_go(mut self) {
        // Dropping a tokio child does not kill it unless asked to.
        drop(self.child.take());
    }

    /// Has the process ended?
    pub fn has_ended(&mut self) -> bool {
        self.ended().is_some()
    }

    fn ended(&mut self) -> Option<ExitStatus> {
        self.child.as_mut().and_then(|child| child.try_wait().ok().flatten())
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        let Some(child) = &mut self.child else {
            return;
        };
        let _ = child.start_kill();
        // Gone in a moment: then nothing writes to its home any more, which may be removed next.
        for _ in 0..GONE_LOOKS_MAX {
            if !matches!(child.try_wait(), Ok(None)) {
                return;
            }
            std::thread::sleep(GONE_LOOK_EVERY);
        }
    }
}
