//! Fair shares of our work for peers: peers that bring much must not take the place of those that bring little.
//!
//! Always true: as long as there is room in all, no peer is refused; without room, a peer within its equal part of the
//! capacity is still heard; debts of peers fade with time, and none owes more than [`DEBT_MAX`], however much it had
//! while the capacity was idle. Start reading at [`Shares::may`].

use libp2p::PeerId;
use std::collections::BTreeMap;
use std::time::Duration;
use tokio::time::Instant;

/// Work may come in bursts of so long.
const BURST: Duration = Duration::from_secs(2);
/// Most work that a peer is remembered to have caused beyond what is paid off.
const DEBT_MAX: Duration = Duration::from_secs(4);
/// Peers that owe nothing any more are forgotten this often.
const PRUNE_EVERY: Duration = Duration::from_secs(1);

/// Work that was done and is not paid off yet: one second of it in each second.
#[derive(Clone, Copy, Debug, Default)]
struct Debt(Option<Instant>);

impl Debt {
    fn at(self, now: Instant) -> Duration {
        self.0.map_or(Duration::ZERO, |paid| paid.saturating_duration_since(now))
    }

    fn add(&mut self, work: Duration, now: Instant) {
        self.0 = Some(now + self.at(now).saturating_add(work).min(DEBT_MAX));
    }
}

/// The recent work caused by all peers together, and by each.
#[derive(Debug, Default)]
pub(super) struct Shares {
    all: Debt,
    peers: BTreeMap<PeerId, Debt>,
    pruned: Option<Instant>,
}

impl Shares {
    /// Is there room for more of this peer's?
    pub(super) fn may(&self, peer: &PeerId, now: Instant) -> bool {
        let own = self.peers.get(peer).copied().unwrap_or_default();
        self.all.at(now) < BURST || own.at(now) < BURST
    }

    /// A peer causes work, as the time that it takes of a capacity of one second a second.
    pub(super) fn charge(&mut self, peer: PeerId, work: Duration, now: Instant) {
        self.prune(now);
        self.peers.entry(peer).or_default();
        let sharing = u32::try_from(self.peers.len()).unwrap_or(u32::MAX);
        self.all.add(work, now);
        self.peers.entry(peer).or_default().add(work.saturating_mul(sharing), now);
    }

    fn prune(&mut self, now: Instant) {
        if self.pruned.is_none_or(|last| now.saturating_duration_since(last) >= PRUNE_EVERY) {
            self.pruned = Some(now);
            self.peers.retain(|_, debt| !debt.at(now).is_zero());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const WORK: Duration = Duration::from_millis(10);

    /// Lets `peer` ask for 10 ms of work as often as `tries` says, at one moment; how often it gets it.
    fn granted(shares: &mut Shares, peer: PeerId, tries: u32, now: Instant) -> u32 {
        let grant = |_| {
            let may = shares.may(&peer, now);
            if may {
                shares.charge(peer, WORK, now);
            }
            u32::from(may)
        };
        (0..tries).map(grant).sum()
    }

    #[test]
    fn idle_capacity_is_never_refused() {
        let (mut shares, greedy, now) = (Shares::default(), PeerId::random(), Instant::now());
        for second in 0..100 {
            let now = now + Duration::from_secs(second);
            assert_eq!(granted(&mut shares, greedy, 100, now), 100, "all of it, every second: {second}");
        }
    }

    #[test]
    fn a_flood_leaves_the_others_their_share() {
        let (mut shares, now) = (Shares::default(), Instant::now());
        let (flooder, honest) = (PeerId::random(), PeerId::random());
        let mut got = (0, 0);
        for tick in 0..1_000 {
            let now = now + WORK * tick;
            got.0 += granted(&mut shares, flooder, 100, now);
            got.1 += granted(&mut shares, honest, u32::from(tick % 4 == 0), now);
        }
        assert_eq!(got.1, 250, "a quarter of the capacity is less than its half");
        assert!((650..1_300).contains(&got.0), "the flooder has the rest: {}", got.0);
    }

    #[test]
    fn whoever_used_idle_capacity_is_heard_again_soon_after_others_come() {
        let (mut shares, now) = (Shares::default(), Instant::now());
        let (busy, flooder) = (PeerId::random(), PeerId::random());
        for second in 0..60 {
            granted(&mut shares, busy, 1_000, now + Duration::from_secs(second));
        }
        let now = now + Duration::from_secs(60);
        granted(&mut shares, flooder, 1_000, now);
        let later = now + DEBT_MAX;
        granted(&mut shares, flooder, 1_000, later);
        assert!(shares.may(&busy, later));
    }

    #[test]
    fn who_owes_nothing_is_forgotten() {
        let (mut shares, now) = (Shares::default(), Instant::now());
        (0..1_000).for_each(|_| shares.charge(PeerId::random(), WORK, now));
        shares.charge(PeerId::random(), WORK, now + DEBT_MAX * 2);
        assert_eq!(shares.peers.len(), 1);
    }
}
