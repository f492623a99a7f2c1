//! Small files that appear whole or not at all.
//!
//! Owns: how one gets into its place: a draft beside it, synced, then renamed, then the folder synced. Does not own: which
//! files there are.
//!
//! Always true:
//! - a reader, also after the power went, sees the old content or the new one, never a part;
//! - a failed write leaves what was there, and no draft; a draft that a killed process left is used by the next one;
//! - two writers of one file take turns, and each file is wholly one of theirs;
//! - a link is followed: what it points at is replaced, the link stays;
//! - a private file can be read by its owner only, from its first byte on.
//!
//! Start reading at [`create`] and [`replace`].

use crate::platform;
use std::ffi::OsString;
use std::fs::{self, File, TryLockError};
use std::io::{self, ErrorKind, Write};
use std::path::{Path, PathBuf};

pub use crate::platform::{close_to_others, is_at};

/// Most links in a row, as the system has it.
const LINKS_MAX: usize = 40;
/// Mode of a file that only its owner may read.
const PRIVATE: u32 = 0o600;
/// Mode of any other new file.
const PUBLIC: u32 = 0o644;

/// The mode of a new file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Access {
    /// Its owner.
    Private,
    /// All users.
    Public,
}

/// Makes a new file with this content, durably. Blocks for the disk.
///
/// Errors: `AlreadyExists`, and then what is there stays untouched; the system's.
pub fn create(path: &Path, content: &[u8], access: Access) -> io::Result<()> {
    let mode = if access == Access::Private { PRIVATE } else { PUBLIC };
    place(path, content, mode, |draft| platform::rename_new(draft, path))
}

/// Puts `content` in the place of this file, or makes it, durably; its mode stays. Blocks for the disk.
pub fn replace(path: &Path, content: &[u8]) -> io::Result<()> {
    let path = target(path)?;
    let mode = platform::mode(&path).unwrap_or(PUBLIC);
    place(&path, content, mode, |draft| fs::rename(draft, &path))
}

/// The same for a file that only its owner may read, whatever its mode was.
pub fn replace_private(path: &Path, content: &[u8]) -> io::Result<()> {
    let path = target(path)?;
    place(&path, content, PRIVATE, |draft| fs::rename(draft, &path))
}

/// Writes the draft of this file, then gives it its name.
fn place(path: &Path, content: &[u8], mode: u32, rename: impl FnOnce(&Path) -> io::Result<()>) -> io::Result<()> {
    let draft = draft_of(path);
    let mut file = hold_draft(&draft)?;
    let written = (|| {
        match platform::set_mode(&file, mode) {
            // A file system without modes: a secret is not written there, anything else is.
            Err(error) if mode == PRIVATE => return Err(error),
            _ => {}
        }
        file.set_len(0)?;
        file.write_all(content)?;
        file.sync_all()?;
        rename(&draft)
    })();
    if written.is_err() {
        // Still held, so it is ours. The disk that refused the content may refuse this too: the next writer uses it then.
        drop(fs::remove_file(&draft));
    }
    written?;
    sync_folder(path)
}

/// The path of a draft: `x.toml.new` beside `x.toml`.
pub fn draft_of(path: &Path) -> PathBuf {
    let mut draft = OsString::from(path);
    draft.push(".new");
    draft.into()
}

/// The draft, for this process alone: another writer has its turn first, and what a killed one left is taken over.
fn hold_draft(draft: &Path) -> io::Result<File> {
    loop {
        let file = platform::open_draft(draft)?;
        file.lock()?;
        if is_at(&file, draft)? {
            return Ok(file);
        }
    }
}

/// The end of the links that begin at this path.
fn target(path: &Path) -> io::Result<PathBuf> {
    let mut path = path.to_path_buf();
    for _ in 0..LINKS_MAX {
        match fs::read_link(&path) {
            Ok(next) => path = path.parent().unwrap_or(Path::new("")).join(next),
            Err(_) => return Ok(path),
        }
    }
    Err(io::Error::new(ErrorKind::InvalidInput, "its links lead round in a circle"))
}

/// Makes the names in the folder of this file durable: a new name survives a power cut only after this.
pub fn sync_folder(path: &Path) -> io::Result<()> {
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    platform::sync_folder(folder)
}

/// Makes a folder, with its parents, that only its owner may enter, durably. One that exists is left as it is.
pub fn create_folder(path: &Path) -> io::Result<()> {
    if path.as_os_str().is_empty() || path.is_dir() {
        return Ok(());
    }
    if let Some(parent) = path.parent() {
        create_folder(parent)?;
    }
    match platform::make_private_folder(path) {
        Err(error) if error.kind() == ErrorKind::AlreadyExists && path.is_dir() => Ok(()),
        Err(error) => Err(error),
        Ok(()) => sync_folder(path),
    }
}

/// Holds a file for this process until the answer is dropped or the process ends; `None` while another one holds it.
pub fn try_hold(path: &Path) -> io::Result<Option<File>> {
    held(File::open(path)?)
}

/// The same, and makes an empty file, private, if there is none.
pub fn try_hold_new(path: &Path) -> io::Result<Option<File>> {
    loop {
        match held(platform::open_private(path)?)? {
            Some(file) if !is_at(&file, path)? => {}
            found => return Ok(found),
        }
    }
}

/// The same, after its turn: waits while another process, or another part of this one, holds it. Blocks.
pub fn hold_new(path: &Path) -> io::Result<File> {
    loop {
        let file = platform::open_private(path)?;
        file.lock()?;
        if is_at(&file, path)? {
            return Ok(file);
        }
    }
}

fn held(file: File) -> io::Result<Option<File>> {
    match file.try_lock() {
        Ok(()) => Ok(Some(file)),
        Err(TryLockError::WouldBlock) => Ok(None),
        Err(TryLockError::Error(error)) => Err(error),
    }
}

/// The mode bits by which others than the owner may use the file; 0 if none.
pub fn open_bits(path: &Path) -> io::Result<u32> {
    Ok(platform::mode(path)? & 0o077)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs::Permissions;
    use std::os::unix::fs::{PermissionsExt, symlink};
    use tempfile::TempDir;

    fn folder() -> (TempDir, PathBuf) {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("contacts.toml");
        (folder, path)
    }

    fn names(folder: &TempDir) -> Vec<OsString> {
        let mut names: Vec<_> = fs::read_dir(folder.path()).unwrap().map(|entry| entry.unwrap().file_name()).collect();
        names.sort();
        names
    }

    fn mode(path: &Path) -> u32 {
        fs::metadata(path).unwrap().permissions().mode() & 0o777
    }

    #[test]
    fn the_new_content_takes_the_place_of_the_old_one_and_of_a_draft_that_was_left() {
        let (folder, path) = folder();
        fs::write(draft_of(&path), "a draft that is much longer than what comes now").unwrap();
        replace(&path, b"first").unwrap();
        assert_eq!(fs::read(&path).unwrap(), b"first");
        fs::set_permissions(&path, Permissions::from_mode(0o640)).unwrap();
        replace(&path, b"second").unwrap();
        assert_eq!((fs::read(&path).unwrap(), mode(&path)), (b"second".to_vec(), 0o640));
        assert_eq!(names(&folder), ["contacts.toml"], "no draft stays");
    }

    #[test]
    fn a_new_file_never_takes_the_place_of_another() {
        let (folder, path) = folder();
        fs::write(draft_of(&path), "left").unwrap();
        create(&path, b"first", Access::Private).unwrap();
        assert_eq!(create(&path, b"second", Access::Private).unwrap_err().kind(), ErrorKind::AlreadyExists);
        assert_eq!((fs::read(&path).unwrap(), mode(&path)), (b"first".to_vec(), 0o600));
        assert_eq!(names(&folder), ["contacts.toml"]);
        replace_private(&path, b"third").unwrap();
        assert_eq!((fs::read(&path).unwrap(), mode(&path)), (b"third".to_vec(), 0o600));
    }

    #[test]
    fn links_are_followed_and_stay() {
        let (folder, path) = folder();
        let (elsewhere, between) = (folder.path().join("elsewhere"), folder.path().join("between"));
        symlink("elsewhere", &between).unwrap();
        symlink(&between, &path).unwrap();
        for content in ["first", "second"] {
            replace(&path, content.as_bytes()).unwrap();
            assert_eq!(fs::read_to_string(&elsewhere).unwrap(), content);
        }
        assert!(path.is_symlink() && between.is_symlink());
        let round = folder.path().join("round");
        symlink("round", &round).unwrap();
        assert!(replace(&round, b"x").is_err());
    }

    #[test]
    fn a_link_where_the_draft_goes_is_not_written_through() {
        let (folder, path) = folder();
        let victim = folder.path().join("victim");
        fs::write(&victim, "mine").unwrap();
        symlink(&victim, draft_of(&path)).unwrap();
        assert!(create(&path, b"x", Access::Private).is_err());
        assert_eq!(fs::read_to_string(&victim).unwrap(), "mine");
    }

    #[test]
    fn many_writers_at_once_leave_one_whole_file() {
        let (folder, path) = folder();
        let made: usize = std::thread::scope(|scope| {
            let one = |n: u8| {
                let path = &path;
                scope.spawn(move || usize::from(create(path, &vec![n; 50_000], Access::Private).is_ok()))
            };
            let all: Vec<_> = (0..8).map(one).collect();
            all.into_iter().map(|one| one.join().unwrap()).sum()
        });
        let content = fs::read(&path).unwrap();
        assert_eq!((made, content.len()), (1, 50_000));
        assert!(content.iter().all(|byte| *byte == content[0]));
        assert_eq!(names(&folder), ["contacts.toml"]);
    }

    #[test]
    fn a_file_that_others_could_use_is_closed_to_them() {
        let (_folder, path) = folder();
        fs::write(&path, "x").unwrap();
        fs::set_permissions(&path, Permissions::from_mode(0o664)).unwrap();
        close_to_others(&path).unwrap();
        assert_eq!((mode(&path), open_bits(&path).unwrap()), (0o600, 0));
    }

    #[test]
    fn a_held_file_is_free_again_once_it_is_let_go() {
        let (_folder, path) = folder();
        let held = try_hold_new(&path).unwrap().unwrap();
        assert!(try_hold(&path).unwrap().is_none() && try_hold_new(&path).unwrap().is_none());
        drop(held);
        assert!(try_hold(&path).unwrap().is_some());
        let first = hold_new(&path).unwrap();
        std::thread::scope(|scope| {
            let second = scope.spawn(|| hold_new(&path).map(drop));
            assert!(try_hold(&path).unwrap().is_none());
            drop(first);
            second.join().unwrap().unwrap();
        });
    }

    #[test]
    fn folders_are_private_and_made_with_their_parents() {
        let (folder, _) = folder();
        let deep = folder.path().join("a/b/c");
        create_folder(&deep).unwrap();
        create_folder(&deep).unwrap();
        assert_eq!([mode(&deep), mode(&folder.path().join("a"))], [0o700, 0o700]);
        fs::write(folder.path().join("file"), "").unwrap();
        assert!(create_folder(&folder.path().join("file/x")).is_err());
    }
}
