//! Checks at the end of a run, answered by the nodes themselves.
//!
//! Owns: one tip, conserved coins, nothing final taken back. Does not own: what happened to the lines (`board`).

use crate::network::Network;
use crate::witness::SharedWitness;
use blockchat_client::Client;
use blockchat_client::shapes::{AccountView, StatusView};
use blockchat_proto::coins::Coins;
use blockchat_proto::genesis::Genesis;
use blockchat_proto::units::Height;
use futures::future::join_all;
use futures::stream::{self, StreamExt, TryStreamExt};
use std::time::{Duration, Instant};
use tokio::time::sleep;

/// Maximum time until all nodes report one tip, once nothing is sent any more.
const ONE_TIP_WITHIN: Duration = Duration::from_secs(60);
/// Interval between comparisons.
const COMPARE_EVERY: Duration = Duration::from_millis(50);
/// Number of accounts requested at a time.
const ASKED_AT_ONCE: usize = 16;
/// Maximum number of attempts to read all accounts without a block in between.
const READS_MAX: u32 = 50;

/// The last report of every node, and whether all are equal: height, tip and state root.
#[derive(Debug)]
pub struct Tips {
    /// One per node; `None` if it does not answer.
    pub last: Vec<Option<StatusView>>,
    /// Do all nodes answer, with equal reports?
    pub same: bool,
}

/// Waits until all nodes report one tip.
pub async fn one_tip(network: &Network) -> Tips {
    let begun = Instant::now();
    loop {
        let last = network.statuses().await;
        let same = is_same(&last);
        if same || begun.elapsed() > ONE_TIP_WITHIN || network.failure().is_some() {
            return Tips { last, same };
        }
        sleep(COMPARE_EVERY).await;
    }
}

fn is_same(statuses: &[Option<StatusView>]) -> bool {
    let tip = |status: &Option<StatusView>| status.as_ref().map(|s| (s.height, s.tip, s.state_root));
    let first = statuses.first().and_then(tip);
    first.is_some() && statuses.iter().all(|status| tip(status) == first)
}

/// Coins of the genesis, or `None` if they exceed the cap, which a verified genesis never does.
pub fn genesis_supply(genesis: &Genesis) -> Option<Coins> {
    let parts = genesis.accounts.iter().flat_map(|account| [account.balance, account.stake]);
    parts.chain([genesis.treasury]).try_fold(Coins::ZERO, Coins::checked_add)
}

/// Are there as many coins as at the genesis, to the micro-BCC? Adds up every account at one height and compares with
/// what the node itself says. An error says what is wrong.
pub async fn coins_conserved(client: &Client, genesis: &Genesis) -> Result<Coins, String> {
    let expected = genesis_supply(genesis).ok_or("the genesis has more coins than there may be")?;
    for _ in 0..READS_MAX {
        let asked = genesis.accounts.iter().map(|account| client.account(&account.address));
        let accounts: Result<Vec<_>, _> = stream::iter(asked).buffered(ASKED_AT_ONCE).try_collect().await;
        let accounts = accounts.map_err(|error| format!("the accounts cannot be read: {error}"))?;
        let status = client.status().await.map_err(|error| format!("the supply cannot be read: {error}"))?;
        if accounts.iter().any(|account| account.height != status.height) {
            continue;
        }
        let treasury = status.grants.as_ref().map_or(genesis.treasury, |grants| grants.treasury);
        let found = total(&accounts).and_then(|sum| sum.checked_add(treasury)).ok_or("too many coins")?;
        let burned = status.burned;
        if (found.checked_add(burned), status.supply.checked_add(burned)) != (Some(expected), Some(expected)) {
            let supply = status.supply;
            return Err(format!("the genesis has {expected} BCC, the accounts {found}, the node says {supply}"));
        }
        return Ok(found);
    }
    Err("blocks come too fast to read all accounts at one height".into())
}

fn total(accounts: &[AccountView]) -> Option<Coins> {
    accounts.iter().try_fold(Coins::ZERO, |sum, account| {
        let sum = sum.checked_add(account.balance)?.checked_add(account.stake)?;
        account.unbonding.iter().try_fold(sum, |sum, entry| sum.checked_add(entry.amount))
    })
}

/// Does every node still have, unchanged, each block it ever reported as final? One line for each that is missing.
pub async fn finals_kept(network: &Network, witness: &SharedWitness) -> Vec<String> {
    let checks = (0..network.nodes.len()).map(|node| finals_kept_by(network, witness, node));
    join_all(checks).await.into_iter().flatten().collect()
}

async fn finals_kept_by(network: &Network, witness: &SharedWitness, node: usize) -> Vec<String> {
    let said = witness.with(|witness| witness.said_by(node).clone());
    let name = network.name_of(node);
    let Some(client) = network.client(node) else {
        return vec![format!("{name} does not run")];
    };
    let mut missing = vec![];
    for (height, hash) in said.into_iter().filter(|(height, _)| *height > Height(0)) {
        match client.block_at(height).await {
            Ok(Some(block)) if block.hash == hash => {}
            Ok(Some(block)) => {
                missing.push(format!("{name} has {} at height {height}, it was {}", block.hash.short(), hash.short()));
            }
            Ok(None) => missing.push(format!("{name} lost height {height}, which it had reported as final")),
            Err(error) => missing.push(format!("{name} cannot show height {height}: {error}")),
        }
    }
    missing
}
