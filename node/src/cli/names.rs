//! Names wherever an address is accepted, and addresses by name wherever one is shown.

use super::failure::Failure;
use super::home::Home;
use crate::wallet::address_book::AddressBook;
use crate::wallet::keystore;
use blockchat_proto::keys::Address;

/// What the signing key of this home is called on every command line.
pub(crate) const OWN: &str = "me";

/// What the validator key is called among the wallets.
pub(crate) const VALIDATOR: &str = "validator";

/// All names of one home.
#[derive(Clone, Debug, Default)]
pub(crate) struct Names {
    book: AddressBook,
    wallets: Vec<(String, Address)>,
    own: Option<Address>,
}

impl Names {
    /// Contacts, wallets and the validator key. Wallets that cannot be read are left out: naming is a comfort.
    pub(crate) fn of(home: &Home) -> Result<Self, Failure> {
        let address = |name: String| {
            let path = home.wallet_path(&name).ok()?;
            Some((name, keystore::address_of(&path).ok()??))
        };
        let wallets: Vec<_> = home.wallet_names()?.into_iter().filter_map(address).collect();
        let validator = keystore::address_of(&home.validator_path()?).ok().flatten();
        let only = match wallets.as_slice() {
            [(_, address)] => Some(*address),
            _ => None,
        };
        Ok(Self { book: home.address_book()?, wallets, own: validator.or(only) })
    }

    /// The account whose key signs unless another is named.
    pub(crate) fn own(&self) -> Result<Address, Failure> {
        self.own.ok_or_else(|| {
            let cause = match self.wallets.len() {
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

    /// A contact, a wallet, `me`, or an address.
    pub(crate) fn resolve(&self, text: &str) -> Result<Address, Failure> {
        if text.to_ascii_lowercase().starts_with("bcc1") {
            return text.parse().map_err(|reason| {
                let next = "copy the whole address again; a single wrong character is noticed";
                Failure::usage(format!("{text}: {reason}"), next).coded("bad_address")
            });
        }
        let wallet = || self.wallets.iter().find(|(name, _)| name == text).map(|(_, address)| *address);
        match self.book.address(text).or_else(wallet) {
            Some(address) => Ok(address),
            None if text == OWN => self.own(),
            None => {
                let next = "see `blockchat-node contacts list` and `wallet list`, or `contacts add NAME bcc1...`";
                Err(Failure::usage(format!("no contact and no wallet is called {text:?}"), next).coded("unknown_name"))
            }
        }
    }

    /// The name of an address, if it has one.
    pub(crate) fn name(&self, address: &Address) -> Option<&str> {
        let wallet = || self.wallets.iter().find(|(_, known)| known == address).map(|(name, _)| name.as_str());
        let own = || (self.own.as_ref() == Some(address)).then_some(OWN);
        self.book.name(address).or_else(wallet).or_else(own)
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
