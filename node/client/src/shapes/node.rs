//! The process behind the API: what it is, what it uses, what it logged.

use super::log_line::{LogLevel, LogLineView};
use blockchat_proto::units::UnixMillis;
use serde::{Deserialize, Serialize};

/// Most log lines in one answer.
pub const LOG_LINES_MAX: u16 = 500;

/// The process. What the system does not tell is `null`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct NodeView {
    /// Version of the program.
    pub version: String,
    /// Commit that it was built from, if the build knew it.
    pub commit: Option<String>,
    /// Digest of the rules' sources it was built from.
    pub sources: String,
    /// When the process started.
    #[cfg_attr(feature = "openapi", schema(value_type = super::open::UnixMillis))]
    pub started: UnixMillis,
    /// How long ago that is.
    pub uptime_ms: u64,
    /// Open files and sockets.
    pub open_files: Option<u64>,
    /// How many there may be.
    pub open_files_max: Option<u64>,
    /// Memory in use, in bytes (resident).
    pub memory_bytes: Option<u64>,
    /// Processor time used so far, by all threads.
    pub cpu_ms: Option<u64>,
    /// Bytes on disk under the data folder.
    pub disk_bytes: Option<u64>,
    /// Bytes that are free where the data folder lies.
    pub disk_free_bytes: Option<u64>,
    /// Queues of the node: how full, and what they had to drop.
    pub queues: Vec<QueueView>,
    /// The last log lines, oldest first: see [`NodeRequest`].
    pub log: Vec<LogLineView>,
}

/// A queue inside the node.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct QueueView {
    /// Its name, such as `engine_calls`.
    pub name: String,
    /// Number of waiting items.
    pub waiting: u64,
    /// How much may wait.
    pub max: u64,
    /// Items refused or dropped since the process started.
    pub dropped: u64,
}

impl QueueView {
    /// Of counts as programs have them.
    pub fn new(name: &str, waiting: usize, max: usize, dropped: u64) -> Self {
        let wide = |count| u64::try_from(count).unwrap_or(u64::MAX);
        Self { name: name.into(), waiting: wide(waiting), max: wide(max), dropped }
    }
}

/// Which log lines are wanted: the query of a request.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct NodeRequest {
    /// At most so many, 0 to [`LOG_LINES_MAX`]; 50 unless asked otherwise.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub lines: Option<u16>,
    /// Only those as bad as this or worse.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub level: Option<LogLevel>,
}
