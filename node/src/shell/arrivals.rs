//! What comes to accounts, as it becomes final: from the event stream of a node and its history.
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
/// Most entries of one account that are told at once; of more, the newest.
const TOLD_MAX: usize = 2_000;

/// One thing that came.
#[derive(Clone, Debug)]
pub(crate) struct Arrival {
    /// To this account.
    pub(crate) account: Address,
    /// What it is.
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
    /// What becomes final after this height.
    pub(crate) fn after(client: Client, accounts: Vec<Address>, told: Height) -> Self {
        Self { client, accounts, told, tip: told, waiting: VecDeque::new(), events: None }
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

    /// Waits for a block if there is none to read, then reads what it brought. Whatever is cut off here is done again.
    async fn look(&mut self) -> Result<(), ClientError> {
        if self.tip <= self.told {
            return self.wait_for_block().await;
        }
        let mut come = vec![];
        for account in &self.accounts {
            come.extend(self.read(account).await?);
        }
        come.sort_by_key(|one| (one.what.height, one.what.index));
        self.told = self.tip;
        self.waiting.extend(come);
        Ok(())
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

    /// What came to an account in the blocks that were not told yet.
    async fn read(&self, account: &Address) -> Result<Vec<Arrival>, ClientError> {
        let mut found = vec![];
        let mut cursor: Option<Cursor> = None;
        loop {
            let wanted = HistoryRequest {
                limit: Some(PART),
                cursor,
                direction: Some(Direction::In),
                from: Some(self.told.next()),
                to: Some(self.tip),
                ..HistoryRequest::default()
            };
            let page = self.client.history(account, &wanted).await?;
            let worth = |one: &HistoryView| matches!(one.kind, HistoryKind::Payment | HistoryKind::Message);
            let items = page.items.into_iter().filter(worth).map(|what| Arrival { account: *account, what });
            found.extend(items);
            cursor = page.next;
            if cursor.is_none() || found.len() >= TOLD_MAX {
                return Ok(found);
            }
        }
    }
}
