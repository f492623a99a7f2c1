//! Key files: PKCS#8 in PEM, encrypted with a passphrase or not. SPEC FILE-1.
//!
//! Owns: the file format, its permissions, wrong passphrases. Does not own: the places of files and the question for a
//! passphrase (`cli`).
//!
//! Always true: files are written as PKCS#8 version 1, which OpenSSL reads, and read as version 1 or 2; a file that others
//! than its owner may read is refused; nothing here prints a key. A line before the PEM block names the address, so that
//! an encrypted key's owner is known without its passphrase; once decrypted, the two must agree.
//! Start reading at [`load`].

use blockchat_host::text;
use blockchat_host::whole_file::{self, Access};
use blockchat_proto::keys::{Address, Signer};
use ed25519_dalek::SigningKey;
use ed25519_dalek::pkcs8::{DecodePrivateKey, EncodePrivateKey, KeypairBytes};
use pkcs8::der::pem::PemLabel;
use pkcs8::{EncryptedPrivateKeyInfoRef, LineEnding, PrivateKeyInfoRef};
use rand::TryRng;
use rand::rngs::SysRng;
use std::fmt;
use std::io;
use std::path::{Path, PathBuf};
use unicode_normalization::UnicodeNormalization;
use zeroize::Zeroizing;

/// Longest key file, in bytes.
const KEY_FILE_BYTES_MAX: u64 = 16 * 1024;
const ENCRYPTED_BEGIN: &str = "-----BEGIN ENCRYPTED PRIVATE KEY-----";
const PLAIN_BEGIN: &str = "-----BEGIN PRIVATE KEY-----";

/// The protection of a key file. Prints as `[secret]`; wiped from memory when dropped.
///
/// One letter may be typed in several ways, and systems differ in which one they hand on: an `é` is one character, or an
/// `e` with an accent. New keys are protected by the composed form (NFC); a key that another program protected may want
/// the very bytes.
#[derive(Clone)]
pub struct Passphrase {
    composed: Zeroizing<String>,
    /// As typed or read, if that differs.
    raw: Option<Zeroizing<String>>,
}

impl Passphrase {
    /// A passphrase as typed or read; an empty one protects nothing and is refused.
    pub fn new(text: impl Into<Zeroizing<String>>) -> Option<Self> {
        let text = text.into();
        // Four times is more than composing ever adds: the text does not grow, which would leave copies behind.
        let mut composed = Zeroizing::new(String::with_capacity(text.len() * 4));
        composed.extend(text.nfc());
        let raw = if *composed == *text { None } else { Some(text) };
        if composed.is_empty() { None } else { Some(Self { composed, raw }) }
    }

    /// The passphrases to try, in this order.
    fn forms(&self) -> impl Iterator<Item = &[u8]> {
        [Some(&self.composed), self.raw.as_ref()].into_iter().flatten().map(|form| form.as_bytes())
    }
}

impl PartialEq for Passphrase {
    fn eq(&self, other: &Self) -> bool {
        *self.composed == *other.composed
    }
}

impl fmt::Debug for Passphrase {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("[secret]")
    }
}

/// Why a key file cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum KeystoreError {
    /// Nothing there.
    #[error("there is no key file {path}", path = path.display())]
    Missing {
        /// The path.
        path: PathBuf,
    },
    /// A key is never overwritten.
    #[error("{path} already exists, and a key is never overwritten", path = path.display())]
    Exists {
        /// The path.
        path: PathBuf,
    },
    /// Any user of this machine could copy it.
    #[error("{path} can be read by others (mode {mode:04o})", path = path.display())]
    OpenPermissions {
        /// The path.
        path: PathBuf,
        /// Its mode bits for group and others.
        mode: u32,
    },
    /// It needs a passphrase, and none was given.
    #[error("{path} is encrypted", path = path.display())]
    PassphraseNeeded {
        /// The path.
        path: PathBuf,
    },
    /// It does not open with this one.
    #[error("the passphrase does not open {path}", path = path.display())]
    WrongPassphrase {
        /// The path.
        path: PathBuf,
    },
    /// Not what we write, nor what OpenSSL writes for ed25519.
    #[error("{path} is not an ed25519 key in PKCS#8 PEM: {reason}", path = path.display())]
    NotAKey {
        /// The path.
        path: PathBuf,
        /// Why not.
        reason: String,
    },
    /// The line before the key names another account.
    #[error("{path} says it belongs to {named}, but its key is that of {found}", path = path.display())]
    OtherAddress {
        /// The path.
        path: PathBuf,
        /// In the line.
        named: Address,
        /// Of the key.
        found: Address,
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

/// The use of a key, as its file states it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum KeyUse {
    /// It owns an account: the file names its address.
    Account,
    /// It identifies a node to its peers; coins sent to it are lost.
    Peer,
}

/// A new key from the system's randomness. Panics if the system has none: no key must be made then.
pub fn generate() -> Signer {
    let mut seed = Zeroizing::new([0; 32]);
    SysRng.try_fill_bytes(&mut *seed).expect("the system gives random bytes");
    Signer::from_seed(&seed)
}

/// Writes a new key file with mode 0600, whole or not at all. Cost: about 115 ms with a passphrase (scrypt), none without.
pub fn create(
    path: &Path,
    signer: &Signer,
    key_use: KeyUse,
    passphrase: Option<&Passphrase>,
) -> Result<(), KeystoreError> {
    let io_error = |source: io::Error| match source.kind() {
        io::ErrorKind::AlreadyExists => KeystoreError::Exists { path: path.into() },
        _ => KeystoreError::Io { path: path.into(), source },
    };
    let text = content(path, signer, key_use, passphrase)?;
    if let Some(folder) = path.parent() {
        whole_file::create_folder(folder).map_err(io_error)?;
    }
    whole_file::create(path, text.as_bytes(), Access::Private).map_err(io_error)
}

/// The text of a key file that is going to be at `path`. Cost as for [`create`].
pub fn content(
    path: &Path,
    signer: &Signer,
    key_use: KeyUse,
    passphrase: Option<&Passphrase>,
) -> Result<Zeroizing<String>, KeystoreError> {
    let pem = encode(signer, passphrase)
        .map_err(|error| KeystoreError::NotAKey { path: path.into(), reason: error.to_string() })?;
    let title = match key_use {
        KeyUse::Account => format!("BlockChat key of {}", signer.address()),
        KeyUse::Peer => "BlockChat peer key".into(),
    };
    Ok(Zeroizing::new(format!("{title}\n{}", *pem)))
}

/// Copies a key file from a place with other permissions, such as the volume of a Secret, to a private file; an
/// existing file is replaced. Returns the key's address, if it is readable without the passphrase.
///
/// Errors: it is no key; the system's.
pub fn install(from: &Path, to: &Path) -> Result<Option<Address>, KeystoreError> {
    let text = read_any(from)?;
    pem_block(from, &text)?;
    if let Some(folder) = to.parent() {
        whole_file::create_folder(folder).map_err(|source| KeystoreError::Io { path: folder.into(), source })?;
    }
    whole_file::replace_private(to, text.as_bytes()).map_err(|source| KeystoreError::Io { path: to.into(), source })?;
    address_of(to)
}

/// PKCS#8 version 1: the public key is left out, because OpenSSL 3.0 cannot read version 2.
fn encode(signer: &Signer, passphrase: Option<&Passphrase>) -> pkcs8::Result<Zeroizing<String>> {
    let secret = Zeroizing::new(signer.signing_key().to_bytes());
    let document = KeypairBytes { secret_key: *secret, public_key: None }.to_pkcs8_der()?;
    match passphrase {
        None => Ok(document.to_pem(PrivateKeyInfoRef::PEM_LABEL, LineEnding::LF)?),
        Some(passphrase) => {
            let info = PrivateKeyInfoRef::try_from(document.as_bytes())?;
            let sealed = info.encrypt_with_rng(&mut SysRng, passphrase.composed.as_bytes())?;
            Ok(sealed.to_pem(EncryptedPrivateKeyInfoRef::PEM_LABEL, LineEnding::LF)?)
        }
    }
}

/// Reads a key file. Cost: about 115 ms if it is encrypted.
pub fn load(path: &Path, passphrase: Option<&Passphrase>) -> Result<Signer, KeystoreError> {
    let text = read(path)?;
    let pem = pem_block(path, &text)?;
    let key = match (is_encrypted_text(pem), passphrase) {
        (false, _) => SigningKey::from_pkcs8_pem(pem).map_err(|error| not_a_key(path, error))?,
        (true, None) => return Err(KeystoreError::PassphraseNeeded { path: path.into() }),
        (true, Some(passphrase)) => decrypt(path, pem, passphrase)?,
    };
    let signer = Signer::from(key);
    match named_address(&text) {
        Some(named) if named != signer.address() => {
            Err(KeystoreError::OtherAddress { path: path.into(), named, found: signer.address() })
        }
        _ => Ok(signer),
    }
}

/// Does this key file need a passphrase?
pub fn is_encrypted(path: &Path) -> Result<bool, KeystoreError> {
    let text = read(path)?;
    Ok(is_encrypted_text(pem_block(path, &text)?))
}

/// The address of this key, without opening it: from the line before the key, or from the key if it is not encrypted.
pub fn address_of(path: &Path) -> Result<Option<Address>, KeystoreError> {
    let text = read(path)?;
    match named_address(&text) {
        Some(address) => Ok(Some(address)),
        None if is_encrypted_text(pem_block(path, &text)?) => Ok(None),
        None => Ok(Some(load(path, None)?.address())),
    }
}

fn decrypt(path: &Path, pem: &str, passphrase: &Passphrase) -> Result<SigningKey, KeystoreError> {
    for form in passphrase.forms() {
        match SigningKey::from_pkcs8_encrypted_pem(pem, form) {
            Err(pkcs8::Error::EncryptedPrivateKey(_)) => {}
            done => return done.map_err(|error| not_a_key(path, error)),
        }
    }
    Err(KeystoreError::WrongPassphrase { path: path.into() })
}

/// Of a file that its owner alone may read.
fn read(path: &Path) -> Result<Zeroizing<String>, KeystoreError> {
    let text = read_any(path)?;
    let mode = whole_file::open_bits(path).map_err(|source| KeystoreError::Io { path: path.into(), source })?;
    if mode != 0 {
        return Err(KeystoreError::OpenPermissions { path: path.into(), mode });
    }
    Ok(text)
}

fn read_any(path: &Path) -> Result<Zeroizing<String>, KeystoreError> {
    let io_error = |source: io::Error| match source.kind() {
        io::ErrorKind::NotFound => KeystoreError::Missing { path: path.into() },
        _ => KeystoreError::Io { path: path.into(), source },
    };
    if !std::fs::metadata(path).map_err(io_error)?.is_file() {
        return Err(not_a_key(path, "it is not a file"));
    }
    text::read(path, KEY_FILE_BYTES_MAX).map(Zeroizing::new).map_err(|error| match error.kind() {
        io::ErrorKind::InvalidData => not_a_key(path, error),
        _ => io_error(error),
    })
}

/// From the first dash on: what lies before is for people.
fn pem_block<'a>(path: &Path, text: &'a str) -> Result<&'a str, KeystoreError> {
    let start = [PLAIN_BEGIN, ENCRYPTED_BEGIN].iter().filter_map(|begin| text.find(begin)).min();
    match start {
        Some(start) => Ok(&text[start..]),
        None => Err(KeystoreError::NotAKey { path: path.into(), reason: "there is no PRIVATE KEY block".into() }),
    }
}

fn is_encrypted_text(pem: &str) -> bool {
    pem.starts_with(ENCRYPTED_BEGIN)
}

fn named_address(text: &str) -> Option<Address> {
    let line = text.lines().next()?.strip_prefix("BlockChat key of ")?;
    line.trim().parse().ok()
}

fn not_a_key(path: &Path, reason: impl fmt::Display) -> KeystoreError {
    KeystoreError::NotAKey { path: path.into(), reason: reason.to_string() }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn folder() -> tempfile::TempDir {
        tempfile::tempdir().unwrap()
    }

    fn passphrase(text: &str) -> Passphrase {
        Passphrase::new(text.to_owned()).unwrap()
    }

    #[test]
    fn a_key_survives_its_file_with_and_without_a_passphrase() {
        let folder = folder();
        let signer = generate();
        for (name, secret) in [("a.pem", None), ("b.pem", Some(passphrase("correct horse")))] {
            let path = folder.path().join(name);
            create(&path, &signer, KeyUse::Account, secret.as_ref()).unwrap();
            assert_eq!(load(&path, secret.as_ref()).unwrap().address(), signer.address());
            assert_eq!(address_of(&path).unwrap(), Some(signer.address()));
            assert_eq!(is_encrypted(&path).unwrap(), secret.is_some());
        }
    }

    #[test]
    fn a_wrong_or_missing_passphrase_is_named_as_such() {
        let folder = folder();
        let path = folder.path().join("k.pem");
        create(&path, &generate(), KeyUse::Account, Some(&passphrase("right"))).unwrap();
        assert!(matches!(load(&path, Some(&passphrase("wrong"))), Err(KeystoreError::WrongPassphrase { .. })));
        assert!(matches!(load(&path, None), Err(KeystoreError::PassphraseNeeded { .. })));
    }

    #[test]
    fn a_key_is_never_overwritten() {
        let folder = folder();
        let path = folder.path().join("k.pem");
        let first = generate();
        create(&path, &first, KeyUse::Account, None).unwrap();
        assert!(matches!(create(&path, &generate(), KeyUse::Account, None), Err(KeystoreError::Exists { .. })));
        assert_eq!(load(&path, None).unwrap().address(), first.address());
    }

    #[cfg(unix)]
    #[test]
    fn a_file_that_others_may_read_is_refused() {
        use std::os::unix::fs::PermissionsExt;
        let folder = folder();
        let path = folder.path().join("k.pem");
        create(&path, &generate(), KeyUse::Account, None).unwrap();
        assert_eq!(std::fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o640)).unwrap();
        assert!(matches!(load(&path, None), Err(KeystoreError::OpenPermissions { mode: 0o040, .. })));
    }

    #[test]
    fn version_1_is_written_and_version_2_is_read() {
        let folder = folder();
        let signer = generate();
        let version_1 = encode(&signer, None).unwrap();
        let version_2 = signer.signing_key().to_pkcs8_pem(LineEnding::LF).unwrap();
        assert!(version_1.len() < version_2.len(), "version 2 carries the public key too");
        let path = folder.path().join("v2.pem");
        whole_file::create(&path, version_2.as_bytes(), Access::Private).unwrap();
        assert_eq!(load(&path, None).unwrap().address(), signer.address());
    }

    /// `openssl genpkey -algorithm ed25519`, OpenSSL 3.0.
    const OPENSSL: &str = "\
-----BEGIN PRIVATE KEY-----
MC4CAQAwBQYDK2VwBCIEIHMfcI6Id36i22HndgXUD9/gb8qEVd98xjIbiylNdkYW
-----END PRIVATE KEY-----
";
    /// The same, through `openssl pkcs8 -topk8 -v2 aes-256-cbc -scrypt -passout pass:hunter2`.
    const OPENSSL_SCRYPT: &str = "\
-----BEGIN ENCRYPTED PRIVATE KEY-----
MIGTME8GCSqGSIb3DQEFDTBCMCEGCSsGAQQB2kcECzAUBAgszvXQLVtN6gICQAAC
AQgCAQEwHQYJYIZIAWUDBAEqBBDi0XsYMlZeSwlrFMlL7sF2BEBPPWF+J9Jo4euv
m/GUeUzNsuCu94uGDWm9sGyoXWLWXmeSAwUjdpOY0OUPXCIPDtBAEh1isRaEyH0w
YYRFn59M
-----END ENCRYPTED PRIVATE KEY-----
";
    /// The same without `-scrypt`.
    const OPENSSL_PBKDF2: &str = "\
-----BEGIN ENCRYPTED PRIVATE KEY-----
MIGbMFcGCSqGSIb3DQEFDTBKMCkGCSqGSIb3DQEFDDAcBAhIOLRQx+BTqgICCAAw
DAYIKoZIhvcNAgkFADAdBglghkgBZQMEASoEEL52CKCEyxMD6KBbcGpTQJcEQJjk
xF6FXD3Iw/g2rBd7KVZOUysDjID8neAMUoZM6BbsctAKyQSh36/Y+wZp8ZdhRiK9
MrFh1K0tuPQnQZ0sRdY=
-----END ENCRYPTED PRIVATE KEY-----
";

    #[test]
    fn keys_made_by_openssl_are_read() {
        let folder = folder();
        let read = |name: &str, pem: &str| {
            let path = folder.path().join(name);
            whole_file::create(&path, pem.as_bytes(), Access::Private).unwrap();
            load(&path, Some(&passphrase("hunter2"))).unwrap().address()
        };
        let address = read("plain.pem", OPENSSL);
        assert_eq!(read("scrypt.pem", OPENSSL_SCRYPT), address);
        assert_eq!(read("pbkdf2.pem", OPENSSL_PBKDF2), address);
        assert_eq!(address_of(&folder.path().join("plain.pem")).unwrap(), Some(address));
        assert_eq!(address_of(&folder.path().join("scrypt.pem")).unwrap(), None, "nothing names it");
    }

    #[test]
    fn a_standard_reader_skips_the_line_before_the_key() {
        let folder = folder();
        let path = folder.path().join("k.pem");
        let signer = generate();
        create(&path, &signer, KeyUse::Account, None).unwrap();
        let text = std::fs::read_to_string(&path).unwrap();
        assert!(text.starts_with("BlockChat key of bcc1"));
        assert_eq!(Signer::from(SigningKey::from_pkcs8_pem(&text).unwrap()).address(), signer.address());
    }

    #[test]
    fn a_key_under_the_name_of_another_account_is_refused() {
        let folder = folder();
        let path = folder.path().join("k.pem");
        let text = format!("BlockChat key of {}\n{}", generate().address(), *encode(&generate(), None).unwrap());
        whole_file::create(&path, text.as_bytes(), Access::Private).unwrap();
        assert!(matches!(load(&path, None), Err(KeystoreError::OtherAddress { .. })));
    }

    #[test]
    fn what_is_no_key_is_said_to_be_none() {
        let folder = folder();
        let path = folder.path().join("k.pem");
        assert!(matches!(load(&path, None), Err(KeystoreError::Missing { .. })));
        whole_file::create(&path, b"hello", Access::Private).unwrap();
        assert!(matches!(load(&path, None), Err(KeystoreError::NotAKey { .. })));
    }

    #[test]
    fn neither_an_empty_nor_a_printed_passphrase_exists() {
        assert_eq!(Passphrase::new(String::new()), None);
        assert_eq!(format!("{:?}", passphrase("hush")), "[secret]");
    }
    /// Composed, and as some systems hand it on.
    const E_ACUTE: [&str; 2] = ["caf\u{e9}", "cafe\u{301}"];

    #[test]
    fn a_passphrase_opens_its_key_however_its_letters_were_typed() {
        let folder = folder();
        let signer = generate();
        for (name, typed) in ["a.pem", "b.pem"].into_iter().zip(E_ACUTE) {
            let path = folder.path().join(name);
            create(&path, &signer, KeyUse::Account, Some(&passphrase(typed))).unwrap();
            for again in E_ACUTE {
                assert_eq!(load(&path, Some(&passphrase(again))).unwrap().address(), signer.address());
            }
            assert!(matches!(load(&path, Some(&passphrase("cafe"))), Err(KeystoreError::WrongPassphrase { .. })));
        }
        assert_eq!(passphrase(E_ACUTE[0]), passphrase(E_ACUTE[1]));
    }

    #[test]
    fn a_key_that_another_program_protected_opens_with_the_very_bytes() {
        let folder = folder();
        let path = folder.path().join("k.pem");
        let signer = generate();
        let raw = Passphrase { composed: Zeroizing::new(E_ACUTE[1].into()), raw: None };
        create(&path, &signer, KeyUse::Account, Some(&raw)).unwrap();
        assert_eq!(load(&path, Some(&passphrase(E_ACUTE[1]))).unwrap().address(), signer.address());
    }

    #[test]
    fn a_byte_order_mark_before_a_key_changes_nothing() {
        let folder = folder();
        let (path, marked) = (folder.path().join("k.pem"), folder.path().join("m.pem"));
        let signer = generate();
        create(&path, &signer, KeyUse::Account, Some(&passphrase("x"))).unwrap();
        let text = format!("\u{feff}{}", std::fs::read_to_string(&path).unwrap());
        whole_file::create(&marked, text.as_bytes(), Access::Private).unwrap();
        assert_eq!(address_of(&marked).unwrap(), Some(signer.address()));
        assert_eq!(load(&marked, Some(&passphrase("x"))).unwrap().address(), signer.address());
    }

    #[test]
    fn what_is_no_file_is_no_key_and_nobody_waits_for_it() {
        let folder = folder();
        assert!(matches!(load(folder.path(), None), Err(KeystoreError::NotAKey { .. })));
    }
}
