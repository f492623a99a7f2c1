//! The form of a message or payment in a conversation: one line, whatever its text.

use crate::cli::messages::item;
use crate::cli::names::Names;
use crate::cli::output::{amount, moment};
use blockchat_client::shapes::HistoryView;
use blockchat_proto::keys::Address;

/// `12:03  bob: Hello  (+5 BCC)`, as `own` sees it. `closed`: why a sealed text is not shown.
pub(crate) fn line(one: &HistoryView, closed: Option<&str>, own: &Address, names: &Names) -> String {
    let time = moment(one.time);
    let clock = time.get(11..16).unwrap_or(&time);
    format!("{clock}  {}", words(one, closed, own, names))
}

/// The same without the time.
pub(crate) fn words(one: &HistoryView, closed: Option<&str>, own: &Address, names: &Names) -> String {
    let mine = one.from.as_ref() == Some(own);
    let from = one.from.map(|from| names.show(&from)).unwrap_or_default();
    let to = one.to.filter(|to| mine && to != own).map(|to| format!(" to {}", names.show(&to))).unwrap_or_default();
    let text = item::said(one.text.as_deref(), one.sealed, closed);
    let sign = if mine { '-' } else { '+' };
    let coins = if one.amount.is_zero() { String::new() } else { format!("({sign}{} BCC)", amount(one.amount)) };
    let said = [text, coins].into_iter().filter(|part| !part.is_empty()).collect::<Vec<_>>().join("  ");
    format!("{from}{to}: {said}")
}

#[cfg(test)]
mod tests {
    use super::*;
    use blockchat_client::shapes::{Direction, HistoryKind};
    use blockchat_proto::coins::Coins;
    use blockchat_proto::hash::Hash32;
    use blockchat_proto::units::{Height, UnixMillis};

    #[test]
    fn a_line_says_who_when_what_and_how_much() {
        let (me, bob) = (Address([1; 32]), Address([2; 32]));
        let view = |from, to, text: Option<&str>, bcc| HistoryView {
            height: Height(1),
            index: 0,
            time: UnixMillis(43_380_000),
            kind: HistoryKind::Message,
            direction: Direction::In,
            id: Some(Hash32::ZERO),
            nonce: Some(0),
            from: Some(from),
            to: Some(to),
            amount: Coins::from_bcc(bcc),
            fee: None,
            text: text.map(str::to_owned),
            sealed: false,
            seal: None,
        };
        let names = Names::default();
        let who = bob.short();
        assert_eq!(
            line(&view(bob, me, Some("a\u{1b}[2J\nb"), 0), None, &me, &names),
            format!("12:03  {who}: a\u{fffd}[2J⏎b")
        );
        assert_eq!(line(&view(bob, me, None, 5), None, &me, &names), format!("12:03  {who}: (+5 BCC)"));
        let mine = format!("12:03  {} to {who}: Hi  (-5 BCC)", me.short());
        assert_eq!(line(&view(me, bob, Some("Hi"), 5), None, &me, &names), mine);
        let sealed = HistoryView { sealed: true, ..view(bob, me, Some("Hi"), 0) };
        assert_eq!(line(&sealed, None, &me, &names), format!("12:03  {who}: \u{1f512} Hi"));
        let closed = HistoryView { text: None, ..sealed };
        assert_eq!(line(&closed, Some("locked"), &me, &names), format!("12:03  {who}: \u{1f512} [closed: locked]"));
    }
}
