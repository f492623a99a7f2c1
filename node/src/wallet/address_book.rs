//! Names for addresses: `contacts.toml` in the home.
//!
//! Owns: the file, what a name may look like. Does not own: names of wallets (they are file names; see `cli::names`).
//! Always true: a name never looks like an address; the file is replaced as a whole or not at all.
//! Start reading at [`AddressBook`].

use blockchat_host::{text, whole_file};
use blockchat_proto::keys::Address;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::io;
use std::path::{Path, PathBuf};

/// Longest file, in bytes: some 100,000 names.
const BOOK_BYTES_MAX: u64 = 16 * 1024 * 1024;
/// Longest name, in bytes.
pub const NAME_BYTES_MAX: usize = 32;

/// Names and their addresses, in order of names.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AddressBook {
    #[serde(default)]
    contacts: BTreeMap<String, Address>,
}

/// Why a name or a book is refused.
#[derive(Debug, thiserror::Error)]
pub enum AddressBookError {
    /// Not a name.
    #[error(
        "a name is 1 to {NAME_BYTES_MAX} lower-case letters, digits, dashes or underscores and does not begin with bcc1, unlike {found:?}"
    )]
    Name {
        /// The given name.
        found: String,
    },
    /// The name has an address already.
    #[error("{name} is the name of {address} already")]
    Taken {
        /// The name.
        name: String,
        /// Its address.
        address: Address,
    },
    /// The file is not ours.
    #[error("{path}: {reason}", path = path.display())]
    Syntax {
        /// The path.
        path: PathBuf,
        /// Line and cause.
        reason: String,
    },
    /// The system refuses.
    #[error("cannot use {path}: {source}", path = path.display())]
    Io {
        /// The path.
        path: PathBuf,
        /// The error of the system.
        source: io::Error,
    },
}

/// The path of a home's book.
pub fn path_in(home: &Path) -> PathBuf {
    home.join("contacts.toml")
}

/// May a contact or a wallet be called this?
pub fn check_name(name: &str) -> Result<(), AddressBookError> {
    let allowed = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-' || byte == b'_';
    let fits = !name.is_empty() && name.len() <= NAME_BYTES_MAX && name.bytes().all(allowed);
    if fits && !name.starts_with("bcc1") && !name.starts_with('-') {
        Ok(())
    } else {
        Err(AddressBookError::Name { found: name.into() })
    }
}

impl AddressBook {
    /// Reads a book; one that is not there is empty.
    pub fn read(path: &Path) -> Result<Self, AddressBookError> {
        let text = match text::read(path, BOOK_BYTES_MAX) {
            Ok(text) => text,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Self::default()),
            Err(error) if error.kind() == io::ErrorKind::InvalidData => {
                return Err(AddressBookError::Syntax { path: path.into(), reason: error.to_string() });
            }
            Err(source) => return Err(AddressBookError::Io { path: path.into(), source }),
        };
        toml::from_str(&text).map_err(|error| AddressBookError::Syntax {
            path: path.into(),
            reason: error.to_string().trim_end().to_owned(),
        })
    }

    /// The text of its file.
    pub fn content(&self) -> String {
        toml::to_string(self).expect("names and addresses are plain text")
    }

    /// Replaces the file; if it is a link, what that leads to.
    pub fn write(&self, path: &Path) -> Result<(), AddressBookError> {
        let text = self.content();
        whole_file::replace(path, text.as_bytes()).map_err(|source| AddressBookError::Io { path: path.into(), source })
    }

    /// Adds those names of another book that are free here.
    pub fn add_free(&mut self, other: &Self) {
        for (name, address) in &other.contacts {
            self.contacts.entry(name.clone()).or_insert(*address);
        }
    }

    /// Adds a name. Adding the same once more changes nothing; another address under a taken name is refused.
    pub fn add(&mut self, name: &str, address: Address) -> Result<(), AddressBookError> {
        check_name(name)?;
        match self.contacts.get(name) {
            Some(taken) if *taken != address => Err(AddressBookError::Taken { name: name.into(), address: *taken }),
            _ => {
                self.contacts.insert(name.into(), address);
                Ok(())
            }
        }
    }

    /// Forgets a name; the address it had.
    pub fn remove(&mut self, name: &str) -> Option<Address> {
        self.contacts.remove(name)
    }

    /// The address with this name.
    pub fn address(&self, name: &str) -> Option<Address> {
        self.contacts.get(name).copied()
    }

    /// The first name of this address.
    pub fn name(&self, address: &Address) -> Option<&str> {
        self.contacts.iter().find(|(_, known)| *known == address).map(|(name, _)| name.as_str())
    }

    /// All of them, by name.
    pub fn entries(&self) -> impl Iterator<Item = (&str, Address)> {
        self.contacts.iter().map(|(name, address)| (name.as_str(), *address))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_book_survives_its_file() {
        let folder = tempfile::tempdir().unwrap();
        let path = path_in(folder.path());
        assert_eq!(AddressBook::read(&path).unwrap(), AddressBook::default());
        let mut book = AddressBook::default();
        book.add("bob", Address([2; 32])).unwrap();
        book.add("alice", Address([1; 32])).unwrap();
        book.write(&path).unwrap();
        let again = AddressBook::read(&path).unwrap();
        assert_eq!(again, book);
        assert_eq!(again.address("bob"), Some(Address([2; 32])));
        assert_eq!(again.name(&Address([1; 32])), Some("alice"));
        assert_eq!(again.entries().map(|(name, _)| name).collect::<Vec<_>>(), ["alice", "bob"]);
    }

    #[test]
    fn a_taken_name_keeps_its_address() {
        let mut book = AddressBook::default();
        book.add("bob", Address([2; 32])).unwrap();
        book.add("bob", Address([2; 32])).unwrap();
        assert!(matches!(book.add("bob", Address([3; 32])), Err(AddressBookError::Taken { .. })));
        assert_eq!(book.address("bob"), Some(Address([2; 32])));
        assert_eq!(book.remove("bob"), Some(Address([2; 32])));
        assert_eq!(book.remove("bob"), None);
    }

    #[test]
    fn a_name_never_looks_like_an_address_or_a_path() {
        for wrong in ["", "bcc1q", "Bob", "a b", "../x", "-x", "name-that-is-longer-than-thirty-two-bytes"] {
            assert!(check_name(wrong).is_err(), "{wrong}");
        }
        for right in ["bob", "id0", "my-2nd_wallet"] {
            assert!(check_name(right).is_ok(), "{right}");
        }
    }

    #[test]
    fn a_mistyped_address_in_the_file_is_named() {
        let folder = tempfile::tempdir().unwrap();
        let path = path_in(folder.path());
        std::fs::write(&path, "[contacts]\nbob = \"bcc1mistyped\"\n").unwrap();
        let refused = AddressBook::read(&path).unwrap_err().to_string();
        assert!(refused.contains("contacts.toml") && refused.contains("bob"), "{refused}");
    }
}
