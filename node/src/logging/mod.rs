//! Log lines on standard error or in a file: one subscriber for the whole process.
//!
//! Always true: logging never waits and never fails; lines that could not be written are counted, and the log says so
//! once it can again; one event is one line, and no text of others drives a terminal. Start reading at [`start`];
//! `line_writer` has the queue and the thread, `recent` the last lines for readers.

mod line_writer;
mod recent;

use crate::config::{LogFormat, LogSettings};
use blockchat_host::stream::Stream;
use blockchat_host::whole_file;
use line_writer::{Form, LineWriter};
use recent::Recent;
use std::fs::File;
use std::path::{Path, PathBuf};
use std::sync::OnceLock;
use std::time::Duration;
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::util::SubscriberInitExt;
use tracing_subscriber::{EnvFilter, fmt};

pub use recent::lines as recent;

/// Libraries that talk too much at `info`; naming one in the filter brings it back.
const QUIET: &str = "arc_malachitebft=warn,libp2p=warn,libp2p_gossipsub=error,libp2p_kad=error,hickory=error";
/// Time for writing the last lines: a log that is not read must not keep a node from ending.
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
        /// The fault.
        reason: String,
    },
    /// The file cannot be written.
    #[error("cannot write the log to {file}: {source}", file = file.display())]
    File {
        /// The path.
        file: PathBuf,
        /// The error of the system.
        source: std::io::Error,
    },
    /// The system gives it no stream or no thread.
    #[error("there can be no log: {0}")]
    System(#[from] std::io::Error),
}

/// Starts logging. A second call in one process (tests) changes nothing.
pub fn start(settings: &LogSettings) -> Result<(), LogRejected> {
    let filter = EnvFilter::try_new(format!("{QUIET},{}", settings.filter))
        .map_err(|wrong| LogRejected::Filter { filter: settings.filter.clone(), reason: wrong.to_string() })?;
    let colours = settings.format == LogFormat::Text && settings.file.is_none() && Stream::Error.has_colours();
    let form = match (settings.format, colours) {
        (LogFormat::Json, _) => Form::Json,
        (LogFormat::Text, true) => Form::Coloured,
        (LogFormat::Text, false) => Form::Plain,
    };
    let to = match &settings.file {
        Some(file) => opened(file).map_err(|source| LogRejected::File { file: file.clone(), source })?,
        None => Stream::Error.open()?,
    };
    let writer = LineWriter::start(to, form)?;
    let lines = fmt().with_env_filter(filter).with_writer(writer.clone());
    let started = match settings.format {
        LogFormat::Text => lines.with_ansi(colours).with_target(false).finish().with(Recent).try_init(),
        LogFormat::Json => lines.json().flatten_event(true).finish().with(Recent).try_init(),
    };
    // The first logger that starts keeps the log.
    if started.is_ok() {
        WRITER.get_or_init(|| writer);
    }
    Ok(())
}

/// Appends: the log of an earlier run may be what is looked for.
fn opened(path: &Path) -> std::io::Result<File> {
    if let Some(folder) = path.parent() {
        whole_file::create_folder(folder)?;
    }
    File::options().append(true).create(true).open(path)
}

/// Waits until everything logged is written, but not for long.
pub fn flush() {
    if let Some(writer) = WRITER.get() {
        writer.flush(FLUSH_WITHIN);
    }
}
