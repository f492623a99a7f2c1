//! One message or payment as it is shown: the same JSON, line and CSV in every verb.

use super::index::Entry;
use super::mailbox::partner;
use crate::cli::csv;
use crate::cli::names::Names;
use crate::cli::output::{amount, locked, moment, printable};
use crate::shell::shown;
use blockchat_client::shapes::{Direction, HistoryView};
use blockchat_proto::keys::Address;
use serde::Serialize;

/// An entry with the other one's name, as JSON.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct Item<'a> {
    #[serde(flatten)]
    view: &'a HistoryView,
    /// The other one; oneself, for what was sent to oneself.
    with: Address,
    /// The name of the other account in this home.
    name: Option<&'a str>,
    unread: bool,
    /// Why a sealed message is closed.
    closed: Option<&'a str>,
}

impl<'a> Item<'a> {
    /// Of the account `own`.
    pub(crate) fn new(entry: &'a Entry, own: &Address, unread: bool, names: &'a Names) -> Self {
        let with = partner(own, &entry.view).unwrap_or(*own);
        Self { view: &entry.view, with, name: names.name(&with), unread, closed: entry.closed.as_deref() }
    }

    /// On one line.
    pub(crate) fn json(&self) -> String {
        serde_json::to_string(self).expect("results are plain numbers, texts and lists")
    }
}

/// The text of an entry, for a cell or a line: a sealed text with a lock, one that cannot be opened with the reason.
pub(crate) fn said(text: Option<&str>, sealed: bool, closed: Option<&str>) -> String {
    match (text, sealed) {
        (Some(text), sealed) => locked(sealed, &printable(text)),
        (None, true) => locked(true, &format!("[closed: {}]", printable(closed.unwrap_or("not opened")))),
        (None, false) => String::new(),
    }
}

/// A line with its whole date, for a list: `2026-11-26 12:03:00 UTC  bob: Hello  (+5 BCC)`.
pub(crate) fn line(entry: &Entry, own: &Address, names: &Names) -> String {
    format!("{}  {}", moment(entry.view.time), shown::words(&entry.view, entry.closed.as_deref(), own, names))
}

/// The columns of [`csv_line`].
pub(crate) const COLUMNS: [&str; 10] =
    ["time", "block", "index", "direction", "with", "name", "bcc", "sealed", "message", "id"];

/// Whole addresses beside the name: a file outlives the address book.
pub(crate) fn csv_line(entry: &Entry, own: &Address, names: &Names) -> String {
    let Entry { view, closed } = entry;
    let with = partner(own, view).unwrap_or(*own);
    let way = match view.direction {
        Direction::In => "in",
        Direction::Out => "out",
        Direction::Own => "own",
        Direction::Unknown => "unknown",
    };
    let text = match (&view.text, closed) {
        (Some(text), _) => printable(text),
        (None, Some(closed)) => format!("[closed: {}]", printable(closed)),
        (None, None) => String::new(),
    };
    let fields = [
        moment(view.time),
        view.height.to_string(),
        view.index.to_string(),
        way.into(),
        with.to_string(),
        names.name(&with).unwrap_or_default().into(),
        amount(view.amount),
        view.sealed.to_string(),
        text,
        view.id.map(|id| id.to_string()).unwrap_or_default(),
    ];
    csv::line(fields.iter().map(String::as_str))
}
