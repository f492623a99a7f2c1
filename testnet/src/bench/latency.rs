//! Time of a transaction from its submit until its own node reports it as final.
//!
//! An open loop: transactions are sent when their time has come, whatever became of those before, so that a slow answer
//! cannot hide.

use super::finality::Finality;
use super::supply::Batch;
use crate::load::latency::Latency;
use blockchat_client::Client;
use blockchat_proto::transaction::TransactionId;
use blockchat_proto::units::Height;
use std::collections::{BTreeMap, VecDeque};
use std::time::{Duration, Instant};
use tokio::task::JoinSet;
use tokio::time::{sleep, sleep_until};

/// How often transactions are sent to each node at a steady rate.
pub const TICK: Duration = Duration::from_millis(20);

/// A submit that is not accepted within this is a failure.
const ACCEPTED_WITHIN: Duration = Duration::from_secs(120);
/// Pause before a node that has no room is tried again.
const AGAIN_AFTER: Duration = Duration::from_millis(20);

/// A submit that is in.
#[derive(Clone, Debug)]
pub struct Sent {
    /// To this node.
    pub node: usize,
    /// Before it was on its way.
    pub at: Instant,
    /// Its transactions.
    pub ids: Vec<TransactionId>,
}

/// Sends one batch of each lane every [`TICK`]; nodes take turns within it.
pub async fn send_steadily(clients: &[Client], lanes: Vec<VecDeque<Batch>>) -> Result<Vec<Sent>, String> {
    let begun = tokio::time::Instant::now();
    let apart = TICK / u32::try_from(clients.len()).unwrap_or(1);
    let mut tasks = JoinSet::new();
    let mut first = begun;
    for (node, (client, lane)) in clients.iter().zip(lanes).enumerate() {
        let mut due = first;
        for batch in lane {
            let client = client.clone();
            tasks.spawn(async move {
                sleep_until(due).await;
                send(&client, node, batch).await
            });
            due += TICK;
        }
        first += apart;
    }
    let mut sent = vec![];
    while let Some(done) = tasks.join_next().await {
        sent.push(done.map_err(|error| error.to_string())??);
    }
    Ok(sent)
}

/// Sends one batch after the other, each when the one before has long been final everywhere.
pub async fn send_alone(
    clients: &[Client],
    lanes: Vec<VecDeque<Batch>>,
    pause: Duration,
    finality: &mut Finality,
) -> Result<Vec<Sent>, String> {
    let mut sent = vec![];
    for (node, batch) in lanes.into_iter().enumerate().flat_map(|(node, lane)| lane.into_iter().map(move |b| (node, b)))
    {
        let before = finality.everywhere();
        sent.push(send(&clients[node], node, batch).await?);
        while finality.everywhere() <= before {
            finality.change().await;
        }
        sleep(pause).await;
    }
    Ok(sent)
}

/// A node that is busy or slow to answer is asked again: submitting is idempotent, and the clock runs on.
async fn send(client: &Client, node: usize, batch: Batch) -> Result<Sent, String> {
    let at = Instant::now();
    loop {
        match client.submit_encoded(batch.bytes.clone()).await {
            Ok(verdicts) => {
                let refusal = verdicts.iter().find_map(|verdict| verdict.code.as_ref());
                let refusal = refusal.map(|code| format!("a transfer was refused: {code}"));
                return refusal.map_or(Ok(Sent { node, at, ids: batch.ids }), Err);
            }
            Err(error) if at.elapsed() > ACCEPTED_WITHIN => return Err(format!("a submit failed: {error}")),
            Err(_) => sleep(AGAIN_AFTER).await,
        }
    }
}

impl Latency {
    /// Of these submits, by the heights their transactions are final in.
    pub fn of(sent: &[Sent], heights: &BTreeMap<TransactionId, Height>, finality: &Finality) -> Option<Self> {
        let mut waits = vec![];
        for submit in sent {
            for height in submit.ids.iter().filter_map(|id| heights.get(id)) {
                let at = finality.at_node(submit.node, *height)?;
                waits.push(at.duration_since(submit.at));
            }
        }
        Self::of_waits(waits)
    }
}
