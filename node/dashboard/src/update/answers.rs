//! The meaning of an answer for the node that gave it.
//!
//! Start reading at [`heard`].

use super::Answer;
use super::link::came_up;
use super::tell::{self, Told};
use crate::groups;
use crate::model::Model;
use crate::model::chain::Chain;
use crate::model::node::{Heard, Node};
use crate::model::story::Weight;
use crate::pace::Topic;
use blockchat_client::shapes::{NodeEvent, NodeView, PeerView, StatusView, ValidatorRowView};
use blockchat_host::text;
use blockchat_proto::units::UnixMillis;

/// The answer of the node that counted longest is used for this long.
const COUNTS_FOR_MS: u64 = 60_000;

/// Takes an answer in. True if there is something new to see.
pub(super) fn heard(model: &mut Model, told: &mut Told, index: usize, answer: Answer) -> bool {
    let now = model.now;
    if matches!(answer, Answer::StreamEnded) {
        // Until now its process held the connection.
        model.nodes[index].last_heard = model.nodes[index].last_heard.max(Some(now));
        model.nodes[index].asked.stir(&[Topic::Status]);
        return false;
    }
    let came_up = came_up(model, index);
    let changed = match answer {
        Answer::Status(status) => heard_status(model, told, index, *status),
        Answer::Peers(peers) => heard_peers(model, told, index, peers),
        Answer::Consensus(view) => {
            if same_chain(model, index) {
                model.chain.decided(index, &view, now);
            }
            put(&mut model.nodes[index].consensus, now, *view)
        }
        Answer::Process(view) => heard_process(model, index, *view),
        Answer::Blocks(rows) => {
            let same = same_chain(model, index);
            let rows = rows.iter().filter(|_| same);
            rows.for_each(|row| model.chain.row(index, row, now));
            true
        }
        Answer::Validators(rows) => heard_validators(model, rows),
        Answer::Messages(messages) => put(&mut model.messages, now, messages),
        Answer::Pool(rows) => put(&mut model.pool, now, rows),
        Answer::Event(event) => heard_event(model, told, index, event),
        Answer::StreamEnded => false,
    };
    changed || came_up
}

/// Keeps what came. True if it is something else than before.
fn put<T: PartialEq>(slot: &mut Option<Heard<T>>, at: UnixMillis, value: T) -> bool {
    let is_new = slot.as_ref().is_none_or(|old| old.value != value);
    *slot = Some(Heard { at, value });
    is_new
}

fn heard_status(model: &mut Model, told: &mut Told, index: usize, status: StatusView) -> bool {
    let now = model.now;
    let before = model.nodes[index].status.take();
    let (height, hash) = (status.height.0, status.tip);
    if follow(model, &status) {
        model.chain.told(index, height, hash, now);
    }
    model.nodes[index].climbed(now, height);
    tell::phase(model, index, before.as_ref().map(|heard| &heard.value), &status);
    if let Some(before) = &before {
        let ms = now.since(before.at).max(1);
        let rate = |now: u64, then: u64| now.saturating_sub(then).saturating_mul(1_000) / ms;
        let (new, old) = (&status.traffic, &before.value.traffic);
        if status.started == before.value.started {
            model.nodes[index].traffic =
                Some((rate(new.received_bytes, old.received_bytes), rate(new.sent_bytes, old.sent_bytes)));
        }
    }
    let moved = before.as_ref().is_none_or(|before| before.value.height != status.height);
    let changed = before.as_ref().is_none_or(|before| before.value != status);
    let node = &mut model.nodes[index];
    node.status = Some(Heard { at: now, value: status });
    if moved {
        node.asked.stir(&[Topic::Consensus, Topic::Blocks, Topic::Messages]);
    }
    if model.guide() == Some(index) {
        tell::members(model, told);
    }
    changed
}

/// Is this of the chain that is followed? The first one is, and a new one once no node that answers is on the old one.
fn follow(model: &mut Model, status: &StatusView) -> bool {
    let Some((genesis, _)) = model.chain.genesis.clone() else {
        model.chain.genesis = Some((status.genesis_hash, text::line(&status.chain).into_owned()));
        return true;
    };
    let is_left = !model.nodes.iter().filter_map(Node::live).any(|live| live.genesis_hash == genesis);
    if genesis == status.genesis_hash || !is_left {
        return genesis == status.genesis_hash;
    }
    let name = text::line(&status.chain).into_owned();
    model.story.tell(model.now, Weight::Warn, format!("another chain: {name}; what was known of the old one is gone"));
    model.chain = Chain::default();
    model.chain.genesis = Some((status.genesis_hash, name));
    (model.messages, model.pool, model.validators) = (None, None, None);
    true
}

fn heard_peers(model: &mut Model, told: &mut Told, index: usize, peers: Vec<PeerView>) -> bool {
    let linked = |model: &Model, other: usize| groups::link(model, index, other).is_some();
    let others: Vec<_> = (0..model.nodes.len()).filter(|other| *other != index).collect();
    let knew = model.nodes[index].peers.is_some();
    let before: Vec<_> = others.iter().map(|other| linked(model, *other)).collect();
    let changed = put(&mut model.nodes[index].peers, model.now, peers);
    if !knew {
        return changed;
    }
    for (other, before) in others.into_iter().zip(before) {
        let pair = (index.min(other), index.max(other));
        match (before, linked(model, other)) {
            (true, false) if !model.nodes[other].is_down() => {
                told.links.made.remove(&pair);
                told.links.lost.insert(pair);
                told.links.last = Some(model.now);
            }
            (false, true) if !told.links.lost.remove(&pair) => {
                told.links.made.insert(pair);
                told.links.last = Some(model.now);
            }
            _ => {}
        }
    }
    changed
}

fn heard_process(model: &mut Model, index: usize, mut view: NodeView) -> bool {
    let now = model.now;
    let node = &mut model.nodes[index];
    if !view.log.is_empty() {
        node.log = std::mem::take(&mut view.log);
    }
    if let Some(before) = node.process.as_ref().filter(|before| before.value.started == view.started) {
        let used = view.cpu_ms.zip(before.value.cpu_ms).map(|(new, old)| new.saturating_sub(old));
        node.cpu_permille = used.map(|used| used.saturating_mul(1_000) / now.since(before.at).max(1));
    }
    put(&mut node.process, now, view)
}

/// A node counts since it was started: the one that counted longest tells, as long as it does.
fn heard_validators(model: &mut Model, rows: Vec<ValidatorRowView>) -> bool {
    let counted = |rows: &[ValidatorRowView]| rows.iter().map(|row| row.counted).max();
    let told = model.validators.as_ref().filter(|heard| model.now.since(heard.at) < COUNTS_FOR_MS);
    if told.is_some_and(|heard| counted(&heard.value) > counted(&rows)) {
        return false;
    }
    put(&mut model.validators, model.now, rows)
}

fn heard_event(model: &mut Model, told: &mut Told, index: usize, event: NodeEvent) -> bool {
    let now = model.now;
    let asked = &mut model.nodes[index].asked;
    match event {
        NodeEvent::Block(block) => {
            asked.stir(&[Topic::Status, Topic::Consensus, Topic::Blocks, Topic::Messages]);
            if same_chain(model, index) {
                model.chain.told(index, block.height.0, block.hash, now);
                model.chain.event(&block);
            }
            model.nodes[index].climbed(now, block.height.0);
            let status = model.nodes[index].status.as_mut().filter(|heard| heard.value.height < block.height);
            if let Some(heard) = status {
                (heard.value.height, heard.value.tip, heard.value.tip_time) = (block.height, block.hash, block.time);
            }
        }
        NodeEvent::Consensus(event) => {
            asked.stir(&[Topic::Consensus]);
            let Some(heard) = &mut model.nodes[index].status else { return false };
            let mut status = heard.value.clone();
            (status.round, status.leader, status.voting) = (event.round, Some(event.leader), event.voting);
            status.phase = event.phase;
            let before = std::mem::replace(&mut heard.value, status.clone());
            tell::phase(model, index, Some(&before), &status);
            return before != status;
        }
        NodeEvent::Peers(event) => {
            asked.stir(&[Topic::Peers, Topic::Status]);
            tell::stranger(model, index, &event);
        }
        NodeEvent::Barred(event) => {
            asked.stir(&[Topic::Status, Topic::Validators]);
            if same_chain(model, index) {
                tell::barred(model, told, &event);
            }
        }
        NodeEvent::Message(_) => asked.stir(&[Topic::Messages]),
        NodeEvent::Reset(_) => {
            asked.stir(&[Topic::Status, Topic::Consensus, Topic::Peers, Topic::Blocks, Topic::Messages]);
        }
        NodeEvent::Transaction(_) | NodeEvent::Replaced(_) | NodeEvent::Log(_) => return false,
    }
    true
}

fn same_chain(model: &Model, index: usize) -> bool {
    let own = model.nodes[index].status.as_ref().map(|heard| heard.value.genesis_hash);
    own.is_some() && own == model.chain.genesis.as_ref().map(|(genesis, _)| *genesis)
}
