//! `view`: one final block with its transactions.

use super::args::ViewArgs;
use super::failure::Failure;
use super::home::Home;
use super::names::Names;
use super::node;
use super::output::{Format, amount, bcc, clipped, count, pairs, printable, table};
use super::submit::moment_and_age;
use blockchat_client::shapes::{BlockTransactionView, BlockView};
use blockchat_proto::transaction::{Body, Payload};

/// Longest piece of a message in a table, in characters.
const TEXT_SHOWN: usize = 60;
/// Most transactions in a table: a block may hold thousands.
const ROWS_SHOWN: usize = 50;

/// Asks the node.
pub(crate) async fn view(home: &Home, args: ViewArgs, format: Format) -> Result<(), Failure> {
    let names = Names::of(home)?;
    let wanted = args.block.as_deref().unwrap_or("last");
    if !wanted.bytes().all(|byte| byte.is_ascii_alphanumeric()) {
        let next = "give a height such as 12, a hash of 64 hex digits, or nothing for the last block";
        return Err(Failure::usage(format!("{wanted:?} names no block"), next).coded("bad_block_reference"));
    }
    let block = node::client(home, &args.api).await?.block(wanted).await?;
    format.print(&block, |block| shown(block, &names));
    Ok(())
}

fn shown(block: &BlockView, names: &Names) -> String {
    let signers: Vec<_> = block.signers.iter().map(|signer| names.show(signer)).collect();
    let round = if block.round.0 == 0 { String::new() } else { format!(" in round {}", block.round) };
    let transactions = u64::try_from(block.transactions.len()).unwrap_or(u64::MAX);
    let head = pairs(&[
        ("block", block.height.to_string()),
        ("hash", block.hash.to_string()),
        ("parent", block.parent.to_string()),
        ("time", moment_and_age(block.time)),
        ("leader", format!("{}{round}", names.show_long(&block.leader))),
        ("signed by", signers.join(", ")),
        ("fees", format!("{} for its leader", bcc(block.fees))),
        ("size", format!("{}, {}", count(transactions, "transaction"), count(block.bytes, "byte"))),
    ]);
    if block.transactions.is_empty() {
        return head;
    }
    let shown = block.transactions.iter().enumerate().take(ROWS_SHOWN);
    let rows = shown.map(|(index, one)| row(index, one, names)).collect();
    let header = ["#", "id", "from", "to", "amount", "fee", "message"];
    let more = match block.transactions.len().saturating_sub(ROWS_SHOWN) {
        0 => String::new(),
        more => format!("and {more} more; --output json prints all\n"),
    };
    format!("{head}\n{}{more}", table(&header, &[0, 4, 5], rows))
}

fn row(index: usize, one: &BlockTransactionView, names: &Names) -> Vec<String> {
    let transaction = &one.transaction.transaction;
    let (to, sum, text) = what(&transaction.body, names);
    let id = format!("{}…", one.id.short());
    vec![index.to_string(), id, names.show(&transaction.sender), to, sum, amount(one.fee), text]
}

/// Recipient or kind, amount, and text of a transaction.
pub(crate) fn what(body: &Body, names: &Names) -> (String, String, String) {
    match body {
        Body::Send { to, amount: sum, payload } => {
            let text = match payload {
                Payload::None => String::new(),
                Payload::Plain(text) => clipped(&printable(text), TEXT_SHOWN),
                Payload::Sealed(_) => "[sealed]".into(),
            };
            (names.show(to), amount(*sum), text)
        }
        Body::Stake { amount: sum } => ("(stake)".into(), amount(*sum), String::new()),
        Body::Activate { .. } => ("(activate)".into(), String::new(), String::new()),
        Body::Claim { .. } => ("(claim)".into(), String::new(), String::new()),
        Body::Announce { version } => (format!("(announce {version})"), String::new(), String::new()),
    }
}
