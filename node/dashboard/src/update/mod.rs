//! Events and their effect: the only place that changes the model. Pure.
//!
//! Owns: the meaning of an answer for the node that gave it ([`answers`]), which nodes answer at all ([`link`]), and
//! which changes are worth a sentence ([`tell`]). Does not own: the time of requests ([`crate::pace`]), keys
//! ([`crate::keys`]). Always true: an answer of another time (the node has moved since) changes nothing; a node that
//! fails to answer keeps its row and all its answers, with the time of each. Start reading at [`update`].

mod answers;
mod link;
mod tell;

use crate::groups::Groups;
use crate::model::Model;
use crate::model::node::{Link, Node};
use crate::model::series::Sample;
use crate::pace::Topic;
use crate::place::Place;
use crate::seals::Letter;
use crate::verdict::{Still, Verdict};
use blockchat_client::shapes::{
    BlockRowView, ConsensusView, NodeEvent, NodeView, PeerView, PoolRowView, StatusView, ValidatorRowView,
};
use blockchat_proto::units::UnixMillis;
pub(crate) use tell::Told;

/// Most nodes that are watched: as many as there can be validators.
pub(crate) const NODES_MAX: usize = 128;

/// Something that happened.
#[derive(Clone, Debug)]
pub(crate) enum Happening {
    /// Time went by.
    Tick,
    /// These nodes there are.
    Places(Vec<Place>),
    /// A node answered, or did not.
    Said {
        /// Which.
        node: usize,
        /// Of which time.
        generation: u32,
        /// The request.
        topic: Topic,
        /// The answer.
        said: Result<Answer, Trouble>,
    },
}

/// An answer of a node.
#[derive(Clone, Debug)]
pub(crate) enum Answer {
    /// How it is.
    Status(Box<StatusView>),
    /// Its connected peers.
    Peers(Vec<PeerView>),
    /// How it decides.
    Consensus(Box<ConsensusView>),
    /// Its process.
    Process(Box<NodeView>),
    /// Blocks, newest first.
    Blocks(Vec<BlockRowView>),
    /// All validators.
    Validators(Vec<ValidatorRowView>),
    /// Messages, newest first.
    Messages(Vec<Letter>),
    /// Its pool.
    Pool(Vec<PoolRowView>),
    /// Something happened there.
    Event(NodeEvent),
    /// Its event stream ended.
    StreamEnded,
}

/// Why there is no answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Trouble {
    /// No node answers there.
    Down(String),
    /// It answers, and does not have that: it is of another version.
    Lacks,
    /// It answers something else.
    Odd(String),
}

/// Changes the model. True if there is something new to see, apart from the time.
pub(crate) fn update(model: &mut Model, told: &mut Told, now: UnixMillis, happening: Happening) -> bool {
    model.now = model.now.max(now);
    let changed = match happening {
        Happening::Tick => tick(model, told),
        Happening::Places(places) => update_places(model, places),
        Happening::Said { node, generation, topic, said } => {
            let row = model.nodes.get_mut(node).filter(|row| row.generation == generation);
            match (row, said) {
                (None, _) => false,
                (Some(row), said) => {
                    if !matches!(said, Ok(Answer::Event(_))) {
                        row.asked.answered(topic);
                    }
                    match said {
                        Ok(answer) => answers::heard(model, told, node, answer),
                        Err(trouble) => link::failed(model, node, topic, trouble),
                    }
                }
            }
        }
    };
    if changed {
        model.groups = Groups::of(model);
    }
    model.still = Still::of(model);
    model.verdict = Verdict::of(model);
    tell::verdict(model, told);
    changed
}

/// New places get a row; known ones may be somewhere else now. No row ever goes.
fn update_places(model: &mut Model, places: Vec<Place>) -> bool {
    let mut changed = false;
    for place in places {
        let index = match model.nodes.iter().position(|node| node.name == place.name) {
            Some(index) => index,
            None if model.nodes.len() < NODES_MAX => {
                model.nodes.push(Node::new(place.name, model.now));
                changed = true;
                model.nodes.len() - 1
            }
            None => continue,
        };
        let node = &mut model.nodes[index];
        node.told_validator = place.validator.or(node.told_validator);
        if place.url.is_some() && node.url != place.url {
            node.url = place.url;
            node.generation += 1;
            node.asked.forget();
            changed = true;
        } else if node.url.is_none() && node.link == Link::Unknown {
            node.link = Link::Down { since: node.watched, ever: false, why: "it does not run yet".into() };
            changed = true;
        }
    }
    changed
}

fn tick(model: &mut Model, told: &mut Told) -> bool {
    let mut changed = false;
    if model.series.is_due(model.now) {
        let live = || model.nodes.iter().filter_map(Node::live);
        let pool = live().map(|status| u64::from(status.pool_transactions)).max();
        let rates = || model.nodes.iter().filter(|node| node.is_up()).filter_map(|node| node.traffic);
        let sample = rates().fold(Sample { pool, ..Sample::default() }, |sum, (received, sent)| Sample {
            received: sum.received.saturating_add(received),
            sent: sum.sent.saturating_add(sent),
            ..sum
        });
        model.series.push(model.now, sample);
        // A node that started a while ago and has no peers counts as cut off from now on.
        let groups = Groups::of(model);
        changed = std::mem::replace(&mut model.groups, groups.clone()) != groups;
    }
    tell::links(model, told);
    tell::course(model, told);
    changed
}
