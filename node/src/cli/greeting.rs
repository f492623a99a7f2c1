//! The output of `run` once the node serves: addresses, commands to try, and the command by which a friend joins.

use super::home::Home;
use super::names::Names;
use super::network::FAUCET;
use super::output::{bcc, pairs};
use crate::config::Settings;
use crate::ready_file::Ready;
use blockchat_client::Client;
use blockchat_proto::coins::Coins;
use blockchat_proto::keys::Address;

/// The whole of it, with balances as the node sees them.
pub(crate) async fn greeting(settings: &Settings, ready: &Ready) -> String {
    let home = Home::locate(Some(settings.home.clone()));
    let names = home.as_ref().ok().and_then(|home| Names::of(home).ok()).unwrap_or_default();
    let flag = home.map(|home| home.flag()).unwrap_or_default();
    let client = Client::new(&ready.api).ok();
    let own = settings.validator.as_ref().map(|signer| signer.address()).or_else(|| names.own().ok());
    let balance = async |address: Address| client.as_ref()?.account(&address).await.ok().map(|one| one.balance);
    let spendable = match own {
        Some(own) => balance(own).await,
        None => None,
    };
    let faucet = match names.resolve(FAUCET) {
        Ok(faucet) => balance(faucet).await.filter(|coins| !coins.is_zero()),
        Err(_) => None,
    };
    let role = if settings.validator.is_some() { "votes on blocks" } else { "observes and does not vote" };
    let lines = pairs(&[
        ("chain", settings.genesis.short_name()),
        ("node", role.into()),
        ("api", ready.api.clone()),
        ("peers", reached(ready).join(" ")),
        ("wallet", own.map(|own| wallet(&own, spendable, &names)).unwrap_or_default()),
        ("faucet", faucet.map(|coins| format!("{} to give away", bcc(coins))).unwrap_or_default()),
        ("data", settings.home.display().to_string()),
    ]);
    let parts = [
        tries(own, spendable, faucet, &names, settings.genesis.least_work().is_some(), &flag),
        friend(settings, ready, &flag),
    ];
    format!(
        "BlockChat {} is running; Ctrl-C stops it\n\n{lines}\n{}",
        env!("CARGO_PKG_VERSION"),
        parts.concat().trim_end()
    )
}

fn wallet(own: &Address, spendable: Option<Coins>, names: &Names) -> String {
    let name = names.name(own).map(|name| format!("{name}, ")).unwrap_or_default();
    let spendable = spendable.map(|coins| format!(", {} to spend", bcc(coins))).unwrap_or_default();
    format!("{name}{own}{spendable}")
}

/// Addresses for peers: those that other machines reach come first.
fn reached(ready: &Ready) -> Vec<&str> {
    let mut places: Vec<_> = ready.listen.iter().map(String::as_str).collect();
    places.sort_by_key(|place| is_of_this_machine(place));
    places
}

fn is_of_this_machine(address: &str) -> bool {
    address.starts_with("/ip4/127.") || address.starts_with("/ip6/::1/")
}

/// Commands to try next, by the wallets that exist.
///
/// `grants`: the chain has a treasury for welcome grants.
fn tries(
    own: Option<Address>,
    spendable: Option<Coins>,
    faucet: Option<Coins>,
    names: &Names,
    grants: bool,
    flag: &str,
) -> String {
    let line = |words: &str| format!("  blockchat-node {words}{flag}\n");
    let rich = spendable.is_some_and(|coins| !coins.is_zero());
    match own {
        None if grants => format!(
            "to write and pay you need a key and coins; the chain gives some to newcomers, for a little work; in another \
             terminal:\n{}{}",
            line("wallet new NAME"),
            line("wallet claim NAME")
        ),
        None => format!(
            "to write and pay you need a key, and coins from somebody on the chain; in another terminal:\n{}{}",
            line("wallet new NAME"),
            line("balance")
        ),
        Some(own) if !rich && grants => format!(
            "your wallet has no coins yet; the chain gives some to newcomers, for a little work; in another \
             terminal:\n{}or ask somebody on the chain to type\n  blockchat-node send {own} 100\n",
            line("wallet claim")
        ),
        Some(own) if !rich => {
            format!(
                "your wallet has no coins yet; ask somebody on the chain to type\n  blockchat-node send {own} 100\nand \
                 see them arrive in another terminal:\n{}",
                line("balance")
            )
        }
        Some(_) => {
            let bob = names.resolve("bob").is_ok();
            let mut words = vec!["status"];
            words.extend((!bob).then_some("wallet new bob --no-passphrase"));
            words.push("send bob 5 \"Hello Bob\"");
            words.extend(faucet.map(|_| "send bob 100 --wallet faucet"));
            words.extend(faucet.map(|_| "send me \"Hello yourself\" --wallet bob"));
            words.extend(["inbox", "chat bob"]);
            format!("try in another terminal:\n{}", words.into_iter().map(line).collect::<String>())
        }
    }
}

/// The commands by which others join the chain.
fn friend(settings: &Settings, ready: &Ready, flag: &str) -> String {
    let (chain, hash) = (settings.genesis.short_name(), settings.genesis.hash());
    let place = reached(ready).first().copied().unwrap_or_default().to_owned();
    let place = place.split("/p2p/").next().unwrap_or_default();
    if is_of_this_machine(place) {
        return format!(
            "\nonly this machine can join the chain:\n  blockchat-node run --home two --join --peer {place} --genesis \
             {hash}\nto open it to your network, stop the node and type\n  blockchat-node run --share{flag}\n"
        );
    }
    let by_name = format!("\na friend on your network joins with\n  blockchat-node run --join --chain {chain}\nand ");
    let by_name = if settings.mdns { by_name } else { "\na friend ".into() };
    format!(
        "{by_name}from anywhere that reaches this machine, with\n  blockchat-node run --join --peer {place} --genesis {hash}\n"
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_that_others_can_dial_come_first() {
        let listen = ["/ip4/127.0.0.1/tcp/1", "/ip4/10.0.0.7/tcp/1"].map(str::to_owned).to_vec();
        let ready = Ready { api: String::new(), peer_id: String::new(), listen, pid: 1 };
        assert_eq!(reached(&ready), ["/ip4/10.0.0.7/tcp/1", "/ip4/127.0.0.1/tcp/1"]);
        assert!(is_of_this_machine("/ip6/::1/tcp/7") && !is_of_this_machine("/ip6/fe80::1/tcp/7"));
    }
}
