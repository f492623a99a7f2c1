//! `messages` (also `inbox`): final messages to and from an account. A table has the newest last, where the eye is; JSON
//! has the order of the API, the newest first.

use super::args::MessagesArgs;
use super::failure::Failure;
use super::home::Home;
use super::names::Names;
use super::node;
use super::output::{Format, amount, moment, printable, table};
use blockchat_client::shapes::{MessageView, PageRequest};

/// Asks the node.
pub(crate) async fn messages(home: &Home, args: MessagesArgs, format: Format) -> Result<(), Failure> {
    let names = Names::of(home)?;
    let address = names.account(args.account.as_deref())?;
    let client = node::client(home, &args.api)?;
    let part = PageRequest { limit: Some(args.limit), cursor: args.cursor };
    let found = client.messages(&address, &part).await?;
    format.print(&found, |found| shown(&found.items, &names));
    Ok(())
}

fn shown(found: &[MessageView], names: &Names) -> String {
    if found.is_empty() {
        return "no messages yet".into();
    }
    let row = |message: &MessageView| {
        let text = match (&message.text, message.sealed) {
            (Some(text), _) => printable(text),
            (None, true) => "[sealed]".into(),
            (None, false) => String::new(),
        };
        let coins = if message.amount.is_zero() { String::new() } else { amount(message.amount) };
        vec![moment(message.time), names.show(&message.from), names.show(&message.to), coins, text]
    };
    table(&["time", "from", "to", "bcc", "message"], &[3], found.iter().rev().map(row).collect())
}
