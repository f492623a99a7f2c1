//! `run --join`: finds a chain that others have begun, shows what it is, and keeps its genesis in the home.
//!
//! Owns: which of the chains that are around is joined, and what is said meanwhile. Does not own: finding and checking
//! (`net::ChainSearch`), running.
//! Always true: a home that has a chain keeps it; the genesis is written in one step, after its hash was computed here
//! and compared with the one demanded; where several chains fit what is wanted, none is joined.
//! Start reading at [`join`].

use super::args::JoinArgs;
use super::failure::Failure;
use super::home::Home;
use super::network::json;
use super::output::{Format, bcc, clipped, count, moment, note, pairs, printable, say, table};
use super::ports;
use crate::net::{ChainSearch, SearchConfig, Sighted, Sighting};
use blockchat_client::shapes::PeerSource;
use blockchat_host::whole_file::{self, Access};
use blockchat_proto::coins::Coins;
use blockchat_proto::genesis::VerifiedGenesis;
use blockchat_proto::hash::Hash32;
use serde::Serialize;
use serde_json::{Value, json as json_value};
use std::collections::BTreeMap;
use std::time::Duration;
use tokio::time::{Instant, sleep_until};

/// After the first chain is found, others get so long to show themselves: several questions to the local network.
const LOOK_AROUND: Duration = Duration::from_secs(4);
/// Interval of the notice that nothing is found yet.
const SAY_EVERY: Duration = Duration::from_secs(10);
/// Maximum number of different chains to show: more of them are an attack.
const CHAINS_MAX: usize = 32;
/// Most peers of one chain, and most fruitless addresses, that are remembered.
const PEERS_MAX: usize = 64;
/// So many characters of a reason are shown.
const REASON_SHOWN: usize = 200;
/// So many addresses of a chain are shown.
const ADDRESSES_SHOWN: usize = 3;

/// A chain that is around.
struct FoundChain {
    genesis: VerifiedGenesis,
    peers: Vec<Sighted>,
}

/// The result of the search so far.
#[derive(Default)]
struct Found {
    chains: BTreeMap<Hash32, FoundChain>,
    /// Why an address led to no chain, the last time.
    fruitless: BTreeMap<String, String>,
    /// The result on the local network, for a sentence.
    mdns: String,
}

/// The genesis and peers with which the node begins.
pub(crate) struct Start {
    pub(crate) genesis: VerifiedGenesis,
    /// Addresses of nodes of its chain that were found only on this machine.
    pub(crate) met: Vec<String>,
}

/// A home that has a chain: is it the one demanded?
pub(crate) fn check_demanded(home: &Home, own: VerifiedGenesis, args: &JoinArgs) -> Result<VerifiedGenesis, Failure> {
    let other = args.genesis.filter(|demanded| *demanded != own.hash()).map(|demanded| demanded.to_string());
    let Some(wanted) = other.or(args.chain.clone().filter(|_| !is_wanted(args, &own))) else { return Ok(own) };
    let cause = format!(
        "{} belongs to chain {} with the genesis {}, not to {wanted}",
        home.path().display(),
        own.short_name(),
        own.hash()
    );
    Err(Failure::new(cause, "name another folder with --home DIR; a home never changes its chain").coded("other_chain"))
}

/// Is it the chain that `--chain` names, if it does? A name proves nothing: it only tells the chains apart that are around.
fn is_wanted(args: &JoinArgs, genesis: &VerifiedGenesis) -> bool {
    let names = [genesis.short_name(), genesis.hash().to_string()];
    args.chain.as_ref().is_none_or(|wanted| names.iter().any(|name| name.starts_with(wanted)))
}

/// Finds the chain and keeps its genesis. Blocks until then, or until the time is over.
pub(crate) fn join(home: &Home, args: &JoinArgs, search: &SearchConfig, format: Format) -> Result<Start, Failure> {
    refuse_blind(home, args)?;
    if search.peers.is_empty() && !search.mdns {
        let cause = "there is no place to search for a chain: no --peer is given, and mDNS is switched off";
        return Err(Failure::usage(cause, "give a node of the chain with --peer MULTIADDR, or remove --no-mdns"));
    }
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let runtime = runtime.map_err(|error| Failure::new(format!("cannot start: {error}"), "free some resources"))?;
    let found = runtime.block_on(Box::pin(look(args, search)))?;
    let chosen = choose(args, search, found, format)?;
    keep(home, &chosen.genesis)?;
    tell(home, &chosen, format);
    let near = |peer: &&Sighted| peer.source == PeerSource::Peer && search.nearby.contains(&peer.address);
    let met = chosen.peers.iter().filter(near).map(|peer| peer.address.clone()).collect();
    Ok(Start { genesis: chosen.genesis, met })
}

/// A chain on disk without its genesis: joining whatever is around could only be wrong.
fn refuse_blind(home: &Home, args: &JoinArgs) -> Result<(), Failure> {
    let store = home.path().join("data").join("store.redb");
    if args.genesis.is_some() || !store.exists() {
        return Ok(());
    }
    let cause = format!("{} holds a chain, but {} is gone", store.display(), home.genesis_path().display());
    let next = "name the chain with --genesis HASH, or join in an empty --home DIR";
    Err(Failure::new(cause, next).coded("no_genesis"))
}

/// Looks until there is an answer, or the time is over.
async fn look(args: &JoinArgs, config: &SearchConfig) -> Result<Found, Failure> {
    let begun = Instant::now();
    // Of several ends the first counts: that of our patience, and, once a chain is there, that of the look around.
    let mut end = (args.join_wait > 0).then(|| begun + Duration::from_secs(args.join_wait));
    let mut search = ChainSearch::start(config)
        .map_err(|error| Failure::usage(error.to_string(), "correct --peer, or [p2p] in config.toml"))?;
    let mut found = Found::default();
    let (mut say_next, mut around) = (begun + SAY_EVERY, None);
    note(&format!("looking for {} {}", wanted(args), places(config)));
    if let Some(reason) = search.mdns_failed() {
        note(&format!("cannot ask the local network: {reason}"));
    }
    while !found.is_enough(args) {
        let now = Instant::now();
        if end.is_some_and(|end| end <= now) {
            break;
        }
        if say_next <= now {
            say_next = now + SAY_EVERY;
            note(&format!("still looking, for {} s now{}", now.duration_since(begun).as_secs(), found.in_vain()));
        }
        tokio::select! {
            sighting = search.next() => {
                found.add(sighting, args);
                if args.genesis.is_none() && found.chains.values().any(|chain| is_wanted(args, &chain.genesis)) {
                    let around = *around.get_or_insert_with(|| Instant::now() + LOOK_AROUND);
                    end = Some(end.map_or(around, |end| end.min(around)));
                    if !config.mdns && search.has_heard_all_named() {
                        break;
                    }
                }
            }
            () = sleep_until(end.unwrap_or(say_next).min(say_next)) => {}
        }
    }
    found.mdns = match (search.mdns_failed(), search.seen_by_mdns()) {
        (Some(reason), _) => format!("cannot be asked: {reason}"),
        (None, 0) => "nobody answered".into(),
        (None, seen) => format!("{} answered, without a chain to join", count(number(seen), "peer")),
    };
    Ok(found)
}

impl Found {
    fn add(&mut self, sighting: Sighting, args: &JoinArgs) {
        match sighting {
            Sighting::Chain { genesis, peer } => {
                let (hash, name) = (genesis.hash(), genesis.short_name());
                let news = !self.chains.contains_key(&hash);
                let demanded = args.genesis == Some(hash);
                if news && self.chains.len() >= CHAINS_MAX && !demanded {
                    return;
                }
                let passed = args.genesis.is_some() && !demanded || !is_wanted(args, &genesis);
                if news && passed {
                    note(&format!("passing over {name} at {}: its genesis is {hash}", peer.address));
                }
                self.fruitless.remove(&peer.address);
                let chain = self.chains.entry(hash).or_insert(FoundChain { genesis, peers: vec![] });
                if chain.peers.len() < PEERS_MAX {
                    chain.peers.push(peer);
                }
            }
            Sighting::Useless { peer, reason } => self.in_vain_at(peer.address, reason),
            Sighting::Unreachable { address, reason } => self.in_vain_at(address, reason),
        }
    }

    /// Said once; the last reason is what counts in the end.
    fn in_vain_at(&mut self, address: String, reason: String) {
        // It may quote what a stranger sent.
        let reason = printable(&clipped(&reason, REASON_SHOWN));
        let known = self.fruitless.contains_key(&address);
        if !known && self.fruitless.len() < PEERS_MAX {
            note(&format!("{address}: {reason}; trying again"));
        }
        if known || self.fruitless.len() < PEERS_MAX {
            self.fruitless.insert(address, reason);
        }
    }

    fn is_enough(&self, args: &JoinArgs) -> bool {
        args.genesis.is_some_and(|demanded| self.chains.contains_key(&demanded))
    }

    /// The obstacle, for a sentence.
    fn in_vain(&self) -> String {
        let reasons: Vec<_> = self.fruitless.iter().map(|(address, reason)| format!("{address}: {reason}")).collect();
        if reasons.is_empty() { String::new() } else { format!(" ({})", reasons.join("; ")) }
    }
}

fn wanted(args: &JoinArgs) -> String {
    match (args.genesis, &args.chain) {
        (Some(hash), _) => format!("the chain with the genesis {hash}"),
        (None, Some(name)) => format!("chain {name}"),
        (None, None) => "a chain".into(),
    }
}

/// The places to search.
fn places(config: &SearchConfig) -> String {
    let mut places = vec![];
    if config.mdns {
        places.push("on the local network (mDNS)".to_owned());
    }
    if !config.nearby.is_empty() {
        places.push("on this machine".into());
    }
    if !config.peers.is_empty() {
        places.push(format!("at {}", config.peers.join(", ")));
    }
    match places.as_slice() {
        [rest @ .., last] if !rest.is_empty() => format!("{} and {last}", rest.join(", ")),
        places => places.join(""),
    }
}

/// The chain that is joined, if there is no doubt.
fn choose(args: &JoinArgs, config: &SearchConfig, mut found: Found, format: Format) -> Result<FoundChain, Failure> {
    if let Some(chosen) = args.genesis.and_then(|demanded| found.chains.remove(&demanded)) {
        return Ok(chosen);
    }
    let all = std::mem::take(&mut found.chains).into_values();
    let (chains, others): (Vec<_>, Vec<_>) = all.partition(|chain| is_wanted(args, &chain.genesis));
    match (args.genesis, chains.len()) {
        (None, 1) => Ok(chains.into_iter().next().expect("there is one")),
        (None, 2..) => {
            list(&chains, format);
            let cause = format!("{} different chains are around, and none was joined", chains.len());
            let next = "choose one by its name or the first digits of its genesis with --chain NAME, or prove it with its \
                        whole hash: blockchat-node run --join --genesis HASH";
            Err(Failure::new(cause, next).coded("several_chains"))
        }
        (_, unwanted) => Err(none_found(args, config, &found, others.len() + unwanted)),
    }
}

/// `others`: chains that were found, and are not the one demanded.
fn none_found(args: &JoinArgs, config: &SearchConfig, found: &Found, others: usize) -> Failure {
    let what = match (args.genesis, &args.chain) {
        (Some(hash), _) => format!("no chain with the genesis {hash}"),
        (None, Some(name)) => format!("no chain whose name or genesis begins with {name}"),
        (None, None) => "no chain".into(),
    };
    let instead =
        if others == 0 { String::new() } else { format!(", {} instead", count(number(others), "other chain")) };
    let wait = count(args.join_wait, "second");
    let cause = format!("{what} was found in {wait}{instead}; tried were\n{}", found.tried(config));
    let next = if others > 0 {
        "check the name or hash, and name a node of that chain with --peer MULTIADDR"
    } else {
        "on a machine that has the chain, start its node with `blockchat-node run --share`: it prints the command to type \
         here, with --peer; a firewall must let TCP 7475 and UDP 5353 in; wait longer with --join-wait"
    };
    Failure::new(cause, next).coded("no_chain")
}

impl Found {
    /// A line for each place, with what came of it.
    fn tried(&self, config: &SearchConfig) -> String {
        let mut lines = vec![];
        if config.mdns {
            lines.push(format!("the local network (mDNS): {}", self.mdns));
        }
        if !config.nearby.is_empty() {
            lines.push(format!("this machine, ports {}: no node with a chain", ports::usual_ports()));
        }
        let unheard = config.peers.iter().filter(|peer| !self.fruitless.contains_key(*peer));
        lines.extend(unheard.map(|peer| format!("{peer}: no answer")));
        lines.extend(self.fruitless.iter().map(|(address, reason)| format!("{address}: {reason}")));
        lines.join("\n")
    }
}

fn number(count: usize) -> u64 {
    u64::try_from(count).unwrap_or(u64::MAX)
}

/// A chain for programs.
#[derive(Serialize)]
struct ChainShown<'a> {
    chain: String,
    genesis_hash: Hash32,
    peers: Vec<Value>,
    #[serde(skip)]
    of: &'a FoundChain,
}

impl<'a> ChainShown<'a> {
    fn new(of: &'a FoundChain) -> Self {
        let peer =
            |peer: &Sighted| json_value!({ "peer_id": peer.peer_id, "address": peer.address, "source": peer.source });
        let (chain, genesis_hash) = (of.genesis.short_name(), of.genesis.hash());
        Self { chain, genesis_hash, peers: of.peers.iter().map(peer).collect(), of }
    }

    fn addresses(&self) -> String {
        let shown: Vec<_> = self.of.peers.iter().take(ADDRESSES_SHOWN).map(|peer| peer.address.clone()).collect();
        let more = self.of.peers.len().saturating_sub(ADDRESSES_SHOWN);
        shown.join(", ") + &if more > 0 { format!(" and {more} more") } else { String::new() }
    }
}

fn list(chains: &[FoundChain], format: Format) {
    let shown: Vec<_> = chains.iter().map(ChainShown::new).collect();
    let row =
        |chain: &ChainShown<'_>| vec![clipped(&chain.chain, 48), chain.genesis_hash.to_string(), chain.addresses()];
    match format {
        Format::Table => say(&table(&["chain", "genesis", "found at"], &[], shown.iter().map(row).collect())),
        Format::Json => Format::Json.print(&json_value!({ "chains": shown }), |_| String::new()),
    }
}

/// Writes the genesis: from now on this home belongs to the chain.
fn keep(home: &Home, genesis: &VerifiedGenesis) -> Result<(), Failure> {
    let path = home.genesis_path();
    whole_file::create_folder(home.path()).map_err(|error| Failure::file(home.path(), "create", &error))?;
    whole_file::create(&path, json(genesis.genesis()).as_bytes(), Access::Private)
        .map_err(|error| Failure::file(&path, "write", &error))
}

/// The chain that was joined. For programs it is a JSON object of its own, before the one with the node's addresses.
fn tell(home: &Home, chosen: &FoundChain, format: Format) {
    let shown = ChainShown::new(chosen);
    let genesis = chosen.genesis.genesis();
    let path = home.genesis_path().display().to_string();
    match format {
        Format::Json => {
            Format::Json.print(&json_value!({ "joined": shown, "kept_in": path }), |_| String::new());
        }
        Format::Table => {
            let mut coins = genesis.accounts.iter().flat_map(|account| [account.balance, account.stake]);
            let coins = coins.try_fold(genesis.treasury, Coins::checked_add).map(bcc).unwrap_or_default();
            let validators = count(number(chosen.genesis.validators().members().len()), "validator");
            let accounts = count(number(genesis.accounts.len()), "account");
            let text = pairs(&[
                ("joined", chosen.genesis.short_name()),
                ("genesis", chosen.genesis.hash().to_string()),
                ("begun", moment(genesis.time)),
                ("with", format!("{validators}, {accounts}, {coins}")),
                ("found at", shown.addresses()),
                ("kept in", path),
            ]);
            say(&format!(
                "{text}\ncompare the genesis hash with a source you trust: the peer that answered chose the chain\n"
            ));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use blockchat_client::shapes::PeerSource;
    use blockchat_proto::genesis::{Genesis, GenesisAccount, Parameters};
    use blockchat_proto::keys::Address;
    use blockchat_proto::units::{RulesVersion, UnixMillis};

    fn sighting(number: u64) -> Sighting {
        let account =
            GenesisAccount { address: Address([1; 32]), balance: Coins::ZERO, stake: Coins::from_bcc(1), name: None };
        let (name, time, parameters) = ("test".into(), UnixMillis(number), Parameters::default());
        let genesis = Genesis {
            name,
            time,
            parameters,
            treasury: Coins::ZERO,
            accounts: vec![account],
            version: RulesVersion::FIRST,
        };
        let address = format!("/ip4/10.0.0.1/tcp/{number}");
        let peer = Sighted { peer_id: number.to_string(), address, source: PeerSource::Mdns };
        Sighting::Chain { genesis: genesis.verify().unwrap(), peer }
    }

    fn hash_of(sighting: &Sighting) -> Hash32 {
        let Sighting::Chain { genesis, .. } = sighting else { panic!("not a chain") };
        genesis.hash()
    }

    #[test]
    fn a_crowd_of_other_chains_does_not_hide_the_one_that_is_demanded() {
        let wanted = sighting(9_999);
        let args = JoinArgs { genesis: Some(hash_of(&wanted)), ..JoinArgs::default() };
        let mut found = Found::default();
        (0..200).for_each(|number| found.add(sighting(number), &args));
        assert_eq!((found.chains.len(), found.is_enough(&args)), (CHAINS_MAX, false));
        found.add(wanted, &args);
        assert!(found.is_enough(&args));
    }

    #[test]
    fn what_a_stranger_is_refused_for_cannot_drive_or_flood_the_terminal() {
        let mut found = Found::default();
        let peer = Sighted { peer_id: String::new(), address: "a".into(), source: PeerSource::Mdns };
        found.add(Sighting::Useless { peer, reason: "\u{1b}[2J".repeat(100_000) }, &JoinArgs::default());
        let told = found.in_vain();
        assert!(told.len() < 2_000 && !told.contains('\u{1b}'), "{told:?}");
    }
}
