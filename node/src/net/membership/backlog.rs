//! What waits for peers that do not take it: who is parted from before it is too much.
//!
//! Why an estimate: gossip queues for a peer by the message, and tells nobody how many bytes. So all that is sent to
//! everybody counts for a peer whose streams are stuck, and what it takes counts against that; a peer that takes all that
//! comes owes nothing, whatever was sent.
//!
//! Always true: one peer holds up to about [`PEER_BYTES_MAX`], all together [`ALL_BYTES_MAX`], and those that take nothing
//! at all [`STUCK_BYTES_MAX`]; one of these is parted from after [`STUCK_FOR`] in any case. A peer that is slow for a
//! moment, as all are on a machine with too much to do, is left in peace.
//!
//! Pure. Start reading at [`Backlogs::look`].

use crate::net::meter::Flow;
use libp2p::PeerId;
use std::collections::BTreeMap;
use std::time::Duration;

const MIB: u64 = 1024 * 1024;
/// Most that waits for one peer, in bytes.
const PEER_BYTES_MAX: u64 = 64 * MIB;
/// Most that waits for all of them.
const ALL_BYTES_MAX: u64 = 256 * MIB;
/// A peer of whose streams one has moved nothing for so long takes nothing.
const STUCK_SHORTLY: Duration = Duration::from_secs(2);
/// Most that waits for all peers that take nothing.
const STUCK_BYTES_MAX: u64 = 48 * MIB;
/// One that has taken nothing for so long while so much waits is parted from,
const STUCK_LONG: Duration = Duration::from_secs(5);
const STUCK_PEER_BYTES_MAX: u64 = 8 * MIB;
/// and one that has taken nothing for so long, however little waits.
const STUCK_FOR: Duration = Duration::from_secs(20);

/// What waits for a peer.
#[derive(Clone, Copy, Debug, Default)]
struct Backlog {
    /// What was sent since it last took all that came.
    sent: u64,
    /// What it had taken then.
    written: u64,
}

/// What waits for each peer.
#[derive(Debug, Default)]
pub(in crate::net) struct Backlogs(BTreeMap<PeerId, Backlog>);

impl Backlogs {
    /// So many bytes are sent to all.
    pub(in crate::net) fn sent_to_all(&mut self, bytes: usize) {
        self.0.values_mut().for_each(|backlog| backlog.sent = backlog.sent.saturating_add(bytes as u64));
    }

    /// So many bytes are sent to one.
    pub(in crate::net) fn sent_to(&mut self, peer: PeerId, bytes: usize) {
        let backlog = self.0.entry(peer).or_default();
        backlog.sent = backlog.sent.saturating_add(bytes as u64);
    }

    /// Who is to be parted from, as the meters stand.
    pub(in crate::net) fn look(&mut self, flows: &BTreeMap<PeerId, Flow>) -> Vec<PeerId> {
        self.0.retain(|peer, _| flows.contains_key(peer));
        let (mut parting, mut slow, mut stuck) = (vec![], vec![], vec![]);
        for (peer, flow) in flows {
            let backlog = self.0.entry(*peer).or_default();
            if flow.stuck.is_zero() {
                *backlog = Backlog { sent: 0, written: flow.written };
                continue;
            }
            let bytes = backlog.sent.saturating_sub(flow.written.saturating_sub(backlog.written));
            let too_long = flow.stuck >= STUCK_FOR || flow.stuck >= STUCK_LONG && bytes > STUCK_PEER_BYTES_MAX;
            if too_long || bytes > PEER_BYTES_MAX {
                parting.push(*peer);
            } else if flow.stuck >= STUCK_SHORTLY {
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

    fn flow(written: usize, stuck_ms: u64) -> Flow {
        Flow { written: written as u64, stuck: Duration::from_millis(stuck_ms) }
    }

    fn flows(all: &[(PeerId, Flow)]) -> BTreeMap<PeerId, Flow> {
        all.iter().copied().collect()
    }

    #[test]
    fn a_peer_that_takes_all_that_comes_stays_whatever_is_sent() {
        let (mut backlogs, peer) = (Backlogs::default(), PeerId::random());
        for second in 0..1_000 {
            backlogs.sent_to_all(100 * MIB);
            assert_eq!(backlogs.look(&flows(&[(peer, flow(second, 0))])), []);
        }
    }

    #[test]
    fn a_peer_that_takes_nothing_is_parted_from_before_much_waits_for_it() {
        let (mut backlogs, peer) = (Backlogs::default(), PeerId::random());
        assert_eq!(backlogs.look(&flows(&[(peer, flow(0, 250))])), []);
        backlogs.sent_to_all(9 * MIB);
        assert_eq!(backlogs.look(&flows(&[(peer, flow(0, 4_900))])), [], "it may be slow for a moment");
        assert_eq!(backlogs.look(&flows(&[(peer, flow(0, 5_000))])), [peer]);
    }

    #[test]
    fn a_peer_that_takes_nothing_of_little_is_parted_from_in_the_end() {
        let (mut backlogs, peer) = (Backlogs::default(), PeerId::random());
        assert_eq!(backlogs.look(&flows(&[(peer, flow(0, 19_000))])), []);
        assert_eq!(backlogs.look(&flows(&[(peer, flow(0, 20_000))])), [peer]);
    }

    #[test]
    fn a_peer_that_takes_a_byte_now_and_then_is_parted_from_too() {
        let (mut backlogs, peer) = (Backlogs::default(), PeerId::random());
        let parted = (0..1_000).find(|tick| {
            let parting = backlogs.look(&flows(&[(peer, flow(*tick, 100))]));
            backlogs.sent_to_all(MIB);
            !parting.is_empty()
        });
        assert!(parted.is_some_and(|tick| (60..70).contains(&tick)), "{parted:?}");
    }

    #[test]
    fn a_slow_peer_that_takes_what_it_can_stays_until_it_is_too_far_behind() {
        let (mut backlogs, peer) = (Backlogs::default(), PeerId::random());
        backlogs.look(&flows(&[(peer, flow(0, 100))]));
        for second in 1..=50 {
            backlogs.sent_to_all(2 * MIB);
            assert_eq!(backlogs.look(&flows(&[(peer, flow(second * MIB, 900))])), [], "{second}");
        }
        backlogs.sent_to_all(20 * MIB);
        assert_eq!(backlogs.look(&flows(&[(peer, flow(51 * MIB, 900))])), [peer]);
    }

    #[test]
    fn of_many_that_take_nothing_those_that_hold_most_are_parted_from() {
        let mut backlogs = Backlogs::default();
        let peers: Vec<_> = (0..20).map(|_| PeerId::random()).collect();
        let at = |stuck_ms| flows(&peers.iter().map(|peer| (*peer, flow(0, stuck_ms))).collect::<Vec<_>>());
        backlogs.look(&at(900));
        backlogs.sent_to_all(3 * MIB);
        backlogs.sent_to(peers[0], MIB);
        assert_eq!(backlogs.look(&at(1_900)), [], "they may be slow for a moment");
        let parting = backlogs.look(&at(2_000));
        assert_eq!((parting.len(), parting[0]), (4, peers[0]), "of 61 MiB the first 4, and then 3 times 3");
    }
}
