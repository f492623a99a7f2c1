//! `history`: what happened to an account, money and messages alike. A table has the newest last, where the eye is; JSON
//! has the order of the API, the newest first.

use super::args::HistoryArgs;
use super::failure::Failure;
use super::home::Home;
use super::names::Names;
use super::node;
use super::output::{Format, amount, moment, printable, table};
use blockchat_client::shapes::{Direction, HistoryKind, HistoryRequest, HistoryView, Page};
use blockchat_proto::units::Height;

/// Asks the node.
pub(crate) async fn history(home: &Home, args: HistoryArgs, format: Format) -> Result<(), Failure> {
    let names = Names::of(home)?;
    let address = names.account(args.account.as_deref())?;
    let client = node::client(home, &args.api)?;
    let wanted = HistoryRequest {
        limit: Some(args.limit),
        cursor: args.cursor,
        direction: args.direction.map(Into::into),
        kind: args.kind.map(Into::into),
        from: args.from.map(Height),
        to: args.to.map(Height),
    };
    let found = client.history(&address, &wanted).await?;
    format.print(&found, |found| shown(found, &names));
    Ok(())
}

fn shown(found: &Page<HistoryView>, names: &Names) -> String {
    let more = match &found.next {
        Some(next) => format!("older ones: the same command with --cursor {next}\n"),
        None => String::new(),
    };
    if found.items.is_empty() {
        let nothing = if more.is_empty() { "nothing final yet\n" } else { "nothing in this part\n" };
        return format!("{nothing}{more}").trim_end().into();
    }
    let rows = found.items.iter().rev().map(|one| row(one, names)).collect();
    format!("{more}{}", table(&["time", "block", "what", "with", "bcc", "fee", "message"], &[1, 4, 5], rows))
}

fn row(one: &HistoryView, names: &Names) -> Vec<String> {
    let mine = one.direction != Direction::In;
    let other = match one.direction {
        Direction::In => one.from,
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
    let text = match (&one.text, one.sealed) {
        (Some(text), _) => printable(text),
        (None, true) => "[sealed]".into(),
        (None, false) => String::new(),
    };
    let with = other.map(|address| names.show(&address)).unwrap_or_default();
    vec![moment(one.time), one.height.to_string(), word(one.kind).into(), with, coins, fee, text]
}

fn word(kind: HistoryKind) -> &'static str {
    match kind {
        HistoryKind::Payment => "payment",
        HistoryKind::Message => "message",
        HistoryKind::Stake => "stake set",
        HistoryKind::Activate => "activate",
        HistoryKind::Claim => "claim",
        HistoryKind::Fees => "fees earned",
        HistoryKind::Released => "released",
        HistoryKind::Jailed => "jailed",
        HistoryKind::Announce => "announce",
        HistoryKind::Unknown => "something new",
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use blockchat_proto::coins::Coins;
    use blockchat_proto::hash::Hash32;
    use blockchat_proto::keys::Address;
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
        }
    }

    #[test]
    fn what_came_is_added_what_went_is_taken_off_and_only_our_own_fee_is_shown() {
        let names = Names::of(&Home::locate(Some("/nowhere".into())).unwrap()).unwrap();
        let cells = |view: HistoryView| {
            let cells = row(&view, &names);
            (cells[4].clone(), cells[5].clone())
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
