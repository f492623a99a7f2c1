//! The live table of `up --watch`: leader, heights, killed nodes, nodes that catch up.
//!
//! Pure, except for the requests of [`look`]: the picture shows the statuses of the nodes and the state of their processes.
//! 80 columns are enough.

use crate::load::board::Counts;
use crate::network::Network;
use crate::processes::supervise::NodeState;
use blockchat_client::shapes::{Phase, StatusView};
use std::collections::BTreeMap;

/// Maximum width of a line in characters, without the margin of the screen.
pub const WIDTH: usize = 76;
/// Columns of the bar of heights.
const BAR: usize = 20;

/// One node, as a row shows it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Row {
    /// `idN`.
    pub name: String,
    /// Height of its last final block; `None` while it does not answer.
    pub height: Option<u64>,
    /// Its activity, in a word or two.
    pub doing: String,
    /// Number of peers.
    pub peers: Option<u32>,
    /// Number of blocks that it led.
    pub led: u64,
}

/// The current statuses of all nodes.
pub async fn look(network: &Network, led: &BTreeMap<String, u64>) -> Vec<Row> {
    let statuses = network.statuses().await;
    let leader = network.leader(&statuses);
    let best = statuses.iter().flatten().map(|status| status.height.0).max().unwrap_or_default();
    let row = |(node, status): (usize, &Option<StatusView>)| {
        let name = network.name_of(node);
        let state = network.nodes[node].watched.state.borrow().clone();
        Row {
            height: status.as_ref().map(|status| status.height.0),
            doing: doing(&state, status.as_ref(), leader == Some(node), best),
            peers: status.as_ref().map(|status| status.peers),
            led: led.get(&name).copied().unwrap_or_default(),
            name,
        }
    };
    statuses.iter().enumerate().map(row).collect()
}

fn doing(state: &NodeState, status: Option<&StatusView>, leads: bool, best: u64) -> String {
    match (state, status) {
        (NodeState::Down, _) => "killed, starts again soon".into(),
        (NodeState::Failed(_), _) => "cannot be started".into(),
        (_, None) => "does not answer".into(),
        (_, Some(status)) => match &status.phase {
            Phase::CatchingUp { target } => format!("catches up, to block {target}"),
            Phase::WaitingForStake { online_percent, .. } => format!("waits: {online_percent} % online"),
            _ if status.height.0 + 1 < best => format!("{} blocks behind", best - status.height.0),
            _ if leads => "leads the next block".into(),
            _ => "votes".into(),
        },
    }
}

/// The lines of the picture.
pub fn lines(rows: &[Row], counts: &Counts) -> Vec<String> {
    let best = rows.iter().filter_map(|row| row.height).max().unwrap_or_default();
    let mut lines = vec![format!("{:<6}{:>8}  {:<BAR$}  {:<26}{:>5}{:>6}", "node", "height", "", "", "peers", "led")];
    lines.extend(rows.iter().map(|row| {
        let height = row.height.map_or("-".into(), |height| height.to_string());
        let peers = row.peers.map_or("-".into(), |peers| peers.to_string());
        let bar = "━".repeat(part(row.height.unwrap_or_default(), best));
        format!("{:<6}{height:>8}  {bar:<BAR$}  {:<26}{peers:>5}{:>6}", row.name, clip(&row.doing, 25), row.led)
    }));
    let refused = counts.refused_total();
    lines.push(format!("{} of {} lines final, {refused} refused", counts.finalised, counts.lines));
    lines
}

/// Filled columns of the bar.
fn part(height: u64, best: u64) -> usize {
    let full = u128::from(height) * (BAR as u128) / u128::from(best.max(1));
    usize::try_from(full).unwrap_or(BAR).min(BAR)
}

fn clip(text: &str, most: usize) -> String {
    text.chars().take(most).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row(name: &str, height: Option<u64>, doing: &str) -> Row {
        Row { name: name.into(), height, doing: doing.into(), peers: height.map(|_| 4), led: 3 }
    }

    #[test]
    fn the_picture_fits_into_eighty_columns_whatever_happens() {
        let rows = [
            row("id0", Some(26), "leads the next block"),
            row("id1", Some(13), "catches up, to block 26"),
            row("id2", None, "killed, starts again soon"),
            row("id127", Some(u64::MAX), "catches up, to block 18446744073709551615"),
        ];
        let counts = Counts { lines: 500, finalised: 312, ..Counts::default() };
        let picture = lines(&rows[..3], &counts);
        assert_eq!(
            picture,
            [
                "node    height                                                  peers   led",
                "id0         26  ━━━━━━━━━━━━━━━━━━━━  leads the next block          4     3",
                "id1         13  ━━━━━━━━━━            catches up, to block 26       4     3",
                "id2          -                        killed, starts again soon     -     3",
                "312 of 500 lines final, 0 refused",
            ]
        );
        for line in picture {
            assert!(line.chars().count() <= WIDTH, "{line}");
        }
        assert_eq!(lines(&rows, &counts).len(), 6);
    }
}
