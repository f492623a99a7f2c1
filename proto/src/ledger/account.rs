//! One account: money, nonce, and standing as a validator. SPEC ACCT-1.
//!
//! Does not own: the rules that change it (`check`, `apply`, `absence`). Start reading at [`Account`].

use crate::coins::{Coins, Stake};
use crate::limits;
use crate::units::UnixMillis;
use serde::{Deserialize, Serialize};

/// Everything the chain knows about one account. Absent accounts equal the default. A wire type: it is hashed.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Account {
    /// Spendable coins.
    pub balance: Coins,
    /// Staked coins: not spendable.
    pub stake: Coins,
    /// Nonce of its next *send* or *stake*.
    pub next_nonce: u64,
    /// Lowered stake on its way back, oldest first; at most [`crate::limits::UNBONDING_ENTRIES_MAX`].
    pub unbonding: Vec<Unbonding>,
    /// Has had its welcome grant.
    pub claimed: bool,
    /// Where it stands as a validator.
    pub standing: Standing,
    /// The last blocks in which it was a member, newest in bit 0: 1 = its precommit for the parent was missing.
    pub absences: Absences,
    /// Block time of the last block whose commit carries it, or of its (re)entry into the set.
    pub last_present: UnixMillis,
}

/// Coins that return to the balance at a time.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Unbonding {
    /// How much.
    pub amount: Coins,
    /// In the first block at or after this time.
    pub release: UnixMillis,
}

/// Where an account stands as a validator. SPEC VAL-3.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub enum Standing {
    /// No member, with or without stake; *activate* makes it a member.
    #[default]
    Inactive,
    /// A member while its stake is large enough.
    Active,
    /// Was absent for too long; *activate* brings it back.
    Jailed,
    /// Misbehaved; never comes back.
    Barred,
}

/// Presence over the last [`crate::limits::ABSENCE_WINDOW_BLOCKS`] blocks as a member: two halves of a 128-bit history.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Absences {
    /// Bits 127..64.
    pub high: u64,
    /// Bits 63..0.
    pub low: u64,
}

impl Account {
    /// Everything it owns: balance, stake and unbonding, in micro-BCC.
    pub fn total_micros(&self) -> u128 {
        let unbonding: u128 = self.unbonding.iter().map(|entry| u128::from(entry.amount.micros())).sum();
        u128::from(self.balance.micros()) + u128::from(self.stake.micros()) + unbonding
    }

    /// Its voting power if it is a candidate for the next set: active, and staked with at least `stake_min`. SPEC VAL-3.
    pub fn candidacy(&self, stake_min: Coins) -> Option<Stake> {
        let stands = self.standing == Standing::Active && !self.stake.is_zero() && self.stake >= stake_min;
        stands.then(|| Stake::from(self.stake))
    }

    /// Adds to the balance. Never fails: all coins together stay below the cap. SPEC MONEY-2.
    pub(super) fn credit(&mut self, amount: Coins) {
        self.balance = self.balance.checked_add(amount).expect("a balance is part of the supply, which is capped");
    }

    /// Moves whatever is due at `now` back into the balance. SPEC STAKE-4.
    pub(super) fn release_due(&mut self, now: UnixMillis) {
        let (due, waiting) = self.unbonding.iter().partition(|entry| entry.release <= now);
        self.unbonding = waiting;
        let due: Vec<Unbonding> = due;
        for entry in due {
            self.credit(entry.amount);
        }
    }
}

/// The bits of the upper half that belong to the window.
const HIGH_MASK: u64 = (1 << (limits::ABSENCE_WINDOW_BLOCKS - u64::BITS)) - 1;

impl Absences {
    /// Enters the newest block and forgets the one that leaves the window. SPEC ABS-1.
    pub fn record(&mut self, absent: bool) {
        self.high = ((self.high << 1) | (self.low >> 63)) & HIGH_MASK;
        self.low = (self.low << 1) | u64::from(absent);
    }

    /// From how many blocks of the window it was absent.
    pub fn count(&self) -> u32 {
        self.high.count_ones() + self.low.count_ones()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn absences_older_than_the_window_are_forgotten() {
        let mut absences = Absences::default();
        (0..130).for_each(|_| absences.record(true));
        assert_eq!(absences.count(), limits::ABSENCE_WINDOW_BLOCKS);
        (0..99).for_each(|_| absences.record(false));
        assert_eq!(absences.count(), 1, "the oldest block of the window still counts");
        absences.record(false);
        assert_eq!(absences, Absences::default());
    }

    #[test]
    fn only_what_is_due_is_released() {
        let entry = |bcc, at| Unbonding { amount: Coins::from_bcc(bcc), release: UnixMillis(at) };
        let mut account = Account { unbonding: vec![entry(1, 5), entry(2, 6), entry(4, 7)], ..Account::default() };
        account.release_due(UnixMillis(6));
        assert_eq!((account.balance, &account.unbonding[..]), (Coins::from_bcc(3), &[entry(4, 7)][..]));
    }

    #[test]
    fn only_active_accounts_with_enough_stake_are_candidates() {
        let stake = Coins::from_bcc(2);
        let account = |standing| Account { stake, standing, ..Account::default() };
        assert_eq!(account(Standing::Active).candidacy(stake), Some(stake.into()));
        assert_eq!(account(Standing::Active).candidacy(Coins::from_bcc(3)), None);
        for standing in [Standing::Inactive, Standing::Jailed, Standing::Barred] {
            assert_eq!(account(standing).candidacy(stake), None);
        }
    }
}
