//! Why the store cannot go on: which file and what is wrong; beside it, what to do next.

use std::io;
use std::path::{Path, PathBuf};

/// A fault of a file. None of these is input of others: the node stops, or the reader gets a plain error.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// The operating system refused.
    #[error("cannot {action} {file}: {source}")]
    Io {
        /// The file.
        file: PathBuf,
        /// The attempted operation.
        action: &'static str,
        /// The error of the system.
        source: io::Error,
    },
    /// Another process holds the file.
    #[error("{file} is in use by another process")]
    InUse {
        /// The file.
        file: PathBuf,
    },
    /// Bytes changed on disk, or another program wrote them.
    #[error("{file} is damaged at {place}: {reason}")]
    Damaged {
        /// The file.
        file: PathBuf,
        /// The place in it: a height, an offset, a table.
        place: String,
        /// The mismatch.
        reason: String,
        /// The remedy.
        next: &'static str,
    },
    /// Written by a later version of this program.
    #[error("{file} has format {found}, this program knows formats up to {known}")]
    SchemaTooNew {
        /// The file.
        file: PathBuf,
        /// In the file.
        found: u32,
        /// The newest we know.
        known: u32,
    },
    /// Written by an earlier version of this program.
    #[error("{file} has format {found}, this program knows format {known}")]
    SchemaTooOld {
        /// The file.
        file: PathBuf,
        /// In the file.
        found: u32,
        /// The one we know.
        known: u32,
    },
    /// The store belongs to another chain.
    #[error("{file} holds chain {found}, but the genesis is that of chain {expected}")]
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
    /// It was there when the node started.
    #[error("{file} was removed or replaced while the node ran")]
    Gone {
        /// The file.
        file: PathBuf,
    },
    /// A file that failed once is not written again: what reached the disk is unknown.
    #[error("{file} failed before and is not written any more")]
    Broken {
        /// The file.
        file: PathBuf,
    },
}

/// The remedy for a damaged block store.
pub(super) const REFETCH: &str = "move the file away (do not delete it yet) and start the node again: keys stay, blocks come from peers, if the chain has any";
/// The remedy for a damaged journal.
pub(super) const JOURNAL_LOST: &str =
    "move the file away and start the node again: it then signs only what comes after what its guard names";
/// The remedy for a damaged list of own transactions.
pub(super) const OWN_LOST: &str =
    "move the file away and start the node again; what was submitted here and is not final must be submitted again";
/// The remedy for a damaged guard.
pub(super) const GUARD_LOST: &str = "make sure that the key is used nowhere else, then `blockchat-node guard reset --api http://HOST:PORT` with another node of the chain";

impl StoreError {
    /// The remedy.
    pub fn next_step(&self) -> &'static str {
        match self {
            Self::Io { source, .. } => match source.kind() {
                io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded | io::ErrorKind::FileTooLarge => {
                    "free some space, then start the node again: it goes on where it was"
                }
                io::ErrorKind::ReadOnlyFilesystem => "make its file system writable, then start the node again",
                io::ErrorKind::PermissionDenied => "give the user of the node the right to read and write it",
                _ => "check the disk, then start the node again",
            },
            Self::InUse { .. } => {
                "a node runs in this home: use it (`blockchat-node status`), or give this one a home of its own with --home"
            }
            Self::Damaged { next, .. } => next,
            Self::SchemaTooNew { .. } => "use the newer program that wrote it",
            Self::SchemaTooOld { .. } => REFETCH,
            Self::OtherChain { .. } => "put back the genesis.json it was made with, or use another --home",
            Self::Gone { .. } => {
                "put the folder back as it was, then start the node again; without it, it begins anew and fetches its blocks from peers"
            }
            Self::NotNext { .. } | Self::Broken { .. } => "start the node again: it goes on from what is on disk",
        }
    }

    /// A stable name for scripts; never changes once released.
    pub fn code(&self) -> &'static str {
        match self {
            Self::Io { .. } => "disk_refused",
            Self::InUse { .. } => "home_in_use",
            Self::Damaged { .. } => "file_damaged",
            Self::SchemaTooNew { .. } => "format_too_new",
            Self::SchemaTooOld { .. } => "format_too_old",
            Self::OtherChain { .. } => "other_chain",
            Self::Gone { .. } => "file_gone",
            Self::NotNext { .. } | Self::Broken { .. } => "store_fault",
        }
    }

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
