//! When to stop: SIGINT, SIGTERM, or a fault. One token tells everybody; whoever was spawned is awaited.

use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio_util::sync::CancellationToken;

/// Waits for signals of the operator.
#[derive(Debug)]
pub struct Signals {
    interrupt: Signal,
    terminate: Signal,
}

impl Signals {
    /// From now on SIGINT and SIGTERM no longer end the process by themselves. Needs a tokio runtime.
    pub fn listen() -> std::io::Result<Self> {
        Ok(Self { interrupt: signal(SignalKind::interrupt())?, terminate: signal(SignalKind::terminate())? })
    }

    /// The name of the next signal. Cancel safe.
    pub async fn next(&mut self) -> &'static str {
        tokio::select! {
            _ = self.interrupt.recv() => "SIGINT",
            _ = self.terminate.recv() => "SIGTERM",
        }
    }

    /// Asks everybody to stop at the first signal; at the second, ends the process without further ado: what is final is
    /// on disk anyway.
    pub async fn relay(mut self, stop: CancellationToken) {
        tokio::select! {
            name = self.next() => tracing::info!(signal = name, "stopping"),
            () = stop.cancelled() => {}
        }
        stop.cancel();
        let name = self.next().await;
        tracing::warn!(signal = name, "stopping at once");
        std::process::exit(130);
    }
}
