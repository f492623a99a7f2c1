//! Links that we own: every connection between two nodes runs through a small TCP relay in this process.
//!
//! Owns: one listener for each ordered pair of nodes (which dials which), the effect of each direction on bytes, and
//! the state of connections. Does not own: the nodes, which are told to dial only these listeners
//! (`processes::launch`).
//!
//! Always true:
//! - bytes of one connection keep their order, whatever the delay does;
//! - what is on its way is bounded, so a slow link slows its sender as TCP does;
//! - nothing here needs root or a network namespace; everything ends when [`Links`] is dropped, however that comes.
//!
//! Relays run on a thread of their own, so that the load and the measurements of this program delay no byte.
//! Start reading at [`Links`]; what a link can do is in [`shape`], how bytes travel in `pipe`.

mod pipe;
pub mod shape;

use pipe::{Doors, Way};
use shape::Shape;
use std::io;
use std::net::{Ipv4Addr, TcpListener};
use std::sync::atomic::{AtomicU16, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::Duration;
use tokio::sync::oneshot;
use tokio::time::sleep;

/// Pause after a connection could not be accepted.
const ACCEPT_AGAIN_AFTER: Duration = Duration::from_millis(10);

/// One node as its links see it.
#[derive(Debug)]
struct End {
    peer_id: String,
    /// Its current port; 0 while unknown.
    port: AtomicU16,
}

/// From the node that dials to the node that is dialled.
#[derive(Debug)]
struct Link {
    from: usize,
    to: usize,
    port: u16,
    doors: Doors,
}

#[derive(Debug)]
struct Inner {
    ends: Vec<End>,
    /// From node `f` to node `t` at `f * nodes + t`.
    ways: Vec<Arc<Way>>,
    /// The same order; nothing from a node to itself.
    links: Vec<Option<Link>>,
}

/// All links of a network. See the module.
#[derive(Debug)]
pub struct Links {
    inner: Arc<Inner>,
    stop: Mutex<Option<oneshot::Sender<()>>>,
    thread: Mutex<Option<JoinHandle<()>>>,
}

impl Links {
    /// Listens for each ordered pair of these nodes, given by their libp2p ids; all links are perfect at first.
    ///
    /// Errors: the loopback has no port left, or the system no thread.
    pub fn start(peer_ids: Vec<String>) -> io::Result<Self> {
        let count = peer_ids.len();
        let mut listeners = vec![];
        let mut links = vec![];
        for (from, to) in (0..count).flat_map(|from| (0..count).map(move |to| (from, to))) {
            if from == to {
                links.push(None);
                continue;
            }
            let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?;
            listener.set_nonblocking(true)?;
            links.push(Some(Link { from, to, port: listener.local_addr()?.port(), doors: Doors::default() }));
            listeners.push((from * count + to, listener));
        }
        let ends = peer_ids.into_iter().map(|peer_id| End { peer_id, port: AtomicU16::new(0) }).collect();
        let ways = (0..count * count).map(|_| Arc::new(Way::default())).collect();
        let inner = Arc::new(Inner { ends, ways, links });
        let (stop, stopped) = oneshot::channel();
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        let relays = Arc::clone(&inner);
        let thread = std::thread::Builder::new().name("links".into());
        let thread = thread.spawn(move || runtime.block_on(relay_all(relays, listeners, stopped)))?;
        Ok(Self { inner, stop: Mutex::new(Some(stop)), thread: Mutex::new(Some(thread)) })
    }

    /// The node with this libp2p id listens here from now on.
    pub fn aim(&self, peer_id: &str, port: u16) {
        if let Some(end) = self.inner.ends.iter().find(|end| end.peer_id == peer_id) {
            end.port.store(port, Ordering::Relaxed);
        }
    }

    /// The addresses that the node with this libp2p id dials: all others, each through its own relay.
    pub fn peers_of(&self, peer_id: &str) -> Vec<String> {
        let own = |link: &&Link| self.inner.ends[link.from].peer_id == peer_id;
        let address =
            |link: &Link| format!("/ip4/127.0.0.1/tcp/{}/p2p/{}", link.port, self.inner.ends[link.to].peer_id);
        self.inner.links.iter().flatten().filter(own).map(address).collect()
    }

    /// How many nodes.
    pub fn len(&self) -> usize {
        self.inner.ends.len()
    }

    /// Never true.
    pub fn is_empty(&self) -> bool {
        self.inner.ends.is_empty()
    }

    /// Changes what happens to bytes from one node to another, now.
    pub fn shape(&self, from: usize, to: usize, change: impl FnOnce(&mut Shape)) {
        self.way(from, to).shape.send_modify(change);
    }

    /// Changes all directions.
    pub fn shape_all(&self, change: impl Fn(&mut Shape)) {
        self.inner.ways.iter().for_each(|way| way.shape.send_modify(&change));
    }

    /// Closes the connections between two nodes, and each new one at once, until [`Links::mend`].
    pub fn cut(&self, one: usize, other: usize) {
        self.both(one, other, Doors::shut);
    }

    /// New connections between two nodes are let through again.
    pub fn mend(&self, one: usize, other: usize) {
        self.both(one, other, Doors::open);
    }

    /// The connections that two nodes have are dead for ever, and neither is told: sockets stay, bytes vanish. New
    /// connections work.
    pub fn kill_silently(&self, one: usize, other: usize) {
        self.both(one, other, Doors::kill);
    }

    /// All directions perfect, all doors open; connections that are dead stay so.
    pub fn heal(&self) {
        self.shape_all(|shape| *shape = Shape::default());
        self.inner.links.iter().flatten().for_each(|link| link.doors.open());
    }

    /// Bytes that arrived at the other end, since the start.
    pub fn passed_bytes(&self, from: usize, to: usize) -> u64 {
        self.way(from, to).passed.load(Ordering::Relaxed)
    }

    /// Bytes that were stopped on their way, since the start: held back, or swallowed.
    pub fn stopped_bytes(&self, from: usize, to: usize) -> u64 {
        self.way(from, to).stopped.load(Ordering::Relaxed)
    }

    /// Connections between two nodes, and refused ones, since the start; whichever side dialled.
    pub fn connections(&self, one: usize, other: usize) -> (u64, u64) {
        let counts = |from, to| self.link(from, to).map_or((0, 0), |link| link.doors.counts());
        let (a, b) = (counts(one, other), counts(other, one));
        (a.0 + b.0, a.1 + b.1)
    }

    fn way(&self, from: usize, to: usize) -> &Way {
        &self.inner.ways[from * self.len() + to]
    }

    fn link(&self, from: usize, to: usize) -> Option<&Link> {
        self.inner.links[from * self.len() + to].as_ref()
    }

    fn both(&self, one: usize, other: usize, change: impl Fn(&Doors)) {
        [self.link(one, other), self.link(other, one)].into_iter().flatten().for_each(|link| change(&link.doors));
    }
}

impl Drop for Links {
    fn drop(&mut self) {
        drop(self.stop.lock().unwrap_or_else(PoisonError::into_inner).take());
        if let Some(thread) = self.thread.lock().unwrap_or_else(PoisonError::into_inner).take() {
            // It can only have panicked; then there is nothing left to stop.
            drop(thread.join());
        }
    }
}

/// Runs until it is told to stop; dropping its runtime closes every connection.
async fn relay_all(inner: Arc<Inner>, listeners: Vec<(usize, TcpListener)>, stopped: oneshot::Receiver<()>) {
    for (index, listener) in listeners {
        let inner = Arc::clone(&inner);
        tokio::spawn(async move { listen(&inner, index, listener).await });
    }
    // An error means that the other end was dropped, which is how we are told.
    drop(stopped.await);
}

async fn listen(inner: &Arc<Inner>, index: usize, listener: TcpListener) {
    let (Ok(listener), Some(link)) = (tokio::net::TcpListener::from_std(listener), &inner.links[index]) else {
        return;
    };
    loop {
        let Ok((near, _)) = listener.accept().await else {
            // No descriptors are left: some may be soon.
            sleep(ACCEPT_AGAIN_AFTER).await;
            continue;
        };
        let port = inner.ends[link.to].port.load(Ordering::Relaxed);
        let Some(ticket) = link.doors.admit() else {
            continue;
        };
        let back = link.to * inner.ends.len() + link.from;
        let (there, back) = (Arc::clone(&inner.ways[index]), Arc::clone(&inner.ways[back]));
        tokio::spawn(pipe::connection(near, port, ticket, there, back));
    }
}

#[cfg(test)]
mod tests;
