//! The effect of a transaction on its sender: all checks first, then changes that cannot fail.
//!
//! Owns: payments, stakes, departures, activations, claims, announcements. Does not own: the rules (`check`), the
//! receiver and the leader (`execute`).
//! Always true: on refusal the account is unchanged.
//! Start reading at [`apply_to_sender`].

use super::TxRejected;
use super::account::{Account, BlockBits, Standing, Unbonding};
use super::check::{self, Rules};
use super::grants::{self, Proof};
use crate::coins::Coins;
use crate::hash::Hash32;
use crate::transaction::{Body, Transaction};

/// Applies the sender's side of a transaction and returns its fee. SPEC TX-7 to TX-9.
///
/// `others`: number of candidates for the next set besides the sender.
pub(super) fn apply_to_sender(
    sender: &mut Account,
    transaction: &Transaction,
    rules: &Rules<'_>,
    others: usize,
) -> Result<Coins, TxRejected> {
    check::check_chain(transaction, rules.chain)?;
    check::check_expiry(transaction.expiry, rules.height)?;
    let fee = check::fee_for(&transaction.body, rules.parameters)?;
    match &transaction.body {
        Body::Send { amount, .. } => pay(sender, transaction.nonce, *amount, fee)?,
        Body::Stake { amount } if *amount > sender.stake => {
            raise_stake(sender, transaction.nonce, *amount, fee, rules)?;
        }
        Body::Stake { amount } => lower_stake(sender, transaction.nonce, *amount, fee, rules, others)?,
        Body::Activate { recent } => activate(sender, *recent, rules)?,
        Body::Claim { recent, work } => {
            let proof = Proof { recent: *recent, work: *work };
            let granted = grants::check(sender, transaction.sender, proof, rules)?;
            sender.claimed = true;
            sender.credit(granted);
        }
        Body::Announce { version } => {
            check::check_announcement(sender, *version, rules)?;
            sender.announced = *version;
        }
    }
    Ok(fee)
}

/// Takes `amount` and `fee` from the balance and advances the nonce.
fn pay(sender: &mut Account, nonce: u64, amount: Coins, fee: Coins) -> Result<(), TxRejected> {
    check::check_nonce(sender, nonce)?;
    sender.balance = check::check_funds(sender, amount, fee)?;
    sender.next_nonce = nonce.saturating_add(1);
    Ok(())
}

/// SPEC STAKE-1: from the balance only. A new stake waits, inactive, for *activate*.
fn raise_stake(
    sender: &mut Account,
    nonce: u64,
    amount: Coins,
    fee: Coins,
    rules: &Rules<'_>,
) -> Result<(), TxRejected> {
    check::check_stake_range(amount, rules.parameters)?;
    check::check_not_barred(sender)?;
    let added = amount.checked_sub(sender.stake).expect("the caller compared: the stake rises");
    pay(sender, nonce, added, fee)?;
    if sender.stake.is_zero() {
        sender.standing = Standing::Inactive;
    }
    sender.stake = amount;
    sender.adjust_power(Some(rules.time));
    Ok(())
}

/// SPEC STAKE-4: withdrawn stake waits for its release. An account that withdraws everything leaves the set; a barred
/// one stays barred.
fn lower_stake(
    sender: &mut Account,
    nonce: u64,
    amount: Coins,
    fee: Coins,
    rules: &Rules<'_>,
    others: usize,
) -> Result<(), TxRejected> {
    check::check_nonce(sender, nonce)?;
    check::check_stake_changes(sender, amount)?;
    check::check_stake_range(amount, rules.parameters)?;
    check::check_unbonding_room(sender)?;
    if amount.is_zero() {
        check::check_may_leave(sender, others, rules)?;
    }
    pay(sender, nonce, Coins::ZERO, fee)?;
    let taken = sender.stake.checked_sub(amount).expect("the caller compared: the stake falls");
    let release = rules.time.plus(rules.parameters.unbonding_ms);
    sender.unbonding.push(Unbonding { amount: taken, release });
    sender.stake = amount;
    if amount.is_zero() && sender.standing != Standing::Barred {
        sender.standing = Standing::Inactive;
    }
    sender.adjust_power(None);
    Ok(())
}

/// SPEC ACT-1: clears its absences. From the next height on it is a candidate with the power it kept; the rest waits.
fn activate(sender: &mut Account, recent: Hash32, rules: &Rules<'_>) -> Result<(), TxRejected> {
    check::check_activation(sender, recent, rules)?;
    sender.standing = Standing::Active;
    sender.last_present = rules.time;
    sender.window.missing = BlockBits::default();
    sender.adjust_power(Some(rules.time));
    Ok(())
}
