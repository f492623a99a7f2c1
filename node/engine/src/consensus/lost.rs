//! A height whose journal lacks what the guard says was signed: data was lost, key and guard were kept. SPEC VOTE-8.
//!
//! Always true: nothing at or below the mark is signed again, and later signatures respect the lock, as if only
//! messages had been lost. The core starts without the lock, so a proposal that the lock forbids is withheld until the
//! core can no longer prevote in that round; the core itself respects a lock that it takes later.
//! Start reading at [`Lost::forbids`].

use crate::journal::{GuardMark, GuardState, Lock};
use blockchat_proto::vote::Proposal;

/// The state of the guard when the loss was found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Lost {
    /// The highest thing signed before.
    pub(super) mark: GuardMark,
    /// The lock at that moment; none if the operator has dropped it since.
    pub(super) lock: Lock,
    /// Is the loss recorded in the journal?
    pub(super) journaled: bool,
}

impl Lost {
    pub(super) fn found(guard: GuardState) -> Self {
        Self { mark: guard.mark, lock: guard.lock, journaled: false }
    }

    /// Is signing over for this height? Yes if the lock is unknown, or if all of the height counts as signed.
    pub(super) fn is_closed(&self) -> bool {
        self.lock == Lock::Unknown || self.mark.ends_its_height()
    }

    /// Was this, possibly, signed before the loss?
    pub(super) fn covers(&self, own: &GuardMark) -> bool {
        own.position() <= self.mark.position()
    }

    /// Would a prevote for this proposal violate the lock? Not if it is for the locked block, or has a lock round
    /// (which the core requires a polka for) at or after ours.
    pub(super) fn forbids(&self, proposal: &Proposal) -> bool {
        match self.lock {
            Lock::None => false,
            Lock::On { round, block } => {
                proposal.block != block && proposal.lock_round.is_none_or(|proved| proved < round)
            }
            Lock::Unknown => true,
        }
    }

    /// Is there a lock that our own new block would contradict?
    pub(super) fn is_locked(&self) -> bool {
        self.lock != Lock::None
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use blockchat_proto::hash::Hash32;
    use blockchat_proto::keys::Address;
    use blockchat_proto::units::{Height, Round};

    const OURS: Hash32 = Hash32([1; 32]);
    const OTHER: Hash32 = Hash32([2; 32]);

    fn lost(lock: Lock) -> Lost {
        let mark = GuardMark { height: Height(5), round: Round(3), ..GuardMark::START };
        Lost { mark, lock, journaled: true }
    }

    /// Is a proposal in round 7 for this block, with this lock round, withheld from the core?
    fn forbidden(lock: Lock, block: Hash32, lock_round: Option<u32>) -> bool {
        let (leader, lock_round) = (Address([1; 32]), lock_round.map(Round));
        lost(lock).forbids(&Proposal { height: Height(5), round: Round(7), block, lock_round, leader })
    }

    #[test]
    fn only_the_locked_block_or_one_proved_at_or_after_the_lock_may_be_prevoted() {
        let lock = Lock::On { round: Round(2), block: OURS };
        for lock_round in [None, Some(0), Some(1), Some(2), Some(6)] {
            assert!(!forbidden(lock, OURS, lock_round) && !forbidden(Lock::None, OTHER, lock_round));
            assert!(forbidden(Lock::Unknown, OURS, lock_round));
            assert_eq!(forbidden(lock, OTHER, lock_round), lock_round.is_none_or(|round| round < 2), "{lock_round:?}");
        }
    }

    #[test]
    fn a_height_is_closed_only_where_the_lock_is_not_known_or_nothing_is_left_of_it() {
        assert!(lost(Lock::Unknown).is_closed());
        assert!(!lost(Lock::None).is_closed());
        assert!(!lost(Lock::On { round: Round(2), block: OURS }).is_closed());
        assert!(Lost::found(GuardState::end_of(Height(5))).is_closed());
    }
}
