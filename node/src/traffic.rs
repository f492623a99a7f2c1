//! How many bytes went to and came from peers since the process started: counted by the network, shown by the API.
//!
//! Always true: the counters only grow. They count what goes into and comes out of sockets: with encryption and framing
//! of the connections, without the headers of TCP and IP.

use blockchat_client::shapes::TrafficView;
use std::sync::atomic::{AtomicU64, Ordering};

/// Two counters that everybody may share.
#[derive(Debug, Default)]
pub struct Traffic {
    received: AtomicU64,
    sent: AtomicU64,
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
}

fn wide(bytes: usize) -> u64 {
    u64::try_from(bytes).unwrap_or(u64::MAX)
}
