//! Sheets over the panels: the keys, or everything about one node.

use super::head::share;
use super::paint::{Pen, Role};
use super::sheet::Sheet;
use crate::keys::KEYS;
use crate::model::look::Panel;
use crate::model::node::{Link, Node};
use crate::words::{bytes, clipped, left, right, round_trip, span, thousands};
use blockchat_client::shapes::{NodeView, PeerView, StatusView};
use blockchat_host::text as safe;
use ratatui::text::{Line, Span};

/// The keys.
pub(super) fn help(pen: &Pen<'_>) -> Sheet {
    let mut sheet = Sheet::new("keys").with_right("Esc back");
    for (key, what) in KEYS {
        sheet.push(Line::from(vec![
            Span::styled(format!(" {key:<20}"), pen.style(Role::Accent)),
            Span::raw(format!("{what} ")),
        ]));
    }
    let panels: Vec<_> = Panel::ALL.iter().map(|panel| format!("{} {}", panel.key(), panel.title())).collect();
    for (at, some) in panels.chunks(4).enumerate() {
        let lead = if at == 0 { "panels" } else { "" };
        sheet.push(Line::from(vec![
            Span::styled(format!(" {lead:<20}"), pen.style(Role::Accent)),
            Span::raw(format!("{} ", some.join("  "))),
        ]));
    }
    for signs in [
        " ● well  ○ does not vote  ◌ waits for stake  ✕ down  ★ leads  ↑ catches up ",
        " vote: prevote and precommit, each ✓ the block  n nil  ≠ another block  · none ",
    ] {
        sheet.push(Span::styled(signs, pen.style(Role::Dim)));
    }
    sheet.push(Span::styled(
        " Small screens give up panels, the last first: 1 3 5 4 6 2 b v i e o",
        pen.style(Role::Dim),
    ));
    sheet
}

/// All about the chosen node, in so much room.
pub(super) fn node(pen: &Pen<'_>, width: u16, height: u16) -> Sheet {
    let Some(node) = pen.model.nodes.get(pen.model.look.node) else {
        return Sheet::new("node").empty(pen, "no node is chosen");
    };
    let width = usize::from(width).saturating_sub(2);
    let room = usize::from(height).saturating_sub(2);
    let mut sheet = Sheet::new(safe::line(&node.name).into_owned()).with_right("Up/Down another  Esc back");
    let pair = |name: &str, value: String| {
        let value = safe::line(&value).into_owned();
        Line::from(vec![
            Span::styled(format!(" {} ", left(name, 9)), pen.style(Role::Dim)),
            Span::raw(clipped(&value, width.saturating_sub(11))),
        ])
    };
    sheet.push(pair("api", node.url.clone().unwrap_or_else(|| "not known yet".into())));
    match &node.link {
        Link::Unknown => sheet.push(pair("answers", "not asked yet".into())),
        Link::Up { since } => sheet.push(pair("answers", format!("since {}", span(pen.model.now.since(*since))))),
        Link::Down { since, why, ever } => {
            let word = if *ever { "not for" } else { "never, for" };
            sheet.push(pair("answers", format!("{word} {}: {why}", span(pen.model.now.since(*since)))));
        }
    }
    let old = if node.is_up() { None } else { node.status.as_ref().map(|heard| pen.model.now.since(heard.at)) };
    for (name, value) in node.status.iter().flat_map(|heard| of_status(pen, &heard.value)) {
        sheet.push(pair(name, value));
    }
    for (name, value) in node.process.iter().flat_map(|heard| of_process(node, &heard.value)) {
        sheet.push(pair(name, value));
    }
    let peers = node.peers.as_ref().map_or(&[][..], |heard| &heard.value);
    let log = node.log.len().min(8);
    let left_for_peers = room.saturating_sub(sheet.lines.len() + 1 + log);
    if !peers.is_empty() && left_for_peers > 1 {
        sheet.push(Span::styled(" peers", pen.style(Role::Accent)));
        peers.iter().take(left_for_peers - 1).for_each(|peer| sheet.push(peer_line(pen, peer, width)));
    }
    let left_for_log = room.saturating_sub(sheet.lines.len() + 1);
    if log > 0 && left_for_log > 0 {
        sheet.push(Span::styled(" log", pen.style(Role::Accent)));
        node.log.iter().rev().take(left_for_log).for_each(|line| sheet.push(super::log::line(pen, line, width)));
    }
    sheet.of_the_past(old)
}

fn of_status(pen: &Pen<'_>, status: &StatusView) -> Vec<(&'static str, String)> {
    let validator = status.validator.map_or("none: it observes".into(), |own| {
        let votes = if status.voting { "votes" } else { "does not vote now" };
        format!("{own}, {} of the stake, {votes}", share(pen, pen.model.stake_of([&own])))
    });
    let mut all = vec![
        ("peer id", status.peer_id.clone()),
        ("validator", validator),
        ("block", format!("{}  {}", thousands(status.height.0), status.tip)),
        ("state", status.state_root.to_string()),
        ("listens", status.listen.join(" ")),
        ("rules", format!("version {}, knows {}", status.rules.version, status.rules.known)),
        ("traffic", format!("{} in, {} out", bytes(status.traffic.received_bytes), bytes(status.traffic.sent_bytes))),
    ];
    all.extend(status.silence.clone().map(|why| ("silent", why)));
    all
}

fn of_process(node: &Node, view: &NodeView) -> Vec<(&'static str, String)> {
    let known = |value: Option<u64>, shown: fn(u64) -> String| value.map_or("-".into(), shown);
    let cpu = node.cpu_permille.map(|it| format!(", {}.{} % of a core", it / 10, it % 10)).unwrap_or_default();
    let commit = view.commit.as_ref().map(|commit| format!(", commit {commit}")).unwrap_or_default();
    let dropped: Vec<_> = view
        .queues
        .iter()
        .filter(|queue| queue.dropped > 0)
        .map(|queue| format!("{} {}", queue.name, queue.dropped))
        .collect();
    let mut all = vec![
        ("program", format!("version {}{commit}, up {}", view.version, span(view.uptime_ms))),
        ("memory", format!("{}{cpu}", known(view.memory_bytes, bytes))),
        ("disk", format!("{} used, {} free", known(view.disk_bytes, bytes), known(view.disk_free_bytes, bytes))),
        ("files", format!("{} open of {}", known(view.open_files, thousands), known(view.open_files_max, thousands))),
    ];
    if !dropped.is_empty() {
        all.push(("dropped", dropped.join(", ")));
    }
    all
}

fn peer_line(pen: &Pen<'_>, peer: &PeerView, width: usize) -> Line<'static> {
    let model = pen.model;
    let named =
        model.nodes.iter().find(|node| node.status.as_ref().is_some_and(|heard| heard.value.peer_id == peer.peer_id));
    let name = named.map_or_else(
        || peer.peer_id.chars().skip(peer.peer_id.chars().count().saturating_sub(10)).collect::<String>(),
        |node| node.name.clone(),
    );
    let way = if peer.inbound { "in " } else { "out" };
    let latency = peer.latency_us.map(round_trip).unwrap_or_else(|| "-".into());
    let since = peer.connected_since.map(|since| format!(" for {}", span(model.now.since(since)))).unwrap_or_default();
    let faults = if peer.score.points_milli > 0 {
        format!("  faults {}", peer.score.points_milli / 1_000)
    } else {
        String::new()
    };
    let text = format!(
        " {} {way} {} block {} {}{since}  {}{faults}",
        left(&safe::line(&name), 12),
        right(&latency, 8),
        peer.height,
        peer.source,
        safe::line(peer.client.as_deref().unwrap_or(&peer.address)),
    );
    Line::raw(clipped(&text, width))
}
