//! Small files that are replaced as a whole.
//!
//! Always true: whoever reads one, also after the power went, sees the old content or the new one, never a part.

use std::fs::{self, File};
use std::io::{self, Write};
use std::path::Path;

/// Puts `content` in the place of this file, or makes it, durably. Blocks for the disk.
///
/// On error the old file stands; a draft beside it, named like it with `.new`, may stay and is overwritten next time.
pub fn replace(path: &Path, content: &[u8]) -> io::Result<()> {
    let mut draft = path.as_os_str().to_owned();
    draft.push(".new");
    let mut file = File::create(&draft)?;
    file.write_all(content)?;
    file.sync_all()?;
    fs::rename(&draft, path)?;
    sync_folder(path)
}

/// Makes the names in the folder of this file durable: a new name survives a power cut only after this.
pub fn sync_folder(path: &Path) -> io::Result<()> {
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    if cfg!(unix) { File::open(folder)?.sync_all() } else { Ok(()) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_new_content_takes_the_place_of_the_old_one_and_of_a_draft_that_was_left() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("contacts.toml");
        fs::write(folder.path().join("contacts.toml.new"), "a draft that is much longer than what comes now").unwrap();
        replace(&path, b"first").unwrap();
        replace(&path, b"second").unwrap();
        assert_eq!(fs::read(&path).unwrap(), b"second");
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1, "no draft stays");
    }
}
