//! Time from submit to final of transactions that were submitted here, for the metrics.
//!
//! Always true: at most [`WAITS_MAX`] are timed; of more, the others are not.

use blockchat_proto::transaction::TransactionId;
use std::collections::HashMap;
use std::time::{Duration, Instant};

/// Transactions timed at once: as many as the pool holds.
const WAITS_MAX: usize = 100_000;

/// See the module's header.
#[derive(Debug, Default)]
pub(super) struct OwnWaits {
    since: HashMap<TransactionId, Instant>,
}

impl OwnWaits {
    /// These were submitted now.
    pub(super) fn begin(&mut self, ids: impl Iterator<Item = TransactionId>, now: Instant) {
        for id in ids {
            if self.since.len() < WAITS_MAX {
                self.since.entry(id).or_insert(now);
            }
        }
    }

    /// These are final now: how long each took that was submitted here.
    pub(super) fn end<'a>(
        &'a mut self,
        ids: impl Iterator<Item = TransactionId> + 'a,
        now: Instant,
    ) -> impl Iterator<Item = Duration> + 'a {
        ids.filter_map(move |id| self.since.remove(&id)).map(move |since| now.duration_since(since))
    }

    /// These never become final.
    pub(super) fn give_up(&mut self, ids: &[TransactionId]) {
        for id in ids {
            self.since.remove(id);
        }
    }

    /// Is nothing timed?
    pub(super) fn is_empty(&self) -> bool {
        self.since.is_empty()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use blockchat_proto::hash::Hash32;

    #[test]
    fn a_wait_ends_once_and_strangers_are_not_timed() {
        let (mut waits, start) = (OwnWaits::default(), Instant::now());
        let id = |n: u8| Hash32([n; 32]);
        waits.begin([id(1), id(2)].into_iter(), start);
        waits.begin([id(1)].into_iter(), start + Duration::from_secs(5));
        let later = start + Duration::from_secs(7);
        let took: Vec<_> = waits.end([id(1), id(3), id(1)].into_iter(), later).collect();
        assert_eq!(took, [Duration::from_secs(7)], "since the first submit");
        waits.give_up(&[id(2)]);
        assert!(waits.is_empty());
    }
}
