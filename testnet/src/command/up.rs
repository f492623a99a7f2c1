//! `up`: a network from nothing to a report.
//!
//! Owns: the order of steps, the folder, and the cleanup of all processes. Does not own: any of the parts.
//! Always true: unless `--keep-running` was given and reached, every node has ended when this returns, also after an
//! error. Start reading at `play`.

use crate::args::{LoadArgs, NamesArgs, Output, UpArgs};
use crate::checks;
use crate::command::{live, load, start, watch};
use crate::faults::{FaultReport, Kill, Scene, Target};
use crate::load::board::{Board, Counts};
use crate::load::follow::Follower;
use crate::load::lane::Lane;
use crate::load::sender::{Drip, Lines, Sender, SharedBoard};
use crate::load::workload::{self, Workload};
use crate::network::Network;
use crate::processes::homes::{self, Begin};
use crate::processes::launch::Launcher;
use crate::processes::network_file::{ALL, NetworkFile};
use crate::processes::supervise::{self, Order};
use crate::processes::{logs, node_bin};
use crate::report::{self, Findings, Report};
use crate::screen::Screen;
use crate::witness::SharedWitness;
use anyhow::{Context, Result, ensure};
use blockchat_host::signals::Signals;
use blockchat_host::stream::{Stream, note, say, say_json};
use blockchat_proto::genesis::VerifiedGenesis;
use blockchat_proto::units::Height;
use std::collections::BTreeMap;
use std::future::Future;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::{Duration, Instant};
use tempfile::TempDir;
use tokio::sync::watch::Sender as Stop;
use tokio::task::JoinSet;
use tokio::time::{sleep, timeout};

/// Maximum time without progress of any line before the run is given up.
const GIVE_UP_AFTER: Duration = Duration::from_secs(120);
/// Maximum time for the nodes to find each other before the load starts.
const MEET_WITHIN: Duration = Duration::from_secs(30);
/// Interval of progress output and of the check for progress.
const TICK: Duration = Duration::from_millis(100);
/// Approximate length of a watched run.
const WATCHED_FOR: Duration = Duration::from_secs(30);
/// Interval of progress lines for `--watch` without a terminal.
const TOLD_EVERY: Duration = Duration::from_secs(2);
/// Exit code that shells report after Ctrl-C.
pub const INTERRUPTED: u8 = 130;

/// All tasks of this program run on the main thread: nodes die with the *thread* that started them (see `exec_node`).
pub fn runtime() -> Result<tokio::runtime::Runtime> {
    tokio::runtime::Builder::new_current_thread().enable_all().build().context("cannot start the async runtime")
}

/// The folder of the network; temporary ones are removed at the end.
enum Folder {
    Named(PathBuf),
    Temporary(TempDir),
}

/// Everything made before the first process starts.
struct Prepared {
    dir: PathBuf,
    genesis: VerifiedGenesis,
    file: NetworkFile,
    lanes: Vec<(Lane, Option<Drip>)>,
    /// Does the run go at a pace that people can follow, with a live table?
    watch: bool,
    /// Stop signal of the drips; kept as long as they run.
    _stop_load: Stop<bool>,
    lines: usize,
    faults: Vec<Kill>,
}

/// Runs this work. `None` if Ctrl-C ended it first: everything that it owns is dropped.
pub async fn unless_told_to_end<T>(work: impl Future<Output = T>) -> Result<Option<T>> {
    let mut signals = Signals::listen()?;
    Ok(tokio::select! {
        done = work => Some(done),
        _ = signals.next() => None,
    })
}

/// Runs the whole command.
pub fn run(args: UpArgs) -> Result<ExitCode> {
    ensure!(
        !args.dashboard || Stream::Output.is_terminal(),
        "--dashboard needs a terminal on standard output: leave it away here, or watch from another terminal with \
         `blockchat-node dashboard --dir DIR`"
    );
    if let Some(dir) = args.dir.as_ref().filter(|dir| NetworkFile::is_in(dir)) {
        let shown = dir.display();
        note(&format!("{shown} holds a network: starting its nodes again; for a new one, name a new folder"));
        return start::run(&NamesArgs { names: vec![ALL.into()], dir: dir.clone() });
    }
    let Some(report) = played(&args, &Screen::new())? else {
        return Ok(ExitCode::from(INTERRUPTED));
    };
    print(&args, &report)?;
    if let Some(dir) = report.dir.clone().filter(|_| args.load && report.ok) {
        return load::run(&LoadArgs::usual(dir));
    }
    Ok(if report.ok { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// Does everything except printing. `None` after Ctrl-C.
pub fn played(args: &UpArgs, screen: &Screen) -> Result<Option<Report>> {
    let workload = read_workload(args)?;
    let node_bin = node_bin::find(args.node_bin.as_deref())?;
    // The time of a build is not that of the network.
    let screen = &screen.from_now();
    let folder = Folder::make(args.dir.as_deref())?;
    let prepared = prepare(args, node_bin, &folder, workload)?;
    let outcome = runtime()?.block_on(up(args, prepared, screen));
    let (report, kept) = match outcome {
        Ok(Some(report)) => (report, args.keep_running),
        Ok(None) => return Ok(None),
        Err(error) => {
            let dir = folder.keep();
            return Err(error.context(format!("the network failed; its homes and logs are in {}", dir.display())));
        }
    };
    let dir = if kept || !report.ok || args.dir.is_some() { Some(folder.keep()) } else { None };
    Ok(Some(Report { dir, ..report }))
}

impl Folder {
    fn make(named: Option<&Path>) -> Result<Self> {
        let Some(dir) = named else {
            let made = tempfile::Builder::new().prefix("blockchat-testnet-").tempdir();
            return Ok(Self::Temporary(made.context("cannot make a temporary folder")?));
        };
        std::fs::create_dir_all(dir).with_context(|| format!("cannot make {}", dir.display()))?;
        let mut entries = std::fs::read_dir(dir).with_context(|| format!("cannot read {}", dir.display()))?;
        ensure!(
            entries.next().is_none(),
            "{} is not empty: name a new folder, or remove this one after `blockchat-testnet down --dir {}`",
            dir.display(),
            dir.display()
        );
        Ok(Self::Named(dir.canonicalize()?))
    }

    fn path(&self) -> &Path {
        match self {
            Self::Named(path) => path,
            Self::Temporary(dir) => dir.path(),
        }
    }

    fn keep(self) -> PathBuf {
        match self {
            Self::Named(path) => path,
            Self::Temporary(dir) => dir.keep(),
        }
    }
}

fn read_workload(args: &UpArgs) -> Result<Workload> {
    ensure!(args.absent < args.nodes, "{} of {} nodes cannot be absent: at least one runs", args.absent, args.nodes);
    let nodes = usize::try_from(args.nodes - args.absent)?;
    match &args.workload {
        Some(dir) => Ok(workload::read(dir, nodes)?),
        None => Ok(workload::own(nodes)),
    }
}

fn prepare(args: &UpArgs, node_bin: PathBuf, folder: &Folder, workload: Workload) -> Result<Prepared> {
    let begin = Begin {
        nodes: usize::try_from(args.nodes)?,
        capacity: args.capacity,
        fund: args.fund,
        stake: args.stake,
        idle_block_interval_ms: None,
    };
    let mut homes = homes::create(&node_bin, folder.path(), &begin)?.homes;
    homes::restake(&homes, &args.stake_of)?;
    homes.truncate(workload.files.len());
    let genesis = homes::genesis(&homes[0].home)?;
    let lines = workload.line_count();
    let addresses: Vec<_> = homes.iter().map(|home| home.address).collect();
    let stop_load = Stop::new(false);
    let lane = |(home, lines): (&homes::Home, Vec<workload::Line>)| -> Result<(Lane, Option<Drip>)> {
        let messages: Vec<_> = lines.into_iter().map(|line| (addresses[line.to], line.text)).collect();
        let user = homes::validator_key(&home.home)?;
        let lane = |messages| Lane::new(user, genesis.hash(), genesis.genesis().parameters.clone(), messages, 0);
        if !args.watch {
            return Ok((lane(messages), None));
        }
        let every = WATCHED_FOR / u32::try_from(messages.len().max(1)).unwrap_or(u32::MAX);
        let drip = Drip::new(every, Lines::These(messages.into()), stop_load.subscribe());
        Ok((lane(vec![]).kept_open(), Some(drip)))
    };
    let lanes = homes.iter().zip(workload.files).map(lane).collect::<Result<_>>()?;
    let mut file = NetworkFile::of(node_bin, homes);
    supervise::choose_ports(&mut file)?;
    let fault = |target, setting: crate::args::Setting| setting.0.map(|at| Kill { target, at });
    let faults = [fault(Target::Leader, args.kill_leader_at), fault(Target::All, args.kill_all_at)];
    let faults = faults.into_iter().flatten().collect();
    Ok(Prepared {
        dir: folder.path().to_owned(),
        genesis,
        file,
        lanes,
        watch: args.watch,
        _stop_load: stop_load,
        lines,
        faults,
    })
}

/// Starts, runs and ends the network. `None` after Ctrl-C.
async fn up(args: &UpArgs, mut prepared: Prepared, screen: &Screen) -> Result<Option<Report>> {
    unless_told_to_end(start_and_play(args, &mut prepared, screen)).await?.transpose()
    // Interrupted: the nodes are killed as their handles are dropped.
}

/// Uses our own links, if links with a delay or a bandwidth are wanted.
fn launcher(args: &UpArgs, node_bin: PathBuf, file: &NetworkFile) -> Result<Launcher> {
    let launcher = Launcher { detached: args.keep_running, ..Launcher::new(node_bin) };
    if !args.wan.is_some() {
        return Ok(launcher);
    }
    ensure!(
        !args.keep_running,
        "links with a delay or a bandwidth end with this program, so nodes cannot be kept running over them"
    );
    let launcher = launcher.over_links(file)?;
    launcher.links.iter().for_each(|links| links.shape_all(|shape| *shape = args.wan.shape()));
    Ok(launcher)
}

async fn start_and_play(args: &UpArgs, prepared: &mut Prepared, screen: &Screen) -> Result<Report> {
    let node_bin = prepared.file.node_bin.clone();
    let launcher = launcher(args, node_bin, &prepared.file)?;
    let nodes = supervise::start_all(&mut prepared.file, &launcher, screen).await?;
    let network = Network::new(&prepared.file, nodes);
    prepared.file.write(&prepared.dir)?;
    let work = async {
        meet(&network).await;
        screen.note(&format!("{} nodes run and know each other", network.nodes.len()));
        play(&network, prepared, screen).await
    };
    let (board, findings) = if args.dashboard {
        let (done, shown) = tokio::join!(work, live::show(&network, screen));
        shown?;
        done
    } else {
        work.await
    };
    let report = board.with(|board| Report::new(&network, board, findings));
    let order = if args.keep_running { Order::LetGo } else { Order::End };
    network.end(order, &mut prepared.file).await;
    prepared.file.write(&prepared.dir)?;
    Ok(report)
}

/// Waits until every node takes part. If that fails, the run itself reports it.
async fn meet(network: &Network) {
    let all_ready = async {
        for node in 0..network.nodes.len() {
            while let Some(client) = network.client(node)
                && client.ready().await.is_err()
            {
                sleep(TICK / 2).await;
            }
        }
    };
    let _ = timeout(MEET_WITHIN, all_ready).await;
}

/// The load, the faults and the checks.
async fn play(network: &Network, prepared: &mut Prepared, screen: &Screen) -> (SharedBoard, Findings) {
    let count = network.nodes.len();
    let board = SharedBoard::new(Board::new(prepared.lines, count, Instant::now()));
    let witness = SharedWitness::new(count);
    let screen = match prepared.watch {
        true => screen.with_lanes(),
        false => screen.with_bar(u64::try_from(prepared.lines).unwrap_or(u64::MAX)),
    };
    let mut tasks = JoinSet::new();
    spawn_load(&mut tasks, network, std::mem::take(&mut prepared.lanes), &board, &witness);
    let scene = Scene { network, board: board.clone(), witness: witness.clone(), screen: screen.clone() };
    let asked = prepared.faults.len();
    let (faults, gave_up) = until_settled(&scene, std::mem::take(&mut prepared.faults), prepared.watch).await;
    screen.clear();
    tasks.shutdown().await;
    let mut problems: Vec<_> = gave_up.into_iter().collect();
    let tips = checks::one_tip(network).await;
    let supply = match network.any_client() {
        Some((_, client)) => checks::coins_conserved(&client, prepared.genesis.genesis()).await,
        None => Err("no node answers".into()),
    };
    let taken_back = checks::finals_kept(network, &witness).await;
    problems.extend(board.with(|board| board.contradictions().to_vec()));
    problems.extend(witness.with(|witness| witness.contradictions().to_vec()));
    let faults_missing = asked - faults.len();
    (board, Findings { tips, supply, faults, faults_missing, taken_back, problems })
}

fn spawn_load(
    tasks: &mut JoinSet<()>,
    network: &Network,
    lanes: Vec<(Lane, Option<Drip>)>,
    board: &SharedBoard,
    witness: &SharedWitness,
) {
    let nodes = network.watched();
    for (node, ((lane, drip), watched)) in lanes.into_iter().zip(&nodes).enumerate() {
        tasks.spawn(Sender { node, lane, watched: watched.clone(), board: board.clone(), drip }.run());
        tasks.spawn(witness.clone().listen(node, watched.clone()));
    }
    let from = Height(1);
    tasks.spawn(Follower { nodes, from, board: board.clone(), witness: witness.clone() }.run());
}

/// Waits until every line is settled and every fault has healed. Returns the reason if it gives up.
async fn until_settled(scene: &Scene<'_>, faults: Vec<Kill>, watch: bool) -> (Vec<FaultReport>, Option<String>) {
    let mut healed = None;
    let done = async {
        healed = Some(scene.perform(faults).await);
        while !scene.board.with(|board| board.counts().all_settled()) {
            sleep(TICK / 10).await;
        }
    };
    let gave_up = tokio::select! {
        () = done => None,
        reason = lose_patience(scene, watch) => Some(reason),
    };
    (healed.unwrap_or_default(), gave_up)
}

/// Shows progress; returns when further waiting cannot help.
async fn lose_patience(scene: &Scene<'_>, watch: bool) -> String {
    let mut told = Instant::now();
    loop {
        let (counts, height, quiet_for) = scene.board.with(|board| {
            let height = board.blocks().last().map_or(0, |block| block.height.0);
            (board.counts().clone(), height, board.last_progress().elapsed())
        });
        let words = format!("final {}  refused {}  height {height}", counts.finalised, counts.refused_total());
        match watch {
            true => show_table(scene, &counts, &words, &mut told).await,
            false => scene.screen.progress(counts.settled(), &words),
        }
        if let Some(failure) = scene.network.failure() {
            return failure;
        }
        if quiet_for > GIVE_UP_AFTER {
            let waiting = scene.board.with(|board| board.waiting());
            let seconds = GIVE_UP_AFTER.as_secs();
            return format!("nothing happened for {seconds} s: {waiting}; {}", what_nodes_do(scene).await);
        }
        sleep(TICK).await;
    }
}

/// The live table; without a terminal, a line from time to time.
async fn show_table(scene: &Scene<'_>, counts: &Counts, words: &str, told: &mut Instant) {
    if scene.screen.shows_lanes() {
        let mut led: BTreeMap<String, u64> = BTreeMap::new();
        let leaders = scene.board.with(|board| board.blocks().iter().map(|block| block.leader).collect::<Vec<_>>());
        leaders.iter().for_each(|leader| *led.entry(scene.network.name(leader)).or_default() += 1);
        let rows = watch::look(scene.network, &led).await;
        scene.screen.lanes(&watch::lines(&rows, counts));
    } else if told.elapsed() >= TOLD_EVERY {
        *told = Instant::now();
        let rows = watch::look(scene.network, &BTreeMap::new()).await;
        let rows = rows.iter().map(|row| format!("{} {}", row.name, row.doing)).collect::<Vec<_>>();
        scene.screen.note(&format!("{words}  {}", rows.join(", ")));
    }
}

async fn what_nodes_do(scene: &Scene<'_>) -> String {
    let statuses = scene.network.statuses().await;
    let words = statuses.iter().enumerate().map(|(node, status)| {
        let phase =
            status.as_ref().map_or("no answer".into(), |status| format!("{} {:?}", status.height, status.phase));
        format!("{}: {phase}", scene.network.name_of(node))
    });
    words.collect::<Vec<_>>().join("; ")
}

fn print(args: &UpArgs, report: &Report) -> Result<()> {
    match args.output {
        Output::Json => say_json(&serde_json::to_string_pretty(report)?),
        Output::Table => say(&report::render(report)),
    }
    if let Some(dir) = report.dir.as_ref().filter(|_| !report.ok) {
        note(&format!("each node's log is in its home: {}", logs::path(&dir.join("idN")).display()));
    }
    Ok(())
}
