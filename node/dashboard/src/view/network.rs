//! Connections between nodes: a matrix with the round trips of the chosen node, or every link as a line.

use super::nodes::{letter, sign};
use super::paint::{Pen, Role};
use super::sheet::Sheet;
use crate::groups::{Sees, link, sees};
use crate::words::{clipped, left, percent, right, round_trip};
use blockchat_host::text as safe;
use ratatui::text::{Line, Span};

/// The panel.
pub(super) fn sheet(pen: &Pen<'_>, width: usize, height: usize) -> Sheet {
    let links = pen.model.look.links;
    let sheet = Sheet::new("network").with_right(if links { "m: matrix" } else { "m: links" });
    if pen.model.nodes.is_empty() {
        return sheet.empty(pen, "nobody is there");
    }
    if pen.model.nodes.len() == 1 {
        peers(pen, sheet, width, height)
    } else if links {
        all_links(pen, sheet, height)
    } else {
        matrix(pen, sheet, width, height)
    }
}

fn matrix(pen: &Pen<'_>, mut sheet: Sheet, width: usize, height: usize) -> Sheet {
    let model = pen.model;
    let name = model.nodes.iter().map(|node| crate::words::width(&node.name)).max().unwrap_or(0).clamp(2, 10);
    let count = model.nodes.len().min(width.saturating_sub(name + 3) / 2).max(1);
    let digits: String = (0..count).map(|index| format!(" {}", index % 10)).collect();
    sheet.push(Span::styled(format!(" {} {digits}", " ".repeat(name)), pen.style(Role::Dim)));
    let groups = if model.groups.is_cut() { model.groups.groups.len() } else { 0 };
    for from in 0..model.nodes.len().min(height.saturating_sub(1 + groups)) {
        let mut spans = vec![Span::raw(format!(" {} ", left(&safe::line(&model.nodes[from].name), name)))];
        for to in 0..count {
            let sees = sees(model, from, to);
            let role = match sees {
                Sees::Own => Role::Dim,
                Sees::Yes => Role::Good,
                Sees::No | Sees::Silent => Role::Warn,
                Sees::Dead => Role::Bad,
                Sees::Unknown => Role::Dim,
            };
            spans.push(Span::styled(format!(" {}", sign(sees)), pen.style(role)));
        }
        sheet.push(Line::from(spans));
    }
    for (index, group) in model.groups.groups.iter().enumerate().take(groups) {
        let share = percent(model.stake_of(&crate::groups::voters(model, group)), model.stake_total());
        let text = format!(" {}  {share}  {}", letter(index), model.node_names(group).join(" "));
        sheet.push(Span::styled(clipped(&text, width), pen.style(Role::Warn)));
    }
    if height > model.nodes.len() + 2 + groups {
        let text = " ● sees  ◌ silent  · no link  ✕ down";
        sheet.push(Span::styled(clipped(text, width), pen.style(Role::Dim)));
    }
    sheet
}

/// Every pair that is linked, or was told to be by one side only.
fn all_links(pen: &Pen<'_>, mut sheet: Sheet, height: usize) -> Sheet {
    let model = pen.model;
    let mut shown = 0;
    for a in 0..model.nodes.len() {
        for b in a + 1..model.nodes.len() {
            let (there, back) = (link(model, a, b), link(model, b, a));
            let Some(peer) = there.or(back) else { continue };
            let latency = peer.latency_us.map(round_trip).unwrap_or_default();
            let one_sided = if there.is_some() && back.is_some() { "" } else { "  one side only" };
            let pair = format!(" {} {} {}", model.nodes[a].name, "─", model.nodes[b].name);
            let text = format!("{} {}{one_sided}", left(&safe::line(&pair), 22), right(&latency, 9));
            if shown >= model.look.scroll && sheet.lines.len() < height {
                sheet.push(text);
            }
            shown += 1;
        }
    }
    if sheet.lines.is_empty() { sheet.empty(pen, "no two of these nodes are connected") } else { sheet }
}

/// One node is watched: its peers.
fn peers(pen: &Pen<'_>, mut sheet: Sheet, width: usize, height: usize) -> Sheet {
    let node = &pen.model.nodes[0];
    let Some(heard) = node.peers.as_ref() else { return sheet.empty(pen, "it did not tell of its peers yet") };
    sheet.title = format!("peers of {}", safe::line(&node.name));
    sheet.right = heard.value.len().to_string();
    let sheet_age = pen.model.now.since(heard.at);
    for peer in heard.value.iter().skip(pen.model.look.scroll).take(height) {
        let way = if peer.inbound { "in " } else { "out" };
        let latency = peer.latency_us.map(round_trip).unwrap_or_default();
        let id: String = peer.peer_id.chars().rev().take(8).collect::<Vec<_>>().into_iter().rev().collect();
        let text = format!(" …{id} {way} {} {}  {}", right(&latency, 8), peer.height, peer.source);
        sheet.push(clipped(&safe::line(&text), width));
    }
    let sheet = sheet.of_the_past((!node.is_up()).then_some(sheet_age));
    if sheet.lines.is_empty() { sheet.empty(pen, "it has no peers: nobody to decide with") } else { sheet }
}
