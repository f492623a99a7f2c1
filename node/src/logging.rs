//! Log lines on standard error: one subscriber for the whole process.

use crate::config::{LogFormat, LogSettings};
use std::io::IsTerminal;
use tracing_subscriber::EnvFilter;
use tracing_subscriber::fmt;

/// Libraries that talk too much at `info`; naming one in the filter brings it back.
const QUIET: &str = "arc_malachitebft=warn,libp2p=warn,libp2p_gossipsub=error,libp2p_kad=error,hickory=error";

/// Why there is no log.
#[derive(Debug, thiserror::Error)]
pub enum LogRejected {
    /// The filter makes no sense.
    #[error("log filter {filter:?}: {reason}; try info, or warn,blockchat_node::net=debug")]
    Filter {
        /// As given.
        filter: String,
        /// What is wrong with it.
        reason: String,
    },
}

/// Starts logging. A second call in one process (tests) changes nothing.
pub fn start(settings: &LogSettings) -> Result<(), LogRejected> {
    let filter = EnvFilter::try_new(format!("{QUIET},{}", settings.filter))
        .map_err(|wrong| LogRejected::Filter { filter: settings.filter.clone(), reason: wrong.to_string() })?;
    let lines = fmt().with_env_filter(filter).with_writer(std::io::stderr);
    // Whoever started first keeps the log.
    let _already = match settings.format {
        LogFormat::Text => lines.with_ansi(std::io::stderr().is_terminal()).with_target(false).try_init(),
        LogFormat::Json => lines.json().flatten_event(true).try_init(),
    };
    Ok(())
}
