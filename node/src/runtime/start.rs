//! The composition root: opens a home, replays what it holds, spawns the parts and wires them, and stops them in order.
//!
//! Always true: nothing listens or speaks before the store is open, checked and locked; a fault ends the process with an
//! error, quickly, and nothing is sent after it.
//!
//! Threads: the engine with its disk has one of its own; network, API and everything else share tokio's; signatures are
//! checked on the pool's (`verify_pool`).
//! Start reading at [`run`].

use super::asked::Asked;
use super::event_loop::{self, Queues};
use super::home_watch::HomeWatch;
use super::inbound::{Inbound, ToEngine};
use super::own_waits::OwnWaits;
use super::perform::Performer;
use super::serving::Serving;
use super::shutdown;
use super::stall_watch;
use super::timers::Timers;
use crate::api::server;
use crate::api::{Access, ApiState, NodeInfo, QueueGauge};
use crate::clock::unix_millis;
use crate::config::Settings;
use crate::engine_handle;
use crate::feed::{Feed, Happening};
use crate::held_ports::HeldPorts;
use crate::logging::{self, LogRejected};
use crate::metrics::Metrics;
use crate::net::{self, NetConfig, NetError, NetHandle};
use crate::ready_file::{self, Ready, api_url};
use crate::store::guard::Guard;
use crate::store::history::History;
use crate::store::{self, Opened, StoreError};
use crate::verify_pool::VerifyPool;
use blockchat_client::shapes::{KnownPeerView, PeerView, PeersEvent};
use blockchat_engine::effect::Effect;
use blockchat_engine::engine::Engine;
use blockchat_engine::recovered::{Recovered, RecoveredValidator};
use blockchat_host::signals::Signals;
use blockchat_proto::genesis::VerifiedGenesis;
use blockchat_proto::ledger::Tip;
use blockchat_proto::sync::{STATUS_VERSION, Status};
use blockchat_proto::transaction::{SignedTransaction, VerifiedTransaction, verify_all};
use blockchat_proto::units::UnixMillis;
use blockchat_proto::vote::{Evidence, Verified};
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;
use tokio::net::TcpListener;
use tokio::sync::{mpsc, oneshot, watch};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use tracing::{error, info, warn};

pub use super::perform::NodeFault;

/// Verified consensus and sync events that wait for the engine.
const CONSENSUS_QUEUE: usize = 1_024;
/// Verified batches that wait for the engine.
const GOSSIP_QUEUE: usize = 64;
/// Time for the parts to stop in order.
const STOP_WITHIN: Duration = Duration::from_secs(5);
/// The same after a fault: quickly.
const STOP_AFTER_FAULT_WITHIN: Duration = Duration::from_millis(500);
/// Questions of the API for all known peers that wait for the network.
const KNOWN_QUEUE: usize = 8;
/// Interval of the API's view of the peers.
const PEERS_EVERY: Duration = Duration::from_secs(1);

/// Why a node did not start, or ended.
#[derive(Debug, thiserror::Error)]
pub enum RunError {
    /// The log.
    #[error(transparent)]
    Log(#[from] LogRejected),
    /// The files of the home.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// Starting or going on would be wrong.
    #[error("the node has stopped: {0}")]
    Fault(#[from] NodeFault),
    /// A bug of ours in the engine's thread; the panic message stands above.
    #[error("the node has stopped: its engine panicked")]
    EnginePanicked,
    /// The network.
    #[error(transparent)]
    Net(#[from] NetError),
    /// The API's address.
    #[error("cannot listen on {address} for the API: {source}")]
    ApiListen {
        /// As configured.
        address: SocketAddr,
        /// The error of the system.
        source: std::io::Error,
    },
    /// Threads or signals of the process.
    #[error("the system refuses what every process needs: {0}")]
    System(#[from] std::io::Error),
    /// The file that says where the node is reached.
    #[error("cannot write {file}: {source}")]
    Ready {
        /// The file.
        file: PathBuf,
        /// The error of the system.
        source: std::io::Error,
    },
}

/// Runs a node until SIGINT, SIGTERM, SIGHUP or a fault. Blocks.
pub fn run(settings: Settings) -> Result<(), RunError> {
    logging::start(&settings.log)?;
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().thread_name("node").build()?;
    let outcome = runtime.block_on(Box::pin(node(settings)));
    runtime.shutdown_timeout(STOP_AFTER_FAULT_WITHIN);
    if outcome.is_ok() {
        info!("stopped");
    }
    outcome
}

async fn node(settings: Settings) -> Result<(), RunError> {
    let stop = CancellationToken::new();
    tokio::spawn(shutdown::relay(Signals::listen()?, stop.clone(), settings.ready_files.clone()));
    let listener = listen(&settings.held, settings.api_listen)?;
    let home = OpenHome::open(&settings)?;
    // The home is ours now: what a killed node left there leads nowhere.
    settings.ready_files.iter().for_each(|file| drop(std::fs::remove_file(file)));
    let running = Box::pin(Running::start(&settings, home, listener, &stop)).await?;
    let serving = running.announce(&settings);
    let outcome = match serving {
        Ok(()) => running.wait(&stop).await,
        Err(refused) => Err(refused),
    };
    settings.ready_files.iter().for_each(|file| ready_file::withdraw(file));
    outcome
}

fn listen(held: &HeldPorts, address: SocketAddr) -> Result<TcpListener, RunError> {
    let listen = || {
        let held = held.take(address).map(std::net::TcpListener::from);
        let listener = held.map_or_else(|| std::net::TcpListener::bind(address), Ok)?;
        listener.set_nonblocking(true)?;
        TcpListener::from_std(listener)
    };
    listen().map_err(|source| RunError::ApiListen { address, source })
}

/// Everything on disk, open, and the engine that starts from it.
struct OpenHome {
    engine: Engine,
    first: Vec<Effect>,
    tip: Tip,
    history: History,
    disk: store::disk::Disk,
    journal: store::sign_journal::SignJournal,
    own: store::own::OwnLog,
    evidence: store::evidence::EvidenceFile,
    guard: Option<Guard>,
}

impl OpenHome {
    /// Opens and locks the home, and replays it. Blocks; takes about 3 us an account.
    fn open(settings: &Settings) -> Result<Self, RunError> {
        let opened = store::open(&settings.data_dir(), &settings.genesis)?;
        let Opened { disk, history, journal, own, evidence, ledger, tip_certificate, journal_entries, .. } = opened;
        let tip = *ledger.tip();
        let (guard, validator) = validator(settings)?;
        info!(chain = settings.genesis.short_name(), height = %tip.height, hash = ?tip.hash, voter = ?settings.validator.as_ref().map(|signer| signer.address()), "store open");
        let recovered = Recovered {
            own: verified(&settings.genesis, opened.own_transactions),
            evidence: proved(&settings.genesis, opened.evidence_kept),
            ledger,
            tip_certificate,
            journal: journal_entries,
            validator,
        };
        let (engine, first) =
            Engine::new(settings.engine.clone(), recovered, unix_millis()).map_err(NodeFault::Engine)?;
        Ok(Self { engine, first, tip, history, disk, journal, own, evidence, guard })
    }
}

/// Opens and locks the guard of the key that votes here, if one does.
fn validator(settings: &Settings) -> Result<(Option<Guard>, Option<RecoveredValidator>), StoreError> {
    let Some(signer) = settings.validator.clone() else {
        return Ok((None, None));
    };
    let (guard, state) = Guard::open(&settings.guard_path)?;
    Ok((Some(guard), Some(RecoveredValidator { signer, guard: state })))
}

/// Entries that no longer verify are left out: other programs may have written to the file.
fn verified(genesis: &VerifiedGenesis, own: Vec<SignedTransaction>) -> Vec<VerifiedTransaction> {
    verify_all(own, genesis.hash()).into_iter().filter_map(Result::ok).collect()
}

/// The same of evidence.
fn proved(genesis: &VerifiedGenesis, kept: Vec<Evidence>) -> Vec<Evidence> {
    let good = |evidence: Evidence| evidence.verify(genesis.hash()).map(Verified::into_inner).ok();
    kept.into_iter().filter_map(good).collect()
}

/// The parts of a node at work.
struct Running {
    tasks: TaskTracker,
    net: NetHandle,
    api: SocketAddr,
    files: HomeWatch,
    engine_ended: oneshot::Receiver<Result<(), NodeFault>>,
}

impl Running {
    async fn start(
        settings: &Settings,
        home: OpenHome,
        listener: TcpListener,
        stop: &CancellationToken,
    ) -> Result<Self, RunError> {
        let OpenHome { engine, first, tip, history, disk, journal, own, evidence, guard } = home;
        let (handle, door) = engine_handle::open(engine.view(unix_millis()));
        let (feed, started) = (Feed::default(), unix_millis());
        let metrics = Arc::new(Metrics::new(started.0 / 1_000));
        let (status, told) = watch::channel(first_status(settings, &tip, &history)?);
        let (net, events) = Box::pin(net::start(net_config(settings, &metrics), told, stop.clone())).await?;
        let (consensus, from_consensus) = mpsc::channel(CONSENSUS_QUEUE);
        let (gossip, from_gossip) = mpsc::channel(GOSSIP_QUEUE);
        let asked = Asked::default();
        let performer = Performer {
            disk,
            journal,
            own,
            evidence,
            guard,
            net: net.clone(),
            door,
            timers: Timers::default(),
            status,
            warned: None,
            silence: None,
            feed: feed.clone(),
            told: None,
            metrics: Arc::clone(&metrics),
            own_waits: OwnWaits::default(),
            last_final: None,
            clock_told: false,
            asked: asked.clone(),
        };
        let queues = Queues { consensus: from_consensus, gossip: from_gossip };
        let engine_ended = spawn_engine(engine, first, performer, queues, stop.clone())?;
        let tasks = TaskTracker::new();
        let verify = VerifyPool::new(settings.genesis.hash(), settings.genesis.least_work());
        let serving = Serving::new(net.clone(), handle.clone(), history.clone(), tasks.clone());
        let to_engine = ToEngine { consensus, gossip };
        let (net_too, verify_too, door_too) = (net.clone(), verify.clone(), handle.clone());
        let inbound = Inbound::new(net_too, verify_too, door_too, serving, to_engine, tasks.clone(), asked);
        let inbound_queues = inbound.queues();
        tasks.spawn(inbound.run(events, stop.clone()));
        let (peers_shown, peers) = watch::channel(vec![]);
        tasks.spawn(show_peers(net.clone(), peers_shown, feed.clone(), stop.clone()));
        let (known, known_asked) = mpsc::channel(KNOWN_QUEUE);
        tasks.spawn(tell_known_peers(net.clone(), known_asked, stop.clone()));
        tasks.spawn(stall_watch::watch(handle.clone(), stop.clone()));
        let api = listener.local_addr()?;
        let info = NodeInfo {
            peer_id: net.peer_id(),
            listen: net.listen_addresses(),
            validator: settings.validator.as_ref().map(|signer| signer.address()),
            started,
            peers,
            known,
            traffic: net.traffic(),
            feed,
            data: settings.data_dir(),
            queues: QueueGauge::new({
                let (handle, net) = (handle.clone(), net.clone());
                move || [handle.queues(), net.queues(), inbound_queues()].concat()
            }),
            metrics,
        };
        let access = Access::new(&settings.allow_hosts, &settings.allow_origins);
        let state = ApiState::new(handle, verify, settings.genesis.clone(), history, info, access);
        tasks.spawn(server::serve(state, listener, stop.clone()));
        let data = settings.data_dir();
        let guard = settings.validator.is_some().then(|| settings.guard_path.clone());
        let files = HomeWatch::over(["store.redb", "journal"].map(|name| data.join(name)).into_iter().chain(guard));
        Ok(Self { tasks, net, api, files, engine_ended })
    }

    /// Tells where the node is reached: to programs in the ready files, to people as the settings say.
    fn announce(&self, settings: &Settings) -> Result<(), RunError> {
        let ready = Ready {
            api: api_url(self.api),
            peer_id: self.net.peer_id(),
            listen: self.net.listen_addresses(),
            pid: std::process::id(),
        };
        for file in &settings.ready_files {
            ready.write(file).map_err(|source| RunError::Ready { file: file.clone(), source })?;
        }
        (settings.announce)(settings, &ready);
        Ok(())
    }

    /// Waits for the end, whatever its cause, and then for the parts to stop.
    async fn wait(self, stop: &CancellationToken) -> Result<(), RunError> {
        let outcome = tokio::select! {
            ended = self.engine_ended => engine_outcome(ended),
            file = self.files.gone() => Err(NodeFault::Store(StoreError::Gone { file }).into()),
        };
        stop.cancel();
        if let Err(reason) = &outcome {
            error!(%reason, "stopping at once");
        }
        let within = if outcome.is_ok() { STOP_WITHIN } else { STOP_AFTER_FAULT_WITHIN };
        self.tasks.close();
        if tokio::time::timeout(within, self.tasks.wait()).await.is_err() {
            warn!(tasks = self.tasks.len(), "some tasks did not stop in time");
        }
        outcome
    }
}

/// An engine that ends without a word has panicked.
fn engine_outcome(ended: Result<Result<(), NodeFault>, oneshot::error::RecvError>) -> Result<(), RunError> {
    match ended {
        Ok(outcome) => Ok(outcome?),
        Err(_) => Err(RunError::EnginePanicked),
    }
}

/// The engine on a thread of its own, with a runtime that has nothing but timers.
fn spawn_engine(
    engine: Engine,
    first: Vec<Effect>,
    performer: Performer,
    queues: Queues,
    stop: CancellationToken,
) -> Result<oneshot::Receiver<Result<(), NodeFault>>, RunError> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build()?;
    let (ended, outcome) = oneshot::channel();
    let work = move || {
        let events = Box::pin(event_loop::run(engine, first, performer, queues, stop));
        drop(ended.send(runtime.block_on(events)));
    };
    std::thread::Builder::new().name("engine".into()).spawn(work)?;
    Ok(outcome)
}

fn first_status(settings: &Settings, tip: &Tip, history: &History) -> Result<Status, StoreError> {
    Ok(Status {
        version: STATUS_VERSION,
        chain: settings.genesis.hash(),
        height: tip.height,
        hash: tip.hash,
        earliest: history.earliest()?,
        time: unix_millis(),
    })
}

fn net_config(settings: &Settings, metrics: &Arc<Metrics>) -> NetConfig {
    NetConfig {
        identity: *settings.p2p_seed,
        genesis: settings.genesis.clone(),
        listen: settings.p2p_listen.clone(),
        held: settings.held.clone(),
        peers: settings.peers.clone(),
        mdns: settings.mdns,
        external: settings.external.clone(),
        only_peers: settings.only_peers,
        announce: settings.announce_addresses,
        book: Some(settings.data_dir().join("peers.cbor")),
        metrics: Arc::clone(metrics),
    }
}

/// Keeps the API's picture of the peers fresh.
async fn show_peers(net: NetHandle, shown: watch::Sender<Vec<PeerView>>, feed: Feed, stop: CancellationToken) {
    let mut often = tokio::time::interval(PEERS_EVERY);
    loop {
        tokio::select! {
            () = stop.cancelled() => return,
            _ = often.tick() => {
                let peers = net.peers().await;
                changes(&shown.borrow(), &peers, unix_millis()).into_iter().for_each(|change| feed.tell(change));
                shown.send_if_modified(|old| {
                    let changed = *old != peers;
                    *old = peers;
                    changed
                });
            }
        }
    }
}

/// Peers that came and went between two looks. One that did both is not seen.
fn changes(old: &[PeerView], new: &[PeerView], time: UnixMillis) -> Vec<Happening> {
    let count = u32::try_from(new.len()).unwrap_or(u32::MAX);
    let among = |peers: &[PeerView], id: &str| peers.iter().any(|peer| peer.peer_id == id);
    let gone = old.iter().filter(|peer| !among(new, &peer.peer_id)).map(|peer| (peer, false));
    let come = new.iter().filter(|peer| !among(old, &peer.peer_id)).map(|peer| (peer, true));
    let event = |(peer, connected): (&PeerView, bool)| {
        Happening::Peers(Arc::new(PeersEvent {
            time,
            peer_id: peer.peer_id.clone(),
            connected,
            address: peer.address.clone(),
            source: peer.source,
            peers: count,
        }))
    };
    gone.chain(come).map(event).collect()
}

/// Answers the API's questions for all known peers.
async fn tell_known_peers(
    net: NetHandle,
    mut asked: mpsc::Receiver<oneshot::Sender<Vec<KnownPeerView>>>,
    stop: CancellationToken,
) {
    while let Some(Some(answer)) = stop.run_until_cancelled(asked.recv()).await {
        // No caller waits any more for the answer to an abandoned request.
        drop(answer.send(net.peers_known().await));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whoever_came_and_went_is_told_once_and_whoever_stayed_is_not() {
        let peers = |ids: &[&str]| -> Vec<_> {
            ids.iter().map(|id| PeerView { peer_id: (*id).into(), ..PeerView::default() }).collect()
        };
        let told = changes(&peers(&["a", "b"]), &peers(&["b", "c", "d"]), UnixMillis(7));
        let told: Vec<_> = told
            .iter()
            .map(|change| match change {
                Happening::Peers(event) => (event.peer_id.as_str(), event.connected, event.peers),
                Happening::Consensus(_) => panic!("{change:?}"),
            })
            .collect();
        assert_eq!(told, [("a", false, 3), ("c", true, 3), ("d", true, 3)]);
        assert!(changes(&peers(&["a"]), &peers(&["a"]), UnixMillis(7)).is_empty());
    }
}
