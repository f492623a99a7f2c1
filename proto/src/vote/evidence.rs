//! The proof that a key said two things where it may say one. SPEC EVID-1.
//!
//! What it costs, once that is in force: SPEC EVID-2.

use super::{SignedProposal, SignedVote};
use serde::{Deserialize, Serialize};

/// Two contradicting messages of one key. SPEC EVID-1. Their bytes are fixed; the rules that punish come with EVID-2.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub enum Evidence {
    /// Two different votes of one kind, height and round.
    Votes {
        /// The smaller one in encoding order,
        first: SignedVote,
        /// and the other.
        second: SignedVote,
    },
    /// Two different proposals of one height and round.
    Proposals {
        /// The smaller one in encoding order,
        first: SignedProposal,
        /// and the other.
        second: SignedProposal,
    },
}
