//! `history`: what happened to an account, money and messages alike, and what of its own is on the way. A table has the
//! newest last, where the eye is; JSON has the order of the API, the newest first.

use super::args::{HistoryArgs, KeyArg};
use super::csv;
use super::failure::Failure;
use super::home::Home;
use super::messages::index::Entry;
use super::messages::item;
use super::messages::seals::Seals;
use super::names::Names;
use super::node;
use super::output::{Format, amount, moment, printable, say, table};
use super::passphrase::Keyring;
use blockchat_client::Client;
use blockchat_client::shapes::{
    Cursor, Direction, HistoryKind, HistoryRequest, HistoryView, Page, PoolRequest, PoolRowView,
};
use blockchat_host::stream;
use blockchat_proto::keys::Address;
use blockchat_proto::units::Height;
use serde::Serialize;

/// Asks the node.
pub(crate) async fn history(home: &Home, args: HistoryArgs, format: Format, keys: &mut Keyring) -> Result<(), Failure> {
    let names = Names::of(home)?;
    let address = names.account(args.account.as_deref())?;
    let (client, genesis, _) = node::chain(home, &args.api).await?;
    let key = KeyArg { wallet: None, passphrase: args.passphrase };
    let seals = Seals::asking(home, genesis.hash(), &key)?;
    if args.all && !args.csv && format == Format::Table {
        let next = "add --csv or --output json; a table shows one page, and --limit its length";
        return Err(Failure::usage("a table of all pages would be too long to read", next));
    }
    let mut wanted = HistoryRequest {
        limit: Some(args.limit),
        cursor: args.cursor,
        direction: args.direction.map(Into::into),
        kind: args.kind.map(Into::into),
        from: args.from.map(Height),
        to: args.to.map(Height),
    };
    if !args.csv && !args.all {
        let pending = pending(&client, &address, &wanted).await;
        let Page { items, next } = client.history(&address, &wanted).await?;
        let items = items.into_iter().map(|view| seals.entry(keys, view).into()).collect();
        let found = Listed { items, next, pending };
        format.print(&found, |found| shown(found, &names));
        return Ok(());
    }
    if args.csv {
        say(&csv::line(COLUMNS));
    }
    loop {
        let page = client.history(&address, &wanted).await?;
        for one in page.items.into_iter().map(|view| Happened::from(seals.entry(keys, view))) {
            if args.csv { say(&csv_line(&one, &names)) } else { stream::say_json(&serde_json::json!(one).to_string()) }
        }
        match page.next {
            Some(next) if args.all && wanted.cursor.as_ref() != Some(&next) => wanted.cursor = Some(next),
            _ => return Ok(()),
        }
    }
}

/// One part of a history, and what is not final yet.
#[derive(Serialize)]
struct Listed {
    items: Vec<Happened>,
    next: Option<Cursor>,
    /// Of the account's own transactions; with the first part only.
    pending: Vec<PoolRowView>,
}

/// One thing that happened, opened if it was sealed and can be.
#[derive(Serialize)]
struct Happened {
    #[serde(flatten)]
    view: HistoryView,
    /// Why a sealed message is closed.
    #[serde(skip_serializing_if = "Option::is_none")]
    closed: Option<String>,
}

impl From<Entry> for Happened {
    fn from(Entry { view, closed }: Entry) -> Self {
        Self { view, closed }
    }
}

/// Transactions that the account has signed and that are not final, as far as the filters match. A node that does not
/// answer changes nothing else.
async fn pending(client: &Client, address: &Address, wanted: &HistoryRequest) -> Vec<PoolRowView> {
    let HistoryRequest { limit, cursor, direction, kind, from, to } = wanted;
    if cursor.is_some() || from.is_some() || to.is_some() || *direction == Some(Direction::In) {
        return vec![];
    }
    let request = PoolRequest { limit: *limit, account: Some(*address), ..PoolRequest::default() };
    let found = client.pool(&request).await.map(|page| page.items).unwrap_or_default();
    found.into_iter().filter(|one| kind.is_none_or(|kind| one.kind == kind)).collect()
}

const COLUMNS: [&str; 12] =
    ["time", "block", "index", "kind", "direction", "from", "to", "name", "bcc", "fee", "message", "id"];

/// Whole addresses beside the name of the other one: a file outlives the address book.
fn csv_line(Happened { view: one, closed }: &Happened, names: &Names) -> String {
    let address = |account: Option<Address>| account.map(|address| address.to_string()).unwrap_or_default();
    let other = if one.direction == Direction::In { one.from } else { one.to };
    let text = match (&one.text, one.sealed) {
        (Some(text), _) => text.clone(),
        (None, true) => format!("[closed: {}]", closed.as_deref().unwrap_or("not opened")),
        (None, false) => String::new(),
    };
    let way = serde_json::json!(one.direction);
    let fields = [
        moment(one.time),
        one.height.to_string(),
        one.index.to_string(),
        word(one.kind).into(),
        way.as_str().unwrap_or_default().into(),
        address(one.from),
        address(one.to),
        other.and_then(|other| names.name(&other)).unwrap_or_default().into(),
        amount(one.amount),
        one.fee.map(amount).unwrap_or_default(),
        printable(&text),
        one.id.map(|id| id.to_string()).unwrap_or_default(),
    ];
    csv::line(fields.iter().map(String::as_str))
}

fn shown(found: &Listed, names: &Names) -> String {
    let Listed { pending, .. } = found;
    let more = match &found.next {
        Some(next) => format!("older ones: the same command with --cursor {next}\n"),
        None => String::new(),
    };
    if found.items.is_empty() && pending.is_empty() {
        let nothing = if more.is_empty() { "nothing final yet\n" } else { "nothing in this part\n" };
        return format!("{nothing}{more}").trim_end().into();
    }
    let rows = found.items.iter().rev().map(|one| row(one, names)).chain(pending.iter().map(|one| pooled(one, names)));
    let header = ["time", "block", "state", "what", "with", "bcc", "fee", "message"];
    format!("{more}{}", table(&header, &[1, 5, 6], rows.collect()))
}

/// A transaction that is not final, with its time.
fn pooled(one: &PoolRowView, names: &Names) -> Vec<String> {
    let state = if one.queued { "queued" } else { "pooled" };
    let with = one.to.map(|to| names.show(&to)).unwrap_or_default();
    let coins = match (one.kind, one.amount.is_zero()) {
        (HistoryKind::Stake, _) => amount(one.amount),
        (_, true) => String::new(),
        (HistoryKind::Claim, false) => format!("+{}", amount(one.amount)),
        (_, false) => format!("-{}", amount(one.amount)),
    };
    let what = word(one.kind).into();
    vec![moment(one.since), String::new(), state.into(), what, with, coins, amount(one.fee), String::new()]
}

fn row(Happened { view: one, closed }: &Happened, names: &Names) -> Vec<String> {
    let mine = one.direction != Direction::In;
    let other = match one.direction {
        Direction::In => one.from.filter(|from| Some(*from) != one.to),
        Direction::Out | Direction::Own | Direction::Unknown => one.to,
    };
    let sign = match (one.kind, one.direction) {
        (HistoryKind::Stake, _) | (_, Direction::Own | Direction::Unknown) => "",
        (_, Direction::In) => "+",
        (_, Direction::Out) => "-",
    };
    let coins = if one.amount.is_zero() && one.kind != HistoryKind::Stake {
        String::new()
    } else {
        format!("{sign}{}", amount(one.amount))
    };
    let fee = one.fee.filter(|fee| mine && !fee.is_zero()).map(amount).unwrap_or_default();
    let text = item::said(one.text.as_deref(), one.sealed, closed.as_deref());
    let with = other.map(|address| names.show(&address)).unwrap_or_default();
    vec![moment(one.time), one.height.to_string(), "final".into(), word(one.kind).into(), with, coins, fee, text]
}

fn word(kind: HistoryKind) -> &'static str {
    match kind {
        HistoryKind::Payment => "payment",
        HistoryKind::Message => "message",
        HistoryKind::Stake => "stake set",
        HistoryKind::Activate => "activate",
        HistoryKind::Claim => "welcome grant",
        HistoryKind::Fees => "fees earned",
        HistoryKind::Released => "released",
        HistoryKind::Jailed => "jailed",
        HistoryKind::Barred => "barred, burned",
        HistoryKind::Announce => "announce",
        HistoryKind::Unknown => "something new",
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use blockchat_proto::coins::Coins;
    use blockchat_proto::hash::Hash32;
    use blockchat_proto::units::UnixMillis;

    const ME: Address = Address([1; 32]);
    const BOB: Address = Address([2; 32]);

    fn view(kind: HistoryKind, direction: Direction, bcc: u64) -> HistoryView {
        let (from, to) = match direction {
            Direction::In => (Some(BOB), Some(ME)),
            Direction::Out => (Some(ME), Some(BOB)),
            Direction::Own => (Some(ME), Some(ME)),
            Direction::Unknown => (None, None),
        };
        HistoryView {
            height: Height(7),
            index: 0,
            time: UnixMillis(0),
            kind,
            direction,
            id: Some(Hash32::ZERO),
            nonce: Some(0),
            from,
            to,
            amount: Coins::from_bcc(bcc),
            fee: Some(Coins::from_bcc(1)),
            text: None,
            sealed: false,
            seal: None,
        }
    }

    #[test]
    fn what_came_is_added_what_went_is_taken_off_and_only_our_own_fee_is_shown() {
        let names = Names::of(&Home::locate(Some("/nowhere".into())).unwrap()).unwrap();
        let cells = |view: HistoryView| {
            let cells = row(&Happened { view, closed: None }, &names);
            (cells[5].clone(), cells[6].clone())
        };
        let cells = |kind, direction, bcc| cells(view(kind, direction, bcc));
        assert_eq!(cells(HistoryKind::Payment, Direction::In, 5), ("+5".into(), String::new()));
        assert_eq!(cells(HistoryKind::Payment, Direction::Out, 5), ("-5".into(), "1".into()));
        assert_eq!(cells(HistoryKind::Message, Direction::Out, 0), (String::new(), "1".into()));
        assert_eq!(
            cells(HistoryKind::Stake, Direction::Out, 0),
            ("0".into(), "1".into()),
            "a stake of nothing is said"
        );
        assert_eq!(cells(HistoryKind::Payment, Direction::Own, 5), ("5".into(), "1".into()));
    }
}
