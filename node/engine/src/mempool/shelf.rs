//! The shelf: transactions whose nonce is ahead of their sender's row, waiting for the gap to close.
//!
//! Always true: bounded in total, per sender and in time; when it is full, the sender that holds most gives way to one
//! that holds less, so that no sender keeps others out. One sender alone may use half of it: batches of a busy sender
//! do overtake each other on the way.
//! Start reading at [`Shelf::put`].

use crate::config::EngineConfig;
use blockchat_proto::keys::Address;
use blockchat_proto::ledger::TxRejected;
use blockchat_proto::transaction::{TransactionId, VerifiedTransaction};
use blockchat_proto::units::UnixMillis;
use std::collections::{BTreeMap, BTreeSet};

type Place = (Address, u64);

/// See the module's header.
#[derive(Debug)]
pub(super) struct Shelf {
    max: usize,
    per_sender_max: usize,
    wait_ms: u64,
    waiting: BTreeMap<Place, Waiting>,
    ids: BTreeMap<TransactionId, Place>,
    deadlines: BTreeSet<(UnixMillis, Place)>,
    /// Number per sender.
    held: BTreeMap<Address, usize>,
    /// Senders by that number.
    ranking: BTreeSet<(usize, Address)>,
}

/// A transaction on the shelf, or being removed.
#[derive(Clone, Debug)]
pub(super) struct Waiting {
    pub(super) transaction: VerifiedTransaction,
    /// The nonce it waited for when it was added.
    pub(super) expected: u64,
    until: UnixMillis,
}

impl Waiting {
    /// Why it is dropped if the gap stays.
    pub(super) fn too_early(&self) -> TxRejected {
        TxRejected::WrongNonce { expected: self.expected, found: self.transaction.nonce() }
    }
}

impl Shelf {
    pub(super) fn new(config: &EngineConfig) -> Self {
        Self {
            max: config.shelf_max,
            per_sender_max: (config.shelf_max / 2).max(1),
            wait_ms: config.shelf_ms,
            waiting: BTreeMap::new(),
            ids: BTreeMap::new(),
            deadlines: BTreeSet::new(),
            held: BTreeMap::new(),
            ranking: BTreeSet::new(),
        }
    }

    /// Its sender, and when it expires.
    pub(super) fn until(&self, id: &TransactionId) -> Option<(Address, UnixMillis)> {
        self.ids.get(id).map(|place| (place.0, self.waiting[place].until))
    }

    pub(super) fn get(&self, id: &TransactionId) -> Option<&VerifiedTransaction> {
        self.ids.get(id).map(|place| &self.waiting[place].transaction)
    }

    /// The transaction in this position.
    pub(super) fn at(&self, place: Place) -> Option<&VerifiedTransaction> {
        self.waiting.get(&place).map(|waiting| &waiting.transaction)
    }

    /// Replaces the transaction with its nonce, which must exist.
    pub(super) fn put_in_place(&mut self, transaction: VerifiedTransaction) {
        let place = (transaction.sender(), transaction.nonce());
        let waiting = self.waiting.get_mut(&place).expect("only what waits is replaced");
        self.ids.remove(&waiting.transaction.id());
        self.ids.insert(transaction.id(), place);
        waiting.transaction = transaction;
    }

    /// The waiting transactions of these senders, by sender and nonce, each with its arrival time.
    pub(super) fn between(
        &self,
        first: Address,
        last: Address,
    ) -> impl Iterator<Item = (&VerifiedTransaction, UnixMillis)> {
        let waiting = self.waiting.range((first, 0)..=(last, u64::MAX));
        waiting.map(|(_, one)| (&one.transaction, UnixMillis(one.until.since(UnixMillis(self.wait_ms)))))
    }

    /// Adds a transaction until `expected`, its sender's next nonce, has reached it. Returns the displaced one.
    ///
    /// Refuses a nonce that is taken, a sender with its share, and every newcomer when all hold as much as the sender
    /// does. `kept` are never displaced.
    pub(super) fn put(
        &mut self,
        transaction: VerifiedTransaction,
        expected: u64,
        now: UnixMillis,
        kept: impl Fn(&TransactionId) -> bool,
    ) -> Result<Option<Waiting>, TxRejected> {
        let place = (transaction.sender(), transaction.nonce());
        if self.waiting.contains_key(&place) {
            return Err(TxRejected::NonceTaken { nonce: place.1 });
        }
        let held = self.held(&place.0);
        if held >= self.per_sender_max {
            return Err(TxRejected::SenderLimit { limit: self.per_sender_max });
        }
        let displaced = if self.waiting.len() < self.max { None } else { Some(self.displace(held, kept)?) };
        let until = now.plus(self.wait_ms);
        self.set_held(place.0, held + 1);
        self.ids.insert(transaction.id(), place);
        self.deadlines.insert((until, place));
        self.waiting.insert(place, Waiting { transaction, expected, until });
        Ok(displaced)
    }

    /// Removes the last of the sender that holds most, if that is at least two more than `held`: otherwise two senders
    /// would displace each other forever.
    fn displace(&mut self, held: usize, kept: impl Fn(&TransactionId) -> bool) -> Result<Waiting, TxRejected> {
        let most = self.ranking.last().filter(|(count, _)| *count > held + 1);
        let last = most.and_then(|(_, sender)| self.waiting.range((*sender, 0)..=(*sender, u64::MAX)).next_back());
        let (place, _) = last.filter(|(_, last)| !kept(&last.transaction.id())).ok_or(TxRejected::PoolFull)?;
        Ok(self.take(*place).expect("just found"))
    }

    /// Removes the one at this nonce.
    pub(super) fn take(&mut self, place: Place) -> Option<Waiting> {
        let waiting = self.waiting.remove(&place)?;
        self.set_held(place.0, self.held(&place.0) - 1);
        self.ids.remove(&waiting.transaction.id());
        self.deadlines.remove(&(waiting.until, place));
        Some(waiting)
    }

    /// Removes the one with this id.
    pub(super) fn take_id(&mut self, id: &TransactionId) -> Option<Waiting> {
        self.ids.get(id).copied().and_then(|place| self.take(place))
    }

    /// Removes a sender's transactions below this nonce.
    pub(super) fn take_below(&mut self, sender: Address, nonce: u64) -> Vec<Waiting> {
        let places: Vec<_> = self.waiting.range((sender, 0)..(sender, nonce)).map(|(place, _)| *place).collect();
        places.into_iter().filter_map(|place| self.take(place)).collect()
    }

    /// Removes those that have waited for too long.
    pub(super) fn take_late(&mut self, now: UnixMillis) -> Vec<Waiting> {
        let late = self.deadlines.iter().take_while(|(until, _)| *until <= now);
        let places: Vec<_> = late.map(|(_, place)| *place).collect();
        places.into_iter().filter_map(|place| self.take(place)).collect()
    }

    /// Number held by this sender.
    pub(super) fn held(&self, sender: &Address) -> usize {
        self.held.get(sender).copied().unwrap_or_default()
    }

    fn set_held(&mut self, sender: Address, count: usize) {
        self.ranking.remove(&(self.held(&sender), sender));
        if count == 0 {
            self.held.remove(&sender);
        } else {
            self.held.insert(sender, count);
            self.ranking.insert((count, sender));
        }
    }

    /// Panics unless all indexes agree and no nonce here is at or below its sender's row. For tests.
    pub(super) fn check_invariants(&self, next_nonce: impl Fn(&Address) -> u64) {
        let count = self.waiting.len();
        assert!(count <= self.max, "the shelf is bounded");
        assert_eq!((self.ids.len(), self.deadlines.len()), (count, count), "one index entry each");
        assert_eq!(self.ranking.iter().map(|(held, _)| held).sum::<usize>(), count, "everybody is ranked");
        assert_eq!(self.held.len(), self.ranking.len(), "and only once");
        for (place, waiting) in &self.waiting {
            assert_eq!(self.ids.get(&waiting.transaction.id()), Some(place));
            assert!(self.deadlines.contains(&(waiting.until, *place)));
            assert!(self.ranking.contains(&(self.held(&place.0), place.0)));
            assert!(self.held(&place.0) <= self.per_sender_max, "a sender has its share");
            assert_eq!(self.waiting.range((place.0, 0)..=(place.0, u64::MAX)).count(), self.held(&place.0));
            assert!(place.1 > next_nonce(&place.0), "what is no longer early does not wait");
        }
    }
}
