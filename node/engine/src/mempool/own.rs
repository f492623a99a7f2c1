//! Our own transactions: those that entered the network here. Gossip may lose them, so we repeat them until they are
//! final.
//!
//! Always true: ours are pooled or on the shelf; each is repeated after an interval that doubles up to a maximum, first
//! after twice the time that ours usually take to become final; at most a limited number of bytes at a time, earlier
//! ones first, and ever fewer while none of ours becomes final: on slow links repetitions would otherwise take the place
//! of the votes and blocks that end the wait. With ours go others' transactions with lower nonces of the same sender.
//! Start reading at [`Mempool::tick`].

use super::pool::Mempool;
use blockchat_proto::keys::Address;
use blockchat_proto::transaction::{TransactionId, VerifiedTransaction};
use blockchat_proto::units::UnixMillis;
use std::collections::BTreeMap;

/// Maximum bytes repeated per tick at first; the rest follows with the next tick.
const ALLOWANCE: usize = 64 * 1024;
/// It doubles up to this with each tick in which some of ours became final,
const ALLOWANCE_MAX: usize = 256 * 1024;
/// and halves down to this after each tick that repeated some in vain.
const ALLOWANCE_MIN: usize = 4 * 1024;
/// Of the difference between the usual time to final and that of one transaction, this fraction counts.
const USUAL: u64 = 8;

/// Result of a pool check.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Ticked {
    /// Our own that are due: gossip them again.
    pub gossip: Vec<VerifiedTransaction>,
    /// Our own that are invalid: no need to keep them.
    pub forget: Vec<TransactionId>,
}

impl Mempool {
    /// Time passed: drops transactions that waited on the shelf for too long, and repeats what is due.
    pub fn tick(&mut self, now: UnixMillis) -> Ticked {
        self.now = now;
        self.own.adapt();
        for late in self.shelf.take_late(now) {
            self.refuse(late.transaction.id(), late.too_early());
        }
        Ticked { gossip: self.due(now), forget: self.take_forgotten() }
    }

    /// A peer connected that may lack our own transactions. Returns the first of them; the others follow with the next
    /// ticks.
    pub fn own_now(&mut self, now: UnixMillis) -> Vec<VerifiedTransaction> {
        self.now = now;
        self.own.start_again(now);
        self.due(now)
    }

    fn due(&mut self, now: UnixMillis) -> Vec<VerifiedTransaction> {
        let due = self.own.take_due(now);
        let ours = due.iter().filter_map(|id| self.get(id).or_else(|| self.shelf.get(id)).cloned());
        let ours: Vec<_> = ours.collect();
        let mut repeated = self.theirs_before(&ours);
        repeated.extend(ours);
        repeated
    }

    /// Others' transactions that precede ours. Peers may have lost them: we may be the last node that has them, and
    /// without them ours are too early everywhere else.
    fn theirs_before(&self, ours: &[VerifiedTransaction]) -> Vec<VerifiedTransaction> {
        let mut last: BTreeMap<Address, u64> = BTreeMap::new();
        for transaction in ours {
            let nonce = last.entry(transaction.sender()).or_default();
            *nonce = transaction.nonce().max(*nonce);
        }
        let rows = last.iter().filter_map(|(sender, nonce)| Some((self.rows.get(sender)?, *nonce)));
        let before = rows.flat_map(|(row, nonce)| row.iter().take_while(move |earlier| earlier.nonce() < nonce));
        let mut fits = within(self.own.allowance);
        let theirs = before.filter(|earlier| !self.own.contains(&earlier.id()));
        theirs.take_while(|earlier| fits(earlier.bytes().len())).cloned().collect()
    }
}

/// When to repeat each of ours.
#[derive(Debug)]
pub(super) struct Own {
    first_ms: u64,
    max_ms: u64,
    repeats: BTreeMap<TransactionId, Repeat>,
    due: BTreeMap<(UnixMillis, u64), TransactionId>,
    sequence: u64,
    /// Time that ours usually take to become final, in ms.
    usual_ms: u64,
    /// Bytes that the next tick may repeat.
    allowance: usize,
    /// Since the last tick, was something repeated,
    repeated: bool,
    /// and did something become final?
    progress: bool,
}

#[derive(Debug)]
struct Repeat {
    since: UnixMillis,
    bytes: usize,
    due: UnixMillis,
    /// The interval after that.
    pause_ms: u64,
    /// Order of arrival: of those due at the same time, earlier nonces go first.
    sequence: u64,
}

impl Own {
    pub(super) fn new(first_ms: u64, max_ms: u64) -> Self {
        Self {
            first_ms,
            max_ms,
            repeats: BTreeMap::new(),
            due: BTreeMap::new(),
            sequence: 0,
            usual_ms: 0,
            allowance: ALLOWANCE,
            repeated: false,
            progress: false,
        }
    }

    pub(super) fn contains(&self, id: &TransactionId) -> bool {
        self.repeats.contains_key(id)
    }

    /// `false` if it was already ours.
    pub(super) fn insert(&mut self, transaction: &VerifiedTransaction, now: UnixMillis) -> bool {
        let (id, bytes) = (transaction.id(), transaction.bytes().len());
        if self.contains(&id) {
            return false;
        }
        self.sequence += 1;
        let (pause_ms, sequence) = (self.first_pause_ms(), self.sequence);
        let due = now.plus(pause_ms);
        self.due.insert((due, sequence), id);
        let pause_ms = doubled(pause_ms, self.max_ms);
        self.repeats.insert(id, Repeat { since: now, bytes, due, pause_ms, sequence });
        true
    }

    fn first_pause_ms(&self) -> u64 {
        self.usual_ms.saturating_mul(2).clamp(self.first_ms, self.max_ms)
    }

    /// One of ours became final, if this is one.
    pub(super) fn is_final(&mut self, id: &TransactionId, now: UnixMillis) {
        let Some(repeat) = self.repeats.get(id) else { return };
        self.progress = true;
        // More would change no pause, and a clock that was set forward would be remembered for long.
        let took_ms = now.since(repeat.since).min(self.max_ms);
        self.usual_ms = (self.usual_ms * (USUAL - 1) + took_ms) / USUAL;
    }

    /// A tick begins: adapts how much it may repeat.
    fn adapt(&mut self) {
        self.allowance = match (std::mem::take(&mut self.progress), std::mem::take(&mut self.repeated)) {
            (true, _) => (self.allowance * 2).min(ALLOWANCE_MAX),
            (false, true) => (self.allowance / 2).max(ALLOWANCE_MIN),
            (false, false) => self.allowance,
        };
    }

    /// `false` if it was not ours.
    pub(super) fn remove(&mut self, id: &TransactionId) -> bool {
        let removed = self.repeats.remove(id);
        removed.is_some_and(|repeat| self.due.remove(&(repeat.due, repeat.sequence)).is_some())
    }

    /// Makes everything due now, as if just submitted.
    fn start_again(&mut self, now: UnixMillis) {
        self.due.clear();
        let pause_ms = self.first_pause_ms();
        for (id, repeat) in &mut self.repeats {
            repeat.due = now;
            repeat.pause_ms = pause_ms;
            self.due.insert((now, repeat.sequence), *id);
        }
    }

    /// Takes due ones up to the allowance, one at least, and sets the next time of each.
    fn take_due(&mut self, now: UnixMillis) -> Vec<TransactionId> {
        if self.due.last_key_value().is_some_and(|((due, _), _)| due.since(now) > self.max_ms) {
            // No time is set this far ahead: the clock was set back.
            self.start_again(now);
        }
        let mut fits = within(self.allowance);
        let bytes_of = |id| self.repeats.get(id).map_or(0, |repeat: &Repeat| repeat.bytes);
        let due = self.due.range(..=(now, u64::MAX)).take_while(|(_, id)| fits(bytes_of(*id)));
        let due: Vec<_> = due.map(|(key, id)| (*key, *id)).collect();
        self.repeated |= !due.is_empty();
        for (key, id) in &due {
            self.due.remove(key);
            self.put_off(id, now);
        }
        due.into_iter().map(|(_, id)| id).collect()
    }

    fn put_off(&mut self, id: &TransactionId, now: UnixMillis) {
        let repeat = self.repeats.get_mut(id).expect("whatever is due is ours");
        repeat.due = now.plus(repeat.pause_ms);
        repeat.pause_ms = doubled(repeat.pause_ms, self.max_ms);
        self.due.insert((repeat.due, repeat.sequence), *id);
    }

    /// Panics unless both indexes agree and everything of ours is `held`. For tests.
    pub(super) fn check_invariants(&self, held: impl Fn(&TransactionId) -> bool) {
        assert_eq!(self.repeats.len(), self.due.len());
        for (id, repeat) in &self.repeats {
            assert_eq!(self.due.get(&(repeat.due, repeat.sequence)), Some(id));
            assert!(held(id), "ours are pooled or on the shelf");
        }
    }
}

/// Does one more of so many bytes fit? It does until those before it have used the allowance, so the first always fits.
fn within(allowance: usize) -> impl FnMut(usize) -> bool {
    let mut left = allowance;
    move |bytes| {
        let fits = left > 0;
        left = left.saturating_sub(bytes);
        fits
    }
}

fn doubled(pause_ms: u64, max_ms: u64) -> u64 {
    pause_ms.saturating_mul(2).min(max_ms)
}
