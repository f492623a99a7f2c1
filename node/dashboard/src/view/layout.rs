//! Which panels there is room for, and where. Pure.
//!
//! The order in which panels are given up, the last one first: nodes, round, timeline, signers, speed, network, blocks,
//! validators, my messages, log, pool. The chosen panel stands second, however small the screen is. Start reading at
//! [`places`].

use crate::model::Model;
use crate::model::look::Panel;
use ratatui::layout::Rect;

/// From so many columns on, two panels stand beside each other.
const TWO_FROM: u16 = 116;
/// From so many, three.
const THREE_FROM: u16 = 150;
/// Columns of the network beside the nodes.
const NETWORK_COLUMNS: u16 = 40;

/// Panels beside each other.
struct Row {
    panels: Vec<Panel>,
    least: u16,
    wanted: u16,
}

/// Every panel that is shown, with its place.
pub(crate) fn places(model: &Model, body: Rect) -> Vec<(Panel, Rect)> {
    if let Some(panel) = model.look.focus.filter(|_| model.look.zoom) {
        return vec![(panel, body)];
    }
    let rows = fitting(model, body);
    let mut y = body.y;
    let mut found = vec![];
    for (row, height) in heights(rows, body.height) {
        let area = Rect { y, height, ..body };
        found.extend(beside(&row.panels, area));
        y += height;
    }
    found
}

/// The rows that fit with their least height, most important first, then in the order of the screen.
fn fitting(model: &Model, body: Rect) -> Vec<Row> {
    let (mut rows, mut left) = (vec![], body.height);
    for panels in wanted_rows(model, body.width) {
        let least = panels.iter().map(|panel| least(model, *panel, body.height)).max().unwrap_or(0);
        let wanted = panels.iter().map(|panel| wanted(model, *panel)).max().unwrap_or(0).max(least);
        if least > left && !rows.is_empty() {
            break;
        }
        left = left.saturating_sub(least);
        rows.push(Row { panels, least: least.min(body.height), wanted });
    }
    rows
}

/// Rows by importance.
fn wanted_rows(model: &Model, width: u16) -> Vec<Vec<Panel>> {
    use Panel::{Blocks, Log, Messages, Network, Nodes, Pool, Round, Signed, Speed, Story, Validators};
    let mut order = match width {
        THREE_FROM.. => vec![
            vec![Nodes, Network],
            vec![Round, Signed],
            vec![Story, Speed],
            if model.wallet.is_some() { vec![Blocks, Messages, Log] } else { vec![Blocks, Validators, Log] },
            if model.wallet.is_some() { vec![Validators, Pool] } else { vec![Pool] },
        ],
        TWO_FROM.. => vec![
            vec![Nodes],
            vec![Round, Signed],
            vec![Story, Speed],
            vec![Network, Blocks],
            vec![Validators, if model.wallet.is_some() { Messages } else { Log }],
        ],
        _ => {
            let mut order = vec![Nodes, Round, Story, Signed, Speed, Network, Blocks, Validators];
            order.extend(model.wallet.is_some().then_some(Messages));
            order.extend([Log, Pool]);
            order.into_iter().map(|panel| vec![panel]).collect()
        }
    };
    if let Some(focus) = model.look.focus {
        match order.iter().position(|row| row.contains(&focus)) {
            Some(0) => {}
            Some(at) => {
                let row = order.remove(at);
                order.insert(1, row);
            }
            None => order.insert(1, vec![focus]),
        }
    }
    order
}

fn count(number: usize) -> u16 {
    u16::try_from(number).unwrap_or(u16::MAX / 2)
}

/// Lines that it needs to say anything, its frame included.
fn least(model: &Model, panel: Panel, body: u16) -> u16 {
    match panel {
        // All nodes, but no more than half of the screen.
        Panel::Nodes => (count(model.nodes.len()).max(1) + 3).min(body.div_ceil(2).max(6)),
        Panel::Round => 5,
        Panel::Signed => (count(model.members().len()) + 3).clamp(4, 9),
        Panel::Network => (count(model.nodes.len()) + 3).clamp(5, 9),
        Panel::Speed => 5,
        Panel::Story | Panel::Blocks | Panel::Validators | Panel::Pool | Panel::Messages | Panel::Log => 4,
    }
}

/// Lines with which it says all that it can, or enough of it.
fn wanted(model: &Model, panel: Panel) -> u16 {
    match panel {
        Panel::Nodes => count(model.nodes.len()).max(1) + 3,
        Panel::Network => count(model.nodes.len()) + 5,
        Panel::Round => 2 + 4 * count(model.groups.groups.len().clamp(1, 3)),
        Panel::Signed | Panel::Validators => (count(model.members().len()) + 3).min(24),
        Panel::Speed => 10,
        Panel::Story => 10,
        Panel::Blocks | Panel::Messages | Panel::Log | Panel::Pool => 8,
    }
}

/// Every row with its height: at least what it needs, then what it wants, then the rest for the lists.
fn heights(rows: Vec<Row>, height: u16) -> Vec<(Row, u16)> {
    let mut left = height.saturating_sub(rows.iter().map(|row| row.least).sum());
    let mut found: Vec<_> = rows.into_iter().map(|row| (row.least, row)).map(|(least, row)| (row, least)).collect();
    for (row, height) in &mut found {
        let more = row.wanted.saturating_sub(*height).min(left);
        *height += more;
        left -= more;
    }
    let grows = |row: &Row| row.panels.iter().any(|panel| matches!(panel, Panel::Story | Panel::Blocks | Panel::Log));
    let lists: Vec<_> = (0..found.len()).filter(|at| grows(&found[*at].0)).collect();
    let lists = if lists.is_empty() { vec![found.len().saturating_sub(1)] } else { lists };
    let share = left / count(lists.len()).max(1);
    for at in &lists {
        if let Some((_, height)) = found.get_mut(*at) {
            *height += share;
            left -= share;
        }
    }
    if let Some((_, height)) = lists.last().and_then(|at| found.get_mut(*at)) {
        *height += left;
    }
    found
}

/// Panels of one row beside each other.
fn beside(panels: &[Panel], area: Rect) -> Vec<(Panel, Rect)> {
    let mut x = area.x;
    let mut found = vec![];
    for (at, panel) in panels.iter().enumerate() {
        let left = area.right() - x;
        let width = match (panels, at) {
            (_, _) if at + 1 == panels.len() => left,
            ([Panel::Nodes, Panel::Network], _) => left - NETWORK_COLUMNS,
            _ => left / (count(panels.len()) - count(at)),
        };
        found.push((*panel, Rect { x, width, ..area }));
        x += width;
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::place::Names;
    use blockchat_proto::units::UnixMillis;

    fn shown(width: u16, height: u16, focus: Option<Panel>) -> Vec<(Panel, Rect)> {
        let mut model = Model::new(UnixMillis(0), Names::new(), None);
        model.look.focus = focus;
        places(&model, Rect { x: 0, y: 2, width, height })
    }

    #[test]
    fn panels_fill_the_body_and_never_overlap_whatever_its_size() {
        for width in [60, 80, 115, 116, 149, 150, 240] {
            for height in 5..80 {
                for focus in [None, Some(Panel::Pool), Some(Panel::Nodes), Some(Panel::Log)] {
                    let all = shown(width, height, focus);
                    let area: u32 = all.iter().map(|(_, area)| area.area()).sum();
                    assert_eq!(area, u32::from(width) * u32::from(height), "{width}x{height}: {all:?}");
                    assert!(all.iter().all(|(_, area)| area.bottom() <= height + 2 && area.right() <= width));
                    assert!(focus.is_none_or(|focus| height < 11 || all.iter().any(|(it, _)| *it == focus)));
                }
            }
        }
    }

    #[test]
    fn a_smaller_screen_gives_up_panels_from_the_end_of_the_order() {
        let panels = |height| shown(80, height, None).into_iter().map(|(panel, _)| panel).collect::<Vec<_>>();
        let all = panels(70);
        assert_eq!(all[..3], [Panel::Nodes, Panel::Round, Panel::Story]);
        for height in 5..70 {
            assert!(all.starts_with(&panels(height)), "{height}");
        }
    }
}
