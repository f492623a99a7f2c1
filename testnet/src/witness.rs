//! Records the blocks that each node reported as final, so that a change is noticed.
//!
//! Owns: the record (node, height, hash) of every status and block a node reported, and the contradictions between them.
//! Does not own: asking the nodes again afterwards (`checks`). Always true: the first thing a node said about a height is
//! kept.

use crate::processes::supervise::Watched;
use blockchat_proto::hash::Hash32;
use blockchat_proto::units::Height;
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use tokio::time::sleep;

/// Interval between requests for each node's tip.
const ASK_EVERY: Duration = Duration::from_millis(100);

/// The record of all reports.
#[derive(Debug, Default)]
pub struct Witness {
    /// Blocks that each node reported as final.
    said: Vec<BTreeMap<Height, Hash32>>,
    /// The first report about a height, of any node.
    first: BTreeMap<Height, (usize, Hash32)>,
    contradictions: Vec<String>,
}

impl Witness {
    /// An empty record for this number of nodes.
    pub fn new(nodes: usize) -> Self {
        Self { said: vec![BTreeMap::new(); nodes], ..Self::default() }
    }

    /// Records that `node` reports this hash for the final block of this height.
    pub fn saw(&mut self, node: usize, height: Height, hash: Hash32) {
        let (first, before) = *self.first.entry(height).or_insert((node, hash));
        let own = *self.said[node].entry(height).or_insert(hash);
        if before != hash || own != hash {
            let text = format!(
                "at height {height} id{first} reported {}, id{node} reported {}: a fork",
                before.short(),
                hash.short()
            );
            self.contradictions.push(text);
        }
    }

    /// A node that has reported this height or a higher one.
    pub fn who_reached(&self, height: Height) -> Option<usize> {
        self.said.iter().position(|said| said.last_key_value().is_some_and(|(last, _)| *last >= height))
    }

    /// The highest this node has reported.
    pub fn highest(&self, node: usize) -> Option<(Height, Hash32)> {
        self.said[node].last_key_value().map(|(height, hash)| (*height, *hash))
    }

    /// The highest reported height; the genesis at first.
    pub fn highest_of_all(&self) -> Height {
        self.first.last_key_value().map_or(Height(0), |(height, _)| *height)
    }

    /// Everything that this node has reported.
    pub fn said_by(&self, node: usize) -> &BTreeMap<Height, Hash32> {
        &self.said[node]
    }

    /// Contradictions, for people.
    pub fn contradictions(&self) -> &[String] {
        &self.contradictions
    }
}

/// The record, shared by all tasks of a run; locked for moments only.
#[derive(Clone, Debug)]
pub struct SharedWitness(Arc<Mutex<Witness>>);

impl SharedWitness {
    /// An empty record for this number of nodes.
    pub fn new(nodes: usize) -> Self {
        Self(Arc::new(Mutex::new(Witness::new(nodes))))
    }

    /// Reads or changes the record.
    pub fn with<T>(&self, use_it: impl FnOnce(&mut Witness) -> T) -> T {
        use_it(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// Asks one node for its tip again and again, until dropped.
    pub async fn listen(self, node: usize, watched: Watched) {
        loop {
            if let Some(client) = watched.client()
                && let Ok(status) = client.status().await
            {
                self.with(|witness| witness.saw(node, status.height, status.tip));
            }
            sleep(ASK_EVERY).await;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use blockchat_proto::hash::hash;

    #[test]
    fn two_hashes_at_one_height_are_a_fork_whoever_says_so() {
        let (a, b) = (hash("t", b"a"), hash("t", b"b"));
        let mut witness = Witness::new(2);
        witness.saw(0, Height(1), a);
        witness.saw(1, Height(1), a);
        assert!(witness.contradictions().is_empty());
        witness.saw(1, Height(2), a);
        witness.saw(0, Height(2), b);
        assert_eq!(witness.contradictions().len(), 1);
        witness.saw(0, Height(1), b);
        assert_eq!(witness.contradictions().len(), 2);
        assert_eq!(witness.said_by(0)[&Height(1)], a, "what was said first is kept");
    }

    #[test]
    fn who_is_ahead_is_known() {
        let mut witness = Witness::new(2);
        witness.saw(1, Height(4), Hash32::ZERO);
        assert_eq!(witness.who_reached(Height(3)), Some(1));
        assert_eq!(witness.who_reached(Height(5)), None);
        assert_eq!(witness.highest(0), None);
    }
}
