//! Lines of a node's log.

use blockchat_proto::units::UnixMillis;
use serde::{Deserialize, Serialize};

/// One line.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct LogLineView {
    /// Its number since the process started, from 1: a gap means that lines in between are no longer kept.
    pub number: u64,
    /// When.
    #[cfg_attr(feature = "openapi", schema(value_type = super::open::UnixMillis))]
    pub time: UnixMillis,
    /// How bad it is.
    pub level: LogLevel,
    /// Which part of the program says it.
    pub target: String,
    /// Its text: one line, with its values as `name=value` behind it. May hold text of strangers.
    pub text: String,
}

/// How bad a log line is, worst first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case")]
pub enum LogLevel {
    /// Something is broken.
    Error,
    /// The operator should know.
    Warn,
    /// Informs.
    Info,
    /// How it happens.
    Debug,
    /// Everything.
    Trace,
    /// Something that this program does not know yet.
    #[serde(other)]
    Unknown,
}

impl LogLevel {
    /// As in JSON.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Error => "error",
            Self::Warn => "warn",
            Self::Info => "info",
            Self::Debug => "debug",
            Self::Trace => "trace",
            Self::Unknown => "unknown",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_level_is_its_name_and_the_worst_comes_first() {
        use LogLevel::{Debug, Error, Info, Trace, Unknown, Warn};
        for level in [Error, Warn, Info, Debug, Trace, Unknown] {
            let json = format!("\"{}\"", level.as_str());
            assert_eq!(serde_json::to_string(&level).unwrap(), json);
            assert_eq!(serde_json::from_str::<LogLevel>(&json).unwrap(), level);
        }
        assert!(Error < Warn && Warn < Info);
    }
}
