//! Answers to peers' questions for blocks, while they are made and until they are written.
//!
//! Always true: at most [`ANSWERS_MAX`] of them are held, [`ANSWERS_PER_PEER_MAX`] for one peer, each up to 4 MiB and
//! its certificates: one counts from its request until its last byte is written, or its stream is given up. Without
//! room, a peer is disconnected whose answer has not moved for [`STUCK_FOR`], or that takes less than [`SLOWEST`]:
//! otherwise a few slow readers would keep all others from catching up. Start reading at [`Answers::admit`].

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
/// So is one that goes slower than this, in bytes a second: half of 1 Mbit/s,
const SLOWEST: u64 = 64 * 1024;
/// once it has had so long.
const SLOW_AFTER: Duration = Duration::from_secs(5);

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
    /// When it was handed over, and when a byte of it was last written; `None` while it is being made.
    handed: Option<(Instant, Instant)>,
    /// So much of it is written.
    written: u64,
}

impl One {
    /// Since when it is in the way, if it is.
    fn in_the_way(&self, now: Instant) -> Option<Instant> {
        let (handed, moved) = self.handed?;
        let lasts = now.saturating_duration_since(handed);
        let slow = lasts >= SLOW_AFTER && self.written < lasts.as_secs().saturating_mul(SLOWEST);
        (slow || now.saturating_duration_since(moved) >= STUCK_FOR).then_some(handed)
    }
}

/// The state of a request.
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
            let stuck = held.all.values().filter_map(|one| Some((one.in_the_way(now)?, one.peer)));
            return stuck.min().map_or(Admitted::Busy, |(_, peer)| Admitted::Behind(peer));
        }
        held.next += 1;
        let number = held.next;
        held.all.insert(number, One { peer, handed: None, written: 0 });
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
    /// So much of it was written, or it is about to be.
    pub(super) fn moved(&self, bytes: usize, now: Instant) {
        if let Some(one) = self.answers.lock().all.get_mut(&self.number) {
            one.handed = Some((one.handed.map_or(now, |(handed, _)| handed), now));
            one.written = one.written.saturating_add(bytes as u64);
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
        crowd.iter().for_each(|hold| hold.moved(0, now));
        assert!(matches!(answers.admit(late, now), Admitted::Busy));
        crowd[1..].iter().for_each(|hold| hold.moved(1, now + STUCK_FOR));
        assert!(matches!(answers.admit(late, now + STUCK_FOR), Admitted::Behind(_)));
        crowd[0].moved(1, now + STUCK_FOR);
        assert!(matches!(answers.admit(late, now + STUCK_FOR), Admitted::Busy));
    }

    #[test]
    fn a_crowd_that_reads_a_little_all_the_time_is_in_the_way_and_one_on_slow_lines_is_not() {
        let (answers, start) = (Answers::default(), Instant::now());
        let crowd: Vec<_> = (0..ANSWERS_MAX).map(|_| hold(&answers, PeerId::random(), start).unwrap()).collect();
        let late = PeerId::random();
        let read = |bytes: usize| {
            let until = |second: u64| start + Duration::from_secs(second);
            crowd.iter().for_each(|hold| hold.moved(0, start));
            (1..=5).for_each(|second| crowd.iter().for_each(|hold| hold.moved(bytes, until(second))));
            answers.admit(late, until(5))
        };
        assert!(matches!(read(32 * 1024), Admitted::Behind(_)));
        assert!(matches!(read(125 * 1024), Admitted::Busy), "1 Mbit/s");
    }
}
