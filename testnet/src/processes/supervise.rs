//! Keeps one node running: a process that ends by itself is restarted after [`RESTART_AFTER`]; a killed or stopped one
//! stays away until the next order.
//!
//! Owns: the process, its restarts, and its state for all others. Does not own: the reason of a kill (`faults`,
//! `heal`). One task per node; it ends on [`Order::End`] or [`Order::LetGo`], or when the node cannot start any
//! more.

use super::launch::{Launcher, Running, StartFailed};
use super::network_file::{NetworkFile, NodeEntry};
use super::{logs, ports, stop};
use crate::screen::Screen;
use blockchat_client::Client;
use std::time::{Duration, Instant};
use tokio::sync::{mpsc, watch};
use tokio::time::{sleep, sleep_until, timeout};

/// Time between the end of a process and its next start.
pub const RESTART_AFTER: Duration = Duration::from_secs(3);
/// Maximum number of failed starts in a row.
const FAILED_STARTS_MAX: u32 = 5;
/// A process that ends by itself sooner than this counts as a failed start.
const HEALTHY_AFTER: Duration = Duration::from_secs(30);
/// Queue of orders: longer than ever needed while a node starts.
const ORDERS_MAX: usize = 16;
/// Maximum duration of a normal shutdown; after it, the process is killed.
const STOP_WITHIN: Duration = Duration::from_secs(10);

/// State of a node's process.
#[derive(Clone, Debug)]
pub enum NodeState {
    /// It answers.
    Up {
        /// 0 for the first start, 1 for the first restart.
        generation: u32,
        /// Its process id.
        pid: u32,
        /// Its client.
        client: Client,
    },
    /// It has ended, and will be restarted.
    Down,
    /// It cannot be started, for this reason.
    Failed(String),
    /// It has ended normally, or was released.
    Ended,
}

/// Orders for a supervised node.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Order {
    /// `kill -9`; it stays away until [`Order::Start`].
    KillAndHold,
    /// Normal shutdown; it stays away until [`Order::Start`].
    StopAndHold,
    /// Start it now, if it is away.
    Start,
    /// Start it now, on ports that it never had.
    StartElsewhere,
    /// Normal shutdown for good.
    End,
    /// Release it: it keeps running without supervision.
    LetGo,
}

/// A view of one supervised node. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Watched {
    /// Changes with the process.
    pub state: watch::Receiver<NodeState>,
}

impl Watched {
    /// Number of the running start, if any.
    pub fn generation(&self) -> Option<u32> {
        match &*self.state.borrow() {
            NodeState::Up { generation, .. } => Some(*generation),
            _ => None,
        }
    }

    /// Its client, if it runs.
    pub fn client(&self) -> Option<Client> {
        match &*self.state.borrow() {
            NodeState::Up { client, .. } => Some(client.clone()),
            _ => None,
        }
    }

    /// The reason why it cannot run any more, if there is one.
    pub fn failure(&self) -> Option<String> {
        match &*self.state.borrow() {
            NodeState::Failed(reason) => Some(reason.clone()),
            _ => None,
        }
    }
}

/// A supervised node.
#[derive(Debug)]
pub struct Supervised {
    /// Its identity and addresses; its ports change if another program took them while it was down.
    pub entry: NodeEntry,
    /// The peers that it dials.
    pub peers: Vec<String>,
    /// Its start command.
    pub launcher: Launcher,
    /// Output for people.
    pub screen: Screen,
}

/// The handle of a supervised node.
#[derive(Debug)]
pub struct NodeHandle {
    /// Its state.
    pub watched: Watched,
    orders: mpsc::Sender<Order>,
    task: tokio::task::JoinHandle<NodeEntry>,
}

impl NodeHandle {
    /// A node that waits for [`Order::Start`].
    pub fn waiting(entry: NodeEntry, peers: Vec<String>, launcher: &Launcher, screen: &Screen) -> Self {
        let supervised = Supervised { entry, peers, launcher: launcher.clone(), screen: screen.clone() };
        supervised.watch(None)
    }

    /// Gives an order. No error if the node is already down.
    pub fn order(&self, order: Order) {
        // Full means that orders wait already; closed that the node has ended.
        let _ = self.orders.try_send(order);
    }

    /// Waits until the supervision has ended. Returns the final entry of the node.
    pub async fn join(self) -> Option<NodeEntry> {
        self.task.await.ok()
    }
}

/// Starts all nodes at once, on free ports. Returns once all answer.
pub async fn start_all(
    file: &mut NetworkFile,
    launcher: &Launcher,
    screen: &Screen,
) -> anyhow::Result<Vec<NodeHandle>> {
    loop {
        let starts = file.nodes.iter().enumerate().map(|(index, entry)| {
            let peers = launcher.peers_of(file, index);
            async move { launcher.start(entry, &peers).await }
        });
        match futures::future::try_join_all(starts).await {
            Ok(running) => {
                let nodes = running.into_iter().enumerate();
                return Ok(nodes.map(|(index, running)| supervise(file, index, running, launcher, screen)).collect());
            }
            // The others were dropped, hence killed. Their peers' addresses change, so all start anew.
            Err(StartFailed::PortTaken { name, port }) => {
                screen.note(&format!("port {port} of {name} is taken: choosing other ports"));
                choose_ports(file)?;
            }
            Err(other) => return Err(other.into()),
        }
    }
}

/// Gives every node two free ports.
pub fn choose_ports(file: &mut NetworkFile) -> anyhow::Result<()> {
    let chosen = ports::choose(2 * file.nodes.len())?;
    for (node, pair) in file.nodes.iter_mut().zip(chosen.chunks_exact(2)) {
        (node.api_port, node.p2p_port) = (pair[0], pair[1]);
    }
    Ok(())
}

fn supervise(
    file: &mut NetworkFile,
    index: usize,
    running: Running,
    launcher: &Launcher,
    screen: &Screen,
) -> NodeHandle {
    file.nodes[index].pid = Some(running.pid);
    let peers = launcher.peers_of(file, index);
    let (entry, launcher, screen) = (file.nodes[index].clone(), launcher.clone(), screen.clone());
    Supervised { entry, peers, launcher, screen }.watch(Some(running))
}

fn up(generation: u32, running: &Running) -> NodeState {
    NodeState::Up { generation, pid: running.pid, client: running.client.clone() }
}

impl Supervised {
    fn watch(self, running: Option<Running>) -> NodeHandle {
        let (orders, inbox) = mpsc::channel(ORDERS_MAX);
        let (state, watching) = watch::channel(running.as_ref().map_or(NodeState::Down, |running| up(0, running)));
        let task = tokio::spawn(self.keep_running(running, inbox, state));
        NodeHandle { watched: Watched { state: watching }, orders, task }
    }

    async fn keep_running(
        mut self,
        first: Option<Running>,
        mut orders: mpsc::Receiver<Order>,
        state: watch::Sender<NodeState>,
    ) -> NodeEntry {
        let mut failed_starts = 0;
        let mut running = first;
        for generation in 1.. {
            let next = match running.take() {
                None => Next::Waits,
                Some(process) => self.until_it_ends(process, &mut orders, &mut failed_starts).await,
            };
            if matches!(next, Next::LetGo) {
                break;
            }
            self.entry.pid = None;
            state.send_replace(NodeState::Down);
            let elsewhere = match stay_away(next, &mut orders).await {
                Some(elsewhere) => elsewhere,
                None => break,
            };
            match self.start_again(&mut failed_starts, elsewhere).await {
                Ok(again) => {
                    self.entry.pid = Some(again.pid);
                    state.send_replace(up(generation, &again));
                    running = Some(again);
                }
                Err(reason) => {
                    state.send_replace(NodeState::Failed(reason));
                    return self.entry;
                }
            }
        }
        state.send_replace(NodeState::Ended);
        self.entry
    }

    /// Watches one process until it ends, or is released.
    async fn until_it_ends(
        &mut self,
        mut running: Running,
        orders: &mut mpsc::Receiver<Order>,
        failed_starts: &mut u32,
    ) -> Next {
        let since = Instant::now();
        loop {
            let order = tokio::select! {
                status = running.wait() => {
                    *failed_starts = if since.elapsed() < HEALTHY_AFTER { *failed_starts + 1 } else { 0 };
                    let status = status.map_or_else(|e| e.to_string(), |s| s.to_string());
                    let tail = logs::tail(&self.entry.home);
                    self.screen.note(&format!("{} ended by itself ({status}); {tail}", self.entry.name));
                    return Next::StartsAgain;
                }
                order = orders.recv() => order.unwrap_or(Order::End),
            };
            match order {
                // It runs already.
                Order::Start | Order::StartElsewhere => continue,
                Order::LetGo => {
                    running.let_go();
                    return Next::LetGo;
                }
                Order::End | Order::StopAndHold => end_in_order(&mut running).await,
                // An error means that it is gone already.
                Order::KillAndHold => drop(running.kill().await),
            }
            *failed_starts = 0;
            return match order {
                Order::End => Next::Ends,
                _ => Next::Waits,
            };
        }
    }

    fn choose_ports(&mut self) -> Result<(), String> {
        let chosen = ports::choose(2).map_err(|error| error.to_string())?;
        (self.entry.api_port, self.entry.p2p_port) = (chosen[0], chosen[1]);
        Ok(())
    }

    /// Retries until the start succeeds, with other ports if another program has taken the old ones: the node dials its
    /// peers itself, so they find it.
    async fn start_again(&mut self, failed_starts: &mut u32, elsewhere: bool) -> Result<Running, String> {
        if elsewhere {
            self.choose_ports()?;
        }
        loop {
            match self.launcher.start(&self.entry, &self.peers).await {
                Ok(_) if *failed_starts >= FAILED_STARTS_MAX => {
                    return Err(format!("{} has ended by itself {failed_starts} times in a row", self.entry.name));
                }
                Ok(running) => return Ok(running),
                Err(StartFailed::PortTaken { .. }) => self.choose_ports()?,
                Err(error) if *failed_starts >= FAILED_STARTS_MAX => return Err(error.to_string()),
                Err(error) => {
                    *failed_starts += 1;
                    self.screen.note(&error.to_string());
                    sleep(RESTART_AFTER).await;
                }
            }
        }
    }
}

/// The next step after a process has ended.
enum Next {
    /// Restart after a pause.
    StartsAgain,
    /// Start on an order.
    Waits,
    /// No further start.
    Ends,
    /// Released: it runs without supervision.
    LetGo,
}

/// Waits until the next start. Returns whether on other ports, `None` for never. A node that is down cannot be killed.
async fn stay_away(next: Next, orders: &mut mpsc::Receiver<Order>) -> Option<bool> {
    let mut starts_at = match next {
        Next::StartsAgain => Some(tokio::time::Instant::now() + RESTART_AFTER),
        Next::Waits => None,
        Next::Ends | Next::LetGo => return None,
    };
    loop {
        let order = tokio::select! {
            () = sleep_until(starts_at.unwrap_or_else(tokio::time::Instant::now)), if starts_at.is_some() => {
                return Some(false);
            }
            order = orders.recv() => order.unwrap_or(Order::End),
        };
        match order {
            Order::Start => return Some(false),
            Order::StartElsewhere => return Some(true),
            Order::KillAndHold | Order::StopAndHold => starts_at = None,
            Order::End | Order::LetGo => return None,
        }
    }
}

async fn end_in_order(running: &mut Running) {
    let _ = stop::ask_to_end(running.pid);
    if timeout(STOP_WITHIN, running.wait()).await.is_err() {
        let _ = running.kill().await;
    }
}
