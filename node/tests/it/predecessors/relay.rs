//! A wire between two nodes that cuts and lumps bytes as it likes: TCP promises their order, and nothing else.
//!
//! Start reading at [`Relay::to`].

use super::network::{Running, run, runtime};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinHandle;
use tokio::time::timeout;

/// The treatment of the bytes that pass.
#[derive(Clone, Copy, Debug)]
pub(super) enum Manner {
    /// Each in a write, and a packet, of its own.
    OneByOne,
    /// Only when nothing more has come for a while: many messages in one write.
    InLumps,
}

/// Passes on every connection made to it; gone when dropped.
pub(super) struct Relay {
    port: u16,
    passed: Arc<AtomicUsize>,
    task: JoinHandle<()>,
}

impl Drop for Relay {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl Relay {
    pub(super) fn to(node: &Running, manner: Manner) -> Self {
        let listener = run(TcpListener::bind(("127.0.0.1", 0))).unwrap();
        let (port, target) = (listener.local_addr().unwrap().port(), node.port());
        let passed = Arc::new(AtomicUsize::new(0));
        let counter = Arc::clone(&passed);
        let task = runtime().spawn(async move {
            while let Ok((near, _)) = listener.accept().await {
                let far = TcpStream::connect(("127.0.0.1", target)).await.unwrap();
                near.set_nodelay(true).unwrap();
                far.set_nodelay(true).unwrap();
                let ((near_in, near_out), (far_in, far_out)) = (near.into_split(), far.into_split());
                tokio::spawn(pass(near_in, far_out, manner, Arc::clone(&counter)));
                tokio::spawn(pass(far_in, near_out, manner, Arc::clone(&counter)));
            }
        });
        Self { port, passed, task }
    }

    /// The address at which peers dial it.
    pub(super) fn address(&self) -> String {
        format!("/ip4/127.0.0.1/tcp/{}", self.port)
    }

    /// Bytes that went through, both ways.
    pub(super) fn passed(&self) -> usize {
        self.passed.load(Ordering::Relaxed)
    }
}

/// Until either end hangs up.
async fn pass(mut from: OwnedReadHalf, mut to: OwnedWriteHalf, manner: Manner, passed: Arc<AtomicUsize>) {
    let mut lump = vec![];
    while let Ok(1..) = from.read_buf(&mut lump).await {
        if matches!(manner, Manner::InLumps) {
            while let Ok(Ok(1..)) = timeout(Duration::from_millis(20), from.read_buf(&mut lump)).await {}
        }
        passed.fetch_add(lump.len(), Ordering::Relaxed);
        let size = if matches!(manner, Manner::OneByOne) { 1 } else { lump.len() };
        for part in lump.chunks(size) {
            if to.write_all(part).await.is_err() {
                return;
            }
            tokio::task::yield_now().await;
        }
        lump.clear();
    }
}
