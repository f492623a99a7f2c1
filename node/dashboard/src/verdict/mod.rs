//! The second line of the screen: one sentence that says how the network is, why, and what is needed. Pure.
//!
//! Always true: what is worse is said first: an alarm before a standstill, a standstill before a gap, a gap before all is
//! well; a number in it is of now, or the sentence says that it is not.
//! Start reading at [`Verdict::of`].

mod alarm;
mod spread;
mod still;

use crate::model::Model;
use crate::model::node::{Link, Node};
use crate::words::{count, names, percent, span, thousands};
use blockchat_client::shapes::{Phase, StatusView};
pub(crate) use spread::waits_in_earnest;
use spread::{decides, spread};
pub(crate) use still::Still;

/// Names shown in the sentence at most.
const NAMES_MAX: usize = 8;

/// How bad it is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Level {
    /// All is well.
    Good,
    /// Nothing is known yet.
    #[default]
    Unknown,
    /// It works, with a gap.
    Warn,
    /// It does not work now.
    Bad,
    /// It can no longer be believed.
    Alarm,
}

/// See the module.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Verdict {
    /// How bad it is.
    pub(crate) level: Level,
    /// In capitals, with what it is about: `GOES ON without id2`.
    pub(crate) state: String,
    /// For how long, if that matters, in ms.
    pub(crate) for_ms: Option<u64>,
    /// Cause, then what is needed: a sentence each, the most important one first.
    pub(crate) why: Vec<String>,
}

impl Verdict {
    /// All of it, on one line.
    pub(crate) fn sentence(&self) -> String {
        let time = self.for_ms.map(|ms| format!(" for {}", span(ms))).unwrap_or_default();
        let why = self.why.join(". ");
        if why.is_empty() { format!("{}{time}", self.state) } else { format!("{}{time}: {why}", self.state) }
    }

    /// As things are.
    pub(crate) fn of(model: &Model) -> Self {
        alarm::two_blocks(model)
            .or_else(|| alarm::one_key_twice(model))
            .or_else(|| alarm::two_chains(model))
            .or_else(|| nobody(model))
            .or_else(|| update_needed(model))
            .or_else(|| catching_up(model))
            .or_else(|| still::stands_still(model))
            .or_else(|| still::slow(model))
            .unwrap_or_else(|| goes_on(model))
    }

    fn new(level: Level, state: impl Into<String>, why: impl IntoIterator<Item = String>) -> Self {
        Self { level, state: state.into(), for_ms: None, why: why.into_iter().collect() }
    }

    fn lasting(self, ms: u64) -> Self {
        Self { for_ms: Some(ms), ..self }
    }
}

fn listed(all: &[String]) -> String {
    names(all, NAMES_MAX)
}

fn nobody(model: &Model) -> Option<Verdict> {
    if model.nodes.is_empty() {
        let why = "no node is known here yet; this screen goes on by itself once there is one".into();
        return Some(Verdict::new(Level::Unknown, "NOBODY YET", [why]).lasting(model.now.since(model.opened)));
    }
    if model.nodes.iter().any(Node::is_up) {
        return None;
    }
    if model.nodes.iter().any(|node| node.link == Link::Unknown) {
        let all = model.node_names(&(0..model.nodes.len()).collect::<Vec<_>>());
        return Some(Verdict::new(Level::Unknown, "ASKING", [listed(&all)]));
    }
    let last = model.nodes.iter().filter_map(|node| node.last_heard).max();
    let why = model.nodes.iter().find_map(|node| match &node.link {
        Link::Down { why, .. } => Some(why.clone()),
        _ => None,
    });
    let needed = match (last, model.chain.tip()) {
        (Some(_), Some(tip)) => {
            format!(
                "Last known block {}. What is final stays; start the nodes, this screen goes on by itself",
                thousands(tip)
            )
        }
        _ => "Start one: blockchat-node run; this screen goes on by itself".into(),
    };
    let state = if model.nodes.len() == 1 {
        format!("{} DOES NOT ANSWER", model.nodes[0].name)
    } else {
        "NO NODE ANSWERS".into()
    };
    let since = model.now.since(last.unwrap_or(model.opened));
    Some(Verdict::new(Level::Bad, state, why.into_iter().chain([needed])).lasting(since))
}

fn update_needed(model: &Model) -> Option<Verdict> {
    let stuck = |index: &usize| {
        matches!(model.nodes[*index].live(), Some(StatusView { phase: Phase::UpdateNeeded { .. }, .. }))
    };
    let stuck: Vec<_> = (0..model.nodes.len()).filter(stuck).collect();
    let Phase::UpdateNeeded { version, known } = &model.nodes[*stuck.first()?].live()?.phase else { return None };
    let why = format!("version {version} of the rules is in force, {} know {known}", listed(&model.node_names(&stuck)));
    let needed = "Update blockchat-node there".into();
    Some(Verdict::new(Level::Bad, "UPDATE NEEDED", [why, needed]))
}

/// Every node that answers catches up: what is watched is behind, whatever the chain does.
fn catching_up(model: &Model) -> Option<Verdict> {
    let up: Vec<_> = (0..model.nodes.len()).filter(|index| model.nodes[*index].is_up()).collect();
    let slowest = up.iter().copied().max_by_key(|index| left_of(&model.nodes[*index]))?;
    if !up.iter().all(|index| model.nodes[*index].target().is_some()) {
        return None;
    }
    let since = model.nodes[slowest].behind_since.map(|since| model.now.since(since));
    let state =
        if up.len() == 1 { "CATCHING UP".into() } else { format!("CATCHING UP on {}", count(up.len(), "node")) };
    let verdict = Verdict::new(Level::Warn, state, [climb(&model.nodes[slowest])]);
    Some(Verdict { for_ms: since, ..verdict })
}

/// Blocks that it is behind.
fn left_of(node: &Node) -> u64 {
    node.target().map_or(0, |target| target.0.saturating_sub(node.height().unwrap_or(0)))
}

/// `id2 at 3,200 of 9,000, 410 blocks/s, 14 s left`.
pub(crate) fn climb(node: &Node) -> String {
    let (at, left, rate) = (node.height().unwrap_or(0), left_of(node), node.blocks_per_ks());
    let target = thousands(at.saturating_add(left));
    let time = |rate: u64| span(left.saturating_mul(1_000_000) / rate);
    let pace = match rate {
        0 => "no block came yet".into(),
        1..10_000 => format!("{}.{} blocks/s, {} left", rate / 1_000, rate % 1_000 / 100, time(rate)),
        _ => format!("{} blocks/s, {} left", thousands(rate / 1_000), time(rate)),
    };
    format!("{} at {} of {target}, {pace}", node.name, thousands(at))
}

fn goes_on(model: &Model) -> Verdict {
    let spread = spread(model);
    let total = model.stake_total();
    let catching: Vec<_> = model.nodes.iter().filter(|node| node.target().is_some()).map(climb).collect();
    let present = model.stake_of(&spread.present);
    if spread.away.is_empty() {
        let mut why = vec![well(model, total)];
        let down: Vec<_> = (0..model.nodes.len()).filter(|index| model.nodes[*index].is_down()).collect();
        if !down.is_empty() {
            why.push(format!("No answer from {}", listed(&model.node_names(&down))));
        }
        why.extend(catching);
        why.extend(clocks(model));
        why.extend(suspects(model));
        let level = if why.len() > 1 { Level::Warn } else { Level::Good };
        return Verdict::new(level, "GOES ON", why);
    }
    let away = model.names_of(spread.away.iter().map(|(address, ..)| address));
    let since = spread.away.iter().filter_map(|(_, since, _)| *since).min();
    let mut why = vec![format!("{} of the stake votes, 66.7 % needed", percent(present, total))];
    why.extend(spare(model, present, total));
    why.extend(catching);
    why.extend(suspects(model));
    let reasons = spread
        .away
        .iter()
        .filter(|(address, ..)| model.node_of(address).is_some_and(|node| model.nodes[node].target().is_none()));
    why.extend(
        reasons
            .take(2)
            .map(|(address, _, reason)| format!("{} {}", model.name(address), blockchat_host::text::line(reason))),
    );
    let verdict = Verdict::new(Level::Warn, format!("GOES ON without {}", listed(&away)), why);
    Verdict { for_ms: since.map(|since| model.now.since(since)), ..verdict }
}

/// Nodes whose clocks are wrong: their votes may come to nothing.
fn clocks(model: &Model) -> Vec<String> {
    let wrong =
        |node: &Node| Some(format!("{}: {}", node.name, blockchat_host::text::line(node.live()?.clock.as_ref()?)));
    model.nodes.iter().filter_map(wrong).take(2).collect()
}

/// Members that, by all appearance, choose the next leader by trying out blocks: they gain rewards, and no account
/// loses coins.
fn suspects(model: &Model) -> Option<String> {
    let suspects = model.guide_status()?.leaders.iter().filter(|one| one.suspect);
    let told: Vec<_> =
        suspects.map(|one| format!("{} {} of {}", model.name(&one.address), one.led, one.blocks)).collect();
    (!told.is_empty()).then(|| format!("Blocks led beyond all chance: {}", listed(&told)))
}

/// How many more may fall away.
fn spare(model: &Model, present: u64, total: u64) -> Option<String> {
    let mut stakes: Vec<_> = model.members().iter().map(|member| member.stake.micros()).collect();
    stakes.sort_unstable_by(|a, b| b.cmp(a));
    let largest = *stakes.first()?;
    (!decides(present.saturating_sub(largest), total)).then(|| "One more missing may stop it".into())
}

/// Nothing is wrong.
fn well(model: &Model, total: u64) -> String {
    let members = model.members().len();
    let voters = match (members, total) {
        (0, _) => "no validator is known".into(),
        (1, _) => "the only validator votes".into(),
        _ => format!("{} vote, {} of the stake", count(members, "validator"), percent(total, total)),
    };
    let watched = model.nodes.iter().filter(|node| node.is_up()).count();
    let Some(status) = model.guide_status().filter(|_| watched == 1) else { return voters };
    let role = match (&status.validator, status.voting) {
        (Some(_), true) => "",
        (Some(_), false) => "; its validator does not vote now",
        (None, _) => "; it observes",
    };
    format!("connected to {}; {voters}{role}", count(usize::try_from(status.peers).unwrap_or(0), "peer"))
}
