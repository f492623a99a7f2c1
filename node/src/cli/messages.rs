//! `messages` (also `inbox`): final messages to and from an account. A table has the newest last, where the eye is; JSON
//! has the order of the API, the newest first.

use super::args::{KeyArg, MessagesArgs};
use super::failure::Failure;
use super::home::Home;
use super::names::Names;
use super::node;
use super::output::{Format, amount, locked, moment, note, printable, table};
use super::passphrase::Keyring;
use crate::shell::arrivals::{Arrival, Arrivals};
use crate::shell::shown;
use crate::wallet::seal::{self, Place};
use blockchat_client::Client;
use blockchat_client::shapes::{MessageView, PageRequest};
use blockchat_host::{stream, text};
use blockchat_proto::transaction::{Body, Payload, Transaction};

/// Asks the node.
pub(crate) async fn messages(
    home: &Home,
    args: MessagesArgs,
    format: Format,
    keys: &mut Keyring,
) -> Result<(), Failure> {
    let names = Names::of(home)?;
    let address = names.account(args.account.as_deref())?;
    let client = node::client(home, &args.api).await?;
    // What becomes final between the two questions is told by the second.
    let tip = client.status().await?.height;
    let part = PageRequest { limit: Some(args.limit), cursor: args.cursor };
    let mut found = client.messages(&address, &part).await?;
    open_sealed(home, &args.key, keys, &client, &mut found.items).await?;
    format.print(&found, |found| shown(&found.items, &names));
    if args.follow {
        let newest = found.items.first().map_or(tip, |one| one.height.max(tip));
        follow(Arrivals::after(client, vec![address], newest), &names, format).await?;
    }
    Ok(())
}

/// Opens what our key opens. A key is asked for only if there is something for it to open, and one that cannot be opened
/// leaves the messages closed.
async fn open_sealed(
    home: &Home,
    arg: &KeyArg,
    keys: &mut Keyring,
    client: &Client,
    found: &mut [MessageView],
) -> Result<(), Failure> {
    let mut sealed: Vec<_> = found.iter_mut().filter(|message| message.sealed).collect();
    if sealed.is_empty() {
        return Ok(());
    }
    let Ok(key) = keys.signer(home, arg) else {
        note("sealed messages stay closed: there is no key here that could open them, or it is locked");
        return Ok(());
    };
    let own = key.signer.address();
    for message in sealed.iter_mut().filter(|message| [message.from, message.to].contains(&own)) {
        let Some(signed) = client.transaction(&message.id).await?.transaction else { continue };
        let Transaction { chain, sender, nonce, body, .. } = signed.transaction;
        if let Body::Send { to: recipient, payload: Payload::Sealed(sealed), .. } = body {
            message.text = seal::open(&key.signer, &Place { chain, sender, recipient, nonce }, &sealed).ok();
        }
    }
    Ok(())
}

/// Until the person ends it, or nobody reads any more.
async fn follow(mut arrivals: Arrivals, names: &Names, format: Format) -> Result<(), Failure> {
    loop {
        let Arrival { account, what } = arrivals.next().await;
        let said = match format {
            Format::Table => stream::try_say(&shown::line(&what, &account, names)),
            Format::Json => stream::try_say(&text::json(&serde_json::json!(what).to_string())),
        };
        said.map_err(|error| {
            Failure::new(format!("the output cannot be written: {error}"), "make room where it goes")
                .coded("output_lost")
        })?;
    }
}

fn shown(found: &[MessageView], names: &Names) -> String {
    if found.is_empty() {
        return "no messages yet; `blockchat-node inbox --follow` waits for them".into();
    }
    let row = |message: &MessageView| {
        let text = match (&message.text, message.sealed) {
            (Some(text), sealed) => locked(sealed, &printable(text)),
            (None, true) => "[sealed]".into(),
            (None, false) => String::new(),
        };
        let coins = if message.amount.is_zero() { String::new() } else { amount(message.amount) };
        vec![moment(message.time), names.show(&message.from), names.show(&message.to), coins, text]
    };
    table(&["time", "from", "to", "bcc", "message"], &[3], found.iter().rev().map(row).collect())
}
