//! A show: what a leader gets that tries out blocks until it draws itself again. SPEC LEAD-4, ABS-3.
//!
//! Some of many equal validators grind together, with a few candidates of next to no stake beside them: they try block times until one of them leads the next height as well, and
//! leave as many precommits of others out of each commit as they can. Twice: by a model of the rule of absence as it was at
//! first, which jailed on the word of any leaders, and on the ledger that ships.
//! Always true: nothing is random, so the numbers are the same on every machine.
//! Start reading at [`show`].

use blockchat_proto::coins::{Coins, Stake, is_quorum};
use blockchat_proto::genesis::{Genesis, GenesisAccount, Parameters};
use blockchat_proto::hash::{Hash32, hash};
use blockchat_proto::keys::{Address, Signature, Signer};
use blockchat_proto::leader::leader_for;
use blockchat_proto::ledger::{BuiltBlock, Draft, Ledger, Standing};
use blockchat_proto::limits;
use blockchat_proto::units::{Height, Round, RulesVersion, UnixMillis};
use blockchat_proto::validators::{Validator, ValidatorSet};
use blockchat_proto::vote::{Certificate, CommitSignature};
use serde::Serialize;
use std::collections::BTreeMap;

/// Variants of one block: at 15 us each far less than the others wait for a proposal.
const TRIES_MAX: u64 = 1_000;
/// Fewer validators are never left by the rule as it was at first.
const FLOOR: usize = 4;
const START: UnixMillis = UnixMillis(1_800_000_000_000);
const STAKE: Coins = Coins::from_bcc(100);
/// Of a helper.
const LITTLE: Coins = Coins::from_bcc(1);

/// The grinders, and the length of the run.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct Grind {
    /// Equal validators, at most 250.
    pub validators: u8,
    /// So many of them grind.
    pub grinders: u8,
    /// Beside them so many candidates of theirs with hardly any stake: heads, for a rule that counts heads.
    pub helpers: u8,
    /// Blocks.
    pub blocks: u64,
    /// Between two of them.
    pub block_ms: u64,
}

/// The result.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Found {
    /// Blocks that a grinder led.
    pub led: u64,
    /// Variants that they built for these.
    pub tried: u64,
    /// Honest validators that were jailed.
    pub jailed: usize,
    /// Power of the grinders at the end, in thousandths.
    pub power_permille: u64,
    /// When they decided alone, in ms since the beginning.
    pub owned_after_ms: Option<u64>,
}

/// Both.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct Shown {
    /// By the rule of absence as it was at first.
    pub at_first: Found,
    /// By the rules that are in force.
    pub now: Found,
}

/// Runs both.
pub fn show(grind: Grind) -> Shown {
    Shown { at_first: AtFirst::new(grind).run(), now: Now::new(grind).run() }
}

fn signer(person: u8) -> Signer {
    Signer::from_seed(&[person; 32])
}

/// All validators with their stakes; those that grind together come first.
fn people(grind: Grind) -> Vec<(Address, Coins)> {
    let stake = |person| if person <= grind.helpers { LITTLE } else { STAKE };
    (1..=grind.helpers + grind.validators).map(|person| (signer(person).address(), stake(person))).collect()
}

fn grinders(grind: Grind) -> Vec<Address> {
    let own = usize::from(grind.helpers) + usize::from(grind.grinders);
    people(grind).into_iter().take(own).map(|(address, _)| address).collect()
}

/// Others whose precommits can be left out of a commit.
fn victims(set: &ValidatorSet, own: &[Address]) -> Vec<Address> {
    let mut kept = set.total();
    let mut victims = vec![];
    for member in set.members().iter().filter(|member| !own.contains(&member.address)) {
        let less = Stake(kept.0 - member.stake.0);
        if is_quorum(less, set.total()) {
            kept = less;
            victims.push(member.address);
        }
    }
    victims
}

impl Found {
    fn look(&mut self, set: &ValidatorSet, own: &[Address], since_ms: u64) {
        let members = set.members().iter().filter(|member| own.contains(&member.address));
        let power = members.fold(Stake::default(), |sum, member| sum.plus(member.stake));
        self.power_permille = power.0 * 1_000 / set.total().0;
        if is_quorum(power, set.total()) {
            self.owned_after_ms.get_or_insert(since_ms);
        }
    }
}

/// The rule as it was at first: absent for 90 of 100 blocks and 30 s, by the word of any leader; four heads stay.
struct AtFirst {
    grind: Grind,
    own: Vec<Address>,
    set: ValidatorSet,
    absences: BTreeMap<Address, (u128, u64)>,
    found: Found,
}

impl AtFirst {
    fn new(grind: Grind) -> Self {
        let member = |(address, stake): (Address, Coins)| Validator { address, stake: stake.into() };
        let set = ValidatorSet::new(people(grind).into_iter().map(member).collect()).expect("not empty");
        let absences = people(grind).into_iter().map(|(address, _)| (address, (0, 0))).collect();
        Self { grind, own: grinders(grind), set, absences, found: Found::default() }
    }

    fn run(mut self) -> Found {
        let mut tip = Hash32::ZERO;
        for height in (1..=self.grind.blocks).map(Height) {
            let grinds = self.own.contains(&leader_for(&self.set, tip, height, Round(0)));
            self.absences(height.0 * self.grind.block_ms, grinds);
            tip = self.choose(tip, height, grinds);
            self.found.look(&self.set, &self.own, height.0 * self.grind.block_ms);
        }
        self.found
    }

    fn absences(&mut self, now: u64, grinds: bool) {
        let victims = if grinds { victims(&self.set, &self.own) } else { vec![] };
        for member in self.set.members() {
            let (missing, present) = self.absences.get_mut(&member.address).expect("a member");
            let is_missing = victims.contains(&member.address);
            *missing = *missing << 1 & ((1 << limits::WINDOW_BLOCKS) - 1) | u128::from(is_missing);
            *present = if is_missing { *present } else { now };
        }
        let is_gone = |member: &&Validator| {
            let (missing, present) = self.absences[&member.address];
            missing.count_ones() > limits::ABSENCE_BLOCKS_MAX && now - present >= limits::ABSENCE_TIME_MS
        };
        let gone = self.set.members().iter().filter(is_gone).min_by_key(|member| self.absences[&member.address].1);
        if let Some(gone) = gone.copied().filter(|_| self.set.members().len() > FLOOR) {
            let left = self.set.members().iter().filter(|member| member.address != gone.address).copied();
            self.set = ValidatorSet::new(left.collect()).expect("four are left");
            self.found.jailed += 1;
        }
    }

    /// The hash of a block on `tip`.
    fn choose(&mut self, tip: Hash32, height: Height, grinds: bool) -> Hash32 {
        let variant = |number: u64| {
            let bytes = [&tip.0[..], &height.0.to_be_bytes(), &number.to_be_bytes()].concat();
            hash("blockchat/show/grind", &bytes)
        };
        if !grinds {
            return variant(0);
        }
        self.found.led += 1;
        let again = |hash: &Hash32| self.own.contains(&leader_for(&self.set, *hash, height.next(), Round(0)));
        let tried = (0..TRIES_MAX).find(|number| again(&variant(*number))).unwrap_or(TRIES_MAX);
        self.found.tried += tried + 1;
        variant(tried)
    }
}

/// The rules that are in force: the ledger itself.
struct Now {
    grind: Grind,
    own: Vec<Address>,
    ledger: Ledger,
    found: Found,
}

impl Now {
    fn new(grind: Grind) -> Self {
        let funded = |(address, stake)| GenesisAccount { address, balance: STAKE, stake, name: None };
        let mut accounts: Vec<_> = people(grind).into_iter().map(funded).collect();
        accounts.sort_by_key(|account| account.address);
        let genesis = Genesis {
            name: "grind".into(),
            time: START,
            parameters: Parameters::default(),
            treasury: Coins::ZERO,
            accounts,
            version: RulesVersion::FIRST,
        };
        let ledger = Ledger::at_genesis(&genesis.verify().expect("a sound genesis"));
        Self { grind, own: grinders(grind), ledger, found: Found::default() }
    }

    fn run(mut self) -> Found {
        for number in 1..=self.grind.blocks {
            let built = self.block();
            self.ledger.advance(built.applied);
            self.found.look(self.ledger.validators(), &self.own, number * self.grind.block_ms);
        }
        let jailed = |address: &Address| self.ledger.account(address).standing == Standing::Jailed;
        self.found.jailed = people(self.grind).iter().filter(|(address, _)| jailed(address)).count();
        self.found
    }

    fn block(&mut self) -> BuiltBlock {
        let tip = *self.ledger.tip();
        let leader = leader_for(self.ledger.validators(), tip.hash, tip.height.next(), Round(0));
        let time = tip.time.plus(self.grind.block_ms);
        let grinds = self.own.contains(&leader);
        let commit = self.commit(grinds);
        let build = |more: u64| {
            let (offered, evidence, commit) = (vec![], vec![], commit.clone());
            let time = time.plus(more);
            self.ledger.build_block(Draft { round: Round(0), leader, time, offered, evidence, commit, late: None })
        };
        if !grinds {
            return build(0);
        }
        let again = |built: &BuiltBlock| {
            let (set, block) = (built.applied.next_validators(), &built.block);
            self.own.contains(&leader_for(set, block.hash(), block.height().next(), Round(0)))
        };
        let mut tried = 0;
        let found = (0..TRIES_MAX).map(build).inspect(|_| tried += 1).find(again).unwrap_or_else(|| build(0));
        self.found.led += 1;
        self.found.tried += tried;
        found
    }

    /// Of the tip: of all members, or without as many as a grinder can leave out.
    fn commit(&self, grinds: bool) -> Option<Certificate> {
        let (tip, set) = (self.ledger.tip(), self.ledger.tip_validators());
        let victims = if grinds { victims(set, &self.own) } else { vec![] };
        let there = set.members().iter().filter(|member| !victims.contains(&member.address));
        // They are not checked: our own blocks count as checked.
        let part = |member: &Validator| CommitSignature { validator: member.address, signature: Signature([0; 64]) };
        let signatures = there.map(part).collect();
        let certificate = Certificate { height: tip.height, round: Round(0), block: tip.hash, signatures };
        (tip.height > Height(0)).then_some(certificate)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// SPEC LEAD-4: with a tenth of the stake.
    #[test]
    fn a_grinder_owned_the_chain_at_first_and_now_gets_nothing_but_blocks() {
        let grind = Grind { validators: 20, grinders: 2, helpers: 4, blocks: 1_600, block_ms: 250 };
        let Shown { at_first, now } = show(grind);
        assert!(at_first.owned_after_ms.is_some_and(|after| after < 400_000), "{at_first:?}");
        assert!(at_first.jailed > 10, "{at_first:?}");
        assert!(now.led > 1_500, "{now:?}");
        assert_eq!((now.jailed, now.power_permille, now.owned_after_ms), (0, 101, None), "{now:?}");
    }

    #[test]
    fn without_a_grinder_nobody_is_jailed_by_either() {
        let Shown { at_first, now } =
            show(Grind { validators: 7, grinders: 0, helpers: 0, blocks: 300, block_ms: 1_000 });
        let nothing = Found { power_permille: 0, ..Found::default() };
        assert_eq!((at_first, now), (nothing, nothing));
    }
}
