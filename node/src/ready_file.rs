//! The file that says a node serves, and where. SPEC FILE-3.
//!
//! Owns: its JSON form. The runtime writes it, scripts and the CLI read it; with port 0 it is the
//! only way to learn the ports. Always true: a reader sees a whole file or none.

use blockchat_host::whole_file;
use serde::{Deserialize, Serialize};
use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::path::{Path, PathBuf};

/// Addresses of a running node.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Ready {
    /// Base address of its HTTP API, such as `http://127.0.0.1:7474`.
    pub api: String,
    /// Its libp2p peer id.
    pub peer_id: String,
    /// Its addresses for peers, as multiaddresses with the real ports.
    pub listen: Vec<String>,
    /// Its process.
    pub pid: u32,
}

/// The address at which programs on this machine reach an API that listens here: an address for all interfaces cannot
/// be dialled.
pub fn api_url(listen: SocketAddr) -> String {
    let mut address = listen;
    match listen.ip() {
        IpAddr::V4(ip) if ip.is_unspecified() => address.set_ip(Ipv4Addr::LOCALHOST.into()),
        IpAddr::V6(ip) if ip.is_unspecified() => address.set_ip(Ipv6Addr::LOCALHOST.into()),
        _ => {}
    }
    format!("http://{address}")
}

/// The path of the file in a node's home.
pub fn path_in(home: &Path) -> PathBuf {
    home.join("data").join("ready.json")
}

/// Removes the one that this process wrote; that of another node stays.
pub fn withdraw(path: &Path) {
    if Ready::read(path).is_some_and(|ready| ready.pid == std::process::id()) {
        // A folder that is gone or cannot be written any more keeps it: readers compare `pid`.
        drop(std::fs::remove_file(path));
    }
}

impl Ready {
    /// Writes it under another name first, then renames. Cost: one small file.
    pub fn write(&self, path: &Path) -> io::Result<()> {
        let text = serde_json::to_string(self).map_err(io::Error::other)?;
        whole_file::replace(path, (text + "\n").as_bytes())
    }

    /// Reads a ready file; `None` if it is missing or invalid: then nothing is known, which is no error.
    pub fn read(path: &Path) -> Option<Self> {
        serde_json::from_slice(&std::fs::read(path).ok()?).ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_api_for_every_interface_is_reached_on_this_machine() {
        let url = |text: &str| api_url(text.parse().unwrap());
        assert_eq!(url("0.0.0.0:7474"), "http://127.0.0.1:7474");
        assert_eq!(url("[::]:7474"), "http://[::1]:7474");
        assert_eq!(url("10.0.0.3:80"), "http://10.0.0.3:80");
    }

    #[test]
    fn what_is_no_ready_file_says_nothing() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("ready.json");
        assert_eq!(Ready::read(&path), None);
        std::fs::write(&path, "{").unwrap();
        assert_eq!(Ready::read(&path), None);
        let ready = Ready { api: "http://a".into(), peer_id: "p".into(), listen: vec![], pid: 7 };
        ready.write(&path).unwrap();
        withdraw(&path);
        assert_eq!(Ready::read(&path), Some(ready.clone()), "another process wrote it");
        Ready { pid: std::process::id(), ..ready }.write(&path).unwrap();
        withdraw(&path);
        assert!(!path.exists());
    }
}
