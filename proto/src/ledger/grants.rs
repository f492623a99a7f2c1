//! Welcome grants: coins for new accounts from the genesis treasury, against a proof of work. SPEC CLAIM-1 to CLAIM-7.
//!
//! Why: without them, only people who know a member could join. Owns: eligibility, cost, and the daily limit.
//! Does not own: the work itself (`claim`), one grant per block (`execute`).
//! Always true: the treasury never pays more than it holds; it pays an account at most once.
//! Start reading at [`check`].

use super::TxRejected;
use super::account::Account;
use super::check::Rules;
use super::parts::{Grants, RecentBlock, System};
use crate::claim::{Search, Tries};
use crate::coins::{Coins, Stake};
use crate::genesis::Parameters;
use crate::hash::Hash32;
use crate::keys::Address;
use crate::limits;
use crate::units::UnixMillis;
use std::sync::Arc;

/// The source of grants.
#[derive(Clone, Copy, Debug)]
pub(super) struct Purse {
    /// The treasury at the genesis.
    pub(super) first: Coins,
    /// The rest of it.
    pub(super) left: Coins,
    pub(super) grants: Grants,
    /// Of the set that decides the block.
    pub(super) total: Stake,
}

/// Amount of a grant.
#[derive(Clone, Copy, Debug)]
pub(super) struct Proof {
    pub(super) recent: Hash32,
    pub(super) work: u64,
}

/// The requirements of the next block for a claim. SPEC CLAIM-1 to CLAIM-6.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct GrantTerms {
    /// Amount of one grant.
    pub grant: Coins,
    /// Content of the treasury.
    pub treasury: Coins,
    /// Coins that may still be granted in this span.
    pub room: Coins,
    /// Earliest block time that begins a new span.
    pub again: UnixMillis,
    /// Required work; absent if no grant is left.
    pub tries: Option<Tries>,
    /// The newest block that the work may name.
    pub recent: Option<RecentBlock>,
    /// Why no account could be paid now.
    pub closed: Option<TxRejected>,
}

/// The limit for grants in a new span. SPEC CLAIM-6.
pub(super) fn room(total: Stake, parameters: &Parameters) -> Coins {
    total.coins().share(parameters.grant_cap_basis_points).max(parameters.grant)
}

/// The grant, if this work entitles this account to one.
pub(super) fn check(account: &Account, address: Address, proof: Proof, rules: &Rules<'_>) -> Result<Coins, TxRejected> {
    let tries = check_open(rules)?;
    if account.claimed {
        return Err(TxRejected::AlreadyClaimed);
    }
    if !rules.recent.iter().any(|block| block.hash == proof.recent && is_recent(block, rules)) {
        return Err(TxRejected::StaleWork { blocks: limits::CLAIM_RECENT_BLOCKS });
    }
    let found = Search::new(rules.chain, address, proof.recent).attempt(proof.work);
    if !tries.are_met_by(found) {
        return Err(TxRejected::WeakWork { needed: tries.count(), found: found.worth() });
    }
    Ok(rules.parameters.grant)
}

/// The price of a grant, if any can be paid.
fn check_open(rules: &Rules<'_>) -> Result<Tries, TxRejected> {
    let Rules { purse, parameters, .. } = rules;
    let grant = parameters.grant;
    if grant.is_zero() || purse.first.is_zero() {
        return Err(TxRejected::ClaimsClosed);
    }
    let empty = TxRejected::TreasuryEmpty { treasury: purse.left };
    if purse.left < grant {
        return Err(empty);
    }
    let span = begun(rules);
    if span.room < grant {
        return Err(TxRejected::GrantsSpent { again: span.since.plus(limits::GRANTS_MS) });
    }
    Tries::for_grant(grant, purse.first, purse.left).ok_or(empty)
}

fn is_recent(block: &RecentBlock, rules: &Rules<'_>) -> bool {
    block.height.0.saturating_add(limits::CLAIM_RECENT_BLOCKS) >= rules.height.0
}

/// The present span, or a new one if that is over.
fn begun(rules: &Rules<'_>) -> Grants {
    let Purse { grants, total, .. } = rules.purse;
    if rules.time.since(grants.since) < limits::GRANTS_MS {
        return grants;
    }
    Grants { since: rules.time, room: room(total, rules.parameters) }
}

/// Takes one grant out of the treasury and the room of the span; the caller has checked both.
pub(super) fn pay(system: &mut Arc<System>, rules: &Rules<'_>) {
    let (system, grant, span) = (Arc::make_mut(system), rules.parameters.grant, begun(rules));
    let rest = |of: Coins| of.checked_sub(grant).expect("nobody is granted more than there is");
    system.treasury = rest(system.treasury);
    system.grants = Some(Grants { room: rest(span.room), ..span });
}

/// See [`GrantTerms`].
pub(super) fn terms(rules: &Rules<'_>) -> GrantTerms {
    let (span, open) = (begun(rules), check_open(rules));
    let Purse { first, left, .. } = rules.purse;
    GrantTerms {
        grant: rules.parameters.grant,
        treasury: left,
        room: span.room,
        again: span.since.plus(limits::GRANTS_MS),
        tries: Tries::for_grant(rules.parameters.grant, first, left),
        recent: rules.recent.last().copied(),
        closed: open.err(),
    }
}
