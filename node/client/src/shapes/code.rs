//! The stable codes of all refusals: those of transactions are the rules' ([`TxCode`]), those of a node that cannot
//! answer, or does not understand, are here, each with its HTTP status and whether to try again. SPEC API-5.
//!
//! Always true: a code that this program does not know is kept as it came, so that newer nodes can have more.

use blockchat_proto::refusal::{Retry, TxCode};
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use std::cmp::Ordering;
use std::fmt;

/// Why something is refused.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Code {
    /// The transaction is refused.
    Transaction(TxCode),
    /// The request is, or the node cannot answer it.
    Api(ApiCode),
    /// One that this program does not know: made from texts only, so never a known one.
    Unknown(String),
}

impl Code {
    /// The text, for scripts.
    pub fn as_str(&self) -> &str {
        match self {
            Self::Transaction(code) => code.as_str(),
            Self::Api(code) => code.as_str(),
            Self::Unknown(text) => text,
        }
    }
}

/// HTTP status of a refused transaction: 422, but 429 and 503 where only the node's own room is in the way.
pub fn status_of(code: TxCode) -> u16 {
    match code {
        TxCode::SenderLimit | TxCode::ReplacedTooOften => 429,
        TxCode::PoolFull => 503,
        _ => 422,
    }
}

impl From<&str> for Code {
    fn from(text: &str) -> Self {
        let api = || ApiCode::ALL.iter().find(|code| code.as_str() == text).copied().map(Self::Api);
        let known = TxCode::named(text).map(Self::Transaction).or_else(api);
        known.unwrap_or_else(|| Self::Unknown(text.to_owned()))
    }
}

impl From<TxCode> for Code {
    fn from(code: TxCode) -> Self {
        Self::Transaction(code)
    }
}

impl From<ApiCode> for Code {
    fn from(code: ApiCode) -> Self {
        Self::Api(code)
    }
}

impl PartialEq<TxCode> for Code {
    fn eq(&self, other: &TxCode) -> bool {
        matches!(self, Self::Transaction(code) if code == other)
    }
}

impl PartialEq<ApiCode> for Code {
    fn eq(&self, other: &ApiCode) -> bool {
        matches!(self, Self::Api(code) if code == other)
    }
}

/// By text: lists of refusals are in the order of their codes.
impl Ord for Code {
    fn cmp(&self, other: &Self) -> Ordering {
        self.as_str().cmp(other.as_str())
    }
}

impl PartialOrd for Code {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl fmt::Display for Code {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl Serialize for Code {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.as_str())
    }
}

impl<'de> Deserialize<'de> for Code {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Ok(Self::from(String::deserialize(deserializer)?.as_str()))
    }
}

/// The table: text, HTTP status, whether to try again.
macro_rules! api_codes {
    ($($(#[$doc:meta])* $variant:ident = $text:literal, $status:literal, $retry:ident;)+) => {
        /// Why a request is refused, or cannot be answered now.
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub enum ApiCode {
            $($(#[$doc])* $variant,)+
        }

        impl ApiCode {
            /// All of them.
            pub const ALL: &'static [Self] = &[$(Self::$variant),+];

            /// The stable text; never changes once released.
            pub const fn as_str(self) -> &'static str {
                match self {
                    $(Self::$variant => $text,)+
                }
            }

            /// The HTTP status it comes with.
            pub const fn status(self) -> u16 {
                match self {
                    $(Self::$variant => $status,)+
                }
            }

            /// Whether to try again, where the case does not say it better.
            pub const fn retry(self) -> Retry {
                match self {
                    $(Self::$variant => Retry::$retry,)+
                }
            }
        }
    };
}

api_codes! {
    /// An address whose checksum does not match.
    BadAddress = "bad_address", 400, Never;
    /// Neither `last`, a height, nor a hash.
    BadBlockReference = "bad_block_reference", 400, Never;
    /// Another content type than the path takes.
    BadContentType = "bad_content_type", 415, Never;
    /// A batch that is not canonical.
    BadEncoding = "bad_encoding", 400, Never;
    /// Not JSON, or no transaction.
    BadJson = "bad_json", 400, Never;
    /// An unknown or impossible parameter.
    BadQuery = "bad_query", 400, Never;
    /// Not 64 hex digits.
    BadTransactionId = "bad_transaction_id", 400, Never;
    /// More transactions than a batch may hold.
    BatchTooLarge = "batch_too_large", 413, Never;
    /// Not final yet (then: at which height), not kept, or unknown.
    BlockNotFound = "block_not_found", 404, Never;
    /// A body that is too long; 400 if it was cut off, 408 if it came too slowly.
    BodyRefused = "body_refused", 413, Never;
    /// Too much is under way.
    Busy = "busy", 503, Now;
    /// A batch without a transaction.
    EmptyBatch = "empty_batch", 400, Never;
    /// The API does not answer to this name.
    HostRefused = "host_refused", 421, Never;
    /// The path does not answer this method.
    MethodNotAllowed = "method_not_allowed", 405, Never;
    /// Nothing is there.
    NoSuchPath = "no_such_path", 404, Never;
    /// Not final yet, so that nothing proves it.
    NotFinal = "not_final", 404, Never;
    /// The node takes no part in its chain now.
    NotReady = "not_ready", 503, Now;
    /// The validators changed too often since the block where trust begins.
    ReceiptTooLong = "receipt_too_long", 413, Never;
    /// Pages of this origin may not ask.
    OriginRefused = "origin_refused", 403, Never;
    /// The node is not at the tip yet.
    Starting = "starting", 503, Now;
    /// The node is about to end.
    Stopping = "stopping", 503, Now;
    /// A file of the node cannot be read.
    StoreFault = "store_fault", 500, Never;
    /// The event loop does not answer.
    Stuck = "stuck", 503, Now;
    /// No answer in the time a request has.
    Timeout = "timeout", 503, Now;
    /// Neither final, pooled, nor refused lately.
    TransactionUnknown = "transaction_unknown", 404, Never;
    /// No final block names this validator set.
    SetUnknown = "validator_set_unknown", 404, Never;
}

impl fmt::Display for ApiCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_code_comes_back_from_its_text_and_no_text_has_two() {
        for code in TxCode::ALL {
            assert_eq!(Code::from(code.as_str()), *code);
        }
        for code in ApiCode::ALL {
            assert_eq!(Code::from(code.as_str()), *code);
        }
    }

    #[test]
    fn a_code_of_a_newer_node_is_kept_as_it_came() {
        let code: Code = serde_json::from_str(r#""moon_is_full""#).unwrap();
        assert_eq!(code, Code::Unknown("moon_is_full".into()));
        assert_eq!(serde_json::to_string(&code).unwrap(), r#""moon_is_full""#);
        assert!(code != ApiCode::Busy && code != TxCode::PoolFull);
    }

    #[test]
    fn only_what_says_try_again_has_a_status_that_says_so() {
        for code in ApiCode::ALL {
            assert_eq!(code.status() == 503, code.retry() == Retry::Now, "{code}");
        }
        for code in TxCode::ALL.iter().filter(|code| code.is_for_want_of_room()) {
            assert!([429, 503].contains(&status_of(*code)), "{code}");
        }
    }
}
