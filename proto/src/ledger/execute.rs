//! Executes one block on a ledger. `apply_block` and `build_block` share this code, so they cannot disagree.
//!
//! Order (SPEC ORDER-1): evidence, absences and leader, transactions one by one, fees to the leader, releases, power
//! and next set, recent hashes and dates, version of the next block. The leader is paid after the last transaction, and
//! can spend its fees from the next block on.
//! Start reading at [`Execution::begin`].

use super::absence::{Court, excuse_late, move_peak, record_presence, to_jail};
use super::account::Account;
use super::applied::{Applied, LedgerAct};
use super::apply::apply_to_sender;
use super::check::Rules;
use super::churn::{self, Service};
use super::grants;
use super::leaves;
use super::overlay::Overlay;
use super::punishment;
use super::root::Tree;
use super::version;
use super::{AppliedBlock, Ledger, RecentBlock, System, Tip, TxRejected};
use crate::coins::Coins;
use crate::hash::Hash32;
use crate::keys::Address;
use crate::limits;
use crate::transaction::{Body, VerifiedTransaction};
use crate::units::{Height, UnixMillis};
use crate::validators::ValidatorSet;
use crate::vote::{Certificate, Evidence, EvidenceRejected, LatePrecommits};
use std::collections::BTreeMap;
use std::sync::Arc;

/// A block being executed.
#[derive(Debug)]
pub(super) struct Execution<'a> {
    ledger: &'a Ledger,
    rules: Rules<'a>,
    leader: Address,
    overlay: Overlay<'a>,
    candidates: usize,
    fees: Coins,
    burned: Coins,
    /// Has it paid its grant?
    granted: bool,
    acts: Vec<LedgerAct>,
}

/// The result of a block, before its hash is known.
#[derive(Debug)]
pub(super) struct Outcome {
    time: UnixMillis,
    fees: Coins,
    acts: Vec<LedgerAct>,
    accounts: BTreeMap<Address, Account>,
    system: Arc<System>,
    next_validators: ValidatorSet,
    tree: Tree,
}

impl<'a> Execution<'a> {
    /// Starts the block after the tip, with this leader and time.
    pub(super) fn begin(ledger: &'a Ledger, time: UnixMillis, leader: Address) -> Self {
        Self {
            ledger,
            rules: ledger.rules(time),
            leader,
            overlay: Overlay::new(&ledger.accounts),
            candidates: ledger.roster.candidates(),
            fees: Coins::ZERO,
            burned: Coins::ZERO,
            granted: false,
            acts: vec![],
        }
    }

    /// Punishes one contradiction, or refuses the evidence and changes nothing; runs first. SPEC EVID-2.
    pub(super) fn evidence(&mut self, evidence: &Evidence) -> Result<(), EvidenceRejected> {
        let (accused, parameters) = (evidence.accused(), self.rules.parameters);
        let marks = &self.ledger.system.marks;
        let offence = punishment::check(self.overlay.get(&accused), evidence, marks, self.rules.height)?;
        let account = self.overlay.edit(accused);
        let stood = account.candidacy(parameters.stake_min).is_some();
        let amount = account.punish(offence, parameters);
        self.candidates = self.candidates.saturating_sub(usize::from(stood));
        self.burned = self.burned.checked_add(amount).expect("a part of the supply, which is capped");
        self.acts.push(LedgerAct::Barred { account: accused, amount });
        Ok(())
    }

    /// Clears late signers, records presence and leader, and jails at most one. SPEC ABS-1 to ABS-5.
    pub(super) fn presence(&mut self, commit: Option<&Certificate>, late: Option<&LatePrecommits>) {
        let Rules { height, time, .. } = self.rules;
        if let Some(late) = late {
            excuse_late(&mut self.overlay, late, time);
        }
        if let Some(commit) = commit {
            record_presence(&mut self.overlay, commit, &self.ledger.tip_validators, (height, time));
        }
        self.overlay.edit(self.leader).window.lead(height);
        if commit.is_some() {
            self.jail_one();
        }
    }

    fn jail_one(&mut self) {
        let left = self.candidates.saturating_sub(1);
        let court = Court {
            parent_set: &self.ledger.tip_validators,
            set: &self.ledger.validators,
            stake_min: self.rules.parameters.stake_min,
            peak: self.ledger.system.peak,
            height: self.rules.height,
            now: self.rules.time,
        };
        let gone = to_jail(&self.overlay, court);
        if let Some(address) = gone.filter(|_| left >= self.rules.validators_floor) {
            self.overlay.edit(address).jail(self.rules.time);
            self.candidates = left;
            self.acts.push(LedgerAct::Jailed { account: address });
        }
    }

    /// Applies one transaction, or refuses it and changes nothing.
    pub(super) fn transaction(&mut self, transaction: &VerifiedTransaction) -> Result<(), TxRejected> {
        let claims = matches!(transaction.transaction().body, Body::Claim { .. });
        if claims && self.granted {
            return Err(TxRejected::OneGrantPerBlock);
        }
        let stake_min = self.rules.parameters.stake_min;
        let sender = self.overlay.edit(transaction.sender());
        let others = self.candidates.saturating_sub(usize::from(sender.candidacy(stake_min).is_some()));
        let fee = apply_to_sender(sender, transaction.transaction(), &self.rules, others)?;
        self.candidates = others + usize::from(sender.candidacy(stake_min).is_some());
        self.granted |= claims;
        self.fees = self.fees.checked_add(fee).expect("fees are part of the supply, which is capped");
        match &transaction.transaction().body {
            Body::Send { to, amount, .. } if !amount.is_zero() => self.overlay.edit(*to).credit(*amount),
            Body::Send { .. }
            | Body::Stake { .. }
            | Body::Activate { .. }
            | Body::Claim { .. }
            | Body::Announce { .. } => {}
        }
        Ok(())
    }

    /// Pays the leader (SPEC FEE-3), releases what is due, fixes the next set and computes the new state root.
    ///
    /// Cost: a few us per changed account.
    pub(super) fn finish(mut self) -> Outcome {
        let (ledger, time) = (self.ledger, self.rules.time);
        if !self.fees.is_zero() {
            self.overlay.edit(self.leader).credit(self.fees);
            self.acts.push(LedgerAct::Paid { account: self.leader, amount: self.fees });
        }
        for address in ledger.roster.due(time) {
            let amount = self.overlay.edit(address).release_due(time);
            if !amount.is_zero() {
                self.acts.push(LedgerAct::Released { account: address, amount });
            }
        }
        let mut system = Arc::clone(&ledger.system);
        let (parameters, candidates) = (self.rules.parameters, self.candidates);
        let service = Service { parameters, total: ledger.validators.total(), candidates, time };
        churn::ramp(&mut system, &ledger.roster, &mut self.overlay, service);
        let next_validators = ledger.roster.next_set(&self.overlay, &ledger.validators);
        self.welcome(&next_validators);
        self.move_system(&mut system, &next_validators);
        let granted = if self.granted { parameters.grant } else { Coins::ZERO };
        let accounts = self.overlay.into_changes(granted, self.burned);
        let tree = tree_after(ledger, time, &accounts, &system, &next_validators);
        Outcome { time, fees: self.fees, acts: self.acts, accounts, system, next_validators, tree }
    }

    /// An account that enters the set has not been absent: its time starts now. SPEC ABS-2.
    fn welcome(&mut self, next: &ValidatorSet) {
        let current = &self.ledger.validators;
        if next == current {
            return;
        }
        for member in next.members().iter().filter(|member| current.get(&member.address).is_none()) {
            self.overlay.edit(member.address).last_present = self.rules.time;
        }
    }
}

impl Execution<'_> {
    /// The rest of the system state after the block; untouched if unchanged.
    fn move_system(&self, system: &mut Arc<System>, next: &ValidatorSet) {
        let Rules { height, time, parameters, .. } = self.rules;
        if !self.burned.is_zero() {
            let burned = system.burned.checked_add(self.burned).expect("a part of the supply, which is capped");
            Arc::make_mut(system).burned = burned;
        }
        if self.granted {
            grants::pay(system, &self.rules);
        }
        move_peak(system, time, next.total());
        remember_parent(system, &self.ledger.tip);
        punishment::date(system, height, time, parameters);
        version::move_on(system, height, next, &self.overlay);
    }
}

/// Adds the parent to the recent blocks at every 64th height. SPEC ACT-3.
///
/// A block cannot contain its own hash, so each one adds its parent; transactions see the list as the parent left it.
/// The genesis is in the list from the start.
fn remember_parent(system: &mut Arc<System>, parent: &Tip) {
    if parent.height == Height(0) || !parent.height.0.is_multiple_of(limits::RECENT_STRIDE) {
        return;
    }
    let recent = &mut Arc::make_mut(system).recent;
    recent.push(RecentBlock { height: parent.height, hash: parent.hash, time: parent.time });
    let surplus = recent.len().saturating_sub(limits::RECENT_HASHES_MAX);
    recent.drain(..surplus);
}

/// The state tree with every changed leaf.
fn tree_after(
    ledger: &Ledger,
    time: UnixMillis,
    accounts: &BTreeMap<Address, Account>,
    system: &Arc<System>,
    next: &ValidatorSet,
) -> Tree {
    let mut updates: Vec<_> = accounts.iter().map(|(address, account)| leaves::account(address, account)).collect();
    updates.push(leaves::clock(ledger.tip.height.next(), time, ledger.tip.hash));
    if !Arc::ptr_eq(system, &ledger.system) {
        updates.push(leaves::system(system));
    }
    if ledger.tip_validators != ledger.validators || ledger.validators != *next {
        updates.push(leaves::validators(&ledger.validators, next));
    }
    updates.sort_unstable();
    ledger.tree.updated(&updates)
}

impl Outcome {
    /// State root after the block.
    pub(super) fn state_root(&self) -> Hash32 {
        self.tree.root()
    }

    /// The set that decides the next height.
    pub(super) fn next_validators(&self) -> &ValidatorSet {
        &self.next_validators
    }

    /// Ready to advance `ledger`, now that the block's hash is known.
    pub(super) fn applied(self, ledger: &Ledger, hash: Hash32) -> AppliedBlock {
        let tip = Tip { height: ledger.tip.height.next(), hash, time: self.time, parent: ledger.tip.hash };
        AppliedBlock(Arc::new(Applied {
            parent: ledger.tip,
            tip,
            fees: self.fees,
            acts: self.acts,
            accounts: self.accounts,
            system: self.system,
            validators: ledger.validators.clone(),
            next_validators: self.next_validators,
            tree: self.tree,
        }))
    }
}
