//! `message search` and `message export`: what is in a mailbox, found or all of it.

use super::args::{ExportArgs, ExportFormat, SearchArgs};
use super::index::Entry;
use super::item::{self, Item};
use super::mailbox::Mailbox;
use crate::cli::csv;
use crate::cli::failure::Failure;
use crate::cli::home::Home;
use crate::cli::names::Names;
use crate::cli::output::{Format, note, say};
use crate::cli::passphrase::Keyring;
use blockchat_host::stream;
use blockchat_proto::keys::Address;
use blockchat_proto::units::Height;
use serde::Serialize;

/// As JSON.
#[derive(Serialize)]
struct Found<'a> {
    account: Address,
    text: &'a str,
    /// Number of matches, shown or not.
    found: usize,
    /// Messages below this height were not searched.
    since: Height,
    items: Vec<Item<'a>>,
}

/// `message search`.
pub(super) async fn search(home: &Home, args: SearchArgs, format: Format, keys: &mut Keyring) -> Result<(), Failure> {
    let text = args.text.join(" ");
    if text.trim().is_empty() {
        return Err(Failure::usage("there is no text to look for", "write it: blockchat-node message search noon"));
    }
    let names = Names::of(home)?;
    let with = args.with.as_deref().map(|name| names.resolve(name)).transpose()?;
    let (mailbox, _) = Mailbox::open(home, &args.key, &args.api, keys).await?;
    let own = mailbox.account();
    let all = matches(mailbox.entries(), &text, |entry| with.is_none_or(|with| mailbox.with(entry) == with));
    let shown = &all[all.len().saturating_sub(usize::try_from(args.limit).unwrap_or(usize::MAX))..];
    let items = shown.iter().map(|entry| Item::new(entry, &own, mailbox.is_unread(entry), &names)).collect();
    let found = Found { account: own, text: &text, found: all.len(), since: mailbox.since(), items };
    format.print(&found, |_| page(shown, all.len(), &own, &names));
    Ok(())
}

/// Those whose text has this in it, whatever the case of its letters.
fn matches<'a>(entries: &'a [Entry], text: &str, is_wanted: impl Fn(&Entry) -> bool) -> Vec<&'a Entry> {
    let wanted = text.to_lowercase();
    let has = |text: &String| text.to_lowercase().contains(&wanted);
    entries.iter().filter(|entry| entry.view.text.as_ref().is_some_and(has) && is_wanted(entry)).collect()
}

fn page(shown: &[&Entry], all: usize, own: &Address, names: &Names) -> String {
    if shown.is_empty() {
        return "no message has this text".into();
    }
    let mut lines: Vec<_> = shown.iter().map(|entry| item::line(entry, own, names)).collect();
    if shown.len() < all {
        lines.insert(0, format!("the newest {} of {all}; --limit shows more", shown.len()));
    }
    lines.join("\n")
}

/// `message export`.
pub(super) async fn export(home: &Home, args: ExportArgs, format: Format, keys: &mut Keyring) -> Result<(), Failure> {
    let names = Names::of(home)?;
    let with = args.with.as_deref().map(|name| names.resolve(name)).transpose()?;
    let (mailbox, _) = Mailbox::open(home, &args.key, &args.api, keys).await?;
    let own = mailbox.account();
    let usual = if format == Format::Json { ExportFormat::Json } else { ExportFormat::Text };
    let form = args.format.unwrap_or(usual);
    if form == ExportFormat::Csv {
        say(&csv::line(item::COLUMNS));
    }
    if mailbox.since() > Height(1) {
        note(&format!("what is older than block {} is not known here; `history --all --csv` has it", mailbox.since()));
    }
    for entry in mailbox.entries().iter().filter(|entry| with.is_none_or(|with| mailbox.with(entry) == with)) {
        match form {
            ExportFormat::Text => say(&item::line(entry, &own, &names)),
            ExportFormat::Csv => say(&item::csv_line(entry, &own, &names)),
            ExportFormat::Json => {
                stream::say_json(&Item::new(entry, &own, mailbox.is_unread(entry), &names).json());
            }
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cli::messages::index::tests::entry;

    #[test]
    fn a_text_is_found_whatever_its_case_and_only_as_it_stands() {
        let all = [entry(1, 0, "At NOON, Größe"), entry(2, 0, "noon at"), entry(3, 0, "midnight")];
        let found = |text: &str| {
            let found = matches(&all, text, |_| true);
            found.iter().map(|entry| entry.view.height.0).collect::<Vec<_>>()
        };
        assert_eq!(found("noon"), [1, 2]);
        assert_eq!(found("at noon"), [1]);
        assert_eq!(found("GRÖSSE"), Vec::<u64>::new(), "ß is no ss");
        assert_eq!(found("GRÖß"), [1]);
        assert!(matches(&all, "noon", |entry| entry.view.height == Height(2)).len() == 1);
    }

    #[test]
    fn what_is_closed_is_not_found() {
        let mut closed = entry(1, 0, "x");
        (closed.view.text, closed.closed) = (None, Some("locked".into()));
        assert!(matches(&[closed], "locked", |_| true).is_empty());
    }
}
