//! `play`: a workload on a network that already runs anywhere, such as in Kubernetes.
//!
//! Owns: the assignment of keys to nodes, and the report. Does not own: sending and counting (`load`). Nothing is
//! started, stopped or broken here: faults come from elsewhere, such as `kubectl delete pod`. Start reading at [`run`].

use crate::args::{Output, PlayArgs};
use crate::load::board::Board;
use crate::load::follow::Follower;
use crate::load::lane::Lane;
use crate::load::sender::{Sender, SharedBoard};
use crate::load::workload;
use crate::processes::homes;
use crate::processes::supervise::{NodeState, Watched};
use crate::screen::Screen;
use crate::witness::SharedWitness;
use anyhow::{Context, Result, ensure};
use blockchat_client::{Client, Connections};
use blockchat_host::stream::{say, say_json};
use blockchat_proto::genesis::VerifiedGenesis;
use blockchat_proto::hash::Hash32;
use blockchat_proto::keys::Signer;
use blockchat_proto::units::Height;
use serde::Serialize;
use std::collections::BTreeMap;
use std::path::Path;
use std::process::ExitCode;
use std::time::{Duration, Instant};
use tokio::net::lookup_host;
use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio::time::{sleep, timeout};

/// Maximum time without an answer from a node, such as one that restarts, before its lines are given up.
const GIVE_UP_AFTER: Duration = Duration::from_secs(120);
/// Interval between questions to names and nodes, and between progress lines.
const TICK: Duration = Duration::from_millis(250);
/// Maximum time until all nodes show one tip after the last line.
const ONE_TIP_WITHIN: Duration = Duration::from_secs(60);
/// Longest wait for one answer.
const ANSWER_WITHIN: Duration = Duration::from_secs(5);

/// The final output of `play`.
#[derive(Debug, Serialize)]
struct Report {
    chain: String,
    nodes: Vec<NodeEnd>,
    lines: u64,
    accepted: u64,
    refused: BTreeMap<String, u64>,
    finalised: u64,
    blocks: usize,
    seconds: f64,
    /// Longest time between two blocks while lines waited.
    longest_pause_ms: u64,
    one_tip: bool,
    problems: Vec<String>,
    ok: bool,
}

/// Last status of a node.
#[derive(Debug, Serialize)]
struct NodeEnd {
    api: String,
    height: Option<Height>,
    tip: Option<Hash32>,
}

/// Runs the whole command.
pub fn run(args: &PlayArgs) -> Result<ExitCode> {
    let screen = Screen::new();
    let played = super::up::runtime()?.block_on(super::up::unless_told_to_end(play(args, &screen)))?;
    let Some(report) = played.transpose()? else {
        return Ok(ExitCode::from(super::up::INTERRUPTED));
    };
    match args.output {
        Output::Json => say_json(&serde_json::to_string_pretty(&report)?),
        Output::Table => say(&shown(&report)),
    }
    Ok(if report.ok { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

async fn play(args: &PlayArgs, screen: &Screen) -> Result<Report> {
    let nodes = nodes(args, screen).await?;
    let genesis = nodes[0].genesis().await?.verify().context("the first node serves no valid genesis")?;
    let keys = keys(&args.keys)?;
    let mut lanes = vec![];
    let lines = match &args.workload {
        Some(dir) => workload::read(dir, keys.len())?,
        None => workload::own(keys.len()),
    };
    let addresses: Vec<_> = keys.iter().map(Signer::address).collect();
    let count = lines.line_count();
    for (user, file) in keys.into_iter().zip(lines.files) {
        let nonce = nodes[0].account(&user.address()).await?.pending_nonce;
        let messages = file.into_iter().map(|line| (addresses[line.to], line.text)).collect();
        lanes.push(Lane::new(user, genesis.hash(), genesis.genesis().parameters.clone(), messages, nonce));
    }
    let from = nodes[0].status().await?.height.next();
    screen.note(&format!(
        "{} nodes of {}, {count} lines of {} senders",
        nodes.len(),
        genesis.short_name(),
        lanes.len()
    ));
    let board = SharedBoard::new(Board::new(count, lanes.len(), Instant::now()));
    let witness = SharedWitness::new(nodes.len());
    let mut problems: Vec<_> = send(&nodes, lanes, from, &board, &witness, screen).await.into_iter().collect();
    problems.extend(witness.with(|witness| witness.contradictions().to_vec()));
    problems.extend(board.with(|board| board.contradictions().to_vec()));
    let ends = one_tip(&nodes).await;
    Ok(board.with(|board| report(&genesis, &nodes, board, ends, problems)))
}

/// All nodes: the named ones, and those behind a service name, once at least one answers.
async fn nodes(args: &PlayArgs, screen: &Screen) -> Result<Vec<Client>> {
    let connections = Connections::new(ANSWER_WITHIN);
    let begun = Instant::now();
    loop {
        let mut urls = args.api.clone();
        for service in &args.service {
            urls.extend(lookup_host(service).await.into_iter().flatten().map(|found| found.to_string()));
        }
        let clients: Vec<_> = urls.iter().map(|url| connections.to(url)).collect::<Result<_, _>>()?;
        let mut ready = vec![];
        for client in clients {
            if client.ready().await.is_ok() {
                ready.push(client);
            }
        }
        if ready.len() >= args.nodes_min {
            return Ok(ready);
        }
        ensure!(
            begun.elapsed() < Duration::from_secs(args.wait),
            "{} of {} nodes are ready after {} s: name them with --api or --service, or wait longer with --wait",
            ready.len(),
            args.nodes_min,
            args.wait
        );
        screen.progress(0, "waiting for nodes");
        sleep(TICK).await;
    }
}

/// The keys of a folder, sorted by name.
fn keys(folder: &Path) -> Result<Vec<Signer>> {
    let entries = std::fs::read_dir(folder).with_context(|| format!("cannot read {}", folder.display()))?;
    let mut files: Vec<_> = entries.filter_map(|entry| Some(entry.ok()?.path())).collect();
    files.retain(|path| path.extension().is_some_and(|end| end == "pem"));
    files.sort();
    ensure!(!files.is_empty(), "{} holds no key file, such as user0.pem", folder.display());
    files.iter().map(|path| homes::key(path)).collect()
}

/// Sends everything. Returns the reason if the run was given up.
async fn send(
    nodes: &[Client],
    lanes: Vec<Lane>,
    from: Height,
    board: &SharedBoard,
    witness: &SharedWitness,
    screen: &Screen,
) -> Option<String> {
    // A node that is away is asked again for ever: to us it is always up.
    let up = |client: &Client| NodeState::Up { generation: 0, pid: 0, client: client.clone() };
    let (ends, watched): (Vec<_>, Vec<_>) = nodes
        .iter()
        .map(|client| {
            let (end, state) = watch::channel(up(client));
            (end, Watched { state })
        })
        .unzip();
    let mut tasks = JoinSet::new();
    for (node, lane) in lanes.into_iter().enumerate() {
        let watched = watched[node % watched.len()].clone();
        tasks.spawn(Sender { node, lane, watched, board: board.clone(), drip: None }.run());
    }
    tasks.spawn(Follower { nodes: watched, from, board: board.clone(), witness: witness.clone() }.run());
    let gave_up = until_settled(board, screen).await;
    tasks.shutdown().await;
    drop(ends);
    screen.clear();
    gave_up
}

async fn until_settled(board: &SharedBoard, screen: &Screen) -> Option<String> {
    let screen = screen.with_bar(board.with(|board| board.counts().lines));
    loop {
        let (counts, quiet_for) = board.with(|board| (board.counts().clone(), board.last_progress().elapsed()));
        screen.progress(counts.settled(), &format!("final {}  refused {}", counts.finalised, counts.refused_total()));
        if counts.all_settled() {
            screen.clear();
            return None;
        }
        if quiet_for > GIVE_UP_AFTER {
            screen.clear();
            return Some(format!(
                "nothing happened for {} s: {}",
                GIVE_UP_AFTER.as_secs(),
                board.with(|b| b.waiting())
            ));
        }
        sleep(TICK).await;
    }
}

/// Last status of each node, once all are equal or time is over.
async fn one_tip(nodes: &[Client]) -> Vec<NodeEnd> {
    let mut ends = vec![];
    let same = async {
        loop {
            ends = last_words(nodes).await;
            if is_one(&ends) {
                return;
            }
            sleep(TICK).await;
        }
    };
    // Their last statuses are in the report.
    drop(timeout(ONE_TIP_WITHIN, same).await);
    ends
}

async fn last_words(nodes: &[Client]) -> Vec<NodeEnd> {
    let mut ends = vec![];
    for node in nodes {
        let status = node.status().await.ok();
        let (height, tip) = (status.as_ref().map(|it| it.height), status.map(|it| it.tip));
        ends.push(NodeEnd { api: node.url().into(), height, tip });
    }
    ends
}

fn is_one(ends: &[NodeEnd]) -> bool {
    ends.iter().all(|end| end.tip.is_some() && end.tip == ends[0].tip)
}

fn report(
    genesis: &VerifiedGenesis,
    nodes: &[Client],
    board: &Board,
    ends: Vec<NodeEnd>,
    problems: Vec<String>,
) -> Report {
    let counts = board.counts();
    let times = board.blocks().windows(2).filter(|pair| pair[0].lines > 0 && pair[1].lines > 0);
    let pauses = times.map(|pair| pair[1].time.0.saturating_sub(pair[0].time.0));
    let one_tip = ends.len() == nodes.len() && is_one(&ends);
    Report {
        chain: genesis.short_name(),
        lines: counts.lines,
        accepted: counts.accepted,
        refused: counts.refused.iter().map(|(code, count)| (code.to_string(), *count)).collect(),
        finalised: counts.finalised,
        blocks: board.blocks().iter().filter(|block| block.lines > 0).count(),
        seconds: board.duration().as_secs_f64(),
        longest_pause_ms: pauses.max().unwrap_or(0),
        ok: one_tip && problems.is_empty() && counts.all_settled(),
        nodes: ends,
        one_tip,
        problems,
    }
}

fn shown(report: &Report) -> String {
    let mark = |good: bool| if good { '✓' } else { '✗' };
    let rate = if report.seconds > 0.0 { report.finalised as f64 / report.seconds } else { 0.0 };
    let refused: Vec<_> = report.refused.iter().map(|(code, count)| format!("{count} {code}")).collect();
    let mut text = format!(
        "  chain {}: {} lines in {} blocks, {:.2} s: {rate:.0} final a second (longest pause {} ms)\n\n",
        report.chain, report.finalised, report.blocks, report.seconds, report.longest_pause_ms
    );
    let all = report.finalised + report.refused.values().sum::<u64>() == report.lines;
    text += &format!(
        "  {} {} lines sent, {} accepted, {} final",
        mark(all),
        report.lines,
        report.accepted,
        report.finalised
    );
    text += &if refused.is_empty() { "\n".into() } else { format!(", refused: {}\n", refused.join(", ")) };
    text += &format!("  {} one tip on all {} nodes\n", mark(report.one_tip), report.nodes.len());
    for node in report.nodes.iter().filter(|_| !report.one_tip) {
        let tip = node.tip.map_or("no answer".into(), |tip| tip.short());
        text += &format!("      {} at {}: {tip}\n", node.api, node.height.map_or(String::new(), |it| it.to_string()));
    }
    report.problems.iter().for_each(|problem| text += &format!("  ✗ {problem}\n"));
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    fn end(tip: Option<Hash32>) -> NodeEnd {
        NodeEnd { api: "a".into(), height: Some(Height(1)), tip }
    }

    #[test]
    fn nodes_agree_only_if_all_answer_the_same() {
        let (a, b) = (Some(Hash32([1; 32])), Some(Hash32([2; 32])));
        assert!(is_one(&[end(a), end(a)]));
        assert!(!is_one(&[end(a), end(b)]) && !is_one(&[end(a), end(None)]) && !is_one(&[end(None)]));
    }

    #[test]
    fn a_folder_without_keys_is_refused_by_name() {
        let folder = tempfile::tempdir().unwrap();
        let refused = keys(folder.path()).unwrap_err().to_string();
        assert!(refused.contains("holds no key file"), "{refused}");
    }
}
