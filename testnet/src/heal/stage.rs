//! Plays one story: homes, processes, links, load; then its steps, one after the other; then what must hold in the end.
//!
//! Always true: whatever was broken is healed before the last checks, whatever the story says; every process is gone when
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

/// Coins of each node, and its stake: no account runs out of money.
const FUND: Coins = Coins::from_bcc(10_000_000);
const STAKE: Coins = Coins::from_bcc(10);
/// Transactions a block.
const CAPACITY: u32 = 1_000;
/// An empty block comes after this long, in ms: a side without load would otherwise show nothing for ten seconds.
const IDLE_BLOCK_INTERVAL_MS: u64 = 1_000;
/// A story begins once so many blocks were made.
const BLOCKS_BEFORE: u64 = 10;
/// And ends at once if that takes longer.
const MEET_WITHIN: Duration = Duration::from_secs(120);
/// How often conditions are looked at.
pub(super) const LOOK_EVERY: Duration = Duration::from_millis(10);
/// The timeline is drawn so often.
const DRAW_EVERY: Duration = Duration::from_millis(200);

/// Something done wrong on purpose, to see the verdict fail.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Sabotage {
    /// No fault is ever applied
    NoFault,
    /// Nothing is ever healed
    NoHeal,
    /// What one node reported as final is altered before it is asked again
    AlteredFinals,
}

/// How stories are played.
#[derive(Clone, Debug)]
pub struct Plan {
    /// The node program.
    pub node_bin: PathBuf,
    /// A claim that is not true within this time counts as failed; one that becomes true later than predicted is
    /// measured until then.
    pub patience: Duration,
    /// Predicted times may be so many times longer: for machines that are busy with other things.
    pub slack: u32,
    /// The sabotage.
    pub sabotage: Option<Sabotage>,
    /// The node's dashboard has the terminal while a story is played.
    pub dashboard: bool,
}

/// A story under way.
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
    /// When the latest break or heal began.
    pub(super) since: Instant,
    /// The nodes that the latest fault struck.
    pub(super) struck: Vec<usize>,
    /// How many first words each node had said before the latest fault.
    pub(super) words_before: Vec<usize>,
    /// Nodes that are away until they are healed.
    pub(super) away: Vec<usize>,
    /// Spares that are not started yet.
    pub(super) idle: Vec<usize>,
    /// The node that has the key of another one, while it has.
    pub(super) twin: Option<usize>,
    /// Processes that are stopped.
    pub(super) frozen: Vec<u32>,
    /// Flooding strangers.
    pub(super) strangers: JoinSet<()>,
    /// While a disk is slow.
    pub(super) slow_disk: Option<SlowDisk>,
    /// Of the node that has one of its own.
    pub(super) disk: Option<SmallDisk>,
    /// If each node has one of its own.
    pub(super) hosts: Option<Hosts>,
    stop_load: watch::Sender<bool>,
}

/// Plays a story in a new folder. An error means that the network did not even start.
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

/// A need of the story that this machine does not meet.
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
    /// How many nodes, spares included.
    pub(super) fn count(&self) -> usize {
        self.file.nodes.len()
    }

    /// Their numbers.
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

    /// Each node's user sends a message now and then, to all others in turn.
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

    /// No fault begins before all know each other and the chain goes on.
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

    /// Waits until the record shows it; `None` if it does not in time, or a node cannot run any more.
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

    /// Performs a step; its report, and whether to go on.
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

    /// No more lines; those on their way become final.
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

/// Each node on a host of its own, if the story is about hosts.
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

/// The folder of a story, below that of all stories.
pub fn folder(dir: &Path, scenario: &Scenario) -> Result<PathBuf> {
    let own = dir.join(scenario.name);
    std::fs::create_dir(&own).with_context(|| format!("cannot make {}", own.display()))?;
    Ok(own)
}
