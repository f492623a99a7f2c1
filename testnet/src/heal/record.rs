//! The record of a story: every block of every node, and the state of each node, with the time.
//!
//! Owns: the record and everything derived from it (pauses, positions). Does not own: requests (`observe`), verdicts
//! (`judge`), drawing (`timeline`). Always true: times of one node never go backwards; an entry equal to the one
//! before it is not added.

use blockchat_proto::keys::Address;
use blockchat_proto::units::Height;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

/// State of a node.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Seen {
    /// No process, or no answer.
    Down,
    /// At the tip, or deciding.
    Working,
    /// Fetching blocks.
    CatchingUp,
    /// The chain waits for stake: these members are missing, and this much is reachable.
    Waiting {
        /// Reachable stake in percent.
        online_percent: String,
        /// The missing members.
        missing: Vec<Address>,
    },
    /// The node works, but its validator signs nothing, for this reason.
    Silent(String),
}

/// One report of a node about its tip.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Tick {
    /// Time of the report.
    pub at: Instant,
    /// The reported tip.
    pub height: Height,
}

/// The record of one node.
#[derive(Clone, Debug, Default)]
pub struct Track {
    /// Its reported tips.
    pub ticks: Vec<Tick>,
    /// Its states, each with the time of its begin.
    pub states: Vec<(Instant, Seen)>,
    /// Its connected peers at the last request.
    pub peers: u32,
    /// Number of members of the set in its last report.
    pub validators: usize,
    /// For each start: its first reported tip, and its highest one before.
    pub first_words: Vec<(Height, Height)>,
}

/// A fault or a heal.
#[derive(Clone, Debug)]
pub struct Mark {
    /// Time of its begin.
    pub at: Instant,
    /// Short description.
    pub words: String,
    /// A break or a heal?
    pub breaks: bool,
}

/// The record of a story.
#[derive(Clone, Debug)]
pub struct Record {
    /// Time of the story's begin.
    pub begun: Instant,
    /// One record per node.
    pub tracks: Vec<Track>,
    /// Faults and heals, in order.
    pub marks: Vec<Mark>,
}

impl Record {
    /// An empty record for this number of nodes.
    pub fn new(nodes: usize, begun: Instant) -> Self {
        Self { begun, tracks: vec![Track::default(); nodes], marks: vec![] }
    }

    /// Adds a reported tip of a node.
    pub fn tip(&mut self, node: usize, height: Height, at: Instant) {
        let ticks = &mut self.tracks[node].ticks;
        if ticks.last().is_none_or(|last| last.height < height) {
            ticks.push(Tick { at, height });
        }
    }

    /// Adds the state of a node.
    pub fn state(&mut self, node: usize, seen: Seen, at: Instant) {
        let states = &mut self.tracks[node].states;
        if states.last().is_none_or(|(_, last)| *last != seen) {
            states.push((at, seen));
        }
    }

    /// Adds a break or a heal.
    pub fn mark(&mut self, words: String, breaks: bool, at: Instant) {
        self.marks.push(Mark { at, words, breaks });
    }

    /// The highest tip that any of these nodes had reported at this time.
    pub fn height_by(&self, nodes: &[usize], by: Instant) -> Height {
        let of = |node: &usize| self.tracks[*node].ticks.iter().take_while(|tick| tick.at <= by).last();
        nodes.iter().filter_map(of).map(|tick| tick.height).max().unwrap_or(Height(0))
    }

    /// The highest tip that any of these nodes has reported.
    pub fn height(&self, nodes: &[usize]) -> Height {
        let last = |node: &usize| self.tracks[*node].ticks.last().map(|tick| tick.height);
        nodes.iter().filter_map(last).max().unwrap_or(Height(0))
    }

    /// Times at which these nodes first reported a tip higher than all before, in order.
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

    /// First time after `since` at which this node reported a tip of at least this height.
    pub fn reached(&self, node: usize, height: Height, since: Instant) -> Option<Instant> {
        self.tracks[node].ticks.iter().find(|tick| tick.at >= since && tick.height >= height).map(|tick| tick.at)
    }

    /// Current state of a node.
    pub fn now(&self, node: usize) -> Option<&Seen> {
        self.tracks[node].states.last().map(|(_, seen)| seen)
    }
}

/// The record, shared by all tasks of a story; locked only briefly.
#[derive(Clone, Debug)]
pub struct SharedRecord(Arc<Mutex<Record>>);

impl SharedRecord {
    /// Wraps a record for sharing.
    pub fn new(record: Record) -> Self {
        Self(Arc::new(Mutex::new(record)))
    }

    /// Reads or changes the record.
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
