//! Bytes that wait for slow peers: decides which peer is disconnected before there are too many.
//!
//! Why an estimate: gossip queues for a peer by the message, and does not report bytes. So everything sent to all
//! counts for a peer whose gossip is stuck, and the bytes that its gossip streams take count against that; a peer that
//! takes everything owes nothing, whatever was sent. The bytes it takes on other streams do not count: any peer can ask
//! for answers.
//!
//! Always true: one peer holds up to about [`PEER_BYTES_MAX`], all together [`ALL_BYTES_MAX`], and those that take nothing
//! at all, or a byte now and then, [`STUCK_BYTES_MAX`]; one of these is parted from after [`STUCK_FOR`] in any case. A peer
//! that is slow for a moment, as all are on a machine with too much to do, is left in peace.
//!
//! Pure. Start reading at [`Backlogs::look`].

use crate::net::meter::Flow;
use libp2p::PeerId;
use std::collections::BTreeMap;
use std::time::Duration;
use tokio::time::Instant;

const MIB: u64 = 1024 * 1024;
/// Most that waits for one peer, in bytes.
const PEER_BYTES_MAX: u64 = 64 * MIB;
/// Most that waits for all of them.
const ALL_BYTES_MAX: u64 = 128 * MIB;
/// A peer of whose streams one has moved nothing for so long takes nothing.
const STUCK_SHORTLY: Duration = Duration::from_secs(2);
/// So does one that is behind all the time and takes less than this of gossip, in bytes a second: an eighth of 2 Mbit/s.
const SLOWEST: u64 = 32 * 1024;
/// Most that waits for all peers that take nothing.
const STUCK_BYTES_MAX: u64 = 48 * MIB;
/// One that has taken nothing for so long while so much waits is parted from,
const STUCK_LONG: Duration = Duration::from_secs(5);
const STUCK_PEER_BYTES_MAX: u64 = 8 * MIB;
/// and one that has taken nothing for so long, however little waits.
const STUCK_FOR: Duration = Duration::from_secs(20);

/// Bytes of one kind that wait for a peer.
#[derive(Clone, Copy, Debug, Default)]
struct Owed {
    /// Bytes sent since it last took everything.
    sent: u64,
    /// Bytes it had taken then.
    written: u64,
    /// The time of that.
    since: Option<Instant>,
}

/// Bytes that wait for a peer.
#[derive(Clone, Copy, Debug, Default)]
struct Backlog {
    gossip: Owed,
    answers: Owed,
}

impl Owed {
    fn add(&mut self, bytes: usize) {
        self.sent = self.sent.saturating_add(bytes as u64);
    }

    /// The peer took all that came, unless it is behind; it has taken `written` so far.
    fn update(&mut self, behind: bool, written: u64, now: Instant) {
        if !behind || self.since.is_none() {
            *self = Self { sent: if behind { self.sent } else { 0 }, written, since: Some(now) };
        }
    }

    fn taken(&self, written: u64) -> u64 {
        written.saturating_sub(self.written)
    }

    fn bytes(&self, written: u64) -> u64 {
        self.sent.saturating_sub(self.taken(written))
    }

    /// For how long it has been behind and taken next to nothing.
    fn trickles(&self, written: u64, now: Instant) -> Duration {
        let behind = self.since.map_or(Duration::ZERO, |since| now.saturating_duration_since(since));
        let least = behind.as_secs().saturating_mul(SLOWEST);
        if self.taken(written) < least { behind } else { Duration::ZERO }
    }
}

/// Bytes that wait for each peer.
#[derive(Debug, Default)]
pub(in crate::net) struct Backlogs(BTreeMap<PeerId, Backlog>);

impl Backlogs {
    /// So many bytes are gossiped to all.
    pub(in crate::net) fn sent_to_all(&mut self, bytes: usize) {
        self.0.values_mut().for_each(|backlog| backlog.gossip.add(bytes));
    }

    /// So many bytes are answered to one.
    pub(in crate::net) fn sent_to(&mut self, peer: PeerId, bytes: usize) {
        self.0.entry(peer).or_default().answers.add(bytes);
    }

    /// The peers to disconnect, by the present meters.
    pub(in crate::net) fn look(&mut self, flows: &BTreeMap<PeerId, Flow>, now: Instant) -> Vec<PeerId> {
        self.0.retain(|peer, _| flows.contains_key(peer));
        let (mut parting, mut slow, mut stuck) = (vec![], vec![], vec![]);
        for (peer, flow) in flows {
            let backlog = self.0.entry(*peer).or_default();
            let answered = flow.written.saturating_sub(flow.gossip_written);
            backlog.gossip.update(!flow.gossip_stuck.is_zero(), flow.gossip_written, now);
            backlog.answers.update(!flow.stuck.is_zero(), answered, now);
            if flow.stuck.is_zero() {
                continue;
            }
            let bytes = backlog.gossip.bytes(flow.gossip_written) + backlog.answers.bytes(answered);
            let still = flow.stuck.max(backlog.gossip.trickles(flow.gossip_written, now));
            let too_long = still >= STUCK_FOR || still >= STUCK_LONG && bytes > STUCK_PEER_BYTES_MAX;
            if too_long || bytes > PEER_BYTES_MAX {
                parting.push(*peer);
            } else if still >= STUCK_SHORTLY {
                stuck.push((bytes, *peer));
            } else {
                slow.push((bytes, *peer));
            }
        }
        parting.extend(largest_above(STUCK_BYTES_MAX, &mut stuck));
        slow.append(&mut stuck);
        parting.extend(largest_above(ALL_BYTES_MAX, &mut slow));
        parting
    }
}

/// Takes those with the most out until the others together have no more than `max`.
fn largest_above(max: u64, all: &mut Vec<(u64, PeerId)>) -> Vec<PeerId> {
    all.sort();
    let (mut sum, mut out) = (all.iter().map(|(bytes, _)| bytes).sum::<u64>(), vec![]);
    while sum > max {
        let Some((bytes, peer)) = all.pop() else { break };
        sum -= bytes;
        out.push(peer);
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    const MIB: usize = 1024 * 1024;

    /// All of it on gossip streams.
    fn flow(written: usize, stuck_ms: u64) -> Flow {
        let (written, stuck) = (written as u64, Duration::from_millis(stuck_ms));
        Flow { written, stuck, gossip_written: written, gossip_stuck: stuck }
    }

    fn flows(all: &[(PeerId, Flow)]) -> BTreeMap<PeerId, Flow> {
        all.iter().copied().collect()
    }

    /// One peer, looked at four times a second.
    struct Watch {
        backlogs: Backlogs,
        peer: PeerId,
        now: Instant,
    }

    impl Watch {
        fn new() -> Self {
            Self { backlogs: Backlogs::default(), peer: PeerId::random(), now: Instant::now() }
        }

        /// Is it parted from, a moment later?
        fn parts(&mut self, flow: Flow) -> bool {
            self.now += Duration::from_millis(250);
            !self.backlogs.look(&flows(&[(self.peer, flow)]), self.now).is_empty()
        }
    }

    #[test]
    fn a_peer_that_takes_all_that_comes_stays_whatever_is_sent() {
        let mut watch = Watch::new();
        for second in 0..1_000 {
            watch.backlogs.sent_to_all(100 * MIB);
            assert!(!watch.parts(flow(second, 0)));
        }
    }

    #[test]
    fn a_peer_that_takes_nothing_is_parted_from_before_much_waits_for_it() {
        let mut watch = Watch::new();
        assert!(!watch.parts(flow(0, 250)));
        watch.backlogs.sent_to_all(9 * MIB);
        assert!(!watch.parts(flow(0, 4_900)), "it may be slow for a moment");
        assert!(watch.parts(flow(0, 5_000)));
    }

    #[test]
    fn a_peer_that_takes_nothing_of_little_is_parted_from_in_the_end() {
        let mut watch = Watch::new();
        assert!(!watch.parts(flow(0, 19_000)));
        assert!(watch.parts(flow(0, 20_000)));
    }

    #[test]
    fn a_peer_that_takes_a_byte_now_and_then_is_parted_from_too() {
        let mut watch = Watch::new();
        let parted = (0..1_000).find(|look| {
            let parts = watch.parts(flow(*look, 100));
            watch.backlogs.sent_to_all(MIB);
            parts
        });
        assert!(parted.is_some_and(|look| (20..26).contains(&look)), "after five seconds: {parted:?}");
        let mut idle = Watch::new();
        let parted = (0..1_000).find(|look| idle.parts(flow(*look, 100)));
        assert!(parted.is_some_and(|look| (80..86).contains(&look)), "after twenty, if little waits: {parted:?}");
    }

    #[test]
    fn what_a_peer_takes_on_other_streams_is_no_excuse() {
        let mut watch = Watch::new();
        let parted = (0..1_000).find(|look| {
            watch.backlogs.sent_to_all(MIB);
            let gossip = flow(*look, 100);
            // Answers without end, which it takes at once.
            watch.parts(Flow { written: (look * MIB * 10) as u64, ..gossip })
        });
        assert!(parted.is_some_and(|look| look < 26), "{parted:?}");
    }

    #[test]
    fn a_slow_peer_that_takes_what_it_can_stays_until_it_is_too_far_behind() {
        let mut watch = Watch::new();
        watch.parts(flow(0, 100));
        for second in 1..=50 {
            watch.backlogs.sent_to_all(2 * MIB);
            assert!(!watch.parts(flow(second * MIB, 900)), "{second}");
        }
        watch.backlogs.sent_to_all(20 * MIB);
        assert!(watch.parts(flow(51 * MIB, 900)));
    }

    #[test]
    fn a_peer_at_2_mbit_a_second_that_is_always_behind_stays_for_minutes() {
        let mut watch = Watch::new();
        for look in 0..2_000 {
            watch.backlogs.sent_to_all(70 * 1024);
            assert!(!watch.parts(flow(look * 62 * 1024, 150)), "{look}");
        }
    }

    #[test]
    fn of_many_that_take_nothing_those_that_hold_most_are_parted_from() {
        let (mut backlogs, now) = (Backlogs::default(), Instant::now());
        let peers: Vec<_> = (0..20).map(|_| PeerId::random()).collect();
        let at = |stuck_ms| flows(&peers.iter().map(|peer| (*peer, flow(0, stuck_ms))).collect::<Vec<_>>());
        backlogs.look(&at(900), now);
        backlogs.sent_to_all(3 * MIB);
        backlogs.sent_to(peers[0], MIB);
        assert_eq!(backlogs.look(&at(1_900), now), [], "they may be slow for a moment");
        let parting = backlogs.look(&at(2_000), now);
        assert_eq!((parting.len(), parting[0]), (4, peers[0]), "of 61 MiB the first 4, and then 3 times 3");
    }
}
