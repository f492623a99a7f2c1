//! May we sign, and is what we signed on disk? SPEC VOTE-7, VOTE-8.
//!
//! Always true: the mark only rises; between a signature and its publication lies a sync point.

use crate::effect::{Effect, Fault};
use crate::journal::{GuardMark, JournalEntry, JournalRecord, SignStep};
use crate::recovered::RecoveredValidator;
use blockchat_proto::hash::Hash32;
use blockchat_proto::keys::Signer;
use blockchat_proto::units::Height;
use blockchat_proto::vote::VoteKind;

/// The voting key with its guard.
pub(super) struct Signing {
    signer: Option<Signer>,
    guard: Option<GuardMark>,
    /// Nothing is signed at or below this height: what was signed there was lost.
    lost_up_to: Height,
    /// The guard in memory is ahead of the disk.
    unsynced: bool,
}

impl Signing {
    /// From what was recovered. `journal` holds entries above the tip only.
    ///
    /// The journal is made durable before the guard, so a journal without the message at the guard's mark was lost:
    /// then nothing is signed up to the guard's height, because a forgotten lock counts for the whole height.
    pub(super) fn new(
        validator: Option<RecoveredValidator>,
        chain: Hash32,
        tip: Height,
        journal: &[JournalEntry],
    ) -> Self {
        let Some(RecoveredValidator { signer, guard }) = validator else {
            return Self { signer: None, guard: None, lost_up_to: Height(0), unsynced: false };
        };
        let signed = || journal.iter().filter_map(|entry| own_mark(entry, &signer, chain));
        let lost = |mark: GuardMark| mark.height > tip && !signed().any(|own| own == mark);
        let lost_up_to = guard.filter(|mark| lost(*mark)).map_or(Height(0), |mark| mark.height);
        let highest = signed().filter(|_| guard.is_some()).fold(guard, |highest, own| match highest {
            Some(mark) if !mark.allows(&own) => Some(mark),
            _ => Some(own),
        });
        Self { signer: Some(signer), guard: highest, lost_up_to, unsynced: highest != guard }
    }

    pub(super) fn signer(&self) -> Option<&Signer> {
        self.signer.as_ref()
    }

    /// May we sign at this height?
    pub(super) fn allowed_at(&self, height: Height) -> bool {
        self.signer.is_some() && self.guard.is_some() && height > self.lost_up_to
    }

    /// The operator allows signing above this mark.
    pub(super) fn reset(&mut self, mark: GuardMark) {
        self.guard = Some(mark);
        self.lost_up_to = mark.height;
    }

    /// A signature was made. An error means it contradicts an earlier one: nothing may be published any more.
    pub(super) fn signed(&mut self, mark: GuardMark) -> Result<(), Fault> {
        let guard = self.guard.expect("the core signs only where signing is allowed");
        if !guard.allows(&mark) {
            return Err(Fault::GuardContradicted { guard, wanted: mark });
        }
        self.unsynced |= guard != mark;
        self.guard = Some(mark);
        Ok(())
    }

    /// The sync point to perform before publishing, if one is due.
    pub(super) fn sync(&mut self) -> Option<Effect> {
        let mark = self.guard.filter(|_| self.unsynced)?;
        self.unsynced = false;
        Some(Effect::Sync(mark))
    }
}

/// The mark of a journaled message of ours.
fn own_mark(entry: &JournalEntry, signer: &Signer, chain: Hash32) -> Option<GuardMark> {
    match &entry.record {
        JournalRecord::Vote(signed) if signed.vote.validator == signer.address() => {
            let step = match signed.vote.kind {
                VoteKind::Prevote => SignStep::Prevote,
                VoteKind::Precommit => SignStep::Precommit,
            };
            let (height, round) = (signed.vote.height, signed.vote.round);
            Some(GuardMark { height, round, step, hash: signed.vote.sign_hash(chain) })
        }
        JournalRecord::Proposal(signed) if signed.proposal.leader == signer.address() => {
            let (height, round) = (signed.proposal.height, signed.proposal.round);
            let hash = signed.proposal.sign_hash(chain);
            Some(GuardMark { height, round, step: SignStep::Proposal, hash })
        }
        _ => None,
    }
}
