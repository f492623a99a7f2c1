//! The home folder as commands see it: where things are, and how they are read.

use super::failure::Failure;
use crate::config::Layer;
use crate::wallet::address_book::{self, AddressBook};
use blockchat_proto::genesis::{Genesis, VerifiedGenesis};
use blockchat_proto::limits;
use std::path::{Path, PathBuf};

/// A JSON genesis is at most so many times longer than its canonical bytes.
const GENESIS_JSON_FACTOR: usize = 8;

/// One home; nothing need exist yet.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Home {
    path: PathBuf,
}

impl Home {
    /// The one that was named, or the user's own.
    pub(crate) fn locate(named: Option<PathBuf>) -> Result<Self, Failure> {
        // An empty variable is one that is not set.
        let path = match named.filter(|path| !path.as_os_str().is_empty()) {
            Some(path) => path,
            None => user_data_folder()
                .ok_or_else(|| {
                    Failure::usage("this system names no folder for a user's data", "name one with --home DIR")
                })?
                .join("blockchat"),
        };
        Ok(Self { path: std::path::absolute(&path).unwrap_or(path) })
    }

    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    pub(crate) fn config_path(&self) -> PathBuf {
        self.path.join("config.toml")
    }

    pub(crate) fn genesis_path(&self) -> PathBuf {
        self.path.join("genesis.json")
    }

    /// `config.toml`, or nothing chosen.
    pub(crate) fn config(&self) -> Result<Layer, Failure> {
        Ok(Layer::read(&self.config_path())?)
    }

    /// The chain of this home, if it has one.
    pub(crate) fn genesis(&self) -> Result<Option<VerifiedGenesis>, Failure> {
        let path = self.genesis_path();
        let wrong = |reason: String| {
            let next = "copy genesis.json from another node of the chain";
            Failure::new(format!("{} is no genesis: {reason}", path.display()), next).coded("bad_genesis")
        };
        let text = match std::fs::read_to_string(&path) {
            Ok(text) => text,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(Failure::file(&path, "read", &error)),
        };
        if text.len() > limits::GENESIS_BYTES_MAX * GENESIS_JSON_FACTOR {
            return Err(wrong(format!("{} bytes are too long for a genesis", text.len())));
        }
        let genesis: Genesis = serde_json::from_str(&text).map_err(|error| wrong(error.to_string()))?;
        genesis.verify().map(Some).map_err(|error| wrong(error.to_string()))
    }

    /// The validator key's file; it need not exist.
    pub(crate) fn validator_path(&self) -> Result<PathBuf, Failure> {
        Ok(self.config()?.validator_path(&self.path))
    }

    pub(crate) fn wallets_folder(&self) -> PathBuf {
        self.path.join("wallets")
    }

    /// The file of a wallet; a path stands for itself.
    pub(crate) fn wallet_path(&self, name: &str) -> Result<PathBuf, Failure> {
        if name.contains(std::path::is_separator) || name.ends_with(".pem") {
            return Ok(PathBuf::from(name));
        }
        address_book::check_name(name)?;
        Ok(self.wallets_folder().join(format!("{name}.pem")))
    }

    /// Names of all wallets, sorted.
    pub(crate) fn wallet_names(&self) -> Result<Vec<String>, Failure> {
        let folder = self.wallets_folder();
        let entries = match std::fs::read_dir(&folder) {
            Ok(entries) => entries,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(vec![]),
            Err(error) => return Err(Failure::file(&folder, "read", &error)),
        };
        let name = |entry: std::fs::DirEntry| entry.file_name().to_str()?.strip_suffix(".pem").map(str::to_owned);
        let mut names: Vec<_> = entries.filter_map(Result::ok).filter_map(name).collect();
        names.sort();
        Ok(names)
    }

    /// Names for addresses.
    pub(crate) fn address_book(&self) -> Result<AddressBook, Failure> {
        Ok(AddressBook::read(&address_book::path_in(&self.path))?)
    }
}

/// As the platform has it: XDG on Unix, `%APPDATA%` on Windows.
fn user_data_folder() -> Option<PathBuf> {
    let folder = |name: &str| std::env::var_os(name).map(PathBuf::from).filter(|path| path.is_absolute());
    if cfg!(windows) {
        return folder("APPDATA");
    }
    folder("XDG_DATA_HOME").or_else(|| Some(folder("HOME")?.join(".local").join("share")))
}
