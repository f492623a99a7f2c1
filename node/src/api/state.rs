//! What the routes answer from.

use super::access::Access;
use super::final_blocks::FinalBlocks;
use super::room::{SharedRoom, Yields};
use crate::engine_handle::EngineHandle;
use crate::store::history::History;
use crate::traffic::Traffic;
use crate::verify_pool::VerifyPool;
use blockchat_client::shapes::{KnownPeerView, PeerView};
use blockchat_proto::genesis::VerifiedGenesis;
use blockchat_proto::keys::Address;
use blockchat_proto::units::UnixMillis;
use std::sync::Arc;
use tokio::sync::{mpsc, oneshot, watch};
use tokio_util::sync::CancellationToken;

/// Event streams at a time. Without room, one of the client with the most is ended for a client with fewer.
const STREAMS_MAX: usize = 64;

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
    /// What is final.
    pub(super) blocks: FinalBlocks,
    /// Event streams that may still be opened.
    pub(super) streams: SharedRoom,
    /// Under which names, and for which pages.
    pub(super) access: Access,
    /// Ends event streams when the server stops.
    pub(super) ending: CancellationToken,
}

/// What the runtime tells the API about the node; the API knows nothing of the network behind it.
#[derive(Debug)]
pub struct NodeInfo {
    /// libp2p peer id.
    pub peer_id: String,
    /// Where it listens, as multiaddresses with the real ports.
    pub listen: Vec<String>,
    /// The validator key's address, if this node has one.
    pub validator: Option<Address>,
    /// When the process started.
    pub started: UnixMillis,
    /// Connected peers of this chain, as the network last saw them.
    pub peers: watch::Receiver<Vec<PeerView>>,
    /// Where to ask for all peers that are known.
    pub known: mpsc::Sender<oneshot::Sender<Vec<KnownPeerView>>>,
    /// Bytes to and from peers.
    pub traffic: Arc<Traffic>,
}

impl ApiState {
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
            ending: CancellationToken::new(),
        }
    }
}
