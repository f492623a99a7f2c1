//! One account: money, nonce, and standing as a validator. SPEC ACCT-1.
//!
//! Does not own: the rules that change it (`check`, `apply`, `absence`). Start reading at [`Account`].

use crate::coins::{Coins, Stake};
use crate::genesis::Parameters;
use crate::limits;
use crate::units::{Height, RulesVersion, UnixMillis};
use serde::{Deserialize, Serialize};

/// The chain's state of one account. Absent accounts equal the default. A wire type: it is hashed.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Account {
    /// Spendable coins.
    pub balance: Coins,
    /// Staked coins: not spendable.
    pub stake: Coins,
    /// Nonce of its next *send* or *stake*.
    pub next_nonce: u64,
    /// Unbonding stake, oldest first; at most [`crate::limits::UNBONDING_ENTRIES_MAX`].
    pub unbonding: Vec<Unbonding>,
    /// Has it received its welcome grant?
    pub claimed: bool,
    /// Its standing as a validator.
    pub standing: Standing,
    /// The recent blocks that it led, or that record it as absent.
    pub window: Window,
    /// Block time of the last block whose commit carries it, or of its (re)entry into the set.
    pub last_present: UnixMillis,
    /// Its weight in the set while it is active; never more than its stake. SPEC VAL-5.
    pub power: Coins,
    /// Since when stake above `power` waits; 0 if none waits. SPEC VAL-5.
    pub waiting_since: UnixMillis,
    /// Number of jailings, each less than a day after the previous one. SPEC ABS-4.
    pub jailings: u32,
    /// When it was last jailed, 0 if never. SPEC ABS-4.
    pub last_jailed: UnixMillis,
    /// The highest version of the rules that its node announced; 0 if none. Never falls. SPEC VER-2.
    pub announced: RulesVersion,
}

/// Coins that return to the balance at a given time.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Unbonding {
    /// The amount.
    pub amount: Coins,
    /// In the first block at or after this time.
    pub release: UnixMillis,
}

/// The standing of an account as a validator. SPEC VAL-3.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub enum Standing {
    /// Not a member, with or without stake; *activate* makes it one.
    #[default]
    Inactive,
    /// A member while its stake is large enough.
    Active,
    /// Absent for too long; *activate* brings it back.
    Jailed,
    /// Misbehaved; barred permanently.
    Barred,
}

/// The record of an account in [`crate::limits::WINDOW_BLOCKS`] blocks up to a height. SPEC ABS-1.
///
/// Bits of accounts with the same `newest` are about the same blocks. Later blocks are not recorded yet.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Window {
    /// The block that bit 0 is about.
    pub newest: Height,
    /// 1 = the account is in the set that decided the previous block, and none of its precommits was counted.
    pub missing: BlockBits,
    /// 1 = the account is this block's leader.
    pub led: BlockBits,
}

/// One bit per block, the newest block in bit 0: two halves of a 128-bit history.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct BlockBits {
    /// Bits 127..64.
    pub high: u64,
    /// Bits 63..0.
    pub low: u64,
}

impl Account {
    /// All its coins: balance, stake and unbonding, in micro-BCC.
    pub fn total_micros(&self) -> u128 {
        let unbonding: u128 = self.unbonding.iter().map(|entry| u128::from(entry.amount.micros())).sum();
        u128::from(self.balance.micros()) + u128::from(self.stake.micros()) + unbonding
    }

    /// Its voting power if it is a candidate for the next set: active, with power, and staked with at least `stake_min`.
    /// SPEC VAL-3.
    pub fn candidacy(&self, stake_min: Coins) -> Option<Stake> {
        let stands = self.standing == Standing::Active && !self.power.is_zero() && self.stake >= stake_min;
        stands.then(|| Stake::from(self.power))
    }

    /// Adjusts the power to the stake: it never exceeds it. Stake of an active account above its power waits: since
    /// `now` if that is new, else since it began to. SPEC VAL-5.
    pub(super) fn adjust_power(&mut self, now: Option<UnixMillis>) {
        self.power = self.power.min(self.stake);
        let waits = self.standing == Standing::Active && self.power < self.stake;
        self.waiting_since = if waits { now.unwrap_or(self.waiting_since) } else { UnixMillis::default() };
    }

    /// How much of its stake waits to become power. SPEC VAL-5.
    pub fn waiting(&self) -> Option<Coins> {
        (self.waiting_since > UnixMillis::default()).then(|| self.stake.checked_sub(self.power).unwrap_or_default())
    }

    /// Turns waiting stake into power, limited by the room; returns how much. SPEC VAL-5.
    pub(super) fn ramp(&mut self, room: Coins) -> Coins {
        let (grown, rest) = self.waiting().unwrap_or_default().split_at_most(room);
        self.power = self.power.checked_add(grown).expect("at most the stake");
        if rest.is_zero() {
            self.waiting_since = UnixMillis::default();
        }
        grown
    }

    /// Earliest time at which it may activate: some time after it was jailed, longer with each jailing within a day.
    /// SPEC ACT-4.
    pub fn may_activate_at(&self) -> UnixMillis {
        let Some(before) = self.jailings.checked_sub(1) else {
            return UnixMillis::default();
        };
        let wait = limits::JAIL_WAIT_MS.checked_shl(before.min(32)).unwrap_or(limits::JAIL_WAIT_MAX_MS);
        self.last_jailed.plus(wait.min(limits::JAIL_WAIT_MAX_MS))
    }

    /// Bars it permanently, and burns a share of its stake and of what it unbonded at `offence` or later. Returns the
    /// amount burned. SPEC EVID-2.
    pub(super) fn punish(&mut self, offence: UnixMillis, parameters: &Parameters) -> Coins {
        let mut burned = Coins::ZERO;
        let mut burn = |amount: &mut Coins| {
            let (share, rest) = amount.split_at_most(amount.share(parameters.burn_basis_points));
            *amount = rest;
            burned = burned.checked_add(share).expect("a part of the supply, which is capped");
        };
        burn(&mut self.stake);
        let young = |entry: &&mut Unbonding| entry.release >= offence.plus(parameters.unbonding_ms);
        self.unbonding.iter_mut().filter(young).for_each(|entry| burn(&mut entry.amount));
        self.unbonding.retain(|entry| !entry.amount.is_zero());
        self.standing = Standing::Barred;
        self.adjust_power(None);
        burned
    }

    /// Leaves the set until it activates again. SPEC ABS-3, ABS-4.
    pub(super) fn jail(&mut self, now: UnixMillis) {
        let again = self.jailings > 0 && now.since(self.last_jailed) < limits::JAILINGS_MS;
        self.jailings = if again { self.jailings.saturating_add(1) } else { 1 };
        self.last_jailed = now;
        self.standing = Standing::Jailed;
        self.adjust_power(None);
    }

    /// Adds to the balance. Never fails: the sum of all coins stays below the cap. SPEC MONEY-2.
    pub(super) fn credit(&mut self, amount: Coins) {
        self.balance = self.balance.checked_add(amount).expect("a balance is part of the supply, which is capped");
    }

    /// Moves all entries due at `now` to the balance, and returns their sum. SPEC STAKE-4.
    pub(super) fn release_due(&mut self, now: UnixMillis) -> Coins {
        let (due, waiting) = self.unbonding.iter().partition(|entry| entry.release <= now);
        self.unbonding = waiting;
        let due: Vec<Unbonding> = due;
        let sum = due.iter().try_fold(Coins::ZERO, |sum, entry| sum.checked_add(entry.amount));
        let sum = sum.expect("unbonding is part of the supply, which is capped");
        self.credit(sum);
        sum
    }
}

impl Window {
    /// Moves to the block `height`, which is not recorded yet, and drops what leaves the window.
    fn advance(&mut self, height: Height) {
        let blocks = height.0.saturating_sub(self.newest.0);
        self.missing = self.missing.older_by(blocks);
        self.led = self.led.older_by(blocks);
        self.newest = height;
    }

    /// Records in block `height` whether it is missing from the commit of the previous block. SPEC ABS-1.
    pub fn record(&mut self, height: Height, missing: bool) {
        self.advance(height);
        self.missing.low = self.missing.low & !1 | u64::from(missing);
    }

    /// Does block `height` record it as missing?
    pub fn is_missing_at(&self, height: Height) -> bool {
        self.newest == height && self.missing.low & 1 == 1
    }

    /// Clears the newest entry: its precommit came late, so it was not missing. SPEC ABS-1.
    pub fn excuse(&mut self) {
        self.missing.low &= !1;
    }

    /// Its current run of absences, as bits seen from `newest`. SPEC ABS-3.
    pub(super) fn missing_since_present(&self) -> u128 {
        let bits = self.missing.as_bits();
        bits & !(u128::MAX.checked_shl(bits.trailing_ones()).unwrap_or(0))
    }

    /// The blocks it led, as bits seen from `height`, which is not below `newest`.
    pub(super) fn led_seen_from(&self, height: Height) -> u128 {
        self.led.older_by(height.0.saturating_sub(self.newest.0)).as_bits()
    }

    /// Records that it leads block `height`. SPEC ABS-1.
    pub fn lead(&mut self, height: Height) {
        self.advance(height);
        self.led.low |= 1;
    }
}

/// The bits of the upper half that belong to the window.
const HIGH_MASK: u64 = (1 << (limits::WINDOW_BLOCKS - u64::BITS)) - 1;

impl BlockBits {
    /// The bits seen this many blocks later.
    fn older_by(self, blocks: u64) -> Self {
        let bits = self.as_bits();
        let shifted = u32::try_from(blocks).ok().and_then(|blocks| bits.checked_shl(blocks)).unwrap_or(0);
        let half = |bits: u128| u64::try_from(bits & u128::from(u64::MAX)).expect("masked");
        Self { high: half(shifted >> u64::BITS) & HIGH_MASK, low: half(shifted) }
    }

    fn as_bits(self) -> u128 {
        u128::from(self.high) << u64::BITS | u128::from(self.low)
    }

    /// Number of set bits in the window.
    pub fn count(&self) -> u32 {
        self.high.count_ones() + self.low.count_ones()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn absences_older_than_the_window_are_forgotten() {
        let mut window = Window::default();
        (1..=130).for_each(|height| window.record(Height(height), true));
        assert_eq!(window.missing.count(), limits::WINDOW_BLOCKS);
        (131..=229).for_each(|height| window.record(Height(height), false));
        assert_eq!(window.missing.count(), 1, "the oldest block of the window still counts");
        window.record(Height(230), false);
        assert_eq!(window, Window { newest: Height(230), ..Window::default() });
    }

    /// SPEC ABS-1: this makes bits of different accounts comparable.
    #[test]
    fn blocks_that_say_nothing_about_an_account_move_its_window_all_the_same() {
        let mut window = Window::default();
        window.record(Height(10), true);
        window.lead(Height(10));
        window.lead(Height(73));
        let bits = |high, low| BlockBits { high, low };
        assert_eq!(window, Window { newest: Height(73), missing: bits(0, 1 << 63), led: bits(0, 1 << 63 | 1) });
        window.record(Height(74), true);
        assert_eq!((window.missing, window.led), (bits(1, 1), bits(1, 2)));
        for (later, left) in [(109, 2), (110, 1), (173, 1), (174, 0), (u64::MAX, 0)] {
            let mut window = window;
            window.record(Height(later), false);
            assert_eq!(window.missing.count(), left, "at height {later}");
        }
    }

    /// SPEC ABS-4.
    #[test]
    fn jailings_of_one_day_each_after_the_other_are_counted() {
        let mut account = Account::default();
        let mut jailed_at = |time| {
            account.jail(UnixMillis(time));
            (account.jailings, account.last_jailed.0, account.standing)
        };
        let day = limits::JAILINGS_MS;
        assert_eq!(jailed_at(5), (1, 5, Standing::Jailed));
        assert_eq!(jailed_at(5 + day - 1), (2, 5 + day - 1, Standing::Jailed));
        assert_eq!(jailed_at(3 + 2 * day), (3, 3 + 2 * day, Standing::Jailed));
        assert_eq!(jailed_at(3 + 3 * day), (1, 3 + 3 * day, Standing::Jailed));
        account.jailings = u32::MAX;
        account.jail(account.last_jailed);
        assert_eq!(account.jailings, u32::MAX);
    }

    /// SPEC VAL-5.
    #[test]
    fn power_follows_a_falling_stake_at_once_and_a_rising_one_waits_while_active() {
        let adjusted = |standing, stake, power, now: Option<u64>| {
            let [stake, power] = [stake, power].map(Coins::from_bcc);
            let mut account = Account { standing, stake, power, waiting_since: UnixMillis(3), ..Account::default() };
            account.adjust_power(now.map(UnixMillis));
            (account.power, account.waiting_since.0, account.waiting())
        };
        let bcc = Coins::from_bcc;
        assert_eq!(adjusted(Standing::Active, 5, 2, Some(9)), (bcc(2), 9, Some(bcc(3))), "who adds goes to the end");
        assert_eq!(adjusted(Standing::Active, 5, 2, None), (bcc(2), 3, Some(bcc(3))), "who lowers keeps its place");
        assert_eq!(adjusted(Standing::Active, 2, 5, Some(9)), (bcc(2), 0, None));
        for standing in [Standing::Inactive, Standing::Jailed, Standing::Barred] {
            assert_eq!(adjusted(standing, 5, 2, Some(9)), (bcc(2), 0, None));
            assert_eq!(adjusted(standing, 1, 2, None), (bcc(1), 0, None));
        }
    }

    /// SPEC VAL-5.
    #[test]
    fn the_head_of_the_queue_is_served_in_parts() {
        let (stake, power) = (Coins::from_bcc(10), Coins::from_bcc(4));
        let standing = Standing::Active;
        let mut account = Account { standing, stake, power, waiting_since: UnixMillis(3), ..Account::default() };
        assert_eq!(account.ramp(Coins::from_bcc(5)), Coins::from_bcc(5));
        assert_eq!((account.power, account.waiting_since), (Coins::from_bcc(9), UnixMillis(3)));
        assert_eq!(account.ramp(Coins::from_bcc(5)), Coins::from_bcc(1));
        assert_eq!((account.power, account.waiting_since, account.waiting()), (stake, UnixMillis(0), None));
        assert_eq!(account.ramp(Coins::from_bcc(5)), Coins::ZERO);
    }

    /// SPEC ACT-4.
    #[test]
    fn the_wait_after_a_jailing_doubles_up_to_an_hour() {
        let until =
            |jailings| Account { jailings, last_jailed: UnixMillis(7), ..Account::default() }.may_activate_at().0;
        assert_eq!(until(0), 0);
        assert_eq!([1, 2, 3, 7].map(until), [30_007, 60_007, 120_007, 1_920_007]);
        assert_eq!([8, 33, 64, 65, u32::MAX].map(until), [3_600_007; 5]);
    }

    /// SPEC EVID-2.
    #[test]
    fn a_liar_loses_a_share_of_its_stake_and_of_what_it_unbonded_since() {
        let entry =
            |micros, release| Unbonding { amount: Coins::from_micros(micros).unwrap(), release: UnixMillis(release) };
        let parameters = Parameters { burn_basis_points: 500, unbonding_ms: 100, ..Parameters::default() };
        let liar = Account {
            balance: Coins::from_bcc(1),
            stake: Coins::from_micros(1_019).unwrap(),
            unbonding: vec![entry(1_000, 149), entry(1_000, 150), entry(19, 151)],
            standing: Standing::Active,
            power: Coins::from_micros(1_019).unwrap(),
            ..Account::default()
        };
        let mut account = liar.clone();
        assert_eq!(account.punish(UnixMillis(50), &parameters).micros(), 50 + 50);
        assert_eq!((account.stake.micros(), account.power.micros(), account.balance), (969, 969, liar.balance));
        assert_eq!(account.unbonding, [entry(1_000, 149), entry(950, 150), entry(19, 151)]);
        assert_eq!((account.standing, account.waiting()), (Standing::Barred, None));
        let mut account = liar.clone();
        let all = Parameters { burn_basis_points: 10_000, ..parameters };
        assert_eq!(account.punish(UnixMillis(50), &all).micros(), 1_019 + 1_019);
        assert_eq!((account.stake, account.power), (Coins::ZERO, Coins::ZERO));
        assert_eq!(account.unbonding, [entry(1_000, 149)], "nothing waits for nothing");
    }

    /// SPEC ABS-3.
    #[test]
    fn only_blocks_since_the_last_presence_accuse() {
        let mut window = Window::default();
        for (height, missing) in [(1, true), (2, true), (3, false), (4, true), (5, true)] {
            window.record(Height(height), missing);
        }
        assert_eq!(window.missing_since_present(), 0b11);
        (6..=200).for_each(|height| window.record(Height(height), true));
        assert_eq!(window.missing_since_present(), (1 << 100) - 1);
        window.excuse();
        assert_eq!(window.missing_since_present(), 0);
        window.lead(Height(200));
        assert_eq!([200, 203, 299, 300].map(|height| window.led_seen_from(Height(height))), [1, 8, 1 << 99, 0]);
    }

    #[test]
    fn only_what_is_due_is_released() {
        let entry = |bcc, at| Unbonding { amount: Coins::from_bcc(bcc), release: UnixMillis(at) };
        let mut account = Account { unbonding: vec![entry(1, 5), entry(2, 6), entry(4, 7)], ..Account::default() };
        assert_eq!(account.release_due(UnixMillis(6)), Coins::from_bcc(3));
        assert_eq!((account.balance, &account.unbonding[..]), (Coins::from_bcc(3), &[entry(4, 7)][..]));
    }

    #[test]
    fn only_active_accounts_with_enough_stake_are_candidates() {
        let stake = Coins::from_bcc(2);
        let account = |standing| Account { stake, standing, power: stake, ..Account::default() };
        assert_eq!(account(Standing::Active).candidacy(stake), Some(stake.into()));
        assert_eq!(account(Standing::Active).candidacy(Coins::from_bcc(3)), None);
        for standing in [Standing::Inactive, Standing::Jailed, Standing::Barred] {
            assert_eq!(account(standing).candidacy(stake), None);
        }
        let ramping = Account { power: Coins::from_bcc(1), ..account(Standing::Active) };
        assert_eq!(ramping.candidacy(stake), Some(Coins::from_bcc(1).into()));
        assert_eq!(Account { power: Coins::ZERO, ..ramping }.candidacy(stake), None);
    }
}
