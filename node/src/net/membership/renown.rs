//! Peers that deliver new blocks and votes again and again: when they return they find a place, even if strangers fill
//! all others.
//!
//! Always true: at most [`RENOWNED_MAX`] are known; a peer that brought more than its equal part of the news is among
//! them, however many others brought something once (the algorithm of Misra and Gries); old deliveries fade.
//!
//! Pure. Start reading at [`Renown::delivered`].

use libp2p::PeerId;
use std::collections::BTreeMap;
use std::time::Duration;
use tokio::time::Instant;

/// Most peers that are counted.
const RENOWNED_MAX: usize = 64;
/// Fewer deliveries than this are luck.
const LEAST: u32 = 16;
/// Counts are halved this often.
const HALF_LIFE: Duration = Duration::from_secs(3_600);

/// See the module's header.
pub(super) struct Renown {
    counts: BTreeMap<PeerId, u32>,
    halved: Instant,
}

impl Renown {
    pub(super) fn new(now: Instant) -> Self {
        Self { counts: BTreeMap::new(), halved: now }
    }

    /// A peer delivered something that was news, and true.
    pub(super) fn delivered(&mut self, id: PeerId, now: Instant) {
        if now.saturating_duration_since(self.halved) >= HALF_LIFE {
            self.halved = now;
            self.lower(|count| count / 2);
        }
        if let Some(count) = self.counts.get_mut(&id) {
            *count = count.saturating_add(1);
        } else if self.counts.len() < RENOWNED_MAX {
            self.counts.insert(id, 1);
        } else {
            self.lower(|count| count - 1);
        }
    }

    pub(super) fn knows(&self, id: &PeerId) -> bool {
        self.counts.get(id).is_some_and(|count| *count >= LEAST)
    }

    fn lower(&mut self, to: impl Fn(u32) -> u32) {
        self.counts.retain(|_, count| {
            *count = to(*count);
            *count > 0
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn those_that_deliver_again_and_again_are_known_whoever_else_delivers_once() {
        let now = Instant::now();
        let (mut renown, honest) = (Renown::new(now), PeerId::random());
        for _ in 0..2_000 {
            (0..40).for_each(|_| renown.delivered(PeerId::random(), now));
            renown.delivered(honest, now);
        }
        assert!(renown.knows(&honest) && renown.counts.len() <= RENOWNED_MAX);
    }

    #[test]
    fn once_is_luck_and_what_was_long_ago_fades() {
        let now = Instant::now();
        let (mut renown, id) = (Renown::new(now), PeerId::random());
        (1..LEAST).for_each(|_| renown.delivered(id, now));
        assert!(!renown.knows(&id));
        renown.delivered(id, now);
        assert!(renown.knows(&id));
        renown.delivered(PeerId::random(), now + HALF_LIFE);
        assert!(!renown.knows(&id));
    }
}
