//! The home folder as commands see it: where things are, and how they are read.

use super::failure::Failure;
use super::names::{OWN, VALIDATOR};
use super::output::quoted;
use crate::config::Layer;
use crate::wallet::address_book::{self, AddressBook};
use crate::wallet::keystore::{self, KeystoreError};
use blockchat_host::text;
use blockchat_proto::genesis::{Genesis, VerifiedGenesis};
use blockchat_proto::keys::Address;
use blockchat_proto::limits;
use std::ffi::OsStr;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};

/// Longest genesis as JSON, in bytes: at most so many times longer than its canonical bytes.
const GENESIS_JSON_BYTES_MAX: u64 = limits::GENESIS_BYTES_MAX as u64 * 8;

/// Are these two names one, but for a letter that is wrong, missing, too much or in the wrong place? Numbers at the end tell
/// homes apart: id0 and id1 are two.
fn is_slip(typed: &str, meant: &str) -> bool {
    let number = |name: &str| name.chars().rev().take_while(char::is_ascii_digit).collect::<String>();
    number(typed) == number(meant) && meant.chars().count() > 1 && strsim::osa_distance(typed, meant) == 1
}

/// The log file of a node whose terminal is needed for a prompt.
pub(crate) const LOG_FILE_WITH_SHELL: &str = "data/node.log";

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
            None => usual_path().ok_or_else(|| {
                Failure::usage("this system names no folder for a user's data", "name one with --home DIR")
            })?,
        };
        Ok(Self { path: std::path::absolute(&path).unwrap_or(path) })
    }

    /// Is it the default home?
    pub(crate) fn is_usual(&self) -> bool {
        usual_path().is_some_and(|usual| usual == self.path)
    }

    /// Was it named by the environment, as in a container, and not on the command line?
    pub(crate) fn is_by_variable(&self) -> bool {
        let named = std::env::var_os("BLOCKCHAT_HOME").filter(|value| !value.is_empty());
        named.is_some_and(|named| std::path::absolute(named).is_ok_and(|named| named == self.path))
    }

    /// A home beside this one that holds a chain, and whose name differs by a slip of the fingers.
    pub(crate) fn resembled(&self) -> Option<PathBuf> {
        let own = self.path.file_name()?.to_str()?;
        let beside = std::fs::read_dir(self.path.parent()?).ok()?.flatten().map(|entry| entry.path());
        let slip = |path: &PathBuf| {
            let name = path.file_name().and_then(OsStr::to_str);
            name.is_some_and(|name| name != own && is_slip(own, name)) && path.join("genesis.json").exists()
        };
        beside.filter(slip).min()
    }

    /// For a command that is printed: what names this home to it, with a blank before; nothing if it need not be named.
    pub(crate) fn flag(&self) -> String {
        let by_variable = std::env::var_os("BLOCKCHAT_HOME").filter(|value| !value.is_empty()).map(PathBuf::from);
        if Self::locate(by_variable).is_ok_and(|default| default == *self) {
            return String::new();
        }
        format!(" --home {}", quoted(&self.path.display().to_string()))
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

    /// The log file of this home's node, if it logs to a file.
    pub(crate) fn log_file(&self) -> Result<PathBuf, Failure> {
        Ok(self.path.join(self.config()?.log.file.unwrap_or_else(|| LOG_FILE_WITH_SHELL.into())))
    }

    /// The chain of this home, if it has one.
    pub(crate) fn genesis(&self) -> Result<Option<VerifiedGenesis>, Failure> {
        let path = self.genesis_path();
        let wrong = |reason: String| {
            let next = "copy genesis.json from another node of the chain";
            Failure::new(format!("{} is not a valid genesis: {reason}", path.display()), next).coded("bad_genesis")
        };
        let text = match text::read(&path, GENESIS_JSON_BYTES_MAX) {
            Ok(text) => text,
            Err(error) => match error.kind() {
                ErrorKind::NotFound => return Ok(None),
                ErrorKind::InvalidData => return Err(wrong(error.to_string())),
                _ => return Err(Failure::file(&path, "read", &error)),
            },
        };
        let genesis: Genesis = serde_json::from_str(&text).map_err(|error| wrong(error.to_string()))?;
        genesis.verify().map(Some).map_err(|error| wrong(error.to_string()))
    }

    /// The validator key's file; it need not exist.
    pub(crate) fn validator_path(&self) -> Result<PathBuf, Failure> {
        Ok(self.config()?.validator_path(&self.path))
    }

    /// The validator key among the wallets, if this home has one.
    pub(crate) fn validator(&self) -> Result<Option<Wallet>, Failure> {
        let path = self.validator_path()?;
        let wallet =
            || Wallet { name: VALIDATOR.into(), is_named: true, key: KeyFile::look(&path), path: path.clone() };
        Ok(path.exists().then(wallet))
    }

    pub(crate) fn wallets_folder(&self) -> PathBuf {
        self.path.join("wallets")
    }

    /// The file of a wallet; a path stands for itself.
    pub(crate) fn wallet_path(&self, name: &str) -> Result<PathBuf, Failure> {
        if is_file_name(name) {
            return Ok(PathBuf::from(name));
        }
        address_book::check_name(name)?;
        Ok(self.wallets_folder().join(format!("{name}.pem")))
    }

    /// All wallets, by name: every `.pem` in their folder, whatever is in it.
    pub(crate) fn wallets(&self) -> Result<Vec<Wallet>, Failure> {
        let folder = self.wallets_folder();
        let entries = match std::fs::read_dir(&folder) {
            Ok(entries) => entries,
            Err(error) if error.kind() == ErrorKind::NotFound => return Ok(vec![]),
            Err(error) => return Err(Failure::file(&folder, "read", &error)),
        };
        let paths = entries.filter_map(Result::ok).map(|entry| entry.path());
        let mut wallets: Vec<_> =
            paths.filter(|path| path.extension() == Some(OsStr::new("pem"))).map(Wallet::of).collect();
        wallets.sort_by(|a, b| a.name.cmp(&b.name));
        Ok(wallets)
    }

    /// Those that can be used, by name.
    pub(crate) fn good_wallets(&self) -> Result<Vec<Wallet>, Failure> {
        Ok(self.wallets()?.into_iter().filter(|wallet| wallet.is_named && wallet.key.is_ok()).collect())
    }

    /// Names for addresses.
    pub(crate) fn address_book(&self) -> Result<AddressBook, Failure> {
        Ok(AddressBook::read(&address_book::path_in(&self.path))?)
    }
}

/// One key file in the folder of wallets.
#[derive(Debug)]
pub(crate) struct Wallet {
    /// Its name in all output: the wallet's name or, if the file's name is no valid wallet name, the path of the file.
    pub(crate) name: String,
    /// Is it a name?
    pub(crate) is_named: bool,
    /// Its file.
    pub(crate) path: PathBuf,
    /// The facts that the file shows without a passphrase, or the reason why it cannot be used.
    pub(crate) key: Result<KeyFile, KeystoreError>,
}

/// A key file, not opened.
#[derive(Clone, Copy, Debug)]
pub(crate) struct KeyFile {
    /// Unknown if the file is encrypted and does not say.
    pub(crate) address: Option<Address>,
    pub(crate) encrypted: bool,
}

impl KeyFile {
    pub(crate) fn look(path: &Path) -> Result<Self, KeystoreError> {
        Ok(Self { address: keystore::address_of(path)?, encrypted: keystore::is_encrypted(path)? })
    }
}

impl Wallet {
    fn of(path: PathBuf) -> Self {
        let stem = path.file_stem().and_then(OsStr::to_str);
        let means_another = |name: &&str| [OWN, VALIDATOR].contains(name);
        let named = stem.filter(|name| address_book::check_name(name).is_ok() && !means_another(name));
        let (name, is_named) = match named {
            Some(name) => (name.to_owned(), true),
            None => (path.display().to_string(), false),
        };
        Self { name, is_named, key: KeyFile::look(&path), path }
    }
}

/// Is this the path of a key file, where the name of a wallet might stand?
pub(crate) fn is_file_name(name: &str) -> bool {
    name.contains(std::path::is_separator) || name.ends_with(".pem")
}

fn usual_path() -> Option<PathBuf> {
    Some(user_data_folder()?.join("blockchat"))
}

/// As the platform has it: XDG on Unix, `%APPDATA%` on Windows.
fn user_data_folder() -> Option<PathBuf> {
    let folder = |name: &str| std::env::var_os(name).map(PathBuf::from).filter(|path| path.is_absolute());
    if cfg!(windows) {
        return folder("APPDATA");
    }
    folder("XDG_DATA_HOME").or_else(|| Some(folder("HOME")?.join(".local").join("share")))
}
