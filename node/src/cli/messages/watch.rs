//! `message watch` and `inbox --follow`: arrivals, as they become final, until the person ends it or the output is
//! closed.

use super::args::WatchArgs;
use super::index::Entry;
use super::item::Item;
use super::mailbox::Mailbox;
use super::seals::Seals;
use crate::cli::failure::Failure;
use crate::cli::home::Home;
use crate::cli::names::Names;
use crate::cli::node;
use crate::cli::output::Format;
use crate::cli::passphrase::Keyring;
use crate::shell::arrivals::{Arrival, Arrivals};
use crate::shell::shown;
use blockchat_host::stream;
use blockchat_proto::keys::Address;

/// `message watch`.
pub(super) async fn watch(home: &Home, args: WatchArgs, format: Format, keys: &mut Keyring) -> Result<(), Failure> {
    let with = args.with.as_deref().map(|name| Names::of(home)?.resolve(name)).transpose()?;
    let (client, genesis, status) = node::chain(home, &args.api).await?;
    let key = keys.signer(home, &args.key)?;
    let own = key.signer.address();
    let (seals, from) = (Seals::of_key(home, genesis.hash(), &key), with);
    let watcher = Watcher { home, seals, from, format };
    if args.unread {
        let mut mailbox = Mailbox::of(home, genesis.hash(), &key)?;
        mailbox.fill(&client, status.height, keys).await?;
        for entry in mailbox.entries().iter().filter(|entry| mailbox.is_unread(entry)) {
            if !watcher.tell(entry, &own)? {
                return Ok(());
            }
        }
    }
    watcher.follow(Arrivals::after(client, vec![own], status.height), keys).await
}

/// Prints what comes.
pub(super) struct Watcher<'a> {
    pub(super) home: &'a Home,
    pub(super) seals: Seals,
    /// Only what comes from this one.
    pub(super) from: Option<Address>,
    pub(super) format: Format,
}

impl Watcher<'_> {
    /// Until it is ended.
    pub(super) async fn follow(&self, mut arrivals: Arrivals, keys: &mut Keyring) -> Result<(), Failure> {
        loop {
            let Arrival { account, what } = arrivals.next().await;
            if !self.tell(&self.seals.entry(keys, what), &account)? {
                return Ok(());
            }
        }
    }

    /// False if the output is closed.
    fn tell(&self, entry: &Entry, own: &Address) -> Result<bool, Failure> {
        if self.from.is_some() && self.from != entry.view.from {
            return Ok(true);
        }
        // Contacts may have been added meanwhile.
        let names = Names::of(self.home).unwrap_or_default();
        let said = match self.format {
            Format::Table => shown::line(&entry.view, entry.closed.as_deref(), own, &names),
            Format::Json => Item::new(entry, own, true, &names).json(),
        };
        stream::go_on_saying(&said, self.format == Format::Json).map_err(|error| {
            Failure::new(format!("the output cannot be written: {error}"), "make room where it goes")
                .coded("output_lost")
        })
    }
}
