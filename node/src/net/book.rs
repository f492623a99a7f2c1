//! The peer book: where peers are, kept over a restart. Addresses that were dialled successfully, and of peers that only
//! ever called us, what they say of the machine they called from.
//!
//! Always true: at most [`PEERS_MAX`] peers; those that only called make room first, however many there are of them, then
//! those met longest ago: no crowd of callers drives out whom we found ourselves. The file is replaced as a whole. A file
//! that cannot be read costs time, nothing else.

use blockchat_host::whole_file;
use blockchat_proto::codec;
use blockchat_proto::units::UnixMillis;
use libp2p::{Multiaddr, PeerId};
use serde::{Deserialize, Serialize};
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
/// Version of the file.
const VERSION: u16 = 2;

/// The content of a book file.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Page {
    version: u16,
    entries: Vec<Entry>,
}

/// A peer, when it was last met, and its addresses as text.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Entry {
    peer: String,
    met: UnixMillis,
    dialled: bool,
    addresses: Vec<String>,
}

struct Known {
    met: UnixMillis,
    /// Did we ever reach it? Otherwise it only called us.
    dialled: bool,
    addresses: Vec<Multiaddr>,
}

/// Known addresses by peer.
pub(super) struct Book {
    path: Option<PathBuf>,
    peers: BTreeMap<PeerId, Known>,
    changed: bool,
}

impl Book {
    /// Opens a book. A file that cannot be read is reported, and replaced with the next save.
    pub(super) fn open(path: Option<PathBuf>) -> Self {
        let peers = path.as_deref().map(read).unwrap_or_default();
        Self { path, peers, changed: false }
    }

    /// All addresses, and whether their peer was ever reached.
    pub(super) fn entries(&self) -> impl Iterator<Item = (PeerId, &Multiaddr, bool)> {
        self.peers
            .iter()
            .flat_map(|(peer, known)| known.addresses.iter().map(|address| (*peer, address, known.dialled)))
    }

    /// An address led to this peer of our chain.
    pub(super) fn worked(&mut self, peer: PeerId, address: &Multiaddr, now: UnixMillis) {
        let known = self.peers.entry(peer).or_insert(Known { met: now, dialled: true, addresses: vec![] });
        (known.met, known.dialled) = (now, true);
        known.addresses.retain(|other| other != address);
        known.addresses.insert(0, address.clone());
        known.addresses.truncate(ADDRESSES_MAX);
        self.make_room();
        self.changed = true;
    }

    /// A peer called, and says that it listens here. What was dialled counts more, and comes first.
    pub(super) fn claimed<'a>(
        &mut self,
        peer: PeerId,
        addresses: impl Iterator<Item = &'a Multiaddr>,
        now: UnixMillis,
    ) {
        for address in addresses {
            let known = self.peers.entry(peer).or_insert(Known { met: now, dialled: false, addresses: vec![] });
            let room = known.addresses.len() < ADDRESSES_MAX || !known.dialled;
            if room && !known.addresses.contains(address) {
                known.addresses.truncate(ADDRESSES_MAX - 1);
                known.addresses.push(address.clone());
                self.changed = true;
            }
            known.met = now;
        }
        self.make_room();
    }

    fn make_room(&mut self) {
        while self.peers.len() > PEERS_MAX {
            let oldest = self.peers.iter().min_by_key(|(_, known)| (known.dialled, known.met)).map(|(peer, _)| *peer);
            oldest.and_then(|peer| self.peers.remove(&peer));
        }
    }

    /// An address of this peer leads to another peer now.
    pub(super) fn is_wrong(&mut self, peer: PeerId, address: &Multiaddr) {
        if let Some(known) = self.peers.get_mut(&peer) {
            known.addresses.retain(|other| other != address);
            self.changed = true;
        }
    }

    /// The bytes to write, if anything changed since the last time.
    pub(super) fn changes(&mut self) -> Option<Changes> {
        let path = self.path.clone().filter(|_| self.changed)?;
        self.changed = false;
        let entry = |(peer, known): (&PeerId, &Known)| Entry {
            peer: peer.to_string(),
            met: known.met,
            dialled: known.dialled,
            addresses: known.addresses.iter().map(Multiaddr::to_string).collect(),
        };
        let page = Page { version: VERSION, entries: self.peers.iter().map(entry).collect() };
        Some(Changes { path, bytes: codec::encode(&page) })
    }
}

/// A book on its way to the disk.
pub(super) struct Changes {
    path: PathBuf,
    bytes: Vec<u8>,
}

impl Changes {
    /// Puts it in the place of the old one. Blocks.
    pub(super) fn write(self) {
        if let Err(error) = whole_file::replace(&self.path, &self.bytes) {
            warn!(%error, path = %self.path.display(), "the peer book cannot be written");
        }
    }
}

fn read(path: &Path) -> BTreeMap<PeerId, Known> {
    let bytes = match fs::read(path) {
        Ok(bytes) => bytes,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return BTreeMap::new(),
        Err(error) => {
            warn!(%error, path = %path.display(), "the peer book cannot be read");
            return BTreeMap::new();
        }
    };
    match codec::decode::<Page>(&bytes, FILE_BYTES_MAX) {
        Ok(page) if page.version == VERSION => page.entries.into_iter().filter_map(known).collect(),
        Ok(page) => {
            warn!(version = page.version, path = %path.display(), "the peer book is of another version and is replaced");
            BTreeMap::new()
        }
        Err(error) => {
            warn!(%error, path = %path.display(), "the peer book is damaged and is replaced");
            BTreeMap::new()
        }
    }
}

fn known(entry: Entry) -> Option<(PeerId, Known)> {
    let addresses: Vec<_> = entry.addresses.iter().filter_map(|text| text.parse().ok()).take(ADDRESSES_MAX).collect();
    Some((entry.peer.parse().ok()?, Known { met: entry.met, dialled: entry.dialled, addresses }))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn address(port: u16) -> Multiaddr {
        format!("/ip4/127.0.0.1/tcp/{port}").parse().unwrap()
    }

    #[test]
    fn a_book_is_the_same_after_a_restart() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("peers.cbor");
        let mut book = Book::open(Some(path.clone()));
        let peer = PeerId::random();
        (1..=6).for_each(|port| book.worked(peer, &address(port), UnixMillis(u64::from(port))));
        book.is_wrong(peer, &address(5));
        book.changes().unwrap().write();
        assert!(book.changes().is_none(), "nothing changed since");
        let again = Book::open(Some(path));
        let found: Vec<_> = again.entries().map(|(id, address, _)| (id, address.clone())).collect();
        assert_eq!(found, [6, 4, 3].map(|port| (peer, address(port))));
    }

    #[test]
    fn who_only_ever_called_is_in_the_book_and_what_was_dialled_comes_first() {
        let mut book = Book::open(None);
        let peer = PeerId::random();
        book.claimed(peer, [address(1), address(2)].iter(), UnixMillis(1));
        book.worked(peer, &address(3), UnixMillis(2));
        book.claimed(peer, [address(4), address(5)].iter(), UnixMillis(3));
        let found: Vec<_> = book.entries().map(|(_, address, _)| address.clone()).collect();
        assert_eq!(found, [3, 1, 2, 4].map(address), "a claim drives out nothing that was dialled");
    }

    #[test]
    fn a_crowd_of_callers_does_not_drive_out_whom_we_dialled() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("peers.cbor");
        let mut book = Book::open(Some(path.clone()));
        let friend = PeerId::random();
        book.worked(friend, &address(1), UnixMillis(1));
        book.changes().unwrap().write();
        let mut book = Book::open(Some(path));
        for met in 2..2 * u64::try_from(PEERS_MAX).unwrap() {
            book.claimed(PeerId::random(), [address(2)].iter(), UnixMillis(met));
        }
        assert_eq!(book.entries().count(), PEERS_MAX);
        assert!(book.entries().any(|(peer, ..)| peer == friend));
    }

    #[test]
    fn a_damaged_book_is_an_empty_one() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("peers.cbor");
        fs::write(&path, b"not a book").unwrap();
        assert_eq!(Book::open(Some(path)).entries().count(), 0);
    }

    #[test]
    fn those_met_longest_ago_make_room() {
        let mut book = Book::open(None);
        let peers: Vec<_> = (0..=PEERS_MAX).map(|_| PeerId::random()).collect();
        for (met, peer) in peers.iter().enumerate() {
            book.worked(*peer, &address(1), UnixMillis(u64::try_from(met).unwrap()));
        }
        assert_eq!(book.entries().count(), PEERS_MAX);
        assert!(book.entries().all(|(peer, ..)| peer != peers[0]));
    }
}
