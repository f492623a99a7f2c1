//! Why the store cannot go on: which file, what is wrong, what to do next.

use std::io;
use std::path::{Path, PathBuf};

/// A fault of a file. None of these is anybody's input: the node stops, or the reader gets a plain error.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// The operating system refused.
    #[error("cannot {action} {file}: {source}{}", hint(source))]
    Io {
        /// The file.
        file: PathBuf,
        /// What was tried.
        action: &'static str,
        /// What the system said.
        source: io::Error,
    },
    /// Another process holds the file.
    #[error("{file} is in use by another process: stop the other node, or give this one a home of its own with --home")]
    InUse {
        /// The file.
        file: PathBuf,
    },
    /// Bytes changed on disk, or somebody else wrote them.
    #[error("{file} is damaged at {place}: {reason}. {next}")]
    Damaged {
        /// The file.
        file: PathBuf,
        /// Where in it: a height, an offset, a table.
        place: String,
        /// What does not fit.
        reason: String,
        /// What the operator can do.
        next: &'static str,
    },
    /// Written by a later version of this program.
    #[error("{file} has format {found}, this program knows formats up to {known}: use the newer program that wrote it")]
    SchemaTooNew {
        /// The file.
        file: PathBuf,
        /// In the file.
        found: u32,
        /// The newest we know.
        known: u32,
    },
    /// The store belongs to another chain.
    #[error(
        "{file} holds chain {found}, the genesis given is {expected}: use the genesis.json it was made with, or another --home"
    )]
    OtherChain {
        /// The file.
        file: PathBuf,
        /// Genesis hash in the file, shortened.
        found: String,
        /// Genesis hash given, shortened.
        expected: String,
    },
    /// A bug of ours: what was to be written does not follow what is there.
    #[error("{file}: block {found} cannot follow block {tip}")]
    NotNext {
        /// The file.
        file: PathBuf,
        /// Last height stored.
        tip: u64,
        /// Height to be stored.
        found: u64,
    },
    /// A file that failed once is not written again: what reached the disk is unknown.
    #[error("{file} failed before and is not written any more: restart the node")]
    Broken {
        /// The file.
        file: PathBuf,
    },
}

/// The next step for the failures operators meet.
fn hint(source: &io::Error) -> &'static str {
    match source.kind() {
        io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => ": free some space, then start the node again",
        io::ErrorKind::ReadOnlyFilesystem => ": mount it writable, then start the node again",
        io::ErrorKind::PermissionDenied => ": give the user of the node the right to read and write it",
        _ => "",
    }
}

/// What to do about a damaged block store.
pub(super) const REFETCH: &str =
    "Stop the node, move the file away and start again: the blocks are fetched from peers, and the keys stay";
/// What to do about a damaged journal.
pub(super) const JOURNAL_LOST: &str =
    "Move the file away and start again: this validator then signs nothing up to the height its guard names";
/// What to do about a damaged list of own transactions.
pub(super) const OWN_LOST: &str =
    "Move the file away and start again: what was submitted here and is not final yet must be submitted again";
/// What to do about a damaged guard.
pub(super) const GUARD_LOST: &str = "Make sure the key is used nowhere else, then run `blockchat-node guard reset`";

impl StoreError {
    /// Turns an IO error into ours.
    pub(super) fn io(file: &Path, action: &'static str) -> impl FnOnce(io::Error) -> Self {
        let file = file.to_path_buf();
        move |source| Self::Io { file, action, source }
    }

    /// Damage of the block store.
    pub(super) fn damaged(file: &Path, place: impl Into<String>, reason: impl ToString) -> Self {
        Self::Damaged { file: file.to_path_buf(), place: place.into(), reason: reason.to_string(), next: REFETCH }
    }
}
