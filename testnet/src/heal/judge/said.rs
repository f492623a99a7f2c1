//! Claims about what nodes say: in their status, in their logs.

use super::Outcome;
use crate::heal::record::Seen;
use crate::heal::scenario::{Limit, Who};
use crate::heal::stage::Stage;
use crate::processes::logs;
use std::time::Instant;

impl Stage<'_> {
    pub(super) async fn says_why_silent(&self, who: Who, words: &str, limit: &Limit) -> Outcome {
        let nodes = self.nodes_of(who).await;
        let mut said = None;
        let mut outcome = self
            .each(&nodes, limit, "says_why_ms", |record, node| match record.now(node) {
                Some(Seen::Silent(reason)) if reason.contains(words) => {
                    said = Some(reason.clone());
                    Some(Instant::now())
                }
                _ => None,
            })
            .await;
        outcome.said.extend(said.map(|said| format!(": \"{said}\"")));
        outcome
    }

    pub(super) async fn logs(&self, who: Who, words: &str, limit: &Limit) -> Outcome {
        let nodes = self.nodes_of(who).await;
        let mut line = None;
        let mut outcome = self
            .each(&nodes, limit, "says_ms", |_, node| {
                let log = std::fs::read_to_string(logs::path(&self.file.nodes[node].home)).unwrap_or_default();
                line = log.lines().rev().find(|line| line.contains(words)).map(str::to_owned);
                line.is_some().then(Instant::now)
            })
            .await;
        outcome.said.extend(line.map(|line| format!(": \"{}\"", line.trim())));
        outcome
    }
}
