//! A copied key, silence and slowness: a key in use in two places, a validator that stops in the middle of everything, strangers that flood.
//!
//! Always true: the programs are the ones that ship; what is wrong is where they run and with which files.

use super::perform::names_of;
use super::slow_disk::SlowDisk;
use super::stage::{LOOK_EVERY, Stage};
use crate::processes::stop;
use crate::processes::supervise::{NodeState, Order};
use std::net::Ipv4Addr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::{sleep, timeout};

/// Strangers that call one node at a time.
const STRANGERS_PER_NODE: usize = 4;
/// The bytes of each: no beginning of any protocol.
const GARBAGE: [u8; 4096] = [0xee; 4096];
/// A stranger waits so long for an answer before it calls again.
const STRANGER_WAITS: Duration = Duration::from_millis(200);
/// Calls after which a flood counts as one.
const FLOOD_CALLS: u64 = 200;
/// A node that does not answer within this is frozen.
const FROZEN_AFTER: Duration = Duration::from_secs(1);
/// It is asked at most so often.
const FREEZE_LOOKS: u32 = 20;

impl Stage<'_> {
    /// The first spare runs with the validator key of this node, and a copy of its guard. Evidence: both say that it is
    /// their validator.
    pub(super) async fn twin(&mut self, node: usize) -> Result<String, String> {
        let twin = self.scenario.nodes;
        self.strikes(vec![node, twin], "one key, two nodes:");
        if !self.is_spared() {
            let (from, to) = (self.file.nodes[node].home.join("keys"), self.file.nodes[twin].home.join("keys"));
            for file in ["validator.pem", "guard"] {
                let copied = std::fs::copy(from.join(file), to.join(file));
                copied.map_err(|error| format!("{file} cannot be copied: {error}"))?;
            }
            self.twin = Some(twin);
            self.idle.retain(|node| *node != twin);
            self.network.nodes[twin].order(Order::Start);
        }
        let address = self.network.addresses()[node];
        let begun = Instant::now();
        loop {
            let status = match self.network.client(twin) {
                Some(client) => client.status().await.ok(),
                None => None,
            };
            if status.is_some_and(|status| status.validator == Some(address)) {
                let (node, twin) = (self.network.name_of(node), self.network.name_of(twin));
                return Ok(format!("{twin} runs with the key of {node}, and a copy of its guard"));
            }
            if begun.elapsed() > self.plan.patience {
                return Err(format!("{} does not run with a second key", self.network.name_of(twin)));
            }
            sleep(LOOK_EVERY * 4).await;
        }
    }

    /// The twin goes on without a key: it was never more than a copy.
    pub(super) async fn untwin(&mut self) {
        let Some(twin) = self.twin.take() else {
            return;
        };
        self.network.nodes[twin].order(Order::StopAndHold);
        // A node that is not gone yet is found by the last checks.
        drop(self.are_gone(&[twin]).await);
        let keys = self.file.nodes[twin].home.join("keys");
        ["validator.pem", "guard"].into_iter().for_each(|file| drop(std::fs::remove_file(keys.join(file))));
        self.network.nodes[twin].order(Order::Start);
    }

    /// Evidence: how long synced writes take under the same limit.
    pub(super) async fn slow_disk(&mut self, node: usize) -> Result<String, String> {
        self.strikes(vec![node], "slow disk");
        let folder = self.file.nodes[node].home.clone();
        let pid = self.pid(node).ok_or("it is down")?;
        let disk = SlowDisk::make(&folder).map_err(|error| format!("{error:#}"))?;
        if !self.is_spared() {
            disk.slow(pid).map_err(|error| format!("{error:#}"))?;
        }
        if !disk.holds(pid) {
            return Err(format!("the disk of {} is as fast as ever", self.network.name_of(node)));
        }
        let proved = tokio::task::spawn_blocking(move || disk.prove(&folder).map(|took| (disk, took))).await;
        let (disk, took) = proved.map_err(|error| error.to_string())?.map_err(|error| format!("{error:#}"))?;
        self.slow_disk = Some(disk);
        Ok(format!(
            "under the limit of {}, eight synced writes take {} ms",
            self.network.name_of(node),
            took.as_millis()
        ))
    }

    /// The signal takes a moment to reach all threads: what is under way is still answered.
    async fn answers_no_more(&self, node: usize) -> Result<(), String> {
        for _ in 0..FREEZE_LOOKS {
            let client = self.network.client(node).ok_or("it is down")?;
            if timeout(FROZEN_AFTER, client.status()).await.is_err() {
                return Ok(());
            }
            sleep(LOOK_EVERY).await;
        }
        Err(format!("{} still answers", self.network.name_of(node)))
    }

    /// Evidence: it does not answer.
    pub(super) async fn freeze(&mut self, nodes: Vec<usize>) -> Result<String, String> {
        self.strikes(nodes.clone(), "freeze");
        for node in &nodes {
            if let Some(pid) = self.pid(*node).filter(|_| !self.is_spared()) {
                stop::freeze(pid).map_err(|error| format!("{error:#}"))?;
                self.frozen.push(pid);
            }
            self.answers_no_more(*node).await?;
        }
        Ok(format!("{} answer no more", names_of(&self.network, &nodes)))
    }

    pub(super) fn thaw(&mut self) {
        for pid in self.frozen.drain(..) {
            // One that is gone needs no thaw.
            drop(stop::thaw(pid));
        }
    }

    fn pid(&self, node: usize) -> Option<u32> {
        match &*self.network.nodes[node].watched.state.borrow() {
            NodeState::Up { pid, .. } => Some(*pid),
            _ => None,
        }
    }

    /// Strangers call every node where its peers do, past our links. Evidence: so many calls were made.
    pub(super) async fn flood(&mut self) -> Result<String, String> {
        self.strikes(vec![], "flood");
        let calls = Arc::new(AtomicU64::new(0));
        if !self.is_spared() {
            let ports: Vec<_> = self.file.nodes[..self.scenario.nodes].iter().map(|node| node.p2p_port).collect();
            for port in ports.into_iter().flat_map(|port| [port; STRANGERS_PER_NODE]) {
                self.strangers.spawn(stranger(port, Arc::clone(&calls)));
            }
        }
        let begun = Instant::now();
        while calls.load(Ordering::Relaxed) < FLOOD_CALLS {
            if begun.elapsed() > self.plan.patience {
                return Err("nobody was flooded".into());
            }
            sleep(LOOK_EVERY).await;
        }
        let (made, took) = (calls.load(Ordering::Relaxed), begun.elapsed().as_millis());
        Ok(format!("{made} calls of strangers with garbage in {took} ms, and they go on"))
    }
}

/// Calls, sends garbage, waits for an answer, and calls again.
async fn stranger(port: u16, calls: Arc<AtomicU64>) {
    loop {
        if let Ok(mut socket) = TcpStream::connect((Ipv4Addr::LOCALHOST, port)).await {
            let mut answer = [0; 256];
            // Whatever becomes of it: a stranger does not care.
            drop(socket.write_all(&GARBAGE).await);
            drop(timeout(STRANGER_WAITS, socket.read(&mut answer)).await);
            calls.fetch_add(1, Ordering::Relaxed);
        }
        sleep(LOOK_EVERY).await;
    }
}
