//! Events of one node, as they come.
//!
//! Always true: a stream on which nothing comes for [`SILENT_MAX`] is an error, not a quiet chain: a node sends something
//! every 15 s. Events of other names are passed over: a newer node may have more.
//! Start reading at [`Events::next`].

use crate::error::ClientError;
use crate::http::Line;
use crate::shapes::{BlockEvent, NodeEvent};
use crate::sse::{Event, Parser};
use reqwest::Response;
use std::collections::VecDeque;
use std::time::Duration;
use tokio::time::timeout;

/// Longest silence of a stream: three signs of life were due.
pub const SILENT_MAX: Duration = Duration::from_secs(45);

/// An open event stream. Dropping it closes it.
#[derive(Debug)]
pub struct Events {
    line: Line,
    response: Response,
    parser: Parser,
    come: VecDeque<Event>,
    last_id: Option<String>,
}

impl Events {
    pub(crate) fn new(line: Line, response: Response) -> Self {
        Self { line, response, parser: Parser::default(), come: VecDeque::new(), last_id: None }
    }

    /// The next event; `None` once the node has ended the stream. Cancel safe: what has come stays for the next call.
    pub async fn next(&mut self) -> Result<Option<NodeEvent>, ClientError> {
        loop {
            while let Some(event) = self.come.pop_front() {
                self.last_id = Some(event.id).filter(|id| !id.is_empty());
                if let Some(read) = NodeEvent::read(&event.name, &event.data) {
                    return read.map(Some).map_err(|error| self.line.shape(format!("an event: {error}")));
                }
            }
            let chunk = timeout(SILENT_MAX, self.response.chunk()).await.map_err(|_| self.line.silent(SILENT_MAX))?;
            let Some(chunk) = chunk.map_err(|error| self.line.broken(&error))? else { return Ok(None) };
            self.parser.read(&chunk, &mut self.come).map_err(|error| self.line.shape(error.to_string()))?;
        }
    }

    /// Id of the last event, for [`crate::Client::listen`] after the stream broke.
    pub fn last_id(&self) -> Option<&str> {
        self.last_id.as_deref()
    }
}

/// An open event stream of new final blocks. Dropping it closes it.
#[derive(Debug)]
pub struct BlockEvents(Events);

impl BlockEvents {
    pub(crate) fn new(events: Events) -> Self {
        Self(events)
    }

    /// The next new block; `None` once the node has ended the stream. Cancel safe: what has come stays for the next call.
    pub async fn next(&mut self) -> Result<Option<BlockEvent>, ClientError> {
        loop {
            match self.0.next().await? {
                Some(NodeEvent::Block(block)) => return Ok(Some(block)),
                Some(_) => {}
                None => return Ok(None),
            }
        }
    }

    /// Id of the last event, for [`crate::Client::events`] after the stream broke.
    pub fn last_id(&self) -> Option<&str> {
        self.0.last_id()
    }
}
