//! The one engine behind `chat`, `message` and the prompt: everything an account has received and sent, opened, and how far
//! it was read.
//!
//! Always true: what a mailbox holds is final, in the order of the chain, without gaps from [`Mailbox::since`] up to the
//! height to which it was filled; what is not read stays unread until [`Mailbox::read`] has said so on disk.
//! Start reading at [`Mailbox::open`].

use super::index::{ENTRIES_MAX, Entry, Index};
use super::marks::{self, Marks, Position};
use super::seals::Seals;
use crate::cli::args::{ApiArg, KeyArg};
use crate::cli::failure::Failure;
use crate::cli::home::Home;
use crate::cli::node;
use crate::cli::output::note;
use crate::cli::passphrase::{Keyring, OwnKey};
use blockchat_client::shapes::{Direction, HistoryKind, HistoryRequest, HistoryView};
use blockchat_client::{Client, ClientError};
use blockchat_proto::hash::Hash32;
use blockchat_proto::keys::Address;
use blockchat_proto::units::Height;
use std::collections::BTreeMap;

/// Entries in one answer.
const PART: u16 = 500;

/// See the module.
#[derive(Debug)]
pub(crate) struct Mailbox {
    home: Home,
    chain: Hash32,
    account: Address,
    seals: Seals,
    index: Index,
    marks: Marks,
}

impl Mailbox {
    /// The mailbox of the account whose key signs, filled up to the node's last block. Without a node, its last state.
    ///
    /// Errors: there is no key, or it does not open; the node is on another chain; files cannot be used.
    pub(crate) async fn open(
        home: &Home,
        key: &KeyArg,
        api: &ApiArg,
        keys: &mut Keyring,
    ) -> Result<(Self, Option<Client>), Failure> {
        let asked = node::chain(home, api).await;
        let (chain, node) = match (asked, home.genesis()?) {
            (Ok((client, genesis, status)), _) => (genesis.hash(), Ok((client, status.height))),
            (Err(failure), Some(genesis)) if failure.is("no_node") => (genesis.hash(), Err(failure)),
            (Err(failure), _) => return Err(failure),
        };
        let key = keys.signer(home, key)?;
        let mut mailbox = Self::of(home, chain, &key)?;
        match node {
            Ok((client, tip)) => {
                mailbox.fill(&client, tip, keys).await?;
                Ok((mailbox, Some(client)))
            }
            Err(failure) if mailbox.entries().is_empty() => Err(failure),
            Err(_) => {
                note(&format!("no node answers: this is what was known at block {}", mailbox.last_height()));
                Ok((mailbox, None))
            }
        }
    }

    /// As it is on disk.
    pub(crate) fn of(home: &Home, chain: Hash32, key: &OwnKey) -> Result<Self, Failure> {
        let account = key.signer.address();
        let index = Index::open(home, chain, &key.signer)?;
        let marks = Marks::load(home, chain, &account)?;
        let seals = Seals::of_key(home, chain, key);
        Ok(Self { home: home.clone(), chain, account, seals, index, marks })
    }

    /// Takes in what became final up to `tip`.
    ///
    /// Errors: the node's; the index cannot be written.
    pub(crate) async fn fill(&mut self, client: &Client, tip: Height, keys: &mut Keyring) -> Result<(), Failure> {
        let from = self.index.next_height();
        if tip < from {
            return Ok(());
        }
        let (since, views) = fetch(client, &self.account, from, tip).await?;
        let entries = views.into_iter().map(|view| self.seals.entry(keys, view)).collect();
        self.index.append(since, entries)
    }

    /// The owner.
    pub(crate) fn account(&self) -> Address {
        self.account
    }

    /// Everything, in the order of the chain.
    pub(crate) fn entries(&self) -> &[Entry] {
        self.index.entries()
    }

    /// Messages below this height are missing.
    pub(crate) fn since(&self) -> Height {
        self.index.since()
    }

    /// The height of the newest entry.
    pub(crate) fn last_height(&self) -> Height {
        self.entries().last().map_or(self.since(), |last| last.view.height)
    }

    /// The other one of an entry; oneself, for what was sent to oneself.
    pub(crate) fn with(&self, entry: &Entry) -> Address {
        partner(&self.account, &entry.view).unwrap_or(self.account)
    }

    /// Was it received from another account, and is it unread?
    pub(crate) fn is_unread(&self, entry: &Entry) -> bool {
        entry.view.direction == Direction::In && !self.marks.has_read(&self.with(entry), entry.position())
    }

    /// Notes on disk that these were read, and everything before them in their conversations.
    ///
    /// Errors: the disk's; then they stay unread.
    pub(crate) fn read<'a>(&mut self, entries: impl IntoIterator<Item = &'a HistoryView>) -> Result<(), Failure> {
        let read = furthest(&self.account, entries);
        marks::mark(&self.home, self.chain, &self.account, &read)?;
        self.marks.merge(&read);
        Ok(())
    }
}

/// The other one of an entry in the history of `own`.
pub(crate) fn partner(own: &Address, view: &HistoryView) -> Option<Address> {
    match view.direction {
        Direction::In => view.from,
        Direction::Out | Direction::Own => view.to,
        Direction::Unknown => view.from.filter(|from| from != own).or(view.to),
    }
}

/// Of each conversation the last place among these.
fn furthest<'a>(own: &Address, views: impl IntoIterator<Item = &'a HistoryView>) -> BTreeMap<Address, Position> {
    let mut read = BTreeMap::new();
    for view in views {
        let Some(with) = partner(own, view) else { continue };
        let place = (view.height, view.index);
        let mark = read.entry(with).or_insert(place);
        *mark = place.max(*mark);
    }
    read
}

/// Messages and payments of these heights, in order, and the height from which on they are all there: at most about
/// [`ENTRIES_MAX`], the newest.
async fn fetch(
    client: &Client,
    account: &Address,
    from: Height,
    to: Height,
) -> Result<(Height, Vec<HistoryView>), ClientError> {
    let (mut all, mut since) = (vec![], from);
    // Each kind by itself: a validator's history is full of fees.
    for kind in [HistoryKind::Message, HistoryKind::Payment] {
        let (begins, views) = fetch_kind(client, account, kind, from, to).await?;
        since = since.max(begins);
        all.extend(views);
    }
    all.retain(|view: &HistoryView| view.height >= since);
    all.sort_by_key(|view| (view.height, view.index));
    all.dedup_by_key(|view| (view.height, view.index));
    Ok((since, all))
}

async fn fetch_kind(
    client: &Client,
    account: &Address,
    kind: HistoryKind,
    from: Height,
    to: Height,
) -> Result<(Height, Vec<HistoryView>), ClientError> {
    let mut wanted = HistoryRequest {
        limit: Some(PART),
        kind: Some(kind),
        from: Some(from),
        to: Some(to),
        ..HistoryRequest::default()
    };
    let mut found = vec![];
    loop {
        let page = client.history(account, &wanted).await?;
        found.extend(page.items.into_iter().filter(|view| (from..=to).contains(&view.height)));
        if page.next.is_none() || page.next == wanted.cursor {
            return Ok((from, found));
        }
        if found.len() >= ENTRIES_MAX {
            // The oldest height may not be whole.
            let begins = found.last().map_or(from, |oldest: &HistoryView| oldest.height.next());
            return Ok((begins, found));
        }
        wanted.cursor = page.next;
    }
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;
    use crate::cli::messages::index::tests::entry;
    use blockchat_proto::coins::Coins;
    use blockchat_proto::keys::Signer;

    const CHAIN: Hash32 = Hash32([7; 32]);

    /// A mailbox of person 1 with what these wrote or got: height, the other one, did it come in, coins.
    pub(in crate::cli::messages) fn mailbox(entries: &[(u64, u8, bool, u64)]) -> (tempfile::TempDir, Mailbox) {
        let folder = tempfile::tempdir().unwrap();
        let home = Home::locate(Some(folder.path().to_owned())).unwrap();
        let key = OwnKey { signer: Signer::from_seed(&[1; 32]), path: "1.pem".into() };
        let mut mailbox = Mailbox::of(&home, CHAIN, &key).unwrap();
        let own = key.signer.address();
        let one = |(height, other, comes, bcc): &(u64, u8, bool, u64)| {
            let mut entry = entry(*height, 0, &format!("text {height}"));
            let other = Address([*other; 32]);
            let (from, to) = if *comes { (other, own) } else { (own, other) };
            (entry.view.from, entry.view.to) = (Some(from), Some(to));
            entry.view.direction = if *comes { Direction::In } else { Direction::Out };
            entry.view.amount = Coins::from_bcc(*bcc);
            entry
        };
        mailbox.index.append(Height(0), entries.iter().map(one).collect()).unwrap();
        (folder, mailbox)
    }

    #[test]
    fn what_came_from_others_is_unread_until_it_was_read_on_disk() {
        let (_folder, mut mailbox) = mailbox(&[(1, 2, true, 0), (2, 2, false, 0), (3, 3, true, 0), (4, 2, true, 0)]);
        let unread = |mailbox: &Mailbox| {
            let unread = mailbox.entries().iter().filter(|entry| mailbox.is_unread(entry));
            unread.map(|entry| entry.view.height.0).collect::<Vec<_>>()
        };
        assert_eq!(unread(&mailbox), [1, 3, 4], "what one wrote oneself is not");
        let second = mailbox.entries()[1].view.clone();
        mailbox.read([&second]).unwrap();
        assert_eq!(unread(&mailbox), [3, 4], "who answers up to a place has read up to it, in that conversation");
        let all: Vec<_> = mailbox.entries().iter().map(|entry| entry.view.clone()).collect();
        mailbox.read(&all).unwrap();
        assert_eq!(unread(&mailbox), Vec::<u64>::new());
        let key = OwnKey { signer: Signer::from_seed(&[1; 32]), path: "1.pem".into() };
        assert_eq!(unread(&Mailbox::of(&mailbox.home, CHAIN, &key).unwrap()), Vec::<u64>::new(), "also tomorrow");
    }

    #[test]
    fn of_each_conversation_the_furthest_place_is_noted() {
        let (_folder, mailbox) = mailbox(&[(1, 2, true, 0), (2, 3, true, 0), (3, 2, false, 0)]);
        let all: Vec<_> = mailbox.entries().iter().rev().map(|entry| &entry.view).collect();
        let read = furthest(&mailbox.account(), all);
        let expected = [(Address([2; 32]), (Height(3), 0)), (Address([3; 32]), (Height(2), 0))];
        assert_eq!(read, BTreeMap::from(expected));
    }
}
