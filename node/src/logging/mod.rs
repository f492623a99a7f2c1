//! Log lines on standard error: one subscriber for the whole process.
//!
//! Always true: nobody who logs waits for the log or is stopped by it; what could not be written is counted, and the log
//! says so once it can again; one event is one line, and nothing that others wrote drives a terminal.
//! Start reading at [`start`]; `line_writer` has the queue and the thread.

mod line_writer;

use crate::config::{LogFormat, LogSettings};
use blockchat_host::stream::Stream;
use line_writer::{Form, LineWriter};
use std::sync::OnceLock;
use std::time::Duration;
use tracing_subscriber::EnvFilter;
use tracing_subscriber::fmt;

/// Libraries that talk too much at `info`; naming one in the filter brings it back.
const QUIET: &str = "arc_malachitebft=warn,libp2p=warn,libp2p_gossipsub=error,libp2p_kad=error,hickory=error";
/// The last lines have so long to be written: a log that nobody reads keeps no node from ending.
const FLUSH_WITHIN: Duration = Duration::from_millis(500);

/// The writer of this process.
static WRITER: OnceLock<LineWriter> = OnceLock::new();

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
    /// The system gives it no stream or no thread.
    #[error("there can be no log: {0}")]
    System(#[from] std::io::Error),
}

/// Starts logging. A second call in one process (tests) changes nothing.
pub fn start(settings: &LogSettings) -> Result<(), LogRejected> {
    let filter = EnvFilter::try_new(format!("{QUIET},{}", settings.filter))
        .map_err(|wrong| LogRejected::Filter { filter: settings.filter.clone(), reason: wrong.to_string() })?;
    let colours = settings.format == LogFormat::Text && Stream::Error.has_colours();
    let form = match (settings.format, colours) {
        (LogFormat::Json, _) => Form::Json,
        (LogFormat::Text, true) => Form::Coloured,
        (LogFormat::Text, false) => Form::Plain,
    };
    let writer = LineWriter::start(Stream::Error.open()?, form)?;
    let lines = fmt().with_env_filter(filter).with_writer(writer.clone());
    let started = match settings.format {
        LogFormat::Text => lines.with_ansi(colours).with_target(false).try_init(),
        LogFormat::Json => lines.json().flatten_event(true).try_init(),
    };
    // Whoever started first keeps the log.
    if started.is_ok() {
        WRITER.get_or_init(|| writer);
    }
    Ok(())
}

/// Waits until everything logged is written, but not for long.
pub fn flush() {
    if let Some(writer) = WRITER.get() {
        writer.flush(FLUSH_WITHIN);
    }
}
