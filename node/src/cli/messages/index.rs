//! The opened messages of an account, received and sent, in one file: later searches need no node.
//!
//! Owns: the file, and how it grows. Does not own: what is asked of the node ([`super::mailbox`]), nor the key
//! ([`Vault`](crate::wallet::vault)).
//!
//! Always true:
//! - at rest there is nothing but ciphertext, under a key that is made from the wallet's own;
//! - entries stand in the order of the chain, each once, and a height is there as a whole or not at all;
//! - a frame that was torn, changed, moved or belongs elsewhere ends what is read, and is written anew from the chain: a
//!   damaged file costs time, never a message;
//! - several terminals may use one file: a writer that finds newer entries of another one drops its own;
//! - it holds at most [`ENTRIES_MAX`] entries and about [`BYTES_MAX`] bytes: of more, the newest, and says from which height on.
//!
//! The form: a head (the mark, the version of seals that was known, 16 random bytes), then frames (length as u32be, piece).
//! A piece is closed for its head and number. Start reading at [`Index::open`] and [`Index::append`].

use super::marks::{Position, folder};
use crate::cli::failure::Failure;
use crate::cli::home::Home;
use crate::wallet::seal::SEAL_VERSION;
use crate::wallet::vault::Vault;
use blockchat_client::shapes::HistoryView;
use blockchat_host::whole_file;
use blockchat_proto::codec;
use blockchat_proto::hash::Hash32;
use blockchat_proto::keys::Signer;
use blockchat_proto::units::Height;
use rand::TryRng;
use rand::rngs::SysRng;
use serde::{Deserialize, Serialize};
use std::fs::{File, OpenOptions};
use std::io::{ErrorKind, Read, Seek, SeekFrom, Write};
use std::path::PathBuf;

/// Most entries.
pub(crate) const ENTRIES_MAX: usize = 100_000;
/// Longest file, in bytes, but for what was appended last.
const BYTES_MAX: u64 = 64 * 1024 * 1024;
/// Entries in one frame.
const FRAME_ENTRIES: usize = 500;
/// Longest frame, in bytes: so many entries, and all of the largest block for one account behind them.
const FRAME_BYTES_MAX: usize = 16 * 1024 * 1024;

const MARK: &[u8; 8] = b"BCMSGIX1";
const HEAD_BYTES: usize = MARK.len() + 1 + 16;
/// The purpose of the file's key.
const LABEL: &str = "blockchat/messages/index/v1";

type Head = [u8; HEAD_BYTES];

/// A message or payment of an account.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Entry {
    /// With its text, if it has one that could be read, and without what is sealed then.
    pub(crate) view: HistoryView,
    /// Why it was not opened, for a person.
    pub(crate) closed: Option<String>,
}

impl Entry {
    /// Its place on the chain.
    pub(crate) fn position(&self) -> Position {
        (self.view.height, self.view.index)
    }
}

/// The content of a frame.
#[derive(Serialize, Deserialize)]
struct Frame {
    since: Height,
    entries: Vec<Entry>,
}

/// See the module.
#[derive(Debug)]
pub(crate) struct Index {
    path: PathBuf,
    vault: Vault,
    head: Head,
    frames: u64,
    /// Up to here the file is whole.
    whole_bytes: u64,
    /// Its length when it was read; 0 without one.
    found_bytes: u64,
    since: Height,
    entries: Vec<Entry>,
}

impl Index {
    /// Reads the whole frames of the file; empty if there is no file. Cost: about 1 µs per entry.
    ///
    /// Errors: the system's.
    pub(crate) fn open(home: &Home, chain: Hash32, signer: &Signer) -> Result<Self, Failure> {
        let name = format!("{}-{}.index", hex::encode(&chain.0[..4]), signer.address());
        let path = folder(home).join(name);
        let vault = Vault::of(signer, chain, LABEL);
        let mut index = Self {
            path,
            vault,
            head: new_head(),
            frames: 0,
            whole_bytes: 0,
            found_bytes: 0,
            since: Height(0),
            entries: vec![],
        };
        match File::open(&index.path) {
            Ok(file) => index.read(file).map_err(|error| Failure::file(&index.path, "read", &error))?,
            Err(error) if error.kind() == ErrorKind::NotFound => {}
            Err(error) => return Err(Failure::file(&index.path, "read", &error)),
        }
        Ok(index)
    }

    /// Everything that is known, in the order of the chain.
    pub(crate) fn entries(&self) -> &[Entry] {
        &self.entries
    }

    /// Nothing below this height is known.
    pub(crate) fn since(&self) -> Height {
        self.since
    }

    /// The first height that may hold something that is not known yet.
    pub(crate) fn next_height(&self) -> Height {
        self.entries.last().map_or(self.since, |last| last.view.height.next())
    }

    /// Adds what came since, in order, whole heights. Keeps it in memory in any case; on disk unless another terminal wrote
    /// meanwhile. `since`: the height below which nothing was asked for, where there was nothing yet.
    ///
    /// Errors: the system's; the file is as it was, or ends in a frame that counts as torn.
    pub(crate) fn append(&mut self, since: Height, entries: Vec<Entry>) -> Result<(), Failure> {
        if entries.is_empty() {
            return Ok(());
        }
        if self.entries.is_empty() {
            self.since = since;
        }
        let from = self.entries.len();
        self.entries.extend(entries);
        let written = self.write(from);
        written.map_err(|error| Failure::file(&self.path, "write", &error))
    }

    /// Takes in a file as far as it is whole and ours.
    fn read(&mut self, mut file: File) -> std::io::Result<()> {
        self.found_bytes = file.metadata()?.len();
        let mut head = [0; HEAD_BYTES];
        if self.found_bytes < HEAD_BYTES as u64 {
            return Ok(());
        }
        file.read_exact(&mut head)?;
        // A program that opens more begins anew.
        if head[..MARK.len()] != *MARK || head[MARK.len()] < SEAL_VERSION {
            return Ok(());
        }
        self.head = head;
        self.whole_bytes = HEAD_BYTES as u64;
        let mut file = std::io::BufReader::new(file);
        while let Some((frame, bytes)) = self.next_frame(&mut file)? {
            (self.frames, self.whole_bytes) = (self.frames + 1, self.whole_bytes + bytes);
            if self.entries.is_empty() {
                self.since = frame.since;
            }
            self.entries.extend(frame.entries);
        }
        Ok(())
    }

    /// The next frame and its length, if it is whole, ours, and in its place.
    fn next_frame(&self, file: &mut impl Read) -> std::io::Result<Option<(Frame, u64)>> {
        let mut length = [0; 4];
        let Some(()) = if_whole(file.read_exact(&mut length))? else { return Ok(None) };
        let length = u32::from_be_bytes(length);
        if usize::try_from(length).is_ok_and(|length| length > FRAME_BYTES_MAX) {
            return Ok(None);
        }
        let mut piece = vec![];
        file.take(length.into()).read_to_end(&mut piece)?;
        if u32::try_from(piece.len()) != Ok(length) {
            return Ok(None);
        }
        let opened = self.vault.open(&place(&self.head, self.frames), &piece);
        let frame = opened.and_then(|bytes| codec::decode::<Frame>(&bytes, FRAME_BYTES_MAX).ok());
        Ok(frame.filter(|frame| self.follows(frame)).map(|frame| (frame, 4 + u64::from(length))))
    }

    /// Does the frame go on where the last one ended?
    fn follows(&self, frame: &Frame) -> bool {
        let last = self.entries.last().map(Entry::position);
        let all = last.into_iter().chain(frame.entries.iter().map(Entry::position));
        !frame.entries.is_empty() && all.is_sorted_by(|one, next| one < next)
    }

    /// Puts the entries from `from` on into the file, or all of them into a new one.
    fn write(&mut self, from: usize) -> std::io::Result<()> {
        let too_much = self.entries.len() > ENTRIES_MAX || self.whole_bytes > BYTES_MAX;
        let folder = self.path.parent().expect("it is in the folder of messages");
        whole_file::create_folder(folder)?;
        let _turn = whole_file::hold_new(&folder.join("index.lock"))?;
        if !self.is_as_found()? {
            return Ok(());
        }
        if too_much {
            self.forget_oldest();
        }
        if too_much || self.whole_bytes == 0 {
            return self.write_anew();
        }
        let (bytes, frames) = self.frames_of(&self.entries[from..], self.frames);
        let mut file = OpenOptions::new().write(true).open(&self.path)?;
        file.set_len(self.whole_bytes)?;
        file.seek(SeekFrom::End(0))?;
        file.write_all(&bytes)?;
        file.sync_data()?;
        self.frames += frames;
        self.whole_bytes += bytes.len() as u64;
        self.found_bytes = self.whole_bytes;
        Ok(())
    }

    /// Is the file unchanged since we read it?
    fn is_as_found(&self) -> std::io::Result<bool> {
        let mut file = match File::open(&self.path) {
            Ok(file) => file,
            Err(error) if error.kind() == ErrorKind::NotFound => return Ok(self.found_bytes == 0),
            Err(error) => return Err(error),
        };
        if file.metadata()?.len() != self.found_bytes {
            return Ok(false);
        }
        let mut head = [0; HEAD_BYTES];
        // A file that was none of ours has no head that we took over.
        Ok(self.whole_bytes == 0 || if_whole(file.read_exact(&mut head))?.is_some() && head == self.head)
    }

    /// Keeps the newer half, by whole heights.
    fn forget_oldest(&mut self) {
        let middle = self.entries.len() / 2;
        let cut = self.entries[middle].view.height;
        self.entries.retain(|entry| entry.view.height > cut);
        self.since = cut.next();
    }

    fn write_anew(&mut self) -> std::io::Result<()> {
        self.head = new_head();
        let (mut bytes, mut frames) = self.frames_of(&self.entries, 0);
        while bytes.len() as u64 > BYTES_MAX {
            self.forget_oldest();
            (bytes, frames) = self.frames_of(&self.entries, 0);
        }
        let whole = [&self.head[..], &bytes].concat();
        whole_file::replace_private(&self.path, &whole)?;
        self.frames = frames;
        self.whole_bytes = whole.len() as u64;
        self.found_bytes = self.whole_bytes;
        Ok(())
    }

    /// The bytes of these entries as frames, from this number on, and how many they are. A height is never split: a torn
    /// file is read up to the end of one.
    fn frames_of(&self, entries: &[Entry], first: u64) -> (Vec<u8>, u64) {
        let (mut bytes, mut number, mut rest) = (vec![], first, entries);
        while !rest.is_empty() {
            let (part, after) = rest.split_at(end_of_height(rest, FRAME_ENTRIES));
            let content = codec::encode(&Frame { since: self.since, entries: part.to_vec() });
            let piece = self.vault.close(&place(&self.head, number), &content);
            bytes.extend(u32::try_from(piece.len()).expect("a frame is short").to_be_bytes());
            bytes.extend(piece);
            (number, rest) = (number + 1, after);
        }
        (bytes, number - first)
    }
}

/// The end of the height to which the entry at `wanted` belongs.
fn end_of_height(entries: &[Entry], wanted: usize) -> usize {
    let Some(last) = entries.get(wanted.saturating_sub(1)) else { return entries.len() };
    entries.partition_point(|entry| entry.view.height <= last.view.height)
}

fn new_head() -> Head {
    let mut head = [0; HEAD_BYTES];
    head[..MARK.len()].copy_from_slice(MARK);
    head[MARK.len()] = SEAL_VERSION;
    SysRng.try_fill_bytes(&mut head[MARK.len() + 1..]).expect("the system gives random bytes");
    head
}

/// The data to which a frame is bound.
fn place(head: &Head, number: u64) -> Vec<u8> {
    [&head[..], &number.to_be_bytes()].concat()
}

/// `None` where the file ends too early.
fn if_whole(read: std::io::Result<()>) -> std::io::Result<Option<()>> {
    match read {
        Ok(()) => Ok(Some(())),
        Err(error) if error.kind() == ErrorKind::UnexpectedEof => Ok(None),
        Err(error) => Err(error),
    }
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;
    use blockchat_client::shapes::{Direction, HistoryKind};
    use blockchat_proto::coins::Coins;
    use blockchat_proto::keys::Address;
    use blockchat_proto::units::UnixMillis;
    use proptest::prelude::*;

    const CHAIN: Hash32 = Hash32([7; 32]);

    fn signer() -> Signer {
        Signer::from_seed(&[1; 32])
    }

    pub(in crate::cli::messages) fn entry(height: u64, index: u32, text: &str) -> Entry {
        let view = HistoryView {
            height: Height(height),
            index,
            time: UnixMillis(height * 1_000),
            kind: HistoryKind::Message,
            direction: Direction::In,
            id: Some(Hash32([3; 32])),
            nonce: Some(height),
            from: Some(Address([2; 32])),
            to: Some(signer().address()),
            amount: Coins::ZERO,
            fee: Some(Coins::from_bcc(1)),
            text: Some(text.into()),
            sealed: true,
            seal: None,
        };
        Entry { view, closed: None }
    }

    fn many(heights: std::ops::Range<u64>) -> Vec<Entry> {
        heights.flat_map(|height| [entry(height, 0, "the vault"), entry(height, 1, "opens at noon")]).collect()
    }

    struct Place {
        _folder: tempfile::TempDir,
        home: Home,
    }

    impl Place {
        fn new() -> Self {
            let folder = tempfile::tempdir().unwrap();
            let home = Home::locate(Some(folder.path().to_owned())).unwrap();
            Self { _folder: folder, home }
        }

        fn open(&self) -> Index {
            Index::open(&self.home, CHAIN, &signer()).unwrap()
        }

        fn path(&self) -> PathBuf {
            self.open().path
        }
    }

    #[test]
    fn what_was_added_is_there_again_in_order_and_nothing_of_it_is_plain() {
        let place = Place::new();
        let mut index = place.open();
        assert_eq!((index.entries(), index.next_height()), (&[][..], Height(0)));
        index.append(Height(0), many(1..400)).unwrap();
        index.append(Height(0), many(400..403)).unwrap();
        let again = place.open();
        assert_eq!((again.entries(), again.next_height()), (&many(1..403)[..], Height(403)));
        assert_eq!((again.frames, again.whole_bytes), (index.frames, index.whole_bytes));
        let bytes = std::fs::read(place.path()).unwrap();
        for plain in ["vault", "noon"] {
            assert!(!bytes.windows(plain.len()).any(|part| part == plain.as_bytes()));
        }
        assert_eq!(whole_file::open_bits(&place.path()).unwrap(), 0);
        let other = Index::open(&place.home, Hash32([8; 32]), &signer()).unwrap();
        assert!(other.entries().is_empty(), "another chain begins anew");
    }

    #[test]
    fn a_torn_end_is_written_anew_and_the_rest_stays() {
        let place = Place::new();
        place.open().append(Height(0), many(1..3)).unwrap();
        let whole = std::fs::read(place.path()).unwrap();
        place.open().append(Height(0), many(3..5)).unwrap();
        let longer = std::fs::read(place.path()).unwrap();
        for cut in whole.len()..longer.len() {
            std::fs::write(place.path(), &longer[..cut]).unwrap();
            let mut index = place.open();
            assert_eq!((index.entries(), index.next_height()), (&many(1..3)[..], Height(3)), "cut at {cut}");
            index.append(Height(0), many(3..6)).unwrap();
            assert_eq!(place.open().entries(), many(1..6));
        }
    }

    #[test]
    fn two_terminals_that_add_at_once_leave_one_whole_file() {
        let place = Place::new();
        let (mut one, mut other) = (place.open(), place.open());
        one.append(Height(0), many(1..3)).unwrap();
        other.append(Height(0), many(1..4)).unwrap();
        assert_eq!(other.entries(), many(1..4), "in memory it has its own");
        assert_eq!(place.open().entries(), many(1..3), "the file is that of the first");
        let (mut one, mut other) = (place.open(), place.open());
        one.append(Height(0), many(3..5)).unwrap();
        other.append(Height(0), many(3..4)).unwrap();
        assert_eq!(place.open().entries(), many(1..5));
    }

    #[test]
    fn the_oldest_are_forgotten_by_whole_heights_once_there_are_too_many() {
        let place = Place::new();
        let mut index = place.open();
        let heights = ENTRIES_MAX as u64 / 2 + 1;
        index.append(Height(0), many(1..heights + 1)).unwrap();
        let kept = index.entries().len();
        assert!((ENTRIES_MAX / 2 - 2..=ENTRIES_MAX / 2).contains(&kept), "{kept}");
        let again = place.open();
        assert_eq!((again.entries(), again.since()), (index.entries(), index.entries()[0].view.height));
        assert_eq!(again.entries()[0].view.index, 0, "no height is cut in two");
    }

    #[test]
    fn what_is_none_of_ours_begins_anew() {
        let place = Place::new();
        place.open().append(Height(0), many(1..3)).unwrap();
        let good = std::fs::read(place.path()).unwrap();
        let mut older = good.clone();
        older[MARK.len()] = SEAL_VERSION - 1;
        for other in [&b""[..], b"short", &[0; 500], &older] {
            std::fs::write(place.path(), other).unwrap();
            let mut index = place.open();
            assert!(index.entries().is_empty());
            index.append(Height(1), many(1..4)).unwrap();
            assert_eq!(place.open().entries(), many(1..4));
        }
    }

    /// The frame itself is whole then, but the file would go on at a wrong place.
    #[test]
    fn a_last_frame_that_says_it_is_longer_is_torn() {
        let place = Place::new();
        place.open().append(Height(0), many(1..3)).unwrap();
        let mut bytes = std::fs::read(place.path()).unwrap();
        bytes[HEAD_BYTES + 3] += 1;
        std::fs::write(place.path(), &bytes).unwrap();
        let mut index = place.open();
        assert!(index.entries().is_empty());
        index.append(Height(0), many(1..4)).unwrap();
        assert_eq!(place.open().entries(), many(1..4));
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]
        #[test]
        fn damage_anywhere_never_shows_what_was_not_written(at in 0_usize..4_000, with in 1_u8..=255) {
            let place = Place::new();
            place.open().append(Height(0), many(1..3)).unwrap();
            place.open().append(Height(0), many(3..5)).unwrap();
            let mut bytes = std::fs::read(place.path()).unwrap();
            let at = at % bytes.len();
            bytes[at] ^= with;
            std::fs::write(place.path(), &bytes).unwrap();
            let mut index = place.open();
            let kept = index.entries().len();
            prop_assert!([0, 4].contains(&kept), "{}", kept);
            prop_assert_eq!(index.entries(), &many(1..5)[..kept]);
            let next = index.next_height();
            index.append(Height(0), many(next.0.max(1)..7)).unwrap();
            let again = place.open();
            prop_assert_eq!(again.entries(), &many(1..7)[..]);
        }
    }
}
