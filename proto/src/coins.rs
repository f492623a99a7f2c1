//! Money and stake: integer micro-BCC, checked arithmetic only. SPEC MONEY-1 to MONEY-3.
//!
//! Always true: an amount never exceeds [`Coins::MAX`], so three times any sum of stakes fits in 64 bits.

use serde::{Deserialize, Deserializer, Serialize, Serializer};
use std::fmt;
use std::str::FromStr;

/// Micro-BCC in one BCC.
pub const MICROS_PER_BCC: u64 = 1_000_000;

/// An amount of money in micro-BCC, 0 to [`Coins::MAX`]. In JSON and on screens: decimal BCC text such as `1.030000`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Coins(u64);

impl Coins {
    /// Zero.
    pub const ZERO: Self = Self(0);
    /// The cap on the total supply, hence on every amount: three times it fits in a u64. SPEC MONEY-2.
    pub const MAX: Self = Self(u64::MAX / 4);

    /// This many micro-BCC, or `None` above [`Coins::MAX`].
    pub const fn from_micros(micros: u64) -> Option<Self> {
        if micros <= Self::MAX.0 { Some(Self(micros)) } else { None }
    }

    /// This many whole BCC, for constants and tests. Panics above [`Coins::MAX`].
    pub const fn from_bcc(bcc: u64) -> Self {
        match bcc.checked_mul(MICROS_PER_BCC) {
            Some(micros) if micros <= Self::MAX.0 => Self(micros),
            _ => panic!("more than the total supply may be"),
        }
    }

    /// The amount in micro-BCC.
    pub const fn micros(self) -> u64 {
        self.0
    }

    /// The sum, or `None` above [`Coins::MAX`].
    #[must_use]
    pub const fn checked_add(self, other: Self) -> Option<Self> {
        // Both are at most u64::MAX / 4, so the sum cannot wrap.
        Self::from_micros(self.0 + other.0)
    }

    /// The difference, or `None` below zero.
    #[must_use]
    pub const fn checked_sub(self, other: Self) -> Option<Self> {
        match self.0.checked_sub(other.0) {
            Some(micros) => Some(Self(micros)),
            None => None,
        }
    }

    /// Takes the smaller amount out of the larger: the common part, and the rest of `self`.
    #[must_use]
    pub fn split_at_most(self, most: Self) -> (Self, Self) {
        let taken = self.min(most);
        (taken, Self(self.0 - taken.0))
    }

    /// This many basis points (1/10,000) of it, rounded down; at most all of it.
    #[must_use]
    pub fn share(self, basis_points: u32) -> Self {
        let micros = u128::from(self.0) * u128::from(basis_points) / 10_000;
        Self(u64::try_from(micros).map_or(self.0, |micros| micros.min(self.0)))
    }

    /// One of this many equal parts of it, rounded down. Panics for 0 parts.
    #[must_use]
    pub const fn part(self, of: u64) -> Self {
        Self(self.0 / of)
    }

    /// Is it zero?
    pub const fn is_zero(self) -> bool {
        self.0 == 0
    }
}

/// Why a text is not an amount.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum AmountRejected {
    /// Something other than digits and one point.
    #[error("an amount is digits with at most one decimal point, such as 12 or 0.5")]
    NotANumber,
    /// More than six decimals.
    #[error("an amount has at most 6 decimals: the smallest unit is 0.000001 BCC")]
    TooManyDecimals,
    /// Below zero.
    #[error("an amount is never negative")]
    Negative,
    /// Above [`Coins::MAX`].
    #[error("more than the maximum supply")]
    TooLarge,
}

impl FromStr for Coins {
    type Err = AmountRejected;

    /// Decimal BCC: `12`, `0.5`, `3.000001`. No sign, no exponent, at most six decimals.
    fn from_str(text: &str) -> Result<Self, AmountRejected> {
        if text.starts_with('-') {
            return Err(AmountRejected::Negative);
        }
        let (whole, decimals) = match text.split_once('.') {
            Some((_, "")) => return Err(AmountRejected::NotANumber),
            Some(parts) => parts,
            None => (text, ""),
        };
        let all_digits = |s: &str| s.bytes().all(|b| b.is_ascii_digit());
        if whole.is_empty() || !all_digits(whole) || !all_digits(decimals) {
            return Err(AmountRejected::NotANumber);
        }
        if decimals.len() > 6 {
            return Err(AmountRejected::TooManyDecimals);
        }
        let micros: u64 = format!("{decimals:0<6}").parse().map_err(|_| AmountRejected::NotANumber)?;
        whole
            .parse::<u64>()
            .ok()
            .and_then(|bcc| bcc.checked_mul(MICROS_PER_BCC))
            .and_then(|sum| sum.checked_add(micros))
            .and_then(Self::from_micros)
            .ok_or(AmountRejected::TooLarge)
    }
}

impl fmt::Display for Coins {
    /// Always with six decimals, so that columns line up and nothing is rounded.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let text = format!("{}.{:06}", self.0 / MICROS_PER_BCC, self.0 % MICROS_PER_BCC);
        f.pad(&text)
    }
}

impl Serialize for Coins {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        if serializer.is_human_readable() { serializer.collect_str(self) } else { serializer.serialize_u64(self.0) }
    }
}

impl<'de> Deserialize<'de> for Coins {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        use serde::de::Error;
        if deserializer.is_human_readable() {
            String::deserialize(deserializer)?.parse().map_err(D::Error::custom)
        } else {
            Self::from_micros(u64::deserialize(deserializer)?).ok_or_else(|| D::Error::custom("above the supply cap"))
        }
    }
}

/// Voting power: the staked micro-BCC of one validator or a sum over a set.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Stake(pub u64);

impl From<Coins> for Stake {
    fn from(coins: Coins) -> Self {
        Self(coins.0)
    }
}

impl Stake {
    /// As an amount: stakes are parts of the supply, which is capped.
    pub fn coins(self) -> Coins {
        Coins::from_micros(self.0).expect("stakes are parts of the supply, which is capped")
    }

    /// The sum. Stakes are parts of the capped supply, so it cannot overflow; it is checked anyway.
    #[must_use]
    pub fn plus(self, other: Self) -> Self {
        Self(self.0.checked_add(other.0).expect("stakes are parts of the supply, which is capped"))
    }
}

/// Is `voted` strictly more than two thirds of `total`? Exact; cannot overflow. SPEC QUORUM-1.
pub fn is_quorum(voted: Stake, total: Stake) -> bool {
    3 * u128::from(voted.0) > 2 * u128::from(total.0)
}

/// Is `voted` strictly more than one third of `total`, so that at least one honest validator is among them? SPEC QUORUM-2.
pub fn is_honest_share(voted: Stake, total: Stake) -> bool {
    3 * u128::from(voted.0) > u128::from(total.0)
}

/// Is `left` strictly more than half of `largest`? Exact; cannot overflow. SPEC ABS-3.
pub fn is_more_than_half(left: Stake, largest: Stake) -> bool {
    2 * u128::from(left.0) > u128::from(largest.0)
}

/// Is `announced` strictly more than five sixths of `total`? Exact; cannot overflow. SPEC VER-3.
pub fn is_ready_for_version(announced: Stake, total: Stake) -> bool {
    6 * u128::from(announced.0) > 5 * u128::from(total.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn exactly_two_thirds_of_the_stake_is_not_a_quorum() {
        assert!(!is_quorum(Stake(200), Stake(300)));
        assert!(is_quorum(Stake(201), Stake(300)));
    }

    #[test]
    fn exactly_five_sixths_of_the_stake_begin_no_version() {
        assert!(!is_ready_for_version(Stake(500), Stake(600)));
        assert!(is_ready_for_version(Stake(501), Stake(600)));
        assert!(is_ready_for_version(Stake(u64::MAX), Stake(u64::MAX)));
    }

    #[test]
    fn decimal_text_round_trips_to_the_micro() {
        #[track_caller]
        fn check(text: &str, micros: u64, shown: &str) {
            let coins: Coins = text.parse().unwrap();
            assert_eq!(coins.micros(), micros);
            assert_eq!(coins.to_string(), shown);
        }
        check("0", 0, "0.000000");
        check("12", 12_000_000, "12.000000");
        check("0.5", 500_000, "0.500000");
        check("3.000001", 3_000_001, "3.000001");
    }

    #[test]
    fn amounts_that_are_none_are_refused_with_the_reason() {
        #[track_caller]
        fn check(text: &str, reason: AmountRejected) {
            assert_eq!(text.parse::<Coins>(), Err(reason));
        }
        check("-1", AmountRejected::Negative);
        check("", AmountRejected::NotANumber);
        check(".5", AmountRejected::NotANumber);
        check("1.", AmountRejected::NotANumber);
        check("+1", AmountRejected::NotANumber);
        check("1e3", AmountRejected::NotANumber);
        check("0.0000001", AmountRejected::TooManyDecimals);
        check("99999999999999999999", AmountRejected::TooLarge);
        check("5000000000000", AmountRejected::TooLarge);
    }

    #[test]
    fn a_share_is_rounded_down_and_never_more_than_all() {
        let coins = Coins::from_micros(19_999).unwrap();
        let shares = [0, 1, 500, 10_000, u32::MAX].map(|basis_points| coins.share(basis_points).micros());
        assert_eq!(shares, [0, 1, 999, 19_999, 19_999]);
        assert_eq!(Coins::MAX.share(10_000), Coins::MAX);
        assert_eq!(coins.split_at_most(Coins::from_bcc(1)), (coins, Coins::ZERO));
        assert_eq!(Coins::from_bcc(3).split_at_most(Coins::from_bcc(1)), (Coins::from_bcc(1), Coins::from_bcc(2)));
    }

    #[test]
    fn arithmetic_stops_at_the_cap_and_at_zero() {
        let one = Coins::from_bcc(1);
        assert_eq!(Coins::MAX.checked_add(one), None);
        assert_eq!(Coins::ZERO.checked_sub(one), None);
    }
}
