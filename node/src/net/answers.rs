//! Answers to peers' questions for blocks, while they are made and until they are written.
//!
//! Always true: at most [`ANSWERS_MAX`] of them are held, [`ANSWERS_PER_PEER_MAX`] for one peer, each up to 4 MiB and its
//! certificates: one counts from its question until its last byte is written, or its stream is given up. Without room, a
//! peer whose answer has not moved for [`STUCK_FOR`] is parted from.
//! Start reading at [`Answers::admit`].

use libp2p::PeerId;
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use tokio::time::Instant;

/// Answers that are held for all peers.
const ANSWERS_MAX: usize = 12;
/// And for one of them.
const ANSWERS_PER_PEER_MAX: usize = 2;
/// An answer of which nothing moved for so long is in the way.
const STUCK_FOR: Duration = Duration::from_secs(3);

/// All answers that are held. Cheap to clone.
#[derive(Clone, Debug, Default)]
pub(super) struct Answers(Arc<Mutex<Held>>);

#[derive(Debug, Default)]
struct Held {
    next: u64,
    all: BTreeMap<u64, One>,
}

#[derive(Clone, Copy, Debug)]
struct One {
    peer: PeerId,
    /// When a byte of it was last written; before that, when it was handed over, and `None` while it is being made.
    moved: Option<Instant>,
}

/// What becomes of a question.
#[derive(Debug)]
pub(super) enum Admitted {
    /// It is answered.
    Yes(Hold),
    /// Not now.
    Busy,
    /// Not now, and this peer is in the way.
    Behind(PeerId),
}

impl Answers {
    /// Is there room for one more answer to this peer?
    pub(super) fn admit(&self, peer: PeerId, now: Instant) -> Admitted {
        let mut held = self.lock();
        if held.all.values().filter(|one| one.peer == peer).count() >= ANSWERS_PER_PEER_MAX {
            return Admitted::Busy;
        }
        if held.all.len() >= ANSWERS_MAX {
            let stuck = held.all.values().filter_map(|one| Some((one.moved?, one.peer)));
            let stuck = stuck.filter(|(moved, _)| now.saturating_duration_since(*moved) >= STUCK_FOR).min();
            return stuck.map_or(Admitted::Busy, |(_, peer)| Admitted::Behind(peer));
        }
        held.next += 1;
        let number = held.next;
        held.all.insert(number, One { peer, moved: None });
        Admitted::Yes(Hold { answers: self.clone(), number })
    }

    fn lock(&self) -> MutexGuard<'_, Held> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The room of one answer, until it is dropped.
#[derive(Debug)]
pub(super) struct Hold {
    answers: Answers,
    number: u64,
}

impl Hold {
    /// Some of it was written, or it is about to be.
    pub(super) fn moved(&self, now: Instant) {
        if let Some(one) = self.answers.lock().all.get_mut(&self.number) {
            one.moved = Some(now);
        }
    }
}

impl Drop for Hold {
    fn drop(&mut self) {
        self.answers.lock().all.remove(&self.number);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn hold(answers: &Answers, peer: PeerId, now: Instant) -> Option<Hold> {
        match answers.admit(peer, now) {
            Admitted::Yes(hold) => Some(hold),
            Admitted::Busy | Admitted::Behind(_) => None,
        }
    }

    #[test]
    fn one_peer_has_two_answers_at_a_time_and_gets_more_once_they_are_written() {
        let (answers, peer, now) = (Answers::default(), PeerId::random(), Instant::now());
        let first = hold(&answers, peer, now).unwrap();
        let _second = hold(&answers, peer, now).unwrap();
        assert!(hold(&answers, peer, now).is_none());
        assert!(hold(&answers, PeerId::random(), now).is_some());
        drop(first);
        assert!(hold(&answers, peer, now).is_some());
    }

    #[test]
    fn a_crowd_that_takes_nothing_is_in_the_way_and_one_that_reads_is_not() {
        let (answers, now) = (Answers::default(), Instant::now());
        let crowd: Vec<_> = (0..ANSWERS_MAX).map(|_| hold(&answers, PeerId::random(), now).unwrap()).collect();
        let late = PeerId::random();
        assert!(matches!(answers.admit(late, now + STUCK_FOR), Admitted::Busy), "they are being made");
        crowd.iter().for_each(|hold| hold.moved(now));
        assert!(matches!(answers.admit(late, now), Admitted::Busy));
        crowd[1..].iter().for_each(|hold| hold.moved(now + STUCK_FOR));
        assert!(matches!(answers.admit(late, now + STUCK_FOR), Admitted::Behind(_)));
        crowd[0].moved(now + STUCK_FOR);
        assert!(matches!(answers.admit(late, now + STUCK_FOR), Admitted::Busy));
    }
}
