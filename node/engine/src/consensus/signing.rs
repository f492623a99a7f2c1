//! Decides whether we may sign, and tracks whether our signatures are on disk. SPEC VOTE-7, VOTE-8.
//!
//! Always true: the mark only rises, and its lock goes to disk in the same write; a sync point lies between a signature
//! and its publication; a sync point covers only what is in the journal: a guard on disk that names a message missing
//! from the journal would look like a lost journal.

use super::lost::Lost;
use super::own_key::{Foreign, OwnKey};
use crate::chain_view::Silence;
use crate::effect::{Effect, Fault};
use crate::journal::{GuardMark, GuardState, JournalEntry, JournalRecord, Lock, SignStep};
use crate::recovered::RecoveredValidator;
use blockchat_proto::hash::Hash32;
use blockchat_proto::keys::Signer;
use blockchat_proto::units::{Height, UnixMillis};
use blockchat_proto::vote::{SignedProposal, SignedVote, VoteKind};

/// The voting key with its guard.
pub(super) struct Signing {
    chain: Hash32,
    signer: Option<Signer>,
    guard: Option<GuardState>,
    /// The height of the guard's mark, if the journal lacks its message.
    lost: Option<Lost>,
    /// Signed, but not in the journal yet.
    unwritten: Vec<GuardState>,
    /// The highest mark in the journal, if the guard on disk is behind it.
    unsynced: Option<GuardState>,
    /// Does another node sign with our key?
    pub(super) own_key: OwnKey,
}

impl Signing {
    /// From the recovered state. `journal` holds only entries of the height after `tip`.
    ///
    /// The journal is made durable before the guard, so a journal without the message at the guard's mark was lost,
    /// unless it records an earlier loss: then others repeat our old votes, which must not make it look complete.
    pub(super) fn new(
        validator: Option<RecoveredValidator>,
        chain: Hash32,
        tip: Height,
        journal: &[JournalEntry],
    ) -> Self {
        let (signer, guard) = validator.map_or((None, None), |validator| (Some(validator.signer), validator.guard));
        let own_key = OwnKey::default();
        let mut nothing = Self { chain, signer, guard, lost: None, unwritten: vec![], unsynced: None, own_key };
        let (Some(signer), Some(guard)) = (&nothing.signer, guard) else {
            return nothing;
        };
        if guard.mark.height <= tip && journal.is_empty() {
            return nothing;
        }
        let own: Vec<_> = journal.iter().filter_map(|entry| own_mark(&entry.record, signer, chain)).collect();
        own.iter().for_each(|(own, _)| nothing.own_key.signed(own.hash, own.height));
        if guard.mark != GuardMark::STOPPED {
            nothing.own_key.signed(guard.mark.hash, guard.mark.height);
        }
        let lost = lost(&guard, tip, journal, &own);
        let mark = own.iter().fold(guard.mark, |highest, (own, _)| if highest.allows(own) { *own } else { highest });
        let before = match &lost {
            _ if mark.height <= tip => guard.lock,
            Some(lost) => lost.lock,
            None => Lock::None,
        };
        let highest = GuardState { mark, lock: locks(&own).fold(before, Lock::later) };
        let lost = lost.map(|lost| if lost.journaled { lost } else { Lost::found(highest) });
        let unsynced = Some(highest).filter(|highest| *highest != guard);
        Self { guard: Some(highest), lost, unsynced, ..nothing }
    }

    pub(super) fn signer(&self) -> Option<&Signer> {
        self.signer.as_ref()
    }

    /// May we sign at this height?
    pub(super) fn allowed_at(&self, height: Height) -> bool {
        self.is_able_at(height) && !self.listens()
    }

    /// May we sign at this height, at the latest when the brief listening after a start is over?
    pub(super) fn is_able_at(&self, height: Height) -> bool {
        let lost = |lost: Lost| height < lost.mark.height || (height == lost.mark.height && lost.is_closed());
        let stopped = self.own_key.suspects() || self.own_key.waits_outside() || self.lost.is_some_and(lost);
        self.signer.is_some() && self.guard.is_some() && !stopped
    }

    /// Do we sign nothing for now, because another node may have our key? Then nothing needs the journal.
    pub(super) fn listens(&self) -> bool {
        self.own_key.is_listening() || self.own_key.waits_outside()
    }

    /// Does the guard know of a signature?
    pub(super) fn has_signed_before(&self) -> bool {
        self.guard.is_some_and(|guard| guard.mark.height > Height(0))
    }

    /// The loss at this height, if there is one.
    pub(super) fn lost_at(&self, height: Height) -> Option<Lost> {
        self.lost.filter(|lost| lost.mark.height == height)
    }

    /// Why nothing is signed at this height, or less than others sign.
    pub(super) fn silence_at(&self, height: Height) -> Option<Silence> {
        self.signer.as_ref()?;
        let Some(guard) = self.guard else {
            return Some(Silence::NoGuard);
        };
        if guard.mark == GuardMark::STOPPED {
            return Some(Silence::Elsewhere);
        }
        if self.own_key.suspects() {
            return Some(Silence::Listening);
        }
        let lost = self.lost.filter(|lost| lost.mark.height >= height)?;
        match lost.lock {
            _ if lost.mark.height > height => Some(Silence::Behind { signed: guard.mark.height }),
            _ if lost.mark.ends_its_height() => Some(Silence::Closed),
            Lock::Unknown => Some(Silence::LockUnknown),
            Lock::On { round, block } => Some(Silence::Locked { round, block }),
            Lock::None => None,
        }
    }

    /// Was this signed with our key, but not by us? Always false without a guard: then we sign nothing.
    pub(super) fn foreign_vote(&self, signed: &SignedVote) -> Option<Height> {
        self.foreign(|signer| own_vote(signed, signer, self.chain))
    }

    /// See [`Self::foreign_vote`].
    pub(super) fn foreign_proposal(&self, signed: &SignedProposal) -> Option<Height> {
        self.foreign(|signer| own_proposal(signed, signer, self.chain))
    }

    fn foreign(&self, mark: impl FnOnce(&Signer) -> Option<(GuardMark, Option<Hash32>)>) -> Option<Height> {
        self.guard?;
        let (own, _) = mark(self.signer.as_ref()?)?;
        let known = self.own_key.knows(&own.hash) || self.lost.is_some_and(|lost| lost.covers(&own));
        (!known).then_some(own.height)
    }

    /// A message of our key at this height arrived that we did not sign. Returns what to sync first, if this closes
    /// something.
    pub(super) fn hears_itself(&mut self, height: Height, now: UnixMillis) -> Option<GuardState> {
        let guard = self.guard?;
        let mark = match self.own_key.heard(height, now) {
            Foreign::Elsewhere => GuardMark::STOPPED,
            Foreign::Before => GuardMark::end_of(height),
        };
        if mark.position() <= guard.mark.position() {
            return None;
        }
        let closed = GuardState { mark, lock: Lock::None };
        self.lost = Some(Lost { journaled: true, ..Lost::found(closed) });
        (self.guard, self.unsynced) = (Some(closed), None);
        self.unwritten.clear();
        Some(closed)
    }

    /// The chain contains a signature of our key at this height: listen, if the guard does not know it.
    pub(super) fn is_in_chain(&mut self, height: Height, now: UnixMillis) {
        if self.guard.is_some_and(|guard| guard.mark.height < height) {
            self.own_key.listen(now);
        }
    }

    /// The record to write to the journal before anything else of this height, then to sync, if part of the height was
    /// lost.
    pub(super) fn declare_loss(&mut self, height: Height) -> Option<GuardState> {
        let guard = self.guard?;
        let lost = self.lost.as_mut().filter(|lost| lost.mark.height == height && !lost.journaled)?;
        lost.journaled = true;
        Some(guard)
    }

    /// Is this vote one of our lost ones?
    pub(super) fn has_lost_vote(&self, signed: &SignedVote) -> bool {
        self.has_lost(|signer| own_vote(signed, signer, self.chain))
    }

    /// Is this proposal one of our lost ones?
    pub(super) fn has_lost_proposal(&self, signed: &SignedProposal) -> bool {
        self.has_lost(|signer| own_proposal(signed, signer, self.chain))
    }

    /// Is this message one of our lost ones?
    pub(super) fn has_lost_record(&self, record: &JournalRecord) -> bool {
        self.has_lost(|signer| own_mark(record, signer, self.chain))
    }

    fn has_lost(&self, mark: impl FnOnce(&Signer) -> Option<(GuardMark, Option<Hash32>)>) -> bool {
        let (Some(lost), Some(signer)) = (&self.lost, &self.signer) else {
            return false;
        };
        mark(signer).is_some_and(|(own, _)| lost.covers(&own))
    }

    /// We signed a message for `block` or for none. An error means that it contradicts an earlier one: nothing may be
    /// published any more.
    pub(super) fn signed(&mut self, mark: GuardMark, block: Option<Hash32>) -> Result<(), Fault> {
        let guard = self.guard.expect("the core signs only where signing is allowed");
        if !guard.mark.allows(&mark) {
            return Err(Fault::GuardContradicted { guard: guard.mark, wanted: mark });
        }
        self.own_key.signed(mark.hash, mark.height);
        self.own_key.begins();
        if guard.mark != mark {
            let signed = guard.after(mark, block);
            self.unwritten.retain(|earlier| earlier.mark.height == mark.height);
            self.unwritten.push(signed);
            self.guard = Some(signed);
        }
        Ok(())
    }

    /// An entry goes to the journal: from now on a sync point covers our messages in it.
    pub(super) fn written(&mut self, entry: &JournalEntry) {
        let own = self.signer.as_ref().and_then(|signer| own_mark(&entry.record, signer, self.chain));
        let Some(at) = own.and_then(|(own, _)| self.unwritten.iter().position(|signed| signed.mark == own)) else {
            return;
        };
        let signed = self.unwritten.swap_remove(at);
        self.unsynced = self.unsynced.filter(|higher| !higher.mark.allows(&signed.mark)).or(Some(signed));
    }

    /// The sync point to perform before publishing, and at the start, if one is due.
    pub(super) fn sync(&mut self) -> Option<Effect> {
        self.unsynced.take().map(Effect::Sync)
    }

    /// Was this signed, but never written?
    pub(super) fn is_unwritten(&self, sign_hash: Hash32) -> bool {
        self.unwritten.iter().any(|signed| signed.mark.hash == sign_hash)
    }
}

/// Does the journal lack the message at the guard's mark, or has it once lacked such a message of this height?
///
/// If the journal knows a lock that the guard does not, the operator has dropped it.
fn lost(
    guard: &GuardState,
    tip: Height,
    journal: &[JournalEntry],
    own: &[(GuardMark, Option<Hash32>)],
) -> Option<Lost> {
    let record = journal.iter().rev().find_map(|entry| match &entry.record {
        JournalRecord::Lost(state) => Some(Lost { journaled: true, ..Lost::found(*state) }),
        _ => None,
    });
    let known = record.is_some_and(|lost| lost.mark == guard.mark) || own.iter().any(|(own, _)| *own == guard.mark);
    if guard.mark.height > tip && !known {
        return Some(Lost::found(*guard));
    }
    let lock = |lost: Lost| if guard.lock == Lock::None { Lock::None } else { lost.lock };
    record.map(|lost| Lost { lock: lock(lost), ..lost })
}

/// The locks that our journaled precommits took.
fn locks(own: &[(GuardMark, Option<Hash32>)]) -> impl Iterator<Item = Lock> + '_ {
    own.iter().filter(|(mark, _)| mark.step == SignStep::Precommit).filter_map(|(mark, block)| {
        let round = mark.round;
        block.map(|block| Lock::On { round, block })
    })
}

/// The mark of our own journaled message, and its block.
fn own_mark(record: &JournalRecord, signer: &Signer, chain: Hash32) -> Option<(GuardMark, Option<Hash32>)> {
    match record {
        JournalRecord::Vote(signed) => own_vote(signed, signer, chain),
        JournalRecord::Proposal(signed) => own_proposal(signed, signer, chain),
        _ => None,
    }
}

fn own_vote(signed: &SignedVote, signer: &Signer, chain: Hash32) -> Option<(GuardMark, Option<Hash32>)> {
    let vote = &signed.vote;
    let step = match vote.kind {
        VoteKind::Prevote => SignStep::Prevote,
        VoteKind::Precommit => SignStep::Precommit,
    };
    let mark = || GuardMark { height: vote.height, round: vote.round, step, hash: vote.sign_hash(chain) };
    (vote.validator == signer.address()).then(|| (mark(), vote.value))
}

fn own_proposal(signed: &SignedProposal, signer: &Signer, chain: Hash32) -> Option<(GuardMark, Option<Hash32>)> {
    let proposal = &signed.proposal;
    let (height, round, step) = (proposal.height, proposal.round, SignStep::Proposal);
    let mark = || GuardMark { height, round, step, hash: proposal.sign_hash(chain) };
    (proposal.leader == signer.address()).then(|| (mark(), Some(proposal.block)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use blockchat_proto::units::Round;
    use blockchat_proto::vote::Vote;

    const CHAIN: Hash32 = Hash32([7; 32]);
    const TIP: Height = Height(4);
    const HEIGHT: Height = Height(5);
    const BLOCK: Option<Hash32> = Some(Hash32([9; 32]));
    const LOCKED: Lock = Lock::On { round: Round(1), block: Hash32([9; 32]) };
    const PREVOTE: VoteKind = VoteKind::Prevote;
    const PRECOMMIT: VoteKind = VoteKind::Precommit;

    fn signer() -> Signer {
        Signer::from_seed(&[1; 32])
    }

    fn record(round: u32, kind: VoteKind, value: Option<Hash32>) -> JournalRecord {
        let vote = Vote { kind, height: HEIGHT, round: Round(round), value, validator: signer().address() };
        JournalRecord::Vote(vote.sign(CHAIN, &signer()))
    }

    fn mark(round: u32, kind: VoteKind, value: Option<Hash32>) -> GuardMark {
        own_mark(&record(round, kind, value), &signer(), CHAIN).expect("it is ours").0
    }

    /// A node on height 4 with this guard, and these records in the journal.
    fn started(guard: GuardState, records: Vec<JournalRecord>) -> Signing {
        let journal: Vec<_> = records.into_iter().map(|record| JournalEntry { height: HEIGHT, record }).collect();
        Signing::new(Some(RecoveredValidator { signer: signer(), guard: Some(guard) }), CHAIN, TIP, &journal)
    }

    #[test]
    fn with_the_journal_whole_signing_goes_on() {
        let mut signing =
            started(GuardState { mark: mark(2, PRECOMMIT, None), lock: Lock::None }, vec![record(2, PRECOMMIT, None)]);
        assert!(signing.allowed_at(HEIGHT) && signing.sync().is_none() && signing.lost_at(HEIGHT).is_none());
    }

    #[test]
    fn what_was_lost_is_declared_once_and_others_that_repeat_our_votes_do_not_mend_it() {
        let guard = GuardState { mark: mark(2, PREVOTE, None), lock: LOCKED };
        let mut signing = started(guard, vec![]);
        assert!(signing.allowed_at(HEIGHT) && !signing.allowed_at(TIP));
        assert_eq!(signing.declare_loss(TIP), None, "of that height only");
        assert_eq!(signing.declare_loss(HEIGHT), Some(guard));
        assert_eq!(signing.declare_loss(HEIGHT), None);
        // It was durable; then a peer repeated the message at the mark, and we restart.
        let signing = started(guard, vec![JournalRecord::Lost(guard), record(2, PREVOTE, None)]);
        let lost = signing.lost_at(HEIGHT).expect("for the whole height");
        assert!(lost.journaled && lost.lock == LOCKED && lost.mark == guard.mark);
        assert!(
            signing.has_lost_record(&record(2, PREVOTE, None)) && signing.has_lost_record(&record(0, PRECOMMIT, None))
        );
        assert!(!signing.has_lost_record(&record(2, PRECOMMIT, None)), "that is later");
    }

    #[test]
    fn a_loss_after_a_loss_is_a_new_one() {
        let first = GuardState { mark: mark(2, PREVOTE, None), lock: Lock::None };
        let guard = GuardState { mark: mark(3, PREVOTE, None), lock: Lock::None };
        let signing = started(guard, vec![JournalRecord::Lost(first)]);
        let lost = signing.lost_at(HEIGHT).unwrap();
        assert!(!lost.journaled && lost.mark == guard.mark);
    }

    #[test]
    fn without_its_lock_a_lost_height_stays_closed() {
        let guard = GuardState { mark: mark(2, PREVOTE, None), lock: Lock::Unknown };
        let signing = started(guard, vec![]);
        assert!(!signing.allowed_at(HEIGHT) && signing.allowed_at(HEIGHT.next()));
        let whole = started(guard, vec![record(1, PRECOMMIT, BLOCK), record(2, PREVOTE, None)]);
        assert!(whole.allowed_at(HEIGHT), "the journal knows the lock");
        assert_eq!(whole.guard.map(|guard| guard.lock), Some(LOCKED));
    }

    #[test]
    fn a_lock_that_the_operator_dropped_is_gone_though_the_journal_names_it() {
        let guard = GuardState { mark: mark(2, PREVOTE, None), lock: LOCKED };
        let dropped = GuardState { lock: Lock::None, ..guard };
        for lock in [LOCKED, Lock::Unknown] {
            let record = JournalRecord::Lost(GuardState { lock, ..guard });
            let signing = started(dropped, vec![record.clone()]);
            assert!(signing.allowed_at(HEIGHT) && !signing.lost_at(HEIGHT).unwrap().is_locked());
            assert_eq!(started(GuardState { lock, ..guard }, vec![record]).lost_at(HEIGHT).unwrap().lock, lock);
        }
    }

    #[test]
    fn a_precommit_for_a_block_locks_and_another_height_is_free() {
        let mut signing = started(GuardState::START, vec![]);
        let mut sign = |round, kind, value| {
            signing.signed(mark(round, kind, value), value).unwrap();
            signing.written(&JournalEntry { height: HEIGHT, record: record(round, kind, value) });
            let Some(Effect::Sync(state)) = signing.sync() else { panic!("a signature needs a sync point") };
            assert_eq!(state.mark, mark(round, kind, value));
            state.lock
        };
        assert_eq!(sign(0, PREVOTE, BLOCK), Lock::None, "a prevote locks nothing");
        assert_eq!(sign(0, PRECOMMIT, None), Lock::None);
        assert_eq!(sign(1, PRECOMMIT, BLOCK), LOCKED);
        assert_eq!(sign(2, PRECOMMIT, None), LOCKED, "nil frees nothing");
        let other = Some(Hash32([3; 32]));
        assert_eq!(sign(3, PRECOMMIT, other), Lock::On { round: Round(3), block: Hash32([3; 32]) });
        let next = GuardMark { height: HEIGHT.next(), ..GuardMark::START };
        assert_eq!(signing.guard.unwrap().after(next, BLOCK).lock, Lock::None);
        assert!(signing.signed(mark(2, PREVOTE, None), None).is_err(), "never below the mark");
    }
}
