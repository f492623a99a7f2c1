//! The log of a node: a file in its home, and its last lines for error messages.

use std::fs::{File, OpenOptions};
use std::io::{self, Read, Seek, SeekFrom};
use std::path::{Path, PathBuf};

/// Number of lines shown.
const TAIL_LINES: usize = 12;
/// Number of bytes read for them.
const TAIL_BYTES: u64 = 16 * 1024;

/// The log of the node with this home.
pub fn path(home: &Path) -> PathBuf {
    home.join("log")
}

/// Opens the log for appending.
pub fn open(home: &Path) -> io::Result<File> {
    OpenOptions::new().create(true).append(true).open(path(home))
}

/// Its last lines, indented, with the path above them.
pub fn tail(home: &Path) -> String {
    let path = path(home);
    match read_end(&path) {
        Ok(end) if end.trim().is_empty() => format!("{} is empty", path.display()),
        Ok(end) => {
            let lines: Vec<_> = end.lines().collect();
            let last = &lines[lines.len().saturating_sub(TAIL_LINES)..];
            let last: String = last.iter().map(|line| format!("\n    {line}")).collect();
            format!("the end of {}:{last}", path.display())
        }
        Err(error) => format!("{}: {error}", path.display()),
    }
}

fn read_end(path: &Path) -> io::Result<String> {
    let mut file = File::open(path)?;
    let length = file.metadata()?.len();
    file.seek(SeekFrom::Start(length.saturating_sub(TAIL_BYTES)))?;
    let mut end = vec![];
    file.read_to_end(&mut end)?;
    Ok(String::from_utf8_lossy(&end).into_owned())
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Write;

    #[test]
    fn the_tail_is_the_last_lines_with_the_path() {
        let home = tempfile::tempdir().unwrap();
        let mut log = open(home.path()).unwrap();
        (0..100).for_each(|n| writeln!(log, "line {n}").unwrap());
        let tail = tail(home.path());
        assert!(tail.contains("line 99") && tail.contains("line 88") && !tail.contains("line 87"), "{tail}");
        assert!(tail.contains("log:"));
    }
}
