//! Runs one story: homes, processes, links, load; then its steps in order; then the final checks.
//!
//! Always true: every fault is healed before the final checks, whatever the story says; every process has ended when
//! this returns. Start reading at [`play`].

use super::dashboard::Dashboard;
use super::judge::Outcome;
use super::machine::{self, SmallDisk};
use super::observe::Observer;
use super::record::{Record, SharedRecord};
use super::report::{LoadReport, StepReport, StoryReport};
use super::scenario::{Need, Scenario, Step, Wiring};
use super::slow_disk::SlowDisk;
use super::timeline;
use crate::hosts::Hosts;
use crate::load::board::Board;
use crate::load::follow::Follower;
use crate::load::lane::Lane;
use crate::load::sender::{Drip, Lines, Sender, SharedBoard};
use crate::network::Network;
use crate::processes::homes::{self, Begin};
use crate::processes::launch::Launcher;
use crate::processes::network_file::NetworkFile;
use crate::processes::supervise::{self, NodeHandle, Order};
use crate::screen::Screen;
use crate::witness::SharedWitness;
use anyhow::{Context, Result};
use blockchat_proto::coins::Coins;
use blockchat_proto::genesis::{Parameters, VerifiedGenesis};
use blockchat_proto::units::Height;
use clap::ValueEnum;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};
use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio::time::sleep;

/// Coins and stake of each node: enough that no account runs out of money.
const FUND: Coins = Coins::from_bcc(10_000_000);
const STAKE: Coins = Coins::from_bcc(10);
/// Maximum transactions per block.
const CAPACITY: u32 = 1_000;
/// Time between empty blocks, in ms: without load, a side would otherwise show nothing for ten seconds.
const IDLE_BLOCK_INTERVAL_MS: u64 = 1_000;
/// Number of blocks before a story begins.
const BLOCKS_BEFORE: u64 = 10;
/// Maximum time until then; after it, the story fails.
const MEET_WITHIN: Duration = Duration::from_secs(120);
/// Interval between checks of a condition.
pub(super) const LOOK_EVERY: Duration = Duration::from_millis(10);
/// Interval between drawings of the timeline.
const DRAW_EVERY: Duration = Duration::from_millis(200);

/// A deliberate mistake that must make the verdict fail.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Sabotage {
    /// No fault is ever applied
    NoFault,
    /// Nothing is ever healed
    NoHeal,
    /// What one node reported as final is altered before it is asked again
    AlteredFinals,
}

/// Options for running stories.
#[derive(Clone, Debug)]
pub struct Plan {
    /// Path of the node program.
    pub node_bin: PathBuf,
    /// Timeout of a claim. A claim that becomes true later than predicted is still measured
    /// until then.
    pub patience: Duration,
    /// Factor for predicted times, for machines that are busy with other work.
    pub slack: u32,
    /// The sabotage.
    pub sabotage: Option<Sabotage>,
    /// Does the dashboard use the terminal during a story?
    pub dashboard: bool,
}

/// A running story.
pub(super) struct Stage<'a> {
    pub(super) plan: &'a Plan,
    pub(super) scenario: &'a Scenario,
    pub(super) genesis: VerifiedGenesis,
    pub(super) file: NetworkFile,
    pub(super) launcher: Launcher,
    pub(super) network: Network,
    pub(super) record: SharedRecord,
    pub(super) witness: SharedWitness,
    pub(super) board: SharedBoard,
    pub(super) screen: Screen,
    /// Start of the latest break or heal.
    pub(super) since: Instant,
    /// Nodes struck by the latest fault.
    pub(super) struck: Vec<usize>,
    /// Number of starts of each node before the latest fault.
    pub(super) words_before: Vec<usize>,
    /// Nodes that stay away until the heal.
    pub(super) away: Vec<usize>,
    /// Spares that have not started yet.
    pub(super) idle: Vec<usize>,
    /// The node that runs with the key of another one, during that fault.
    pub(super) twin: Option<usize>,
    /// Stopped (frozen) processes.
    pub(super) frozen: Vec<u32>,
    /// Strangers that flood the nodes.
    pub(super) strangers: JoinSet<()>,
    /// The slow disk, during that fault.
    pub(super) slow_disk: Option<SlowDisk>,
    /// The small disk of one node.
    pub(super) disk: Option<SmallDisk>,
    /// The hosts, if each node has one.
    pub(super) hosts: Option<Hosts>,
    stop_load: watch::Sender<bool>,
}

/// Runs a story in a new folder. Errors: the network did not start.
pub async fn play(plan: &Plan, scenario: &Scenario, dir: &Path, screen: &Screen) -> Result<StoryReport> {
    if let Some(reason) = missing(scenario, dir) {
        let prediction = scenario.prediction(&Parameters::default());
        return Ok(StoryReport::not_run(scenario, prediction, reason));
    }
    let silent = Screen::silent();
    let screen = if plan.dashboard { &silent } else { screen };
    let mut tasks = JoinSet::new();
    let mut stage = Stage::set(plan, scenario, dir, screen).await?;
    let dashboard = plan.dashboard.then(|| Dashboard::open(&plan.node_bin, dir)).transpose()?;
    stage.begin_load(&mut tasks)?;
    stage.observe(&mut tasks);
    let begun = stage.until_ready().await;
    let mut steps = vec![];
    if let Err(reason) = begun {
        steps.push(StepReport::failed("begin   all nodes are connected and make blocks".into(), reason));
    } else {
        for step in &scenario.steps {
            let (report, go_on) = stage.perform(step).await;
            steps.push(report);
            if !go_on {
                screen.note("the rest of the story would prove nothing");
                break;
            }
        }
    }
    let checks = stage.finish().await;
    let now = Instant::now();
    stage.screen.clear();
    drop(dashboard);
    let (record, counts) =
        (stage.record.with(|record| record.clone()), stage.board.with(|board| board.counts().clone()));
    tasks.shutdown().await;
    let names: Vec<_> = stage.all().map(|node| stage.network.name_of(node)).collect();
    let everybody: Vec<_> = stage.all().collect();
    let Stage { network, mut file, genesis, launcher, .. } = stage;
    network.end(Order::End, &mut file).await;
    drop(launcher);
    let all_held = steps.iter().all(|step| step.held != Some(false));
    let whole = steps.len() == scenario.steps.len();
    Ok(StoryReport {
        scenario: scenario.name.into(),
        about: scenario.about.into(),
        nodes: scenario.nodes,
        slack: plan.slack,
        prediction: scenario.prediction(&genesis.genesis().parameters),
        seconds: (now - record.begun).as_secs_f64(),
        blocks: record.height(&everybody),
        load: LoadReport::of(&counts),
        timeline: timeline::lines(&record, &names, now, timeline::WIDTH),
        verdict: Some(all_held && whole && checks.all_hold()),
        steps,
        checks: Some(checks),
        not_run: None,
        dir: None,
    })
}

/// A need of the story that this machine lacks.
fn missing(scenario: &Scenario, dir: &Path) -> Option<String> {
    scenario.needs.iter().find_map(|need| match need {
        Need::Clocks => machine::clock_library().err(),
        // Tried where it matters not, and gone again at once.
        Need::SlowDisk => SlowDisk::make(dir).err().map(|error| format!("{error:#}")),
        Need::LowPriority(_) => machine::try_low_priority().err().map(|error| format!("{error:#}")),
        Need::Hosts => machine::try_hosts().err().map(|error| format!("{error:#}")),
        Need::SmallDisk(_) => SmallDisk::mount(&dir.join("try")).err().map(|error| format!("{error:#}")),
    })
}

impl<'a> Stage<'a> {
    /// Number of nodes, spares included.
    pub(super) fn count(&self) -> usize {
        self.file.nodes.len()
    }

    /// Indexes of all nodes.
    pub(super) fn all(&self) -> std::ops::Range<usize> {
        0..self.count()
    }

    async fn set(plan: &'a Plan, scenario: &'a Scenario, dir: &Path, screen: &Screen) -> Result<Self> {
        let begin = Begin {
            nodes: scenario.nodes,
            capacity: CAPACITY,
            fund: FUND,
            stake: STAKE,
            idle_block_interval_ms: Some(IDLE_BLOCK_INTERVAL_MS),
        };
        let mut homes = homes::create(&plan.node_bin, dir, &begin)?.homes;
        if scenario.spares > 0 {
            homes.extend(homes::spares(&plan.node_bin, &homes, &begin, scenario.spares)?);
        }
        let genesis = homes::genesis(&homes[0].home)?;
        let mut file = NetworkFile::of(plan.node_bin.clone(), homes);
        supervise::choose_ports(&mut file)?;
        let launcher = match scenario.wiring {
            Wiring::Direct | Wiring::Hosts => Launcher::new(plan.node_bin.clone()),
            Wiring::Links => Launcher::new(plan.node_bin.clone()).over_links(&file)?,
        };
        launcher.links.iter().for_each(|links| links.shape_all(|shape| *shape = scenario.wan.shape()));
        let disk = surround(scenario, &file, &launcher)?;
        let hosts = housed(scenario, &file, &launcher)?;
        let spares = file.nodes.split_off(scenario.nodes);
        let mut nodes = supervise::start_all(&mut file, &launcher, screen).await?;
        for spare in spares {
            file.nodes.push(spare.clone());
            let peers = launcher.peers_of(&file, file.nodes.len() - 1);
            nodes.push(NodeHandle::waiting(spare, peers, &launcher, screen));
        }
        file.write(dir)?;
        let count = file.nodes.len();
        let network = Network::new(&file, nodes);
        let now = Instant::now();
        Ok(Self {
            plan,
            scenario,
            genesis,
            file,
            launcher,
            network,
            record: SharedRecord::new(Record::new(count, now)),
            witness: SharedWitness::new(count),
            board: SharedBoard::new(Board::new(0, count, now)),
            screen: screen.with_lanes(),
            since: now,
            struck: vec![],
            words_before: vec![0; count],
            away: vec![],
            idle: (scenario.nodes..count).collect(),
            slow_disk: None,
            twin: None,
            frozen: vec![],
            strangers: JoinSet::new(),
            disk,
            hosts,
            stop_load: watch::Sender::new(false),
        })
    }

    /// The user of each node sends messages to all others in turn.
    fn begin_load(&self, tasks: &mut JoinSet<()>) -> Result<()> {
        let watched = self.network.watched();
        let addresses = self.network.addresses();
        let senders = self.scenario.senders.unwrap_or(self.scenario.nodes);
        for (node, watched) in watched.iter().enumerate().take(senders) {
            let user = homes::validator_key(&self.file.nodes[node].home)?;
            let others = addresses.iter().filter(|address| **address != user.address()).copied().collect();
            let parameters = self.genesis.genesis().parameters.clone();
            let lane = Lane::new(user, self.genesis.hash(), parameters, vec![], 0).kept_open();
            let load = self.scenario.load;
            let lines = Lines::Endless { to: others, characters: load.characters };
            let drip = Drip::new(load.every, lines, self.stop_load.subscribe());
            let turn = load.every.mul_f64(node as f64 / senders as f64);
            let drip = Some(drip.after(turn));
            let (watched, board) = (watched.clone(), self.board.clone());
            tasks.spawn(Sender { node, lane, watched, board, drip }.run());
        }
        let (board, witness) = (self.board.clone(), self.witness.clone());
        tasks.spawn(Follower { nodes: watched, from: Height(1), board, witness }.run());
        Ok(())
    }

    fn observe(&self, tasks: &mut JoinSet<()>) {
        for (node, watched) in self.network.watched().into_iter().enumerate() {
            let observer = Observer::new(node, watched, self.record.clone(), self.witness.clone());
            tasks.spawn(observer.clone().listen());
            tasks.spawn(observer.look());
        }
        if !self.screen.shows_lanes() {
            return;
        }
        let (record, screen) = (self.record.clone(), self.screen.clone());
        let names: Vec<_> = self.all().map(|node| self.network.name_of(node)).collect();
        tasks.spawn(async move {
            loop {
                sleep(DRAW_EVERY).await;
                let lines = record.with(|record| timeline::lines(record, &names, Instant::now(), timeline::WIDTH));
                screen.lanes(&lines);
            }
        });
    }

    /// Waits until all nodes know each other and the chain grows; only then may a fault begin.
    async fn until_ready(&mut self) -> Result<(), String> {
        let all: Vec<_> = (0..self.scenario.nodes).collect();
        let ready = self.until(MEET_WITHIN, |record| {
            let connected = record.tracks[..all.len()]
                .iter()
                .all(|track| usize::try_from(track.peers).unwrap_or(0) + 1 >= all.len());
            (connected && record.height(&all).0 >= BLOCKS_BEFORE).then_some(())
        });
        match ready.await {
            Some(()) => {
                self.screen.note(&format!("{} nodes run, are connected, and make blocks", all.len()));
                self.since = Instant::now();
                Ok(())
            }
            None => {
                let peers: Vec<_> = self.record.with(|record| record.tracks.iter().map(|track| track.peers).collect());
                let height = self.record.with(|record| record.height(&all));
                Err(format!("after {} s the nodes have {peers:?} peers, at height {height}", MEET_WITHIN.as_secs()))
            }
        }
    }

    /// Waits until the record shows it. `None` after the timeout, or if a node cannot run any more.
    pub(super) async fn until<T>(&self, patience: Duration, mut see: impl FnMut(&Record) -> Option<T>) -> Option<T> {
        let begun = Instant::now();
        loop {
            if let Some(seen) = self.record.with(|record| see(record)) {
                return Some(seen);
            }
            if begun.elapsed() > patience || self.network.failure().is_some() {
                return None;
            }
            sleep(LOOK_EVERY).await;
        }
    }

    /// Performs a step. Returns its report, and whether the story continues.
    async fn perform(&mut self, step: &Step) -> (StepReport, bool) {
        let words = step.words(&self.genesis.genesis().parameters);
        let at_ms = self.ms_since_begin(Instant::now());
        let outcome = match step {
            Step::Break(fault) => match self.break_it(fault).await {
                Ok(evidence) => Outcome::of(true, evidence),
                Err(reason) => Outcome { gave_up: true, ..Outcome::of(false, reason) },
            },
            Step::Heal => {
                self.heal(false).await;
                Outcome::of(true, String::new())
            }
            Step::Do(deed) => self.carry_out(*deed).await,
            Step::Expect(claim) => self.judge(claim).await,
        };
        let mark = if outcome.held { "✓" } else { "✗" };
        let said = if outcome.said.is_empty() { String::new() } else { format!(": {}", outcome.said) };
        self.screen.note(&format!("{mark} {words}{said}"));
        let Outcome { held, said, measured, gave_up } = outcome;
        (StepReport { words, at_ms, held: Some(held), said, measured }, !gave_up)
    }

    fn ms_since_begin(&self, at: Instant) -> u64 {
        let begun = self.record.with(|record| record.begun);
        u64::try_from(at.saturating_duration_since(begun).as_millis()).unwrap_or(u64::MAX)
    }

    /// Stops sending; lines on their way still become final.
    pub(super) async fn end_load(&self) -> Result<(), String> {
        self.stop_load.send_replace(true);
        let begun = Instant::now();
        // One turn of each sender, so that no line comes after this.
        sleep(self.scenario.load.every * 2).await;
        while !self.board.with(|board| board.counts().all_settled()) {
            if begun.elapsed() > self.plan.patience {
                return Err(self.board.with(|board| board.waiting()));
            }
            sleep(LOOK_EVERY).await;
        }
        Ok(())
    }
}

/// Gives nodes the clocks and the disk that the story needs, before they start.
fn surround(scenario: &Scenario, file: &NetworkFile, launcher: &Launcher) -> Result<Option<SmallDisk>> {
    let mut disk = None;
    for need in &scenario.needs {
        match need {
            Need::Clocks => {
                let library = machine::clock_library().map_err(anyhow::Error::msg)?;
                for node in &file.nodes {
                    machine::set_clock(&node.home, 0)
                        .with_context(|| format!("cannot set the clock of {}", node.name))?;
                    launcher.surround(&node.name, |all| machine::give_clock(all, &library, &node.home));
                }
            }
            // Made when they are needed.
            Need::SlowDisk | Need::Hosts => {}
            Need::LowPriority(node) => {
                launcher.surround(&file.nodes[*node].name, machine::give_low_priority);
            }
            Need::SmallDisk(node) => {
                let node = &file.nodes[*node];
                let mounted = SmallDisk::mount(&node.home.join("data"))?;
                mounted.give(launcher, &node.name);
                disk = Some(mounted);
            }
        }
    }
    Ok(disk)
}

/// Puts each node on a host of its own, if the story needs that.
fn housed(scenario: &Scenario, file: &NetworkFile, launcher: &Launcher) -> Result<Option<Hosts>> {
    if scenario.wiring != Wiring::Hosts {
        return Ok(None);
    }
    let ports: Vec<_> = file.nodes.iter().map(|node| node.api_port).collect();
    let hosts = Hosts::plug(&ports)?;
    for (host, node) in file.nodes.iter().enumerate() {
        launcher.surround(&node.name, |surroundings| {
            (surroundings.wrapper, surroundings.alone, surroundings.own_host) = (hosts.wrapper(host), true, true);
        });
    }
    Ok(Some(hosts))
}

/// The folder of a story, below the folder of all stories.
pub fn folder(dir: &Path, scenario: &Scenario) -> Result<PathBuf> {
    let own = dir.join(scenario.name);
    std::fs::create_dir(&own).with_context(|| format!("cannot make {}", own.display()))?;
    Ok(own)
}
