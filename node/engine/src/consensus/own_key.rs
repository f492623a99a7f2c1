//! Detects another node that signs with our key: a copied home, a restored backup, a second replica. SPEC VOTE-9.
//!
//! Owns: what we signed above the tip, and when we listen before we sign. Does not own: the guard (`signing`).
//! Always true: a message of our own key above the tip that neither this process nor its journal signed never counts as
//! ours. At a height that others had reached when we began to sign, it may be from before a data loss, so that height
//! is closed; above it, another node signs now.
//! Start reading at [`OwnKey::heard`].

use super::height::Deciding;
use super::{Consensus, Turn};
use crate::effect::Effect;
use blockchat_proto::block::VerifiedBlock;
use blockchat_proto::coins::is_quorum;
use blockchat_proto::hash::Hash32;
use blockchat_proto::keys::Signer;
use blockchat_proto::ledger::Ledger;
use blockchat_proto::units::{Height, UnixMillis};
use blockchat_proto::vote::{Certificate, CommitSignature};
use std::collections::BTreeMap;

/// The silence of our key that must pass before we sign: so many heights, or so long in a height that does not end,
/// because the others may be waiting for us.
#[derive(Clone, Copy, Debug)]
struct Quiet {
    heights: u32,
    ms: u64,
}

/// After each start. Other members repeat their votes at least twice in this time.
const AT_START: Quiet = Quiet { heights: 2, ms: 800 };
/// After a sign of another node.
const SUSPECTED: Quiet = Quiet { heights: 2, ms: 10_000 };

/// Interval of checks while we listen, in ms.
const LISTENING_TICK_MS: u64 = 200;

/// The meaning of a message of our key that we did not sign.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Foreign {
    /// It may be ours, from before the loss: sign nothing more at its height.
    Before,
    /// Another node signs with our key.
    Elsewhere,
}

/// See the module's header.
#[derive(Default)]
pub(super) struct OwnKey {
    /// Hashes of what we signed above the tip.
    signed: BTreeMap<Hash32, Height>,
    /// The highest height mentioned by any member so far.
    seen: Height,
    /// `seen` when we began to sign, or when we first heard our key.
    began: Option<Height>,
    listens: Option<Listens>,
    /// Peers keep another run of our network identity, and we have no peer.
    shut_out: bool,
    /// Have we already listened because peers said so? Only once per run, or a liar could keep us listening.
    warned: bool,
}

/// Waiting for a sign of another node.
#[derive(Clone, Copy, Debug)]
struct Listens {
    left: Quiet,
    since: UnixMillis,
    /// Is there a sign of another node, or have we just started?
    suspects: bool,
}

impl OwnKey {
    /// The node starts with a key that may have signed before: its home may be a copy.
    pub(super) fn starts(&mut self, now: UnixMillis) {
        self.listens = Some(Listens { left: AT_START, since: now, suspects: false });
    }

    /// A member mentioned this height.
    pub(super) fn saw(&mut self, height: Height) {
        self.seen = self.seen.max(height);
    }

    /// We signed this, or the journal says so.
    pub(super) fn signed(&mut self, hash: Hash32, height: Height) {
        self.saw(height);
        self.signed.insert(hash, height);
    }

    /// From now on, our key above the highest height seen so far means another node.
    pub(super) fn begins(&mut self) {
        self.began.get_or_insert(self.seen);
    }

    pub(super) fn knows(&self, hash: &Hash32) -> bool {
        self.signed.contains_key(hash)
    }

    /// A message of our key at this height, above the tip, that we did not sign.
    pub(super) fn heard(&mut self, height: Height, now: UnixMillis) -> Foreign {
        self.saw(height);
        if self.is_listening() {
            self.listen(now);
        }
        let began = *self.began.get_or_insert(self.seen);
        if height > began { Foreign::Elsewhere } else { Foreign::Before }
    }

    /// The chain contains a signature of ours that our guard does not know.
    pub(super) fn listen(&mut self, now: UnixMillis) {
        self.listens = Some(Listens { left: SUSPECTED, since: now, suspects: true });
    }

    pub(super) fn is_listening(&self) -> bool {
        self.listens.is_some()
    }

    /// Does it listen because of a sign of another node?
    pub(super) fn suspects(&self) -> bool {
        self.listens.is_some_and(|listens| listens.suspects)
    }

    /// Peers report another connected run of our network identity; `shut_out`: and we have no peer. This is unproven.
    /// Before the first signature of this run waiting costs little; afterwards heard messages decide.
    pub(super) fn elsewhere(&mut self, shut_out: bool, now: UnixMillis) {
        self.shut_out = shut_out;
        if !shut_out && !self.has_signed() && !self.warned {
            self.warned = true;
            self.listen(now);
        }
    }

    /// Must we sign nothing as long as peers shut us out?
    pub(super) fn waits_outside(&self) -> bool {
        self.shut_out && !self.has_signed()
    }

    pub(super) fn is_shut_out(&self) -> bool {
        self.shut_out
    }

    /// Has this run signed anything, or heard its key?
    fn has_signed(&self) -> bool {
        self.began.is_some()
    }

    /// The tip moved to this height; `at_tip`: by a decision that we could hear, not by catching up.
    pub(super) fn tip_moved(&mut self, tip: Height, at_tip: bool, now: UnixMillis) {
        self.saw(tip);
        self.signed.retain(|_, height| *height > tip);
        if let Some(listens) = &mut self.listens {
            listens.since = now;
            listens.left.heights -= u32::from(at_tip);
        }
        self.listens = self.listens.filter(|listens| listens.left.heights > 0);
    }

    /// Time passes. `waits`: a height is under way and we could hear others, which may be waiting for us. `true` when
    /// listening ends.
    pub(super) fn tick(&mut self, waits: bool, now: UnixMillis) -> bool {
        let Some(listens) = &mut self.listens else { return false };
        if !waits || now < listens.since {
            listens.since = now;
        }
        let over = now.since(listens.since) >= listens.left.ms;
        if over {
            self.listens = None;
        }
        over
    }
}

impl Consensus {
    /// Does this final block with its proof contain a signature of ours that we do not know?
    pub(crate) fn saw_final(&mut self, block: &VerifiedBlock, certificate: &Certificate, now: UnixMillis) {
        let Some(us) = self.signing.signer().map(Signer::address) else { return };
        let has = |signatures: &[CommitSignature]| signatures.iter().any(|part| part.validator == us);
        let commits = [Some(certificate), block.commit()].into_iter().flatten();
        let highest = commits.filter(|commit| has(&commit.signatures)).map(|commit| commit.height).max();
        if let Some(height) = highest {
            self.signing.is_in_chain(height, now);
        }
    }

    /// Our key may have signed before this start: listen first, unless our stake alone is a quorum. On a new chain all
    /// keys are new.
    pub(super) fn listen_at_start(&mut self, ledger: &Ledger, now: UnixMillis) {
        let is_new = ledger.tip().height == Height(0) && !self.signing.has_signed_before();
        if !is_new && !self.decides_alone(ledger) {
            self.signing.own_key.starts(now);
        }
    }

    /// Time passes: listening for our own key is limited in time. `connected`: to any peer.
    pub(crate) fn tick(&mut self, turn: &mut Turn<'_>, connected: bool) {
        let waits = connected && !self.following && self.is_deciding();
        if self.signing.own_key.tick(waits, turn.now) && self.is_deciding() {
            self.start_anew(turn);
        }
    }

    /// Delay until the next [`Self::tick`], in ms, if it must come soon.
    pub(crate) fn tick_soon(&self) -> Option<u64> {
        self.signing.own_key.is_listening().then_some(LISTENING_TICK_MS)
    }

    /// A message that our key signed and we did not: see the module. The height continues without us.
    pub(super) fn heard_ourselves(&mut self, turn: &mut Turn<'_>, height: Height) {
        let Some(closed) = self.signing.hears_itself(height, turn.now) else { return };
        turn.ask(Effect::Sync(closed));
        if self.deciding.core.is_some() && !self.signing.allowed_at(turn.ledger.tip().height.next()) {
            self.start_anew(turn);
        }
    }

    /// Peers report another connected run of our network identity: see the module's header. If our own stake is a
    /// quorum, no other node is needed, so peers cannot stop us.
    pub(crate) fn identity_elsewhere(&mut self, turn: &mut Turn<'_>, shut_out: bool) {
        let height = turn.ledger.tip().height.next();
        let before = self.signing.allowed_at(height);
        let alone = shut_out && self.decides_alone(turn.ledger);
        self.signing.own_key.elsewhere(shut_out && !alone, turn.now);
        if self.is_deciding() && before != self.signing.allowed_at(height) {
            self.start_anew(turn);
        }
    }

    fn decides_alone(&self, ledger: &Ledger) -> bool {
        let own = self.signer().and_then(|signer| ledger.validators().get(&signer.address()));
        own.is_some_and(|own| is_quorum(own.stake, ledger.validators().total()))
    }

    /// Do peers keep another run of our network identity, while we have no peer?
    pub(crate) fn is_shut_out(&self) -> bool {
        self.signing.own_key.is_shut_out()
    }

    /// Restarts the core of this height with a changed right to sign, from the journal that the node started with.
    /// Messages sent meanwhile are repeated.
    fn start_anew(&mut self, turn: &mut Turn<'_>) {
        self.cancel_all(turn);
        let (leader, since) = (self.deciding.leader, self.deciding.since);
        self.deciding = std::mem::replace(&mut self.deciding, Deciding::new(leader, since)).anew();
        if let Err(fault) = self.restore_proposed(turn.ledger.chain()) {
            return self.halt(turn, fault);
        }
        self.start_height(turn);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const START: UnixMillis = UnixMillis(1_000);

    #[test]
    fn above_what_was_seen_when_we_began_another_one_signs() {
        let mut key = OwnKey::default();
        key.saw(Height(7));
        key.begins();
        key.saw(Height(9));
        assert_eq!(key.heard(Height(7), START), Foreign::Before, "it may be ours, from before");
        assert_eq!(key.heard(Height(8), START), Foreign::Elsewhere);
    }

    #[test]
    fn what_is_heard_before_we_began_is_at_first_taken_for_our_own() {
        let mut key = OwnKey::default();
        assert_eq!(key.heard(Height(7), START), Foreign::Before);
        assert_eq!(key.heard(Height(7), START), Foreign::Before);
        assert_eq!(key.heard(Height(8), START), Foreign::Elsewhere);
    }

    #[test]
    fn two_heights_or_ten_seconds_without_our_key_are_enough() {
        let mut key = OwnKey::default();
        key.listen(START);
        key.tip_moved(Height(5), false, START);
        key.tip_moved(Height(6), true, START);
        assert_eq!(key.heard(Height(7), START), Foreign::Before);
        key.tip_moved(Height(7), true, START);
        assert!(key.is_listening(), "it was heard in between");
        key.tip_moved(Height(8), true, START);
        assert!(!key.is_listening());
        key.listen(START);
        assert!(!key.tick(false, START.plus(60_000)), "while blocks come, nobody waits for us");
        assert!(!key.tick(true, START.plus(60_000 + 9_999)));
        assert!(key.tick(true, START.plus(60_000 + 10_000)) && !key.is_listening());
    }

    #[test]
    fn a_start_is_brief_unless_the_key_is_heard() {
        let mut key = OwnKey::default();
        key.starts(START);
        assert!(key.is_listening() && !key.suspects());
        assert!(!key.tick(true, START.plus(799)));
        assert!(key.tick(true, START.plus(800)) && !key.is_listening());
        key.starts(START);
        assert_eq!(key.heard(Height(7), START), Foreign::Before);
        assert!(key.suspects() && !key.tick(true, START.plus(9_999)));
        assert_eq!(key.heard(Height(8), START), Foreign::Elsewhere, "before anything was signed");
    }

    #[test]
    fn who_is_shut_out_for_another_run_signs_nothing_and_listens_once_when_it_is_taken() {
        let mut key = OwnKey::default();
        key.elsewhere(true, START);
        assert!(key.waits_outside() && !key.is_listening());
        assert!(!key.tick(true, START.plus(60_000)), "however long it lasts");
        key.elsewhere(false, START);
        assert!(!key.waits_outside() && key.is_listening());
        assert!(key.tick(true, START.plus(120_000)) || key.tick(true, START.plus(130_000)));
        key.elsewhere(true, START);
        key.elsewhere(false, START);
        assert!(!key.is_listening(), "a liar holds nobody up twice");
    }

    #[test]
    fn who_has_signed_is_not_stopped_by_what_peers_say() {
        let mut key = OwnKey::default();
        key.saw(Height(7));
        key.begins();
        key.elsewhere(true, START);
        assert!(key.is_shut_out() && !key.waits_outside());
        key.elsewhere(false, START);
        assert!(!key.is_listening());
    }

    #[test]
    fn what_we_signed_is_known_until_it_is_decided() {
        let (mut key, hash) = (OwnKey::default(), Hash32([1; 32]));
        key.signed(hash, Height(5));
        key.tip_moved(Height(4), true, START);
        assert!(key.knows(&hash));
        key.tip_moved(Height(5), true, START);
        assert!(!key.knows(&hash));
    }
}
