//! The answer to the author of a refused transaction: a stable code, and whether to try again.
//!
//! Owns: the codes of refused transactions, and the meaning of *try again*. Does not own: the reason (`rejected`), the
//! codes of a node that cannot answer (`client`). SPEC API-5.

use crate::units::{Height, UnixMillis};
use serde::de::{Error, IgnoredAny, MapAccess, Visitor};
use serde::{Deserialize, Deserializer, Serialize};
use std::fmt;

/// May the same request succeed later?
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Retry {
    /// The obstacle passes by itself, at any moment: try again after a short pause.
    Now,
    /// Not before this height is final.
    AtHeight(Height),
    /// Not before a block of this time.
    AtTime(UnixMillis),
    /// Not unless something else changes first: other input, more coins, another request.
    Never,
}

/// An unknown value of a later version is read as [`Retry::Never`], so that no client waits for it.
impl<'de> Deserialize<'de> for Retry {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(RetryVisitor)
    }
}

struct RetryVisitor;

impl<'de> Visitor<'de> for RetryVisitor {
    type Value = Retry;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("\"now\", \"never\", {\"at_height\": ..} or {\"at_time\": ..}")
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<Retry, E> {
        Ok(if text == "now" { Retry::Now } else { Retry::Never })
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Retry, A::Error> {
        let mut retry = Retry::Never;
        while let Some(key) = map.next_key::<String>()? {
            match key.as_str() {
                "at_height" => retry = Retry::AtHeight(map.next_value()?),
                "at_time" => retry = Retry::AtTime(map.next_value()?),
                _ => {
                    let IgnoredAny = map.next_value()?;
                }
            }
        }
        Ok(retry)
    }
}

/// An enum of names, each with its text.
macro_rules! named {
    ($(#[$about:meta])* $name:ident { $($(#[$doc:meta])* $variant:ident = $text:literal,)+ }) => {
        $(#[$about])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
        pub enum $name {
            $($(#[$doc])* $variant,)+
        }

        impl $name {
            /// All of them.
            pub const ALL: &'static [Self] = &[$(Self::$variant),+];

            /// The stable text, for scripts and the API; never changes once released.
            pub const fn as_str(self) -> &'static str {
                match self {
                    $(Self::$variant => $text,)+
                }
            }
        }
    };
}

named! {
    /// Why a transaction is refused, without the numbers: the `code` on the wire.
    TxCode {
        /// SPEC TX-1.
        OtherChain = "other_chain",
        /// SPEC SIG-1.
        BadSignature = "bad_signature",
        /// SPEC TX-5.
        TransactionTooLarge = "transaction_too_large",
        /// SPEC TX-3.
        NothingToSend = "nothing_to_send",
        /// SPEC TX-3.
        EmptyMessage = "empty_message",
        /// SPEC TX-3.
        MessageTooLong = "message_too_long",
        /// SPEC TX-4.
        UnknownSeal = "unknown_seal",
        /// SPEC TX-7.
        NonceNotZero = "nonce_not_zero",
        /// SPEC TX-7: another transaction with this nonce is final.
        StaleNonce = "stale_nonce",
        /// SPEC TX-7: earlier nonces are missing.
        EarlyNonce = "early_nonce",
        /// SPEC TX-8.
        Expired = "expired",
        /// SPEC FEE-1.
        InsufficientFunds = "insufficient_funds",
        /// SPEC MONEY-2.
        AmountOverflow = "amount_overflow",
        /// SPEC STAKE-2.
        StakeOutOfRange = "stake_out_of_range",
        /// SPEC STAKE-3.
        StakeUnchanged = "stake_unchanged",
        /// SPEC STAKE-4.
        TooManyUnbonding = "too_many_unbonding",
        /// SPEC STAKE-5.
        LastValidators = "last_validators",
        /// SPEC STAKE-6.
        Barred = "barred",
        /// SPEC ACT-1.
        NoStake = "no_stake",
        /// SPEC ACT-2.
        AlreadyActive = "already_active",
        /// SPEC ACT-3.
        NotRecent = "not_recent",
        /// SPEC ACT-4.
        JailWait = "jail_wait",
        /// SPEC CLAIM-1: a chain without grants.
        ClaimsClosed = "claims_closed",
        /// SPEC CLAIM-1.
        AlreadyClaimed = "already_claimed",
        /// SPEC CLAIM-2: the hash named by the work is not recent enough.
        StaleWork = "stale_work",
        /// SPEC CLAIM-3, CLAIM-4: the work is less than the current cost of a grant.
        WeakWork = "weak_work",
        /// SPEC CLAIM-5.
        TreasuryEmpty = "treasury_empty",
        /// SPEC CLAIM-6.
        GrantsSpent = "grants_spent",
        /// SPEC CLAIM-7: the block already pays a grant.
        OneGrantPerBlock = "one_grant_per_block",
        /// SPEC VER-1: an *announce* of an account that is not a candidate.
        NotCandidate = "not_candidate",
        /// SPEC VER-2: an *announce* of a version that is already in force or announced.
        NothingToAnnounce = "nothing_to_announce",
        /// Local: the sender has reached its limit in the pool.
        SenderLimit = "sender_limit",
        /// Local: the pool is full.
        PoolFull = "pool_full",
        /// Local: another transaction of this nonce is pooled.
        NonceTaken = "nonce_taken",
        /// Local: the fee is too low to replace the pooled one.
        FeeTooLow = "fee_too_low",
        /// Local: the sender has replaced too often since its last transaction was final.
        ReplacedTooOften = "replaced_too_often",
        /// Local: the sender replaced it.
        Replaced = "replaced",
    }
}

impl TxCode {
    /// The code with this text.
    pub fn named(text: &str) -> Option<Self> {
        Self::ALL.iter().find(|code| code.as_str() == text).copied()
    }

    /// Is only the node's capacity the obstacle, not the transaction?
    pub fn is_for_want_of_room(self) -> bool {
        matches!(self, Self::SenderLimit | Self::PoolFull)
    }
}

impl fmt::Display for TxCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(json: &str, retry: Retry) {
        assert_eq!(serde_json::to_string(&retry).unwrap(), json);
        assert_eq!(serde_json::from_str::<Retry>(json).unwrap(), retry);
    }

    #[test]
    fn whether_to_try_again_is_one_word_or_a_moment() {
        check(r#""now""#, Retry::Now);
        check(r#""never""#, Retry::Never);
        check(r#"{"at_height":120}"#, Retry::AtHeight(Height(120)));
        check(r#"{"at_time":1700000000000}"#, Retry::AtTime(UnixMillis(1_700_000_000_000)));
    }

    #[test]
    fn what_a_newer_node_says_of_trying_again_is_read_as_never() {
        for newer in [r#""after_lunch""#, r#"{"at_epoch":{"number":3}}"#, "{}"] {
            assert_eq!(serde_json::from_str::<Retry>(newer).unwrap(), Retry::Never, "{newer}");
        }
        for wrong in ["7", r#"{"at_height":"soon"}"#] {
            assert!(serde_json::from_str::<Retry>(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn every_code_has_its_own_text() {
        for code in TxCode::ALL {
            assert_eq!(TxCode::named(code.as_str()), Some(*code));
        }
        assert_eq!(TxCode::named("no_such_code"), None);
    }
}
