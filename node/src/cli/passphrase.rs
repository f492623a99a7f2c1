//! Passphrases come from a file, the environment, or the person at the terminal. Never from the command line.

use super::args::{KeyArg, PassphraseArg};
use super::failure::Failure;
use super::home::{Home, Wallet, is_file_name};
use super::names::{Names, OWN, VALIDATOR, closest};
use crate::wallet::keystore::{self, Passphrase};
use blockchat_host::{text, whole_file};
use blockchat_proto::keys::Signer;
use std::collections::BTreeMap;
use std::io::{ErrorKind, IsTerminal};
use std::path::{Path, PathBuf};
use zeroize::Zeroizing;

/// Another place for a passphrase that scripts like; a file is safer.
const PASSPHRASE_VARIABLE: &str = "BLOCKCHAT_PASSPHRASE";
/// Longest passphrase file, in bytes: a guard against pointing at something else.
const FILE_BYTES_MAX: u64 = 64 * 1024;

/// A key that signs, and its file.
#[derive(Clone, Debug)]
pub(crate) struct OwnKey {
    pub(crate) signer: Signer,
    pub(crate) path: PathBuf,
}

/// Keys that were opened, so that a passphrase is asked for once in the life of a program.
#[derive(Default)]
pub(crate) struct Keyring {
    opened: BTreeMap<PathBuf, Signer>,
    /// Keys that could not be opened to read a message, and why: the user is not asked again for each message.
    shut: BTreeMap<PathBuf, String>,
}

impl Keyring {
    /// Opens the key that signs: the named wallet, else the validator key, else the only wallet.
    pub(crate) fn signer(&mut self, home: &Home, arg: &KeyArg) -> Result<OwnKey, Failure> {
        let path = signer_path(home, arg.wallet.as_deref())?;
        let signer = match self.opened.get(&path) {
            Some(known) => known.clone(),
            None => open(&path, &arg.passphrase)?,
        };
        self.opened.insert(path.clone(), signer.clone());
        Ok(OwnKey { signer, path })
    }

    /// A key that was opened elsewhere in this program.
    pub(crate) fn keep(&mut self, path: PathBuf, signer: Signer) {
        self.opened.insert(path, signer);
    }

    /// A key to read with; the reason why not, if it does not open. Without `asks`, the user is not asked for a
    /// passphrase.
    pub(crate) fn reader(&mut self, path: &Path, arg: &PassphraseArg, asks: bool) -> Result<Signer, String> {
        if let Some(known) = self.opened.get(path) {
            return Ok(known.clone());
        }
        if let Some(reason) = self.shut.get(path) {
            return Err(reason.clone());
        }
        let given = given(arg).map_err(|failure| failure.cause().to_owned());
        // Cheap sources are read again, because they may have changed since.
        let tried = asks || !matches!(given, Ok(None));
        let opened = match given {
            Ok(Some(passphrase)) => keystore::load(path, Some(&passphrase)).map_err(|error| error.to_string()),
            Ok(None) if asks => open(path, arg).map_err(|failure| failure.cause().to_owned()),
            Ok(None) => keystore::load(path, None).map_err(|error| error.to_string()),
            Err(reason) => Err(reason),
        };
        match &opened {
            Ok(signer) => drop(self.opened.insert(path.to_owned(), signer.clone())),
            Err(reason) if tried => drop(self.shut.insert(path.to_owned(), reason.clone())),
            Err(_) => {}
        }
        opened
    }
}

/// Opens a key file, asking for its passphrase if it has one.
pub(crate) fn open(path: &Path, arg: &PassphraseArg) -> Result<Signer, Failure> {
    let passphrase = if keystore::is_encrypted(path)? {
        match given(arg)? {
            Some(passphrase) => Some(passphrase),
            None => ask(&format!("Passphrase of {}: ", path.display()))?,
        }
    } else {
        None
    };
    Ok(keystore::load(path, passphrase.as_ref())?)
}

/// The passphrase for a new key, asked for twice.
pub(crate) fn choose(arg: &PassphraseArg) -> Result<Passphrase, Failure> {
    if let Some(passphrase) = given(arg)? {
        return Ok(passphrase);
    }
    let needed = || {
        let next = "run it in a terminal, or give --passphrase-file FILE, or --no-passphrase for a key without value";
        Failure::usage("a new key needs a passphrase", next).coded("passphrase_needed")
    };
    let first = ask("New passphrase: ")?.ok_or_else(needed)?;
    match ask("The same again: ")? {
        Some(second) if second == first => Ok(first),
        _ => Err(Failure::new("the two passphrases differ", "try again")),
    }
}

/// From the file or the environment.
pub(crate) fn given(arg: &PassphraseArg) -> Result<Option<Passphrase>, Failure> {
    let text = match arg.passphrase_file.as_ref().filter(|path| !path.as_os_str().is_empty()) {
        Some(path) => Some(read_first_line(path)?),
        None => variable()?,
    };
    match text {
        None => Ok(None),
        Some(text) => Passphrase::new(text).map(Some).ok_or_else(|| {
            Failure::new("the passphrase is empty", "write it into the first line of the passphrase file")
                .coded("passphrase_needed")
        }),
    }
}

/// The variable; one that is set and empty is not set.
fn variable() -> Result<Option<Zeroizing<String>>, Failure> {
    let value = std::env::var_os(PASSPHRASE_VARIABLE).filter(|value| !value.is_empty());
    value.map(|value| value.into_string().map(Zeroizing::new)).transpose().map_err(|_| {
        let cause = format!("{PASSPHRASE_VARIABLE} is not valid UTF-8");
        Failure::new(cause, "give --passphrase-file FILE").coded("bad_passphrase")
    })
}

/// A passphrase is as valuable as the key that it opens: a file that others may read is refused like a key file. A pipe
/// has no such mode.
fn read_first_line(path: &Path) -> Result<Zeroizing<String>, Failure> {
    let failed = |error: std::io::Error| match error.kind() {
        ErrorKind::InvalidData => Failure::new(
            format!("{} holds no passphrase: {error}", path.display()),
            "write it into the first line of the file, as UTF-8",
        )
        .coded("bad_passphrase"),
        _ => Failure::file(path, "read the passphrase from", &error),
    };
    let is_file = std::fs::metadata(path).map_err(failed)?.is_file();
    let mode = whole_file::open_bits(path).map_err(failed)?;
    if is_file && mode != 0 {
        let cause = format!("the passphrase in {} can be read by others (mode {mode:04o})", path.display());
        return Err(Failure::new(cause, format!("chmod 600 {}", path.display())).coded("passphrase_open"));
    }
    let text = text::read(path, FILE_BYTES_MAX).map(Zeroizing::new).map_err(failed)?;
    Ok(Zeroizing::new(text.lines().next().unwrap_or_default().to_owned()))
}

/// Asks at the terminal; `None` if there is no terminal.
fn ask(prompt: &str) -> Result<Option<Passphrase>, Failure> {
    if !std::io::stdin().is_terminal() {
        return Ok(None);
    }
    let typed = rpassword::prompt_password(prompt)
        .map_err(|error| Failure::new(format!("cannot read the passphrase: {error}"), "give --passphrase-file FILE"))?;
    Ok(Passphrase::new(typed))
}

/// The file of the key that signs.
pub(crate) fn signer_path(home: &Home, wallet: Option<&str>) -> Result<PathBuf, Failure> {
    let validator = home.validator_path()?;
    match wallet {
        Some(VALIDATOR) => return Ok(validator),
        Some(OWN) | None => {}
        Some(name) => return named_path(home, name),
    }
    if validator.exists() {
        return Ok(validator);
    }
    let next = "make one with `blockchat-node wallet new NAME`";
    match home.good_wallets()?.as_slice() {
        [] => {
            Err(Failure::new(format!("{} holds no key to sign with", home.path().display()), next).coded("key_missing"))
        }
        [only] => Ok(only.path.clone()),
        several => {
            let names: Vec<_> = several.iter().map(|wallet| wallet.name.as_str()).collect();
            let cause = format!("several wallets could sign: {}", names.join(", "));
            Err(Failure::usage(cause, "choose one with --wallet NAME"))
        }
    }
}

/// The file of a key that is named: by the name of its file, or by any other name that its account has.
fn named_path(home: &Home, name: &str) -> Result<PathBuf, Failure> {
    let path = home.wallet_path(name)?;
    if path.exists() || is_file_name(name) {
        return Ok(path);
    }
    let names = Names::of(home)?;
    let Ok(address) = names.resolve(name) else {
        return match closest(name, names.keys()) {
            None => Ok(path),
            Some(meant) => {
                let cause = format!("there is no key named {name:?}");
                let next = format!("did you mean {meant}? see your keys with `blockchat-node wallet list`");
                Err(Failure::new(cause, next).coded("key_missing"))
            }
        };
    };
    let is_its = |wallet: &Wallet| wallet.key.as_ref().is_ok_and(|key| key.address == Some(address));
    let keys = home.validator()?.into_iter().chain(home.wallets()?);
    match keys.into_iter().find(is_its) {
        Some(found) => Ok(found.path),
        None => {
            let cause = format!("{name} is somebody else's account: this home has no key of it");
            Err(Failure::new(cause, "see your keys with `blockchat-node wallet list`").coded("key_missing"))
        }
    }
}
