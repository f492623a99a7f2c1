//! `send`: coins, a message, or both.

use super::args::SendArgs;
use super::failure::{Failure, next_after};
use super::home::Home;
use super::names::Names;
use super::output::{Format, bcc, pairs, printable, say};
use super::submit::{self, Submitted, place};
use super::{node, passphrase};
use crate::wallet::sign;
use blockchat_proto::coins::Coins;
use blockchat_proto::keys::Address;
use blockchat_proto::ledger::TxRejected;
use blockchat_proto::limits;
use blockchat_proto::refusal::TxCode;
use serde::Serialize;

/// What was sent.
#[derive(Clone, Debug, Serialize)]
struct Sent {
    from: Address,
    to: Address,
    amount: Coins,
    message: Option<String>,
    #[serde(flatten)]
    submitted: Submitted,
}

/// Signs, hands in, waits for finality.
pub(crate) async fn send(home: &Home, args: SendArgs, format: Format) -> Result<(), Failure> {
    check_content(&args)?;
    let names = Names::of(home)?;
    let to = names.resolve(&args.to)?;
    let client = node::client(home, &args.api)?;
    let (genesis, _) = node::chain(&client, home).await?;
    let key = passphrase::open_signer(home, &args.key)?;
    let amount = args.amount.unwrap_or(Coins::ZERO);
    let body = sign::send_body(to, amount, args.message.clone());
    let submitted = submit::submit(&client, &genesis, &key, &body).await?;
    let mut sent = Sent { from: key.signer.address(), to, amount, message: args.message, submitted };
    if format == Format::Table {
        say(&head(&sent, &names));
    }
    submit::wait_final(&client, &mut sent.submitted, &args.wait).await?;
    format.print(&sent, |sent| pairs(&[("state  ", place(&sent.submitted))]));
    Ok(())
}

/// What can be seen without any node.
fn check_content(args: &SendArgs) -> Result<(), Failure> {
    let nothing = args.amount.is_none_or(Coins::is_zero) && args.message.is_none();
    let found_bytes = args.message.as_ref().map_or(0, String::len);
    let limit_bytes = limits::TEXT_BYTES_MAX;
    if nothing {
        let next = format!("give an amount, a message, or both: blockchat-node send {} 5 -m \"Hello\"", args.to);
        return Err(Failure::usage(TxRejected::NothingToSend.to_string(), next).coded(TxCode::NothingToSend.as_str()));
    }
    if args.message.as_deref() == Some("") {
        let next = "write something between the quotes, or leave --message out";
        return Err(Failure::usage(TxRejected::EmptyMessage.to_string(), next).coded(TxCode::EmptyMessage.as_str()));
    }
    if found_bytes > limit_bytes {
        let cause = TxRejected::MessageTooLong { found_bytes, limit_bytes }.to_string();
        return Err(
            Failure::usage(cause, next_after(&TxCode::MessageTooLong.into())).coded(TxCode::MessageTooLong.as_str())
        );
    }
    Ok(())
}

fn head(sent: &Sent, names: &Names) -> String {
    pairs(&[
        ("from", names.show_long(&sent.from)),
        ("to", names.show_long(&sent.to)),
        ("amount", if sent.amount.is_zero() { String::new() } else { bcc(sent.amount) }),
        ("message", sent.message.as_deref().map(printable).unwrap_or_default()),
        ("fee", bcc(sent.submitted.fee)),
        ("total", bcc(sent.submitted.total)),
        ("id", sent.submitted.id.to_string()),
    ])
}
