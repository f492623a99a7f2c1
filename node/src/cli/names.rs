//! Names wherever an address is accepted, and addresses by name wherever one is shown.

use super::failure::Failure;
use super::home::{Home, KeyFile, Wallet, is_file_name};
use super::network::FAUCET;
use crate::wallet::address_book::AddressBook;
use crate::wallet::keystore::KeystoreError;
use blockchat_proto::keys::Address;
use std::collections::BTreeMap;
use std::path::Path;

/// What the signing key of this home is called on every command line.
pub(crate) const OWN: &str = "me";

/// What the validator key is called among the wallets.
pub(crate) const VALIDATOR: &str = "validator";

/// All names of one home.
#[derive(Debug, Default)]
pub(crate) struct Names {
    book: AddressBook,
    wallets: Vec<Wallet>,
    validator: Option<Wallet>,
    own: Option<Address>,
}

impl Names {
    /// Contacts, wallets and the validator key. Those that cannot be used name nobody, and hinder nothing else.
    pub(crate) fn of(home: &Home) -> Result<Self, Failure> {
        let wallets = home.wallets()?;
        let validator = home.validator()?;
        let mut known = wallets.iter().filter(|wallet| wallet.is_named).filter_map(address_of);
        let only = match (known.next(), known.next()) {
            (Some(only), None) => Some(only),
            _ => None,
        };
        Ok(Self {
            book: home.address_book()?,
            own: validator.as_ref().and_then(address_of).or(only),
            wallets,
            validator,
        })
    }

    /// The account whose key signs unless another is named.
    pub(crate) fn own(&self) -> Result<Address, Failure> {
        self.own.ok_or_else(|| {
            let cause = match self.wallets.iter().filter_map(address_of).count() {
                0 => "this home has no key yet",
                _ => "this home has several wallets and no validator key: it is not clear whose account is meant",
            };
            Failure::usage(cause, "name an account, or make a key with `blockchat-node wallet new NAME`")
        })
    }

    /// A name or an address; nothing stands for one's own account.
    pub(crate) fn account(&self, text: Option<&str>) -> Result<Address, Failure> {
        text.map_or_else(|| self.own(), |text| self.resolve(text))
    }

    /// A contact, a wallet, a key file, `validator`, `me`, or an address.
    pub(crate) fn resolve(&self, text: &str) -> Result<Address, Failure> {
        if text.to_ascii_lowercase().starts_with("bcc1") {
            return text.parse().map_err(|reason| {
                let next = "copy the whole address again; a single wrong character is noticed";
                Failure::usage(format!("{text}: {reason}"), next).coded("bad_address")
            });
        }
        if text == OWN {
            return self.own();
        }
        if let Some(address) = self.book.address(text) {
            return Ok(address);
        }
        match self.wallets.iter().chain(&self.validator).find(|wallet| wallet.name == text) {
            Some(wallet) => known(text, KeyFile::look(&wallet.path)),
            None if is_file_name(text) => known(text, KeyFile::look(Path::new(text))),
            None => Err(self.unknown(text)),
        }
    }

    /// The name of an address, if it has one: the same wherever it is shown, and one that can be typed. A contact's comes
    /// first, because a person gave it to this very address.
    pub(crate) fn name(&self, address: &Address) -> Option<&str> {
        let named = |wallet: &&Wallet| wallet.is_named && address_of(wallet) == Some(*address);
        let key = || self.wallets.iter().chain(&self.validator).find(named).map(|wallet| wallet.name.as_str());
        self.book.name(address).or_else(key)
    }

    /// Every name that can be typed, in no order.
    pub(crate) fn all_names(&self) -> impl Iterator<Item = &str> {
        self.contacts().chain(self.keys()).chain(self.own.is_some().then_some(OWN))
    }

    /// Names of keys of this home.
    pub(crate) fn keys(&self) -> impl Iterator<Item = &str> {
        let keys = self.wallets.iter().filter(|wallet| wallet.is_named).chain(&self.validator);
        keys.map(|wallet| wallet.name.as_str())
    }

    /// Names that a person has given.
    pub(crate) fn contacts(&self) -> impl Iterator<Item = &str> {
        self.book.entries().map(|(name, _)| name)
    }

    /// The accounts whose keys are here, but for one that only gives coins away.
    pub(crate) fn own_accounts(&self) -> Vec<Address> {
        let wallets = self.wallets.iter().filter(|wallet| wallet.is_named && wallet.name != FAUCET);
        let mut accounts: Vec<_> = wallets.chain(&self.validator).filter_map(address_of).collect();
        accounts.sort();
        accounts.dedup();
        accounts
    }

    fn unknown(&self, name: &str) -> Failure {
        let next = match closest(name, self.all_names()) {
            Some(meant) => {
                format!("did you mean {meant}? `blockchat-node contacts list` and `wallet list` show all names")
            }
            None => "see `blockchat-node contacts list` and `wallet list`, or `contacts add NAME bcc1...`".into(),
        };
        Failure::usage(format!("there is no contact or wallet named {name:?}"), next).coded("unknown_name")
    }

    /// All accounts that have a name.
    pub(crate) fn all(&self) -> BTreeMap<Address, String> {
        let wallets = self.wallets.iter().filter_map(address_of);
        let known = self.book.entries().map(|(_, address)| address).chain(wallets).chain(self.own);
        known.filter_map(|address| Some((address, self.name(&address)?.to_owned()))).collect()
    }

    /// For tables: the name, or the short form.
    pub(crate) fn show(&self, address: &Address) -> String {
        self.name(address).map_or_else(|| address.short(), str::to_owned)
    }

    /// For a single account: the name with the short form, or the whole address.
    pub(crate) fn show_long(&self, address: &Address) -> String {
        self.name(address).map_or_else(|| address.to_string(), |name| format!("{name} ({})", address.short()))
    }
}

fn address_of(wallet: &Wallet) -> Option<Address> {
    wallet.key.as_ref().ok()?.address
}

/// The account of a key file that was named.
fn known(name: &str, key: Result<KeyFile, KeystoreError>) -> Result<Address, Failure> {
    key?.address.ok_or_else(|| {
        let cause = format!("{name} is encrypted, and its file does not say whose key it is");
        Failure::new(cause, "name the account by its address")
    })
}

/// The name that a typing mistake or two lead to this one.
pub(crate) fn closest<'a>(typed: &str, names: impl Iterator<Item = &'a str>) -> Option<&'a str> {
    let typed = typed.to_lowercase();
    let allowed = if typed.chars().count() > 4 { 2 } else { 1 };
    let distance = |name: &&str| strsim::osa_distance(&typed, name);
    names.filter(|name| distance(name) <= allowed).min_by_key(|name| (distance(name), *name))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_typing_mistake_leads_to_the_name_that_was_meant() {
        let meant = |typed| closest(typed, ["bob", "alice", "validator"].into_iter());
        assert_eq!(meant("bbo"), Some("bob"));
        assert_eq!(meant("Bob"), Some("bob"));
        assert_eq!(meant("alcie"), Some("alice"));
        assert_eq!(meant("valdiatr"), Some("validator"));
        assert_eq!((meant("carol"), meant("x"), meant("")), (None, None, None));
    }
}
