//! Connections between nodes, and the groups into which the network falls. Pure.
//!
//! Always true: a node that does not answer is in no group; one that has not named its peers yet separates no others.
//! Start reading at [`Groups::of`].

use crate::model::Model;
use crate::model::node::Link;
use blockchat_client::shapes::{PeerView, Phase};

/// A node finds the others within this time, or is cut off.
const FINDS_WITHIN_MS: u64 = 5_000;

/// A node's knowledge of another.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Sees {
    /// It is the same node.
    Own,
    /// Connected.
    Yes,
    /// Not connected.
    No,
    /// Connected, and neither hears the other vote: the link passes nothing.
    Silent,
    /// One of both does not answer.
    Dead,
    /// It did not tell yet.
    Unknown,
}

/// The pieces of the network, the one with most stake first.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Groups {
    /// Nodes of each.
    pub(crate) groups: Vec<Vec<usize>>,
}

impl Groups {
    /// As the nodes tell now.
    pub(crate) fn of(model: &Model) -> Self {
        let mut group_of: Vec<Option<usize>> = vec![None; model.nodes.len()];
        let mut groups: Vec<Vec<usize>> = vec![];
        for (start, first) in model.nodes.iter().enumerate() {
            if group_of[start].is_some() || !first.is_up() {
                continue;
            }
            let (mut group, mut left) = (vec![], vec![start]);
            while let Some(node) = left.pop() {
                if group_of[node].is_none() {
                    group_of[node] = Some(groups.len());
                    group.push(node);
                    left.extend((0..model.nodes.len()).filter(|other| linked(model, node, *other)));
                }
            }
            group.sort_unstable();
            groups.push(group);
        }
        let stake = |group: &Vec<usize>| model.stake_of(&voters(model, group));
        groups.sort_by_key(|group| (std::cmp::Reverse((stake(group), group.len())), group.first().copied()));
        Self { groups }
    }

    /// Is it more than one piece?
    pub(crate) fn is_cut(&self) -> bool {
        self.groups.len() > 1
    }

    /// The number of the group that a node is in.
    pub(crate) fn of_node(&self, node: usize) -> Option<usize> {
        self.groups.iter().position(|group| group.contains(&node))
    }
}

/// The validators of these nodes.
pub(crate) fn voters(model: &Model, nodes: &[usize]) -> Vec<blockchat_proto::keys::Address> {
    let mut voters: Vec<_> = nodes.iter().filter_map(|node| model.nodes[*node].validator()).collect();
    voters.sort_unstable();
    voters.dedup();
    voters
}

/// Node `from`'s knowledge of node `to`.
pub(crate) fn sees(model: &Model, from: usize, to: usize) -> Sees {
    if !model.nodes[from].is_up() {
        return Sees::Dead;
    }
    if from == to {
        return Sees::Own;
    }
    match tells(model, from, to) {
        Some(true) if deaf(model, from, to) => Sees::Silent,
        Some(true) => Sees::Yes,
        _ if model.nodes[to].is_down() => Sees::Dead,
        Some(false) => Sees::No,
        None => Sees::Unknown,
    }
}

/// How `from` is connected with `to`, if it is and says so.
pub(crate) fn link(model: &Model, from: usize, to: usize) -> Option<&PeerView> {
    let peers = &model.nodes[from].peers.as_ref().filter(|_| model.nodes[from].is_up())?.value;
    let id = &model.nodes[to].status.as_ref()?.value.peer_id;
    peers.iter().find(|peer| peer.peer_id == *id)
}

fn tells(model: &Model, from: usize, to: usize) -> Option<bool> {
    model.nodes[from].peers.as_ref()?;
    model.nodes[to].status.as_ref()?;
    let is_linked = link(model, from, to).is_some();
    // A node that has just begun looks for the others: it is not cut off.
    (is_linked || !(begins(model, from) || begins(model, to))).then_some(is_linked)
}

/// Does each of both wait for the other's vote? A cut that closes no connection shows itself so, long before the links
/// are given up. One alone says little: a node that begins a height first hears no other.
fn deaf(model: &Model, a: usize, b: usize) -> bool {
    let misses = |from: usize, to: usize| match (model.nodes[from].live(), model.nodes[to].validator()) {
        (Some(status), Some(voter)) => {
            matches!(&status.phase, Phase::WaitingForStake { missing, .. } if missing.contains(&voter))
        }
        _ => false,
    };
    misses(a, b) && misses(b, a)
}

fn begins(model: &Model, node: usize) -> bool {
    matches!(model.nodes[node].link, Link::Up { since } if model.now.since(since) < FINDS_WITHIN_MS)
}

/// Are both up, and does one of them say that they are connected, or can none say?
fn linked(model: &Model, a: usize, b: usize) -> bool {
    if a == b || !model.nodes[a].is_up() || !model.nodes[b].is_up() || deaf(model, a, b) {
        return false;
    }
    match (tells(model, a, b), tells(model, b, a)) {
        (Some(true), _) | (_, Some(true)) | (None, _) | (_, None) => true,
        (Some(false), Some(false)) => false,
    }
}
