//! Requests to one node: a call for each path of its API.
//!
//! Always true: every call but an event stream ends within its time; an answer that is none of a node's is an error.
//! Start reading at [`Client::status`].

use crate::error::ClientError;
use crate::events::{BlockEvents, Events};
use crate::http::{Connections, Line};
use crate::shapes::{
    AccountView, ApiCode, BATCH_CONTENT_TYPE, BlockIds, BlockRowView, BlockView, BlocksRequest, ConsensusView,
    EventTopic, HeaderView, HistoryRequest, HistoryView, KnownPeerView, MessageView, NodeRequest, NodeView, Page,
    PageRequest, PeerView, PoolRequest, PoolRowView, ReadyView, StatusView, SubmitRequest, SubmitView, TransactionView,
    TrustRequest, ValidatorRowView, Verdict, path,
};
use blockchat_proto::codec;
use blockchat_proto::genesis::Genesis;
use blockchat_proto::hash::Hash32;
use blockchat_proto::keys::Address;
use blockchat_proto::receipt::Receipt;
use blockchat_proto::transaction::{SignedTransaction, TransactionId};
use blockchat_proto::units::Height;
use blockchat_proto::validators::Member;
use reqwest::header::CONTENT_TYPE;
use serde::Serialize;
use serde::de::DeserializeOwned;
use std::fmt::Display;

/// Longest answer about one thing, in bytes: a status with all validators, an account, a transaction.
const ONE_BYTES_MAX: usize = 1024 * 1024;
/// Longest answer about many, in bytes: a block of [`blockchat_proto::limits::BLOCK_BYTES_MAX`] whose every byte is
/// escaped as six; all answers to a batch are shorter.
const MANY_BYTES_MAX: usize = 16 * 1024 * 1024;
/// A list that has more entries is not read to its end: no honest node keeps so many in memory.
const LIST_MAX: usize = 20_000;

/// Asks one node. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Client {
    line: Line,
}

impl Client {
    /// For the API at this address, with connections of its own: `http://host:port`, or `host:port`. Programs that ask
    /// many nodes share [`Connections`].
    pub fn new(url: &str) -> Result<Self, ClientError> {
        Connections::default().to(url)
    }

    pub(crate) fn over(line: Line) -> Self {
        Self { line }
    }

    /// Its base address.
    pub fn url(&self) -> &str {
        self.line.base()
    }

    /// Node status.
    pub async fn status(&self) -> Result<StatusView, ClientError> {
        self.one(path::STATUS).await
    }

    /// The chain's genesis, not verified.
    pub async fn genesis(&self) -> Result<Genesis, ClientError> {
        self.many(path::GENESIS).await
    }

    /// One account.
    pub async fn account(&self, address: &Address) -> Result<AccountView, ClientError> {
        self.one(&format!("{}/{address}", path::ACCOUNTS)).await
    }

    /// Submits one transaction. Safe to repeat.
    pub async fn submit(&self, signed: &SignedTransaction) -> Result<SubmitView, ClientError> {
        self.line.answer(self.line.post(path::TRANSACTIONS).json(signed), ONE_BYTES_MAX).await
    }

    /// Submits one transaction that replaces a pooled one of the same sender and nonce. Safe to repeat.
    pub async fn submit_instead(
        &self,
        signed: &SignedTransaction,
        replaces: TransactionId,
    ) -> Result<SubmitView, ClientError> {
        let wanted = SubmitRequest { replaces: Some(replaces) };
        let request = self.line.post(path::TRANSACTIONS).query(&wanted).json(signed);
        self.line.answer(request, ONE_BYTES_MAX).await
    }

    /// Submits many; one answer each, in order.
    pub async fn submit_batch(&self, signed: &[SignedTransaction]) -> Result<Vec<SubmitView>, ClientError> {
        self.batch(codec::encode(&signed)).await
    }

    /// Submits an encoded batch; one verdict each, in order. For callers that need no states.
    pub async fn submit_encoded(&self, batch: Vec<u8>) -> Result<Vec<Verdict>, ClientError> {
        self.batch(batch).await
    }

    /// The state of a transaction.
    pub async fn transaction(&self, id: &TransactionId) -> Result<TransactionView, ClientError> {
        self.one(&format!("{}/{id}", path::TRANSACTIONS)).await
    }

    /// A final block: `last`, a height, or a hash.
    pub async fn block(&self, wanted: impl Display) -> Result<BlockView, ClientError> {
        self.many(&format!("{}/{wanted}", path::BLOCKS)).await
    }

    /// The final block of this height; `None` if the node has none.
    pub async fn block_at(&self, height: Height) -> Result<Option<BlockView>, ClientError> {
        match self.block(height).await {
            Ok(block) => Ok(Some(block)),
            Err(error) if error.is(ApiCode::BlockNotFound) => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// Header and size of the final block of this height, without its transactions.
    pub async fn block_ids(&self, height: Height) -> Result<BlockIds, ClientError> {
        self.many(&format!("{}/{height}", path::BLOCKS)).await
    }

    /// Final messages of an account, newest first.
    pub async fn messages(&self, address: &Address, part: &PageRequest) -> Result<Page<MessageView>, ClientError> {
        self.page(&format!("{}/{address}", path::MESSAGES), part).await
    }

    /// History of an account, newest first.
    pub async fn history(&self, address: &Address, wanted: &HistoryRequest) -> Result<Page<HistoryView>, ClientError> {
        self.page(&format!("{}/{address}", path::HISTORY), wanted).await
    }

    /// Final blocks without their contents, newest first.
    pub async fn blocks(&self, wanted: &BlocksRequest) -> Result<Page<BlockRowView>, ClientError> {
        self.page(path::BLOCKS, wanted).await
    }

    /// Proof that a transaction is final, for a reader that trusts the genesis, or the block of a height.
    pub async fn receipt(&self, id: &TransactionId, trust: Option<Height>) -> Result<Receipt, ClientError> {
        self.asked(&format!("{}/{id}", path::RECEIPTS), &TrustRequest { trust }).await
    }

    /// Proof of the current state of an account, for the same reader.
    pub async fn account_proof(&self, address: &Address, trust: Option<Height>) -> Result<Receipt, ClientError> {
        let path = format!("{}/{address}/{}", path::ACCOUNTS, path::PROOF);
        self.asked(&path, &TrustRequest { trust }).await
    }

    /// Headers with their certificates, newest first.
    pub async fn headers(&self, wanted: &BlocksRequest) -> Result<Page<HeaderView>, ClientError> {
        self.page(path::HEADERS, wanted).await
    }

    /// The members of a validator set, by the hash in headers.
    pub async fn validator_set(&self, hash: &Hash32) -> Result<Vec<Member>, ClientError> {
        self.one(&format!("{}/{hash}", path::VALIDATOR_SETS)).await
    }

    /// Connected peers: all of them.
    pub async fn peers(&self) -> Result<Vec<PeerView>, ClientError> {
        self.whole(path::PEERS).await
    }

    /// All known peers.
    pub async fn peers_known(&self) -> Result<Vec<KnownPeerView>, ClientError> {
        self.whole(path::PEERS_KNOWN).await
    }

    /// Readiness. `Err` with a [`ClientError::Problem`] says why the node is not ready.
    pub async fn ready(&self) -> Result<ReadyView, ClientError> {
        self.one(path::READY).await
    }

    /// Voting on the current height, and on the last ones.
    pub async fn consensus(&self) -> Result<ConsensusView, ClientError> {
        self.many(path::CONSENSUS).await
    }

    /// All validators, by address: members of the set, and other accounts with stake.
    pub async fn validators(&self) -> Result<Vec<ValidatorRowView>, ClientError> {
        self.whole(path::VALIDATORS).await
    }

    /// Pooled transactions, by sender and nonce.
    pub async fn pool(&self, wanted: &PoolRequest) -> Result<Page<PoolRowView>, ClientError> {
        self.page(path::POOL, wanted).await
    }

    /// The process behind the API, and its last log lines.
    pub async fn node(&self, wanted: &NodeRequest) -> Result<NodeView, ClientError> {
        self.line.answer(self.line.get(path::NODE).query(wanted), MANY_BYTES_MAX).await
    }

    /// Streams final blocks: the tip at once, then each new one. With the id of the last event, the stream continues after
    /// it.
    pub async fn events(&self, last_id: Option<&str>) -> Result<BlockEvents, ClientError> {
        Ok(BlockEvents::new(self.listen(&[EventTopic::Block], last_id).await?))
    }

    /// Streams events of at most [`TOPICS_MAX`](crate::shapes::TOPICS_MAX) topics. With the id of the last event and the
    /// same topics, the stream continues after it, or begins with a [`ResetEvent`](crate::shapes::ResetEvent).
    pub async fn listen(&self, topics: &[EventTopic], last_id: Option<&str>) -> Result<Events, ClientError> {
        let topics: Vec<_> = topics.iter().map(ToString::to_string).collect();
        let request = self.line.get(path::EVENTS).query(&[("topics", topics.join(","))]);
        let request = last_id.into_iter().fold(request, |request, id| request.header("last-event-id", id));
        Ok(Events::new(self.line.clone(), self.line.stream(request).await?))
    }

    async fn one<T: DeserializeOwned>(&self, path: &str) -> Result<T, ClientError> {
        self.line.answer(self.line.get(path), ONE_BYTES_MAX).await
    }

    async fn many<T: DeserializeOwned>(&self, path: &str) -> Result<T, ClientError> {
        self.line.answer(self.line.get(path), MANY_BYTES_MAX).await
    }

    async fn batch<T: DeserializeOwned>(&self, batch: Vec<u8>) -> Result<Vec<T>, ClientError> {
        let request = self.line.post(path::TRANSACTIONS_BATCH).header(CONTENT_TYPE, BATCH_CONTENT_TYPE);
        self.line.answer(request.body(batch), MANY_BYTES_MAX).await
    }

    async fn page<T: DeserializeOwned>(&self, path: &str, part: &impl Serialize) -> Result<Page<T>, ClientError> {
        self.asked(path, part).await
    }

    async fn asked<T: DeserializeOwned>(&self, path: &str, part: &impl Serialize) -> Result<T, ClientError> {
        self.line.answer(self.line.get(path).query(part), MANY_BYTES_MAX).await
    }

    /// Part after part of a list that a node has in memory.
    async fn whole<T: DeserializeOwned>(&self, path: &str) -> Result<Vec<T>, ClientError> {
        let mut all = vec![];
        let mut part = PageRequest::default();
        loop {
            let page = self.page(path, &part).await?;
            all.extend(page.items);
            match page.next {
                None => return Ok(all),
                Some(_) if all.len() > LIST_MAX => return Err(self.line.shape(format!("{path} never ends"))),
                next if next == part.cursor => return Err(self.line.shape(format!("{path} goes round in a circle"))),
                next => part.cursor = next,
            }
        }
    }
}
