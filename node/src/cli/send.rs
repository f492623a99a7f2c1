//! `send`: coins, a message, or both. What it costs is known, and asked about where it is much, before anything is signed.

use super::args::SendArgs;
use super::ask;
use super::failure::{Failure, next_after};
use super::home::Home;
use super::names::Names;
use super::node;
use super::output::{Format, bcc, json, locked, note, pairs, printable, quoted, say};
use super::passphrase::{Keyring, OwnKey};
use super::replace::{held, raised};
use super::submit::{self, Cost, HandedIn, Order, place};
use crate::wallet::seal::Place;
use crate::wallet::sign;
use blockchat_client::shapes::path;
use blockchat_host::text;
use blockchat_proto::coins::Coins;
use blockchat_proto::keys::Address;
use blockchat_proto::ledger::TxRejected;
use blockchat_proto::limits;
use blockchat_proto::refusal::TxCode;
use blockchat_proto::transaction::Body;
use blockchat_proto::units::Height;
use serde::Serialize;

/// The transaction that was sent.
#[derive(Clone, Debug, Serialize)]
struct Sent {
    from: Address,
    to: Address,
    amount: Coins,
    message: Option<String>,
    sealed: bool,
    #[serde(flatten)]
    submitted: HandedIn,
}

/// The content: coins, a message, or both.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Content {
    pub(crate) amount: Coins,
    pub(crate) message: Option<String>,
}

/// Explains, asks, signs, submits, waits for finality.
pub(crate) async fn send(home: &Home, args: SendArgs, format: Format, keys: &mut Keyring) -> Result<(), Failure> {
    let content = content(&args)?;
    let names = Names::of(home)?;
    let to = names.resolve(&args.to)?;
    let (client, genesis, status) = node::chain(home, &args.api).await?;
    let key = keys.signer(home, &args.key)?;
    let sender = key.signer.address();
    let envelope = Place { chain: genesis.hash(), sender, recipient: to, nonce: 0 };
    let body_of = |content: &Content| body(&key, &envelope, content, args.sealed);
    let replaces = match args.replace {
        Some(which) => Some(held(&client, &genesis, sender, which, &names).await?),
        None => None,
    };
    let content = match &replaces {
        Some(held) => raised(content, held.needed, |content| Ok(submit::cost(&body_of(content)?, &genesis)?.fee))?,
        None => content,
    };
    let body = body_of(&content)?;
    let Content { amount, message } = content;
    let seal = message.as_deref().filter(|_| args.sealed);
    let expiry = args.expires.map(|blocks| Height(status.height.0.saturating_add(blocks)));
    let plain = Order::plain(&client, &genesis, &key, &body)?;
    let order = Order { expiry, seal, replaces: replaces.as_ref(), ..plain };
    if args.print {
        return print(&order, format).await;
    }
    if order.cost.total > args.ask.ask_above && !args.ask.yes {
        agreed(&explanation(&order, amount, &names.show_long(&to)).await?)?;
    }
    let submitted = submit::submit(&order).await?;
    let mut sent = Sent { from: sender, to, amount, message, sealed: args.sealed, submitted };
    if format == Format::Table {
        say(&head(&sent, &names));
    }
    submit::wait_final(&client, &mut sent.submitted, &args.wait, &names, format).await?;
    format.print(&sent, |sent| pairs(&[("state  ", place(&sent.submitted))]));
    Ok(())
}

/// The body of the transaction. The fee of a sealed text is the same for every recipient.
fn body(key: &OwnKey, place: &Place, content: &Content, sealed: bool) -> Result<Body, Failure> {
    match content.message.as_deref().filter(|_| sealed) {
        Some(text) => submit::sealed_body(&key.signer, place, content.amount, text),
        None => Ok(sign::send_body(place.recipient, content.amount, content.message.clone())),
    }
}

/// The words of the command line as what is sent, checked as far as it can be without any node.
pub(crate) fn content(args: &SendArgs) -> Result<Content, Failure> {
    let (amount, text) = match (args.amount.as_deref(), args.text.clone()) {
        (Some(word), None) if !looks_like_an_amount(word) => (None, Some(word.to_owned())),
        words => words,
    };
    let amount = amount.map(|word| amount_of(word, &args.to)).transpose()?;
    if text.is_some() && args.message.is_some() {
        let next = "write it once: after the amount, or after -m";
        return Err(Failure::usage("there are two messages", next));
    }
    if args.sealed && text.is_none() && args.message.is_none() {
        let next = format!("write the message that is sealed: blockchat-node send {} \"Hello\" --sealed", args.to);
        return Err(Failure::usage("there is no message to seal", next));
    }
    check(Content { amount: amount.unwrap_or(Coins::ZERO), message: text.or_else(|| args.message.clone()) }, &args.to)
}

/// `1e3`, `-5` and `5O` are invalid amounts, not messages: a message costs a fee, so a typing error must not become
/// one.
fn looks_like_an_amount(word: &str) -> bool {
    let number = word.trim_start_matches(['+', '-', '.', ',']);
    number.starts_with(|c: char| c.is_ascii_digit()) && !word.contains(char::is_whitespace)
}

pub(crate) fn amount_of(word: &str, to: &str) -> Result<Coins, Failure> {
    word.parse().map_err(|reason| {
        let next = if looks_like_an_amount(word) {
            format!(
                "an amount is written like 5 or 0.25; if it is meant as a message: blockchat-node send {to} -m TEXT"
            )
        } else {
            format!("first the amount, then the message: blockchat-node send {to} 5 \"Hello\"")
        };
        Failure::usage(format!("{word:?} is not an amount: {reason}"), next)
    })
}

pub(crate) fn check(content: Content, to: &str) -> Result<Content, Failure> {
    let found_bytes = content.message.as_ref().map_or(0, String::len);
    let limit_bytes = limits::TEXT_BYTES_MAX;
    if content.amount.is_zero() && content.message.is_none() {
        let next = format!("give an amount, a message, or both: blockchat-node send {to} 5 \"Hello\"");
        return Err(Failure::usage(TxRejected::NothingToSend.to_string(), next).coded(TxCode::NothingToSend.as_str()));
    }
    if content.message.as_deref() == Some("") {
        let next = "write something between the quotes, or leave the message out";
        return Err(Failure::usage(TxRejected::EmptyMessage.to_string(), next).coded(TxCode::EmptyMessage.as_str()));
    }
    if found_bytes > limit_bytes {
        let cause = TxRejected::MessageTooLong { found_bytes, limit_bytes }.to_string();
        return Err(
            Failure::usage(cause, next_after(&TxCode::MessageTooLong.into())).coded(TxCode::MessageTooLong.as_str())
        );
    }
    Ok(content)
}

/// One sentence before it is spent.
pub(crate) async fn explanation(order: &Order<'_>, amount: Coins, to: &str) -> Result<String, Failure> {
    let Cost { fee, total } = order.cost;
    let spendable = order.client.account(&order.key.signer.address()).await?.pending_balance;
    let what = if amount.is_zero() { "a message".into() } else { bcc(amount) };
    Ok(format!("send {what} to {to}? The fee is {}, {} in all; you can spend {}", bcc(fee), bcc(total), bcc(spendable)))
}

/// Without a terminal, the command line is the decision.
pub(crate) fn agreed(question: &str) -> Result<(), Failure> {
    match ask::confirm(question)? {
        Some(false) => Err(Failure::new("not sent", "say y, or --yes; --ask-above BCC sets from where on it is asked")
            .coded("not_agreed")),
        Some(true) | None => Ok(()),
    }
}

/// A signed transaction that was not submitted.
#[derive(Serialize)]
struct Printed<'a> {
    id: String,
    fee: Coins,
    total: Coins,
    transaction: &'a blockchat_proto::transaction::SignedTransaction,
    submit: String,
}

async fn print(order: &Order<'_>, format: Format) -> Result<(), Failure> {
    let signed = order.sign_next().await?;
    let body = serde_json::to_string(&signed).expect("a transaction is plain numbers, texts and lists");
    // As it is typed: what would drive a terminal is escaped, and JSON says the same.
    let body = text::json(&body).into_owned();
    let url = format!("{}{}", order.client.url(), path::TRANSACTIONS);
    let url = match order.replaces {
        Some(held) => quoted(&format!("{url}?replaces={}", held.id)),
        None => url,
    };
    let submit = format!("curl {url} -H 'content-type: application/json' -d {}", quoted(&body));
    let Cost { fee, total } = order.cost;
    let printed = Printed { id: signed.id().to_string(), fee, total, transaction: &signed, submit };
    if format == Format::Table {
        note(&format!("signed, not submitted: fee {}, {} in all; submit it with the last line", bcc(fee), bcc(total)));
    }
    format.print(&printed, |printed| format!("{}\n\n{}", text::json(&json(printed.transaction)), printed.submit));
    Ok(())
}

fn head(sent: &Sent, names: &Names) -> String {
    pairs(&[
        ("from", names.show_long(&sent.from)),
        ("to", names.show_long(&sent.to)),
        ("amount", if sent.amount.is_zero() { String::new() } else { bcc(sent.amount) }),
        ("message", sent.message.as_deref().map(|text| locked(sent.sealed, &printable(text))).unwrap_or_default()),
        ("replaces", sent.submitted.replaces.map(|id| id.to_string()).unwrap_or_default()),
        ("fee", bcc(sent.submitted.fee)),
        ("total", bcc(sent.submitted.total)),
        ("id", sent.submitted.id.to_string()),
    ])
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cli::args::{Cli, Command};
    use clap::Parser;

    fn read(words: &[&str]) -> Result<(String, Option<String>), String> {
        let all = ["blockchat-node", "send", "bob"].into_iter().chain(words.iter().copied());
        let Command::Send(args) = Cli::parse_from(all).command else { panic!("not a send") };
        content(&args).map(|found| (found.amount.to_string(), found.message)).map_err(|refused| refused.told())
    }

    #[test]
    fn amount_and_message_are_told_apart_as_people_type_them() {
        let is = |amount: &str, message: Option<&str>| Ok((amount.to_owned(), message.map(str::to_owned)));
        assert_eq!(read(&["Hello"]), is("0.000000", Some("Hello")));
        assert_eq!(read(&["5"]), is("5.000000", None));
        assert_eq!(read(&["5", "Hello"]), is("5.000000", Some("Hello")));
        assert_eq!(read(&["5", "7"]), is("5.000000", Some("7")));
        assert_eq!(read(&["-m", "- milk"]), is("0.000000", Some("- milk")));
        assert_eq!(read(&["0.5", "-m", "5"]), is("0.500000", Some("5")));
        assert_eq!(read(&["5 apples"]), is("0.000000", Some("5 apples")));
        assert_eq!(read(&["?"]), is("0.000000", Some("?")));
    }

    #[test]
    fn what_can_be_neither_is_refused_with_the_way_to_write_it() {
        for wrong in [&["1e3"][..], &["-5"], &["0.0000001"], &["1,5"], &["5x"], &["5O"]] {
            assert!(read(wrong).unwrap_err().contains("-m TEXT"), "{wrong:?}");
        }
        assert!(read(&["Hello", "5"]).unwrap_err().contains("first the amount"));
        assert!(read(&["Hello", "-m", "again"]).unwrap_err().contains("two messages"));
    }
}
