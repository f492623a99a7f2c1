//! One task per connection: HTTP/1.1 until the client or the server has had enough.
//!
//! Owns: how long a request's head may take and how long it may be, and ending connections with the server. Does not own:
//! how many connections there are ([`super::listener`]), or what is answered ([`super::server`]).
//!
//! Always true: a client that sends its head byte by byte, or nothing at all, loses its place after [`HEAD_WITHIN`], so
//! that slow clients cannot shut out others; when the server stops, the request under way is still answered. Start
//! reading at [`serve`].

use super::caller::Caller;
use super::listener::{Connection, Door};
use axum::{Extension, Router};
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
pub(super) async fn serve(mut door: Door, app: Router, shutdown: CancellationToken) {
    let open = TaskTracker::new();
    while let Some((stream, caller)) = shutdown.run_until_cancelled(door.accept()).await {
        open.spawn(one(stream, caller, app.clone(), shutdown.clone()));
    }
    open.close();
    open.wait().await;
}

/// One connection to its end, or until its place is needed.
async fn one(stream: Connection<TcpStream>, caller: Caller, app: Router, shutdown: CancellationToken) {
    let needed = caller.ended.clone();
    let app = app.layer(Extension(caller));
    let mut protocol = http1::Builder::new();
    protocol.timer(TokioTimer::new()).header_read_timeout(HEAD_WITHIN).max_buf_size(BUFFER_BYTES_MAX);
    let served = protocol.serve_connection(TokioIo::new(stream), TowerToHyperService::new(app));
    let mut served = std::pin::pin!(served);
    let ended = tokio::select! {
        ended = served.as_mut() => Some(ended),
        () = needed.cancelled() => None,
        () = shutdown.cancelled() => {
            served.as_mut().graceful_shutdown();
            needed.run_until_cancelled(served).await
        }
    };
    if let Some(Err(error)) = ended {
        // Theirs, not ours: no HTTP, too slow, or gone.
        debug!(%error, "a connection of the API ended early");
    }
}
