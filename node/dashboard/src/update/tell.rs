//! Which changes are worth a sentence, and how it reads.
//!
//! Always true: a thing is told once, however many nodes tell of it.

use crate::model::Model;
use crate::model::node::Node;
use crate::model::story::Weight;
use crate::verdict::{Level, Verdict};
use crate::words::{count, millis, names, span, thousands};
use blockchat_client::shapes::{BarredEvent, PeersEvent, Phase, StatusView};
use blockchat_host::text;
use blockchat_proto::keys::Address;
use blockchat_proto::units::UnixMillis;
use std::collections::BTreeSet;

/// Links that break within this time are told in one sentence.
const SETTLE_MS: u64 = 1_500;
/// An answer of the second line that lasts so long is told.
const LASTS_MS: u64 = 1_000;
/// A new block's details come within this time, or are not waited for.
const DETAILS_MS: u64 = 3_000;
/// Barred validators that are remembered as told.
const BARRED_MAX: usize = 1_024;

/// Links that were lost and made, until they are told.
#[derive(Clone, Debug, Default)]
pub(super) struct Links {
    pub(super) lost: BTreeSet<(usize, usize)>,
    pub(super) made: BTreeSet<(usize, usize)>,
    pub(super) last: Option<UnixMillis>,
}

/// Facts remembered beside the model, so that each is told once.
#[derive(Clone, Debug, Default)]
pub(crate) struct Told {
    pub(super) links: Links,
    /// The last height whose course was looked at.
    pub(super) height: Option<u64>,
    /// The last verdict that was told, and when it began.
    pub(super) verdict: Option<(Level, String, UnixMillis)>,
    /// One that may be told soon, and when it began.
    pub(super) next_verdict: Option<(Level, String, UnixMillis)>,
    /// The last set of members.
    pub(super) members: Option<BTreeSet<Address>>,
    /// Accounts known to be barred: every node reports them.
    pub(super) barred: BTreeSet<Address>,
}

/// Says in words what a node does now and did not before.
pub(super) fn phase(model: &mut Model, index: usize, before: Option<&StatusView>, status: &StatusView) {
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
    match (&before.silence, &status.silence) {
        (None, Some(why)) => model.story.tell(now, Weight::Warn, format!("{name} does not vote: {}", text::line(why))),
        (Some(_), None) if status.voting => model.story.tell(now, Weight::Good, format!("{name} votes")),
        _ => {}
    }
}

/// Tells which accounts became validators, and which no longer are.
pub(super) fn members(model: &mut Model, told: &mut Told) {
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

/// Tells of links once no more break or are made.
pub(super) fn links(model: &mut Model, told: &mut Told) {
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

/// A peer that is not watched came or went.
pub(super) fn stranger(model: &mut Model, index: usize, event: &PeersEvent) {
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
pub(super) fn course(model: &mut Model, told: &mut Told) {
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
pub(super) fn verdict(model: &mut Model, told: &mut Told) {
    let Verdict { level, state, why, .. } = &model.verdict;
    let is_that = |kept: &(Level, String, UnixMillis)| kept.0 == *level && kept.1 == *state;
    if told.verdict.as_ref().is_some_and(is_that) {
        told.next_verdict = None;
        return;
    }
    // A shorter standstill gets no sentence; an alarm does.
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

/// Tells once which account is barred, and why.
pub(super) fn barred(model: &mut Model, told: &mut Told, event: &BarredEvent) {
    if told.barred.len() >= BARRED_MAX {
        told.barred.clear();
    }
    if told.barred.insert(event.account) {
        let name = model.name(&event.account);
        let text = format!("{name} {}: barred for ever, {} BCC burned", event.offence, event.burned);
        model.story.tell(model.now, Weight::Bad, text);
    }
}
