//! Notices when the files of a running node are removed: what it writes then cannot be found again.

use blockchat_host::whole_file;
use std::fs::File;
use std::io::ErrorKind;
use std::path::PathBuf;
use std::time::Duration;
use tokio::time::{MissedTickBehavior, interval};

/// Interval of the checks.
const LOOK_EVERY: Duration = Duration::from_secs(1);

/// Files that must stay where they are.
#[derive(Debug)]
pub(super) struct HomeWatch {
    files: Vec<(PathBuf, File)>,
}

impl HomeWatch {
    /// Watches those of these files that are there now.
    pub(super) fn over(files: impl IntoIterator<Item = PathBuf>) -> Self {
        let open = |path: PathBuf| Some((path.clone(), File::open(path).ok()?));
        Self { files: files.into_iter().filter_map(open).collect() }
    }

    /// The first one that is gone, or is another file now. Waits until then. Cancel safe.
    pub(super) async fn gone(&self) -> PathBuf {
        let mut often = interval(LOOK_EVERY);
        often.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            often.tick().await;
            if let Some((path, _)) = self.files.iter().find(|(path, file)| is_gone(file, path)) {
                return path.clone();
            }
        }
    }
}

/// A system that does not answer proves nothing.
fn is_gone(file: &File, path: &std::path::Path) -> bool {
    match whole_file::is_at(file, path) {
        Ok(there) => !there,
        Err(error) => error.kind() == ErrorKind::NotADirectory,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;

    #[tokio::test]
    async fn a_file_that_is_removed_or_replaced_is_noticed_and_one_that_is_written_is_not() {
        let folder = tempfile::tempdir().unwrap();
        let paths = ["a", "b", "never"].map(|name| folder.path().join(name));
        paths[..2].iter().for_each(|path| fs::write(path, "x").unwrap());
        let gone = |watch: &HomeWatch| {
            watch.files.iter().find(|(path, file)| is_gone(file, path)).map(|(path, _)| path.clone())
        };
        let watch = HomeWatch::over(paths.clone());
        fs::write(&paths[0], "more").unwrap();
        assert_eq!(gone(&watch), None);
        fs::write(folder.path().join("c"), "y").unwrap();
        fs::rename(folder.path().join("c"), &paths[1]).unwrap();
        assert_eq!(watch.gone().await, paths[1]);
        let watch = HomeWatch::over(paths.clone());
        fs::remove_dir_all(folder.path()).unwrap();
        assert_eq!(gone(&watch), Some(paths[0].clone()));
        fs::write(folder.path(), "a file now").unwrap();
        assert_eq!(watch.gone().await, paths[0]);
    }
}
