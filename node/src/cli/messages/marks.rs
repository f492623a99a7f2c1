//! The last read place in each conversation: one small file in the home, `messages/read.json`.
//!
//! Always true: a mark never goes back, whichever of several terminals writes it, in whatever order; a mark survives a
//! power failure once [`mark`] has returned; the file is whole at any moment. No key is needed: conversation partners
//! are public on the chain. Start reading at [`Marks::load`] and [`mark`].

use crate::cli::failure::Failure;
use crate::cli::home::Home;
use blockchat_host::{text, whole_file};
use blockchat_proto::hash::Hash32;
use blockchat_proto::keys::Address;
use blockchat_proto::units::Height;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::io::ErrorKind;
use std::path::PathBuf;

/// A place on the chain: block, and number in it.
pub(crate) type Position = (Height, u32);

/// The form of the file.
const VERSION: u32 = 1;
/// Conversations of one account whose marks are kept; of more, those that were read furthest.
const CONVERSATIONS_MAX: usize = 20_000;
/// Longest file, in bytes: a guard against another file in its place.
const FILE_BYTES_MAX: u64 = 64 * 1024 * 1024;

/// The read messages of one account: of each conversation everything up to a place.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Marks(BTreeMap<Address, Position>);

/// The file: accounts by chain.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    version: u32,
    chains: BTreeMap<Hash32, BTreeMap<Address, Marks>>,
}

impl Marks {
    /// The read messages of the account; none if there is no file.
    ///
    /// Errors: the file cannot be read, or is not one of ours.
    pub(crate) fn load(home: &Home, chain: Hash32, account: &Address) -> Result<Self, Failure> {
        Ok(read(home)?.chains.get(&chain).and_then(|accounts| accounts.get(account)).cloned().unwrap_or_default())
    }

    /// Was this of the conversation read?
    pub(crate) fn has_read(&self, with: &Address, position: Position) -> bool {
        self.0.get(with).is_some_and(|mark| position <= *mark)
    }

    /// Takes over what was read further; true if that changes anything.
    pub(crate) fn merge(&mut self, read: &BTreeMap<Address, Position>) -> bool {
        let before = self.0.clone();
        for (with, position) in read {
            let mark = self.0.entry(*with).or_insert(*position);
            *mark = (*mark).max(*position);
        }
        while self.0.len() > CONVERSATIONS_MAX {
            let oldest = self.0.iter().min_by_key(|(_, position)| **position).map(|(with, _)| *with);
            oldest.and_then(|with| self.0.remove(&with));
        }
        self.0 != before
    }
}

/// Notes that the account has read these conversations up to these places. Blocks for the disk, and for another terminal
/// that does the same.
///
/// Errors: the file cannot be read or written; then nothing is noted.
pub(crate) fn mark(
    home: &Home,
    chain: Hash32,
    account: &Address,
    read_up_to: &BTreeMap<Address, Position>,
) -> Result<(), Failure> {
    if read_up_to.is_empty() {
        return Ok(());
    }
    let path = path(home);
    let folder = folder(home);
    whole_file::create_folder(&folder).map_err(|error| Failure::file(&folder, "create", &error))?;
    let lock = folder.join("read.lock");
    let _turn = whole_file::hold_new(&lock).map_err(|error| Failure::file(&lock, "use", &error))?;
    let mut file = read(home)?;
    if !file.chains.entry(chain).or_default().entry(*account).or_default().merge(read_up_to) {
        return Ok(());
    }
    let text = serde_json::to_string(&file).expect("marks are texts and numbers");
    whole_file::replace_private(&path, text.as_bytes()).map_err(|error| Failure::file(&path, "write", &error))
}

/// The folder of a home for files about messages.
pub(crate) fn folder(home: &Home) -> PathBuf {
    home.path().join("messages")
}

fn path(home: &Home) -> PathBuf {
    folder(home).join("read.json")
}

fn read(home: &Home) -> Result<File, Failure> {
    let path = path(home);
    let damaged = |reason: String| {
        let next = "move the file away: everything counts as unread then; the messages themselves are on the chain";
        Failure::new(format!("{} does not say what was read: {reason}", path.display()), next).coded("bad_marks")
    };
    let text = match text::read(&path, FILE_BYTES_MAX) {
        Ok(text) => text,
        Err(error) if error.kind() == ErrorKind::NotFound => {
            return Ok(File { version: VERSION, chains: BTreeMap::new() });
        }
        Err(error) if error.kind() == ErrorKind::InvalidData => return Err(damaged(error.to_string())),
        Err(error) => return Err(Failure::file(&path, "read", &error)),
    };
    let file: File = serde_json::from_str(&text).map_err(|error| damaged(error.to_string()))?;
    match file.version {
        VERSION => Ok(file),
        other => Err(damaged(format!("it has form {other}, this program knows form {VERSION}"))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const CHAIN: Hash32 = Hash32([7; 32]);
    const ME: Address = Address([1; 32]);

    fn home() -> (tempfile::TempDir, Home) {
        let folder = tempfile::tempdir().unwrap();
        let home = Home::locate(Some(folder.path().to_owned())).unwrap();
        (folder, home)
    }

    fn with(person: u8) -> Address {
        Address([person; 32])
    }

    fn one(person: u8, position: Position) -> BTreeMap<Address, Position> {
        BTreeMap::from([(with(person), position)])
    }

    #[test]
    fn what_was_read_is_kept_for_its_account_chain_and_conversation_alone() {
        let (_folder, home) = home();
        assert_eq!(Marks::load(&home, CHAIN, &ME).unwrap(), Marks::default());
        mark(&home, CHAIN, &ME, &one(2, (Height(5), 3))).unwrap();
        let marks = Marks::load(&home, CHAIN, &ME).unwrap();
        assert!(marks.has_read(&with(2), (Height(5), 3)) && marks.has_read(&with(2), (Height(4), 9)));
        assert!(!marks.has_read(&with(2), (Height(5), 4)) && !marks.has_read(&with(3), (Height(1), 0)));
        assert_eq!(Marks::load(&home, Hash32([8; 32]), &ME).unwrap(), Marks::default());
        assert_eq!(Marks::load(&home, CHAIN, &with(2)).unwrap(), Marks::default());
        assert_eq!(whole_file::open_bits(&path(&home)).unwrap(), 0, "its owner's alone");
    }

    #[test]
    fn terminals_that_mark_at_once_lose_nothing() {
        let (_folder, home) = home();
        std::thread::scope(|scope| {
            for person in 0..8 {
                let home = &home;
                scope.spawn(move || {
                    for height in [3, 1, 2] {
                        mark(home, CHAIN, &ME, &one(person, (Height(height), 0))).unwrap();
                        mark(home, CHAIN, &ME, &one(100, (Height(height), person.into()))).unwrap();
                    }
                });
            }
        });
        let marks = Marks::load(&home, CHAIN, &ME).unwrap();
        assert!((0..8).all(|person| marks.has_read(&with(person), (Height(3), 0))));
        assert!(marks.has_read(&with(100), (Height(3), 7)));
    }

    #[test]
    fn a_draft_that_a_power_failure_left_changes_nothing_and_a_damaged_file_is_said() {
        let (_folder, home) = home();
        mark(&home, CHAIN, &ME, &one(2, (Height(5), 3))).unwrap();
        std::fs::write(whole_file::draft_of(&path(&home)), "{\"version\":1,\"cha").unwrap();
        let before = Marks::load(&home, CHAIN, &ME).unwrap();
        mark(&home, CHAIN, &ME, &one(3, (Height(6), 0))).unwrap();
        let after = Marks::load(&home, CHAIN, &ME).unwrap();
        assert!(before.has_read(&with(2), (Height(5), 3)) && after.has_read(&with(2), (Height(5), 3)));
        for damaged in ["", "{}", "[]", "{\"version\":2,\"chains\":{}}"] {
            std::fs::write(path(&home), damaged).unwrap();
            assert!(Marks::load(&home, CHAIN, &ME).unwrap_err().is("bad_marks"), "{damaged}");
            assert!(mark(&home, CHAIN, &ME, &one(3, (Height(7), 0))).unwrap_err().is("bad_marks"));
            assert_eq!(std::fs::read_to_string(path(&home)).unwrap(), damaged, "it is left for its owner to look at");
        }
    }

    #[test]
    fn of_more_conversations_than_are_kept_those_that_were_read_furthest_stay() {
        let many: u32 = u32::try_from(CONVERSATIONS_MAX).unwrap() + 3;
        let address = |number: u32| {
            let mut bytes = [0; 32];
            bytes[..4].copy_from_slice(&number.to_be_bytes());
            Address(bytes)
        };
        let mut marks = Marks::default();
        marks.merge(&(0..many).map(|number| (address(number), (Height(number.into()), 0))).collect());
        assert_eq!(marks.0.len(), CONVERSATIONS_MAX);
        assert!(!marks.has_read(&address(2), (Height(0), 0)) && marks.has_read(&address(3), (Height(3), 0)));
    }

    proptest! {
        #[test]
        fn marks_come_to_the_same_in_any_order_and_however_often(
            reads in proptest::collection::vec((0_u8..4, 0_u64..9, 0_u32..3), 0..20)
        ) {
            let all: Vec<_> = reads.iter().map(|(person, height, index)| one(*person, (Height(*height), *index))).collect();
            let (mut forth, mut back) = (Marks::default(), Marks::default());
            for read in &all {
                forth.merge(read);
            }
            for read in all.iter().rev().chain(&all) {
                back.merge(read);
            }
            prop_assert_eq!(&forth, &back);
            for (person, height, index) in reads {
                prop_assert!(forth.has_read(&with(person), (Height(height), index)));
            }
        }
    }
}
