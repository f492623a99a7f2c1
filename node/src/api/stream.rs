//! One reader of an event stream. SPEC API-11.
//!
//! Always true:
//! - what comes of the chain comes from the store, in order and once, so that nothing is lost between two blocks, two
//!   connections or two runs of the node; what comes beside it comes from rings, and a reader that stayed away for longer
//!   than they reach back is told so, except of replaced transactions: it can ask where each one is;
//! - events are made when the reader's connection takes more: one that does not read costs at most the events of one block
//!   ([`BLOCKS_AT_ONCE`] if it is about no account), and is cut off by its connection's silence.
//!
//! Start reading at [`Reader::next`].

use super::final_blocks::FinalBlocks;
use super::problem::ApiError;
use super::state::{ApiState, OpenStream};
use super::stream_events::{InBlock, account_event, account_filter, barred_event, block_event};
use super::stream_place::Place;
use crate::feed::{Feed, Happening};
use crate::logging;
use crate::store::history::{BlockRow, StoreError};
use axum::response::sse::Event;
use blockchat_client::shapes::{BlockEvent, EventTopic, LogLineView, ReplacedEvent, ResetEvent, event_name};
use blockchat_engine::chain_view::ChainView;
use blockchat_proto::ledger::Tip;
use blockchat_proto::units::{Height, Round};
use serde::Serialize;
use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;
use tokio::sync::watch;

/// Blocks that are told in one go.
const BLOCKS_AT_ONCE: u64 = 64;
/// Happenings and log lines that are told in one go.
const HAPPENINGS_AT_ONCE: usize = 64;
/// Rows of an account that are read in one go.
const ROWS_AT_ONCE: usize = 500;
/// A reader further behind than this begins anew: streams are not made for long lists.
const BLOCKS_BEHIND_MAX: u64 = 10_000;

/// See the module's header.
pub(super) struct Reader {
    topics: Vec<EventTopic>,
    blocks: FinalBlocks,
    views: watch::Receiver<Arc<ChainView>>,
    feed: Feed,
    feed_moves: watch::Receiver<u64>,
    replaced_moves: watch::Receiver<u64>,
    log_moves: watch::Receiver<u64>,
    place: Place,
    ready: VecDeque<Event>,
    _hold: OpenStream,
}

impl Reader {
    /// Begins at the tip, or behind the event with this id.
    pub(super) fn new(state: &ApiState, topics: Vec<EventTopic>, last_id: Option<&str>, hold: OpenStream) -> Self {
        let views = state.engine.watch();
        let tip = views.borrow().tip;
        let feed = state.info.feed.clone();
        let (feed_moves, replaced_moves) = (feed.ring().watch(), feed.replaced().watch());
        let log_moves = logging::recent().watch();
        let now = Place {
            run: state.info.started.0,
            height: tip.height,
            in_next: 0,
            feed: feed.ring().last(),
            log: logging::recent().last(),
            replaced: feed.replaced().last(),
        };
        let mut reader = Self {
            topics,
            blocks: state.blocks.clone(),
            views,
            feed,
            feed_moves,
            replaced_moves,
            log_moves,
            place: now,
            ready: VecDeque::new(),
            _hold: hold,
        };
        match last_id {
            None => reader.begin(&tip),
            Some(id) => reader.resume(id, now, &tip),
        }
        reader
    }

    /// The next event; `None` once the node stops.
    pub(super) async fn next(&mut self) -> Option<Result<Event, ApiError>> {
        loop {
            if let Some(event) = self.ready.pop_front() {
                return Some(Ok(event));
            }
            if let Err(error) = self.fill().await {
                return Some(Err(error.into()));
            }
            if self.ready.is_empty() && !self.moved().await {
                return None;
            }
        }
    }

    /// A new reader hears of the tip at once.
    fn begin(&mut self, tip: &Tip) {
        if tip.height > Height(0) {
            self.place.height = Height(tip.height.0 - 1);
        } else if self.is_about(&EventTopic::Block) {
            let (height, hash, time) = (tip.height, tip.hash, tip.time);
            let genesis = BlockEvent { height, hash, time, leader: None, round: Round(0), transactions: 0, bytes: 0 };
            self.tell(event_name::BLOCK, &genesis);
        }
    }

    /// Goes on behind the event with this id, as far as that can be.
    fn resume(&mut self, id: &str, now: Place, tip: &Tip) {
        let Ok(last) = id.parse::<Place>() else {
            return self.reset("Last-Event-ID is none that this node gave", now, tip);
        };
        let behind = tip.height.0.saturating_sub(last.height.0);
        if last.height > tip.height || behind > BLOCKS_BEHIND_MAX {
            let reason = format!("the last event was of block {}, and the tip is block {}", last.height, tip.height);
            return self.reset(&reason, now, tip);
        }
        self.place = Place { height: last.height, in_next: last.in_next, ..now };
        let live = [EventTopic::Consensus, EventTopic::Peers, EventTopic::Log];
        if last.run == now.run {
            self.place = Place { feed: last.feed, log: last.log, replaced: last.replaced, ..self.place };
        } else if live.iter().any(|topic| self.is_about(topic)) {
            self.say_reset("the node was started anew: what happened beside the chain meanwhile is lost");
        }
    }

    fn reset(&mut self, reason: &str, now: Place, tip: &Tip) {
        self.place = now;
        self.say_reset(reason);
        self.begin(tip);
    }

    fn say_reset(&mut self, reason: &str) {
        self.tell(event_name::RESET, &ResetEvent { reason: reason.into() });
    }

    /// Waits until there is something new; `false` once the node stops.
    async fn moved(&mut self) -> bool {
        let (chain, beside, log) = (self.is_about_chain(), self.is_about_feed(), self.is_about(&EventTopic::Log));
        let (height, senders) = (self.place.height, self.is_about_senders());
        tokio::select! {
            moved = self.views.wait_for(|view| chain && view.tip.height > height) => moved.is_ok(),
            moved = self.feed_moves.changed(), if beside => moved.is_ok(),
            moved = self.replaced_moves.changed(), if senders => moved.is_ok(),
            moved = self.log_moves.changed(), if log => moved.is_ok(),
        }
    }

    /// Makes the next events, if there is anything to tell.
    async fn fill(&mut self) -> Result<(), StoreError> {
        self.feed_moves.mark_unchanged();
        self.replaced_moves.mark_unchanged();
        self.log_moves.mark_unchanged();
        if self.is_about_feed() {
            self.fill_from_feed();
        }
        if self.is_about_senders() {
            self.fill_from_replaced();
        }
        if self.is_about(&EventTopic::Log) {
            self.fill_from_log();
        }
        let tip = self.views.borrow_and_update().tip.height;
        if self.place.height >= tip {
            return Ok(());
        }
        let last = Height(tip.0.min(self.place.height.0 + BLOCKS_AT_ONCE));
        if !self.is_about_chain() {
            self.place.height = tip;
            return Ok(());
        }
        self.fill_from_chain(self.place.height.next(), last).await
    }

    /// On and on past what the stream is not about, until there is something to tell.
    fn fill_from_feed(&mut self) {
        while self.ready.is_empty() {
            match self.feed.ring().after(self.place.feed, HAPPENINGS_AT_ONCE) {
                Ok(happenings) if happenings.is_empty() => return,
                Ok(happenings) => happenings.into_iter().for_each(|(number, one)| self.tell_happening(number, one)),
                Err(missed) => {
                    self.place.feed = missed.last;
                    self.say_reset("more happened than is kept for a reader that is so slow");
                }
            }
        }
    }

    fn tell_happening(&mut self, number: u64, happening: Happening) {
        self.place.feed = number;
        match happening {
            Happening::Consensus(event) if self.is_about(&EventTopic::Consensus) => {
                self.tell(event_name::CONSENSUS, &*event);
            }
            Happening::Peers(event) if self.is_about(&EventTopic::Peers) => self.tell(event_name::PEERS, &*event),
            Happening::Consensus(_) | Happening::Peers(_) => {}
        }
    }

    /// What is no longer kept is passed over without a `reset`: the chain's part of the stream has no gap.
    fn fill_from_replaced(&mut self) {
        while self.ready.is_empty() {
            match self.feed.replaced().after(self.place.replaced, HAPPENINGS_AT_ONCE) {
                Ok(events) if events.is_empty() => return,
                Ok(events) => events.into_iter().for_each(|(number, event)| self.tell_replaced(number, &event)),
                Err(missed) => self.place.replaced = missed.last,
            }
        }
    }

    fn tell_replaced(&mut self, number: u64, event: &ReplacedEvent) {
        self.place.replaced = number;
        if self.is_about(&EventTopic::Transactions(event.sender)) {
            self.tell(event_name::REPLACED, event);
        }
    }

    fn fill_from_log(&mut self) {
        let told = logging::recent().after(self.place.log, HAPPENINGS_AT_ONCE);
        let lines: Vec<(u64, LogLineView)> = told.unwrap_or_else(|missed| {
            self.place.log = missed.last;
            self.say_reset("more was logged than is kept for a reader that is so slow");
            vec![]
        });
        for (number, line) in lines {
            self.place.log = number;
            self.tell(event_name::LOG, &line);
        }
    }

    /// Tells of these blocks and of what they hold for the accounts that the stream is about; of fewer, if they hold much.
    async fn fill_from_chain(&mut self, first: Height, last: Height) -> Result<(), StoreError> {
        let (found, last) = match self.account_events(first, last).await? {
            Some(found) => (found, last),
            // Too much for one go: block by block, however much one holds.
            None => (self.all_account_events(first).await?, first),
        };
        let rows = match self.is_about(&EventTopic::Block) {
            true => self.blocks.rows(first, last, usize::try_from(BLOCKS_AT_ONCE).unwrap_or(usize::MAX)).await?.items,
            false => vec![],
        };
        let (mut barred, mut found) = (self.barred_events(first, last).await?, found);
        let mut rows = rows.into_iter().rev().peekable();
        for height in (first.0..=last.0).map(Height) {
            let row = rows.next_if(|row| row.height == height);
            let mut happened = barred.remove(&height).unwrap_or_default();
            happened.extend(found.remove(&height).into_iter().flatten());
            self.tell_block(height, row.as_ref(), happened);
        }
        Ok(())
    }

    /// Everything of one block, in an order that is the same each time, but for what was told before.
    fn tell_block(&mut self, height: Height, row: Option<&BlockRow>, happened: Vec<InBlock>) {
        let told = std::mem::take(&mut self.place.in_next);
        let count = u32::from(row.is_some()) + u32::try_from(happened.len()).unwrap_or(u32::MAX);
        let mut number = 0;
        let mut step = |reader: &mut Self| {
            number += 1;
            let last = number == count;
            reader.place.height = if last { height } else { Height(height.0 - 1) };
            reader.place.in_next = if last { 0 } else { number };
            number > told
        };
        if let Some(row) = row
            && step(self)
        {
            self.tell(event_name::BLOCK, &block_event(row));
        }
        for event in happened {
            if step(self) {
                match event {
                    InBlock::Barred(event) => self.tell(event_name::BARRED, &event),
                    InBlock::Message(event) => self.tell(event_name::MESSAGE, &event),
                    InBlock::Transaction(event) => self.tell(event_name::TRANSACTION, &event),
                }
            }
        }
        self.place.height = height;
        self.place.in_next = 0;
    }

    /// The accounts barred in these blocks, by height.
    async fn barred_events(&self, first: Height, last: Height) -> Result<BTreeMap<Height, Vec<InBlock>>, StoreError> {
        let mut found: BTreeMap<_, Vec<_>> = BTreeMap::new();
        if self.is_about(&EventTopic::Barred) {
            for barred in self.blocks.barred(first, last).await? {
                found.entry(barred.height).or_default().push(InBlock::Barred(barred_event(&barred)));
            }
        }
        Ok(found)
    }

    /// The entries of these blocks for the accounts, by height; `None` if they are too many for one part.
    async fn account_events(
        &self,
        first: Height,
        last: Height,
    ) -> Result<Option<BTreeMap<Height, Vec<InBlock>>>, StoreError> {
        let mut found: BTreeMap<_, Vec<_>> = BTreeMap::new();
        for topic in &self.topics {
            let Some((account, filter)) = account_filter(topic, first, last) else { continue };
            let part = self.blocks.account(account, filter, None, ROWS_AT_ONCE).await?;
            if part.next.is_some() {
                return Ok(None);
            }
            for row in part.items.into_iter().rev() {
                found.entry(row.position.0).or_default().extend(account_event(topic, row));
            }
        }
        Ok(Some(found))
    }

    /// The same of one block, all of it.
    async fn all_account_events(&self, height: Height) -> Result<BTreeMap<Height, Vec<InBlock>>, StoreError> {
        let mut found = vec![];
        for topic in &self.topics {
            let Some((account, filter)) = account_filter(topic, height, height) else { continue };
            let (mut rows, mut before) = (vec![], None);
            loop {
                let part = self.blocks.account(account, filter, before, ROWS_AT_ONCE).await?;
                rows.extend(part.items);
                before = part.next;
                if before.is_none() {
                    break;
                }
            }
            found.extend(rows.into_iter().rev().filter_map(|row| account_event(topic, row)));
        }
        Ok(BTreeMap::from([(height, found)]))
    }

    fn tell(&mut self, name: &str, data: &impl Serialize) {
        let data = serde_json::to_string(data).expect("events are plain numbers and texts");
        self.ready.push_back(Event::default().event(name).id(self.place.to_string()).data(data));
    }

    fn is_about(&self, topic: &EventTopic) -> bool {
        self.topics.contains(topic)
    }

    fn is_about_feed(&self) -> bool {
        self.is_about(&EventTopic::Consensus) || self.is_about(&EventTopic::Peers)
    }

    /// May a replaced transaction be of an account that the stream is about?
    fn is_about_senders(&self) -> bool {
        self.topics.iter().any(|topic| matches!(topic, EventTopic::Transactions(_)))
    }

    fn is_about_chain(&self) -> bool {
        use EventTopic::{Barred, Block, Messages, Transactions};
        self.topics.iter().any(|topic| matches!(topic, Block | Barred | Messages(_) | Transactions(_)))
    }
}
