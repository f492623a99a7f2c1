//! When to stop: SIGINT, SIGTERM, SIGHUP, or a fault. One token tells all tasks; every spawned task is awaited.

use crate::logging;
use crate::ready_file;
use blockchat_host::signals::Signals;
use std::path::PathBuf;
use std::time::Duration;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

/// A second signal counts after this: a terminal and a supervisor may both pass on the first, and people press twice.
const SECOND_AFTER: Duration = Duration::from_secs(1);

/// Tells all tasks to stop at the first signal; at a later one, ends the process without further ado: final blocks are
/// on disk anyway. Even then no ready file stays.
pub(super) async fn relay(mut signals: Signals, stop: CancellationToken, ready_files: Vec<PathBuf>) {
    tokio::select! {
        told = signals.next() => tracing::info!(signal = told.name(), "stopping"),
        () = stop.cancelled() => {}
    }
    let counts_from = Instant::now() + SECOND_AFTER;
    stop.cancel();
    let told = loop {
        let told = signals.next().await;
        if Instant::now() >= counts_from {
            break told;
        }
    };
    tracing::warn!(signal = told.name(), "stopping at once");
    ready_files.iter().for_each(|file| ready_file::withdraw(file));
    logging::flush();
    std::process::exit(told.exit_code().into());
}
