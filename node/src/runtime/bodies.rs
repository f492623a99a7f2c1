//! Places for proposed blocks that are being verified.
//!
//! Always true: a member has one place at most, and only for a block whose hash it signed; there are [`PLACES_MAX`] in all,
//! [`AHEAD_MAX`] of them for the height after the one being decided; a place is free again when it is dropped.
//! Without a place a proposal goes to the engine without its block, which is then asked for by hash.

use blockchat_proto::keys::Address;
use blockchat_proto::limits::BLOCK_BYTES_MAX;
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// Bytes of blocks that are being verified or wait for the engine, at most.
const BYTES_MAX: usize = 8 * 1024 * 1024;
/// Blocks of the largest size that fit.
const PLACES_MAX: usize = BYTES_MAX / BLOCK_BYTES_MAX;
/// The leader of the height after the one being decided is unknown: any member may take one of these, none of the
/// others.
const AHEAD_MAX: usize = PLACES_MAX / 2;

/// Authors that have a place, and whether it is for the height ahead. Cheap to clone.
#[derive(Clone, Debug, Default)]
pub(super) struct Bodies(Arc<Mutex<BTreeMap<Address, bool>>>);

/// A place; gives itself back when dropped.
#[derive(Debug)]
pub(super) struct Place {
    bodies: Bodies,
    member: Address,
}

impl Bodies {
    /// A place for a block that this member signed; `ahead`: for the height after the one being decided.
    pub(super) fn take(&self, member: Address, ahead: bool) -> Option<Place> {
        let mut taken = self.lock();
        let of_ahead = taken.values().filter(|ahead| **ahead).count();
        let room = taken.len() < PLACES_MAX && (!ahead || of_ahead < AHEAD_MAX);
        if !room || taken.contains_key(&member) {
            return None;
        }
        taken.insert(member, ahead);
        Some(Place { bodies: self.clone(), member })
    }

    fn lock(&self) -> MutexGuard<'_, BTreeMap<Address, bool>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        self.bodies.lock().remove(&self.member);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn member(index: usize) -> Address {
        Address([u8::try_from(index).unwrap(); 32])
    }

    #[test]
    fn a_member_has_one_place_and_gets_it_back() {
        let bodies = Bodies::default();
        let place = bodies.take(member(1), false);
        assert!(place.is_some() && bodies.take(member(1), false).is_none() && bodies.take(member(1), true).is_none());
        drop(place);
        assert!(bodies.take(member(1), false).is_some());
    }

    #[test]
    fn members_that_are_early_leave_places_for_the_leader() {
        let bodies = Bodies::default();
        let early: Vec<_> = (0..100).filter_map(|index| bodies.take(member(index), true)).collect();
        assert_eq!(early.len(), AHEAD_MAX);
        let leaders: Vec<_> = (100..200).filter_map(|index| bodies.take(member(index), false)).collect();
        assert_eq!(early.len() + leaders.len(), PLACES_MAX);
    }
}
