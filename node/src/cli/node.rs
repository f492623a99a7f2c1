//! The node a command talks to, and the chain it is on.

use super::args::ApiArg;
use super::failure::Failure;
use super::home::Home;
use super::output::printable;
use crate::ready_file::{self, Ready};
use blockchat_client::Client;
use blockchat_client::shapes::StatusView;
use blockchat_proto::genesis::VerifiedGenesis;

/// The API of the node that was named, else of the node that runs in this home, else where it would listen; not asked yet.
fn named(home: &Home, arg: &ApiArg) -> Result<Client, Failure> {
    if let Some(url) = arg.api.as_ref().filter(|url| !url.is_empty()) {
        return Ok(Client::new(url)?);
    }
    if let Some(ready) = Ready::read(&ready_file::path_in(home.path())) {
        return Ok(Client::new(&ready.api)?);
    }
    Ok(Client::new(&ready_file::api_url(home.config()?.api_listen()))?)
}

/// A node to ask. One whose chain is not this home's is refused: what it says of an account would be about other coins.
pub(crate) async fn client(home: &Home, arg: &ApiArg) -> Result<Client, Failure> {
    let client = named(home, arg)?;
    if let Some(own) = home.genesis()? {
        check_chain(&client, home, &own, &client.status().await?)?;
    }
    Ok(client)
}

/// The same, with its chain and how it is: what signing needs.
pub(crate) async fn chain(home: &Home, arg: &ApiArg) -> Result<(Client, VerifiedGenesis, StatusView), Failure> {
    let client = named(home, arg)?;
    let status = client.status().await?;
    let genesis = match home.genesis()? {
        Some(own) => own,
        None => fetched(&client).await?,
    };
    check_chain(&client, home, &genesis, &status)?;
    Ok((client, genesis, status))
}

fn check_chain(client: &Client, home: &Home, own: &VerifiedGenesis, status: &StatusView) -> Result<(), Failure> {
    if own.hash() == status.genesis_hash {
        return Ok(());
    }
    let cause = format!(
        "the node at {} is on chain {}, but {} belongs to {}",
        client.url(),
        printable(&status.chain),
        home.path().display(),
        own.short_name()
    );
    Err(Failure::new(cause, "name the right home with --home, or the right node with --api").coded("other_chain"))
}

async fn fetched(client: &Client) -> Result<VerifiedGenesis, Failure> {
    client.genesis().await?.verify().map_err(|error| {
        let cause = format!("the node at {} serves a genesis that is refused: {error}", client.url());
        Failure::new(cause, "check --api: is it a node of your network?")
    })
}
