//! Watches every node while a story is played: its block events as they come, its status often.
//!
//! Owns: asking. Does not own: what is written down (`record`, `witness`).

use super::record::{Seen, SharedRecord};
use crate::processes::supervise::Watched;
use crate::witness::SharedWitness;
use blockchat_client::shapes::{Phase, StatusView};
use blockchat_proto::units::Height;
use std::time::{Duration, Instant};
use tokio::time::{sleep, timeout};

/// How often a node is asked how it is.
const ASK_EVERY: Duration = Duration::from_millis(50);
/// A node that takes longer to answer is shown as down.
const ANSWER_WITHIN: Duration = Duration::from_secs(2);
/// Pause before a stream that ended is opened again.
const OPEN_AGAIN_AFTER: Duration = Duration::from_millis(20);

/// Watches one node until it is dropped.
#[derive(Clone, Debug)]
pub(super) struct Observer {
    node: usize,
    watched: Watched,
    record: SharedRecord,
    witness: SharedWitness,
    /// Blocks it had reported when it was seen to be down.
    before: Height,
}

impl Observer {
    pub(super) fn new(node: usize, watched: Watched, record: SharedRecord, witness: SharedWitness) -> Self {
        Self { node, watched, record, witness, before: Height(0) }
    }

    /// Writes down each block that the node reports, as soon as it does.
    pub(super) async fn listen(self) {
        loop {
            if let Some(client) = self.watched.client()
                && let Ok(mut events) = client.events(None).await
            {
                while let Ok(Some(block)) = events.next().await {
                    self.witness.with(|witness| witness.saw(self.node, block.height, block.hash));
                    self.record.with(|record| record.tip(self.node, block.height, Instant::now()));
                }
            }
            sleep(OPEN_AGAIN_AFTER).await;
        }
    }

    /// Writes down how the node is.
    pub(super) async fn look(mut self) {
        let mut generation = self.watched.generation();
        loop {
            let now_running = self.watched.generation();
            if now_running.is_none() {
                let reported = self.witness.with(|witness| witness.highest(self.node));
                self.before = reported.map_or(Height(0), |(height, _)| height);
            }
            let status = self.status().await;
            if now_running.is_some()
                && now_running != generation
                && let Some(status) = &status
            {
                generation = now_running;
                self.first_word(status.height);
            }
            self.record.with(|record| {
                let at = Instant::now();
                if let Some(status) = &status {
                    record.tip(self.node, status.height, at);
                    record.tracks[self.node].validators = status.validators.len();
                }
                record.tracks[self.node].peers = status.as_ref().map_or(0, |status| status.peers);
                record.state(self.node, status.as_ref().map_or(Seen::Down, seen), at);
            });
            if let Some(status) = &status {
                self.witness.with(|witness| witness.saw(self.node, status.height, status.tip));
            }
            sleep(ASK_EVERY).await;
        }
    }

    async fn status(&self) -> Option<StatusView> {
        let client = self.watched.client()?;
        timeout(ANSWER_WITHIN, client.status()).await.ok()?.ok()
    }

    /// The height it knows when it is back, beside the one it had reported.
    fn first_word(&self, height: Height) {
        self.record.with(|record| record.tracks[self.node].first_words.push((height, self.before)));
    }
}

fn seen(status: &StatusView) -> Seen {
    match (&status.phase, &status.silence) {
        (Phase::CatchingUp { .. }, _) => Seen::CatchingUp,
        (Phase::WaitingForStake { online_percent, missing }, _) => {
            Seen::Waiting { online_percent: online_percent.clone(), missing: missing.clone() }
        }
        (_, Some(reason)) => Seen::Silent(reason.clone()),
        _ => Seen::Working,
    }
}
