//! Sealed messages as every verb reads them: opened with a key of this home, or closed with the reason.
//!
//! Always true: what was sealed and does not open is never shown as if it were plain, or as if it were nothing.
//! Start reading at [`Seals::open`].

use super::index::Entry;
use crate::cli::args::{KeyArg, PassphraseArg};
use crate::cli::failure::Failure;
use crate::cli::home::{Home, Wallet};
use crate::cli::passphrase::{self, Keyring, OwnKey};
use crate::wallet::seal::{self, Place, SealError};
use blockchat_client::shapes::{HistoryView, MessageView};
use blockchat_proto::hash::Hash32;
use blockchat_proto::keys::{Address, Signer};
use blockchat_proto::transaction::Sealed;
use serde::Serialize;
use std::path::PathBuf;

/// Why a sealed message is not opened, for a person.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum Closed {
    /// Neither of its ends is here.
    #[error("no key of this home opens it")]
    NoKey,
    /// A key that would open it is locked, or cannot be used.
    #[error("{0}")]
    Locked(String),
    /// The node answers without it.
    #[error("the node does not say what is sealed; update it")]
    Untold,
    /// It does not open with the key of its end.
    #[error("{0}")]
    Seal(#[from] SealError),
}

impl Serialize for Closed {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

/// Opens sealed messages of one chain with the keys of one home.
#[derive(Clone, Debug)]
pub(crate) struct Seals {
    home: Home,
    chain: Hash32,
    /// Only this key, if one was named.
    only: Option<PathBuf>,
    passphrase: PassphraseArg,
    /// May a person be asked for a passphrase?
    asks: bool,
}

impl Seals {
    /// With whatever key of the home opens a message, or, if a wallet is named, with that one alone. A person may be asked
    /// for its passphrase.
    ///
    /// Errors: there is no such wallet.
    pub(crate) fn asking(home: &Home, chain: Hash32, arg: &KeyArg) -> Result<Self, Failure> {
        let only = arg.wallet.as_deref().map(|name| passphrase::signer_path(home, Some(name))).transpose()?;
        Ok(Self { home: home.clone(), chain, only, passphrase: arg.passphrase.clone(), asks: true })
    }

    /// With a key that is open already, and no other.
    pub(crate) fn of_key(home: &Home, chain: Hash32, key: &OwnKey) -> Self {
        Self { only: Some(key.path.clone()), ..Self::quiet(home, chain, &PassphraseArg::default()) }
    }

    /// The same without asking the user: at a prompt, on a screen, beside a log.
    pub(crate) fn quiet(home: &Home, chain: Hash32, passphrase: &PassphraseArg) -> Self {
        Self { home: home.clone(), chain, only: None, passphrase: passphrase.clone(), asks: false }
    }

    /// Puts the text into an entry of a history, if it is sealed and opens; else says why not.
    pub(crate) fn open(&self, keys: &mut Keyring, view: &mut HistoryView) -> Option<Closed> {
        if !view.sealed || view.text.is_some() {
            return None;
        }
        let (Some(sender), Some(recipient), Some(nonce)) = (view.from, view.to, view.nonce) else {
            return Some(Closed::Untold);
        };
        let place = Place { chain: self.chain, sender, recipient, nonce };
        self.text(keys, &place, &mut view.seal, &mut view.text)
    }

    /// An entry as it is kept and shown.
    pub(crate) fn entry(&self, keys: &mut Keyring, mut view: HistoryView) -> Entry {
        let closed = self.open(keys, &mut view).map(|closed| closed.to_string());
        Entry { view, closed }
    }

    /// Puts the text into a message, if it is sealed and opens; else says why not.
    pub(crate) fn open_message(&self, keys: &mut Keyring, view: &mut MessageView) -> Option<Closed> {
        if !view.sealed || view.text.is_some() {
            return None;
        }
        let place = Place { chain: self.chain, sender: view.from, recipient: view.to, nonce: view.nonce };
        self.text(keys, &place, &mut view.seal, &mut view.text)
    }

    /// The opened text replaces the sealed one.
    fn text(
        &self,
        keys: &mut Keyring,
        place: &Place,
        sealed: &mut Option<Sealed>,
        text: &mut Option<String>,
    ) -> Option<Closed> {
        match self.read(keys, place, sealed.as_ref()) {
            Ok(opened) => {
                (*text, *sealed) = (Some(opened), None);
                None
            }
            Err(closed) => Some(closed),
        }
    }

    fn read(&self, keys: &mut Keyring, place: &Place, sealed: Option<&Sealed>) -> Result<String, Closed> {
        let sealed = sealed.ok_or(Closed::Untold)?;
        let mut closed = Closed::NoKey;
        for end in [place.recipient, place.sender] {
            match self.key_of(keys, &end) {
                Ok(signer) => return Ok(seal::open(&signer, place, sealed)?),
                Err(Closed::NoKey) => {}
                Err(other) => closed = other,
            }
        }
        Err(closed)
    }

    /// The key of an account, if it is here.
    fn key_of(&self, keys: &mut Keyring, account: &Address) -> Result<Signer, Closed> {
        let path = self.path_of(account).ok_or(Closed::NoKey)?;
        let signer = keys.reader(&path, &self.passphrase, self.asks).map_err(Closed::Locked)?;
        // A file that does not say whose key it is may be another's.
        if signer.address() == *account { Ok(signer) } else { Err(Closed::NoKey) }
    }

    fn path_of(&self, account: &Address) -> Option<PathBuf> {
        if self.only.is_some() {
            return self.only.clone();
        }
        let is_its = |wallet: &Wallet| wallet.key.as_ref().is_ok_and(|key| key.address == Some(*account));
        let all = self.home.validator().ok().flatten().into_iter().chain(self.home.wallets().unwrap_or_default());
        all.into_iter().find(is_its).map(|found| found.path)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wallet::keystore::{self, KeyUse, Passphrase};
    use blockchat_client::shapes::{Direction, HistoryKind};
    use blockchat_host::whole_file::{self, Access};
    use blockchat_proto::coins::Coins;
    use blockchat_proto::units::{Height, UnixMillis};

    const CHAIN: Hash32 = Hash32([7; 32]);
    const TEXT: &str = "only for you";

    fn signer(person: u8) -> Signer {
        Signer::from_seed(&[person; 32])
    }

    /// A home with the keys of these people, the last one locked.
    fn home(open: &[u8], locked: &[u8]) -> (tempfile::TempDir, Home) {
        let folder = tempfile::tempdir().unwrap();
        let home = Home::locate(Some(folder.path().to_owned())).unwrap();
        let secret = Passphrase::new("correct horse".to_owned());
        for (people, secret) in [(open, None), (locked, secret.as_ref())] {
            for person in people {
                let path = home.wallet_path(&format!("p{person}")).unwrap();
                keystore::create(&path, &signer(*person), KeyUse::Account, secret).unwrap();
            }
        }
        (folder, home)
    }

    /// From 1 to 2.
    fn sealed() -> HistoryView {
        let (sender, recipient) = (signer(1).address(), signer(2).address());
        let seal = seal::seal(&signer(1), &Place { chain: CHAIN, sender, recipient, nonce: 4 }, TEXT).unwrap();
        HistoryView {
            height: Height(1),
            index: 0,
            time: UnixMillis(0),
            kind: HistoryKind::Message,
            direction: Direction::In,
            id: Some(Hash32::ZERO),
            nonce: Some(4),
            from: Some(sender),
            to: Some(recipient),
            amount: Coins::ZERO,
            fee: None,
            text: None,
            sealed: true,
            seal: Some(seal),
        }
    }

    #[test]
    fn either_end_opens_it_and_what_was_sealed_is_gone_from_the_answer() {
        for end in [1, 2] {
            let (_folder, home) = home(&[end], &[]);
            let mut view = sealed();
            let seals = Seals::quiet(&home, CHAIN, &PassphraseArg::default());
            assert_eq!(seals.open(&mut Keyring::default(), &mut view), None);
            assert_eq!((view.text.as_deref(), view.seal), (Some(TEXT), None));
        }
    }

    #[test]
    fn what_stays_closed_says_why_and_has_no_text() {
        let (_folder, strange) = home(&[3], &[]);
        let (_folder, locked) = home(&[3], &[2]);
        let (_folder, own) = home(&[2], &[]);
        let closed = |home: &Home, chain, view: &mut HistoryView| {
            let seals = Seals::quiet(home, chain, &PassphraseArg::default());
            let closed = seals.open(&mut Keyring::default(), view).unwrap();
            assert_eq!(view.text, None);
            closed
        };
        assert_eq!(closed(&strange, CHAIN, &mut sealed()), Closed::NoKey);
        assert!(closed(&locked, CHAIN, &mut sealed()).to_string().contains("p2.pem is encrypted"));
        assert_eq!(closed(&own, Hash32([8; 32]), &mut sealed()), Closed::Seal(SealError::Closed));
        assert_eq!(closed(&own, CHAIN, &mut HistoryView { seal: None, ..sealed() }), Closed::Untold);
        let mut newer = sealed();
        newer.seal.as_mut().unwrap().version = 9;
        assert_eq!(closed(&own, CHAIN, &mut newer), Closed::Seal(SealError::Version { found: 9 }));
    }

    #[test]
    fn a_locked_key_opens_with_the_passphrase_that_was_given_and_a_named_key_is_the_only_one() {
        let (folder, home) = home(&[3], &[2]);
        let file = folder.path().join("secret");
        whole_file::create(&file, b"correct horse", Access::Private).unwrap();
        let given = PassphraseArg { passphrase_file: Some(file) };
        let mut view = sealed();
        assert_eq!(Seals::quiet(&home, CHAIN, &given).open(&mut Keyring::default(), &mut view), None);
        let named = KeyArg { wallet: Some("p3".into()), passphrase: given };
        let other = Seals::asking(&home, CHAIN, &named).unwrap();
        assert_eq!(other.open(&mut Keyring::default(), &mut sealed()), Some(Closed::NoKey));
    }
}
