//! `tx`: where a transaction is, and what it says.

use super::args::TxArgs;
use super::failure::Failure;
use super::home::Home;
use super::names::Names;
use super::node;
use super::output::{Format, bcc, pairs};
use super::submit::state;
use super::view::what;
use blockchat_client::shapes::{TransactionState, TransactionView};

/// Asks the node.
pub(crate) async fn tx(home: &Home, args: TxArgs, format: Format) -> Result<(), Failure> {
    let names = Names::of(home)?;
    let found = node::client(home, &args.api)?.transaction(&args.id).await?;
    format.print(&found, |found| shown(found, &names));
    Ok(())
}

fn shown(found: &TransactionView, names: &Names) -> String {
    let leader = match &found.state {
        TransactionState::Final { leader, .. } => names.show_long(leader),
        _ => String::new(),
    };
    let mut lines = vec![("id", found.id.to_string()), ("state", state(&found.state)), ("leader", leader)];
    if let Some(signed) = &found.transaction {
        let (to, sum, text) = what(&signed.transaction.body, names);
        lines.extend([
            ("from", names.show_long(&signed.transaction.sender)),
            ("to", to),
            ("amount", if sum.is_empty() { sum } else { format!("{sum} BCC") }),
            ("message", text),
            ("nonce", signed.transaction.nonce.to_string()),
        ]);
    }
    lines.push(("fee", found.fee.map(bcc).unwrap_or_default()));
    pairs(&lines)
}
