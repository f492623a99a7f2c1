//! Files that only their owner may read.
//!
//! Always true: a secret is never on disk in a file that others may open, not even for a moment; a file that others may
//! open is not read as a secret.

use crate::whole_file::sync_folder;
use rustix::fs::{FlockOperation, flock};
use rustix::io::Errno;
use std::fs::{DirBuilder, File, OpenOptions};
use std::io::{self, Write};
use std::path::Path;

/// Creates a folder, with its parents, that only its owner may enter. One that exists is left as it is.
pub fn create_folder(path: &Path) -> io::Result<()> {
    let mut builder = DirBuilder::new();
    builder.recursive(true);
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    builder.create(path)
}

/// Writes a new file durably; one that exists already is an error and stays untouched.
pub fn create(path: &Path, content: &[u8]) -> io::Result<()> {
    let mut options = OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    let mut file = options.open(path)?;
    file.write_all(content)?;
    file.sync_all()?;
    sync_folder(path)
}

/// The same in one step: whoever looks sees all of it or none, whenever this process ends. The caller has made sure that
/// nothing is there.
pub fn place(path: &Path, content: &[u8]) -> io::Result<()> {
    let mut draft = path.as_os_str().to_owned();
    draft.push(".new");
    let draft = Path::new(&draft);
    // Left behind by a process that was killed here.
    drop(std::fs::remove_file(draft));
    create(draft, content)?;
    std::fs::rename(draft, path)?;
    sync_folder(path)
}

/// Holds a file for this process until the answer is dropped or the process ends; `None` while another one holds it.
pub fn try_hold(path: &Path) -> io::Result<Option<File>> {
    let file = File::open(path)?;
    match flock(&file, FlockOperation::NonBlockingLockExclusive) {
        Ok(()) => Ok(Some(file)),
        Err(Errno::WOULDBLOCK) => Ok(None),
        Err(other) => Err(other.into()),
    }
}

/// The mode bits by which others than the owner may use the file; 0 if none, and always 0 where there are no such bits.
pub fn open_bits(path: &Path) -> io::Result<u32> {
    let metadata = std::fs::metadata(path)?;
    #[cfg(unix)]
    return Ok(std::os::unix::fs::PermissionsExt::mode(&metadata.permissions()) & 0o077);
    #[cfg(not(unix))]
    return Ok(drop(metadata)).map(|()| 0);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_held_file_is_free_again_once_it_is_let_go() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("k");
        create(&path, b"x").unwrap();
        let held = try_hold(&path).unwrap().unwrap();
        assert!(try_hold(&path).unwrap().is_none());
        drop(held);
        assert!(try_hold(&path).unwrap().is_some());
    }
}
