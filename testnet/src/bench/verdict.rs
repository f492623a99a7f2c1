//! Checks after a measurement, answered by the nodes themselves.
//!
//! Owns: that all submitted transactions are final, once; one tip; nothing final changed; conserved coins; and how many
//! transactions each block holds. Does not own: what was submitted.

use super::cluster::Cluster;
use super::finality::Finality;
use crate::checks;
use blockchat_client::shapes::StatusView;
use blockchat_client::{Client, ClientError};
use blockchat_proto::hash::Hash32;
use blockchat_proto::transaction::TransactionId;
use blockchat_proto::units::Height;
use futures::future::try_join_all;
use futures::stream::{self, StreamExt, TryStreamExt};
use std::collections::BTreeMap;
use std::time::{Duration, Instant};
use tokio::time::sleep;

/// How often nodes that differ are compared again.
const COMPARE_EVERY: Duration = Duration::from_millis(50);
/// Nodes that do not agree within this never will.
const ONE_TIP_WITHIN: Duration = Duration::from_secs(60);
/// A transaction that is not final within this time counts as lost.
const ALL_FINAL_WITHIN: Duration = Duration::from_secs(60);
/// Pause before the chain is read once more for what is missing.
const READ_AGAIN_AFTER: Duration = Duration::from_secs(2);
/// Blocks that are read at a time.
const READ_AT_ONCE: usize = 2;

/// The whole chain, by ids.
#[derive(Debug, Default)]
pub struct Chain {
    /// Hash and number of transactions of every block.
    pub blocks: BTreeMap<Height, (Hash32, usize)>,
    /// The places of all transactions.
    pub heights: BTreeMap<TransactionId, Height>,
    /// Transactions that are in the chain more than once.
    pub twice: usize,
}

impl Chain {
    /// Reads all blocks of one node from height 1 on.
    pub async fn read(client: &Client) -> Result<Self, ClientError> {
        let tip = client.status().await?.height;
        let asked = (1..=tip.0).map(|height| client.block_ids(Height(height)));
        let mut chain = Self::default();
        let mut blocks = stream::iter(asked).buffered(READ_AT_ONCE);
        while let Some(block) = blocks.try_next().await? {
            chain.blocks.insert(block.height, (block.hash, block.transactions.len()));
            for transaction in block.transactions {
                let before = chain.heights.insert(transaction.id, block.height);
                chain.twice += usize::from(before.is_some());
            }
        }
        Ok(chain)
    }

    /// Reads until all of these are in it: what waited on a shelf for an earlier nonce comes a little later. Gives up, with
    /// what there is, if waiting does not help.
    pub async fn read_all(client: &Client, wanted: &[TransactionId]) -> Result<Self, ClientError> {
        let begun = Instant::now();
        loop {
            let chain = Self::read(client).await?;
            let whole = wanted.iter().all(|id| chain.heights.contains_key(id));
            if whole || begun.elapsed() > ALL_FINAL_WITHIN {
                return Ok(chain);
            }
            sleep(READ_AGAIN_AFTER).await;
        }
    }

    /// Transactions of one block.
    pub fn count_at(&self, height: Height) -> usize {
        self.blocks.get(&height).map_or(0, |(_, count)| *count)
    }
}

/// The verdict.
#[derive(Debug, Default)]
pub struct Verdict {
    /// All nodes have one tip and one state root.
    pub same_tip: bool,
    /// As many coins as at the genesis.
    pub coins_conserved: bool,
    /// Everything accepted is final, once.
    pub all_final: bool,
    /// Nothing that was reported as final is missing or changed.
    pub finals_kept: bool,
    /// The faults, in words.
    pub problems: Vec<String>,
}

/// Asks for everything. `accepted`: what the nodes took.
pub async fn pass(cluster: &Cluster, chain: &Chain, accepted: &[TransactionId], finality: &Finality) -> Verdict {
    let mut verdict = Verdict::default();
    match one_tip(&cluster.clients()).await {
        Ok(()) => verdict.same_tip = true,
        Err(reason) => verdict.problems.push(reason),
    }
    match checks::coins_conserved(&cluster.client(0), cluster.genesis.genesis()).await {
        Ok(_) => verdict.coins_conserved = true,
        Err(reason) => verdict.problems.push(format!("coins are not conserved: {reason}")),
    }
    let lost = accepted.iter().filter(|id| !chain.heights.contains_key(*id)).count();
    verdict.all_final = lost == 0 && chain.twice == 0;
    if lost > 0 {
        verdict.problems.push(format!("{lost} of {} accepted transactions are not final", accepted.len()));
    }
    if chain.twice > 0 {
        verdict.problems.push(format!("{} transactions are in the chain more than once", chain.twice));
    }
    let broken = finals_broken(chain, finality);
    verdict.finals_kept = broken.is_empty();
    verdict.problems.extend(broken);
    verdict
}

/// Transactions that were reported as final and are not in the chain.
fn finals_broken(chain: &Chain, finality: &Finality) -> Vec<String> {
    let (reported, mut broken) = finality.reported();
    let highest = chain.blocks.last_key_value().map_or(Height(0), |(height, _)| *height);
    for (height, hash) in reported.range(Height(1)..=highest) {
        match chain.blocks.get(height) {
            Some((kept, _)) if kept == hash => {}
            _ => broken.push(format!("height {height} was reported final as {} and is not", hash.short())),
        }
    }
    broken
}

/// Waits until all nodes report one tip.
pub async fn one_tip(clients: &[Client]) -> Result<(), String> {
    let begun = Instant::now();
    loop {
        let statuses = try_join_all(clients.iter().map(Client::status)).await;
        let tips: Vec<_> = statuses.iter().flatten().map(tip).collect();
        if !tips.is_empty() && tips.iter().all(|other| *other == tips[0]) {
            return Ok(());
        }
        if begun.elapsed() > ONE_TIP_WITHIN {
            return Err("the nodes do not have one tip and one state root".into());
        }
        sleep(COMPARE_EVERY).await;
    }
}

fn tip(status: &StatusView) -> (Height, Hash32, Hash32) {
    (status.height, status.tip, status.state_root)
}
