//! May we sign, and is what we signed on disk? SPEC VOTE-7, VOTE-8.
//!
//! Always true: the mark only rises; between a signature and its publication lies a sync point; a sync point covers only
//! what is in the journal: a guard on disk that names a message the journal lacks would look like a lost journal.

use crate::effect::{Effect, Fault};
use crate::journal::{GuardMark, JournalEntry, JournalRecord, SignStep};
use crate::recovered::RecoveredValidator;
use blockchat_proto::hash::Hash32;
use blockchat_proto::keys::Signer;
use blockchat_proto::units::{Height, Round};
use blockchat_proto::vote::VoteKind;

/// The voting key with its guard.
pub(super) struct Signing {
    chain: Hash32,
    signer: Option<Signer>,
    guard: Option<GuardMark>,
    /// Nothing is signed at or below this height: what was signed there was lost.
    lost_up_to: Height,
    /// Signed, but not in the journal yet.
    unwritten: Vec<GuardMark>,
    /// The highest mark in the journal, if the guard on disk is behind it.
    unsynced: Option<GuardMark>,
}

impl Signing {
    /// From what was recovered. `journal` holds entries above the tip only.
    ///
    /// The journal is made durable before the guard, so a journal without the message at the guard's mark was lost:
    /// then nothing is signed up to the guard's height, because a forgotten lock counts for the whole height. The guard is
    /// raised to the end of that height: others repeat our old votes, these reach the new journal, and after the next
    /// restart nothing would seem to be lost.
    pub(super) fn new(
        validator: Option<RecoveredValidator>,
        chain: Hash32,
        tip: Height,
        journal: &[JournalEntry],
    ) -> Self {
        let Some(RecoveredValidator { signer, guard }) = validator else {
            let (lost_up_to, unwritten) = (Height(0), vec![]);
            return Self { chain, signer: None, guard: None, lost_up_to, unwritten, unsynced: None };
        };
        let signed = || journal.iter().filter_map(|entry| own_mark(entry, &signer, chain));
        let lost = |mark: GuardMark| mark.height > tip && !signed().any(|own| own == mark);
        if let Some(mark) = guard.filter(|mark| lost(*mark)) {
            let closed = GuardMark { round: Round(u32::MAX), step: SignStep::Precommit, hash: Hash32::ZERO, ..mark };
            let (lost_up_to, unsynced) = (mark.height, Some(closed).filter(|closed| *closed != mark));
            return Self { chain, signer: Some(signer), guard: Some(closed), lost_up_to, unwritten: vec![], unsynced };
        }
        let highest = signed().filter(|_| guard.is_some()).fold(guard, |highest, own| match highest {
            Some(mark) if !mark.allows(&own) => Some(mark),
            _ => Some(own),
        });
        let unsynced = highest.filter(|_| highest != guard);
        let lost_up_to = Height(0);
        Self { chain, signer: Some(signer), guard: highest, lost_up_to, unwritten: vec![], unsynced }
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
        if guard != mark {
            self.unwritten.retain(|earlier| earlier.height == mark.height);
            self.unwritten.push(mark);
        }
        self.guard = Some(mark);
        Ok(())
    }

    /// An entry goes into the journal: from now on a sync point covers what we say in it.
    pub(super) fn written(&mut self, entry: &JournalEntry) {
        let own = self.signer.as_ref().and_then(|signer| own_mark(entry, signer, self.chain));
        let Some(at) = own.and_then(|own| self.unwritten.iter().position(|mark| *mark == own)) else {
            return;
        };
        let mark = self.unwritten.swap_remove(at);
        self.unsynced = self.unsynced.filter(|higher| !higher.allows(&mark)).or(Some(mark));
    }

    /// The sync point to perform before publishing, and when starting, if one is due.
    pub(super) fn sync(&mut self) -> Option<Effect> {
        self.unsynced.take().map(Effect::Sync)
    }

    /// Was this signed, but never written down?
    pub(super) fn is_unwritten(&self, sign_hash: Hash32) -> bool {
        self.unwritten.iter().any(|mark| mark.hash == sign_hash)
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

#[cfg(test)]
mod tests {
    use super::*;
    use blockchat_proto::vote::Vote;

    const CHAIN: Hash32 = Hash32([7; 32]);
    const TIP: Height = Height(4);
    const HEIGHT: Height = Height(5);

    /// A node on height 4 with this guard, and these votes of its own in the journal.
    fn started(guard: GuardMark, votes: &[(Round, VoteKind)]) -> Signing {
        let signer = Signer::from_seed(&[1; 32]);
        let entry = |(round, kind): &(Round, VoteKind)| {
            let vote = Vote { kind: *kind, height: HEIGHT, round: *round, value: None, validator: signer.address() };
            JournalEntry { height: HEIGHT, record: JournalRecord::Vote(vote.sign(CHAIN, &signer)) }
        };
        let journal: Vec<_> = votes.iter().map(entry).collect();
        let validator = RecoveredValidator { signer: signer.clone(), guard: Some(guard) };
        Signing::new(Some(validator), CHAIN, TIP, &journal)
    }

    fn mark(round: Round, kind: VoteKind) -> GuardMark {
        let signer = Signer::from_seed(&[1; 32]);
        let vote = Vote { kind, height: HEIGHT, round, value: None, validator: signer.address() };
        let entry = JournalEntry { height: HEIGHT, record: JournalRecord::Vote(vote.sign(CHAIN, &signer)) };
        own_mark(&entry, &signer, CHAIN).expect("it is ours")
    }

    #[test]
    fn with_the_journal_whole_signing_goes_on() {
        let vote = (Round(2), VoteKind::Precommit);
        let mut signing = started(mark(vote.0, vote.1), &[vote]);
        assert!(signing.allowed_at(HEIGHT) && signing.sync().is_none());
    }

    #[test]
    fn a_height_in_which_something_was_lost_stays_closed_though_others_repeat_our_votes() {
        let vote = (Round(2), VoteKind::Precommit);
        let mut signing = started(mark(vote.0, vote.1), &[]);
        assert!(!signing.allowed_at(HEIGHT) && signing.allowed_at(HEIGHT.next()));
        let Some(Effect::Sync(closed)) = signing.sync() else { panic!("the guard must be closed on disk") };
        // Peers repeat what we once signed; it is journaled like any vote, and then we restart.
        let mut signing = started(closed, &[(Round(0), VoteKind::Prevote), vote]);
        assert!(!signing.allowed_at(HEIGHT) && signing.allowed_at(HEIGHT.next()));
        assert!(signing.sync().is_none(), "closed already");
    }
}
