//! The events of a run: always hashed, kept in words on demand.
//!
//! Always true: two runs with equal traces handled the same events and performed the same effects, in the same order at
//! the same virtual times; keeping the words changes nothing.
//! Start reading at [`Trace::note`].

use super::time::Micros;
use blockchat_proto::hash::Hash32;
use sha2::{Digest, Sha256};
use std::collections::VecDeque;

/// Most lines kept; older ones are dropped.
const LINES_MAX: usize = 200_000;

/// See the module.
#[derive(Debug)]
pub struct Trace {
    hasher: Sha256,
    lines: Option<VecDeque<String>>,
}

/// One thing that happened, to one node.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Note {
    /// In a few words.
    pub what: &'static str,
    /// Height it is about, or 0.
    pub height: u64,
    /// Round it is about, or 0.
    pub round: u64,
    /// Whatever tells it apart from others: the beginning of a hash, a number.
    pub mark: u64,
}

impl Trace {
    /// An empty one, that keeps its lines or not.
    pub fn new(keep_lines: bool) -> Self {
        Self { hasher: Sha256::new(), lines: keep_lines.then(VecDeque::new) }
    }

    /// Adds what happened to `node`.
    pub fn note(&mut self, at: Micros, node: usize, note: Note) {
        let node_number = u64::try_from(node).expect("few nodes");
        for number in [at.0, node_number, note.height, note.round, note.mark] {
            self.hasher.update(number.to_be_bytes());
        }
        self.hasher.update(note.what.as_bytes());
        if let Some(lines) = &mut self.lines {
            if lines.len() >= LINES_MAX {
                lines.pop_front();
            }
            let Note { what, height, round, mark } = note;
            lines.push_back(format!("{at} n{node} {what:<24} h={height} r={round} {mark:08x}"));
        }
    }

    /// Hash of everything so far.
    pub fn hash(&self) -> Hash32 {
        Hash32(self.hasher.clone().finalize().into())
    }

    /// The lines, if they were kept.
    pub fn into_lines(self) -> Vec<String> {
        self.lines.unwrap_or_default().into()
    }
}

/// The beginning of a hash as a note's mark.
pub fn mark_of(hash: &Hash32) -> u64 {
    let [a, b, c, d, ..] = hash.0;
    u64::from(u32::from_be_bytes([a, b, c, d]))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keeping_the_lines_does_not_change_the_hash() {
        let note = Note { what: "vote", height: 3, round: 1, mark: 7 };
        let (mut silent, mut kept) = (Trace::new(false), Trace::new(true));
        silent.note(Micros(5), 2, note);
        kept.note(Micros(5), 2, note);
        assert_eq!(silent.hash(), kept.hash());
        assert!(silent.into_lines().is_empty());
        assert_eq!(kept.into_lines().len(), 1);
    }

    #[test]
    fn every_part_of_a_note_counts() {
        let hash = |at, node, note| {
            let mut trace = Trace::new(false);
            trace.note(Micros(at), node, note);
            trace.hash()
        };
        let note = Note { what: "vote", height: 3, round: 1, mark: 7 };
        let others = [
            hash(6, 2, note),
            hash(5, 1, note),
            hash(5, 2, Note { what: "veto", ..note }),
            hash(5, 2, Note { height: 4, ..note }),
            hash(5, 2, Note { round: 0, ..note }),
            hash(5, 2, Note { mark: 8, ..note }),
        ];
        assert!(others.iter().all(|other| *other != hash(5, 2, note)));
    }
}
