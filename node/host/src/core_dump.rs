//! Core dumps: a process that holds keys leaves none.

use crate::platform;
use std::io;

/// From now on a crash of this process writes its memory nowhere, neither to a file nor to a collector of the system.
/// What it starts has no core files either.
///
/// Errors: the system refuses, which none does that we know of.
pub fn forbid() -> io::Result<()> {
    platform::forbid_core_dump()
}
