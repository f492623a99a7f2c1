//! `message read`: what was not read yet, oldest first, with what came right before it. What was printed is marked as read.

use super::args::ReadArgs;
use super::index::Entry;
use super::item::{self, Item};
use super::mailbox::Mailbox;
use crate::cli::failure::Failure;
use crate::cli::home::Home;
use crate::cli::names::Names;
use crate::cli::output::{Format, json};
use crate::cli::passphrase::Keyring;
use blockchat_host::stream;
use blockchat_proto::keys::Address;
use blockchat_proto::units::Height;
use serde::Serialize;

/// A part of a conversation, or of all of them.
#[derive(Debug)]
pub(crate) struct Selection<'a> {
    /// The messages that were read before.
    pub(crate) context: Vec<&'a Entry>,
    /// From the first unread one on.
    pub(crate) fresh: Vec<&'a Entry>,
    /// Unread ones among these.
    pub(crate) unread: usize,
    /// Unread ones that did not fit.
    pub(crate) left: usize,
}

/// Everything from the first unread entry on, up to `limit` unread ones, and up to `context` before it. `None`: of all
/// partners.
pub(crate) fn select(mailbox: &Mailbox, with: Option<Address>, context: usize, limit: usize) -> Selection<'_> {
    let is_wanted = |entry: &&Entry| with.is_none_or(|with| mailbox.with(entry) == with);
    let all: Vec<_> = mailbox.entries().iter().filter(is_wanted).collect();
    let first = all.iter().position(|entry| mailbox.is_unread(entry)).unwrap_or(all.len());
    let unread: Vec<_> = (first..all.len()).filter(|at| mailbox.is_unread(all[*at])).collect();
    let end = unread.get(limit).copied().unwrap_or(all.len());
    Selection {
        context: all[first.saturating_sub(context)..first].to_vec(),
        fresh: all[first..end].to_vec(),
        unread: unread.len().min(limit),
        left: unread.len().saturating_sub(limit),
    }
}

/// As JSON.
#[derive(Serialize)]
struct Shown<'a> {
    account: Address,
    with: Option<Address>,
    name: Option<&'a str>,
    /// Of these items.
    unread: usize,
    /// Still unread afterwards.
    left: usize,
    /// Messages below this height are unknown.
    since: Height,
    items: Vec<Item<'a>>,
}

/// `message read`.
pub(super) async fn read(home: &Home, args: ReadArgs, format: Format, keys: &mut Keyring) -> Result<(), Failure> {
    let names = Names::of(home)?;
    let with = args.name.as_deref().map(|name| names.resolve(name)).transpose()?;
    let (mut mailbox, _) = Mailbox::open(home, &args.key, &args.api, keys).await?;
    let many = |number: u32| usize::try_from(number).unwrap_or(usize::MAX);
    let selection = select(&mailbox, with, many(args.context), many(args.limit));
    let printed = match format {
        Format::Table => page(&selection, &mailbox.account(), &names),
        Format::Json => json(&shown(&selection, &mailbox, with, &names)),
    };
    let reached = stream::go_on_saying(&printed, format == Format::Json).map_err(|error| {
        let cause = format!("the messages cannot be printed, and stay unread: {error}");
        Failure::new(cause, "make room where the output goes").coded("output_lost")
    })?;
    // If the output cannot be written, the messages stay unread.
    if args.keep_unread || !reached {
        return Ok(());
    }
    let read: Vec<_> = selection.fresh.iter().map(|entry| entry.view.clone()).collect();
    mailbox.read(&read)
}

fn shown<'a>(selection: &Selection<'a>, mailbox: &Mailbox, with: Option<Address>, names: &'a Names) -> Shown<'a> {
    let own = mailbox.account();
    let all = selection.context.iter().chain(&selection.fresh);
    Shown {
        account: own,
        with,
        name: with.and_then(|with| names.name(&with)),
        unread: selection.unread,
        left: selection.left,
        since: mailbox.since(),
        items: all.map(|entry| Item::new(entry, &own, mailbox.is_unread(entry), names)).collect(),
    }
}

fn page(selection: &Selection<'_>, own: &Address, names: &Names) -> String {
    let lines = |entries: &[&Entry]| -> Vec<_> { entries.iter().map(|entry| item::line(entry, own, names)).collect() };
    let mut all = lines(&selection.context);
    match selection.unread {
        0 => all.push("-- nothing is unread --".into()),
        unread => all.push(format!("-- {unread} unread --")),
    }
    all.extend(lines(&selection.fresh));
    if selection.left > 0 {
        all.push(format!("-- {} more unread: the same command again --", selection.left));
    }
    all.join("\n")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cli::messages::mailbox::tests::mailbox;

    fn heights(entries: &[&Entry]) -> Vec<u64> {
        entries.iter().map(|entry| entry.view.height.0).collect()
    }

    #[test]
    fn everything_unread_is_shown_in_order_with_what_came_before_and_the_rest_is_left_for_the_next_time() {
        let (_folder, mut mailbox) = mailbox(&[
            (1, 2, true, 0),
            (2, 2, true, 0),
            (3, 2, false, 0),
            (4, 3, true, 0),
            (5, 2, true, 0),
            (6, 2, true, 0),
        ]);
        let with = Some(Address([2; 32]));
        let read = mailbox.entries()[1].view.clone();
        mailbox.read([&read]).unwrap();
        let all = select(&mailbox, with, 1, 10);
        assert_eq!((heights(&all.context), heights(&all.fresh), all.unread, all.left), (vec![3], vec![5, 6], 2, 0));
        let part = select(&mailbox, with, 0, 1);
        assert_eq!((heights(&part.context), heights(&part.fresh), part.unread, part.left), (vec![], vec![5], 1, 1));
        let everybody = select(&mailbox, None, 9, 2);
        assert_eq!((heights(&everybody.context), heights(&everybody.fresh)), (vec![1, 2, 3], vec![4, 5]));
        let shown = page(&everybody, &mailbox.account(), &Names::default());
        assert!(shown.contains("-- 2 unread --") && shown.contains("-- 1 more unread"), "{shown}");
        let nobody = select(&mailbox, Some(Address([9; 32])), 5, 5);
        assert!(nobody.context.is_empty() && nobody.fresh.is_empty());
    }
}
