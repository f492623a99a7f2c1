//! `dashboard`: how one node or a whole network is, live.
//!
//! Owns: which nodes are watched, and what they are called. Does not own: what is shown (`blockchat_dashboard`).

use super::args::DashboardArgs;
use super::failure::Failure;
use super::home::Home;
use super::messages;
use super::names::Names;
use super::output::Format;
use super::passphrase::Keyring;
use crate::clock;
use crate::config::Layer;
use crate::ready_file::{self, Ready};
use crate::wallet::keystore;
use blockchat_client::Client;
use blockchat_dashboard::{Clock, Ended, Options, Place, Places, Seals};
use blockchat_proto::keys::Address;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

/// Shows it until the person leaves it, a signal comes, or the output is closed.
pub(crate) async fn dashboard(home: &Home, args: DashboardArgs, format: Format) -> Result<(), Failure> {
    let names = Names::of(home)?;
    let wallet = match &args.wallet {
        Some(name) => Some((name.clone(), names.resolve(name)?)),
        None if args.dir.is_some() => None,
        None => names.own().ok().map(|own| (names.show(&own), own)),
    };
    let options = Options {
        places: places(home, &args)?,
        names: names.all(),
        wallet,
        seals: seals(home, &args),
        json: format == Format::Json,
        ascii: args.ascii,
        clock: Clock::new(clock::unix_millis),
    };
    let ended = blockchat_dashboard::run(options).await.map_err(|error| {
        let next = "open it in a terminal, or without one: blockchat-node dashboard | cat";
        Failure::new(format!("the terminal cannot be used: {error}"), next).coded("no_terminal")
    })?;
    match ended {
        Ended::Quit | Ended::Gone => Ok(()),
        // The terminal is given back; a shell is told which signal it was.
        Ended::Told(told) => std::process::exit(told.exit_code().into()),
    }
}

/// Opens with the keys that open without a question: the screen is no place for one.
fn seals(home: &Home, args: &DashboardArgs) -> Seals {
    let keys = Mutex::new(Keyring::default());
    let chain = home.genesis().ok().flatten().map(|genesis| genesis.hash());
    let opening = chain.map(|chain| messages::seals::Seals::quiet(home, chain, &args.passphrase));
    Seals::new(move |message| {
        let Some(opening) = &opening else { return Err("this home has no chain".into()) };
        let mut message = message.clone();
        let mut keys = keys.lock().unwrap_or_else(PoisonError::into_inner);
        match opening.open_message(&mut keys, &mut message) {
            None => Ok(message.text.unwrap_or_default()),
            Some(closed) => Err(closed.to_string()),
        }
    })
}

fn places(home: &Home, args: &DashboardArgs) -> Result<Places, Failure> {
    if let Some(dir) = &args.dir {
        let folder = Network { dir: dir.clone(), validators: Mutex::default() };
        return Ok(Places::new(move || folder.look()));
    }
    let urls: Vec<_> = args.api.iter().filter(|url| !url.is_empty()).collect();
    if urls.is_empty() {
        let home = home.path().to_owned();
        return Ok(Places::new(move || vec![Place { name: "node".into(), url: api_of(&home), validator: None }]));
    }
    let mut named = vec![];
    for url in urls {
        let url = Client::new(url)?.url().to_owned();
        let name = url.trim_start_matches("http://").to_owned();
        if !named.iter().any(|place: &Place| place.name == name) {
            named.push(Place { name, url: Some(url), validator: None });
        }
    }
    Ok(Places::new(move || named.clone()))
}

/// The address of this home's API: that of the running node, else the configured one.
fn api_of(home: &Path) -> Option<String> {
    if let Some(ready) = Ready::read(&ready_file::path_in(home)) {
        return Some(ready.api);
    }
    let listen = Layer::read(&home.join("config.toml")).ok()?.api_listen();
    // Port 0 is a free one at every start: only the running node knows it.
    (listen.port() != 0).then(|| ready_file::api_url(listen))
}

/// A folder with the homes of a network, which may not be there yet.
struct Network {
    dir: PathBuf,
    /// Read once: a home keeps its key.
    validators: Mutex<BTreeMap<String, Address>>,
}

impl Network {
    /// Its homes, id2 before id10.
    fn look(&self) -> Vec<Place> {
        let entries = std::fs::read_dir(&self.dir).into_iter().flatten().filter_map(Result::ok);
        let homes = entries.filter(|entry| entry.path().join("genesis.json").exists());
        let mut names: Vec<_> = homes.filter_map(|entry| entry.file_name().into_string().ok()).collect();
        names.sort_by(|a, b| (a.len(), a).cmp(&(b.len(), b)));
        names.into_iter().map(|name| self.place(name)).collect()
    }

    fn place(&self, name: String) -> Place {
        let home = self.dir.join(&name);
        let mut known = self.validators.lock().unwrap_or_else(PoisonError::into_inner);
        if !known.contains_key(&name)
            && let Ok(Some(address)) = keystore::address_of(&home.join("keys").join("validator.pem"))
        {
            known.insert(name.clone(), address);
        }
        Place { validator: known.get(&name).copied(), url: api_of(&home), name }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_network_is_found_while_its_homes_appear_and_id2_stands_before_id10() {
        let folder = tempfile::tempdir().unwrap();
        let network = Network { dir: folder.path().join("net"), validators: Mutex::default() };
        assert_eq!(network.look(), []);
        for name in ["id10", "id2", "wallets"] {
            std::fs::create_dir_all(network.dir.join(name)).unwrap();
        }
        for name in ["id10", "id2"] {
            std::fs::write(network.dir.join(name).join("genesis.json"), "{}").unwrap();
            std::fs::write(network.dir.join(name).join("config.toml"), "[api]\nlisten = \"127.0.0.1:0\"\n").unwrap();
        }
        let place =
            |name: &str, url: Option<&str>| Place { name: name.into(), url: url.map(Into::into), validator: None };
        assert_eq!(network.look(), [place("id2", None), place("id10", None)], "no port is known before it runs");
        let ready = Ready { api: "http://127.0.0.1:9".into(), peer_id: "p".into(), listen: vec![], pid: 1 };
        std::fs::create_dir_all(network.dir.join("id2").join("data")).unwrap();
        ready.write(&ready_file::path_in(&network.dir.join("id2"))).unwrap();
        assert_eq!(network.look()[0], place("id2", Some("http://127.0.0.1:9")));
    }
}
