//! A typed client of the HTTP API: for the command line and tests.
//!
//! Always true: every call has a time limit; an answer that is none of ours is an error, not a panic; proxies of the
//! environment are not asked, because a node's API is near.
//! Start reading at [`Client::new`].

use crate::shapes::{
    AccountView, BATCH_CONTENT_TYPE, BlockView, KnownPeerView, MessageView, Page, PageRequest, PeerView, Problem,
    StatusView, SubmitView, TransactionView, path,
};
use blockchat_proto::codec;
use blockchat_proto::genesis::Genesis;
use blockchat_proto::keys::Address;
use blockchat_proto::transaction::{SignedTransaction, TransactionId};
use reqwest::{RequestBuilder, Response, StatusCode, redirect};
use serde::de::DeserializeOwned;
use std::time::Duration;

/// Longest wait for a connection.
const CONNECT_WITHIN: Duration = Duration::from_secs(3);
/// Longest wait for an answer: a little more than the server allows itself.
const ANSWER_WITHIN: Duration = Duration::from_secs(15);

/// A list that has more entries is not read to its end: no honest node keeps so many in memory.
const LIST_MAX: usize = 20_000;

/// Why a call failed.
#[derive(Debug, thiserror::Error)]
pub enum ClientError {
    /// Not an address of an API.
    #[error("{url:?} is no address of an API: it looks like http://127.0.0.1:7474")]
    Url {
        /// What was given.
        url: String,
    },
    /// Nobody listens there, or not in time.
    #[error("no node answers at {url}: {cause}")]
    NoNode {
        /// Where.
        url: String,
        /// What the system says.
        cause: String,
    },
    /// The node refuses, and says why.
    #[error("{}", .0.detail)]
    Problem(Box<Problem>),
    /// Something else answers there, or another version.
    #[error("what answers at {url} is no BlockChat API of this version: {reason}")]
    Foreign {
        /// Where.
        url: String,
        /// What was wrong with the answer.
        reason: String,
    },
}

impl ClientError {
    /// The node's stable code, if it was the node that refused.
    pub fn code(&self) -> Option<&str> {
        match self {
            Self::Problem(problem) => Some(&problem.code),
            _ => None,
        }
    }
}

/// Asks one node. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Client {
    http: reqwest::Client,
    base: String,
}

impl Client {
    /// For the API at this address: `http://host:port`, or `host:port`.
    pub fn new(url: &str) -> Result<Self, ClientError> {
        let refused = || ClientError::Url { url: url.into() };
        let full = if url.contains("://") { url.to_owned() } else { format!("http://{url}") };
        let parsed = reqwest::Url::parse(&full).map_err(|_| refused())?;
        if parsed.scheme() != "http" || parsed.host_str().is_none() {
            return Err(refused());
        }
        let http = reqwest::Client::builder()
            .no_proxy()
            .redirect(redirect::Policy::none())
            .connect_timeout(CONNECT_WITHIN)
            .timeout(ANSWER_WITHIN)
            .build()
            .map_err(|_| refused())?;
        Ok(Self { http, base: full.trim_end_matches('/').to_owned() })
    }

    /// Its base address.
    pub fn url(&self) -> &str {
        &self.base
    }

    /// How the node is.
    pub async fn status(&self) -> Result<StatusView, ClientError> {
        self.get(path::STATUS).await
    }

    /// The chain's genesis, not verified.
    pub async fn genesis(&self) -> Result<Genesis, ClientError> {
        self.get(path::GENESIS).await
    }

    /// One account.
    pub async fn account(&self, address: &Address) -> Result<AccountView, ClientError> {
        self.get(&format!("{}/{address}", path::ACCOUNTS)).await
    }

    /// Hands in one transaction. Safe to repeat.
    pub async fn submit(&self, signed: &SignedTransaction) -> Result<SubmitView, ClientError> {
        self.answer(self.http.post(self.at(path::TRANSACTIONS)).json(signed)).await
    }

    /// Hands in many; one answer each, in order.
    pub async fn submit_batch(&self, signed: &[SignedTransaction]) -> Result<Vec<SubmitView>, ClientError> {
        let request = self.http.post(self.at(path::TRANSACTIONS_BATCH));
        let request = request.header(reqwest::header::CONTENT_TYPE, BATCH_CONTENT_TYPE);
        self.answer(request.body(codec::encode(&signed))).await
    }

    /// Where a transaction is.
    pub async fn transaction(&self, id: &TransactionId) -> Result<TransactionView, ClientError> {
        self.get(&format!("{}/{id}", path::TRANSACTIONS)).await
    }

    /// A final block: `last`, a height, or a hash.
    pub async fn block(&self, wanted: &str) -> Result<BlockView, ClientError> {
        self.get(&format!("{}/{wanted}", path::BLOCKS)).await
    }

    /// Final messages of an account, newest first.
    pub async fn messages(&self, address: &Address, part: &PageRequest) -> Result<Page<MessageView>, ClientError> {
        self.page(&format!("{}/{address}", path::MESSAGES), part).await
    }

    /// Connected peers: all of them.
    pub async fn peers(&self) -> Result<Vec<PeerView>, ClientError> {
        self.whole(path::PEERS).await
    }

    /// All peers it knows of.
    pub async fn peers_known(&self) -> Result<Vec<KnownPeerView>, ClientError> {
        self.whole(path::PEERS_KNOWN).await
    }

    /// Does it take part? `Err` with a [`ClientError::Problem`] says why not.
    pub async fn ready(&self) -> Result<serde_json::Value, ClientError> {
        self.get(path::READY).await
    }

    fn at(&self, path: &str) -> String {
        format!("{}{path}", self.base)
    }

    async fn get<T: DeserializeOwned>(&self, path: &str) -> Result<T, ClientError> {
        self.answer(self.http.get(self.at(path))).await
    }

    async fn page<T: DeserializeOwned>(&self, path: &str, part: &PageRequest) -> Result<Page<T>, ClientError> {
        self.answer(self.http.get(self.at(path)).query(part)).await
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
                Some(_) if all.len() > LIST_MAX => return Err(self.foreign(format!("{path} never ends"))),
                next => part.cursor = next,
            }
        }
    }

    async fn answer<T: DeserializeOwned>(&self, request: RequestBuilder) -> Result<T, ClientError> {
        let response = request.send().await.map_err(|error| self.no_node(&error))?;
        let status = response.status();
        if status.is_success() {
            let bytes = self.bytes(response).await?;
            return serde_json::from_slice(&bytes).map_err(|error| self.foreign(error.to_string()));
        }
        Err(self.problem(status, &self.bytes(response).await?))
    }

    async fn bytes(&self, response: Response) -> Result<Vec<u8>, ClientError> {
        let bytes = response.bytes().await.map_err(|error| self.no_node(&error))?;
        Ok(bytes.to_vec())
    }

    fn problem(&self, status: StatusCode, body: &[u8]) -> ClientError {
        match serde_json::from_slice(body) {
            Ok(problem) => ClientError::Problem(Box::new(problem)),
            Err(_) => self.foreign(format!("it answers {status}")),
        }
    }

    fn no_node(&self, error: &reqwest::Error) -> ClientError {
        ClientError::NoNode { url: self.base.clone(), cause: innermost(error) }
    }

    fn foreign(&self, reason: String) -> ClientError {
        ClientError::Foreign { url: self.base.clone(), reason }
    }
}

/// The last cause in a chain of errors: `connection refused`, not "error sending request for url".
fn innermost(error: &reqwest::Error) -> String {
    if error.is_timeout() {
        return "no answer in time".into();
    }
    let mut cause: &dyn std::error::Error = error;
    while let Some(deeper) = cause.source() {
        cause = deeper;
    }
    cause.to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_may_lack_its_scheme_but_not_its_host() {
        assert_eq!(Client::new("127.0.0.1:7474").unwrap().url(), "http://127.0.0.1:7474");
        assert_eq!(Client::new("http://node:1/").unwrap().url(), "http://node:1");
        for wrong in ["", "https://a", "ftp://a", "http://", "not an address"] {
            assert!(matches!(Client::new(wrong), Err(ClientError::Url { .. })), "{wrong}");
        }
    }

    #[tokio::test]
    async fn an_absent_node_is_named_with_its_address() {
        // Port 9 is discard: nobody serves it here.
        let refused = Client::new("127.0.0.1:9").unwrap().status().await.unwrap_err();
        assert!(refused.to_string().starts_with("no node answers at http://127.0.0.1:9"), "{refused}");
    }
}
