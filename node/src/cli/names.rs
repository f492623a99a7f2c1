//! Names wherever an address is accepted, and addresses by name wherever one is shown.
//!
//! Always true: a name that is shown can be typed, and means that account. What the person of this home has named comes
//! first; the genesis names the accounts that the chain began with, as far as that leaves their names free.

use super::failure::Failure;
use super::home::{Home, KeyFile, Wallet, is_file_name};
use super::network::FAUCET;
use crate::wallet::address_book::AddressBook;
use crate::wallet::keystore::KeystoreError;
use blockchat_proto::genesis::Genesis;
use blockchat_proto::keys::Address;
use std::collections::BTreeMap;
use std::path::Path;

/// The name of this home's signing key on every command line.
pub(crate) const OWN: &str = "me";

/// The name of the validator key among the wallets.
pub(crate) const VALIDATOR: &str = "validator";

/// All names of one home.
#[derive(Debug, Default)]
pub(crate) struct Names {
    book: AddressBook,
    wallets: Vec<Wallet>,
    validator: Option<Wallet>,
    own: Option<Address>,
    /// Of accounts that the genesis names, by name.
    of_genesis: BTreeMap<String, Address>,
}

impl Names {
    /// Contacts, wallets and the validator key. Unusable ones name nothing, and disturb nothing else.
    pub(crate) fn of(home: &Home) -> Result<Self, Failure> {
        let wallets = home.wallets()?;
        let validator = home.validator()?;
        let mut known = wallets.iter().filter(|wallet| wallet.is_named).filter_map(address_of);
        let only = match (known.next(), known.next()) {
            (Some(only), None) => Some(only),
            _ => None,
        };
        let mut names = Self {
            book: home.address_book()?,
            own: validator.as_ref().and_then(address_of).or(only),
            wallets,
            validator,
            of_genesis: BTreeMap::new(),
        };
        // A genesis that cannot be read is told by the verbs that need it.
        if let Ok(Some(genesis)) = home.genesis() {
            names.add_genesis(genesis.genesis());
        }
        Ok(names)
    }

    /// A text that is a name here already, or that cannot be typed, stays unchanged.
    fn add_genesis(&mut self, genesis: &Genesis) {
        let named = genesis.accounts.iter().filter_map(|account| Some((account.name.as_ref()?, account.address)));
        let free = |name: &str| !name.starts_with("bcc1") && self.all_names().all(|taken| taken != name);
        let reserved = [OWN, VALIDATOR];
        self.of_genesis = named
            .filter(|(name, _)| free(name) && !reserved.contains(&name.as_str()))
            .map(|(name, address)| (name.clone(), address))
            .collect();
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
        if let Some(address) = self.of_genesis.get(text) {
            return Ok(*address);
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
        let genesis = || self.of_genesis.iter().find(|(_, named)| *named == address).map(|(name, _)| name.as_str());
        self.book.name(address).or_else(key).or_else(genesis)
    }

    /// Every name that can be typed, in no order.
    pub(crate) fn all_names(&self) -> impl Iterator<Item = &str> {
        let genesis = self.of_genesis.keys().map(String::as_str);
        self.contacts().chain(self.keys()).chain(self.own.is_some().then_some(OWN)).chain(genesis)
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

    /// Is the key of this account here?
    pub(crate) fn is_own(&self, address: &Address) -> bool {
        self.wallets.iter().chain(&self.validator).any(|wallet| address_of(wallet) == Some(*address))
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
        let genesis = self.of_genesis.values().copied();
        let known = self.book.entries().map(|(_, address)| address).chain(wallets).chain(self.own).chain(genesis);
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
    use blockchat_proto::coins::Coins;
    use blockchat_proto::genesis::{GenesisAccount, Parameters};
    use blockchat_proto::units::{RulesVersion, UnixMillis};

    /// Every name shown can be typed, and means that account: names of the genesis that are taken here are not used.
    #[test]
    fn the_genesis_names_whom_nobody_here_has_named() {
        let names = ["id0", "bob", "me", "bcc1x", "validator"];
        let account = |(index, name): (u8, &&str)| GenesisAccount {
            address: Address([index; 32]),
            balance: Coins::ZERO,
            stake: Coins::ZERO,
            name: Some((*name).to_owned()),
        };
        let genesis = Genesis {
            name: "test".into(),
            time: UnixMillis(1),
            parameters: Parameters::default(),
            treasury: Coins::ZERO,
            accounts: (1..).zip(&names).map(account).collect(),
            version: RulesVersion::FIRST,
        };
        let mut here = Names::default();
        let bob = Address([9; 32]);
        here.book.add("bob", bob).unwrap();
        here.book.add("carol", Address([1; 32])).unwrap();
        here.add_genesis(&genesis);
        assert_eq!(here.resolve("id0"), Ok(Address([1; 32])));
        assert_eq!(here.resolve("bob"), Ok(bob), "not whom the genesis calls so");
        assert_eq!(here.name(&Address([1; 32])), Some("carol"), "as the person of this home says");
        for (address, name) in here.all() {
            assert_eq!(here.resolve(&name), Ok(address));
        }
        for unnamed in 2..=5 {
            assert_eq!(here.name(&Address([unnamed; 32])), None);
        }
    }

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
