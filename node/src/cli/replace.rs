//! Another transaction in the place of one that is not final yet: `send --replace`, and `tx cancel`.
//!
//! Both use the nonce of the first one, so at most one of the two becomes final. The second must pay a higher fee: what its
//! content does not cost by itself is added as spaces at the end of its message.

use super::args::CancelArgs;
use super::failure::Failure;
use super::home::Home;
use super::names::Names;
use super::node;
use super::output::{Format, bcc, note, pairs, printable, say};
use super::passphrase::Keyring;
use super::send::{Content, agreed};
use super::submit::{self, HandedIn, Order, cost, place};
use super::view::what;
use crate::wallet::sign;
use blockchat_client::Client;
use blockchat_client::shapes::{PoolRequest, TransactionState, TransactionView};
use blockchat_engine::mempool::replacement_fee;
use blockchat_proto::coins::Coins;
use blockchat_proto::genesis::{Parameters, VerifiedGenesis};
use blockchat_proto::hash::Hash32;
use blockchat_proto::keys::Address;
use blockchat_proto::ledger::{TxRejected, fee_for};
use blockchat_proto::limits;
use blockchat_proto::transaction::{Body, Payload};
use serde::Serialize;
use std::str::FromStr;

/// The name of a transaction that is not final yet: its id, or the nonce of one's own account.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Which {
    Id(Hash32),
    Nonce(u64),
}

impl FromStr for Which {
    type Err = &'static str;
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let nonce = || text.parse().map(Self::Nonce);
        let wrong = "write the id of a transaction (64 hex digits), or its nonce, as `blockchat-node tx ID` shows it";
        text.parse().map(Self::Id).or_else(|_| nonce()).map_err(|_| wrong)
    }
}

/// A transaction that is not final, and whose place is wanted.
#[derive(Clone, Debug)]
pub(crate) struct Held {
    pub(crate) id: Hash32,
    pub(crate) nonce: u64,
    /// The smallest fee of what takes its place.
    pub(crate) needed: Coins,
    body: Body,
    /// The coins that it takes from its sender as long as it is pooled.
    takes: Coins,
}

/// Finds it on the node. It must be the sender's, and not final.
pub(crate) async fn held(
    client: &Client,
    genesis: &VerifiedGenesis,
    sender: Address,
    which: Which,
    names: &Names,
) -> Result<Held, Failure> {
    let id = match which {
        Which::Id(id) => id,
        Which::Nonce(nonce) => id_of(client, sender, nonce).await?,
    };
    let found = client.transaction(&id).await?;
    let queued = match &found.state {
        TransactionState::Queued => true,
        TransactionState::Pooled | TransactionState::InBlock { .. } => false,
        _ => return Err(gone(&found)),
    };
    let signed = found.transaction.ok_or_else(|| unknown(&format!("transaction {id}")))?.transaction;
    if signed.sender != sender {
        let cause = format!(
            "transaction {id} is signed by {}, and only its signer can replace it",
            names.show_long(&signed.sender)
        );
        return Err(Failure::usage(cause, "name the wallet that signed it with --wallet NAME").coded("not_the_signer"));
    }
    let paid = cost(&signed.body, genesis)?;
    let needed = replacement_fee(paid.fee, &genesis.genesis().parameters);
    let needed = needed.ok_or_else(|| Failure::rejected(&TxRejected::AmountOverflow))?;
    let takes = if queued { Coins::ZERO } else { paid.total };
    Ok(Held { id, nonce: signed.nonce, needed, body: signed.body, takes })
}

/// The pooled transaction of an account that has this nonce.
async fn id_of(client: &Client, sender: Address, nonce: u64) -> Result<Hash32, Failure> {
    let mut wanted = PoolRequest { account: Some(sender), ..PoolRequest::default() };
    loop {
        let page = client.pool(&wanted).await?;
        if let Some(row) = page.items.iter().find(|row| row.nonce == nonce && row.from == sender) {
            return Ok(row.id);
        }
        wanted.cursor = page.next;
        if wanted.cursor.is_none() {
            break;
        }
    }
    let account = client.account(&sender).await?;
    if nonce < account.next_nonce {
        let cause = format!("the transaction with nonce {nonce} is final: nothing can replace it");
        return Err(Failure::new(cause, "see it with `blockchat-node history`").coded("too_late"));
    }
    Err(unknown(&format!("a transaction of this account with nonce {nonce}")))
}

fn unknown(what: &str) -> Failure {
    let next = "ask the node that it was handed in at, with --api; `blockchat-node tx ID` says where one is";
    Failure::new(format!("{what} is not in the pool of this node"), next).coded("transaction_unknown")
}

/// It cannot be replaced any more.
fn gone(found: &TransactionView) -> Failure {
    let id = found.id;
    match &found.state {
        TransactionState::Final { height, .. } => {
            let cause = format!("transaction {id} is final in block {height}: nothing can replace it");
            let next = "what was paid can only be paid back: ask the recipient";
            Failure::new(cause, next).coded("too_late")
        }
        TransactionState::Refused { reason, .. } => {
            let cause = format!("transaction {id} is refused already: {}", printable(reason));
            Failure::new(cause, "there is nothing to replace: send what you want").coded("refused_already")
        }
        _ => unknown(&format!("transaction {id}")),
    }
}

/// The nonce was used by another one meanwhile: most likely by the very one that was to be replaced.
pub(crate) async fn too_late(client: &Client, first: &Hash32, refused: Failure) -> Failure {
    match client.transaction(first).await {
        Ok(found) if matches!(found.state, TransactionState::Final { .. }) => gone(&found),
        _ => refused,
    }
}

/// The content at a fee that is high enough: spaces at the end of the message make up what is missing. `fee_of` says what a
/// message costs here.
pub(crate) fn raised(
    content: Content,
    needed: Coins,
    fee_of: impl Fn(&Content) -> Result<Coins, Failure>,
) -> Result<Content, Failure> {
    let mut raised = content;
    let mut spaces = 0;
    while fee_of(&raised)? < needed {
        let text = raised.message.get_or_insert_default();
        if text.len() >= limits::TEXT_BYTES_MAX {
            let cause = format!("it would cost less than what it replaces: that takes a fee of {}", bcc(needed));
            return Err(Failure::new(cause, "send a larger amount, or `blockchat-node tx cancel`").coded("fee_too_low"));
        }
        text.push(' ');
        spaces += 1;
    }
    if spaces > 0 {
        let ends = if spaces == 1 { "a space".to_owned() } else { format!("{spaces} spaces") };
        note(&format!("the message ends with {ends}: what replaces another must cost at least {}", bcc(needed)));
    }
    Ok(raised)
}

/// The transaction that was cancelled.
#[derive(Clone, Debug, Serialize)]
struct Cancelled {
    cancelled: Hash32,
    nonce: u64,
    #[serde(flatten)]
    submitted: HandedIn,
}

/// Puts something that changes nothing in the place of a transaction: a payment to oneself, or a text to oneself.
pub(crate) async fn cancel(home: &Home, args: CancelArgs, format: Format, keys: &mut Keyring) -> Result<(), Failure> {
    let names = Names::of(home)?;
    let (client, genesis, _) = node::chain(home, &args.api).await?;
    let key = keys.signer(home, &args.key)?;
    let own = key.signer.address();
    let held = held(&client, &genesis, own, args.which, &names).await?;
    let spendable = client.account(&own).await?.pending_balance.checked_add(held.takes).unwrap_or(Coins::ZERO);
    let body = nothing(own, held.needed, &genesis.genesis().parameters, spendable)?;
    let order = Order { replaces: Some(&held), ..Order::plain(&client, &genesis, &key, &body)? };
    let fee = order.cost.fee;
    let first = in_words(&held.body, &names);
    if fee > args.ask.ask_above && !args.ask.yes {
        agreed(&format!("cancel {first}? It takes a fee of {}", bcc(fee)))?;
    }
    let submitted = submit::submit(&order).await?;
    let mut cancelled = Cancelled { cancelled: held.id, nonce: held.nonce, submitted };
    if format == Format::Table {
        say(&head(&cancelled, &first, &body));
    }
    submit::wait_final(&client, &mut cancelled.submitted, &args.wait, &names, format).await?;
    format.print(&cancelled, |cancelled| pairs(&[("state    ", place(&cancelled.submitted))]));
    Ok(())
}

fn in_words(body: &Body, names: &Names) -> String {
    let (to, sum, text) = what(body, names);
    let nothing = matches!(body, Body::Send { amount, .. } if amount.is_zero());
    let sum = if sum.is_empty() || nothing { String::new() } else { format!("{sum} BCC") };
    let text = if text.is_empty() { text } else { format!("\"{text}\"") };
    let parts = [sum, text].into_iter().filter(|part| !part.is_empty()).collect::<Vec<_>>().join(", ");
    match body {
        Body::Send { .. } => format!("{parts} to {to}"),
        _ => format!("{parts} {to}"),
    }
}

fn head(cancelled: &Cancelled, first: &str, body: &Body) -> String {
    let instead = match body {
        Body::Send { amount, payload: Payload::None, .. } => format!("{} to yourself", bcc(*amount)),
        _ => "a text to yourself".into(),
    };
    pairs(&[
        ("cancelled", first.to_owned()),
        ("instead", instead),
        ("nonce", cancelled.nonce.to_string()),
        ("fee", bcc(cancelled.submitted.fee)),
        ("id", cancelled.submitted.id.to_string()),
    ])
}

/// The cheapest thing that changes nothing and pays the fee that is needed, out of `spendable`.
fn nothing(own: Address, needed: Coins, parameters: &Parameters, spendable: Coins) -> Result<Body, Failure> {
    let fee = |body: &Body| fee_for(body, parameters).ok();
    let payable = |body: &Body| {
        let Body::Send { amount, .. } = body else { return false };
        fee(body).and_then(|fee| amount.checked_add(fee)).is_some_and(|total| total <= spendable)
    };
    let ways = [coins_to_oneself(own, needed, parameters), text_to_oneself(own, needed, parameters)];
    let enough = ways.into_iter().flatten().filter(|body| fee(body) >= Some(needed) && payable(body));
    enough.min_by_key(|body| fee(body)).ok_or_else(|| {
        let cause =
            format!("to cancel it takes a fee of {}, and the account can spend {}", bcc(needed), bcc(spendable));
        Failure::new(cause, "have somebody send coins to it first").coded("insufficient_funds")
    })
}

/// As many coins as cost the fee.
fn coins_to_oneself(to: Address, needed: Coins, parameters: &Parameters) -> Option<Body> {
    let wanted = u128::from(needed.micros()) * 10_000;
    let amount = wanted.checked_div(parameters.fee_basis_points.into())?;
    let amount = amount + u128::from(amount * u128::from(parameters.fee_basis_points) < wanted);
    let amount = Coins::from_micros(u64::try_from(amount).ok()?)?;
    Some(Body::Send { to, amount, payload: Payload::None })
}

/// As many characters as cost the fee.
fn text_to_oneself(to: Address, needed: Coins, parameters: &Parameters) -> Option<Body> {
    let length = match parameters.fee_per_character.micros() {
        0 => 1,
        each => usize::try_from(needed.micros().div_ceil(each)).ok()?.max(1),
    };
    let text: String =
        "cancelled".chars().chain(std::iter::repeat('.')).take(length.min(limits::TEXT_BYTES_MAX)).collect();
    Some(sign::send_body(to, Coins::ZERO, Some(text)))
}

#[cfg(test)]
mod tests {
    use super::*;

    const OWN: Address = Address([7; 32]);

    fn micros(micros: u64) -> Coins {
        Coins::from_micros(micros).unwrap()
    }

    #[test]
    fn a_transaction_is_named_by_id_or_nonce() {
        assert_eq!("7".parse(), Ok(Which::Nonce(7)));
        let digits = "1".repeat(64);
        assert_eq!(digits.parse(), Ok(Which::Id(digits.parse().unwrap())));
        for wrong in ["", "-1", "bob", "18446744073709551616", "ab12"] {
            assert!(wrong.parse::<Which>().is_err(), "{wrong}");
        }
    }

    /// Whatever the chain's fees are: what cancels pays enough, and no more than it has.
    #[test]
    fn what_cancels_pays_the_fee_that_is_needed_out_of_what_there_is() {
        let default = Parameters::default();
        let free = |basis_points, per_character| Parameters {
            fee_basis_points: basis_points,
            fee_per_character: per_character,
            ..default.clone()
        };
        let all =
            [default.clone(), free(0, Coins::from_bcc(1)), free(7, Coins::ZERO), free(10_000, Coins::from_bcc(3))];
        for parameters in all {
            for needed in [1, 999, 1_000, 168_751, 3_375_000, 22_500_001].map(micros) {
                let body = nothing(OWN, needed, &parameters, Coins::from_bcc(1_000_000)).unwrap();
                let Body::Send { to, .. } = &body else { panic!("{body:?}") };
                assert_eq!(*to, OWN);
                assert!(fee_for(&body, &parameters).unwrap() >= needed, "{needed} {parameters:?} {body:?}");
            }
        }
    }

    #[test]
    fn who_has_little_cancels_with_a_text() {
        let parameters = Parameters::default();
        let needed = micros(1_687_500);
        let coins = nothing(OWN, needed, &parameters, Coins::from_bcc(60)).unwrap();
        assert_eq!(coins, sign::send_body(OWN, micros(56_250_000), None));
        let text = nothing(OWN, needed, &parameters, Coins::from_bcc(50)).unwrap();
        assert_eq!(text, sign::send_body(OWN, Coins::ZERO, Some("ca".into())));
        assert!(nothing(OWN, needed, &parameters, Coins::from_bcc(1)).unwrap_err().is("insufficient_funds"));
    }

    #[test]
    fn a_fee_that_is_too_low_is_made_up_with_spaces() {
        let parameters = Parameters::default();
        let fee_of = |content: &Content| {
            let body = sign::send_body(OWN, content.amount, content.message.clone());
            Ok(fee_for(&body, &parameters).unwrap())
        };
        let content = |amount, message: Option<&str>| Content {
            amount: Coins::from_bcc(amount),
            message: message.map(Into::into),
        };
        assert_eq!(raised(content(5, Some("Hi")), micros(2_000_000), fee_of), Ok(content(5, Some("Hi"))));
        assert_eq!(raised(content(5, Some("Hi")), micros(2_418_750), fee_of), Ok(content(5, Some("Hi "))));
        assert_eq!(raised(content(5, None), micros(2_000_000), fee_of), Ok(content(5, Some("  "))));
        assert!(raised(content(5, None), Coins::from_bcc(2_000), fee_of).unwrap_err().is("fee_too_low"));
    }
}
