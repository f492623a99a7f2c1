//! Entries of accounts, as they become final: from the event stream of a node and its history.
//!
//! Always true: nothing is told twice and nothing is left out, over a connection that breaks and over a node that is started
//! again: heights are followed, not events.

use blockchat_client::shapes::{Cursor, Direction, HistoryKind, HistoryRequest, HistoryView};
use blockchat_client::{BlockEvents, Client, ClientError};
use blockchat_proto::keys::Address;
use blockchat_proto::units::Height;
use std::collections::VecDeque;
use std::time::Duration;
use tokio::time::sleep;

/// A node that went away is asked again after this.
const AGAIN_AFTER: Duration = Duration::from_secs(1);
/// Entries in one answer.
const PART: u16 = 500;
/// Most entries of one account that are read at once, but for those of a single block; of more, the oldest come first.
const READ_MAX: usize = 2_000;

/// One thing that came.
#[derive(Clone, Debug)]
pub(crate) struct Arrival {
    /// To this account.
    pub(crate) account: Address,
    /// The entry.
    pub(crate) what: HistoryView,
}

/// Payments and messages to these accounts, from a height on.
pub(crate) struct Arrivals {
    client: Client,
    accounts: Vec<Address>,
    /// Everything up to here was told.
    told: Height,
    /// Everything up to here is final.
    tip: Height,
    waiting: VecDeque<Arrival>,
    events: Option<BlockEvents>,
}

impl Arrivals {
    /// Entries above this height.
    pub(crate) fn after(client: Client, accounts: Vec<Address>, told: Height) -> Self {
        Self { client, accounts, told, tip: told, waiting: VecDeque::new(), events: None }
    }

    /// Is there one that need not be waited for?
    pub(crate) fn has_more(&self) -> bool {
        !self.waiting.is_empty()
    }

    /// The next one; waits for it however long it takes. Cancel safe.
    pub(crate) async fn next(&mut self) -> Arrival {
        loop {
            if let Some(arrival) = self.waiting.pop_front() {
                return arrival;
            }
            if self.look().await.is_err() {
                self.events = None;
                sleep(AGAIN_AFTER).await;
            }
        }
    }

    /// Waits for a block if there is none to read, then reads its entries. Safe to cancel: the work is then repeated.
    async fn look(&mut self) -> Result<(), ClientError> {
        if self.tip <= self.told {
            return self.wait_for_block().await;
        }
        let (upto, mut come) = self.read_some().await?;
        come.sort_by_key(|one| (one.what.height, one.what.index));
        self.told = upto;
        self.waiting.extend(come);
        Ok(())
    }

    /// Entries of the next blocks: of all of them, or of fewer if they are many. Also returns the last block covered.
    async fn read_some(&self) -> Result<(Height, Vec<Arrival>), ClientError> {
        let mut upto = self.tip;
        'fewer: loop {
            let mut come = vec![];
            for account in &self.accounts {
                match self.read(account, upto).await? {
                    Some(found) => come.extend(found),
                    None => {
                        upto = Height(self.told.0 + (upto.0 - self.told.0) / 2);
                        continue 'fewer;
                    }
                }
            }
            return Ok((upto, come));
        }
    }

    async fn wait_for_block(&mut self) -> Result<(), ClientError> {
        let events = match &mut self.events {
            Some(events) => events,
            none => none.insert(self.client.events(None).await?),
        };
        match events.next().await? {
            Some(event) => self.tip = event.height,
            None => {
                self.events = None;
                sleep(AGAIN_AFTER).await;
            }
        }
        Ok(())
    }

    /// Entries of an account after the last one told, up to a block; `None` if they are too many, and in more than one
    /// block.
    async fn read(&self, account: &Address, upto: Height) -> Result<Option<Vec<Arrival>>, ClientError> {
        let mut found = vec![];
        let mut cursor: Option<Cursor> = None;
        loop {
            let wanted = HistoryRequest {
                limit: Some(PART),
                cursor,
                direction: Some(Direction::In),
                from: Some(self.told.next()),
                to: Some(upto),
                ..HistoryRequest::default()
            };
            let page = self.client.history(account, &wanted).await?;
            let worth = |one: &HistoryView| matches!(one.kind, HistoryKind::Payment | HistoryKind::Message);
            let items = page.items.into_iter().filter(worth).map(|what| Arrival { account: *account, what });
            found.extend(items);
            cursor = page.next;
            if cursor.is_none() {
                return Ok(Some(found));
            }
            if found.len() >= READ_MAX && upto > self.told.next() {
                return Ok(None);
            }
        }
    }
}
