//! Faults of peers, fading with time, and their consequences.
//!
//! Owns: the points. Does not own: connections, nor exemptions (the task asks [`Scores::lower`] for the deserved
//! consequence and spares exempt peers). Always true: points come only for faults that are faults in every state; being
//! slow, busy or behind costs nothing.

use libp2p::PeerId;
use std::collections::BTreeMap;
use std::time::Duration;
use tokio::time::Instant;

/// A fault is half forgotten after this.
const HALF_LIFE: Duration = Duration::from_secs(600);
/// At so many points a peer is let go for [`PART`]: two bad messages, which have faded a little when they are summed up.
const PART_AT: f64 = 19.0;
/// And at so many for [`BAN`]: five of them.
const BAN_AT: f64 = 49.0;
/// Pause of a peer that was let go.
const PART: Duration = Duration::from_secs(60);
/// First ban; doubles each time.
const BAN: Duration = Duration::from_secs(3_600);
/// Longest ban.
const BAN_MAX: Duration = Duration::from_secs(24 * 3_600);
/// Most peers remembered; those with the fewest points are forgotten first.
const PEERS_MAX: usize = 4_096;

/// A peer's breach of the protocol.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum PeerFault {
    /// A question that does not decode.
    Question,
    /// Gossip that does not decode, or does not verify.
    Gossip,
    /// An answer that does not decode.
    Answer,
    /// Blocks that prove nothing, in answer to our question.
    Blocks,
}

impl PeerFault {
    fn points(self) -> f64 {
        match self {
            Self::Question => 5.0,
            Self::Gossip | Self::Answer => 10.0,
            Self::Blocks => 20.0,
        }
    }
}

/// The consequence for a peer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Judgement {
    /// To stay.
    Stay,
    /// To be let go, and not back in for so long.
    Part(Duration),
}

struct Record {
    points: f64,
    at: Instant,
    bans: u32,
    /// The number of times of each fault, and the last one: for readers.
    faults: BTreeMap<PeerFault, (u32, Instant)>,
}

impl Record {
    fn points(&self, now: Instant) -> f64 {
        let half_lives = now.duration_since(self.at).as_secs_f64() / HALF_LIFE.as_secs_f64();
        self.points * (-half_lives).exp2()
    }
}

/// The points of all peers, connected or not.
#[derive(Default)]
pub(super) struct Scores {
    records: BTreeMap<PeerId, Record>,
}

impl Scores {
    /// Counts a fault, and says what the peer deserves now.
    pub(super) fn lower(&mut self, peer: PeerId, fault: PeerFault, now: Instant) -> Judgement {
        self.make_room(peer, now);
        let record =
            self.records.entry(peer).or_insert(Record { points: 0.0, at: now, bans: 0, faults: BTreeMap::new() });
        record.points = record.points(now) + fault.points();
        record.at = now;
        let (times, last) = record.faults.entry(fault).or_insert((0, now));
        (*times, *last) = (times.saturating_add(1), now);
        if record.points >= BAN_AT {
            let pause = BAN.saturating_mul(1 << record.bans.min(5)).min(BAN_MAX);
            record.bans += 1;
            record.points = 0.0;
            return Judgement::Part(pause);
        }
        if record.points >= PART_AT { Judgement::Part(PART) } else { Judgement::Stay }
    }

    /// A peer's points now, and the faults that it was ever blamed for: how often, and when last.
    pub(super) fn of(&self, peer: &PeerId, now: Instant) -> (f64, impl Iterator<Item = (PeerFault, u32, Instant)>) {
        let record = self.records.get(peer);
        let faults = record.into_iter().flat_map(|record| &record.faults);
        (record.map_or(0.0, |record| record.points(now)), faults.map(|(fault, (times, last))| (*fault, *times, *last)))
    }

    /// All peers with points, as scores: negative, nearer to 0 as time goes by.
    pub(super) fn all(&self, now: Instant) -> impl Iterator<Item = (PeerId, f64)> {
        self.records.iter().map(move |(peer, record)| (*peer, -record.points(now)))
    }

    fn make_room(&mut self, peer: PeerId, now: Instant) {
        if self.records.len() >= PEERS_MAX && !self.records.contains_key(&peer) {
            let best = |a: &(&PeerId, &Record), b: &(&PeerId, &Record)| a.1.points(now).total_cmp(&b.1.points(now));
            let forgotten = self.records.iter().min_by(best).map(|(id, _)| *id);
            forgotten.and_then(|id| self.records.remove(&id));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn two_bad_messages_part_and_more_ban_longer_each_time() {
        let (mut scores, peer, now) = (Scores::default(), PeerId::random(), Instant::now());
        assert_eq!(scores.lower(peer, PeerFault::Gossip, now), Judgement::Stay);
        let now = now + Duration::from_secs(1);
        assert_eq!(scores.lower(peer, PeerFault::Gossip, now), Judgement::Part(PART), "no two come at one instant");
        let mut bans = vec![];
        for _ in 0..100 {
            if let Judgement::Part(pause) = scores.lower(peer, PeerFault::Blocks, now)
                && pause > PART
            {
                bans.push(pause);
            }
        }
        assert_eq!(bans[..3], [BAN, BAN * 2, BAN * 4]);
        assert_eq!(bans.last(), Some(&BAN_MAX));
    }

    #[test]
    fn faults_are_forgotten_with_time() {
        let (mut scores, peer, now) = (Scores::default(), PeerId::random(), Instant::now());
        scores.lower(peer, PeerFault::Gossip, now);
        let later = now + HALF_LIFE;
        assert_eq!(scores.all(later).collect::<Vec<_>>(), [(peer, -5.0)]);
        assert_eq!(scores.lower(peer, PeerFault::Gossip, later), Judgement::Stay);
    }

    #[test]
    fn readers_see_what_the_points_are_for() {
        let (mut scores, peer, now) = (Scores::default(), PeerId::random(), Instant::now());
        let later = now + Duration::from_secs(1);
        scores.lower(peer, PeerFault::Question, now);
        scores.lower(peer, PeerFault::Gossip, now);
        scores.lower(peer, PeerFault::Question, later);
        let (points, faults) = scores.of(&peer, later);
        assert!((19.9..20.0).contains(&points), "{points}");
        assert_eq!(faults.collect::<Vec<_>>(), [(PeerFault::Question, 2, later), (PeerFault::Gossip, 1, now)]);
        assert_eq!(scores.of(&PeerId::random(), now).1.count(), 0);
    }

    #[test]
    fn memory_is_bounded() {
        let (mut scores, now) = (Scores::default(), Instant::now());
        let worst = PeerId::random();
        scores.lower(worst, PeerFault::Blocks, now);
        for _ in 0..PEERS_MAX + 10 {
            scores.lower(PeerId::random(), PeerFault::Question, now);
        }
        assert_eq!(scores.records.len(), PEERS_MAX);
        assert!(scores.records.contains_key(&worst));
    }
}
