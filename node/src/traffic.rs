//! Bytes sent to and received from peers since the process started: counted by the network, shown by the API.
//!
//! Always true: the counters only grow. They count what goes into and comes out of sockets: with encryption and framing
//! of the connections, without the headers of TCP and IP. Those of a connection live as long as it does.

use blockchat_client::shapes::TrafficView;
use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};

/// Above this many names, those of closed connections are looked for.
const NAMES_KEPT: usize = 256;

/// Two shared counters, and those of each open connection by its name.
#[derive(Debug, Default)]
pub struct Traffic {
    received: AtomicU64,
    sent: AtomicU64,
    connections: Mutex<BTreeMap<String, Weak<Traffic>>>,
}

impl Traffic {
    /// So many bytes came in.
    pub fn received(&self, bytes: usize) {
        self.received.fetch_add(wide(bytes), Ordering::Relaxed);
    }

    /// So many bytes went out.
    pub fn sent(&self, bytes: usize) {
        self.sent.fetch_add(wide(bytes), Ordering::Relaxed);
    }

    /// All of them so far.
    pub fn so_far(&self) -> TrafficView {
        TrafficView {
            received_bytes: self.received.load(Ordering::Relaxed),
            sent_bytes: self.sent.load(Ordering::Relaxed),
        }
    }

    /// Counters for a new connection, which its stream keeps. Open ones of one name share theirs.
    pub fn connected(&self, name: String) -> Arc<Traffic> {
        let mut connections = self.lock();
        if connections.len() >= NAMES_KEPT {
            connections.retain(|_, traffic| traffic.strong_count() > 0);
        }
        let known = connections.get(&name).and_then(Weak::upgrade);
        known.unwrap_or_else(|| {
            let fresh = Arc::default();
            connections.insert(name, Arc::downgrade(&fresh));
            fresh
        })
    }

    /// Those of an open connection.
    pub fn of_connection(&self, name: &str) -> Option<Arc<Traffic>> {
        self.lock().get(name).and_then(Weak::upgrade)
    }

    fn lock(&self) -> MutexGuard<'_, BTreeMap<String, Weak<Traffic>>> {
        self.connections.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn wide(bytes: usize) -> u64 {
    u64::try_from(bytes).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_closed_connections_do_not_pile_up() {
        let all = Traffic::default();
        let open = all.connected("open".into());
        for number in 0..10 * NAMES_KEPT {
            drop(all.connected(format!("closed {number}")));
        }
        assert!(all.lock().len() <= NAMES_KEPT, "{}", all.lock().len());
        open.sent(3);
        assert_eq!(all.connected("open".into()).so_far().sent_bytes, 3, "an open one keeps its counters");
    }
}
