//! Judging claims: waits for what is claimed, measures how long it took, and says whether that was in time.
//!
//! Always true: a claim about a time is judged by what was measured, and what comes too late is still waited for (until
//! patience ends), so that the report says how late it was.
//! The map: `blocks`, `comeback`, `members`, `said` have the claims by what they are about; what they share is here.

mod blocks;
mod comeback;
mod members;
mod said;

use super::record::Record;
use super::scenario::{Claim, Limit};
use super::stage::Stage;
use blockchat_client::shapes::BlockView;
use blockchat_proto::units::Height;
use std::collections::BTreeMap;
use std::time::{Duration, Instant};

/// The result of a claim.
#[derive(Clone, Debug)]
pub(in crate::heal) struct Outcome {
    pub(in crate::heal) held: bool,
    /// In words.
    pub(in crate::heal) said: String,
    /// Times in ms, and counts, by name.
    pub(in crate::heal) measured: BTreeMap<String, u64>,
    /// It never came: what follows in the story would only be waited for in vain.
    pub(in crate::heal) gave_up: bool,
}

impl Outcome {
    pub(in crate::heal) fn of(held: bool, said: String) -> Self {
        Self { held, said, measured: BTreeMap::new(), gave_up: false }
    }

    fn never(self, gave_up: bool) -> Self {
        Self { gave_up, ..self }
    }

    fn with(mut self, name: &str, value: u64) -> Self {
        self.measured.insert(name.to_owned(), value);
        self
    }
}

fn ms(time: Duration) -> u64 {
    u64::try_from(time.as_millis()).unwrap_or(u64::MAX)
}

impl Stage<'_> {
    /// Waits for what is claimed; whether it came, and in time.
    pub(in crate::heal) async fn judge(&mut self, claim: &Claim) -> Outcome {
        match claim {
            Claim::PauseAtMost { of, limit, blocks } => self.pause_at_most(*of, limit, *blocks).await,
            Claim::NoBlock { during } => self.no_block(*during).await,
            Claim::BlockWithin { of, limit } => self.block_within(*of, limit).await,
            Claim::AtTheTip { who, limit } => self.at_the_tip(*who, limit).await,
            Claim::VotesAgain { who, limit } => self.votes_again(*who, limit).await,
            Claim::ForgotNothing { who } => self.forgot_nothing(*who).await,
            Claim::AllConnected { limit } => self.all_connected(limit).await,
            Claim::SaysWhySilent { who, words, limit } => self.says_why_silent(*who, words, limit).await,
            Claim::SignsNothing { who, during } => self.signs_nothing(*who, *during).await,
            Claim::NoFailedRound { blocks, after } => self.no_failed_round(*blocks, *after).await,
            Claim::Validators { count, limit } => self.validators(*count, limit).await,
            Claim::CatchesUp { who, limit, eta_percent, others_lose_percent } => {
                self.catches_up(*who, limit, *eta_percent, *others_lose_percent).await
            }
            Claim::Logs { who, words, limit } => self.logs(*who, words, limit).await,
        }
    }

    /// The time that is allowed, on this machine.
    fn allowed(&self, limit: &Limit) -> Duration {
        limit.on(&self.genesis.genesis().parameters) * self.plan.slack
    }

    /// How long something is waited for that should come within `limit`.
    fn patience_for(&self, limit: Duration) -> Duration {
        limit + self.plan.patience
    }

    /// Waits for something of each node; how long each took, from the latest break or heal on.
    async fn each(
        &self,
        nodes: &[usize],
        limit: &Limit,
        name: &str,
        mut see: impl FnMut(&Record, usize) -> Option<Instant>,
    ) -> Outcome {
        let (since, allowed) = (self.since, self.allowed(limit));
        let mut came: BTreeMap<usize, Duration> = BTreeMap::new();
        let all = self.until(self.patience_for(allowed), |record| {
            for node in nodes {
                if !came.contains_key(node)
                    && let Some(at) = see(record, *node)
                {
                    came.insert(*node, at.saturating_duration_since(since));
                }
            }
            (came.len() == nodes.len()).then_some(())
        });
        let all = all.await.is_some();
        let slowest = came.values().max().copied().unwrap_or(Duration::ZERO);
        let late: Vec<_> =
            nodes.iter().filter(|node| !came.contains_key(node)).map(|node| self.network.name_of(*node)).collect();
        let said = match late.is_empty() {
            true => format!("after {} ms", ms(slowest)),
            false => format!("not {} after {} ms", late.join(", "), ms(since.elapsed())),
        };
        let mut outcome = Outcome::of(all && slowest <= allowed, said).with(name, ms(slowest)).never(!all);
        for (node, time) in came {
            outcome = outcome.with(&format!("{name}.{}", self.network.name_of(node)), ms(time));
        }
        outcome
    }

    /// A final block, from whichever node has it.
    async fn block(&self, height: Height) -> Option<BlockView> {
        for node in self.all() {
            if let Some(client) = self.network.client(node)
                && let Ok(Some(block)) = client.block_at(height).await
            {
                return Some(block);
            }
        }
        None
    }

    fn height_of_all(&self) -> Height {
        let all: Vec<_> = self.all().collect();
        self.record.with(|record| record.height(&all))
    }
}
