//! Conversations: what one account and another have sent each other, messages and money in one. Pure but for [`threads`].

use super::args::ThreadsArgs;
use super::index::Entry;
use super::item::{self, Item};
use super::mailbox::Mailbox;
use crate::cli::failure::Failure;
use crate::cli::home::Home;
use crate::cli::names::Names;
use crate::cli::output::{Format, amount, moment, table};
use crate::cli::passphrase::Keyring;
use blockchat_client::shapes::Direction;
use blockchat_proto::coins::Coins;
use blockchat_proto::keys::Address;
use blockchat_proto::units::Height;
use serde::Serialize;
use std::collections::BTreeMap;

/// One conversation.
#[derive(Clone, Debug)]
pub(crate) struct Thread<'a> {
    pub(crate) with: Address,
    /// Messages and payments that came and were not read.
    pub(crate) unread: u64,
    /// All of them, both directions.
    pub(crate) entries: u64,
    /// Coins that came.
    pub(crate) received: Coins,
    /// Coins that went, without fees.
    pub(crate) sent: Coins,
    /// The newest one.
    pub(crate) last: &'a Entry,
}

/// All conversations of a mailbox, newest first.
pub(crate) fn of(mailbox: &Mailbox) -> Vec<Thread<'_>> {
    let mut threads: BTreeMap<Address, Thread<'_>> = BTreeMap::new();
    for entry in mailbox.entries() {
        let with = mailbox.with(entry);
        let fresh = Thread { with, unread: 0, entries: 0, received: Coins::ZERO, sent: Coins::ZERO, last: entry };
        let thread = threads.entry(with).or_insert(fresh);
        thread.last = entry;
        thread.entries += 1;
        thread.unread += u64::from(mailbox.is_unread(entry));
        let sum = match entry.view.direction {
            Direction::In => &mut thread.received,
            Direction::Out | Direction::Own | Direction::Unknown => &mut thread.sent,
        };
        // There are fewer coins than fit into a sum.
        *sum = sum.checked_add(entry.view.amount).unwrap_or(*sum);
    }
    let mut threads: Vec<_> = threads.into_values().collect();
    threads.sort_by_key(|thread| std::cmp::Reverse(thread.last.position()));
    threads
}

/// As JSON.
#[derive(Serialize)]
struct Listed<'a> {
    account: Address,
    /// Of all conversations, shown or not.
    unread: u64,
    /// Messages below this height are not counted.
    since: Height,
    threads: Vec<ThreadView<'a>>,
}

#[derive(Serialize)]
struct ThreadView<'a> {
    with: Address,
    name: Option<&'a str>,
    unread: u64,
    entries: u64,
    received: Coins,
    sent: Coins,
    last: Item<'a>,
}

impl<'a> ThreadView<'a> {
    fn of(thread: &Thread<'a>, mailbox: &Mailbox, names: &'a Names) -> Self {
        let Thread { with, unread, entries, received, sent, last } = *thread;
        let item = Item::new(last, &mailbox.account(), mailbox.is_unread(last), names);
        Self { with, name: names.name(&with), unread, entries, received, sent, last: item }
    }
}

/// `message threads`.
pub(super) async fn threads(home: &Home, args: ThreadsArgs, format: Format, keys: &mut Keyring) -> Result<(), Failure> {
    let names = Names::of(home)?;
    let (mailbox, _) = Mailbox::open(home, &args.key, &args.api, keys).await?;
    let own = mailbox.account();
    let all = of(&mailbox);
    let unread = all.iter().map(|thread| thread.unread).sum();
    let wanted = all.iter().filter(|thread| !args.unread || thread.unread > 0);
    let wanted = wanted.take(usize::try_from(args.limit).unwrap_or(usize::MAX));
    let shown: Vec<_> = wanted.collect();
    let threads = shown.iter().map(|thread| ThreadView::of(thread, &mailbox, &names)).collect();
    let listed = Listed { account: own, unread, since: mailbox.since(), threads };
    format.print(&listed, |_| page(&shown, unread, args.unread, &names));
    Ok(())
}

fn page(shown: &[&Thread<'_>], unread: u64, only_unread: bool, names: &Names) -> String {
    if shown.is_empty() {
        let nothing =
            if only_unread { "nothing is unread" } else { "no conversations yet; begin one: send NAME \"Hello\"" };
        return format!("{nothing}\n");
    }
    let coins = |coins: Coins| if coins.is_zero() { String::new() } else { amount(coins) };
    let row = |thread: &&Thread<'_>| {
        let Entry { view, closed } = thread.last;
        let arrow = if view.direction == Direction::In { '←' } else { '→' };
        let said = item::said(view.text.as_deref(), view.sealed, closed.as_deref());
        let said = if said.is_empty() { format!("{} BCC", amount(view.amount)) } else { said };
        vec![
            names.show(&thread.with),
            if thread.unread == 0 { String::new() } else { thread.unread.to_string() },
            thread.entries.to_string(),
            coins(thread.received),
            coins(thread.sent),
            moment(view.time),
            format!("{arrow} {said}"),
        ]
    };
    let header = ["with", "unread", "all", "received", "sent", "last", ""];
    let table = table(&header, &[1, 2, 3, 4], shown.iter().map(row).collect());
    if unread == 0 {
        return table;
    }
    format!("{table}\n{unread} unread: blockchat-node message read [NAME]\n")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cli::messages::mailbox::tests::mailbox;

    #[test]
    fn both_directions_and_money_are_one_conversation_and_the_newest_is_first() {
        let (_folder, mailbox) = mailbox(&[(1, 2, true, 5), (2, 3, true, 0), (3, 2, false, 2), (4, 2, true, 1)]);
        let all = of(&mailbox);
        let told = |thread: &Thread<'_>| {
            (thread.with.0[0], thread.unread, thread.entries, thread.received, thread.sent, thread.last.view.height.0)
        };
        let coins = Coins::from_bcc;
        let expected = [(2, 2, 3, coins(6), coins(2), 4), (3, 1, 1, Coins::ZERO, Coins::ZERO, 2)];
        assert_eq!(all.iter().map(told).collect::<Vec<_>>(), expected);
        let shown: Vec<_> = all.iter().collect();
        let page = page(&shown, 3, false, &Names::default());
        assert!(
            page.contains("\u{2190} \u{1f512} text 4") && page.contains("3 unread: blockchat-node message read"),
            "{page}"
        );
    }

    #[test]
    fn nothing_to_show_says_what_to_do() {
        assert!(page(&[], 0, false, &Names::default()).contains("send NAME"));
        assert_eq!(page(&[], 0, true, &Names::default()), "nothing is unread\n");
    }
}
