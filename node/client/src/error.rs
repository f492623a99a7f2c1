//! Why a node gave no useful answer: whose fault it is, and whether to ask again.

use crate::shapes::{Code, Problem};
use blockchat_proto::refusal::Retry;
use std::time::Duration;

/// Why a call failed.
#[derive(Debug, thiserror::Error)]
pub enum ClientError {
    /// Not an address of an API.
    #[error("{url:?} is not the address of an API, such as http://127.0.0.1:7474")]
    Url {
        /// The address as given.
        url: String,
    },
    /// No node can be reached there: the request did not arrive.
    #[error("no node answers at {url}: {cause}")]
    NoNode {
        /// The address.
        url: String,
        /// The system's error.
        cause: String,
    },
    /// The connection ended before the whole answer was there: most often the node was killed. The request may have
    /// arrived.
    #[error("the node at {url} closed the connection: {cause}")]
    HungUp {
        /// The address.
        url: String,
        /// The system's error.
        cause: String,
    },
    /// No whole answer in time. The request may have arrived.
    #[error("no node answers at {url}: no answer in time ({} s)", .within.as_secs())]
    Timeout {
        /// The address.
        url: String,
        /// How long it had.
        within: Duration,
    },
    /// The node refuses, or cannot, and says why.
    #[error("{}", .0.detail)]
    Problem(Box<Problem>),
    /// Something answers there that is no BlockChat node.
    #[error("the server at {url} is not a BlockChat node: {reason}")]
    Foreign {
        /// The address.
        url: String,
        /// The evidence.
        reason: String,
    },
    /// An answer in JSON that is not what this program expects: a node of another version, or another program.
    #[error("the server at {url} has another version of the BlockChat API: {reason}")]
    Shape {
        /// The address.
        url: String,
        /// The fault of the answer.
        reason: String,
    },
    /// A longer answer than any that a node gives there; it was not read.
    #[error("the answer of {url} is longer than {limit_bytes} bytes, which is not possible for a BlockChat node")]
    TooLong {
        /// The address.
        url: String,
        /// The most that is read.
        limit_bytes: usize,
    },
}

impl ClientError {
    /// The node's code, if it was the node that refused.
    pub fn code(&self) -> Option<&Code> {
        match self {
            Self::Problem(problem) => Some(&problem.code),
            _ => None,
        }
    }

    /// Did the node refuse with this code?
    pub fn is(&self, code: impl Into<Code>) -> bool {
        self.code() == Some(&code.into())
    }

    /// May the same request succeed later? The node's own word if it refused. Submitting twice is safe.
    pub fn retry(&self) -> Retry {
        match self {
            Self::Problem(problem) => problem.retry,
            Self::NoNode { .. } | Self::HungUp { .. } | Self::Timeout { .. } => Retry::Now,
            Self::Url { .. } | Self::Foreign { .. } | Self::Shape { .. } | Self::TooLong { .. } => Retry::Never,
        }
    }
}
