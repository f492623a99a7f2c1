//! A node's HTTP API, as the testnet uses it. Shapes and paths are those of [`blockchat_client::shapes`].
//!
//! Always true: only the loopback is ever asked, whatever proxy the environment names; every call but an event stream
//! ends within [`CALL_TIMEOUT`].

use blockchat_client::shapes::{
    AccountView, BATCH_CONTENT_TYPE, BlockView, KnownPeerView, Page, PeerView, Problem, StatusView, SubmitView, path,
};
use blockchat_proto::codec;
use blockchat_proto::hash::Hash32;
use blockchat_proto::keys::Address;
use blockchat_proto::transaction::{SignedTransaction, TransactionId};
use blockchat_proto::units::Height;
use reqwest::{Response, StatusCode};
use serde::Deserialize;
use serde::de::DeserializeOwned;
use std::time::Duration;

/// No call takes longer.
pub const CALL_TIMEOUT: Duration = Duration::from_secs(10);
/// An event stream is opened anew after this.
const LISTEN_FOR: Duration = Duration::from_secs(3_600);

/// Why a node gave no useful answer.
#[derive(Debug, thiserror::Error)]
pub enum NodeUnavailable {
    /// It cannot be reached, or hung up: most often it was killed.
    #[error("no answer: {0}")]
    Unreachable(#[from] reqwest::Error),
    /// It answered that it cannot, with the reason.
    #[error("answered {}: {} ({})", .0.status, .0.detail, .0.code)]
    Problem(Box<Problem>),
    /// It answered something else than the API promises.
    #[error("answered {status} with something unreadable: {text}")]
    Unreadable {
        /// HTTP status.
        status: StatusCode,
        /// The beginning of what it said.
        text: String,
    },
}

/// A node's API at one port of this machine. Cheap to clone; connections are kept alive and shared.
#[derive(Clone, Debug)]
pub struct NodeClient {
    http: reqwest::Client,
    base: String,
}

impl NodeClient {
    /// The node whose API listens on this port of 127.0.0.1.
    pub fn new(http: &reqwest::Client, port: u16) -> Self {
        Self { http: http.clone(), base: format!("http://127.0.0.1:{port}") }
    }

    /// What all clients of a program share.
    pub fn http() -> reqwest::Client {
        let builder = reqwest::Client::builder().no_proxy().timeout(CALL_TIMEOUT).tcp_nodelay(true);
        builder.build().expect("a client without TLS and proxy needs nothing from the system")
    }

    /// How the node is.
    pub async fn status(&self) -> Result<StatusView, NodeUnavailable> {
        self.get(path::STATUS).await
    }

    /// Who is connected with it.
    pub async fn peers(&self) -> Result<Vec<PeerView>, NodeUnavailable> {
        Ok(self.get::<Page<_>>(path::PEERS).await?.items)
    }

    /// Whom it could dial.
    pub async fn peers_known(&self) -> Result<Vec<KnownPeerView>, NodeUnavailable> {
        Ok(self.get::<Page<_>>(path::PEERS_KNOWN).await?.items)
    }

    /// An account as this node sees it.
    pub async fn account(&self, address: Address) -> Result<AccountView, NodeUnavailable> {
        self.get(&format!("{}/{address}", path::ACCOUNTS)).await
    }

    /// The final block of this height, or `None` if there is none yet.
    pub async fn block(&self, height: Height) -> Result<Option<BlockView>, NodeUnavailable> {
        match self.get(&format!("{}/{height}", path::BLOCKS)).await {
            Ok(block) => Ok(Some(block)),
            Err(NodeUnavailable::Problem(problem)) if problem.status == StatusCode::NOT_FOUND.as_u16() => Ok(None),
            Err(other) => Err(other),
        }
    }

    /// Does the node take part? If not, it says why.
    pub async fn ready(&self) -> Result<(), NodeUnavailable> {
        let response = self.http.get(format!("{}{}", self.base, path::READY)).send().await?;
        if response.status().is_success() { Ok(()) } else { Err(refusal(response).await) }
    }

    /// Submits in canonical bytes; one answer each, in order.
    pub async fn submit(&self, signed: &[SignedTransaction]) -> Result<Vec<SubmitView>, NodeUnavailable> {
        let request = self.http.post(format!("{}{}", self.base, path::TRANSACTIONS_BATCH));
        let request = request.header(reqwest::header::CONTENT_TYPE, BATCH_CONTENT_TYPE);
        read(request.body(codec::encode(&signed)).send().await?).await
    }

    /// Submits a list in canonical bytes; the codes of the refusals among the answers.
    pub async fn submit_bytes(&self, bytes: Vec<u8>) -> Result<Vec<String>, NodeUnavailable> {
        let request = self.http.post(format!("{}{}", self.base, path::TRANSACTIONS_BATCH));
        let request = request.header(reqwest::header::CONTENT_TYPE, BATCH_CONTENT_TYPE);
        let answers: Vec<Refusal> = read(request.body(bytes).send().await?).await?;
        Ok(answers.into_iter().filter_map(|answer| answer.code).collect())
    }

    /// What the final block of this height is and holds, without its contents.
    pub async fn block_ids(&self, height: Height) -> Result<BlockIds, NodeUnavailable> {
        self.get(&format!("{}/{height}", path::BLOCKS)).await
    }

    /// Listens to new final blocks until the stream ends; `heard` is told height and hash of each.
    pub async fn events(&self, mut heard: impl FnMut(Height, Hash32)) -> Result<(), NodeUnavailable> {
        let request = self.http.get(format!("{}{}", self.base, path::EVENTS)).timeout(LISTEN_FOR);
        let mut response = request.send().await?;
        let mut text = String::new();
        while let Some(chunk) = response.chunk().await? {
            text.push_str(&String::from_utf8_lossy(&chunk));
            while let Some((event, rest)) = text.split_once("\n\n") {
                if let Some(block) = event.lines().find_map(|line| line.strip_prefix("data:")).and_then(tip_of) {
                    heard(block.height, block.hash);
                }
                text = rest.to_owned();
            }
        }
        Ok(())
    }

    async fn get<T: DeserializeOwned>(&self, path: &str) -> Result<T, NodeUnavailable> {
        read(self.http.get(format!("{}{path}", self.base)).send().await?).await
    }
}

/// The one part of an answer to a submit that a load generator reads.
#[derive(Deserialize)]
struct Refusal {
    code: Option<String>,
}

/// A final block as [`NodeClient::block_ids`] reads it.
#[derive(Debug, Deserialize)]
pub struct BlockIds {
    /// Its height.
    pub height: Height,
    /// Its hash.
    pub hash: Hash32,
    /// What it holds.
    pub transactions: Vec<IdOnly>,
}

/// A transaction in a [`BlockIds`].
#[derive(Debug, Deserialize)]
pub struct IdOnly {
    /// Its id.
    pub id: TransactionId,
}

/// The tip in an event.
#[derive(Deserialize)]
struct TipEvent {
    height: Height,
    hash: Hash32,
}

fn tip_of(data: &str) -> Option<TipEvent> {
    serde_json::from_str(data).ok()
}

async fn read<T: DeserializeOwned>(response: Response) -> Result<T, NodeUnavailable> {
    let status = response.status();
    if !status.is_success() {
        return Err(refusal(response).await);
    }
    let bytes = response.bytes().await?;
    serde_json::from_slice(&bytes).map_err(|_| unreadable(status, &bytes))
}

async fn refusal(response: Response) -> NodeUnavailable {
    let status = response.status();
    match response.bytes().await {
        Ok(bytes) => match serde_json::from_slice(&bytes) {
            Ok(problem) => NodeUnavailable::Problem(Box::new(problem)),
            Err(_) => unreadable(status, &bytes),
        },
        Err(error) => error.into(),
    }
}

fn unreadable(status: StatusCode, bytes: &[u8]) -> NodeUnavailable {
    let text = String::from_utf8_lossy(bytes).chars().take(200).collect();
    NodeUnavailable::Unreadable { status, text }
}
