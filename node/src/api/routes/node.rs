//! `GET /v1/node?lines=&level=`.

use crate::api::ApiState;
use crate::api::paging::{bad_query, part_of};
use crate::api::problem::ApiError;
use crate::clock::unix_millis;
use crate::{logging, process_facts};
use axum::Json;
use axum::extract::rejection::QueryRejection;
use axum::extract::{Query, State};
use blockchat_client::shapes::{LOG_LINES_MAX, LogLevel, NodeRequest, NodeView};

/// Log lines unless asked otherwise.
const LINES: u16 = 50;

/// The process behind the API: version, what it uses, its last log lines.
pub(in crate::api) async fn node(
    State(state): State<ApiState>,
    query: Result<Query<NodeRequest>, QueryRejection>,
) -> Result<Json<NodeView>, ApiError> {
    let NodeRequest { lines, level } = part_of(query)?;
    let lines = lines.unwrap_or(LINES);
    if lines > LOG_LINES_MAX {
        return Err(bad_query(format!("lines is {lines}, but must be 0 to {LOG_LINES_MAX}")));
    }
    let level = level.unwrap_or(LogLevel::Trace);
    if level == LogLevel::Unknown {
        return Err(bad_query("no such level: there are error, warn, info, debug and trace"));
    }
    let (process, disk) = facts(&state).await;
    let started = state.info.started;
    Ok(Json(NodeView {
        version: env!("CARGO_PKG_VERSION").into(),
        commit: Some(env!("BLOCKCHAT_COMMIT")).filter(|commit| *commit != "unknown").map(Into::into),
        sources: blockchat_engine::SOURCES.into(),
        started,
        uptime_ms: unix_millis().since(started),
        open_files: process.open_files,
        open_files_max: process.open_files_max,
        memory_bytes: process.memory_bytes,
        cpu_ms: process.cpu_ms,
        disk_bytes: disk.used_bytes,
        disk_free_bytes: disk.free_bytes,
        queues: state.queues(),
        log: logging::recent().newest(usize::from(lines), |line| line.level <= level),
    }))
}

/// Reads facts from the system, off the async threads: it reads files.
pub(super) async fn facts(state: &ApiState) -> (process_facts::ProcessFacts, process_facts::DiskFacts) {
    let data = state.info.data.clone();
    let read = tokio::task::spawn_blocking(move || (process_facts::process(), process_facts::disk(&data)));
    match read.await {
        Ok(facts) => facts,
        Err(panicked) => std::panic::resume_unwind(panicked.into_panic()),
    }
}
