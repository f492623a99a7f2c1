//! `inbox`: final messages to and from an account, and which of them are unread. A table has the newest last, where the eye
//! is; JSON has the order of the API, the newest first.

use super::item;
use super::marks::Marks;
use super::seals::{Closed, Seals};
use super::watch::Watcher;
use crate::cli::args::MessagesArgs;
use crate::cli::failure::Failure;
use crate::cli::home::Home;
use crate::cli::names::Names;
use crate::cli::node;
use crate::cli::output::{Format, amount, moment, table};
use crate::cli::passphrase::Keyring;
use crate::shell::arrivals::Arrivals;
use blockchat_client::shapes::{Cursor, MessageView, PageRequest};
use blockchat_proto::keys::Address;
use serde::Serialize;

/// One part of the list.
#[derive(Serialize)]
struct Listed {
    items: Vec<Letter>,
    next: Option<Cursor>,
}

/// A message as far as it can be read.
#[derive(Serialize)]
struct Letter {
    #[serde(flatten)]
    view: MessageView,
    /// Received from another account and not read yet; `null` if the account is not of this home.
    unread: Option<bool>,
    /// Why a sealed message is closed.
    closed: Option<Closed>,
}

/// Asks the node.
pub(crate) async fn inbox(home: &Home, args: MessagesArgs, format: Format, keys: &mut Keyring) -> Result<(), Failure> {
    let names = Names::of(home)?;
    let address = names.account(args.account.as_deref())?;
    let (client, genesis, status) = node::chain(home, &args.api).await?;
    let seals = Seals::asking(home, genesis.hash(), &args.key)?;
    // The second request also returns what becomes final between the two.
    let part = PageRequest { limit: Some(args.limit), cursor: args.cursor };
    let found = client.messages(&address, &part).await?;
    let newest = found.items.first().map_or(status.height, |one| one.height.max(status.height));
    let marks = names.is_own(&address).then(|| Marks::load(home, genesis.hash(), &address)).transpose()?;
    let letter = |mut view: MessageView| {
        let closed = seals.open_message(keys, &mut view);
        let unread = marks.as_ref().map(|marks| is_unread(marks, &address, &view));
        Letter { view, unread, closed }
    };
    let listed = Listed { items: found.items.into_iter().map(letter).collect(), next: found.next };
    format.print(&listed, |listed| shown(&listed.items, &names));
    if args.follow {
        let watcher = Watcher { home, seals, from: None, format };
        return watcher.follow(Arrivals::after(client, vec![address], newest), keys).await;
    }
    Ok(())
}

fn is_unread(marks: &Marks, own: &Address, view: &MessageView) -> bool {
    view.from != *own && !marks.has_read(&view.from, (view.height, view.index))
}

fn shown(found: &[Letter], names: &Names) -> String {
    if found.is_empty() {
        return "no messages yet; `blockchat-node inbox --follow` waits for them".into();
    }
    let row = |Letter { view, unread, closed }: &Letter| {
        let closed = closed.as_ref().map(ToString::to_string);
        let text = item::said(view.text.as_deref(), view.sealed, closed.as_deref());
        let coins = if view.amount.is_zero() { String::new() } else { amount(view.amount) };
        let mark = if *unread == Some(true) { "new" } else { "" };
        vec![moment(view.time), mark.into(), names.show(&view.from), names.show(&view.to), coins, text]
    };
    let unread = found.iter().filter(|letter| letter.unread == Some(true)).count();
    let table = table(&["time", "", "from", "to", "bcc", "message"], &[4], found.iter().rev().map(row).collect());
    match unread {
        0 => table,
        unread => format!("{table}\n{unread} new: `blockchat-node message read` shows them and marks them as read\n"),
    }
}
