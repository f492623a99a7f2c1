//! `tx`: where a transaction is, and what it says. Calling one off: `replace`.

use super::args::{TxArgs, TxCommand};
use super::failure::Failure;
use super::home::Home;
use super::names::Names;
use super::node;
use super::output::{Format, bcc, pairs};
use super::passphrase::Keyring;
use super::replace;
use super::submit::{missing_nonces, state};
use super::view::what;
use blockchat_client::shapes::{TransactionState, TransactionView};

/// Asks the node.
pub(crate) async fn tx(home: &Home, args: TxArgs, format: Format, keys: &mut Keyring) -> Result<(), Failure> {
    if let Some(TxCommand::Cancel(args)) = args.command {
        return replace::cancel(home, args, format, keys).await;
    }
    let id = args.id.expect("the command line has an id or a verb");
    let names = Names::of(home)?;
    let client = node::client(home, &args.api).await?;
    let found = client.transaction(&id).await?;
    let waits_for = match (&found.state, &found.transaction) {
        (TransactionState::Queued, Some(signed)) if format == Format::Table => {
            missing_nonces(&client, &signed.transaction.sender, signed.transaction.nonce).await
        }
        _ => String::new(),
    };
    format.print(&found, |found| shown(found, waits_for, &names));
    Ok(())
}

fn shown(found: &TransactionView, waits_for: String, names: &Names) -> String {
    let leader = match &found.state {
        TransactionState::Final { leader, .. } => names.show_long(leader),
        _ => String::new(),
    };
    let mut lines = vec![
        ("id", found.id.to_string()),
        ("state", state(&found.state)),
        ("waits for", waits_for),
        ("leader", leader),
    ];
    if let Some(signed) = &found.transaction {
        let (to, sum, text) = what(&signed.transaction.body, names);
        lines.extend([
            ("from", names.show_long(&signed.transaction.sender)),
            ("to", to),
            ("amount", if sum.is_empty() { sum } else { format!("{sum} BCC") }),
            ("message", text),
            ("nonce", signed.transaction.nonce.to_string()),
            ("expires", signed.transaction.expiry.map(|last| format!("after block {last}")).unwrap_or_default()),
        ]);
    }
    lines.push(("fee", found.fee.map(bcc).unwrap_or_default()));
    pairs(&lines)
}
