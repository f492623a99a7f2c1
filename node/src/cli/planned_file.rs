//! Files that are going to be written: which, with what content, for whose eyes.
//!
//! Always true: what is not on the list is not written, and the list is whole before the first file is; all files come to
//! be or none (see [`Unfinished`]), the last one decides.
//! Start reading at [`write_all`].

use super::failure::Failure;
use super::unfinished::Unfinished;
use crate::wallet::keystore::{self, KeyUse, KeystoreError, Passphrase};
use blockchat_host::whole_file::{self, Access};
use blockchat_proto::keys::Signer;
use std::fmt;
use std::path::{Path, PathBuf};
use zeroize::Zeroizing;

/// One file of a plan.
pub(crate) struct PlannedFile {
    path: PathBuf,
    content: Zeroizing<Vec<u8>>,
    /// The mode of the file; `None`: it replaces a file that may exist, and keeps that file's mode.
    access: Option<Access>,
}

impl fmt::Debug for PlannedFile {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PlannedFile").field("path", &self.path).field("access", &self.access).finish_non_exhaustive()
    }
}

impl PlannedFile {
    /// A file that is not there yet.
    pub(crate) fn new(path: PathBuf, content: impl Into<Vec<u8>>, access: Access) -> Self {
        Self { path, content: Zeroizing::new(content.into()), access: Some(access) }
    }

    /// A file whose old content, if there is one, is part of the new one.
    pub(crate) fn replacing(path: PathBuf, content: impl Into<Vec<u8>>) -> Self {
        Self { path, content: Zeroizing::new(content.into()), access: None }
    }

    /// A key file, for its owner's eyes.
    pub(crate) fn key(
        path: PathBuf,
        signer: &Signer,
        key_use: KeyUse,
        passphrase: Option<&Passphrase>,
    ) -> Result<Self, KeystoreError> {
        let text = keystore::content(&path, signer, key_use, passphrase)?;
        Ok(Self::new(path, text.as_bytes(), Access::Private))
    }

    /// The same file, readable by all.
    pub(crate) fn for_everybody(self) -> Self {
        Self { access: Some(Access::Public), ..self }
    }

    fn write(&self) -> Result<(), Failure> {
        if let Some(folder) = self.path.parent() {
            whole_file::create_folder(folder).map_err(|error| Failure::file(folder, "create", &error))?;
        }
        let written = match self.access {
            Some(access) => whole_file::create(&self.path, &self.content, access),
            None => whole_file::replace(&self.path, &self.content),
        };
        written.map_err(|error| Failure::file(&self.path, "write", &error))
    }
}

/// Writes the files below `folder`. `refuse` is asked once the leftovers of an interrupted run are gone, `plan` after that.
pub(crate) fn write_all(
    folder: &Path,
    refuse: impl FnOnce() -> Result<(), Failure>,
    plan: impl FnOnce() -> Result<Vec<PlannedFile>, Failure>,
) -> Result<(), Failure> {
    let mut unfinished = Unfinished::begin(folder)?;
    let files = match refuse().and_then(|()| plan()) {
        Ok(files) => files,
        Err(refused) => {
            unfinished.finish();
            return Err(refused);
        }
    };
    // Existing files stay, even if this fails.
    let new: Vec<_> = files.iter().map(|file| file.path.clone()).filter(|path| !path.exists()).collect();
    let written = unfinished.announce(&new).and_then(|()| files.iter().try_for_each(PlannedFile::write));
    match written {
        Ok(()) => unfinished.finish(),
        Err(_) => unfinished.undo(&new),
    }
    written
}
