//! The file that says a node serves, and where.
//!
//! Owns: its JSON form and its atomic writing. The runtime writes it, scripts and the CLI read it; with port 0 it is the
//! only way to learn the ports. Always true: a reader sees a whole file or none.

use serde::{Deserialize, Serialize};
use std::io;
use std::path::{Path, PathBuf};

/// Where a running node is reached.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Ready {
    /// Base address of its HTTP API, such as `http://127.0.0.1:7474`.
    pub api: String,
    /// Its libp2p peer id.
    pub peer_id: String,
    /// Where it listens for peers, as multiaddresses with the real ports.
    pub listen: Vec<String>,
    /// Its process.
    pub pid: u32,
}

/// Where a node with this home writes it.
pub fn path_in(home: &Path) -> PathBuf {
    home.join("data").join("ready.json")
}

impl Ready {
    /// Writes it under another name first, then renames. Cost: one small file.
    pub fn write(&self, path: &Path) -> io::Result<()> {
        let mut draft = path.as_os_str().to_owned();
        draft.push(".new");
        let text = serde_json::to_string(self).map_err(io::Error::other)?;
        std::fs::write(&draft, text + "\n")?;
        std::fs::rename(&draft, path)
    }

    /// Reads one; `None` if there is none or it is not one: then nothing is known, which is no error.
    pub fn read(path: &Path) -> Option<Self> {
        serde_json::from_slice(&std::fs::read(path).ok()?).ok()
    }
}
