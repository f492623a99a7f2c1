//! One task per connection: HTTP/1.1 until the client or the server has had enough.
//!
//! Owns: how long a request's head may take and how long it may be, and ending connections with the server. Does not own:
//! how many connections there are ([`super::listener`]), or what is answered ([`super::server`]).
//!
//! Always true: a client that sends its head byte by byte, or nothing at all, loses its place after [`HEAD_WITHIN`], so
//! that slow ones cannot keep everybody else out; when the server stops, the request under way is still answered.
//! Start reading at [`serve`].

use super::listener::{Connection, Limited};
use axum::Router;
use axum::serve::Listener;
use hyper::server::conn::http1;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::service::TowerToHyperService;
use std::time::Duration;
use tokio::net::TcpStream;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use tracing::debug;

/// Longest time for the head of a request, and between two requests on one connection.
const HEAD_WITHIN: Duration = Duration::from_secs(10);
/// Longest head, and the most that is read ahead of a connection: 512 of them hold 32 MiB.
const BUFFER_BYTES_MAX: usize = 64 * 1024;

/// Accepts and serves until `shutdown`, then waits for the requests under way.
pub(super) async fn serve(mut listener: Limited, app: Router, shutdown: CancellationToken) {
    let open = TaskTracker::new();
    while let Some((stream, _)) = shutdown.run_until_cancelled(listener.accept()).await {
        open.spawn(one(stream, app.clone(), shutdown.clone()));
    }
    open.close();
    open.wait().await;
}

/// One connection to its end.
async fn one(stream: Connection<TcpStream>, app: Router, shutdown: CancellationToken) {
    let mut protocol = http1::Builder::new();
    protocol.timer(TokioTimer::new()).header_read_timeout(HEAD_WITHIN).max_buf_size(BUFFER_BYTES_MAX);
    let served = protocol.serve_connection(TokioIo::new(stream), TowerToHyperService::new(app));
    let mut served = std::pin::pin!(served);
    let ended = tokio::select! {
        ended = served.as_mut() => ended,
        () = shutdown.cancelled() => {
            served.as_mut().graceful_shutdown();
            served.await
        }
    };
    if let Err(error) = ended {
        // Theirs, not ours: no HTTP, too slow, or gone.
        debug!(%error, "a connection of the API ended early");
    }
}
