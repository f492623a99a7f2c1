//! `wallet` and `contacts`: keys of this home, and names for addresses.

use super::args::{ApiArg, ContactsCommand, WalletCommand};
use super::balance;
use super::failure::Failure;
use super::home::{Home, KeyFile, Wallet};
use super::names::{Names, OWN, VALIDATOR};
use super::network::FAUCET;
use super::output::{Format, note, pairs, table};
use super::{claim, node, passphrase};
use crate::store::guard::Guard;
use crate::wallet::{address_book, keystore};
use blockchat_client::shapes::AccountView;
use blockchat_engine::journal::GuardState;
use blockchat_host::{path_json, whole_file};
use blockchat_proto::keys::Address;
use serde::Serialize;
use std::path::{Path, PathBuf};

/// The uses of keys.
const VOTES: &str = "votes and pays";
const GIVES: &str = "coins to give away";
const SIGNS: &str = "pays and writes";

/// One key of the home.
#[derive(Clone, Debug, Serialize)]
struct WalletView {
    name: String,
    /// Unknown if the file is encrypted and does not say.
    address: Option<Address>,
    #[serde(serialize_with = "path_json::shown")]
    file: PathBuf,
    /// The use of this key.
    #[serde(rename = "use")]
    key_use: &'static str,
    encrypted: bool,
    /// Why it cannot be used.
    #[serde(skip_serializing_if = "Option::is_none")]
    problem: Option<String>,
    /// If a node was asked and answered.
    #[serde(skip_serializing_if = "Option::is_none")]
    account: Option<AccountView>,
}

/// A name and its address.
#[derive(Clone, Debug, Serialize)]
struct Contact {
    name: String,
    address: Address,
}

/// `wallet new|list|show|claim`.
pub(crate) async fn wallet(home: &Home, command: WalletCommand, format: Format) -> Result<(), Failure> {
    match command {
        WalletCommand::New { name, no_passphrase, passphrase } => {
            let path = new_path(home, &name)?;
            let guard = if name == VALIDATOR { Some(new_guard(home)?) } else { None };
            let secret = if no_passphrase { None } else { Some(passphrase::choose(&passphrase)?) };
            // The key last: it decides whether there is a validator at all.
            guard.as_deref().map_or(Ok(()), begin_guard)?;
            create(home, name, path, secret.as_ref(), format)?;
            if guard.is_some() {
                note(
                    "this home's node votes with it, once it is started again and the key has a stake: give it coins, \
                     then `blockchat-node stake 10`",
                );
            }
            Ok(())
        }
        WalletCommand::List => list(home, format),
        WalletCommand::Show { name, api } => show(home, &name, &api, format).await,
        WalletCommand::Claim(args) => claim::claim(home, args, format).await,
    }
}

/// The path of a new wallet; a name that already means something else is refused.
fn new_path(home: &Home, name: &str) -> Result<PathBuf, Failure> {
    address_book::check_name(name)?;
    if name == OWN {
        return Err(Failure::usage(format!("{name} has a meaning of its own"), "choose another name, such as bob"));
    }
    if name == VALIDATOR {
        let path = home.validator_path()?;
        return if path.exists() { Err(keystore::KeystoreError::Exists { path }.into()) } else { Ok(path) };
    }
    if let Some(address) = home.address_book()?.address(name) {
        return Err(address_book::AddressBookError::Taken { name: name.into(), address }.into());
    }
    let path = home.wallet_path(name)?;
    if path.exists() { Err(keystore::KeystoreError::Exists { path }.into()) } else { Ok(path) }
}

/// The path of the guard of a new validator key. An existing guard belongs to a key that has signed already, unless its
/// mark is a new key's: then an earlier start was interrupted.
fn new_guard(home: &Home) -> Result<PathBuf, Failure> {
    let path = home.config()?.guard_path(home.path());
    if path.exists() && !matches!(Guard::peek(&path), Ok(Some(GuardState::START))) {
        let cause = format!("{} is the guard of another validator key", path.display());
        let next = "bring that key back, or move its guard away if it will never sign again";
        return Err(Failure::new(cause, next).coded("exists"));
    }
    Ok(path)
}

/// A key that was made just now has signed nothing: its guard begins at 0.
fn begin_guard(path: &Path) -> Result<(), Failure> {
    if path.exists() {
        return Ok(());
    }
    let folder = path.parent().unwrap_or(path);
    whole_file::create_folder(folder).map_err(|error| Failure::file(folder, "create", &error))?;
    Ok(Guard::create(path)?)
}

fn create(
    home: &Home,
    name: String,
    file: PathBuf,
    passphrase: Option<&keystore::Passphrase>,
    format: Format,
) -> Result<(), Failure> {
    let folder = file.parent().unwrap_or(home.path());
    whole_file::create_folder(folder).map_err(|error| Failure::file(folder, "create", &error))?;
    let signer = keystore::generate();
    keystore::create(&file, &signer, keystore::KeyUse::Account, passphrase)?;
    let view = WalletView {
        name,
        address: Some(signer.address()),
        file,
        key_use: SIGNS,
        encrypted: passphrase.is_some(),
        problem: None,
        account: None,
    };
    format.print(&view, |view| {
        let keep = if view.encrypted {
            "keep the file and the passphrase: without both, the coins are lost"
        } else {
            "keep the file safe: it is enough to spend the coins, and without it they are lost"
        };
        lines(view) + "\n" + keep
    });
    Ok(())
}

/// The validator key first, then the wallets by name. One that cannot be used hides no other.
fn list(home: &Home, format: Format) -> Result<(), Failure> {
    let names = Names::of(home)?;
    let keys = home.validator()?.into_iter().chain(home.wallets()?);
    let views: Vec<_> = keys.map(|wallet| called(view(&wallet), wallet.is_named, &names)).collect();
    format.print(&views, |views: &Vec<WalletView>| {
        if views.is_empty() {
            return "no keys yet: `blockchat-node wallet new NAME` makes one".into();
        }
        let row = |view: &WalletView| {
            let address = view.address.map_or_else(|| "?".into(), |address| address.to_string());
            let how = if view.encrypted { "passphrase" } else { "file permissions" };
            let how = view.problem.as_ref().map_or(how.into(), |problem| format!("cannot be used: {problem}"));
            vec![view.name.clone(), address, view.key_use.into(), how]
        };
        table(&["name", "address", "use", "protected by"], &[], views.iter().map(row).collect())
    });
    Ok(())
}

/// A key that has a name is called as it is everywhere else; one that has none, by its file.
fn called(view: WalletView, is_named: bool, names: &Names) -> WalletView {
    let known = view.address.filter(|_| is_named).and_then(|address| names.name(&address));
    WalletView { name: known.map_or_else(|| view.name.clone(), str::to_owned), ..view }
}

async fn show(home: &Home, name: &str, api: &ApiArg, format: Format) -> Result<(), Failure> {
    let path = passphrase::signer_path(home, Some(name))?;
    let key = KeyFile::look(&path)?;
    let mut view = view(&Wallet { name: name.into(), is_named: true, path, key: Ok(key) });
    // The balance is a comfort: without a node, address and file are shown all the same.
    if let Some(address) = view.address {
        view.account = match node::client(home, api).await {
            Ok(client) => client.account(&address).await.ok(),
            Err(refused) if refused.is("other_chain") || refused.is("bad_url") => return Err(refused),
            Err(_) => None,
        };
    }
    let names = Names::of(home)?;
    let grants = home.genesis()?.is_some_and(|genesis| genesis.least_work().is_some());
    format.print(&view, |view| match &view.account {
        Some(account) => format!("{}{}", lines(view), without_address(&balance::shown(account, &names, grants))),
        None => format!("{}balance  unknown: no node answers; start one with `blockchat-node run`\n", lines(view)),
    });
    Ok(())
}

/// The address is shown by the wallet's own lines already.
fn without_address(account: &str) -> String {
    let kept = account.lines().filter(|line| !line.starts_with("address") && !line.starts_with("name"));
    kept.map(|line| line.to_owned() + "\n").collect()
}

fn lines(view: &WalletView) -> String {
    pairs(&[
        ("wallet ", view.name.clone()),
        ("address", view.address.map_or_else(|| "unknown: the file is encrypted".into(), |a| a.to_string())),
        ("file", view.file.display().to_string()),
    ])
}

fn view(wallet: &Wallet) -> WalletView {
    let (name, file) = (wallet.name.clone(), wallet.path.clone());
    let key_use = match name.as_str() {
        VALIDATOR => VOTES,
        FAUCET => GIVES,
        _ => SIGNS,
    };
    match &wallet.key {
        Ok(KeyFile { address, encrypted }) => {
            let (address, encrypted) = (*address, *encrypted);
            WalletView { name, address, file, key_use, encrypted, problem: None, account: None }
        }
        Err(reason) => {
            let problem = Some(reason.to_string());
            WalletView { name, address: None, file, key_use, encrypted: false, problem, account: None }
        }
    }
}

/// `contacts add|remove|list`.
pub(crate) fn contacts(home: &Home, command: ContactsCommand, format: Format) -> Result<(), Failure> {
    let mut book = home.address_book()?;
    let path = address_book::path_in(home.path());
    match command {
        ContactsCommand::Add { name, address } => {
            let is_key = |name: &str| Ok::<_, Failure>(home.wallets()?.iter().any(|wallet| wallet.name == name));
            if name == OWN || name == VALIDATOR || is_key(&name)? {
                return Err(Failure::usage(format!("{name} is the name of one of your keys"), "choose another name"));
            }
            book.add(&name, address)?;
            whole_file::create_folder(home.path()).map_err(|error| Failure::file(home.path(), "create", &error))?;
            book.write(&path)?;
            let added = Contact { name, address };
            format.print(&added, |added| format!("{} is {}", added.name, added.address));
        }
        ContactsCommand::Remove { name } => {
            let Some(address) = book.remove(&name) else {
                let next = "see all with `blockchat-node contacts list`";
                return Err(Failure::new(format!("no contact is called {name:?}"), next).coded("unknown_name"));
            };
            book.write(&path)?;
            let removed = Contact { name, address };
            format.print(&removed, |removed| format!("{} is forgotten; it was {}", removed.name, removed.address));
        }
        ContactsCommand::List => format.print(&book, |book| {
            let rows: Vec<_> = book.entries().map(|(name, address)| vec![name.into(), address.to_string()]).collect();
            match rows.len() {
                0 => "no contacts yet: `blockchat-node contacts add NAME bcc1...` adds one".into(),
                _ => table(&["name", "address"], &[], rows),
            }
        }),
    }
    Ok(())
}
