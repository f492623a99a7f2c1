//! The dashboard where no terminal is: a line for each final block, and one for each new answer to how it is.
//!
//! Always true: every height is told once, in order, and only once its block is known, or was not told within a few
//! seconds; with JSON each line is one object, whose `event` says what it is.

use crate::model::Model;
use crate::verdict::{Level, Verdict};
use crate::words::{bytes, count, millis, thousands, time_of_day};
use blockchat_host::stream::go_on_saying;
use blockchat_proto::units::UnixMillis;
use serde_json::json;
use std::io;

/// A block's details come within this time, or its line goes without.
const DETAILS_MS: u64 = 3_000;

/// See the module.
#[derive(Debug, Default)]
pub(crate) struct Plain {
    json: bool,
    height: Option<u64>,
    verdict: Option<(Level, String)>,
}

impl Plain {
    /// For people, or with JSON for programs.
    pub(crate) fn new(json: bool) -> Self {
        Self { json, ..Self::default() }
    }

    /// Prints the news. `false` if the output is closed.
    pub(crate) fn show(&mut self, model: &Model) -> io::Result<bool> {
        for line in self.lines(model) {
            if !go_on_saying(&line, self.json)? {
                return Ok(false);
            }
        }
        Ok(true)
    }

    /// The lines that are due.
    fn lines(&mut self, model: &Model) -> Vec<String> {
        let mut lines: Vec<_> = self.verdict_line(model).into_iter().collect();
        let Some(tip) = model.chain.tip() else { return lines };
        // Of a chain that began anew, the old height says nothing.
        let from = self.height.filter(|height| *height <= tip).unwrap_or(tip.saturating_sub(1));
        for height in from.saturating_add(1)..=tip {
            let Some(seen) = model.chain.at(height) else { continue };
            let late = seen.came.is_none_or(|came| model.now.since(came) > DETAILS_MS);
            if seen.block.is_none() && !late {
                break;
            }
            self.height = Some(height);
            lines.push(self.block_line(model, height));
        }
        lines
    }

    fn verdict_line(&mut self, model: &Model) -> Option<String> {
        let Verdict { level, state, why, .. } = &model.verdict;
        let is_new = self.verdict.as_ref().is_none_or(|(old, text)| old != level || text != state);
        if !is_new {
            return None;
        }
        self.verdict = Some((*level, state.clone()));
        Some(if self.json {
            let level = format!("{level:?}").to_lowercase();
            json!({ "event": "state", "time": model.now, "level": level, "state": state, "why": why }).to_string()
        } else {
            format!("{}  {}", time_of_day(model.now.0), model.verdict.sentence())
        })
    }

    fn block_line(&self, model: &Model, height: u64) -> String {
        let seen = model.chain.at(height).cloned().unwrap_or_default();
        let nodes: Vec<_> = seen.hashes.values().flatten().copied().collect();
        let (block, wait) = (seen.block, model.chain.interval(height));
        let round = seen.decided_round.or_else(|| block.map(|block| block.round)).map(|round| round.0);
        let time = seen.came.or_else(|| block.map(|block| block.time)).unwrap_or(UnixMillis(0));
        let hash = block.map(|block| block.hash).or_else(|| seen.hashes.keys().next().copied());
        if self.json {
            return json!({
                "event": "block", "time": time, "height": height, "hash": hash,
                "leader": block.map(|block| block.leader), "round": round,
                "transactions": block.map(|block| block.transactions), "bytes": block.map(|block| block.bytes),
                "interval_ms": wait, "nodes": model.node_names(&nodes), "hashes": seen.hashes.len(),
            })
            .to_string();
        }
        let hash = hash.map(|hash| hash.short()).unwrap_or_default();
        let details = block.map_or_else(String::new, |block| {
            format!(
                "  {} r{}  {} tx  {}",
                model.name(&block.leader),
                round.unwrap_or(0),
                thousands(u64::from(block.transactions)),
                bytes(block.bytes)
            )
        });
        let wait = wait.map(|ms| format!("  after {}", millis(ms))).unwrap_or_default();
        format!(
            "{}  {}  {hash}{details}{wait}  on {}",
            time_of_day(time.0),
            thousands(height),
            count(nodes.len(), "node")
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fixture::World;

    #[test]
    fn every_height_is_told_once_and_in_order_and_so_is_each_new_state() {
        let (mut world, mut plain) = (World::running(5), Plain::new(false));
        let first = plain.lines(&world.model);
        assert_eq!(first[0], "12:00:05  GOES ON: 5 validators vote, 100.0 % of the stake");
        assert_eq!(first.len(), 2, "the tip, and nothing of before: {first:?}");
        assert_eq!(plain.lines(&world.model), [""; 0]);
        world.block();
        world.block();
        let lines = plain.lines(&world.model);
        assert!(lines[0].contains("  1,503  ") && lines[1].contains("  1,504  ") && lines.len() == 2, "{lines:?}");
        assert!(lines[0].contains("12 tx  3.0 KB") && lines[0].ends_with("on 5 nodes"), "{lines:?}");
        world.kill(2);
        let lines = plain.lines(&world.model);
        assert!(lines[0].contains("GOES ON without id2") && lines.len() == 1, "{lines:?}");
    }

    #[test]
    fn with_json_each_line_is_an_object_that_says_what_it_is() {
        let (world, mut plain) = (World::running(5), Plain::new(true));
        let lines = plain.lines(&world.model);
        let lines: Vec<serde_json::Value> = lines.iter().map(|line| serde_json::from_str(line).unwrap()).collect();
        assert_eq!((&lines[0]["event"], &lines[0]["level"]), (&"state".into(), &"good".into()));
        assert_eq!(
            (&lines[1]["event"], &lines[1]["height"], &lines[1]["hashes"]),
            (&"block".into(), &1_502.into(), &1.into())
        );
        assert_eq!(lines[1]["nodes"].as_array().map(Vec::len), Some(5));
    }
}
