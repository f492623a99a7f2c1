//! The peer book: addresses that were dialled successfully, kept over a restart.

use blockchat_proto::codec;
use libp2p::{Multiaddr, PeerId};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::{fs, io};
use tracing::warn;

/// Most peers in a book.
const PEERS_MAX: usize = 1_000;
/// Most addresses of one peer; the newest come first.
const ADDRESSES_MAX: usize = 4;
/// Longest book file, in bytes.
const FILE_BYTES_MAX: usize = 1024 * 1024;

/// What a book file holds: peer ids and multiaddresses as text.
type Page = Vec<(String, Vec<String>)>;

/// Known addresses by peer.
pub(super) struct Book {
    path: Option<PathBuf>,
    peers: BTreeMap<PeerId, Vec<Multiaddr>>,
    changed: bool,
}

impl Book {
    /// Opens a book. A file that cannot be read is reported and replaced: it only saves time.
    pub(super) fn open(path: Option<PathBuf>) -> Self {
        let peers = path.as_deref().map(read).unwrap_or_default();
        Self { path, peers, changed: false }
    }

    /// All addresses.
    pub(super) fn entries(&self) -> impl Iterator<Item = (PeerId, &Multiaddr)> {
        self.peers.iter().flat_map(|(peer, addresses)| addresses.iter().map(|address| (*peer, address)))
    }

    /// An address worked.
    pub(super) fn worked(&mut self, peer: PeerId, address: &Multiaddr) {
        let known = self.peers.entry(peer).or_default();
        if known.first() == Some(address) {
            return;
        }
        known.retain(|other| other != address);
        known.insert(0, address.clone());
        known.truncate(ADDRESSES_MAX);
        while self.peers.len() > PEERS_MAX {
            self.peers.pop_first();
        }
        self.changed = true;
    }

    /// Writes what changed, by renaming a whole new file over the old one.
    pub(super) fn save(&mut self) {
        let Some(path) = self.path.as_deref().filter(|_| self.changed) else {
            return;
        };
        self.changed = false;
        let text = |addresses: &Vec<Multiaddr>| addresses.iter().map(Multiaddr::to_string).collect();
        let page: Page = self.peers.iter().map(|(peer, addresses)| (peer.to_string(), text(addresses))).collect();
        if let Err(error) = write(path, &codec::encode(&page)) {
            warn!(%error, path = %path.display(), "the peer book cannot be written");
        }
    }
}

fn read(path: &Path) -> BTreeMap<PeerId, Vec<Multiaddr>> {
    let bytes = match fs::read(path) {
        Ok(bytes) => bytes,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return BTreeMap::new(),
        Err(error) => {
            warn!(%error, path = %path.display(), "the peer book cannot be read");
            return BTreeMap::new();
        }
    };
    let page: Page = match codec::decode(&bytes, FILE_BYTES_MAX) {
        Ok(page) => page,
        Err(error) => {
            warn!(%error, path = %path.display(), "the peer book is damaged and will be replaced");
            return BTreeMap::new();
        }
    };
    let addresses = |texts: Vec<String>| texts.iter().filter_map(|text| text.parse().ok()).collect();
    page.into_iter().filter_map(|(peer, texts)| Some((peer.parse().ok()?, addresses(texts)))).collect()
}

fn write(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let fresh = path.with_extension("new");
    fs::write(&fresh, bytes)?;
    fs::rename(fresh, path)
}
