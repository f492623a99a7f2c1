//! Proofs that need no trust in the answering node: headers with certificates, validator sets, receipts.
//! SPEC API-6, RCPT-1.

use blockchat_proto::block::Header;
use blockchat_proto::units::Height;
use blockchat_proto::vote::Certificate;
use serde::{Deserialize, Serialize};

/// Where the trust of a receipt begins. SPEC RCPT-4.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TrustRequest {
    /// At the block of this height; at the genesis if absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub trust: Option<Height>,
}

/// A header with the proof that its block is final.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct HeaderView {
    /// The header.
    pub header: Header,
    /// Of exactly this block.
    pub certificate: Certificate,
}
