//! One request and its answer: time, length and kind of the answer are checked before it is understood.
//!
//! Always true: a call ends within its time, whatever the other side does; no more of an answer is kept than its limit;
//! nothing is asked of a proxy or followed elsewhere, because a node's API is near.
//! Start reading at [`Connections::to`].

use crate::client::Client;
use crate::error::ClientError;
use reqwest::header::{CONTENT_TYPE, HeaderMap};
use reqwest::{RequestBuilder, Response, Url, redirect};
use serde::de::DeserializeOwned;
use std::sync::Arc;
use std::time::Duration;
use tokio::time::timeout;

/// Longest wait for a connection.
const CONNECT_WITHIN: Duration = Duration::from_secs(3);
/// Longest wait for a whole answer, unless told otherwise: a little more than a node allows itself.
const ANSWER_WITHIN: Duration = Duration::from_secs(15);
/// Longest answer that says why there is none.
const PROBLEM_BYTES_MAX: usize = 64 * 1024;
/// How much of something unreadable is shown.
const SHOWN_CHARS: usize = 200;

/// State shared by all clients of a program: open connections, kept for the next call. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Connections {
    http: reqwest::Client,
    answer_within: Duration,
}

impl Default for Connections {
    fn default() -> Self {
        Self::new(ANSWER_WITHIN)
    }
}

impl Connections {
    /// Calls that have no whole answer within this time fail; event streams live longer.
    pub fn new(answer_within: Duration) -> Self {
        let builder = reqwest::Client::builder().no_proxy().redirect(redirect::Policy::none());
        let builder = builder.connect_timeout(CONNECT_WITHIN).tcp_nodelay(true);
        let http = builder.build().expect("a client without TLS and proxy needs nothing from the system");
        Self { http, answer_within }
    }

    /// The API at this address: `http://host:port`, or `host:port`.
    pub fn to(&self, url: &str) -> Result<Client, ClientError> {
        let refused = || ClientError::Url { url: url.into() };
        let full = if url.contains("://") { url.to_owned() } else { format!("http://{url}") };
        let parsed = Url::parse(&full).map_err(|_| refused())?;
        if parsed.scheme() != "http" || parsed.host_str().is_none() {
            return Err(refused());
        }
        Ok(self.client(full.trim_end_matches('/')))
    }

    /// The API at this port of this machine.
    pub fn to_port(&self, port: u16) -> Client {
        self.client(&format!("http://127.0.0.1:{port}"))
    }

    fn client(&self, base: &str) -> Client {
        Client::over(Line { http: self.http.clone(), base: base.into(), answer_within: self.answer_within })
    }
}

/// The way to one node.
#[derive(Clone, Debug)]
pub(crate) struct Line {
    http: reqwest::Client,
    base: Arc<str>,
    answer_within: Duration,
}

impl Line {
    /// Its base address.
    pub(crate) fn base(&self) -> &str {
        &self.base
    }

    pub(crate) fn get(&self, path: &str) -> RequestBuilder {
        self.http.get(format!("{}{path}", self.base))
    }

    pub(crate) fn post(&self, path: &str) -> RequestBuilder {
        self.http.post(format!("{}{path}", self.base))
    }

    /// The answer to a request, understood. At most so many bytes of it.
    pub(crate) async fn answer<T: DeserializeOwned>(&self, ask: RequestBuilder, max: usize) -> Result<T, ClientError> {
        let ask = async {
            let mut response = self.open(ask).await?;
            self.expect_kind(response.headers(), "application/json")?;
            let bytes = self.read(&mut response, max).await?;
            serde_json::from_slice(&bytes).map_err(|error| self.shape(error.to_string()))
        };
        self.in_time(ask).await
    }

    /// The head of an answer whose body is a stream of events.
    pub(crate) async fn stream(&self, ask: RequestBuilder) -> Result<Response, ClientError> {
        let ask = async {
            let response = self.open(ask).await?;
            self.expect_kind(response.headers(), "text/event-stream")?;
            Ok::<_, ClientError>(response)
        };
        self.in_time(ask).await
    }

    async fn in_time<T>(&self, call: impl Future<Output = Result<T, ClientError>>) -> Result<T, ClientError> {
        let within = self.answer_within;
        timeout(within, call).await.unwrap_or_else(|_| Err(ClientError::Timeout { url: self.base.to_string(), within }))
    }

    /// Sends; a status that is no success is an error with its reason.
    async fn open(&self, ask: RequestBuilder) -> Result<Response, ClientError> {
        let mut response = ask.send().await.map_err(|error| self.broken(&error))?;
        if response.status().is_success() {
            return Ok(response);
        }
        let status = response.status();
        let bytes = self.read(&mut response, PROBLEM_BYTES_MAX).await?;
        let problem = serde_json::from_slice(&bytes);
        Err(problem.map_or_else(|_| self.foreign(format!("it answers {status}")), ClientError::Problem))
    }

    fn expect_kind(&self, headers: &HeaderMap, wanted: &str) -> Result<(), ClientError> {
        let found = headers.get(CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or("nothing");
        if found.split(';').next().is_some_and(|kind| kind.trim().eq_ignore_ascii_case(wanted)) {
            return Ok(());
        }
        Err(self.foreign(format!("it answers with {found:.40} where {wanted} is expected")))
    }

    async fn read(&self, response: &mut Response, max: usize) -> Result<Vec<u8>, ClientError> {
        let too_long = || ClientError::TooLong { url: self.base.to_string(), limit_bytes: max };
        let announced = response.content_length().unwrap_or(0);
        if u64::try_from(max).is_ok_and(|max| announced > max) {
            return Err(too_long());
        }
        let mut bytes = vec![];
        while let Some(chunk) = response.chunk().await.map_err(|error| self.broken(&error))? {
            if bytes.len() + chunk.len() > max {
                return Err(too_long());
            }
            bytes.extend_from_slice(&chunk);
        }
        Ok(bytes)
    }

    /// Maps a failure of the transport.
    pub(crate) fn broken(&self, error: &reqwest::Error) -> ClientError {
        let (url, cause) = (self.base.to_string(), innermost(error));
        if error.is_connect() { ClientError::NoNode { url, cause } } else { ClientError::HungUp { url, cause } }
    }

    fn foreign(&self, reason: String) -> ClientError {
        ClientError::Foreign { url: self.base.to_string(), reason }
    }

    /// An answer that is not what is expected there.
    pub(crate) fn shape(&self, reason: impl AsRef<str>) -> ClientError {
        let reason = reason.as_ref().chars().take(SHOWN_CHARS).collect();
        ClientError::Shape { url: self.base.to_string(), reason }
    }

    /// Nothing came for so long.
    pub(crate) fn silent(&self, within: Duration) -> ClientError {
        ClientError::Timeout { url: self.base.to_string(), within }
    }
}

/// The last cause in a chain of errors: `connection refused`, not "error sending request for url".
fn innermost(error: &reqwest::Error) -> String {
    if error.is_timeout() {
        return "no connection in time".into();
    }
    let mut cause: &dyn std::error::Error = error;
    while let Some(deeper) = cause.source() {
        cause = deeper;
    }
    cause.to_string()
}
