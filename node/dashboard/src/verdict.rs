//! The second line of the screen: one sentence that says how the network is, why, and what is needed. Pure.
//!
//! Always true: what is worse is said first: an alarm before a standstill, a standstill before a gap, a gap before all is
//! well; a number in it is of now, or the sentence says that it is not.
//! Start reading at [`Verdict::of`].

use crate::groups::voters;
use crate::model::Model;
use crate::model::node::{Link, Node};
use crate::words::{any_of, count, names, percent, span, thousands};
use blockchat_client::shapes::{Phase, StatusView};
use blockchat_proto::keys::Address;
use blockchat_proto::units::UnixMillis;

/// Names shown in the sentence at most.
const NAMES_MAX: usize = 8;
/// A block that comes so long after the last vote was lost was decided before that.
const ON_ITS_WAY_MS: u64 = 1_500;
/// A height that takes so long, and so many times the usual wait, is slow.
const SLOW_MS: u64 = 10_000;
const SLOW_TIMES: u64 = 20;
/// What a node told of its votes longer ago than this says nothing of how slow it is now.
const TOLD_OF_LATE_MS: u64 = 3_000;
/// A member that a node has heard nothing of for so long, while a height is being decided, is away.
const UNHEARD_MS: u64 = 20_000;
/// So many blocks in a row without a signature: the member is away.
const UNSIGNED: usize = 5;

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
        two_blocks(model)
            .or_else(|| one_key_twice(model))
            .or_else(|| two_chains(model))
            .or_else(|| nobody(model))
            .or_else(|| update_needed(model))
            .or_else(|| catching_up(model))
            .or_else(|| stands_still(model))
            .or_else(|| slow(model))
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

fn two_blocks(model: &Model) -> Option<Verdict> {
    let (height, hashes) = model.chain.split.as_ref()?;
    let side = |(hash, nodes): (&blockchat_proto::hash::Hash32, &std::collections::BTreeSet<usize>)| {
        let nodes: Vec<_> = nodes.iter().copied().collect();
        format!("{} on {}", hash.short(), listed(&model.node_names(&nodes)))
    };
    let sides: Vec<_> = hashes.iter().map(side).collect();
    let needed = "Trust no payment above it; stop the nodes, keep their folders, compare their logs";
    Some(Verdict::new(
        Level::Alarm,
        format!("ALARM two blocks at height {}", thousands(*height)),
        [sides.join(", "), needed.into()],
    ))
}

/// Two processes that answer and vote with one key: their votes will contradict each other.
fn one_key_twice(model: &Model) -> Option<Verdict> {
    let voting = |index: usize| {
        let status = model.nodes[index].live().filter(|status| status.voting)?;
        Some((status.validator?, status.peer_id.clone()))
    };
    let mut found: Vec<(Address, String, usize)> =
        (0..model.nodes.len()).filter_map(|index| voting(index).map(|(key, peer)| (key, peer, index))).collect();
    found.sort();
    let pair = found.windows(2).find(|pair| pair[0].0 == pair[1].0 && pair[0].1 != pair[1].1)?;
    let both = model.node_names(&[pair[0].2, pair[1].2]);
    let why = format!("{} and {} vote with the key {}", both[0], both[1], pair[0].0.short());
    let needed = "Stop one of them now: a key that signs twice loses its stake".into();
    Some(Verdict::new(Level::Alarm, "ALARM one key signs on two nodes", [why, needed]))
}

fn two_chains(model: &Model) -> Option<Verdict> {
    let mut chains: Vec<(&str, Vec<usize>)> = vec![];
    for (index, status) in model.nodes.iter().enumerate().filter_map(|(index, node)| Some((index, node.live()?))) {
        match chains.iter_mut().find(|(chain, _)| *chain == status.chain) {
            Some((_, nodes)) => nodes.push(index),
            None => chains.push((&status.chain, vec![index])),
        }
    }
    (chains.len() > 1).then(|| {
        let side = |(chain, nodes): &(&str, Vec<usize>)| {
            format!("{} on {}", blockchat_host::text::line(chain), listed(&model.node_names(nodes)))
        };
        let why = chains.iter().map(side).collect::<Vec<_>>().join(", ");
        let needed = "They never meet: watch each chain by itself".into();
        Verdict::new(Level::Bad, "TWO CHAINS", [why, needed])
    })
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

/// How the stake is spread now.
struct Spread {
    /// Members that vote, or that nobody says are away.
    present: Vec<Address>,
    /// Members that are away, each with the reason and since when, if that is known.
    away: Vec<(Address, Option<UnixMillis>, String)>,
}

/// Where every member is: by its own node, if that is watched; else as the guide and the certificates tell.
fn spread(model: &Model) -> Spread {
    let mut spread = Spread { present: vec![], away: vec![] };
    let missing: &[Address] = match model.guide_status() {
        Some(status) if waits_in_earnest(model, status) => missing_of(status),
        _ => &[],
    };
    for member in model.members() {
        let away = match model.node_of(&member.address) {
            Some(node) => why_away(model, node),
            None if missing.contains(&member.address) || unheard(model, &member.address) => {
                Some((None, "is not heard".to_owned()))
            }
            None => None,
        };
        match away {
            Some((since, why)) => spread.away.push((member.address, since, why)),
            None => spread.present.push(member.address),
        }
    }
    spread
}

/// The members that a node waits for.
fn missing_of(status: &StatusView) -> &[Address] {
    match &status.phase {
        Phase::WaitingForStake { missing, .. } => missing,
        _ => &[],
    }
}

/// A node with a link to everybody that has only just begun a height hears of the others in a moment.
fn waits_in_earnest(model: &Model, status: &StatusView) -> bool {
    let linked = usize::try_from(status.peers).unwrap_or(usize::MAX) + 1 >= status.validators.len();
    let long = model.now.since(status.undecided_since.unwrap_or(status.tip_time)) > UNHEARD_MS;
    !linked || long
}

/// Why the validator of this node casts no vote that counts with the largest group; nothing if it does.
fn why_away(model: &Model, node: usize) -> Option<(Option<UnixMillis>, String)> {
    let row = &model.nodes[node];
    if let Link::Down { since, why, .. } = &row.link {
        // An API that cannot be reached proves little: its votes may be in the certificates all the same.
        let signs = row.validator().is_some_and(|validator| signed_since(model, &validator, *since));
        return (!signs).then(|| (Some(*since), format!("does not answer: {why}")));
    }
    let status = row.live()?;
    if matches!(status.phase, Phase::CatchingUp { .. }) {
        return Some((row.behind_since, "catches up".into()));
    }
    if model.groups.is_cut() && model.groups.of_node(node) != Some(0) {
        return Some((None, "is cut off".into()));
    }
    (!status.voting).then(|| (None, status.silence.clone().unwrap_or_else(|| "does not vote".into())))
}

/// Did it sign a height that came after this moment?
fn signed_since(model: &Model, validator: &Address, since: UnixMillis) -> bool {
    let later =
        model.chain.newest().take_while(|(_, seen)| seen.came.is_none_or(|came| came > since.plus(ON_ITS_WAY_MS)));
    later.filter(|(_, seen)| seen.came.is_some()).any(|(_, seen)| seen.signed.get(validator) == Some(&true))
}

/// Does a node that answers hear nothing of this member, or do the last certificates lack it?
fn unheard(model: &Model, member: &Address) -> bool {
    if model.guide_status().is_some_and(|status| status.silent.contains(member)) {
        return true;
    }
    let told: Vec<_> = model.chain.newest().filter_map(|(_, seen)| seen.signed.get(member)).take(UNSIGNED).collect();
    if !told.is_empty() {
        return told.len() == UNSIGNED && told.iter().all(|signed| !**signed);
    }
    let Some(view) = model.guide().and_then(|guide| model.nodes[guide].live_consensus(model.now)) else { return false };
    let seen = view.members.iter().find(|one| one.address == *member);
    let deciding = view.begun && view.now.since(view.since) > UNHEARD_MS;
    deciding && seen.is_some_and(|one| !one.own && one.heard.is_none_or(|heard| view.now.since(heard) > UNHEARD_MS))
}

/// More than two thirds?
fn decides(stake: u64, total: u64) -> bool {
    3 * u128::from(stake) > 2 * u128::from(total)
}

fn stands_still(model: &Model) -> Option<Verdict> {
    let spread = spread(model);
    let total = model.stake_total();
    let present = model.stake_of(&spread.present);
    if total == 0 || decides(present, total) {
        return None;
    }
    // A block that came after the stake was lost proves that somebody votes whom we do not see.
    let lost = spread.away.iter().filter_map(|(_, since, _)| *since).max();
    if let (Some(lost), Some(moved)) = (lost, model.chain.moved)
        && moved > lost.plus(ON_ITS_WAY_MS)
    {
        return None;
    }
    let why = if model.groups.is_cut() { cut(model, total) } else { missing(model, &spread, present, total) };
    // Before the stake was lost nobody waited: a network that rests has a block every ten seconds.
    let moved = model.chain.moved.or_else(|| Some(model.guide_status()?.tip_time)).unwrap_or(model.opened);
    let since = lost.map_or(moved, |lost| moved.max(lost));
    Some(Verdict::new(Level::Bad, "STANDS STILL", why).lasting(model.now.since(since)))
}

/// Two pieces or more, none of which has enough.
fn cut(model: &Model, total: u64) -> Vec<String> {
    let sizes: Vec<_> = model.groups.groups.iter().map(|group| group.len().to_string()).collect();
    let side = |group: &Vec<usize>| {
        let share = percent(model.stake_of(&voters(model, group)), total);
        format!("{} have {share}", listed(&model.node_names(group)))
    };
    let sides: Vec<_> = model.groups.groups.iter().map(side).collect();
    let down: Vec<_> = (0..model.nodes.len()).filter(|index| model.nodes[*index].is_down()).collect();
    let down = if down.is_empty() { String::new() } else { format!(", {} down", listed(&model.node_names(&down))) };
    vec![
        format!("split {}", sizes.join(" | ")),
        format!("{}{down}; 66.7 % needed", sides.join(", ")),
        "Nothing is lost; it goes on when a link returns".into(),
    ]
}

fn missing(model: &Model, spread: &Spread, present: u64, total: u64) -> Vec<String> {
    let away = model.names_of(spread.away.iter().map(|(address, ..)| address));
    let share = percent(total - present, total);
    let reasons: Vec<_> = spread.away.iter().map(|(_, _, why)| blockchat_host::text::line(why).into_owned()).collect();
    let one_reason = reasons.windows(2).all(|pair| pair[0] == pair[1]);
    let reason = reasons.first().filter(|_| one_reason).map(|why| format!(" ({why})")).unwrap_or_default();
    vec![
        format!("{} missing, {share} of the stake{reason}", listed(&away)),
        format!("{} vote with {}, 66.7 % needed", count(spread.present.len(), "validator"), percent(present, total)),
        format!("{}; nothing is lost", what_helps(model, spread, present, total)),
    ]
}

/// Whose return is enough.
fn what_helps(model: &Model, spread: &Spread, present: u64, total: u64) -> String {
    let stake = |address: &Address| model.stake_of([address]);
    let alone: Vec<_> =
        spread.away.iter().filter(|(address, ..)| decides(present.saturating_add(stake(address)), total)).collect();
    if !alone.is_empty() {
        let alone = model.names_of(alone.iter().map(|(address, ..)| address));
        return format!("It goes on when {} returns", any_of(&alone, 4));
    }
    let mut stakes: Vec<_> = spread.away.iter().map(|(address, ..)| stake(address)).collect();
    stakes.sort_unstable_by(|a, b| b.cmp(a));
    let mut sum = present;
    let needed = stakes.iter().take_while(|stake| {
        let short = !decides(sum, total);
        sum = sum.saturating_add(**stake);
        short
    });
    format!("It goes on when {} of them return", needed.count())
}

/// The stake is there, and still no block comes.
fn slow(model: &Model) -> Option<Verdict> {
    let view = model.nodes[model.guide()?].live_consensus(model.now).filter(|view| view.begun)?;
    let heard = model.nodes[model.guide()?].consensus.as_ref()?.at;
    if model.now.since(heard) > TOLD_OF_LATE_MS {
        return None;
    }
    let waits = view.now.since(view.since).saturating_add(model.now.since(heard));
    let usual = model.chain.usual_interval().unwrap_or(0);
    if waits < SLOW_MS.max(usual.min(SLOW_MS) * SLOW_TIMES / 10) {
        return None;
    }
    let total = view.stake_total.micros();
    let round = view.rounds.last();
    let why = round.map_or_else(
        || "no vote was heard yet".into(),
        |round| {
            let votes = percent(round.precommits.stake_proposal.micros(), total);
            let leader = model.name(&round.leader);
            match &round.proposal {
                None => format!("round {}, no proposal of {leader} yet", round.round),
                Some(_) => format!("round {}, {leader} proposed, {votes} precommit it, 66.7 % needed", round.round),
            }
        },
    );
    let state = format!("SLOW at block {}", thousands(view.height.0));
    Some(Verdict::new(Level::Warn, state, [why, "It goes on round by round".into()]).lasting(waits))
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
        let level = if why.len() > 1 { Level::Warn } else { Level::Good };
        return Verdict::new(level, "GOES ON", why);
    }
    let away = model.names_of(spread.away.iter().map(|(address, ..)| address));
    let since = spread.away.iter().filter_map(|(_, since, _)| *since).min();
    let mut why = vec![format!("{} of the stake votes, 66.7 % needed", percent(present, total))];
    why.extend(spare(model, present, total));
    why.extend(catching);
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
