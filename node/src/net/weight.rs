//! Bytes of gossip that were taken in and that the node has not looked at yet.
//!
//! Why beside the queue: it counts events, and an event may hold 200 bytes or 2 MiB.
//!
//! Always true: the messages of one peer hold up to an eighth of a [`Scale`], all together hold it full once; but one
//! message of each peer always has room, so that a crowd which fills it silences no other; taken room comes back when
//! its [`Weight`] is dropped. Start reading at [`Scale::take`].

use blockchat_engine::event::PeerTag;
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// One peer holds so much of a scale: its part of the whole.
const PEER_PART: usize = 8;

/// Counts the bytes of one kind of message. Cheap to clone.
#[derive(Clone, Debug)]
pub(super) struct Scale {
    most: usize,
    held: Arc<Mutex<BTreeMap<PeerTag, usize>>>,
}

/// The bytes of one message, until it is dropped.
#[derive(Debug)]
pub struct Weight {
    scale: Scale,
    peer: PeerTag,
    bytes: usize,
}

impl Scale {
    /// For so many bytes.
    pub(super) fn new(most: usize) -> Self {
        Self { most, held: Arc::default() }
    }

    /// Room for a message of this peer, if there is any.
    pub(super) fn take(&self, peer: PeerTag, bytes: usize) -> Option<Weight> {
        let mut held = self.lock();
        let (all, own) = (held.values().sum::<usize>(), held.get(&peer).copied().unwrap_or(0));
        let fits = all.saturating_add(bytes) <= self.most && own.saturating_add(bytes) <= self.most / PEER_PART;
        if own > 0 && !fits {
            return None;
        }
        *held.entry(peer).or_default() += bytes;
        Some(Weight { scale: self.clone(), peer, bytes })
    }

    fn lock(&self) -> MutexGuard<'_, BTreeMap<PeerTag, usize>> {
        self.held.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Weight {
    fn drop(&mut self) {
        let mut held = self.scale.lock();
        if let Some(own) = held.get_mut(&self.peer) {
            *own -= self.bytes;
            if *own == 0 {
                held.remove(&self.peer);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_peer_holds_its_part_and_gets_it_back() {
        let scale = Scale::new(80);
        let first = scale.take(PeerTag(1), 6).unwrap();
        assert!(scale.take(PeerTag(1), 5).is_none());
        let second = scale.take(PeerTag(1), 4);
        assert!(second.is_some());
        drop(first);
        assert!(scale.take(PeerTag(1), 5).is_some());
        drop(second);
        assert!(scale.lock().is_empty());
    }

    #[test]
    fn a_crowd_that_holds_all_of_it_keeps_nobody_from_one_message() {
        let scale = Scale::new(80);
        let crowd: Vec<_> = (0..8).map(|peer| scale.take(PeerTag(peer), 10).unwrap()).collect();
        assert!(scale.take(PeerTag(0), 1).is_none());
        let honest = scale.take(PeerTag(9), 40);
        assert!(honest.is_some() && scale.take(PeerTag(9), 1).is_none());
        drop(crowd);
        drop(honest);
        assert!(scale.take(PeerTag(9), 10).is_some());
    }
}
