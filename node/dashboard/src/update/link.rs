//! Nodes that answer, and since when the others do not.

use super::Trouble;
use crate::model::Model;
use crate::model::node::Link;
use crate::model::story::Weight;
use crate::pace::Topic;
use crate::words::{span, thousands};
use blockchat_host::text;

/// It answers. True if it did not before.
pub(super) fn came_up(model: &mut Model, index: usize) -> bool {
    let now = model.now;
    let node = &mut model.nodes[index];
    node.last_heard = Some(now);
    let before = std::mem::replace(&mut node.link, Link::Up { since: now });
    match before {
        Link::Up { since } => {
            node.link = Link::Up { since };
            return false;
        }
        Link::Down { since, ever: true, .. } => {
            let text = format!("{} answers again after {}", node.name, span(now.since(since)));
            model.story.tell(now, Weight::Good, text);
        }
        Link::Down { ever: false, .. } => {
            let text = format!("{} answers", node.name);
            model.story.tell(now, Weight::Good, text);
        }
        Link::Unknown => {}
    }
    let every = [Topic::Peers, Topic::Consensus, Topic::Process, Topic::Blocks, Topic::Validators];
    model.nodes[index].asked.stir(&every);
    true
}

/// It did not answer, or not as it should. True if there is something new to see.
pub(super) fn failed(model: &mut Model, index: usize, topic: Topic, trouble: Trouble) -> bool {
    let now = model.now;
    match trouble {
        Trouble::Lacks if topic != Topic::Status => {
            model.nodes[index].asked.lacks(topic, now);
            false
        }
        Trouble::Down(why) | Trouble::Odd(why) if topic == Topic::Status => went_down(model, index, why),
        Trouble::Lacks => went_down(model, index, "it is no BlockChat node".into()),
        // The status decides: it is asked at once.
        Trouble::Down(_) => {
            model.nodes[index].asked.stir(&[Topic::Status]);
            false
        }
        Trouble::Odd(_) => {
            model.nodes[index].asked.lacks(topic, now);
            false
        }
    }
}

fn went_down(model: &mut Model, index: usize, why: String) -> bool {
    let why = text::line(&why).into_owned();
    let node = &model.nodes[index];
    let led = model.guide_status().filter(|status| status.leader.is_some() && status.leader == node.validator());
    let led = led.map(|status| format!("; it led {}", thousands(status.height.next().0))).unwrap_or_default();
    let (since, ever) = (node.last_heard.unwrap_or(node.watched), node.last_heard.is_some());
    let before = std::mem::replace(&mut model.nodes[index].link, Link::Down { since, ever, why: why.clone() });
    match before {
        Link::Down { since, ever, why: old } => {
            let changed = old != why;
            model.nodes[index].link = Link::Down { since, ever, why };
            return changed;
        }
        Link::Up { .. } => {
            let text = format!("{} stopped answering: {why}{led}", model.nodes[index].name);
            model.story.tell(since, Weight::Warn, text);
        }
        Link::Unknown => {}
    }
    let node = &mut model.nodes[index];
    (node.traffic, node.cpu_permille) = (None, None);
    node.climb.clear();
    node.behind_since = None;
    true
}
