//! Blocks that every node reports as final, with the time: one event stream per node.
//!
//! Owns: the record, and contradictions in it. Does not own: what is in the blocks (`verdict` reads them afterwards, so
//! that reading does not disturb what is measured).
//! Always true: a height counts as final everywhere when the last node has reported it or a later one.

use blockchat_client::Client;
use blockchat_proto::hash::Hash32;
use blockchat_proto::units::Height;
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};
use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio::time::sleep;

/// Pause before a stream that ended is opened again.
const OPEN_AGAIN_AFTER: Duration = Duration::from_millis(50);

/// One node's word: at this time it reported this block as final.
#[derive(Clone, Copy, Debug)]
struct Word {
    hash: Hash32,
    at: Instant,
}

/// The record.
#[derive(Debug)]
struct Record {
    said: Vec<BTreeMap<Height, Word>>,
    forks: Vec<String>,
}

/// Listens to all nodes until it is dropped.
#[derive(Debug)]
pub struct Finality {
    record: Arc<Mutex<Record>>,
    changed: watch::Receiver<()>,
    _listeners: JoinSet<()>,
}

impl Finality {
    /// Begins to listen.
    pub fn listen(clients: &[Client]) -> Self {
        let said = vec![BTreeMap::new(); clients.len()];
        let record = Arc::new(Mutex::new(Record { said, forks: vec![] }));
        let (tell, changed) = watch::channel(());
        let tell = Arc::new(tell);
        let mut listeners = JoinSet::new();
        for (node, client) in clients.iter().cloned().enumerate() {
            let (record, tell) = (Arc::clone(&record), Arc::clone(&tell));
            listeners.spawn(async move {
                loop {
                    if let Ok(mut events) = client.events(None).await {
                        while let Ok(Some(block)) = events.next().await {
                            let word = Word { hash: block.hash, at: Instant::now() };
                            locked(&record).heard(node, block.height, word);
                            tell.send_replace(());
                        }
                    }
                    sleep(OPEN_AGAIN_AFTER).await;
                }
            });
        }
        Self { record, changed, _listeners: listeners }
    }

    /// The highest block that all nodes have reported.
    pub fn everywhere(&self) -> Height {
        let record = locked(&self.record);
        let tips = record.said.iter().map(|said| said.last_key_value().map_or(Height(0), |(height, _)| *height));
        tips.min().unwrap_or(Height(0))
    }

    /// Waits until any node reports something new.
    pub async fn change(&mut self) {
        let _closed = self.changed.changed().await;
    }

    /// When this node reported the height or a later one.
    pub fn at_node(&self, node: usize, height: Height) -> Option<Instant> {
        locked(&self.record).at_node(node, height)
    }

    /// When the last node reported the height or a later one.
    pub fn at_all(&self, height: Height) -> Option<Instant> {
        let record = locked(&self.record);
        let times: Option<Vec<_>> = (0..record.said.len()).map(|node| record.at_node(node, height)).collect();
        times?.into_iter().max()
    }

    /// All that was ever reported as final, and contradictions, which must never happen.
    pub fn reported(&self) -> (BTreeMap<Height, Hash32>, Vec<String>) {
        let record = locked(&self.record);
        let words = record.said.iter().flatten().map(|(height, word)| (*height, word.hash));
        (words.collect(), record.forks.clone())
    }
}

fn locked(record: &Mutex<Record>) -> std::sync::MutexGuard<'_, Record> {
    record.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Record {
    fn heard(&mut self, node: usize, height: Height, word: Word) {
        let other = self.said.iter().filter_map(|said| said.get(&height)).find(|other| other.hash != word.hash);
        if let Some(other) = other {
            let (a, b) = (other.hash.short(), word.hash.short());
            self.forks.push(format!("at height {height} both {a} and {b} were reported as final: a fork"));
        }
        self.said[node].entry(height).or_insert(word);
    }

    fn at_node(&self, node: usize, height: Height) -> Option<Instant> {
        self.said[node].range(height..).next().map(|(_, word)| word.at)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use blockchat_proto::hash::hash;

    #[test]
    fn a_height_that_was_skipped_is_final_with_the_next_and_two_hashes_are_a_fork() {
        let mut record = Record { said: vec![BTreeMap::new(); 2], forks: vec![] };
        let word = |text: &[u8]| Word { hash: hash("t", text), at: Instant::now() };
        let late = word(b"c");
        record.heard(0, Height(3), late);
        assert_eq!(record.at_node(0, Height(2)), Some(late.at));
        assert_eq!(record.at_node(0, Height(4)), None);
        record.heard(1, Height(3), word(b"c"));
        assert!(record.forks.is_empty());
        record.heard(1, Height(4), word(b"d"));
        record.heard(0, Height(4), word(b"e"));
        assert_eq!(record.forks.len(), 1);
    }
}
