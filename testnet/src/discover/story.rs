//! The steps of a story: one address, all know all, silence, the first node is gone for good, a new one joins, all are
//! killed, and only their books are left.
//!
//! Start reading at [`play`].

use super::idle;
use super::look::Look;
use super::report::Run;
use super::site::Site;
use crate::screen::Screen;
use anyhow::Result;
use std::path::Path;
use std::time::{Duration, Instant};
use tokio::time::sleep;

/// Timeout of a claim.
const GIVE_UP_AFTER: Duration = Duration::from_secs(180);
/// Interval between requests to all nodes.
const LOOK_EVERY: Duration = Duration::from_millis(200);

/// The surroundings of one story.
#[derive(Clone, Copy, Debug)]
pub struct Plan<'a> {
    /// The node program.
    pub node_bin: &'a Path,
    /// The folder of the homes.
    pub dir: &'a Path,
    /// Number of nodes.
    pub nodes: usize,
    /// Duration of the measured silence.
    pub seconds: u64,
    /// Time between empty blocks.
    pub idle_block_interval: Duration,
}

/// Reasons why a story ends early.
enum Stop {
    /// A claim does not hold.
    Wrong(String),
    /// It cannot run.
    Unable(anyhow::Error),
}

impl From<String> for Stop {
    fn from(reason: String) -> Self {
        Self::Wrong(reason)
    }
}

impl From<anyhow::Error> for Stop {
    fn from(error: anyhow::Error) -> Self {
        Self::Unable(error)
    }
}

/// Runs the story for one number of nodes. Failed claims are in the report; an error means that it could not
/// run.
pub async fn play(plan: Plan<'_>, screen: &Screen) -> Result<Run> {
    let mut run = Run { nodes: plan.nodes, ..Run::default() };
    let mut site = Site::prepare(plan.node_bin, plan.dir, plan.nodes, plan.idle_block_interval)?;
    let acts = async {
        from_one_address(plan, &mut site, &mut run, screen).await?;
        silence(plan, &site, &mut run, screen).await?;
        without_the_first(plan, &mut site, &mut run, screen).await?;
        from_their_books(plan, &mut site, &mut run, screen).await
    };
    match acts.await {
        Ok(()) => run.ok = true,
        Err(Stop::Wrong(reason)) => {
            say(plan, screen, &reason);
            run.problem = Some(reason);
        }
        Err(Stop::Unable(error)) => return Err(error),
    }
    Ok(run)
}

fn say(plan: Plan<'_>, screen: &Screen, text: &str) {
    screen.note(&format!("{} nodes: {text}", plan.nodes));
}

async fn from_one_address(plan: Plan<'_>, site: &mut Site, run: &mut Run, screen: &Screen) -> Result<(), Stop> {
    site.start(&[0], &[]).await?;
    let first = site.address(0);
    let others: Vec<_> = (1..plan.nodes).collect();
    site.start(&others, &[first]).await?;
    run.all_know_all_s = Some(all_know_all(site).await.map_err(|reason| format!("from one address: {reason}"))?);
    say(
        plan,
        screen,
        &format!("all know all, {:.1} s after the last answered", run.all_know_all_s.unwrap_or_default()),
    );
    Ok(())
}

/// The traffic of discovery, once the network is calm.
async fn silence(plan: Plan<'_>, site: &Site, run: &mut Run, screen: &Screen) -> Result<(), Stop> {
    let clients = site.clients();
    run.sent_until_calm = Some(idle::until_calm(&clients, plan.idle_block_interval).await?);
    run.idle = Some(idle::measure(&clients, plan.seconds).await?);
    let calm = site.look().await?;
    run.connections = calm.connections();
    run.latency_ms = calm.latency_ms();
    run.sources = calm.sources();
    say(plan, screen, &format!("idle traffic measured for {} s", plan.seconds));
    Ok(())
}

/// Nothing is special about the node that all others dialled first.
async fn without_the_first(plan: Plan<'_>, site: &mut Site, run: &mut Run, screen: &Screen) -> Result<(), Stop> {
    site.kill(0).await?;
    let new = site.add_observer()?;
    let other = site.address(plan.nodes / 2);
    site.start(&[new], &[other]).await?;
    let seconds = all_know_all(site).await;
    run.new_node_s = Some(seconds.map_err(|reason| format!("without the first, and with a new one: {reason}"))?);
    say(
        plan,
        screen,
        &format!("the first is gone for good, a new one known after {:.1} s", run.new_node_s.unwrap_or_default()),
    );
    Ok(())
}

async fn from_their_books(plan: Plan<'_>, site: &mut Site, run: &mut Run, screen: &Screen) -> Result<(), Stop> {
    books_are_written(site).await?;
    let rest = site.running();
    for index in &rest {
        site.kill(*index).await?;
    }
    site.start(&rest, &[]).await?;
    let seconds = all_know_all(site).await;
    run.from_books_s = Some(seconds.map_err(|reason| format!("from their books alone: {reason}"))?);
    say(
        plan,
        screen,
        &format!("all killed and back from their books after {:.1} s", run.from_books_s.unwrap_or_default()),
    );
    Ok(())
}

/// Waits until all know all, then until all are at one tip that has moved since. Returns the first time, in seconds.
async fn all_know_all(site: &Site) -> Result<f64, String> {
    let begun = Instant::now();
    let found = until(site, Look::unknown).await?;
    let seconds = (begun.elapsed().as_secs_f64() * 10.0).round() / 10.0;
    until(site, |look| look.apart(found.height())).await?;
    Ok(seconds)
}

/// Waits until the books on the disks hold all connected nodes.
async fn books_are_written(site: &Site) -> Result<(), String> {
    let unwritten = |look: &Look| {
        look.0.iter().find_map(|node| {
            let book = site.book(&node.name);
            let missing = node.peers.iter().find(|peer| !book.contains(&peer.peer_id))?;
            Some(format!("the book of {} does not hold {}, with which it is connected", node.name, missing.peer_id))
        })
    };
    until(site, unwritten).await.map(drop)
}

/// Repeats the look until nothing is missing. Returns the last reason after the timeout.
async fn until(site: &Site, missing: impl Fn(&Look) -> Option<String>) -> Result<Look, String> {
    let begun = Instant::now();
    loop {
        let reason = match site.look().await {
            Ok(look) => match missing(&look) {
                None => return Ok(look),
                Some(reason) => reason,
            },
            Err(reason) => reason,
        };
        if begun.elapsed() > GIVE_UP_AFTER {
            return Err(format!("{reason}, after {} s", GIVE_UP_AFTER.as_secs()));
        }
        sleep(LOOK_EVERY).await;
    }
}
