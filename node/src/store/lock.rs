//! One process a file: locks that the system gives back when a process ends, however it ends.

use super::error::StoreError;
use blockchat_host::whole_file;
use std::fs::{File, OpenOptions, TryLockError};
use std::path::Path;

/// Opens `file` for reading and writing and holds it for this process alone, as long as the returned handle lives. With
/// `create`, makes an empty file if there is none.
pub(super) fn open_alone(file: &Path, create: bool) -> Result<File, StoreError> {
    loop {
        let handle = OpenOptions::new()
            .read(true)
            .write(true)
            .create(create)
            .truncate(false)
            .open(file)
            .map_err(StoreError::io(file, "open"))?;
        match handle.try_lock() {
            // Another file may have taken its name meanwhile: the lock of the old one says nothing of that.
            Ok(()) if !whole_file::is_at(&handle, file).map_err(StoreError::io(file, "look at"))? => {}
            Ok(()) => return Ok(handle),
            Err(TryLockError::WouldBlock) => return Err(StoreError::InUse { file: file.to_path_buf() }),
            Err(TryLockError::Error(other)) => return Err(StoreError::io(file, "lock")(other)),
        }
    }
}

/// Makes the names in the folder of `file` durable: a new file survives a power cut only after this.
pub(super) fn sync_folder(file: &Path) -> Result<(), StoreError> {
    whole_file::sync_folder(file).map_err(StoreError::io(file.parent().unwrap_or(file), "make durable"))
}
