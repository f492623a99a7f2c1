//! The network between simulated nodes: when, and whether, what was sent arrives.
//!
//! Owns: delay, loss, repetition, order, partitions. Does not own: the messages, or connections (`peers`). Always true:
//! a gossiped message may be lost, doubled and overtaken; requests, answers and statuses travel on streams, which
//! retransmit: they come late, or not at all because the other side cannot be reached. Start reading at
//! [`Network::gossip`].

use super::dice::Dice;
use super::time::Micros;
use std::collections::BTreeMap;

/// How the network is for a while.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Weather {
    /// Least one-way delay.
    pub delay_min: Micros,
    /// Largest one-way delay.
    pub delay_max: Micros,
    /// Of a thousand gossiped messages so many are lost, on each way.
    pub loss_permille: u64,
    /// So many arrive twice.
    pub twice_permille: u64,
    /// Does a later message never overtake an earlier one on the same way?
    pub ordered: bool,
    /// Added to every way from or to this node: it is far away.
    pub remote: Option<(usize, Micros)>,
}

impl Weather {
    /// Nothing is lost; a few milliseconds.
    pub fn calm() -> Self {
        Self {
            delay_min: Micros(500),
            delay_max: Micros(10_000),
            loss_permille: 0,
            twice_permille: 0,
            ordered: false,
            remote: None,
        }
    }
}

/// A lost piece of a stream is sent again after this.
const RETRANSMIT: Micros = Micros::from_ms(200);

/// See the module.
#[derive(Debug)]
pub struct Network {
    weather: Weather,
    dice: Dice,
    /// Side of each node, while the network is cut in two.
    sides: Option<Vec<bool>>,
    latest: BTreeMap<(usize, usize), Micros>,
    /// Messages that were lost.
    pub lost: u64,
    /// Messages that arrived twice.
    pub doubled: u64,
    /// Messages that overtook an earlier one.
    pub overtook: u64,
}

impl Network {
    /// A whole network.
    pub fn new(weather: Weather, dice: Dice) -> Self {
        Self { weather, dice, sides: None, latest: BTreeMap::new(), lost: 0, doubled: 0, overtook: 0 }
    }

    /// Other weather from now on; cuts are healed.
    pub fn heal(&mut self, weather: Weather) {
        self.weather = weather;
        self.sides = None;
    }

    /// Cuts the network in two; `None` makes it whole.
    pub fn cut(&mut self, sides: Option<Vec<bool>>) {
        self.sides = sides;
    }

    /// Can these two reach each other?
    pub fn joins(&self, a: usize, b: usize) -> bool {
        self.sides.as_ref().is_none_or(|sides| sides[a] == sides[b])
    }

    /// When a gossiped message sent now arrives: never, once or twice.
    pub fn gossip(&mut self, from: usize, to: usize, now: Micros) -> Vec<Micros> {
        if !self.joins(from, to) || self.dice.permille(self.weather.loss_permille) {
            self.lost += 1;
            return vec![];
        }
        let mut arrivals = vec![self.arrival(from, to, now)];
        if self.dice.permille(self.weather.twice_permille) {
            self.doubled += 1;
            arrivals.push(self.arrival(from, to, now));
        }
        arrivals
    }

    /// When something on a stream arrives, if the other side can be reached.
    pub fn stream(&mut self, from: usize, to: usize, now: Micros) -> Option<Micros> {
        if !self.joins(from, to) {
            return None;
        }
        let mut sent = now;
        while self.dice.permille(self.weather.loss_permille) {
            sent = sent.plus(RETRANSMIT);
        }
        Some(self.arrival(from, to, sent))
    }

    fn arrival(&mut self, from: usize, to: usize, sent: Micros) -> Micros {
        let Weather { delay_min, delay_max, remote, .. } = &self.weather;
        let mut delay = Micros(self.dice.range(delay_min.0..=delay_max.0));
        if let Some((far, extra)) = remote
            && (*far == from || *far == to)
        {
            delay = delay.plus(*extra);
        }
        let mut arrival = sent.plus(delay);
        let latest = self.latest.entry((from, to)).or_default();
        if arrival < *latest {
            if self.weather.ordered {
                arrival = *latest;
            } else {
                self.overtook += 1;
            }
        }
        *latest = arrival.max(*latest);
        arrival
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn network(weather: Weather) -> Network {
        Network::new(weather, Dice::of(1, "network"))
    }

    #[test]
    fn delays_stay_in_their_range_and_messages_overtake_each_other() {
        let mut network = network(Weather::calm());
        for sent in 0..200 {
            let arrivals = network.gossip(0, 1, Micros(sent));
            assert!(matches!(arrivals[..], [at] if (500..=10_000).contains(&at.since(Micros(sent)).0)));
        }
        assert!(network.overtook > 0 && network.lost == 0 && network.doubled == 0);
    }

    #[test]
    fn an_ordered_way_keeps_the_order() {
        let mut network = network(Weather { ordered: true, ..Weather::calm() });
        let arrivals: Vec<_> = (0..200).flat_map(|sent| network.gossip(0, 1, Micros(sent))).collect();
        assert!(arrivals.is_sorted() && network.overtook == 0);
    }

    #[test]
    fn about_as_many_are_lost_and_doubled_as_the_weather_says_but_streams_only_wait() {
        let mut network = network(Weather { loss_permille: 200, twice_permille: 100, ..Weather::calm() });
        let arrivals: usize = (0..1_000).map(|_| network.gossip(0, 1, Micros(0)).len()).sum();
        assert!((150..250).contains(&network.lost) && (50..130).contains(&network.doubled));
        assert!((800..960).contains(&arrivals));
        assert!((0..1_000).all(|_| network.stream(0, 1, Micros(0)).is_some()));
    }

    #[test]
    fn nothing_passes_a_cut_until_it_heals() {
        let mut network = network(Weather::calm());
        network.cut(Some(vec![true, true, false]));
        assert!(network.gossip(0, 2, Micros(0)).is_empty() && network.stream(2, 1, Micros(0)).is_none());
        assert_eq!(network.gossip(0, 1, Micros(0)).len(), 1);
        network.heal(Weather::calm());
        assert_eq!(network.gossip(0, 2, Micros(0)).len(), 1);
    }

    #[test]
    fn a_remote_node_is_later_than_the_others_both_ways() {
        let far = Micros::from_ms(30);
        let mut network = network(Weather { remote: Some((1, far)), ..Weather::calm() });
        assert!(network.gossip(0, 1, Micros(0))[0] >= far && network.gossip(1, 2, Micros(0))[0] >= far);
        assert!(network.gossip(0, 2, Micros(0))[0] < far);
    }
}
