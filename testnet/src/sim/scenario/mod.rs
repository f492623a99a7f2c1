//! The meaning of a seed: participants, network, faults.
//!
//! Owns: every choice that is made before a run begins. Does not own: the run (`world`). Always true: liars, the node
//! that loses its data at any moment, and members that may leave hold less than a third of the stake together, whatever
//! stakes change; more of it is wiped only where others keep what it was locked on; the last digit of a seed decides
//! its theme, so that every kind of trouble has its share. Start reading at [`Scenario::of`].

mod cast;
mod draws;

pub use draws::skew;

use super::byzantine::Crime;
use super::dice::Dice;
use super::network::Weather;
use super::sabotage::Sabotage;
use super::step::Step;
use super::time::Micros;
use blockchat_proto::coins::Coins;
use blockchat_proto::genesis::{Genesis, Parameters, VerifiedGenesis};
use blockchat_proto::keys::{Address, Signer};
use blockchat_proto::units::{Height, RulesVersion, UnixMillis};
use cast::Cast;
use draws::{claimants, faults, genesis, nodes, stakes, strangers, users, weather};
use std::collections::BTreeSet;

/// The right time when a world begins.
pub const BEGIN: UnixMillis = UnixMillis(1_800_000_000_000);
/// See [`Scenario::heights_after`].
const HEIGHTS_AFTER: u64 = 5;
/// The same if a member comes back from jail: it has to wait for 30 s.
const HEIGHTS_AFTER_JAIL: u64 = 160;
/// See [`Scenario::faults_max`].
const FAULTS_MAX: Micros = Micros::from_ms(150_000);
/// See [`Scenario::patience`].
const PATIENCE: Micros = Micros::from_ms(120_000);
/// The length that a chain must have before a member is jailed.
const HEIGHTS_TO_JAIL: u64 = 125;
/// It must be so long before a version of the rules begins, and some blocks more.
const HEIGHTS_TO_UPGRADE: u64 = 135;

/// The theme of a seed.
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
    /// A version of the rules begins that one validator does not know, while nodes crash.
    Upgrade,
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
    /// Users that pay and chat.
    pub users: Vec<UserPlan>,
    /// Accounts that change their stake.
    pub stakes: Vec<StakePlan>,
    /// Accounts without coins that claim a welcome grant.
    pub claimants: Vec<Signer>,
    /// So many transactions are handed in at once, and again with every new block.
    pub feed: u64,
    /// The network.
    pub weather: Weather,
    /// The faults.
    pub faults: FaultPlan,
    /// The sabotage.
    pub sabotage: Sabotage,
    /// The faults stop after this much virtual time, however far the chain has come.
    pub faults_max: Micros,
    /// Number of heights that all nodes must decide after the faults have stopped.
    pub heights_after: u64,
    /// Within this.
    pub patience: Micros,
    /// Without any load, so no height may begin before its time.
    pub idle: bool,
}

/// One node.
#[derive(Clone, Debug)]
pub struct NodePlan {
    /// Its voting key; an observer has none.
    pub signer: Option<Signer>,
    /// How it lies, if it does.
    pub crime: Option<Crime>,
    /// The error of its clock, in ms.
    pub skew_ms: i64,
    /// When it starts.
    pub starts: Micros,
    /// How far its program knows the rules. When the faults stop, every node gets the newest program of all.
    pub knows: RulesVersion,
    /// Its home is copied from another node when it first starts.
    pub copies: Option<Copied>,
}

/// A copy of what belongs to another node, the key included, while that node runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Copied {
    /// The guard alone.
    Guard(usize),
    /// All of its disk.
    Home(usize),
}

/// A user that sends transactions.
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
    /// The account.
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
    /// These lose their data folders with it, if what they are locked on is kept by another one.
    pub wiped: &'static [usize],
}

/// Nodes lose their data folders, and keep key and guard.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Wipe {
    /// All of these at once.
    pub nodes: Vec<usize>,
    /// At this time, or later:
    pub at: Micros,
    /// as soon as what any of them is locked on, and every final block, is kept by another one. Otherwise a third of the
    /// stake that is wiped may be the end of a chain.
    pub when_kept: bool,
    /// And not before one of them is locked.
    pub when_locked: bool,
}

/// The faults until they stop.
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
    /// Data folders that are lost.
    pub wipes: Vec<Wipe>,
    /// These nodes are down from that time until the faults stop.
    pub absent: Vec<(usize, Micros)>,
    /// These nodes are away from the first time to the second.
    pub away: Vec<(usize, Micros, Micros)>,
    /// The links of the last so many nodes break, and come back, in turn after this time.
    pub flaps: Option<(usize, Micros)>,
    /// These nodes crash after so many steps from that time on.
    pub traps: Vec<(usize, Micros, u64)>,
}

impl Scenario {
    /// The scenario of this seed, for a chain of this many heights before the faults stop.
    pub fn of(seed: u64, heights: u64, sabotage: Sabotage) -> Self {
        let mut dice = Dice::of(seed, "scenario");
        let theme = theme_of(seed);
        let cast = Cast::of(theme, seed, &mut dice);
        let users = users(&mut dice, theme);
        let genesis = genesis(&mut dice, theme, &cast, &users);
        let mut nodes = nodes(&mut dice, theme, &cast);
        nodes.extend(strangers(seed, theme));
        let heights = match theme {
            Theme::Jail => heights.max(HEIGHTS_TO_JAIL),
            Theme::Upgrade => heights.max(HEIGHTS_TO_UPGRADE),
            _ => heights,
        };
        let faults = faults(&mut dice, theme, seed, heights, &cast);
        let weather = weather(&mut dice, theme, cast.validators.len());
        let stakes = stakes(&mut dice, theme, &cast);
        let heights_after = if theme == Theme::Jail { HEIGHTS_AFTER_JAIL } else { HEIGHTS_AFTER };
        // Many heights, and soon no load.
        let idle_ms = genesis.genesis().parameters.idle_block_interval_ms * (heights_after - HEIGHTS_AFTER);
        let (faults_max, patience) = (FAULTS_MAX, PATIENCE.plus(Micros::from_ms(idle_ms)));
        Self {
            seed,
            theme,
            heights,
            genesis,
            nodes,
            users,
            stakes,
            claimants: claimants(seed),
            feed: 0,
            weather,
            faults,
            sabotage,
            faults_max,
            heights_after,
            patience,
            idle: false,
        }
    }

    /// Honest validators of equal stake on a calm network, and no faults: to be changed by tests that need one
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
            claimants: vec![],
            feed: 0,
            weather: Weather::calm(),
            faults: FaultPlan { down_max: Micros::from_ms(1_000), ..FaultPlan::default() },
            sabotage: Sabotage::None,
            faults_max: FAULTS_MAX,
            heights_after: HEIGHTS_AFTER,
            patience: PATIENCE,
            idle: false,
        }
    }

    /// All accounts with a stake at some time.
    pub fn stakers(&self) -> BTreeSet<Address> {
        let genesis = self.genesis.genesis().accounts.iter().filter(|account| !account.stake.is_zero());
        let later = self.stakes.iter().map(|plan| plan.signer.address());
        genesis.map(|account| account.address).chain(later).collect()
    }

    /// Sabotage: a span of a millisecond delays no candidate.
    pub fn free_power(&mut self) {
        let plain = self.genesis.genesis().clone();
        let parameters = Parameters { churn_ms: 1, ..plain.parameters };
        self.genesis = Genesis { parameters, ..plain }.verify().expect("it was sound before");
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
    if seed % 25 == 19 {
        return Theme::Upgrade;
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
