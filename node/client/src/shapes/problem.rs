//! Errors. SPEC API-5.

use serde::{Deserialize, Serialize};

/// An error, as in RFC 9457. SPEC API-5.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Problem {
    /// `about:blank`.
    #[serde(rename = "type")]
    pub kind: String,
    /// Short.
    pub title: String,
    /// HTTP status.
    pub status: u16,
    /// Cause and next step.
    pub detail: String,
    /// Stable code for scripts.
    pub code: String,
}
