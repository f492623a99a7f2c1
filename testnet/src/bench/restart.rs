//! A node is killed with -9 over a store that has grown: how long until it serves, and until it is back at the tip.

use super::cluster::{Cluster, Plan};
use super::feed::Feed;
use super::finality::Finality;
use super::supply::Accounts;
use super::verdict::{self, Chain};
use crate::links::shape::Wan;
use crate::screen::Screen;
use anyhow::{Result, anyhow};
use blockchat_proto::genesis::Parameters;
use blockchat_proto::transaction::TransactionId;
use blockchat_proto::units::Height;
use serde::Serialize;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};
use tokio::time::sleep;

/// Load accounts.
const ACCOUNTS: usize = 4_096;
/// Transactions in one submit.
const BATCH: usize = 256;
/// Signed and fed at a time.
const PART: usize = 50_000;
/// How often a growing or returning node is looked at.
const LOOK_EVERY: Duration = Duration::from_millis(5);

/// The measurements.
#[derive(Clone, Debug, Serialize)]
pub struct RestartReport {
    /// Validators.
    pub nodes: usize,
    /// In the store when the node was killed.
    pub transactions: usize,
    /// Its height then.
    pub height: Height,
    /// Length of its store, in bytes.
    pub store_bytes: u64,
    /// From the start of the process until it answers.
    pub serves_after_ms: u64,
    /// From the start of the process until it has everything that the others decided meanwhile.
    pub at_tip_after_ms: u64,
    /// Blocks that the others decided while it was away.
    pub missed: u64,
    /// The faults, in words.
    pub problems: Vec<String>,
    /// Nothing is.
    pub ok: bool,
}

/// Grows the stores, kills the last node, starts it again.
pub async fn run(
    node_bin: PathBuf,
    nodes: usize,
    transactions: usize,
    dir: &Path,
    screen: &Screen,
) -> Result<RestartReport> {
    let plan = Plan {
        node_bin,
        nodes,
        capacity: Parameters::default().capacity,
        block_interval_ms: None,
        wan: Wan::default(),
    };
    let mut accounts = Accounts::new(ACCOUNTS, nodes);
    let mut cluster = Cluster::start(&plan, dir, &accounts).await?;
    let finality = Finality::listen(&cluster.clients());
    let mut accepted = vec![];
    while accepted.len() < transactions {
        let more = PART.min(transactions - accepted.len()).div_ceil(BATCH * nodes);
        grow(&mut cluster, &mut accounts, more, &mut accepted).await?;
        let megabytes = cluster.store_bytes(0) as f64 / 1e6;
        screen.note(&format!("{} transfers are final, a store has {megabytes:.0} MB", accepted.len()));
    }
    let victim = nodes - 1;
    let height = cluster.client(victim).status().await?.height;
    cluster.kill(victim).await?;
    let name = cluster.name(victim).to_owned();
    screen.note(&format!("killed {name} with -9 at height {height}"));
    let clients = cluster.clients();
    let mut lanes = accounts.sign(cluster.genesis.hash(), 1, BATCH);
    let away = lanes.pop();
    accounts.take_back(away.into_iter().flatten());
    finish(Feed::start(&clients[..victim], lanes, usize::MAX), &mut accepted).await?;
    let others = others_at_tip(&clients[..victim]).await?;
    let store_bytes = cluster.store_bytes(victim);
    let begun = Instant::now();
    cluster.start_again(victim).await?;
    let serves_after = begun.elapsed();
    while cluster.client(victim).status().await?.height < others {
        sleep(LOOK_EVERY).await;
    }
    let at_tip_after = begun.elapsed();
    screen.note(&format!("{name} is back; reading the whole chain"));
    let chain = Chain::read(&cluster.client(victim)).await?;
    let verdict = verdict::pass(&cluster, &chain, &accepted, &finality).await;
    cluster.stop().await;
    Ok(RestartReport {
        nodes,
        transactions: chain.heights.len(),
        height,
        store_bytes,
        serves_after_ms: millis(serves_after),
        at_tip_after_ms: millis(at_tip_after),
        missed: others.0.saturating_sub(height.0),
        ok: verdict.problems.is_empty(),
        problems: verdict.problems,
    })
}

async fn grow(
    cluster: &mut Cluster,
    accounts: &mut Accounts,
    batches: usize,
    accepted: &mut Vec<TransactionId>,
) -> Result<()> {
    let lanes = accounts.sign(cluster.genesis.hash(), batches, BATCH);
    let clients = cluster.clients();
    let capacity = usize::try_from(cluster.genesis.genesis().parameters.capacity)?;
    finish(Feed::start(&clients, lanes, capacity), accepted).await?;
    others_at_tip(&clients).await?;
    cluster.death().map_or(Ok(()), |death| Err(anyhow!(death)))
}

/// Waits until everything of a feed is in.
async fn finish(mut feed: Feed, accepted: &mut Vec<TransactionId>) -> Result<()> {
    while !feed.is_used_up() {
        sleep(LOOK_EVERY).await;
    }
    let fed = feed.end().await;
    accepted.extend(fed.ids);
    fed.problems.into_iter().next().map_or(Ok(()), |problem| Err(anyhow!(problem)))
}

/// Waits until these nodes have empty pools and one tip; its height.
async fn others_at_tip(clients: &[blockchat_client::Client]) -> Result<Height> {
    loop {
        let statuses = futures::future::try_join_all(clients.iter().map(blockchat_client::Client::status)).await?;
        if statuses.iter().all(|status| status.pool_transactions == 0 && status.height == statuses[0].height) {
            return Ok(statuses[0].height);
        }
        sleep(10 * LOOK_EVERY).await;
    }
}

fn millis(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}

/// The page.
pub fn render(report: &RestartReport) -> String {
    let mut page = vec![format!(
        "\n  killed with -9 over a store of {:.0} MB with {} transfers, height {}:\n  serves after {} ms, back at the tip \
         after {} ms, {} blocks later",
        report.store_bytes as f64 / 1e6,
        report.transactions,
        report.height,
        report.serves_after_ms,
        report.at_tip_after_ms,
        report.missed
    )];
    page.extend(report.problems.iter().map(|problem| format!("  ✗ {problem}")));
    if report.ok {
        page.push("  ✓ everything that was accepted is final on all nodes, coins conserved".into());
    }
    page.join("\n")
}
