//! Alarms: two blocks at one height, one key on two nodes, two chains.

use super::{Level, Verdict, listed};
use crate::model::Model;
use crate::words::thousands;
use blockchat_proto::keys::Address;

/// A key that signs on two nodes.
const ONE_KEY: &str = "ALARM one key signs on two nodes";

/// Two final blocks at one height: there must never be.
pub(super) fn two_blocks(model: &Model) -> Option<Verdict> {
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

/// Two processes that sign with one key: their votes will contradict each other.
pub(super) fn one_key_twice(model: &Model) -> Option<Verdict> {
    two_that_vote(model).or_else(|| one_that_stopped(model))
}

/// Both are watched, and both vote.
fn two_that_vote(model: &Model) -> Option<Verdict> {
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
    Some(Verdict::new(Level::Alarm, ONE_KEY, [why, needed]))
}

/// One has heard of the other in time, and stopped signing. The other one may be watched too.
fn one_that_stopped(model: &Model) -> Option<Verdict> {
    let (index, key) = model.nodes.iter().enumerate().find_map(|(index, node)| {
        let status = node.live().filter(|status| status.key_elsewhere)?;
        Some((index, status.validator?))
    })?;
    let same = |at: &usize| *at != index && model.nodes[*at].validator() == Some(key);
    let other = (0..model.nodes.len()).find(same).map_or("a node that is not watched", |at| &*model.nodes[at].name);
    let why = format!("{} has stopped: {other} signs with its key {}", model.nodes[index].name, key.short());
    let needed = "Stop that one, then set the guard of this one anew: blockchat-node guard reset".into();
    Some(Verdict::new(Level::Alarm, ONE_KEY, [why, needed]))
}

/// Nodes of different chains are watched.
pub(super) fn two_chains(model: &Model) -> Option<Verdict> {
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
