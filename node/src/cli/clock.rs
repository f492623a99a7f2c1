//! The time, for what commands stamp and show.

use blockchat_proto::units::UnixMillis;
use std::time::SystemTime;

/// Now; 0 before 1970.
pub(crate) fn now() -> UnixMillis {
    let since = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
    UnixMillis(u64::try_from(since.as_millis()).unwrap_or(u64::MAX))
}
