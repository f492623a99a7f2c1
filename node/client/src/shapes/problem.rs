//! Errors. SPEC API-5.

use super::Code;
use blockchat_proto::refusal::Retry;
use serde::{Deserialize, Serialize};

/// An error, as in RFC 9457.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
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
    /// For programs.
    pub code: Code,
    /// May the same request succeed later?
    #[cfg_attr(feature = "openapi", schema(value_type = super::open::Retry))]
    pub retry: Retry,
}
