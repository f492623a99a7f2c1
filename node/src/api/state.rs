//! Everything that the routes answer from.

use super::access::Access;
use super::caller::{Caller, Working};
use super::final_blocks::FinalBlocks;
use super::problem::ApiError;
use super::room::{Place, SharedRoom, Yields};
use crate::engine_handle::EngineHandle;
use crate::feed::Feed;
use crate::metrics::Metrics;
use crate::store::history::History;
use crate::traffic::Traffic;
use crate::verify_pool::VerifyPool;
use blockchat_client::shapes::{ApiCode, KnownPeerView, PeerView, QueueView};
use blockchat_proto::genesis::VerifiedGenesis;
use blockchat_proto::keys::Address;
use blockchat_proto::units::UnixMillis;
use std::fmt;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use tokio::sync::{mpsc, oneshot, watch};
use tokio_util::sync::CancellationToken;

/// Event streams at a time. Without room, one of the client with the most is ended for a client with fewer.
const STREAMS_MAX: usize = 64;

/// Event streams, counted.
#[derive(Debug, Default)]
pub(super) struct StreamsCount {
    open: AtomicUsize,
    refused: AtomicU64,
}

/// The place of an open event stream, given back when it is dropped.
#[derive(Debug)]
pub(super) struct OpenStream {
    count: Arc<StreamsCount>,
    _place: Place,
    /// Its connection is not closed to make room for others.
    _working: Working,
}

impl Drop for OpenStream {
    fn drop(&mut self) {
        self.count.open.fetch_sub(1, Ordering::Relaxed);
    }
}

/// Everything the API knows. Cheap to clone.
#[derive(Clone, Debug)]
pub struct ApiState {
    /// The door to the engine.
    pub engine: EngineHandle,
    /// Signature checks.
    pub verify: VerifyPool,
    /// The chain.
    pub genesis: VerifiedGenesis,
    /// About the node itself.
    pub info: Arc<NodeInfo>,
    /// Final blocks.
    pub(super) blocks: FinalBlocks,
    /// Event streams that may still be opened.
    pub(super) streams: SharedRoom,
    /// Under which names, and for which pages.
    pub(super) access: Access,
    /// Number of open streams, and of refused ones.
    pub(super) streams_count: Arc<StreamsCount>,
    /// Ends event streams when the server stops.
    pub(super) ending: CancellationToken,
}

/// Facts about the node that the runtime passes to the API; the API knows nothing of the network behind it.
#[derive(Debug)]
pub struct NodeInfo {
    /// libp2p peer id.
    pub peer_id: String,
    /// Addresses for peers, as multiaddresses with the real ports.
    pub listen: Vec<String>,
    /// The validator key's address, if this node has one.
    pub validator: Option<Address>,
    /// The start of the process.
    pub started: UnixMillis,
    /// Connected peers of this chain, as the network last saw them.
    pub peers: watch::Receiver<Vec<PeerView>>,
    /// Requests for the list of all known peers.
    pub known: mpsc::Sender<oneshot::Sender<Vec<KnownPeerView>>>,
    /// Bytes to and from peers.
    pub traffic: Arc<Traffic>,
    /// Events beside the chain.
    pub feed: Feed,
    /// The node's data folder.
    pub data: PathBuf,
    /// The fill of the node's queues.
    pub queues: QueueGauge,
    /// Counters.
    pub metrics: Arc<Metrics>,
}

/// Reads how full the queues are that the parts of a node keep.
pub struct QueueGauge(Box<dyn Fn() -> Vec<QueueView> + Send + Sync>);

impl QueueGauge {
    /// From something that asks the parts. It must not block.
    pub fn new(read: impl Fn() -> Vec<QueueView> + Send + Sync + 'static) -> Self {
        Self(Box::new(read))
    }

    /// Their current fill.
    pub(super) fn read(&self) -> Vec<QueueView> {
        (self.0)()
    }
}

impl fmt::Debug for QueueGauge {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("QueueGauge")
    }
}

impl ApiState {
    /// The fill of the node's queues, those of the API among them.
    pub(super) fn queues(&self) -> Vec<QueueView> {
        let mut queues = self.info.queues.read();
        let StreamsCount { open, refused } = &*self.streams_count;
        let (open, refused) = (open.load(Ordering::Relaxed), refused.load(Ordering::Relaxed));
        queues.push(QueueView::new("event_streams", open.min(STREAMS_MAX), STREAMS_MAX, refused));
        queues
    }

    /// A place for one more event stream.
    pub(super) fn stream(&self, caller: &Caller) -> Result<OpenStream, ApiError> {
        let place = self.streams.take(caller.client, 1, caller.ended.clone()).ok_or_else(|| {
            self.streams_count.refused.fetch_add(1, Ordering::Relaxed);
            ApiError::new(ApiCode::Busy, "too many event streams are open; try again in a moment")
        })?;
        self.streams_count.open.fetch_add(1, Ordering::Relaxed);
        Ok(OpenStream { count: Arc::clone(&self.streams_count), _place: place, _working: caller.working() })
    }

    /// Puts the parts together.
    pub fn new(
        engine: EngineHandle,
        verify: VerifyPool,
        genesis: VerifiedGenesis,
        history: History,
        info: NodeInfo,
        access: Access,
    ) -> Self {
        Self {
            engine,
            verify,
            genesis,
            info: Arc::new(info),
            blocks: FinalBlocks::new(history),
            streams: SharedRoom::new(STREAMS_MAX, STREAMS_MAX, Yields::ToSmaller),
            access,
            streams_count: Arc::default(),
            ending: CancellationToken::new(),
        }
    }
}
