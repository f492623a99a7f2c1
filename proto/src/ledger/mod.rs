//! The ledger: accounts and validators at one height, and the effect of a block on them.
//!
//! Owns: state, execution, state root. Does not own: signatures (verified before), the choice of transactions (engine).
//! Always true: coins are conserved; a refused block or transaction changes nothing; the state root covers everything
//! that decides validity.
//!
//! The map: [`Ledger::apply_block`] -> `check_block` (rules for the block) -> `execute` (the only executor) -> `apply`
//! (one transaction) -> `check` (its rules), all on an `overlay` over the accounts. `grants` pays from the treasury,
//! `punishment` burns and bars, `absence` counts and jails, `churn` raises power, `roster` ranks candidates, finds due
//! releases and lists waiting accounts, `version` advances the version of the rules, `leaves` and `root` hash the
//! state, `proof` proves one account of it. `build` builds our own block with the same executor.
//! Start reading at [`Ledger::apply_block`].

mod absence;
mod account;
mod applied;
mod apply;
mod build;
mod check;
mod check_block;
mod churn;
mod execute;
mod grants;
mod leaves;
mod overlay;
mod parts;
mod proof;
mod punishment;
mod root;
mod roster;
#[cfg(test)]
mod tests;
mod version;

pub use crate::rejected::{BlockRejected, TxRejected};
pub use account::{Account, BlockBits, Standing, Unbonding, Window};
pub use applied::{AppliedBlock, BuiltBlock, Draft, LedgerAct};
pub use check::fee_for;
pub use churn::Waiting;
pub use grants::GrantTerms;
pub use parts::{Churn, Grants, Led, Mark, Peak, RecentBlock, Snapshot, SnapshotDamaged, System, Tip};
pub use proof::{AccountProof, Neighbour};

use crate::block::VerifiedBlock;
use crate::coins::Coins;
use crate::genesis::{Genesis, Parameters, VerifiedGenesis};
use crate::hash::Hash32;
use crate::keys::Address;
use crate::limits;
use crate::transaction::{Body, VerifiedTransaction};
use crate::units::{Height, RulesVersion, UnixMillis};
use crate::validators::{Validator, ValidatorSet};
use crate::vote::{Evidence, EvidenceRejected};
use check::Rules;
use execute::Execution;
use grants::Purse;
use root::Tree;
use roster::Roster;
use std::collections::BTreeMap;
use std::sync::Arc;

/// Accounts and validators at one height.
#[derive(Clone, Debug)]
pub struct Ledger {
    genesis: VerifiedGenesis,
    tip: Tip,
    accounts: BTreeMap<Address, Account>,
    roster: Roster,
    system: Arc<System>,
    tip_validators: ValidatorSet,
    validators: ValidatorSet,
    tree: Tree,
    known: RulesVersion,
}

impl Ledger {
    /// The ledger before block 1. Accounts with a stake are active validators from height 1 on. SPEC GEN-4.
    pub fn at_genesis(genesis: &VerifiedGenesis) -> Self {
        let Genesis { time, treasury, accounts, version, .. } = genesis.genesis();
        let tip = Tip { height: Height(0), hash: genesis.hash(), time: *time, parent: Hash32::ZERO };
        let recent = vec![RecentBlock { height: tip.height, hash: tip.hash, time: tip.time }];
        let total = genesis.validators().total();
        let system = System {
            treasury: *treasury,
            recent,
            churn: Churn { since: *time, room: churn::room(total, &genesis.genesis().parameters) },
            version: *version,
            next_begins: None,
            peak: Peak { since: *time, largest: total.coins(), before: Coins::ZERO },
            marks: vec![Mark { height: tip.height, time: tip.time }],
            burned: Coins::ZERO,
            grants: (!treasury.is_zero())
                .then(|| Grants { since: *time, room: grants::room(total, &genesis.genesis().parameters) }),
        };
        let active = |stake: Coins| match stake.is_zero() {
            true => (Standing::Inactive, UnixMillis::default()),
            false => (Standing::Active, *time),
        };
        let accounts = accounts.iter().map(|funded| {
            let (balance, stake) = (funded.balance, funded.stake);
            let (standing, last_present) = active(stake);
            (funded.address, Account { balance, stake, standing, last_present, power: stake, ..Account::default() })
        });
        Self::assemble(genesis, tip, genesis.validators().clone(), system, accounts.collect())
    }

    /// The ledger from a store; recomputes the state root and compares it.
    ///
    /// The root covers everything but the hash of the tip, which covers the root: compare that with the header.
    pub fn restore(genesis: &VerifiedGenesis, snapshot: Snapshot) -> Result<Self, SnapshotDamaged> {
        let Snapshot { tip, state_root, tip_validators, system, accounts } = snapshot;
        let promised = state_root;
        let decided = ValidatorSet::new(tip_validators);
        let decided = decided.map_err(|_| SnapshotDamaged { promised, found: Hash32::ZERO })?;
        let ledger = Self::assemble(genesis, tip, decided, system, accounts.into_iter().collect());
        let found = ledger.state_root();
        if found == promised { Ok(ledger) } else { Err(SnapshotDamaged { promised, found }) }
    }

    /// Builds the indexes and the tree from the parts.
    fn assemble(
        genesis: &VerifiedGenesis,
        tip: Tip,
        tip_validators: ValidatorSet,
        system: System,
        mut accounts: BTreeMap<Address, Account>,
    ) -> Self {
        let parameters = &genesis.genesis().parameters;
        accounts.retain(|_, account| *account != Account::default());
        let mut roster = Roster::new(parameters.stake_min);
        accounts.iter().for_each(|(address, account)| roster.enter(*address, account));
        let validators = roster.set_or(&tip_validators);
        let mut updates: Vec<_> = accounts.iter().map(|(address, account)| leaves::account(address, account)).collect();
        updates.extend([
            leaves::system(&system),
            leaves::parameters(parameters),
            leaves::clock(tip.height, tip.time, tip.parent),
            leaves::validators(&tip_validators, &validators),
        ]);
        updates.sort_unstable();
        let (genesis, system) = (genesis.clone(), Arc::new(system));
        let tree = Tree::default().updated(&updates);
        let known = RulesVersion::KNOWN;
        Self { genesis, tip, accounts, roster, system, tip_validators, validators, tree, known }
    }

    /// The same ledger for a program that knows the rules up to this version; the default is [`RulesVersion::KNOWN`].
    #[must_use]
    pub fn knowing(self, known: RulesVersion) -> Self {
        Self { known, ..self }
    }

    /// The parts of the ledger, for [`Ledger::restore`]. Cost: O(accounts).
    pub fn snapshot(&self) -> Snapshot {
        Snapshot {
            tip: self.tip,
            state_root: self.state_root(),
            tip_validators: self.tip_validators.members().to_vec(),
            system: self.system().clone(),
            accounts: self.accounts().map(|(address, account)| (*address, account.clone())).collect(),
        }
    }

    /// Genesis hash.
    pub fn chain(&self) -> Hash32 {
        self.genesis.hash()
    }

    /// The parameters of the chain.
    pub fn parameters(&self) -> &Parameters {
        &self.genesis.genesis().parameters
    }

    /// The last block.
    pub fn tip(&self) -> &Tip {
        &self.tip
    }

    /// State root after it.
    pub fn state_root(&self) -> Hash32 {
        self.tree.root()
    }

    /// The set that decides the next height.
    pub fn validators(&self) -> &ValidatorSet {
        &self.validators
    }

    /// The set that decided the tip: it signs the commit in the next block. At genesis, the set of height 1.
    pub fn tip_validators(&self) -> &ValidatorSet {
        &self.tip_validators
    }

    /// The system state.
    pub fn system(&self) -> &System {
        &self.system
    }

    /// The version of the rules that executes the next block. SPEC VER-4.
    pub fn version(&self) -> RulesVersion {
        self.system.version
    }

    /// The highest version of the rules that this program knows.
    pub fn known_version(&self) -> RulesVersion {
        self.known
    }

    /// The version that executes the next block, if this program does not know it: then it cannot build, check or vote
    /// for that block. SPEC VER-5.
    pub fn unknown_version(&self) -> Option<RulesVersion> {
        (self.version() > self.known).then(|| self.version())
    }

    /// An account; the default if it never appeared.
    pub fn account(&self, address: &Address) -> Account {
        self.accounts.get(address).cloned().unwrap_or_default()
    }

    /// All accounts that differ from the default, by address.
    pub fn accounts(&self) -> impl Iterator<Item = (&Address, &Account)> {
        self.accounts.iter()
    }

    /// An account with the proof of its presence or absence in the state. SPEC STATE-3.
    pub fn prove(&self, address: &Address) -> AccountProof {
        let key = leaves::account_key(address);
        let path = self.tree.path(&key);
        let neighbour = path.end.filter(|(other, _)| *other != key).map(|(key, value)| Neighbour { key, value });
        AccountProof { address: *address, account: self.account(address), siblings: path.siblings, neighbour }
    }

    /// The sum of all coins. Constant over the life of a chain, except for burns. Cost: O(accounts); for tests and
    /// checks.
    pub fn supply(&self) -> Coins {
        let accounts: u128 = self.accounts.values().map(Account::total_micros).sum();
        let micros = u64::try_from(accounts + u128::from(self.system.treasury.micros())).ok();
        micros.and_then(Coins::from_micros).expect("the genesis is below the cap, and nothing mints")
    }

    /// Does the sum of all coins equal that of the genesis minus burns? SPEC MONEY-3. Cost: O(accounts).
    pub fn supply_is_conserved(&self) -> bool {
        let Genesis { treasury, accounts, .. } = self.genesis.genesis();
        let funded = accounts.iter().flat_map(|account| [account.balance, account.stake]);
        let made = funded.chain([*treasury]).try_fold(Coins::ZERO, Coins::checked_add);
        made == self.supply().checked_add(self.system.burned)
    }

    /// Applies one transaction to its sender's account only, as if in the next block: every rule that concerns the
    /// sender, none for the receiver. Returns the fee. `sender` is unchanged on refusal.
    ///
    /// A pool calls it with its own projection of the account, so that pooled spending counts.
    pub fn project(&self, sender: &mut Account, transaction: &VerifiedTransaction) -> Result<Coins, TxRejected> {
        let transaction = transaction.transaction();
        let others = match transaction.body {
            Body::Stake { .. } => self.candidates_beside(&transaction.sender),
            Body::Send { .. } | Body::Activate { .. } | Body::Claim { .. } | Body::Announce { .. } => 0,
        };
        let rules = self.rules(self.tip.time.plus(1));
        apply::apply_to_sender(sender, transaction, &rules, others)
    }

    fn candidates_beside(&self, address: &Address) -> usize {
        let candidacy = self.accounts.get(address).and_then(|account| account.candidacy(self.parameters().stake_min));
        self.roster.candidates().saturating_sub(usize::from(candidacy.is_some()))
    }

    /// The rules for a transaction in the next block, at this block time.
    fn rules(&self, time: UnixMillis) -> Rules<'_> {
        let parameters = self.parameters();
        let minimum = usize::try_from(parameters.validators_min).unwrap_or(usize::MAX);
        Rules {
            chain: self.chain(),
            parameters,
            recent: &self.system.recent,
            version: self.system.version,
            purse: self.purse(),
            validators_floor: minimum.min(self.genesis.validators().members().len()),
            height: self.tip.height.next(),
            time,
        }
    }

    /// Executes a block on the tip without changing the ledger. SPEC BLOCK-5, BLOCK-6.
    ///
    /// Cost: about 1 us per transaction and a few us per changed account.
    pub fn apply_block(&self, block: &VerifiedBlock) -> Result<AppliedBlock, BlockRejected> {
        check_block::check_before(self, block)?;
        let header = block.header();
        let mut execution = Execution::begin(self, header.time, header.leader);
        for (index, evidence) in block.evidence().iter().enumerate() {
            execution.evidence(evidence).map_err(|reason| BlockRejected::Evidence { index, reason })?;
        }
        execution.presence(block.commit(), block.late());
        for (index, transaction) in block.transactions().iter().enumerate() {
            let refused = |reason| BlockRejected::Transaction { index, reason };
            execution.transaction(transaction).map_err(refused)?;
        }
        let outcome = execution.finish();
        check_block::check_after(header, &outcome)?;
        Ok(outcome.applied(self, block.hash()))
    }

    /// Did the last block record this account as missing from the commit of its parent? Then a late precommit of the
    /// account counts in the next block. SPEC BLOCK-7.
    fn found_missing(&self, address: &Address) -> bool {
        let missing =
            |account: &Account| account.standing == Standing::Active && account.window.is_missing_at(self.tip.height);
        self.accounts.get(address).is_some_and(missing)
    }

    /// Accounts barred for misbehaviour, by address.
    pub fn barred(&self) -> impl Iterator<Item = Address> + '_ {
        self.roster.barred()
    }

    /// How often each member of the next height's set led one of the recent blocks, by address. SPEC LEAD-5.
    pub fn led(&self) -> Vec<Led> {
        let height = self.tip.height;
        let counted = height.0.min(limits::WINDOW_BLOCKS.into());
        let blocks = u32::try_from(counted).expect("at most a window");
        let led = |member: &Validator| {
            let window = self.accounts.get(&member.address).map_or_else(Window::default, |account| account.window);
            let led = window.led_seen_from(height).count_ones();
            Led { address: member.address, led, blocks, stake: member.stake, total: self.validators.total() }
        };
        self.validators.members().iter().map(led).collect()
    }

    /// Accounts waiting for power, in order, with the time at which each will have all of it if the queue does not
    /// change. SPEC VAL-6.
    ///
    /// Cost: O(waiting accounts + spans of `churn_ms`); looks at most a thousand spans ahead.
    pub fn queue(&self) -> Vec<Waiting> {
        let places: Vec<_> = self.roster.waiting().collect();
        let wanted = places.iter().filter_map(|(_, address)| Some((*address, self.accounts.get(address)?)));
        churn::forecast(&self.system.churn, self.validators.total(), self.tip.time, self.parameters(), wanted)
    }

    /// The terms of a claim in the next block if that came at `now`, or after the tip if that is later. SPEC CLAIM-1 to
    /// CLAIM-6.
    pub fn grant_terms(&self, now: UnixMillis) -> GrantTerms {
        grants::terms(&self.rules(now.max(self.tip.time.plus(1))))
    }

    fn purse(&self) -> Purse {
        let Genesis { treasury: first, .. } = self.genesis.genesis();
        let System { treasury, grants, .. } = *self.system;
        Purse { first: *first, left: treasury, grants: grants.unwrap_or_default(), total: self.validators.total() }
    }

    /// Would this evidence, whose signatures verify, punish an account in the next block? SPEC EVID-1 to EVID-3.
    pub fn check_evidence(&self, evidence: &Evidence) -> Result<(), EvidenceRejected> {
        evidence.check_structure()?;
        let account = self.accounts.get(&evidence.accused());
        punishment::check(account, evidence, &self.system.marks, self.tip.height.next()).map(|_| ())
    }

    /// Builds the next block from a draft: skips offered transactions that cannot be applied, evidence that punishes no account
    /// and late precommits that do not count; stops at capacity and size. Panics if the version in force is
    /// [unknown](Self::unknown_version), which is a bug.
    ///
    /// [`Ledger::apply_block`] accepts it if `leader` is drawn for `round`, `commit` proves the tip, and all signatures
    /// verify, including those of evidence; the caller guarantees these.
    pub fn build_block(&self, draft: Draft) -> BuiltBlock {
        build::build(self, draft)
    }

    /// Advances to the next height. Panics if `applied` was not made on this tip, which is a bug.
    ///
    /// Cost: O(changed accounts * log accounts); hashes nothing.
    pub fn advance(&mut self, applied: AppliedBlock) {
        let applied = &*applied.0;
        assert_eq!(self.tip, applied.parent, "a block advances the ledger from the tip it was applied to");
        for (address, account) in &applied.accounts {
            self.set_account(*address, account);
        }
        self.tip = applied.tip;
        self.system = Arc::clone(&applied.system);
        self.tip_validators = applied.validators.clone();
        self.validators = applied.next_validators.clone();
        self.tree = applied.tree.clone();
    }

    fn set_account(&mut self, address: Address, account: &Account) {
        let old = if *account == Account::default() {
            self.accounts.remove(&address)
        } else {
            self.accounts.insert(address, account.clone())
        };
        if let Some(old) = old {
            self.roster.remove(address, &old);
        }
        self.roster.enter(address, account);
    }
}
