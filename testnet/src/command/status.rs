//! `status`: one row per node of a running network, and the reason if the chain waits.

use crate::args::{Output, StatusArgs};
use crate::command::up::runtime;
use crate::processes::launch::connections;
use crate::processes::network_file::NetworkFile;
use anyhow::Result;
use blockchat_client::shapes::{Phase, StatusView};
use blockchat_host::stream::{say, say_json};
use blockchat_proto::keys::Address;
use comfy_table::Table;
use comfy_table::presets::UTF8_FULL_CONDENSED;
use futures::future::join_all;
use serde::Serialize;
use std::process::ExitCode;

/// One node, as `--output json` prints it.
#[derive(Debug, Serialize)]
struct Row {
    name: String,
    api: String,
    /// `None` if it does not answer.
    status: Option<StatusView>,
    /// Its activity, in words.
    phase: String,
}

/// Asks all nodes at once.
pub fn run(args: &StatusArgs) -> Result<ExitCode> {
    let file = NetworkFile::read(&args.dir)?;
    let rows = runtime()?.block_on(rows(&file));
    match args.output {
        Output::Json => say_json(&serde_json::to_string_pretty(&rows)?),
        Output::Table => say(&table(&rows).to_string()),
    }
    Ok(ExitCode::SUCCESS)
}

async fn rows(file: &NetworkFile) -> Vec<Row> {
    let connections = &connections();
    let ask = |node| async move {
        let entry: &crate::processes::network_file::NodeEntry = node;
        let status = connections.to_port(entry.api_port).status().await.ok();
        let phase = status.as_ref().map_or("not running".into(), |status| in_words(&status.phase, file));
        Row { name: entry.name.clone(), api: format!("http://127.0.0.1:{}", entry.api_port), status, phase }
    };
    join_all(file.nodes.iter().map(ask)).await
}

fn in_words(phase: &Phase, file: &NetworkFile) -> String {
    let name = |address: &Address| {
        let known = file.nodes.iter().find(|node| node.address == *address);
        known.map_or_else(|| address.short(), |node| node.name.clone())
    };
    match phase {
        Phase::Idle => "idle".into(),
        Phase::Deciding => "deciding".into(),
        Phase::Unknown => "unknown".into(),
        Phase::CatchingUp { target } => format!("catching up to {target}"),
        Phase::UpdateNeeded { version, known } => format!("stands still: knows the rules to {known}, not {version}"),
        Phase::WaitingForStake { online_percent, missing } => {
            let missing: Vec<_> = missing.iter().map(name).collect();
            format!("waiting for stake: {online_percent} % of 66.7 % online; missing: {}", missing.join(", "))
        }
    }
}

fn table(rows: &[Row]) -> Table {
    let mut table = Table::new();
    table
        .load_style(UTF8_FULL_CONDENSED.with_rounded_corners())
        .set_header(["node", "height", "tip", "peers", "pool", "phase", "API"]);
    for row in rows {
        let show = |field: fn(&StatusView) -> String| row.status.as_ref().map_or("-".into(), field);
        table.add_row([
            row.name.clone(),
            show(|status| status.height.to_string()),
            show(|status| status.tip.short()),
            show(|status| status.peers.to_string()),
            show(|status| status.pool_transactions.to_string()),
            row.phase.clone(),
            row.api.clone(),
        ]);
    }
    table
}
