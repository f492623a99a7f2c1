//! The ledger's types as the API's JSON shapes. Pure.

use super::final_blocks::{FinalPlace, Found};
use crate::store::history::StoredBlock;
use blockchat_client::shapes::{
    AccountView, BlockTransactionView, BlockView, ConsensusEvent, GrantsView, Phase, RulesView, TransactionState,
    UnbondingView, ValidatorView,
};
use blockchat_engine::chain_view::{ChainView, PhaseView, RulesView as Rules};
use blockchat_engine::effect::AccountAnswer;
use blockchat_proto::claim::Tries;
use blockchat_proto::coins::{Coins, Stake};
use blockchat_proto::genesis::Parameters;
use blockchat_proto::keys::Address;
use blockchat_proto::ledger::{GrantTerms, TxRejected, fee_for};
use blockchat_proto::transaction::SignedTransaction;
use blockchat_proto::units::UnixMillis;

/// The node's activity.
pub(super) fn phase(view: &ChainView) -> Phase {
    phase_of(&view.phase, view.validators.total(), view.rules)
}

/// The same of its parts: `total` is the stake of the set that decides.
pub(super) fn phase_of(phase: &PhaseView, total: Stake, rules: Rules) -> Phase {
    match phase {
        PhaseView::Idle => Phase::Idle,
        PhaseView::Deciding => Phase::Deciding,
        PhaseView::CatchingUp { target } => Phase::CatchingUp { target: *target },
        PhaseView::UpdateNeeded => Phase::UpdateNeeded { version: rules.version, known: rules.known },
        PhaseView::WaitingForStake { online, missing } => {
            Phase::WaitingForStake { online_percent: percent(*online, total), missing: missing.clone() }
        }
    }
}

/// The state of consensus, for event streams.
pub fn consensus_event(view: &ChainView, time: UnixMillis) -> ConsensusEvent {
    ConsensusEvent {
        time,
        height: view.tip.height.next(),
        round: view.round,
        leader: view.leader,
        phase: phase(view),
        voting: view.voting,
    }
}

/// Is the newest block known here, as far as peers can tell?
pub(super) fn at_tip(view: &ChainView, peers: usize, validator: Option<Address>) -> bool {
    let alone = is_alone(view, validator);
    let arrived = matches!(view.phase, PhaseView::Idle | PhaseView::Deciding | PhaseView::WaitingForStake { .. });
    view.reached_tip && arrived && (alone || peers > 0)
}

/// Does this node's validator decide alone?
pub(super) fn is_alone(view: &ChainView, validator: Option<Address>) -> bool {
    matches!((view.validators.members(), validator), ([only], Some(own)) if only.address == own)
}

/// By which rules.
pub(super) fn rules(view: &ChainView) -> RulesView {
    let Rules { version, known, next_begins } = view.rules;
    RulesView { version, known, next_begins }
}

/// Why a node stands still that does not know the rules.
pub(super) fn update_needed(view: &ChainView) -> String {
    let (height, version, known) = (view.tip.height.next(), view.rules.version, view.rules.known);
    format!("version {version} of the rules is in force at height {height}: this program knows {known}; update it")
}

/// `part` of `total` with one decimal, rounded down: 66.66 % must not read as 66.7 %, which would be enough.
pub(super) fn percent(part: Stake, total: Stake) -> String {
    let tenths = u128::from(part.0) * 1_000 / u128::from(total.0.max(1));
    format!("{}.{}", tenths / 10, tenths % 10)
}

/// The terms of a welcome grant.
pub(super) fn grants(terms: &GrantTerms) -> Option<GrantsView> {
    let GrantTerms { grant, treasury, room, again, tries, recent, closed } = terms;
    Some(GrantsView {
        treasury: *treasury,
        grant: *grant,
        tries: tries.filter(|_| treasury >= grant).map(Tries::count),
        recent: recent.as_ref()?.hash,
        room: *room,
        again: *again,
        closed: closed.as_ref().map(ToString::to_string),
    })
}

/// The set of the height being decided.
pub(super) fn validators(view: &ChainView) -> Vec<ValidatorView> {
    let members = view.validators.members().iter();
    members.map(|member| ValidatorView { address: member.address, stake: coins(member.stake) }).collect()
}

pub(super) fn coins(stake: Stake) -> Coins {
    Coins::from_micros(stake.0).expect("a stake is part of the supply, which is capped")
}

/// One account.
pub(super) fn account(answer: AccountAnswer) -> AccountView {
    let AccountAnswer { address, height, account, pending_balance, pending_nonce } = answer;
    let unbonding = account.unbonding.iter();
    AccountView {
        address,
        height,
        balance: account.balance,
        pending_balance,
        stake: account.stake,
        unbonding: unbonding.map(|part| UnbondingView { amount: part.amount, release: part.release }).collect(),
        next_nonce: account.next_nonce,
        pending_nonce,
        standing: account.standing.into(),
        claimed: account.claimed,
    }
}

/// One final block.
pub(super) fn block(stored: &StoredBlock, parameters: &Parameters) -> BlockView {
    let header = &stored.block.header;
    let transactions: Vec<_> =
        stored.block.transactions.iter().map(|signed| block_transaction(signed, parameters)).collect();
    let fees = transactions.iter().try_fold(Coins::ZERO, |sum, one| sum.checked_add(one.fee));
    BlockView {
        height: header.height,
        hash: stored.hash,
        parent: header.parent,
        time: header.time,
        leader: header.leader,
        round: header.round,
        state_root: header.state_root,
        signers: stored.certificate.signatures.iter().map(|part| part.validator).collect(),
        fees: fees.expect("the fees of a final block are parts of the supply"),
        bytes: u64::try_from(stored.bytes).unwrap_or(u64::MAX),
        transactions,
    }
}

fn block_transaction(signed: &SignedTransaction, parameters: &Parameters) -> BlockTransactionView {
    let fee = fee_for(&signed.transaction.body, parameters);
    let fee = fee.expect("a final transaction has a computable fee");
    BlockTransactionView { id: signed.id(), transaction: signed.clone(), fee }
}

/// A refusal.
pub(super) fn refused(reason: &TxRejected) -> TransactionState {
    TransactionState::Refused { code: reason.code().into(), reason: reason.to_string(), retry: reason.retry() }
}

/// A final transaction's place.
pub(super) fn final_state(place: FinalPlace) -> TransactionState {
    let FinalPlace { height, index, leader } = place;
    TransactionState::Final { height, index, leader }
}

/// The entry at this place; `None` only if the index is damaged.
pub(super) fn transaction_at(found: &Found) -> Option<&SignedTransaction> {
    found.block.block.transactions.get(usize::try_from(found.index).ok()?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_share_just_short_of_two_thirds_does_not_read_as_enough() {
        assert_eq!(percent(Stake(2), Stake(3)), "66.6");
        assert_eq!(percent(Stake(600), Stake(1000)), "60.0");
        assert_eq!(percent(Stake(1), Stake(1)), "100.0");
    }
}
