//! A set of files that is being made, such as a home: all of it comes to be, or none of it.
//!
//! Owns: the file `unfinished` in the folder of the set, which lists what is to be made and is held by the maker.
//!
//! Always true: the list is on disk before the first of its files, and goes after the last one, which decides: once that
//! is there the set is whole. What an interrupted maker left is removed by the next one. Nothing that is not on a list is
//! ever removed, and no home in which a node ran.
//! Start reading at [`Unfinished::begin`].

use super::failure::Failure;
use blockchat_host::whole_file;
use std::fs::{self, File};
use std::io::{Read, Write};
use std::path::{Component, Path, PathBuf};

const NAME: &str = "unfinished";
/// Longest list, in bytes: far more than the largest network has.
const LIST_BYTES_MAX: u64 = 16 * 1024 * 1024;

/// The right to make a set in this folder. Let go of without an end, it leaves what an interrupted maker leaves.
#[derive(Debug)]
pub(crate) struct Unfinished {
    folder: PathBuf,
    held: File,
}

impl Unfinished {
    /// Makes the folder if need be, and removes what an interrupted maker left there.
    ///
    /// Errors: another maker is at work; an interrupted one left a home in which a node ran since; the system's.
    pub(crate) fn begin(folder: &Path) -> Result<Self, Failure> {
        whole_file::create_folder(folder).map_err(|error| Failure::file(folder, "create", &error))?;
        let path = folder.join(NAME);
        let failed = |error| Failure::file(&path, "write", &error);
        let Some(mut held) = whole_file::try_hold_new(&path).map_err(failed)? else {
            let cause = format!("another command is writing into {}", folder.display());
            return Err(Failure::new(cause, "wait for it, or name another folder").coded("home_in_use"));
        };
        let mut list = String::new();
        (&mut held).take(LIST_BYTES_MAX).read_to_string(&mut list).map_err(failed)?;
        clear(folder, &listed(folder, &list))?;
        Ok(Self { folder: folder.into(), held })
    }

    /// Puts on disk what is to be made: paths below the folder, the deciding one last.
    pub(crate) fn announce(&mut self, files: &[PathBuf]) -> Result<(), Failure> {
        let inside = files.iter().filter_map(|file| file.strip_prefix(&self.folder).ok()?.to_str());
        let list: String = inside.map(|file| file.to_owned() + "\n").collect();
        let path = self.folder.join(NAME);
        let held = &mut self.held;
        let written = held
            .set_len(0)
            .and_then(|()| std::io::Seek::rewind(held))
            .and_then(|()| held.write_all(list.as_bytes()))
            .and_then(|()| held.sync_all())
            .and_then(|()| whole_file::sync_folder(&path));
        written.map_err(|error| Failure::file(&path, "write", &error))
    }

    /// The end: all files are there, or none was begun.
    pub(crate) fn finish(self) {
        // If it stays, the next maker sees that the deciding file is there, or that the list is empty.
        drop(fs::remove_file(self.folder.join(NAME)));
    }

    /// The end of a set that could not be made: takes back what is there of it.
    pub(crate) fn undo(self, files: &[PathBuf]) {
        // A file that cannot be removed now stays on the list: the next start tries again.
        if clear(&self.folder, files).is_ok() {
            self.finish();
        }
    }
}

/// The files of a list, below the folder and nowhere else.
fn listed(folder: &Path, list: &str) -> Vec<PathBuf> {
    let inside = |path: &&Path| path.components().all(|part| matches!(part, Component::Normal(_)));
    list.lines().map(Path::new).filter(inside).map(|path| folder.join(path)).collect()
}

/// Removes these files with their drafts, and the folders that are empty then; but if the last one is there, the set is
/// whole and stays.
fn clear(folder: &Path, files: &[PathBuf]) -> Result<(), Failure> {
    if files.last().is_none_or(|deciding| deciding.exists()) {
        return Ok(());
    }
    let used = files.iter().filter(|file| file.ends_with("genesis.json")).map(|file| file.with_file_name("data"));
    if let Some(data) = used.into_iter().find(|data| data.exists()) {
        let cause = format!("{} exists, though its network was never finished", data.display());
        return Err(Failure::new(cause, "move it away, or choose another folder").coded("exists"));
    }
    for file in files.iter().flat_map(|file| [file.clone(), whole_file::draft_of(file)]) {
        match fs::remove_file(&file) {
            Err(error) if error.kind() != std::io::ErrorKind::NotFound && file.exists() => {
                return Err(Failure::file(&file, "remove", &error));
            }
            _ => {}
        }
    }
    for file in files {
        let inside = file.ancestors().skip(1).take_while(|above| *above != folder && above.starts_with(folder));
        // One that holds something else stays.
        inside.for_each(|above| drop(fs::remove_dir(above)));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn set(folder: &Path) -> Vec<PathBuf> {
        ["id0/keys/validator.pem", "id1/keys/validator.pem", "id0/genesis.json", "id1/genesis.json"]
            .map(|name| folder.join(name))
            .to_vec()
    }

    fn make(files: &[PathBuf]) {
        for file in files {
            fs::create_dir_all(file.parent().unwrap()).unwrap();
            fs::write(file, "x").unwrap();
        }
    }

    fn left(folder: &Path) -> usize {
        fs::read_dir(folder).unwrap().count()
    }

    #[test]
    fn what_an_interrupted_maker_left_is_removed_wherever_it_was_interrupted() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path();
        for made in 0..4 {
            let mut maker = Unfinished::begin(path).unwrap();
            maker.announce(&set(path)).unwrap();
            make(&set(path)[..made]);
            fs::create_dir_all(path.join("id0/keys")).unwrap();
            fs::write(path.join("id0/keys/validator.pem.new"), "half").unwrap();
            drop(maker);
            Unfinished::begin(path).unwrap().finish();
            assert_eq!(left(path), 0, "after {made} files");
        }
    }

    #[test]
    fn a_whole_set_stays_and_so_does_what_is_not_of_it() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path();
        let mut maker = Unfinished::begin(path).unwrap();
        maker.announce(&set(path)).unwrap();
        make(&set(path));
        drop(maker);
        Unfinished::begin(path).unwrap().finish();
        assert!(set(path).iter().all(|file| file.exists()));
        let mut maker = Unfinished::begin(path).unwrap();
        maker.announce(&set(path)).unwrap();
        fs::remove_file(path.join("id1/genesis.json")).unwrap();
        make(&[path.join("id0/wallets/bob.pem")]);
        maker.undo(&set(path));
        assert!(path.join("id0/wallets/bob.pem").exists() && !path.join("id0/keys").exists());
        assert_eq!(left(path), 1);
    }

    #[test]
    fn a_home_in_which_a_node_ran_is_never_removed() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path();
        let mut maker = Unfinished::begin(path).unwrap();
        maker.announce(&set(path)).unwrap();
        make(&set(path)[..3]);
        make(&[path.join("id0/data/store.redb")]);
        drop(maker);
        assert!(Unfinished::begin(path).is_err());
        assert!(set(path)[..3].iter().all(|file| file.exists()));
    }

    #[test]
    fn two_makers_are_not_at_work_at_once_and_no_list_reaches_out_of_its_folder() {
        let folder = tempfile::tempdir().unwrap();
        let _first = Unfinished::begin(folder.path()).unwrap();
        assert!(Unfinished::begin(folder.path()).is_err());
        let (inside, outside) =
            (listed(Path::new("/n"), "a/b\n"), listed(Path::new("/n"), "/etc/x\n../x\na/../../x\n"));
        assert_eq!((inside, outside), (vec![PathBuf::from("/n/a/b")], vec![]));
    }
}
