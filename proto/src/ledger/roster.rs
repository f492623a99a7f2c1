//! Indexes over the accounts, updated with every block, so that no block walks all accounts.
//!
//! Owns: candidates by weight, release times, accounts waiting for power in order, barred accounts. Derived only from
//! the accounts: no state of its own, not part of any root.
//! Start reading at [`Roster::next_set`].

use super::account::{Account, Standing};
use super::overlay::Overlay;
use crate::coins::{Coins, Stake};
use crate::keys::Address;
use crate::limits;
use crate::units::UnixMillis;
use crate::validators::{Validator, ValidatorSet};
use std::cmp::Reverse;
use std::collections::BTreeSet;

/// Candidates by (power descending, address ascending), unbonding entries by release time, and the queue for power.
#[derive(Clone, Debug)]
pub(super) struct Roster {
    stake_min: Coins,
    ranking: BTreeSet<(Reverse<Stake>, Address)>,
    releases: BTreeSet<(UnixMillis, Address)>,
    waiting: BTreeSet<(UnixMillis, Address)>,
    barred: BTreeSet<Address>,
}

impl Roster {
    /// For no accounts.
    pub(super) fn new(stake_min: Coins) -> Self {
        Self {
            stake_min,
            ranking: BTreeSet::new(),
            releases: BTreeSet::new(),
            waiting: BTreeSet::new(),
            barred: BTreeSet::new(),
        }
    }

    /// Number of candidates, members of the set or not.
    pub(super) fn candidates(&self) -> usize {
        self.ranking.len()
    }

    /// Adds an account.
    pub(super) fn enter(&mut self, address: Address, account: &Account) {
        if let Some(stake) = account.candidacy(self.stake_min) {
            self.ranking.insert((Reverse(stake), address));
        }
        if account.standing == Standing::Barred {
            self.barred.insert(address);
        }
        self.waiting.extend(account.waiting().map(|_| (account.waiting_since, address)));
        self.releases.extend(account.unbonding.iter().map(|entry| (entry.release, address)));
    }

    /// Removes an account; `account` is its content when it was added.
    pub(super) fn remove(&mut self, address: Address, account: &Account) {
        if let Some(stake) = account.candidacy(self.stake_min) {
            self.ranking.remove(&(Reverse(stake), address));
        }
        self.barred.remove(&address);
        self.waiting.remove(&(account.waiting_since, address));
        for entry in &account.unbonding {
            self.releases.remove(&(entry.release, address));
        }
    }

    /// Accounts with an unbonding entry due at `now`; an account with two due entries may appear twice.
    pub(super) fn due(&self, now: UnixMillis) -> impl Iterator<Item = Address> + '_ {
        let due = move |entry: &&(UnixMillis, Address)| entry.0 <= now;
        self.releases.iter().take_while(due).map(|(_, address)| *address)
    }

    /// Barred accounts, by address.
    pub(super) fn barred(&self) -> impl Iterator<Item = Address> + '_ {
        self.barred.iter().copied()
    }

    /// Accounts waiting for power, by (waiting since, address). SPEC VAL-6.
    pub(super) fn waiting(&self) -> impl Iterator<Item = (UnixMillis, Address)> + '_ {
        self.waiting.iter().copied()
    }

    /// The set after a block that touched these accounts; `current` stays if there is no candidate. SPEC VAL-1, VAL-4.
    ///
    /// Cost: one check per touched account; ranks again only if a candidate came, went or changed its stake.
    pub(super) fn next_set(&self, overlay: &Overlay<'_>, current: &ValidatorSet) -> ValidatorSet {
        let weight = |account: &Account| account.candidacy(self.stake_min);
        let differs = |(address, new): (&Address, &Account)| overlay.base(address).and_then(weight) != weight(new);
        if !overlay.touched().iter().any(differs) {
            return current.clone();
        }
        let untouched = self.ranking.iter().filter(|(_, address)| !overlay.touched().contains_key(address));
        let standing = untouched.take(limits::VALIDATORS_MAX);
        let standing = standing.map(|(Reverse(stake), address)| Validator { address: *address, stake: *stake });
        let touched = overlay.touched().iter();
        let touched = touched.filter_map(|(address, new)| Some(Validator { address: *address, stake: weight(new)? }));
        ValidatorSet::new(standing.chain(touched).collect()).unwrap_or_else(|_| current.clone())
    }

    /// The set of the added accounts, or `fallback` if none is a candidate.
    pub(super) fn set_or(&self, fallback: &ValidatorSet) -> ValidatorSet {
        let heaviest = self.ranking.iter().take(limits::VALIDATORS_MAX);
        let members = heaviest.map(|(Reverse(stake), address)| Validator { address: *address, stake: *stake });
        ValidatorSet::new(members.collect()).unwrap_or_else(|_| fallback.clone())
    }
}
