//! The rules for one transaction, one small function each. They change nothing.
//!
//! Owns: expiry, nonce, fee, funds, stake limits, activation, announcements. Does not own: the changes of an accepted
//! transaction (`apply`), and rules that need no state (`transaction`).
//! Start reading at [`Rules`].

use super::account::{Account, Standing};
use super::grants::Purse;
use super::{RecentBlock, TxRejected};
use crate::coins::Coins;
use crate::genesis::Parameters;
use crate::hash::Hash32;
use crate::limits;
use crate::transaction::{Body, Transaction};
use crate::units::{Height, RulesVersion, UnixMillis};

/// Context of the rules: the parameters of the chain and the block that would contain the transaction.
#[derive(Clone, Copy, Debug)]
pub(super) struct Rules<'a> {
    /// Genesis hash.
    pub(super) chain: Hash32,
    /// Parameters of the chain.
    pub(super) parameters: &'a Parameters,
    /// The hashes that *activate* and *claim* may name, as the parent left them.
    pub(super) recent: &'a [RecentBlock],
    /// Version in force at the block. SPEC VER-1.
    pub(super) version: RulesVersion,
    /// The source of grants, as the parent left it.
    pub(super) purse: Purse,
    /// Departures and absences leave at least this many candidates. SPEC STAKE-5.
    pub(super) validators_floor: usize,
    /// Height of the block.
    pub(super) height: Height,
    /// Time of the block.
    pub(super) time: UnixMillis,
}

/// SPEC TX-1. Verification has checked the chain already; a transaction verified for another chain must not get in
/// here.
pub(super) fn check_chain(transaction: &Transaction, expected: Hash32) -> Result<(), TxRejected> {
    let found = transaction.chain;
    if found == expected { Ok(()) } else { Err(TxRejected::OtherChain { expected, found }) }
}

/// SPEC TX-8: valid in blocks up to and including the expiry height.
pub(super) fn check_expiry(expiry: Option<Height>, height: Height) -> Result<(), TxRejected> {
    match expiry {
        Some(expiry) if expiry < height => Err(TxRejected::Expired { expiry, height }),
        _ => Ok(()),
    }
}

/// SPEC TX-7: strictly consecutive.
pub(super) fn check_nonce(account: &Account, found: u64) -> Result<(), TxRejected> {
    let expected = account.next_nonce;
    if found == expected { Ok(()) } else { Err(TxRejected::WrongNonce { expected, found }) }
}

/// The fee of a body. SPEC FEE-1, FEE-2.
///
/// *send*: basis points of the amount, rounded up to a micro-BCC, plus the fee per character; at least `fee_min`.
/// *stake*: `fee_min`. The others are free, because a node without coins must be able to come back.
pub fn fee_for(body: &Body, parameters: &Parameters) -> Result<Coins, TxRejected> {
    match body {
        Body::Send { amount, payload, .. } => {
            let on_coins = u128::from(amount.micros()) * u128::from(parameters.fee_basis_points);
            let per_character = u128::from(parameters.fee_per_character.micros());
            let fee = on_coins.div_ceil(10_000) + per_character * u128::from(payload.fee_length());
            let micros = u64::try_from(fee).map_err(|_| TxRejected::AmountOverflow)?;
            let fee = Coins::from_micros(micros).ok_or(TxRejected::AmountOverflow)?;
            Ok(fee.max(parameters.fee_min))
        }
        Body::Stake { .. } => Ok(parameters.fee_min),
        Body::Activate { .. } | Body::Claim { .. } | Body::Announce { .. } => Ok(Coins::ZERO),
    }
}

/// The balance that is left after paying `amount` and `fee`. SPEC FEE-1, MONEY-2.
pub(super) fn check_funds(account: &Account, amount: Coins, fee: Coins) -> Result<Coins, TxRejected> {
    let needed = amount.checked_add(fee).ok_or(TxRejected::AmountOverflow)?;
    let spendable = account.balance;
    spendable.checked_sub(needed).ok_or(TxRejected::InsufficientFunds { needed, spendable })
}

/// SPEC STAKE-2: 0, or within the limits of the chain.
pub(super) fn check_stake_range(found: Coins, parameters: &Parameters) -> Result<(), TxRejected> {
    let (min, max) = (parameters.stake_min, parameters.stake_max);
    if found.is_zero() || (min..=max).contains(&found) {
        Ok(())
    } else {
        Err(TxRejected::StakeOutOfRange { min, max, found })
    }
}

/// SPEC STAKE-3.
pub(super) fn check_stake_changes(account: &Account, amount: Coins) -> Result<(), TxRejected> {
    if account.stake == amount { Err(TxRejected::StakeUnchanged { stake: amount }) } else { Ok(()) }
}

/// SPEC STAKE-6: a barred account may withdraw its stake, but never add to it or activate.
pub(super) fn check_not_barred(account: &Account) -> Result<(), TxRejected> {
    if account.standing == Standing::Barred { Err(TxRejected::Barred) } else { Ok(()) }
}

/// SPEC STAKE-4: one more withdrawal fits. Entries are oldest first.
pub(super) fn check_unbonding_room(account: &Account) -> Result<(), TxRejected> {
    match account.unbonding.first() {
        Some(first) if account.unbonding.len() >= limits::UNBONDING_ENTRIES_MAX => {
            Err(TxRejected::TooManyUnbonding { earliest: first.release })
        }
        _ => Ok(()),
    }
}

/// SPEC STAKE-5: a candidate that leaves must leave enough others. Jailed and inactive ones may leave.
pub(super) fn check_may_leave(account: &Account, others: usize, rules: &Rules<'_>) -> Result<(), TxRejected> {
    if account.candidacy(rules.parameters.stake_min).is_none() || others >= rules.validators_floor {
        return Ok(());
    }
    let min = u32::try_from(rules.validators_floor).expect("at most validators_min, which is a u32");
    Err(TxRejected::LastValidators { min })
}

/// SPEC ACT-1 to ACT-4: there is stake to activate, the wait after a jailing is over, and the node has seen the chain
/// *since it was last present*.
///
/// Without the comparison of times, a stranger could replay an old *activate* whenever its dead author is jailed, and
/// keep many dead validators in the set.
pub(super) fn check_activation(account: &Account, recent: Hash32, rules: &Rules<'_>) -> Result<(), TxRejected> {
    match account.standing {
        Standing::Barred => return Err(TxRejected::Barred),
        Standing::Active => return Err(TxRejected::AlreadyActive),
        Standing::Inactive | Standing::Jailed => {}
    }
    if account.stake.is_zero() || account.stake < rules.parameters.stake_min {
        return Err(TxRejected::NoStake);
    }
    let fits = |block: &RecentBlock| block.hash == recent && block.time >= account.last_present;
    if !rules.recent.iter().any(fits) {
        return Err(TxRejected::NotRecent);
    }
    let until = account.may_activate_at();
    if rules.time < until { Err(TxRejected::JailWait { until }) } else { Ok(()) }
}

/// SPEC VER-1, VER-2: from a candidate, and higher than before. The version only rises, so a replay is refused.
pub(super) fn check_announcement(account: &Account, found: RulesVersion, rules: &Rules<'_>) -> Result<(), TxRejected> {
    if account.candidacy(rules.parameters.stake_min).is_none() {
        return Err(TxRejected::NotCandidate);
    }
    let known = account.announced.max(rules.version);
    if found > known { Ok(()) } else { Err(TxRejected::NothingToAnnounce { least: known.next(), found }) }
}
