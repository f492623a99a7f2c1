//! Core dumps: a process that holds keys leaves none.

use rustix::process::{Resource, Rlimit, setrlimit};
use std::io;

/// From now on a crash of this process writes its memory nowhere, neither to a file nor to a collector of the system.
/// What it starts has no core files either.
///
/// Errors: the system refuses, which none does that we know of.
pub fn forbid() -> io::Result<()> {
    setrlimit(Resource::Core, Rlimit { current: Some(0), maximum: Some(0) })?;
    // A collector behind a pipe does not look at the limit.
    #[cfg(target_os = "linux")]
    rustix::process::set_dumpable_behavior(rustix::process::DumpableBehavior::NotDumpable)?;
    Ok(())
}
