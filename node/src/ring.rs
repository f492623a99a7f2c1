//! The last things that happened, numbered: what readers of event streams and of the log are served from.
//!
//! Always true: numbers begin with 1 and have no gaps; only the newest entries are kept, bounded in number and bytes; a
//! writer waits for no more than the lock. Start reading at [`Ring::put`], then [`Ring::after`].

use std::collections::VecDeque;
use std::sync::{Mutex, MutexGuard, PoisonError};
use tokio::sync::watch;

/// The newest entries of one kind. Shared by writers and readers.
#[derive(Debug)]
pub struct Ring<T> {
    inner: Mutex<Inner<T>>,
    last: watch::Sender<u64>,
    things_max: usize,
    bytes_max: usize,
}

#[derive(Debug)]
struct Inner<T> {
    /// With the bytes of each; consecutive numbers, up to `last`.
    things: VecDeque<(T, usize)>,
    bytes: usize,
    last: u64,
}

/// The entry from which a reader wants to continue is no longer kept, or never existed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Missed {
    /// The newest number: continue from here.
    pub last: u64,
}

impl<T: Clone> Ring<T> {
    /// Keeps at most so many things, and so many bytes; the newest in any case.
    pub fn new(things_max: usize, bytes_max: usize) -> Self {
        let inner = Mutex::new(Inner { things: VecDeque::new(), bytes: 0, last: 0 });
        Self { inner, last: watch::Sender::new(0), things_max, bytes_max }
    }

    /// Puts in the thing that is made for its number, and says how many bytes it has. Returns the number.
    pub fn put(&self, make: impl FnOnce(u64) -> (T, usize)) -> u64 {
        let mut inner = self.lock();
        inner.last += 1;
        let (thing, bytes) = make(inner.last);
        inner.things.push_back((thing, bytes));
        inner.bytes += bytes;
        while inner.things.len() > 1 && (inner.things.len() > self.things_max || inner.bytes > self.bytes_max) {
            let freed = inner.things.pop_front().map_or(0, |(_, bytes)| bytes);
            inner.bytes -= freed;
        }
        let last = inner.last;
        drop(inner);
        self.last.send_replace(last);
        last
    }

    /// The entries after this number, oldest first, up to a maximum.
    pub fn after(&self, number: u64, most: usize) -> Result<Vec<(u64, T)>, Missed> {
        let inner = self.lock();
        let kept = u64::try_from(inner.things.len()).unwrap_or(u64::MAX);
        let before = inner.last - kept;
        if number < before || number > inner.last {
            return Err(Missed { last: inner.last });
        }
        let skip = usize::try_from(number - before).unwrap_or(usize::MAX);
        let things = inner.things.iter().zip(before + 1..).skip(skip).take(most);
        Ok(things.map(|((thing, _), number)| (number, thing.clone())).collect())
    }

    /// The newest that fit, oldest first, at most so many.
    pub fn newest(&self, most: usize, wanted: impl Fn(&T) -> bool) -> Vec<T> {
        let inner = self.lock();
        let newest = inner.things.iter().rev().map(|(thing, _)| thing).filter(|thing| wanted(thing));
        let mut newest: Vec<_> = newest.take(most).cloned().collect();
        newest.reverse();
        newest
    }

    /// The newest number; 0 before anything came.
    pub fn last(&self) -> u64 {
        self.lock().last
    }

    /// Tells of each new number.
    pub fn watch(&self) -> watch::Receiver<u64> {
        self.last.subscribe()
    }

    fn lock(&self) -> MutexGuard<'_, Inner<T>> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn filled(things: u64) -> Ring<u64> {
        let ring = Ring::new(4, 100);
        for _ in 0..things {
            ring.put(|number| (number * 10, 1));
        }
        ring
    }

    #[test]
    fn a_reader_goes_on_where_it_stopped_and_is_told_if_it_cannot() {
        let ring = filled(6);
        assert_eq!(ring.after(2, 10), Ok(vec![(3, 30), (4, 40), (5, 50), (6, 60)]));
        assert_eq!(ring.after(4, 1), Ok(vec![(5, 50)]));
        assert_eq!(ring.after(6, 10), Ok(vec![]));
        assert_eq!(ring.after(1, 10), Err(Missed { last: 6 }), "two are gone");
        assert_eq!(ring.after(7, 10), Err(Missed { last: 6 }), "of another run");
        assert_eq!(filled(0).after(0, 10), Ok(vec![]));
    }

    #[test]
    fn bytes_are_bounded_too_and_the_newest_is_always_kept() {
        let ring = Ring::new(100, 10);
        for _ in 0..5 {
            ring.put(|number| (number, 4));
        }
        assert_eq!(ring.newest(100, |_| true), [4, 5]);
        ring.put(|number| (number, 1_000));
        assert_eq!(ring.newest(100, |_| true), [6]);
        assert_eq!((ring.last(), ring.after(5, 9)), (6, Ok(vec![(6, 6)])));
    }

    #[test]
    fn the_newest_that_fit_come_oldest_first() {
        assert_eq!(filled(6).newest(2, |thing| thing % 20 == 0), [40, 60]);
    }

    #[tokio::test]
    async fn whoever_watches_is_told() {
        let ring = filled(1);
        let mut watch = ring.watch();
        watch.mark_unchanged();
        ring.put(|number| (number, 1));
        watch.changed().await.unwrap();
        assert_eq!(*watch.borrow(), 2);
    }
}
