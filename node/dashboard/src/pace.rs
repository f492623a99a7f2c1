//! The schedule of requests to each node. Pure.
//!
//! Always true: never two of the same question to one node at a time; a node that is down is asked once a second and
//! nothing but its status; what it does not have is not asked for again for a minute. A network that rests costs a few
//! requests a node in ten seconds: questions follow what the event streams tell.
//! Start reading at [`due`].

use crate::model::Model;
use crate::model::look::{Over, Panel};
use blockchat_client::shapes::Phase;
use blockchat_proto::keys::Address;
use blockchat_proto::units::UnixMillis;
use std::collections::BTreeMap;

/// A node that is down is asked so often.
const DOWN_MS: u64 = 1_000;
/// Something that a node does not offer is requested again after this.
const LACKS_MS: u64 = 60_000;

/// A kind of question.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Topic {
    /// How it is.
    Status,
    /// Its connected peers.
    Peers,
    /// How it decides.
    Consensus,
    /// Its process and log.
    Process,
    /// The last blocks.
    Blocks,
    /// All validators.
    Validators,
    /// Messages of the watched account.
    Messages,
    /// The pool.
    Pool,
    /// Its event stream.
    Stream,
}

/// One question to one node.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Ask {
    /// The node.
    pub(crate) node: usize,
    /// The address of its API.
    pub(crate) url: String,
    /// Of that time: an answer to an older one counts no more.
    pub(crate) generation: u32,
    /// The request.
    pub(crate) topic: Topic,
    /// The account whose messages are read.
    pub(crate) account: Option<Address>,
    /// Log lines wanted.
    pub(crate) lines: u16,
}

/// The requests to one node.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Asked {
    slots: BTreeMap<Topic, Slot>,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Slot {
    last: Option<UnixMillis>,
    in_flight: bool,
    /// Something happened there that changes the answer.
    stirred: bool,
    lacks_since: Option<UnixMillis>,
}

impl Asked {
    /// The answer has changed.
    pub(crate) fn stir(&mut self, topics: &[Topic]) {
        topics.iter().for_each(|topic| self.slots.entry(*topic).or_default().stirred = true);
    }

    /// The question is answered, or failed.
    pub(crate) fn answered(&mut self, topic: Topic) {
        self.slots.entry(topic).or_default().in_flight = false;
    }

    /// The node does not have that.
    pub(crate) fn lacks(&mut self, topic: Topic, now: UnixMillis) {
        self.slots.entry(topic).or_default().lacks_since = Some(now);
    }

    /// Does the node not have it?
    pub(crate) fn is_lacking(&self, topic: Topic) -> bool {
        self.slots.get(&topic).is_some_and(|slot| slot.lacks_since.is_some())
    }

    /// The node is another one, or somewhere else: nothing was asked of it.
    pub(crate) fn forget(&mut self) {
        self.slots.clear();
    }

    /// Is its event stream open?
    fn listens(&self) -> bool {
        self.slots.get(&Topic::Stream).is_some_and(|slot| slot.in_flight)
    }

    /// Asks, if it is time: at least `calm` after the last time, or `stirred` after it if something happened.
    fn take(&mut self, topic: Topic, now: UnixMillis, stirred_ms: u64, calm_ms: u64) -> bool {
        let slot = self.slots.entry(topic).or_default();
        let lacks = slot.lacks_since.is_some_and(|since| now.since(since) < LACKS_MS);
        let wait = if slot.stirred { stirred_ms } else { calm_ms };
        let due = slot.last.is_none_or(|last| now.since(last) >= wait);
        if slot.in_flight || lacks || !due {
            return false;
        }
        *slot = Slot { last: Some(now), in_flight: true, stirred: false, lacks_since: None };
        true
    }
}

/// Everything that is due now, taken as asked.
pub(crate) fn due(model: &mut Model) -> Vec<Ask> {
    let mut asks = vec![];
    let guide = model.guide();
    for node in 0..model.nodes.len() {
        let topics = if model.nodes[node].is_up() {
            wanted(model, node, guide == Some(node))
        } else {
            vec![(Topic::Status, DOWN_MS, DOWN_MS)]
        };
        let now = model.now;
        let row = &mut model.nodes[node];
        let Some(url) = row.url.clone() else { continue };
        for (topic, stirred, calm) in topics {
            if row.asked.take(topic, now, stirred, calm) {
                let account = model.wallet.as_ref().map(|(_, account)| *account);
                let lines = if model.look.node == node { 100 } else { 0 };
                asks.push(Ask { node, url: url.clone(), generation: row.generation, topic, account, lines });
            }
        }
    }
    asks
}

/// Requests to a node that answers: the topic, the least time between two requests after an event, and without one.
fn wanted(model: &Model, node: usize, guides: bool) -> Vec<(Topic, u64, u64)> {
    let row = &model.nodes[node];
    let status = row.status.as_ref().map(|heard| &heard.value.phase);
    let resting = row.asked.listens() && matches!(status, Some(Phase::Idle));
    let calm = if resting { 5_000 } else { 1_000 };
    let chosen = model.look.node == node;
    let mut topics = vec![
        (Topic::Stream, 1_000, 1_000),
        (Topic::Status, 500, calm),
        (Topic::Peers, 500, if resting { 10_000 } else { 3_000 }),
        (Topic::Consensus, 500, if resting { 10_000 } else { 1_000 }),
        (Topic::Process, 2_000, if chosen && wants_log(model) { 2_000 } else { 10_000 }),
    ];
    if guides {
        topics.push((Topic::Blocks, 1_000, 30_000));
        topics.push((Topic::Validators, 5_000, 15_000));
        if model.wallet.is_some() {
            topics.push((Topic::Messages, 1_000, 15_000));
        }
        let pooled = row.status.as_ref().is_some_and(|heard| heard.value.pool_transactions > 0);
        if model.look.is_at(Panel::Pool) {
            topics.push((Topic::Pool, 1_000, 2_000));
        } else if pooled || model.pool.as_ref().is_some_and(|heard| !heard.value.is_empty()) {
            topics.push((Topic::Pool, 5_000, 5_000));
        }
    }
    topics
}

fn wants_log(model: &Model) -> bool {
    model.look.is_at(Panel::Log) || model.look.over == Over::Node
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fixture::World;

    /// The requests in so many quarters of a second, all of them answered at once; streams stay open.
    fn asked_in(world: &mut World, quarters: u32) -> Vec<(usize, Topic)> {
        let mut all = vec![];
        for _ in 0..quarters {
            world.wait(250);
            for ask in due(&mut world.model) {
                all.push((ask.node, ask.topic));
                if ask.topic != Topic::Stream {
                    world.model.nodes[ask.node].asked.answered(ask.topic);
                }
            }
        }
        all
    }

    #[test]
    fn a_node_that_is_down_is_asked_once_a_second_and_nothing_but_how_it_is() {
        let mut world = World::running(3);
        world.kill(1);
        asked_in(&mut world, 4);
        let asked = asked_in(&mut world, 40);
        let of_it: Vec<_> = asked.iter().filter(|(node, _)| *node == 1).map(|(_, topic)| *topic).collect();
        assert_eq!(of_it, [Topic::Status; 10]);
    }

    #[test]
    fn a_network_that_rests_costs_few_questions() {
        let mut world = World::running(3);
        for node in &mut world.model.nodes {
            node.status.as_mut().unwrap().value.phase = Phase::Idle;
            node.status.as_mut().unwrap().value.pool_transactions = 0;
        }
        (world.model.wallet, world.model.pool) = (None, None);
        asked_in(&mut world, 4);
        let asked = asked_in(&mut world, 40);
        let of_another = asked.iter().filter(|(node, _)| *node == 1).count();
        assert!(of_another <= 5, "{of_another} in ten seconds: {asked:?}");
        let all: Vec<_> = asked.iter().filter(|(node, _)| *node == 0).collect();
        assert!(all.len() <= 8, "the one that guides tells of blocks and validators too: {all:?}");
    }

    #[test]
    fn a_block_brings_the_votes_behind_it_soon_and_not_twice() {
        let mut world = World::running(3);
        asked_in(&mut world, 8);
        world.block();
        let topics: Vec<_> =
            due(&mut world.model).into_iter().filter(|ask| ask.node == 2).map(|ask| ask.topic).collect();
        assert!(topics.contains(&Topic::Consensus) || topics.contains(&Topic::Status), "{topics:?}");
        let again = due(&mut world.model).into_iter().filter(|ask| ask.node == 2).count();
        assert_eq!(again, 0, "the answers are not there yet");
    }

    #[test]
    fn a_question_is_never_asked_twice_at_a_time_and_what_is_lacking_waits_a_minute() {
        let mut asked = Asked::default();
        let at = UnixMillis;
        assert!(asked.take(Topic::Peers, at(0), 10, 100));
        assert!(!asked.take(Topic::Peers, at(500), 10, 100), "no answer yet");
        asked.answered(Topic::Peers);
        assert!(asked.take(Topic::Peers, at(500), 10, 100));
        asked.answered(Topic::Peers);
        assert!(!asked.take(Topic::Peers, at(520), 10, 100), "nothing happened");
        asked.stir(&[Topic::Peers]);
        assert!(asked.take(Topic::Peers, at(520), 10, 100));
        asked.answered(Topic::Peers);
        asked.lacks(Topic::Peers, at(530));
        asked.stir(&[Topic::Peers]);
        assert!(asked.is_lacking(Topic::Peers) && !asked.take(Topic::Peers, at(60_529), 10, 100));
        assert!(asked.take(Topic::Peers, at(60_530), 10, 100));
    }
}
