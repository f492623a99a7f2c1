//! The nodes: a row each, whether it answers or not.

use super::paint::{Pen, Role};
use super::sheet::{Column, Sheet, cell, fitting, head, number, text, window};
use crate::groups::{Sees, sees};
use crate::model::Model;
use crate::model::look::Sort;
use crate::model::node::{Link, Node};
use crate::verdict::waits_in_earnest;
use crate::words::{bytes, percent, round_trip, span, thousands};
use blockchat_client::shapes::{Phase, StatusView, VoteView};
use blockchat_host::text as safe;
use ratatui::style::Style;
use ratatui::text::{Line, Span};

/// Most nodes that are shown as a matrix: a column each.
const MATRIX_MAX: usize = 16;

/// Which column is which.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum What {
    Name,
    State,
    Height,
    Behind,
    Sees,
    Peers,
    Latency,
    Mesh,
    Round,
    Votes,
    Final,
    Pool,
    Stake,
    Led,
    Missed,
    Up,
    Memory,
    Cpu,
}

fn columns(model: &Model) -> Vec<(What, Column)> {
    let longest = model.nodes.iter().map(|node| crate::words::width(&node.name)).max().unwrap_or(0);
    let matrix = model.nodes.len().clamp(4, MATRIX_MAX);
    vec![
        (What::Name, text("node", longest.clamp(4, 16) + if model.groups.is_cut() { 2 } else { 0 }, 0)),
        (What::State, text("state", 18, 1)),
        (What::Height, number("height", 9, 2)),
        (What::Behind, number("behind", 6, 3)),
        (What::Sees, text("sees", matrix, 4)),
        (What::Peers, text("peers", 8, 11)),
        (What::Latency, number("rtt", 8, 9)),
        (What::Mesh, number("mesh", 5, 13)),
        (What::Round, number("rd", 2, 8)),
        (What::Votes, text("vote", 4, 5)),
        (What::Final, number("final", 7, 6)),
        (What::Pool, number("pool", 6, 12)),
        (What::Stake, number("stake", 7, 7)),
        (What::Led, number("led/fair", 9, 10)),
        (What::Missed, number("missed", 6, 14)),
        (What::Up, number("up", 6, 15)),
        (What::Memory, number("memory", 7, 16)),
        (What::Cpu, number("cpu", 6, 17)),
    ]
}

/// The nodes in the order in which they are shown.
pub(crate) fn order(model: &Model) -> Vec<usize> {
    let mut order: Vec<_> =
        (0..model.nodes.len()).filter(|index| model.look.finds(&model.nodes[*index].name)).collect();
    let stake = |index: usize| model.nodes[index].validator().map_or(0, |own| model.stake_of([&own]));
    match model.look.sort {
        Sort::Name => {}
        Sort::Height => order.sort_by_key(|index| model.nodes[*index].height()),
        Sort::Stake => order.sort_by_key(|index| std::cmp::Reverse(stake(*index))),
        Sort::Trouble => order.sort_by_key(|index| (trouble(model, *index), model.groups.of_node(*index))),
    }
    order
}

/// The worst is 0.
fn trouble(model: &Model, index: usize) -> u8 {
    match state_of(model, index) {
        State::Twice | State::Barred | State::Down(_) | State::Update => 0,
        State::Behind => 1,
        State::Silent => 2,
        _ => 3,
    }
}

/// A node's activity, as shown in its row.
#[derive(Clone, Debug, PartialEq, Eq)]
enum State {
    Asking,
    Down(String),
    /// Another node signs with its key.
    Twice,
    Barred,
    Update,
    Behind,
    Waits,
    Silent,
    Leads(u64),
    Deciding,
    Idle,
    Observes,
    Odd,
}

fn state_of(model: &Model, index: usize) -> State {
    let node = &model.nodes[index];
    let status = match (&node.link, &node.status) {
        (Link::Down { since, ever: true, .. }, _) => {
            return State::Down(format!("no answer {}", span(model.now.since(*since))));
        }
        (Link::Down { .. }, _) => return State::Down("never answered".into()),
        (Link::Up { .. }, Some(status)) => &status.value,
        _ => return State::Asking,
    };
    if status.key_elsewhere {
        return State::Twice;
    }
    match &status.phase {
        Phase::UpdateNeeded { .. } => State::Update,
        Phase::CatchingUp { .. } => State::Behind,
        Phase::WaitingForStake { .. } if !is_ahead(model, status) => State::Waits,
        _ if status.validator.is_none() => State::Observes,
        _ if status.validator.is_some_and(|own| status.barred.contains(&own)) => State::Barred,
        _ if !status.voting => State::Silent,
        Phase::Deciding | Phase::Idle | Phase::WaitingForStake { .. }
            if status.leader.is_some() && status.leader == status.validator =>
        {
            State::Leads(status.height.next().0)
        }
        Phase::Deciding | Phase::WaitingForStake { .. } => State::Deciding,
        Phase::Idle => State::Idle,
        Phase::Unknown => State::Odd,
    }
}

/// Has it begun a height while others rest? The leader after a full block proposes at once, and waits for them.
fn is_ahead(model: &Model, status: &StatusView) -> bool {
    let rests = |other: &StatusView| other.height == status.height && other.phase == Phase::Idle;
    !waits_in_earnest(model, status) && model.nodes.iter().filter_map(Node::live).any(rests)
}

/// Its sign, words and colour.
fn shown(state: State) -> (String, Role) {
    let (sign, words, role) = match state {
        State::Asking => ("…", "asking".into(), Role::Dim),
        State::Down(words) => ("✕", words, Role::Bad),
        State::Twice => ("■", "key used twice".into(), Role::Bad),
        State::Barred => ("■", "barred".into(), Role::Bad),
        State::Update => ("■", "needs an update".into(), Role::Bad),
        State::Behind => ("↑", "catches up".into(), Role::Warn),
        State::Waits => ("◌", "waits for stake".into(), Role::Warn),
        State::Silent => ("○", "does not vote".into(), Role::Warn),
        State::Leads(height) => ("★", format!("leads {}", thousands(height)), Role::Accent),
        State::Deciding => ("●", "deciding".into(), Role::Good),
        State::Idle => ("●", "at the tip".into(), Role::Good),
        State::Observes => ("○", "observes".into(), Role::Good),
        State::Odd => ("…", "unknown".into(), Role::Dim),
    };
    (format!("{} {words}", sign), role)
}

/// The panel.
pub(super) fn sheet(pen: &Pen<'_>, width: usize, height: usize) -> Sheet {
    let model = pen.model;
    let up = model.nodes.iter().filter(|node| node.is_up()).count();
    let cut = if model.groups.is_cut() { format!(", in {} groups", model.groups.groups.len()) } else { String::new() };
    let mut sheet = Sheet::new(format!("nodes {up}/{}{cut}", model.nodes.len()));
    sheet.right = format!("sort: {}", model.look.sort.name());
    if model.nodes.is_empty() {
        return sheet.empty(pen, "no node is known yet: start one, and its row appears here");
    }
    let columns = columns(model);
    let plain: Vec<_> = columns.iter().map(|(_, column)| *column).collect();
    let kept = fitting(&plain, width.saturating_sub(1));
    let mut titles = head(pen, &plain, &kept);
    titles.spans.insert(0, Span::raw(" "));
    sheet.push(titles);
    let order = order(model);
    let chosen = order.iter().position(|node| *node == model.look.node).unwrap_or(0);
    for at in window(order.len(), chosen, height.saturating_sub(1)) {
        let index = order[at];
        sheet.push(row(pen, &columns, &kept, index, index == model.look.node));
    }
    if order.is_empty() {
        return sheet.empty(pen, format!("no node is called {:?}: Esc shows all", model.look.find));
    }
    sheet
}

fn row(pen: &Pen<'_>, columns: &[(What, Column)], kept: &[usize], index: usize, chosen: bool) -> Line<'static> {
    let mut spans = vec![Span::raw(if chosen { "▸ " } else { "  " })];
    for (place, at) in kept.iter().enumerate() {
        let (what, column) = &columns[*at];
        let (value, style) = value(pen, *what, index);
        let gap = if place == 0 { "" } else { " " };
        spans.push(Span::raw(gap));
        spans.push(Span::styled(cell(column, &value), style));
    }
    let line = Line::from(spans);
    // The choice is shown by its sign and in bold: reversed, the colours of a row would mean something else.
    if chosen { line.style(Style::new().add_modifier(ratatui::style::Modifier::BOLD)) } else { line }
}

/// A cell: what it says and how it looks. A node that does not answer says nothing but what is known to be old.
fn value(pen: &Pen<'_>, what: What, index: usize) -> (String, Style) {
    let (model, node) = (pen.model, &pen.model.nodes[index]);
    let (plain, dim) = (pen.style(Role::Plain), pen.style(Role::Dim));
    match what {
        What::Name => {
            let group = model.groups.of_node(index).filter(|_| model.groups.is_cut());
            let letter = group.map_or(String::new(), |group| format!("{} ", letter(group)));
            let style = if node.is_down() { pen.style(Role::Bad) } else { plain };
            return (format!("{letter}{}", safe::line(&node.name)), style);
        }
        What::State => {
            let (words, role) = shown(state_of(model, index));
            return (words, pen.style(role));
        }
        What::Sees => return (matrix_row(pen, index), plain),
        What::Height => {
            let old = if node.is_up() { "" } else { "?" };
            let height = node.height().map_or("-".into(), |height| thousands(height) + old);
            return (height, if node.is_up() { plain } else { dim });
        }
        What::Behind => return behind(pen, node),
        What::Stake => {
            let own = node.validator().map(|own| model.stake_of([&own]));
            let share = own.map_or("-".into(), |own| percent(own, model.stake_total()));
            return (share, plain);
        }
        What::Led if is_suspect(model, node) => return (format!("{}!", led(model, node)), pen.style(Role::Bad)),
        What::Led => return (led(model, node), plain),
        What::Missed => return missed(pen, node),
        _ => {}
    }
    let said = live_value(model, what, index).unwrap_or_else(|| "-".into());
    let style = if said == "-" { dim } else { plain };
    (said, style)
}

/// Columns that need an answer of the node.
fn live_value(model: &Model, what: What, index: usize) -> Option<String> {
    let node = &model.nodes[index];
    let status = node.live()?;
    let peers = node.peers.as_ref().map(|heard| &heard.value);
    Some(match what {
        What::Peers => {
            let inbound = peers.map(|peers| peers.iter().filter(|peer| peer.inbound).count());
            format!("{}{}", status.peers, inbound.map(|inbound| format!(" ({inbound}in)")).unwrap_or_default())
        }
        What::Latency => {
            let mut all: Vec<_> = peers?.iter().filter_map(|peer| peer.latency_us).collect();
            all.sort_unstable();
            round_trip(*all.get(all.len() / 2)?)
        }
        What::Mesh => {
            let peers = peers.filter(|peers| peers.iter().any(|peer| !peer.topics.is_empty()))?;
            let mesh = |topic: &blockchat_client::shapes::PeerTopicView| topic.topic == "votes" && topic.mesh;
            let inside = peers.iter().filter(|peer| peer.topics.iter().any(mesh)).count();
            format!("{inside}/{}", peers.len())
        }
        What::Round => status.round.to_string(),
        What::Votes => own_votes(model, index)?,
        What::Final => {
            let moved = node.moved.filter(|moved| *moved > node.watched.plus(500)).unwrap_or(status.tip_time);
            span(model.now.since(moved))
        }
        What::Pool => thousands(u64::from(status.pool_transactions)),
        What::Up => span(model.now.since(status.started)),
        What::Memory => bytes(node.process.as_ref()?.value.memory_bytes?),
        What::Cpu => {
            let permille = node.cpu_permille?;
            format!("{}.{} %", permille / 10, permille % 10)
        }
        _ => return None,
    })
}

/// Prevote and precommit of its own validator in its round.
fn own_votes(model: &Model, index: usize) -> Option<String> {
    let view = model.nodes[index].live_consensus(model.now)?;
    let own = view.members.iter().position(|member| member.own)?;
    let Some(round) = view.rounds.last() else { return Some("··".into()) };
    let sign = |vote: Option<&VoteView>| match vote {
        Some(VoteView::Proposal) => '✓',
        Some(VoteView::Nil) => 'n',
        Some(VoteView::Other { .. } | VoteView::Unknown) => '≠',
        Some(VoteView::Unheard) | None => '·',
    };
    Some([sign(round.prevotes.votes.get(own)), sign(round.precommits.votes.get(own))].iter().collect())
}

/// Blocks behind the highest; of a node that does not answer, as it was.
fn behind(pen: &Pen<'_>, node: &Node) -> (String, Style) {
    let (Some(tip), Some(height)) = (pen.model.chain.tip(), node.height()) else {
        return ("-".into(), pen.style(Role::Dim));
    };
    let target = node.target().map_or(tip, |target| target.0.max(tip));
    let behind = target.saturating_sub(height);
    if !node.is_up() {
        return (format!("{}?", thousands(behind)), pen.style(Role::Dim));
    }
    // One block is how far any two nodes are apart.
    (thousands(behind), pen.style(if behind > 1 { Role::Warn } else { Role::Plain }))
}

/// Does its validator lead more than chance explains?
fn is_suspect(model: &Model, node: &Node) -> bool {
    let leaders = model.guide_status().map_or(&[][..], |status| &status.leaders);
    leaders.iter().any(|one| one.suspect && Some(one.address) == node.validator())
}

/// Led blocks of those counted, and the share that its stake makes fair: `10/8.2`.
fn led(model: &Model, node: &Node) -> String {
    let Some(own) = node.validator() else { return "-".into() };
    let row = model.validators.as_ref().and_then(|heard| heard.value.iter().find(|row| row.address == own));
    let (led, counted, fair_ppm) = match row {
        Some(row) => (u64::from(row.led), u64::from(row.counted), u64::from(row.fair_ppm)),
        None => {
            let (led, counted) = model.chain.led(&own, crate::model::chain::HEIGHTS_MAX);
            let ppm = model.stake_of([&own]).saturating_mul(1_000) / (model.stake_total() / 1_000).max(1);
            (led as u64, counted as u64, ppm)
        }
    };
    if counted == 0 {
        return "-".into();
    }
    let fair_tenths = fair_ppm * counted / 100_000;
    format!("{led}/{}.{}", fair_tenths / 10, fair_tenths % 10)
}

fn missed(pen: &Pen<'_>, node: &Node) -> (String, Style) {
    let rows = pen.model.validators.as_ref();
    let row = node.validator().and_then(|own| rows?.value.iter().find(|row| row.address == own));
    let Some(row) = row else { return ("-".into(), pen.style(Role::Dim)) };
    let role = if row.missed_in_a_row > 3 { Role::Warn } else { Role::Plain };
    (thousands(u64::from(row.missed)), pen.style(role))
}

/// Its connections, one sign per node in the order of names; of many nodes, their number.
fn matrix_row(pen: &Pen<'_>, from: usize) -> String {
    let all = 0..pen.model.nodes.len();
    if all.len() > MATRIX_MAX {
        let seen = all.filter(|to| matches!(sees(pen.model, from, *to), Sees::Yes)).count();
        return format!("{seen}/{}", pen.model.nodes.len() - 1);
    }
    all.map(|to| sign(sees(pen.model, from, to))).collect()
}

/// The sign in a matrix.
pub(super) fn sign(sees: Sees) -> &'static str {
    match sees {
        Sees::Own | Sees::Yes => "●",
        Sees::No => "·",
        Sees::Silent => "◌",
        Sees::Dead => "✕",
        Sees::Unknown => "…",
    }
}

/// The letter of a group: A has most stake.
pub(super) fn letter(group: usize) -> char {
    u32::try_from(group)
        .ok()
        .and_then(|group| char::from_u32(65 + group))
        .filter(char::is_ascii_uppercase)
        .unwrap_or('+')
}
