//! The timeline, in words, newest last.
//!
//! Always true: bounded; the same sentence twice within a short time is one entry that counts.

use blockchat_proto::units::UnixMillis;
use std::collections::VecDeque;

/// Entries kept.
const ENTRIES_MAX: usize = 500;
/// The same sentence within this time is told once.
const SAME_WITHIN_MS: u64 = 60_000;

/// Among so many entries.
const LATELY: usize = 4;

/// How much an entry matters.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Weight {
    /// Good to know.
    Note,
    /// Something is well again.
    Good,
    /// Something is worse than it was.
    Warn,
    /// The chain stands still, or worse.
    Bad,
}

/// One thing that happened.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Entry {
    /// When, last.
    pub(crate) at: UnixMillis,
    /// How much it matters.
    pub(crate) weight: Weight,
    /// In words.
    pub(crate) text: String,
    /// How often.
    pub(crate) times: u32,
}

/// See the module.
#[derive(Clone, Debug, Default)]
pub(crate) struct Story {
    entries: VecDeque<Entry>,
}

impl Story {
    /// Tells something.
    pub(crate) fn tell(&mut self, at: UnixMillis, weight: Weight, text: impl Into<String>) {
        let text = text.into();
        let is_same = |entry: &Entry| entry.text == text && at.since(entry.at) < SAME_WITHIN_MS;
        let lately = self.entries.len().saturating_sub(LATELY)..self.entries.len();
        let same = lately.rev().find(|index| is_same(&self.entries[*index]));
        let before = same.and_then(|index| self.entries.remove(index)).map_or(0, |entry| entry.times);
        // A late entry is placed at its time.
        let later = self.entries.iter().rev().take_while(|entry| entry.at > at).count();
        let entry = Entry { at, weight, text, times: before.saturating_add(1) };
        self.entries.insert(self.entries.len() - later, entry);
        if self.entries.len() > ENTRIES_MAX {
            self.entries.pop_front();
        }
    }

    /// All, newest first; with `warnings`, only those that are.
    pub(crate) fn newest(&self, warnings: bool) -> impl Iterator<Item = &Entry> {
        self.entries.iter().rev().filter(move |entry| !warnings || entry.weight >= Weight::Warn)
    }

    /// How many different warnings were told.
    pub(crate) fn warnings(&self) -> usize {
        self.newest(true).count()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_same_sentence_soon_after_counts_and_stays_one() {
        let mut story = Story::default();
        story.tell(UnixMillis(1), Weight::Warn, "id0 lost id3");
        story.tell(UnixMillis(9), Weight::Note, "later");
        story.tell(UnixMillis(2), Weight::Note, "told late");
        story.tell(UnixMillis(3), Weight::Warn, "id0 lost id3");
        let told: Vec<_> = story.newest(false).map(|entry| (entry.at.0, entry.times)).collect();
        assert_eq!(told, [(9, 1), (3, 2), (2, 1)]);
        assert_eq!(story.warnings(), 1);
        story.tell(UnixMillis(70_000), Weight::Warn, "id0 lost id3");
        assert_eq!(story.newest(true).count(), 2, "a minute later it is another one");
    }

    #[test]
    fn a_long_story_forgets_its_beginning() {
        let mut story = Story::default();
        (0..2_000).for_each(|n| story.tell(UnixMillis(n), Weight::Note, n.to_string()));
        assert_eq!(story.newest(false).count(), ENTRIES_MAX);
    }
}
