//! What a seed means: who takes part, how the network is, what goes wrong.
//!
//! Owns: every choice that is made before a run begins. Does not own: the run (`world`).
//! Always true: liars, the node that loses its data, and whoever may leave hold less than a third of the stake together,
//! whatever stakes change; the last digit of a seed decides what it is about, so that every kind of trouble has its share.
//! Start reading at [`Scenario::of`].

use super::byzantine::Crime;
use super::dice::Dice;
use super::network::Weather;
use super::sabotage::Sabotage;
use super::step::Step;
use super::time::Micros;
use blockchat_proto::coins::Coins;
use blockchat_proto::genesis::{Genesis, GenesisAccount, Parameters, VerifiedGenesis};
use blockchat_proto::keys::{Address, Signer};
use blockchat_proto::units::{Height, UnixMillis};

/// The right time when a world begins.
pub const BEGIN: UnixMillis = UnixMillis(1_800_000_000_000);
/// Heights that everybody must decide after the faults have stopped.
pub const HEIGHTS_AFTER: u64 = 5;
/// See [`Scenario::faults_max`].
const FAULTS_MAX: Micros = Micros::from_ms(150_000);
/// See [`Scenario::patience`].
const PATIENCE: Micros = Micros::from_ms(120_000);
/// A chain must be so long before somebody is jailed.
const HEIGHTS_TO_JAIL: u64 = 125;

/// What a seed is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Theme {
    /// Nearly nothing goes wrong.
    Calm,
    /// Nodes crash all the time.
    Storm,
    /// All nodes are killed at once, in every step of a height.
    KillAll,
    /// A fifth of the messages is lost.
    Lossy,
    /// The network is cut in two, again and again.
    Cut,
    /// Some lie.
    Liars,
    /// Some lie, and the honest crash.
    LiarsAndCrashes,
    /// Clocks differ and step, stakes change, nodes join late.
    Change,
    /// All of it.
    Everything,
    /// One validator is away for so long that it is jailed.
    Jail,
}

/// See the module.
#[derive(Clone, Debug)]
pub struct Scenario {
    /// It came from this seed.
    pub seed: u64,
    /// About this.
    pub theme: Theme,
    /// Faults stop when this height is decided.
    pub heights: u64,
    /// The chain.
    pub genesis: VerifiedGenesis,
    /// The nodes.
    pub nodes: Vec<NodePlan>,
    /// Who pays and chats.
    pub users: Vec<UserPlan>,
    /// Who changes its stake.
    pub stakes: Vec<StakePlan>,
    /// So many transactions are handed in at once, and again with every new block.
    pub feed: u64,
    /// The network.
    pub weather: Weather,
    /// What goes wrong.
    pub faults: FaultPlan,
    /// What is broken on purpose.
    pub sabotage: Sabotage,
    /// The faults stop after this much virtual time, however far the chain has come.
    pub faults_max: Micros,
    /// After the faults have stopped, everybody must have decided the heights that are demanded within this.
    pub patience: Micros,
}

/// One node.
#[derive(Clone, Debug)]
pub struct NodePlan {
    /// Its voting key; an observer has none.
    pub signer: Option<Signer>,
    /// How it lies, if it does.
    pub crime: Option<Crime>,
    /// What its clock shows beyond the right time, in ms.
    pub skew_ms: i64,
    /// When it starts.
    pub starts: Micros,
}

/// Somebody who sends transactions.
#[derive(Clone, Debug)]
pub struct UserPlan {
    /// Its key.
    pub signer: Signer,
    /// A transaction so often, on average.
    pub every: Micros,
    /// Of a thousand turns so many are bursts.
    pub burst_permille: u64,
    /// Of a thousand turns so many try to spend twice.
    pub double_permille: u64,
}

/// One change of a stake.
#[derive(Clone, Debug)]
pub struct StakePlan {
    /// From then on, until it is final.
    pub at: Micros,
    /// Whose.
    pub signer: Signer,
    /// To this.
    pub amount: Coins,
}

/// All nodes are killed when this step happens for the `nth` time at this height.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct KillAll {
    /// At this height.
    pub height: Height,
    /// In this step.
    pub step: Step,
    /// When it happens so often.
    pub nth: u64,
}

/// What goes wrong until the faults stop.
#[derive(Clone, Debug, Default)]
pub struct FaultPlan {
    /// A node crashes so often, on average.
    pub crash_every: Option<Micros>,
    /// It stays down at most so long.
    pub down_max: Micros,
    /// See [`KillAll`].
    pub kill_alls: Vec<KillAll>,
    /// The network is cut in two so often, on average.
    pub cut_every: Option<Micros>,
    /// For at most so long.
    pub cut_max: Micros,
    /// A clock steps so often, on average.
    pub clock_step_every: Option<Micros>,
    /// The data folder of this node is lost at this time.
    pub wipe: Option<(usize, Micros)>,
    /// These nodes are down from that time until the faults stop.
    pub absent: Vec<(usize, Micros)>,
    /// These nodes crash after so many steps from that time on.
    pub traps: Vec<(usize, Micros, u64)>,
}

impl Scenario {
    /// What this seed means, for a chain of this many heights before the faults stop.
    pub fn of(seed: u64, heights: u64, sabotage: Sabotage) -> Self {
        let mut dice = Dice::of(seed, "scenario");
        let theme = theme_of(seed);
        let cast = Cast::of(theme, seed, &mut dice);
        let users = users(&mut dice, theme);
        let genesis = genesis(&mut dice, theme, &cast, &users);
        let nodes = nodes(&mut dice, theme, &cast);
        let heights = if theme == Theme::Jail { heights.max(HEIGHTS_TO_JAIL) } else { heights };
        let faults = faults(&mut dice, theme, seed, heights, &cast);
        let weather = weather(&mut dice, theme, cast.validators.len());
        let stakes = stakes(&mut dice, theme, &cast);
        let (faults_max, patience) = (FAULTS_MAX, PATIENCE);
        Self {
            seed,
            theme,
            heights,
            genesis,
            nodes,
            users,
            stakes,
            feed: 0,
            weather,
            faults,
            sabotage,
            faults_max,
            patience,
        }
    }

    /// Honest validators of equal stake on a calm network, and nothing goes wrong: to be changed by whoever needs one
    /// particular trouble.
    pub fn plain(seed: u64, validators: usize, heights: u64) -> Self {
        let mut dice = Dice::of(seed, "scenario");
        let stake = Coins::from_bcc(10);
        let validators = (0..validators).map(|_| (Signer::from_seed(&dice.bytes()), stake)).collect();
        let cast = Cast { validators, liars: vec![], forgetful: None, leaver: None, joiner: None, observer: false };
        let users = users(&mut dice, Theme::Calm);
        Self {
            seed,
            theme: Theme::Calm,
            heights,
            genesis: genesis(&mut dice, Theme::Jail, &cast, &users),
            nodes: nodes(&mut dice, Theme::Calm, &cast),
            users,
            stakes: vec![],
            feed: 0,
            weather: Weather::calm(),
            faults: FaultPlan { down_max: Micros::from_ms(1_000), ..FaultPlan::default() },
            sabotage: Sabotage::None,
            faults_max: FAULTS_MAX,
            patience: PATIENCE,
        }
    }

    /// In one line, for the report of a failure.
    pub fn describe(&self) -> String {
        let parameters = &self.genesis.genesis().parameters;
        let crimes: Vec<_> = self.nodes.iter().filter_map(|node| node.crime).map(|crime| crime.to_string()).collect();
        let observers = self.nodes.iter().filter(|node| node.signer.is_none()).count();
        let lies = if crimes.is_empty() { String::new() } else { format!(", liars: {}", crimes.join(", ")) };
        format!(
            "{:?}: {} nodes ({observers} observers{lies}), {} heights, blocks of {} every {} ms, {} to {} ms away, {} % lost",
            self.theme,
            self.nodes.len(),
            self.heights,
            parameters.capacity,
            parameters.block_interval_ms,
            self.weather.delay_min.as_ms(),
            self.weather.delay_max.as_ms(),
            self.weather.loss_permille / 10
        )
    }
}

fn theme_of(seed: u64) -> Theme {
    if seed % 25 == 12 {
        return Theme::Jail;
    }
    match seed % 10 {
        0 => Theme::Calm,
        1 => Theme::Storm,
        2 | 6 => Theme::KillAll,
        3 => Theme::Lossy,
        4 => Theme::Cut,
        5 => Theme::Liars,
        7 => Theme::LiarsAndCrashes,
        8 => Theme::Change,
        _ => Theme::Everything,
    }
}

/// Who takes part, before anything else is chosen.
struct Cast {
    validators: Vec<(Signer, Coins)>,
    /// Index of each liar, with its crime.
    liars: Vec<(usize, Crime)>,
    /// May lose its data.
    forgetful: Option<usize>,
    /// May leave the set.
    leaver: Option<usize>,
    /// Stakes later.
    joiner: Option<Signer>,
    observer: bool,
}

impl Cast {
    fn of(theme: Theme, seed: u64, dice: &mut Dice) -> Self {
        let least = if theme == Theme::Jail { 6 } else { 4 };
        let count = dice.range(least..=7);
        let mut validators: Vec<_> =
            (0..count).map(|_| (Signer::from_seed(&dice.bytes()), Coins::from_bcc(dice.range(10..=30)))).collect();
        // The first is the one with the least, so that there is always room for a liar.
        validators.sort_by_key(|(signer, stake)| (*stake, signer.address()));
        let mut room = Room::of(&validators);
        let lying = matches!(theme, Theme::Liars | Theme::LiarsAndCrashes | Theme::Everything);
        let first = usize::try_from(seed / 10).expect("a seed divided by ten") + usize::from(seed % 10 == 7) * 3;
        let crimes = [Crime::ALL[first % Crime::ALL.len()], Crime::ALL[dice.index(Crime::ALL.len())]];
        let liars = if lying { room.take(2).into_iter().zip(crimes).collect() } else { vec![] };
        let wipes = matches!(theme, Theme::Storm | Theme::KillAll | Theme::Everything);
        let forgetful = if wipes { room.take(1).pop() } else { None };
        let leaves = theme == Theme::Change && validators.len() > 5;
        let leaver = if leaves { room.take(1).pop() } else { None };
        let changes = matches!(theme, Theme::Change | Theme::Everything);
        let joiner = changes.then(|| Signer::from_seed(&dice.bytes()));
        // Somebody must ask liars about old blocks.
        let observer = theme == Theme::Liars || dice.permille(300);
        Self { validators, liars, forgetful, leaver, joiner, observer }
    }
}

/// Who may still be given a part that takes its stake out of the quorum: less than a third together.
struct Room<'a> {
    validators: &'a [(Signer, Coins)],
    next: usize,
    given: u64,
}

impl<'a> Room<'a> {
    fn of(validators: &'a [(Signer, Coins)]) -> Self {
        Self { validators, next: 0, given: 0 }
    }

    /// At most so many of the next validators, in the order of their stakes.
    fn take(&mut self, most: usize) -> Vec<usize> {
        let total: u64 = self.validators.iter().map(|(_, stake)| stake.micros()).sum();
        let mut taken = vec![];
        while taken.len() < most {
            let Some((_, stake)) = self.validators.get(self.next) else { break };
            if 3 * (self.given + stake.micros()) >= total {
                break;
            }
            self.given += stake.micros();
            taken.push(self.next);
            self.next += 1;
        }
        taken
    }
}

fn users(dice: &mut Dice, theme: Theme) -> Vec<UserPlan> {
    let count = dice.range(3..=6);
    let busy = if theme == Theme::Jail { 400 } else { dice.range(150..=1_500) };
    (0..count)
        .map(|_| UserPlan {
            signer: Signer::from_seed(&dice.bytes()),
            every: Micros::from_ms(busy),
            burst_permille: 60,
            double_permille: 60,
        })
        .collect()
}

fn genesis(dice: &mut Dice, theme: Theme, cast: &Cast, users: &[UserPlan]) -> VerifiedGenesis {
    let funded = |address: Address, balance, stake| GenesisAccount { address, balance, stake };
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
        block_interval_ms: if theme == Theme::Jail { 250 } else { dice.pick(&[25, 100, 250]).expect("three") },
        idle_block_interval_ms: dice.pick(&[500, 1_000, 3_000]).expect("three"),
        unbonding_ms: 8_000,
        evidence_window_ms: 4_000,
        ..Parameters::default()
    };
    let genesis = Genesis { name: "sim".into(), time: BEGIN, parameters, treasury: Coins::from_bcc(1_000), accounts };
    genesis.verify().expect("a sound genesis")
}

fn nodes(dice: &mut Dice, theme: Theme, cast: &Cast) -> Vec<NodePlan> {
    let apart = matches!(theme, Theme::Change | Theme::Everything);
    let skew_max_ms = if apart { 2_000 } else { 100 };
    let mut plan = |signer: Option<&Signer>, crime, starts| NodePlan {
        signer: signer.cloned(),
        crime,
        skew_ms: skew(dice, skew_max_ms),
        starts,
    };
    let mut nodes = vec![];
    for (index, (signer, _)) in cast.validators.iter().enumerate() {
        let crime = cast.liars.iter().find(|(liar, _)| *liar == index).map(|(_, crime)| *crime);
        nodes.push(plan(Some(signer), crime, Micros(0)));
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

/// So many ms at most, in either direction.
pub fn skew(dice: &mut Dice, max_ms: u64) -> i64 {
    let size = i64::try_from(dice.range(0..=max_ms)).expect("a few seconds");
    if dice.permille(500) { size } else { -size }
}

fn weather(dice: &mut Dice, theme: Theme, validators: usize) -> Weather {
    let (delay_min, delay_max) =
        dice.pick(&[(200, 2_000), (2_000, 40_000), (20_000, 120_000), (500, 250_000)]).expect("four");
    let (loss, twice) = match theme {
        Theme::Lossy | Theme::Everything => (200, 100),
        Theme::Jail | Theme::Calm => (0, 0),
        _ => (dice.pick(&[0, 0, 50]).expect("three"), 20),
    };
    let (delay_min, delay_max) = if theme == Theme::Jail { (500, 5_000) } else { (delay_min, delay_max) };
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

fn faults(dice: &mut Dice, theme: Theme, seed: u64, heights: u64, cast: &Cast) -> FaultPlan {
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
    if theme == Theme::Cut || everything || (theme == Theme::Liars && dice.permille(400)) {
        plan.cut_every = every(dice.range(1_000..=4_000));
    }
    if theme == Theme::Change || everything {
        plan.clock_step_every = every(1_500);
    }
    if theme == Theme::KillAll || everything {
        plan.kill_alls = kill_alls(dice, seed, heights, cast.validators.len());
    }
    plan.wipe = cast.forgetful.map(|node| (node, Micros::from_ms(dice.range(1_000..=6_000))));
    if theme == Theme::Jail {
        // The one with the least stake: the others are a quorum.
        plan.absent.push((0, Micros::from_ms(1_000)));
    }
    plan
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
        })
        .collect()
}

fn stakes(dice: &mut Dice, theme: Theme, cast: &Cast) -> Vec<StakePlan> {
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
