//! Differences between systems: modes of files, one file in two names, writes at a place, core dumps, signals.
//!
//! Owns: every use of a system's own calls. Does not own: what they are used for (`whole_file`, `signals`, the node's store).
//! Always true: both forms have the same functions, so that nothing above this folder asks on which system it is. Locks of
//! files need no form: `File::lock` is everywhere.
//!
//! Linux and macOS have the Unix form. The Windows form compiles; no node has run with it yet.

#[cfg(unix)]
mod unix;
#[cfg(windows)]
mod windows;

#[cfg(unix)]
pub use unix::{
    Signals, close_to_others, forbid_core_dump, is_at, make_private_folder, mode, open_draft, open_private,
    path_from_bytes, path_to_bytes, rename_new, set_mode, sync_folder, write_all_at,
};
#[cfg(windows)]
pub use windows::{
    Signals, close_to_others, forbid_core_dump, is_at, make_private_folder, mode, open_draft, open_private,
    path_from_bytes, path_to_bytes, rename_new, set_mode, sync_folder, write_all_at,
};

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs::{self, File};

    #[test]
    fn bytes_are_written_at_their_place_and_nowhere_else() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("x");
        fs::write(&path, b"0123456789").unwrap();
        let file = File::options().read(true).write(true).open(&path).unwrap();
        write_all_at(&file, b"ab", 4).unwrap();
        assert_eq!(fs::read(&path).unwrap(), b"0123ab6789");
    }

    #[test]
    fn a_file_that_took_the_name_of_another_is_told_from_it() {
        let folder = tempfile::tempdir().unwrap();
        let (one, other) = (folder.path().join("one"), folder.path().join("other"));
        fs::write(&one, "1").unwrap();
        fs::write(&other, "2").unwrap();
        let open = File::open(&one).unwrap();
        assert!(is_at(&open, &one).unwrap() && !is_at(&open, &other).unwrap());
        assert!(!is_at(&open, &folder.path().join("none")).unwrap());
    }

    #[test]
    fn a_new_name_is_never_that_of_another_file() {
        let folder = tempfile::tempdir().unwrap();
        let (from, to) = (folder.path().join("from"), folder.path().join("to"));
        fs::write(&from, "new").unwrap();
        fs::write(&to, "old").unwrap();
        assert_eq!(rename_new(&from, &to).unwrap_err().kind(), std::io::ErrorKind::AlreadyExists);
        assert_eq!(fs::read(&to).unwrap(), b"old");
        fs::remove_file(&to).unwrap();
        rename_new(&from, &to).unwrap();
        assert_eq!((fs::read(&to).unwrap(), from.exists()), (b"new".to_vec(), false));
    }

    #[test]
    fn a_path_survives_its_bytes() {
        let path = std::path::PathBuf::from("/some/path");
        assert_eq!(path_from_bytes(path_to_bytes(&path)), path);
    }
}
