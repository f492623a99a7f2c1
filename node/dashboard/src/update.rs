//! What happens, and what it changes: the only place that changes the model. Pure.
//!
//! Owns: what an answer means for the node that gave it, and which of the changes are worth a sentence. Does not own: when
//! to ask ([`crate::pace`]), keys ([`crate::keys`]).
//! Always true: an answer of another time (the node has moved since) changes nothing; a node that fails to answer keeps its
//! row and everything it said, with the moment it said it. Start reading at [`update`].

use crate::groups::{self, Groups};
use crate::model::Model;
use crate::model::chain::Chain;
use crate::model::node::{Heard, Link, Node};
use crate::model::series::Sample;
use crate::model::story::Weight;
use crate::pace::Topic;
use crate::place::Place;
use crate::verdict::{Level, Verdict};
use crate::words::{count, millis, names, span, thousands};
use blockchat_client::shapes::{
    BlockRowView, ConsensusView, MessageView, NodeEvent, NodeView, PeerView, PeersEvent, Phase, PoolRowView,
    StatusView, ValidatorRowView,
};
use blockchat_host::text;
use blockchat_proto::units::UnixMillis;
use std::collections::BTreeSet;

/// Most nodes that are watched: as many as there can be validators.
pub(crate) const NODES_MAX: usize = 128;
/// Links that break within this time are told in one sentence.
const SETTLE_MS: u64 = 1_500;
/// An answer of the second line that lasts so long is told.
const LASTS_MS: u64 = 1_000;
/// What the one that counted longest said is taken for so long.
const COUNTS_FOR_MS: u64 = 60_000;
/// A new block's details come within this time, or are not waited for.
const DETAILS_MS: u64 = 3_000;

/// Something that happened.
#[derive(Clone, Debug)]
pub(crate) enum Happening {
    /// Time went by.
    Tick,
    /// These nodes there are.
    Places(Vec<Place>),
    /// A node answered, or did not.
    Said {
        /// Which.
        node: usize,
        /// Of which time.
        generation: u32,
        /// What it was asked.
        topic: Topic,
        /// What it said.
        said: Result<Answer, Trouble>,
    },
}

/// What a node can say.
#[derive(Clone, Debug)]
pub(crate) enum Answer {
    /// How it is.
    Status(Box<StatusView>),
    /// Whom it is connected with.
    Peers(Vec<PeerView>),
    /// How it decides.
    Consensus(Box<ConsensusView>),
    /// Its process.
    Process(Box<NodeView>),
    /// Blocks, newest first.
    Blocks(Vec<BlockRowView>),
    /// All validators.
    Validators(Vec<ValidatorRowView>),
    /// Messages, newest first.
    Messages(Vec<MessageView>),
    /// Its pool.
    Pool(Vec<PoolRowView>),
    /// Something happened there.
    Event(NodeEvent),
    /// Its event stream ended.
    StreamEnded,
}

/// Why there is no answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Trouble {
    /// Nobody answers there.
    Down(String),
    /// It answers, and does not have that: it is of another version.
    Lacks,
    /// It answers something else.
    Odd(String),
}

/// Links that were lost and made, until they are told.
#[derive(Clone, Debug, Default)]
pub(crate) struct Links {
    lost: BTreeSet<(usize, usize)>,
    made: BTreeSet<(usize, usize)>,
    last: Option<UnixMillis>,
}

/// What is remembered beside the model, so that a thing is told once.
#[derive(Clone, Debug, Default)]
pub(crate) struct Told {
    links: Links,
    /// The last height whose course was looked at.
    height: Option<u64>,
    /// The last verdict that was told, and when it began.
    verdict: Option<(Level, String, UnixMillis)>,
    /// One that may be told soon, and when it began.
    next_verdict: Option<(Level, String, UnixMillis)>,
    /// The last set of members.
    members: Option<BTreeSet<blockchat_proto::keys::Address>>,
}

/// Changes the model. True if there is something new to see, apart from the time.
pub(crate) fn update(model: &mut Model, told: &mut Told, now: UnixMillis, happening: Happening) -> bool {
    model.now = model.now.max(now);
    let changed = match happening {
        Happening::Tick => tick(model, told),
        Happening::Places(places) => settle_places(model, places),
        Happening::Said { node, generation, topic, said } => {
            let row = model.nodes.get_mut(node).filter(|row| row.generation == generation);
            match (row, said) {
                (None, _) => false,
                (Some(row), said) => {
                    if !matches!(said, Ok(Answer::Event(_))) {
                        row.asked.answered(topic);
                    }
                    match said {
                        Ok(answer) => heard(model, told, node, answer),
                        Err(trouble) => failed(model, node, topic, trouble),
                    }
                }
            }
        }
    };
    if changed {
        model.groups = Groups::of(model);
    }
    model.verdict = Verdict::of(model);
    tell_verdict(model, told);
    changed
}

/// New places get a row; known ones may be somewhere else now. No row ever goes.
fn settle_places(model: &mut Model, places: Vec<Place>) -> bool {
    let mut changed = false;
    for place in places {
        let index = match model.nodes.iter().position(|node| node.name == place.name) {
            Some(index) => index,
            None if model.nodes.len() < NODES_MAX => {
                model.nodes.push(Node::new(place.name, model.now));
                changed = true;
                model.nodes.len() - 1
            }
            None => continue,
        };
        let node = &mut model.nodes[index];
        node.told_validator = place.validator.or(node.told_validator);
        if place.url.is_some() && node.url != place.url {
            node.url = place.url;
            node.generation += 1;
            node.asked.forget();
            changed = true;
        } else if node.url.is_none() && node.link == Link::Unknown {
            node.link = Link::Down { since: node.watched, ever: false, why: "it does not run yet".into() };
            changed = true;
        }
    }
    changed
}

fn tick(model: &mut Model, told: &mut Told) -> bool {
    let mut changed = false;
    if model.series.is_due(model.now) {
        let live = || model.nodes.iter().filter_map(Node::live);
        let pool = live().map(|status| u64::from(status.pool_transactions)).max();
        let rates = || model.nodes.iter().filter(|node| node.is_up()).filter_map(|node| node.traffic);
        let sample = rates().fold(Sample { pool, ..Sample::default() }, |sum, (received, sent)| Sample {
            received: sum.received.saturating_add(received),
            sent: sum.sent.saturating_add(sent),
            ..sum
        });
        model.series.push(model.now, sample);
        // Who has begun a while ago and sees nobody is cut off from now on.
        let groups = Groups::of(model);
        changed = std::mem::replace(&mut model.groups, groups.clone()) != groups;
    }
    tell_links(model, told);
    tell_course(model, told);
    changed
}

fn heard(model: &mut Model, told: &mut Told, index: usize, answer: Answer) -> bool {
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
        Answer::Event(event) => heard_event(model, index, event),
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

fn came_up(model: &mut Model, index: usize) -> bool {
    let now = model.now;
    let node = &mut model.nodes[index];
    node.last_heard = Some(now);
    let before = std::mem::replace(&mut node.link, Link::Up { since: now });
    match before {
        Link::Up { since } => {
            node.link = Link::Up { since };
            return false;
        }
        Link::Down { since, ever: true, .. } => {
            let text = format!("{} answers again after {}", node.name, span(now.since(since)));
            model.story.tell(now, Weight::Good, text);
        }
        Link::Down { ever: false, .. } => {
            let text = format!("{} answers", node.name);
            model.story.tell(now, Weight::Good, text);
        }
        Link::Unknown => {}
    }
    let every = [Topic::Peers, Topic::Consensus, Topic::Process, Topic::Blocks, Topic::Validators];
    model.nodes[index].asked.stir(&every);
    true
}

fn failed(model: &mut Model, index: usize, topic: Topic, trouble: Trouble) -> bool {
    let now = model.now;
    match trouble {
        Trouble::Lacks if topic != Topic::Status => {
            model.nodes[index].asked.lacks(topic, now);
            false
        }
        Trouble::Down(why) | Trouble::Odd(why) if topic == Topic::Status => went_down(model, index, why),
        Trouble::Lacks => went_down(model, index, "it is no BlockChat node".into()),
        // The status decides: it is asked at once.
        Trouble::Down(_) => {
            model.nodes[index].asked.stir(&[Topic::Status]);
            false
        }
        Trouble::Odd(_) => {
            model.nodes[index].asked.lacks(topic, now);
            false
        }
    }
}

fn went_down(model: &mut Model, index: usize, why: String) -> bool {
    let why = text::line(&why).into_owned();
    let node = &model.nodes[index];
    let led = model.guide_status().filter(|status| status.leader.is_some() && status.leader == node.validator());
    let led = led.map(|status| format!("; it led {}", thousands(status.height.next().0))).unwrap_or_default();
    let (since, ever) = (node.last_heard.unwrap_or(node.watched), node.last_heard.is_some());
    let before = std::mem::replace(&mut model.nodes[index].link, Link::Down { since, ever, why: why.clone() });
    match before {
        Link::Down { since, ever, why: old } => {
            let changed = old != why;
            model.nodes[index].link = Link::Down { since, ever, why };
            return changed;
        }
        Link::Up { .. } => {
            let text = format!("{} stopped answering: {why}{led}", model.nodes[index].name);
            model.story.tell(since, Weight::Warn, text);
        }
        Link::Unknown => {}
    }
    let node = &mut model.nodes[index];
    (node.traffic, node.cpu_permille) = (None, None);
    node.climb.clear();
    node.behind_since = None;
    true
}

fn heard_status(model: &mut Model, told: &mut Told, index: usize, status: StatusView) -> bool {
    let now = model.now;
    let before = model.nodes[index].status.take();
    let (height, hash) = (status.height.0, status.tip);
    if follow(model, &status) {
        model.chain.told(index, height, hash, now);
    }
    model.nodes[index].climbed(now, height);
    tell_phase(model, index, before.as_ref().map(|heard| &heard.value), &status);
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
        tell_members(model, told);
    }
    changed
}

/// Is this of the chain that is followed? The first one is, and a new one once nobody that answers is on the old one.
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

/// Says in words what a node does now and did not before.
fn tell_phase(model: &mut Model, index: usize, before: Option<&StatusView>, status: &StatusView) {
    let now = model.now;
    let catches_up = matches!(status.phase, Phase::CatchingUp { .. });
    let node = &mut model.nodes[index];
    let name = node.name.clone();
    match (node.behind_since, catches_up) {
        (None, true) => node.behind_since = Some(now),
        (Some(since), false) => {
            node.behind_since = None;
            let text = format!(
                "{name} is at the tip again, block {}, after {}",
                thousands(status.height.0),
                span(now.since(since))
            );
            model.story.tell(now, Weight::Good, text);
        }
        _ => {}
    }
    let Some(before) = before else { return };
    if before.started != status.started {
        model.story.tell(now, Weight::Note, format!("{name} was started again"));
    }
    if before.height > status.height {
        let text = format!("{name} is at {}, it was at {}: its data is another one", status.height, before.height);
        model.story.tell(now, Weight::Warn, text);
    }
    if let (None, Some(wrong)) = (&before.clock, &status.clock) {
        model.story.tell(now, Weight::Warn, format!("{name}: {}", text::line(wrong)));
    }
    for who in status.barred.iter().filter(|who| !before.barred.contains(who)) {
        let text = format!("{} misbehaved and is barred, for ever", model.name(who));
        model.story.tell(now, Weight::Bad, text);
    }
    match (&before.silence, &status.silence) {
        (None, Some(why)) => model.story.tell(now, Weight::Warn, format!("{name} does not vote: {}", text::line(why))),
        (Some(_), None) if status.voting => model.story.tell(now, Weight::Good, format!("{name} votes")),
        _ => {}
    }
}

/// Says who became a validator, and who is none any more.
fn tell_members(model: &mut Model, told: &mut Told) {
    let members: BTreeSet<_> = model.members().iter().map(|member| member.address).collect();
    let Some(before) = told.members.replace(members.clone()) else { return };
    for (who, word, weight) in members
        .difference(&before)
        .map(|who| (who, "is a validator now", Weight::Note))
        .chain(before.difference(&members).map(|who| (who, "is no validator any more", Weight::Warn)))
    {
        let text = format!("{} {word}", model.name(who));
        model.story.tell(model.now, weight, text);
    }
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

/// Tells of links once no more break or are made.
fn tell_links(model: &mut Model, told: &mut Told) {
    if told.links.last.is_none_or(|last| model.now.since(last) < SETTLE_MS) {
        return;
    }
    let links = std::mem::take(&mut told.links);
    let is_gone = |pair: &(usize, usize)| !model.nodes[pair.0].is_down() && !model.nodes[pair.1].is_down();
    let lost: Vec<_> = links.lost.into_iter().filter(is_gone).collect();
    let made: Vec<_> = links.made.into_iter().collect();
    let at = links.last.unwrap_or(model.now);
    if !lost.is_empty() {
        let sides: Vec<_> = model.groups.groups.iter().map(|group| names(&model.node_names(group), 8)).collect();
        let cut = if model.groups.is_cut() { format!(": a cut, {}", sides.join(" | ")) } else { String::new() };
        model.story.tell(at, Weight::Warn, format!("{} lost{cut}{}", count(lost.len(), "link"), pairs(model, &lost)));
    }
    if !made.is_empty() {
        let whole = if model.groups.is_cut() { "" } else { ", the network is one piece" };
        model.story.tell(at, Weight::Note, format!("{} made{whole}{}", count(made.len(), "link"), pairs(model, &made)));
    }
}

/// `: id0-id3, id1-id3`, if there are few.
fn pairs(model: &Model, pairs: &[(usize, usize)]) -> String {
    if pairs.len() > 3 {
        return String::new();
    }
    let name = |index: usize| model.nodes[index].name.as_str();
    let all: Vec<_> = pairs.iter().map(|(a, b)| format!("{}-{}", name(*a), name(*b))).collect();
    format!(": {}", all.join(", "))
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

fn heard_event(model: &mut Model, index: usize, event: NodeEvent) -> bool {
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
            tell_phase(model, index, Some(&before), &status);
            return before != status;
        }
        NodeEvent::Peers(event) => {
            asked.stir(&[Topic::Peers, Topic::Status]);
            tell_stranger(model, index, &event);
        }
        NodeEvent::Message(_) => asked.stir(&[Topic::Messages]),
        NodeEvent::Reset(_) => {
            asked.stir(&[Topic::Status, Topic::Consensus, Topic::Peers, Topic::Blocks, Topic::Messages]);
        }
        NodeEvent::Transaction(_) | NodeEvent::Log(_) => return false,
    }
    true
}

fn same_chain(model: &Model, index: usize) -> bool {
    let own = model.nodes[index].status.as_ref().map(|heard| heard.value.genesis_hash);
    own.is_some() && own == model.chain.genesis.as_ref().map(|(genesis, _)| *genesis)
}

/// A peer that is not watched came or went.
fn tell_stranger(model: &mut Model, index: usize, event: &PeersEvent) {
    let watched = |node: &Node| node.status.as_ref().is_some_and(|heard| heard.value.peer_id == event.peer_id);
    if model.nodes.iter().any(watched) {
        return;
    }
    let id = text::line(&event.peer_id).into_owned();
    let short: String = id.chars().skip(id.chars().count().saturating_sub(6)).collect();
    let (word, weight) = if event.connected { ("found", Weight::Note) } else { ("lost", Weight::Warn) };
    let text = format!("{} {word} the peer …{short}, {} now", model.nodes[index].name, event.peers);
    model.story.tell(model.now, weight, text);
}

/// Tells of heights that took more than one round.
fn tell_course(model: &mut Model, told: &mut Told) {
    let Some(tip) = model.chain.tip() else { return };
    // Of a chain that began anew, the old height says nothing.
    told.height = told.height.filter(|height| *height <= tip);
    let from = told.height.unwrap_or(tip).max(tip.saturating_sub(64));
    for height in from.saturating_add(1)..=tip {
        let Some(seen) = model.chain.at(height) else { continue };
        let Some(came) = seen.came else { continue };
        let waiting = seen.decided_round.is_none() || model.chain.interval(height).is_none();
        if waiting && model.now.since(came) < DETAILS_MS {
            break;
        }
        told.height = Some(height);
        let round = seen.decided_round.or_else(|| seen.block.map(|block| block.round)).map_or(0, |round| round.0);
        if round > 0 {
            let by = seen.block.map(|block| format!(" by {}", model.name(&block.leader))).unwrap_or_default();
            let pause = model.chain.interval(height).map(|ms| format!(", pause {}", millis(ms))).unwrap_or_default();
            let usual = model.chain.usual_interval().map(|ms| format!(" (usual {})", millis(ms))).unwrap_or_default();
            let text = format!("{} final in round {round}{by}{pause}{usual}", thousands(height));
            model.story.tell(came, Weight::Note, text);
        }
    }
    told.height = told.height.max(Some(from));
}

/// Tells of a new answer of the second line.
fn tell_verdict(model: &mut Model, told: &mut Told) {
    let Verdict { level, state, why, .. } = &model.verdict;
    let is_that = |kept: &(Level, String, UnixMillis)| kept.0 == *level && kept.1 == *state;
    if told.verdict.as_ref().is_some_and(is_that) {
        told.next_verdict = None;
        return;
    }
    // What lasts shorter is not worth a sentence; an alarm is.
    let since = match &told.next_verdict {
        Some(next) if is_that(next) => next.2,
        _ => model.now,
    };
    if *level != Level::Alarm && model.now.since(since) < LASTS_MS {
        told.next_verdict = Some((*level, state.clone(), since));
        return;
    }
    told.next_verdict = None;
    let weight = match level {
        Level::Unknown | Level::Good => Weight::Good,
        Level::Warn => Weight::Warn,
        Level::Bad | Level::Alarm => Weight::Bad,
    };
    let before = told.verdict.replace((*level, state.clone(), since));
    if *level == Level::Unknown {
        return;
    }
    let after = before.filter(|(old, ..)| *old >= Level::Bad && *level < Level::Bad);
    let after = after.map(|(.., began)| format!(" again after {}", span(since.since(began)))).unwrap_or_default();
    let why = why.first().map(|why| format!(": {why}")).unwrap_or_default();
    let text = format!("{state}{after}{why}");
    model.story.tell(since, weight, text);
}
