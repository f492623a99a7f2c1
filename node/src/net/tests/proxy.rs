//! A wire that can be cut without either end noticing.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};
use tokio::net::{TcpListener, TcpStream};

/// Forwards TCP connections to a port of this machine.
pub(super) struct Proxy {
    pub(super) port: u16,
    /// Connections with a lower number are cut.
    cut_below: Arc<AtomicU64>,
    next: Arc<AtomicU64>,
}

impl Proxy {
    pub(super) async fn to(port: u16) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let this =
            Self { port: listener.local_addr().unwrap().port(), cut_below: Arc::default(), next: Arc::default() };
        let (cut_below, next) = (Arc::clone(&this.cut_below), Arc::clone(&this.next));
        tokio::spawn(async move {
            while let Ok((near, _)) = listener.accept().await {
                let Ok(far) = TcpStream::connect(("127.0.0.1", port)).await else {
                    continue;
                };
                let number = next.fetch_add(1, Ordering::SeqCst);
                let ((near_in, near_out), (far_in, far_out)) = (near.into_split(), far.into_split());
                tokio::spawn(forward(near_in, far_out, number, Arc::clone(&cut_below)));
                tokio::spawn(forward(far_in, near_out, number, Arc::clone(&cut_below)));
            }
        });
        this
    }

    pub(super) fn address(&self) -> String {
        format!("/ip4/127.0.0.1/tcp/{}", self.port)
    }

    /// From now on nothing passes on the connections there are, not even their end.
    pub(super) fn cut(&self) {
        self.cut_below.store(self.next.load(Ordering::SeqCst), Ordering::SeqCst);
    }
}

async fn forward(mut from: OwnedReadHalf, mut to: OwnedWriteHalf, number: u64, cut_below: Arc<AtomicU64>) {
    let mut bytes = vec![0; 64 * 1024];
    loop {
        let read = from.read(&mut bytes).await;
        if number < cut_below.load(Ordering::SeqCst) {
            // Both sockets stay open, and silent.
            return std::future::pending().await;
        }
        match read {
            Ok(count) if count > 0 && to.write_all(&bytes[..count]).await.is_ok() => {}
            _ => return,
        }
    }
}
