//! The one place that reads the wall clock.
#![allow(clippy::disallowed_methods, reason = "the ban names this file")]

use blockchat_proto::units::UnixMillis;
use std::time::{SystemTime, UNIX_EPOCH};

/// The time of this machine's clock. It may step, in either direction; a clock before 1970 reads 0.
pub fn unix_millis() -> UnixMillis {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    UnixMillis(u64::try_from(since.as_millis()).unwrap_or(u64::MAX))
}
