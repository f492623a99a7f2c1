//! Everything that moved the voting of the current height: what we signed, and the bodies we vote for.
//!
//! Owns: `data/journal`, whose lock also keeps a second node away from this home. Does not own: what is written and when
//! (the engine's effects), or the guard ([`super::guard`]).
//!
//! Always true: after [`SignJournal::sync`] everything appended is durable; the journal is emptied only after the block of
//! its height is; entries at or below the tip are leftovers of a crash in between and are dropped.
//! Start reading at [`SignJournal::open`].

use super::StoreError;
use super::error::JOURNAL_LOST;
use super::frame_log::{Frame, FrameLog};
use blockchat_engine::journal::{JOURNAL_ENTRY_BYTES_MAX, JournalEntry};
use blockchat_proto::units::Height;
use std::path::Path;

/// The open journal.
#[derive(Debug)]
pub struct SignJournal {
    log: FrameLog,
}

impl SignJournal {
    /// Opens the journal, or makes an empty one; returns the entries above `tip`, in order.
    pub fn open(path: &Path, tip: Height) -> Result<(Self, Vec<JournalEntry>), StoreError> {
        let live = |payload: &[u8]| JournalEntry::decode(payload).is_ok_and(|entry| entry.height > tip);
        let (log, frames) = FrameLog::open(path, JOURNAL_ENTRY_BYTES_MAX, JOURNAL_LOST, live)?;
        let entries: Vec<_> = frames.iter().map(|frame| decode(path, frame)).collect::<Result<_, _>>()?;
        let entries = entries.into_iter().filter(|entry| entry.height > tip).collect();
        Ok((Self { log }, entries))
    }

    /// Adds an entry. Not durable yet.
    pub fn append(&mut self, entry: &JournalEntry) -> Result<(), StoreError> {
        self.log.append(&entry.encode())
    }

    /// Makes everything appended durable. Blocks for about 0.2 ms.
    pub fn sync(&mut self) -> Result<(), StoreError> {
        self.log.sync()
    }

    /// Empties the journal: the block of its height is durable.
    pub fn clear(&mut self) -> Result<(), StoreError> {
        self.log.clear()
    }
}

/// A frame whose checksums match but whose content makes no sense was written by another program, or by a bug.
fn decode(path: &Path, frame: &Frame) -> Result<JournalEntry, StoreError> {
    JournalEntry::decode(&frame.payload).map_err(|refused| StoreError::Damaged {
        file: path.to_path_buf(),
        place: format!("offset {}", frame.offset),
        reason: refused.to_string(),
        next: JOURNAL_LOST,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use blockchat_engine::journal::{JournalRecord, JournalStep};
    use blockchat_proto::units::Round;
    use tempfile::TempDir;

    fn entry(height: u64, round: u32) -> JournalEntry {
        let record = JournalRecord::Timeout { round: Round(round), step: JournalStep::Propose };
        JournalEntry { height: Height(height), record }
    }

    #[test]
    fn entries_at_or_below_the_tip_are_dropped() {
        let folder = TempDir::new().unwrap();
        let path = folder.path().join("journal");
        let (mut journal, entries) = SignJournal::open(&path, Height(0)).unwrap();
        assert!(entries.is_empty());
        let all = [entry(4, 0), entry(5, 0), entry(6, 0), entry(6, 1)];
        all.iter().for_each(|entry| journal.append(entry).unwrap());
        journal.sync().unwrap();
        drop(journal);
        let (journal, entries) = SignJournal::open(&path, Height(5)).unwrap();
        assert_eq!(entries, all[2..]);
        drop(journal);
        let (mut journal, _) = SignJournal::open(&path, Height(6)).unwrap();
        journal.clear().unwrap();
        drop(journal);
        let (_, entries) = SignJournal::open(&path, Height(0)).unwrap();
        assert!(entries.is_empty());
    }
}
