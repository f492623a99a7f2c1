//! Random choices of the chain, its users, the network and its troubles, by theme.
//!
//! Always true: each function throws the dice in one order, whatever it uses of them: a seed keeps its meaning.

use super::cast::Cast;
use super::{BEGIN, FaultPlan, KillAll, NodePlan, StakePlan, Theme, UserPlan, Wipe};
use crate::sim::byzantine::Crime;
use crate::sim::dice::Dice;
use crate::sim::network::Weather;
use crate::sim::step::Step;
use crate::sim::time::Micros;
use blockchat_proto::coins::Coins;
use blockchat_proto::genesis::{Genesis, GenesisAccount, Parameters, VerifiedGenesis};
use blockchat_proto::keys::{Address, Signer};
use blockchat_proto::units::{Height, RulesVersion};

pub(super) fn users(dice: &mut Dice, theme: Theme) -> Vec<UserPlan> {
    let count = dice.range(3..=6);
    let busy = if is_long(theme) { 400 } else { dice.range(150..=1_500) };
    (0..count)
        .map(|_| UserPlan {
            signer: Signer::from_seed(&dice.bytes()),
            every: Micros::from_ms(busy),
            burst_permille: 60,
            double_permille: 60,
        })
        .collect()
}

/// Cheap to work for: a try a micro-BCC.
const GRANT: u64 = 600;
/// Five grants and a rest.
const TREASURY: u64 = 3_100;

fn micros(amount: u64) -> Coins {
    Coins::from_micros(amount).expect("below the cap")
}

/// Is a run of it four times as long as others? Then it is kept cheap.
fn is_long(theme: Theme) -> bool {
    matches!(theme, Theme::Jail | Theme::Upgrade)
}

pub(super) fn genesis(dice: &mut Dice, theme: Theme, cast: &Cast, users: &[UserPlan]) -> VerifiedGenesis {
    let funded = |address: Address, balance, stake| GenesisAccount { address, balance, stake, name: None };
    let mut accounts: Vec<_> = cast
        .validators
        .iter()
        .map(|(signer, stake)| funded(signer.address(), Coins::from_bcc(100), *stake))
        .chain(cast.joiner.iter().map(|signer| funded(signer.address(), Coins::from_bcc(100), Coins::ZERO)))
        .collect();
    for user in users {
        let balance = if dice.permille(250) { 20 } else { 2_000 };
        accounts.push(funded(user.signer.address(), Coins::from_bcc(balance), Coins::ZERO));
    }
    accounts.sort_by_key(|account| account.address);
    let parameters = Parameters {
        capacity: u32::try_from(dice.range(3..=20)).expect("small"),
        block_interval_ms: if is_long(theme) { 250 } else { dice.pick(&[25, 100, 250]).expect("three") },
        idle_block_interval_ms: dice.pick(&[500, 1_000, 3_000]).expect("three"),
        unbonding_ms: 8_000,
        evidence_window_ms: 7_000,
        churn_ms: 2_000,
        grant: micros(GRANT),
        grant_cap_basis_points: 1,
        ..Parameters::default()
    };
    let genesis = Genesis {
        name: "sim".into(),
        time: BEGIN,
        parameters,
        treasury: micros(TREASURY),
        accounts,
        version: RulesVersion::FIRST,
    };
    genesis.verify().expect("a sound genesis")
}

/// More than a chain has grants for in a day. With dice of their own: a seed keeps its meaning.
pub(super) fn claimants(seed: u64) -> Vec<Signer> {
    let mut dice = Dice::of(seed, "claimants");
    (0..dice.range(3..=8)).map(|_| Signer::from_seed(&dice.bytes())).collect()
}

pub(super) fn nodes(dice: &mut Dice, theme: Theme, cast: &Cast) -> Vec<NodePlan> {
    let apart = matches!(theme, Theme::Change | Theme::Everything);
    let skew_max_ms = if apart { 2_000 } else { 100 };
    let mut plan = |signer: Option<&Signer>, crime, starts| NodePlan {
        signer: signer.cloned(),
        crime,
        skew_ms: skew(dice, skew_max_ms),
        starts,
        knows: RulesVersion::KNOWN,
        copies: None,
    };
    let mut nodes = vec![];
    for (index, (signer, _)) in cast.validators.iter().enumerate() {
        let crime = cast.liars.iter().find(|(liar, _)| *liar == index).map(|(_, crime)| *crime);
        nodes.push(plan(Some(signer), crime, Micros(0)));
    }
    if theme == Theme::Upgrade {
        // All but the one with the least stake.
        nodes.iter_mut().skip(1).for_each(|node| node.knows = RulesVersion::KNOWN.next());
    }
    for (liar, crime) in cast.liars.iter().filter(|(_, crime)| *crime == Crime::Twin) {
        nodes.push(plan(Some(&cast.validators[*liar].0), Some(*crime), Micros(0)));
    }
    let late = Micros::from_ms(4_000);
    nodes.extend(cast.joiner.iter().map(|signer| plan(Some(signer), None, late)));
    if cast.observer {
        let starts = if matches!(theme, Theme::Change | Theme::Liars) { late } else { Micros(0) };
        nodes.push(plan(None, None, starts));
    }
    nodes
}

/// In themes with liars, one more liar has no stake. With dice of its own: a seed keeps its meaning.
pub(super) fn strangers(seed: u64, theme: Theme) -> Option<NodePlan> {
    let lying = matches!(theme, Theme::Liars | Theme::LiarsAndCrashes | Theme::Everything);
    let crime = Crime::UNSTAKED[usize::try_from(seed / 10).expect("a small number") % Crime::UNSTAKED.len()];
    lying.then(|| NodePlan {
        signer: Some(Signer::from_seed(&Dice::of(seed, "strangers").bytes())),
        crime: Some(crime),
        skew_ms: 0,
        starts: Micros(0),
        knows: RulesVersion::KNOWN,
        copies: None,
    })
}

/// So many ms at most, in either direction.
pub fn skew(dice: &mut Dice, max_ms: u64) -> i64 {
    let size = i64::try_from(dice.range(0..=max_ms)).expect("a few seconds");
    if dice.permille(500) { size } else { -size }
}

pub(super) fn weather(dice: &mut Dice, theme: Theme, validators: usize) -> Weather {
    let (delay_min, delay_max) =
        dice.pick(&[(200, 2_000), (2_000, 40_000), (20_000, 120_000), (500, 250_000)]).expect("four");
    let (loss, twice) = match theme {
        Theme::Lossy | Theme::Everything => (200, 100),
        Theme::Jail | Theme::Upgrade | Theme::Calm => (0, 0),
        _ => (dice.pick(&[0, 0, 50]).expect("three"), 20),
    };
    let (delay_min, delay_max) = if is_long(theme) { (500, 5_000) } else { (delay_min, delay_max) };
    let remote = dice.permille(200).then(|| (dice.index(validators), Micros::from_ms(30)));
    Weather {
        delay_min: Micros(delay_min),
        delay_max: Micros(delay_max),
        loss_permille: loss,
        twice_permille: twice,
        ordered: dice.permille(300),
        remote,
    }
}

pub(super) fn faults(dice: &mut Dice, theme: Theme, seed: u64, heights: u64, cast: &Cast) -> FaultPlan {
    let mut plan =
        FaultPlan { down_max: Micros::from_ms(2_500), cut_max: Micros::from_ms(3_000), ..FaultPlan::default() };
    let everything = theme == Theme::Everything;
    let every = |ms: u64| Some(Micros::from_ms(ms));
    if matches!(theme, Theme::Storm | Theme::LiarsAndCrashes) || everything {
        plan.crash_every = every(dice.range(250..=1_500));
    }
    if theme == Theme::Calm {
        plan.crash_every = every(6_000);
    }
    if theme == Theme::Upgrade {
        plan.crash_every = every(2_000);
    }
    if theme == Theme::Cut || everything || (theme == Theme::Liars && dice.permille(400)) {
        plan.cut_every = every(dice.range(1_000..=4_000));
    }
    if theme == Theme::Change || everything {
        plan.clock_step_every = every(1_500);
    }
    if theme == Theme::KillAll || everything {
        plan.kill_alls = kill_alls(dice, seed, heights, cast.validators.len());
    }
    let pair = matches!(theme, Theme::Storm | Theme::KillAll);
    plan.wipes.extend(cast.forgetful.map(|node| Wipe {
        nodes: vec![node],
        at: Micros::from_ms(dice.range(1_000..=6_000)),
        when_kept: pair,
        when_locked: false,
    }));
    if pair {
        plan.wipes.push(two_wiped(seed, cast.validators.len()));
    }
    if theme == Theme::Jail {
        // The one with the least stake: the others are a quorum.
        plan.absent.push((0, Micros::from_ms(1_000)));
    }
    plan
}

/// The two with the most stake, often more than a third. With dice of their own: a seed keeps its meaning.
fn two_wiped(seed: u64, validators: usize) -> Wipe {
    let at = Micros::from_ms(Dice::of(seed, "wipe").range(500..=6_000));
    Wipe { nodes: vec![validators - 2, validators - 1], at, when_kept: true, when_locked: false }
}

/// Three in a run, each in another step; consecutive seeds of the kind go through all steps.
fn kill_alls(dice: &mut Dice, seed: u64, heights: u64, nodes: usize) -> Vec<KillAll> {
    let first = usize::try_from(seed / 10 * 2 + u64::from(seed % 10 == 6)).expect("a small number");
    let nodes = u64::try_from(nodes).expect("few");
    (0..3)
        .map(|turn| KillAll {
            height: Height(1 + turn * heights / 4 + dice.below(3)),
            step: Step::KILLING[(first + usize::try_from(turn).expect("few") * 5) % Step::KILLING.len()],
            nth: dice.range(1..=nodes),
            wiped: &[],
        })
        .collect()
}

pub(super) fn stakes(dice: &mut Dice, theme: Theme, cast: &Cast) -> Vec<StakePlan> {
    let mut plans = vec![];
    let mut plan = |at_ms: u64, signer: &Signer, amount| {
        plans.push(StakePlan { at: Micros::from_ms(at_ms), signer: signer.clone(), amount });
    };
    if let Some(joiner) = &cast.joiner {
        // Never more than the others together: it may be late.
        plan(1_500, joiner, Coins::from_bcc(dice.range(1..=8)));
    }
    if let Some(leaver) = cast.leaver {
        let (signer, stake) = &cast.validators[leaver];
        plan(dice.range(1_000..=3_000), signer, Coins::ZERO);
        plan(dice.range(6_000..=8_000), signer, *stake);
    }
    if matches!(theme, Theme::Change | Theme::Everything)
        && let Some((signer, stake)) = cast.validators.last()
    {
        let more = stake.checked_add(Coins::from_bcc(dice.range(1..=5))).expect("a little more");
        plan(dice.range(500..=2_500), signer, more);
    }
    plans
}
