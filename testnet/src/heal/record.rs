//! The record of a story: every block of every node, and the state of each node, with the time.
//!
//! Owns: the record and everything read off it (pauses, positions). Does not own: asking (`observe`), the meaning
//! (`judge`), the drawing (`timeline`). Always true: times of one node never go backwards; an entry that repeats the
//! one before it is not written again.

use blockchat_proto::keys::Address;
use blockchat_proto::units::Height;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

/// How a node was.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Seen {
    /// No process, or no answer.
    Down,
    /// At the tip, or deciding.
    Working,
    /// Fetching blocks.
    CatchingUp,
    /// Nothing can be decided: these members are missing, so much is reachable.
    Waiting {
        /// In percent.
        online_percent: String,
        /// The missing members.
        missing: Vec<Address>,
    },
    /// It works, and its validator signs nothing: why.
    Silent(String),
}

/// One node's word about its tip.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Tick {
    /// When.
    pub at: Instant,
    /// Its tip.
    pub height: Height,
}

/// The record of one node.
#[derive(Clone, Debug, Default)]
pub struct Track {
    /// Its tips.
    pub ticks: Vec<Tick>,
    /// How it was, from these times on.
    pub states: Vec<(Instant, Seen)>,
    /// Its connected peers at the last look.
    pub peers: u32,
    /// Members of the set, as it said last.
    pub validators: usize,
    /// After each start: its first tip, and what it had reported before.
    pub first_words: Vec<(Height, Height)>,
}

/// A fault or a heal.
#[derive(Clone, Debug)]
pub struct Mark {
    /// When it began.
    pub at: Instant,
    /// In a few words.
    pub words: String,
    /// Did something break, or heal?
    pub breaks: bool,
}

/// See the module.
#[derive(Clone, Debug)]
pub struct Record {
    /// When the story began.
    pub begun: Instant,
    /// One a node.
    pub tracks: Vec<Track>,
    /// An act of the story.
    pub marks: Vec<Mark>,
}

impl Record {
    /// Of so many nodes.
    pub fn new(nodes: usize, begun: Instant) -> Self {
        Self { begun, tracks: vec![Track::default(); nodes], marks: vec![] }
    }

    /// A node reports its tip.
    pub fn tip(&mut self, node: usize, height: Height, at: Instant) {
        let ticks = &mut self.tracks[node].ticks;
        if ticks.last().is_none_or(|last| last.height < height) {
            ticks.push(Tick { at, height });
        }
    }

    /// How a node is.
    pub fn state(&mut self, node: usize, seen: Seen, at: Instant) {
        let states = &mut self.tracks[node].states;
        if states.last().is_none_or(|(_, last)| *last != seen) {
            states.push((at, seen));
        }
    }

    /// Something was done.
    pub fn mark(&mut self, words: String, breaks: bool, at: Instant) {
        self.marks.push(Mark { at, words, breaks });
    }

    /// The highest tip that any of these nodes reported by this time.
    pub fn height_by(&self, nodes: &[usize], by: Instant) -> Height {
        let of = |node: &usize| self.tracks[*node].ticks.iter().take_while(|tick| tick.at <= by).last();
        nodes.iter().filter_map(of).map(|tick| tick.height).max().unwrap_or(Height(0))
    }

    /// The highest tip that any of these nodes reported.
    pub fn height(&self, nodes: &[usize]) -> Height {
        let last = |node: &usize| self.tracks[*node].ticks.last().map(|tick| tick.height);
        nodes.iter().filter_map(last).max().unwrap_or(Height(0))
    }

    /// The times at which the first of these nodes reported a higher tip than all before, in order.
    pub fn firsts(&self, nodes: &[usize]) -> Vec<Tick> {
        let mut ticks: Vec<_> = nodes.iter().flat_map(|node| self.tracks[*node].ticks.iter().copied()).collect();
        ticks.sort_by_key(|tick| (tick.at, tick.height));
        let mut firsts: Vec<Tick> = vec![];
        for tick in ticks {
            if firsts.last().is_none_or(|last| last.height < tick.height) {
                firsts.push(tick);
            }
        }
        firsts
    }

    /// The longest time between two new blocks among these nodes, beginning with the last block before `since`; the time
    /// from the last block until `now` counts too.
    pub fn longest_pause(&self, nodes: &[usize], since: Instant, now: Instant) -> Duration {
        let firsts = self.firsts(nodes);
        let begin = firsts.iter().rposition(|tick| tick.at <= since).unwrap_or(0);
        let counted = firsts[begin.min(firsts.len())..].iter().map(|tick| tick.at).take_while(|at| *at <= now);
        let times = counted.chain([now]);
        let times: Vec<_> = times.collect();
        let pauses = times.windows(2).map(|pair| pair[1].saturating_duration_since(pair[0]));
        pauses.max().unwrap_or(Duration::ZERO)
    }

    /// When this node reported a tip of this height or above, after `since`.
    pub fn reached(&self, node: usize, height: Height, since: Instant) -> Option<Instant> {
        self.tracks[node].ticks.iter().find(|tick| tick.at >= since && tick.height >= height).map(|tick| tick.at)
    }

    /// How a node is now.
    pub fn now(&self, node: usize) -> Option<&Seen> {
        self.tracks[node].states.last().map(|(_, seen)| seen)
    }
}

/// The record, shared by all tasks of a story; locked for moments only.
#[derive(Clone, Debug)]
pub struct SharedRecord(Arc<Mutex<Record>>);

impl SharedRecord {
    /// Shares a record.
    pub fn new(record: Record) -> Self {
        Self(Arc::new(Mutex::new(record)))
    }

    /// Reads or changes it.
    pub fn with<T>(&self, use_it: impl FnOnce(&mut Record) -> T) -> T {
        use_it(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(record: &Record, ms: u64) -> Instant {
        record.begun + Duration::from_millis(ms)
    }

    fn record(ticks: &[(usize, u64, u64)]) -> Record {
        let mut record = Record::new(2, Instant::now());
        for (node, height, ms) in ticks {
            let when = at(&record, *ms);
            record.tip(*node, Height(*height), when);
        }
        record
    }

    #[test]
    fn a_pause_begins_with_the_last_block_before_the_fault_and_may_not_be_over_yet() {
        let record = record(&[(0, 1, 100), (1, 1, 120), (0, 2, 200), (1, 3, 900)]);
        let pause =
            |nodes: &[usize], since, now| record.longest_pause(nodes, at(&record, since), at(&record, now)).as_millis();
        assert_eq!(pause(&[0, 1], 250, 1_000), 700, "from block 2 to block 3, whoever reports it");
        assert_eq!(pause(&[0], 250, 1_000), 800, "still waiting");
        assert_eq!(pause(&[0, 1], 150, 210), 100);
        assert_eq!(Record::new(1, record.begun).longest_pause(&[0], record.begun, at(&record, 5)).as_millis(), 0);
    }

    #[test]
    fn a_height_counts_once_for_the_first_that_reports_it() {
        let record = record(&[(0, 1, 100), (1, 1, 120), (0, 3, 200), (1, 2, 150)]);
        let heights: Vec<_> = record.firsts(&[0, 1]).iter().map(|tick| tick.height.0).collect();
        assert_eq!(heights, [1, 2, 3]);
        assert_eq!(record.height_by(&[0, 1], at(&record, 160)), Height(2));
        assert_eq!(record.reached(1, Height(2), at(&record, 0)), Some(at(&record, 150)));
        assert_eq!(record.reached(1, Height(3), at(&record, 0)), None);
    }

    #[test]
    fn what_repeats_itself_is_written_once() {
        let mut record = record(&[(0, 1, 100), (0, 1, 110)]);
        let now = record.begun;
        record.state(0, Seen::Working, now);
        record.state(0, Seen::Working, now);
        assert_eq!((record.tracks[0].ticks.len(), record.tracks[0].states.len()), (1, 1));
    }
}
