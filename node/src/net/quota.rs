//! How much a peer may make us do, in bytes and messages.
//!
//! Always true: whoever is over a quota is told to wait or is not heard, never blamed: small networks that banned for
//! rates banned their honest nodes. What is asked follows the chain where it can: a validator's messages are counted by
//! height and round, because their number a second depends on how fast the chain is.
//! Start reading at [`Pace`].

use blockchat_proto::gossip::ConsensusMessage;
use blockchat_proto::keys::Address;
use blockchat_proto::units::{Height, Round};
use blockchat_proto::vote::VoteKind;
use libp2p::PeerId;
use std::collections::{BTreeMap, VecDeque};
use std::time::Duration;
use tokio::time::Instant;

/// A quota: how long one unit takes to be earned again, and how much may be spent at once, as time.
#[derive(Clone, Copy, Debug)]
pub(super) struct Rate {
    unit: Duration,
    burst: Duration,
}

impl Rate {
    /// `units` in every `period`, all of them at once if need be.
    pub(super) const fn new(units: u32, period: Duration) -> Self {
        let unit = Duration::from_nanos(period.as_nanos() as u64 / units as u64);
        Self { unit, burst: period }
    }
}

/// Transactions in gossip, in bytes, from one peer: 16 MiB/s, 32 at once.
pub(super) const GOSSIP_BYTES: Rate = Rate::new(32 * 1024 * 1024, Duration::from_secs(2));
/// Answers to one peer's sync questions, in bytes.
pub(super) const SYNC_BYTES: Rate = Rate::new(64 * 1024 * 1024, Duration::from_secs(10));
/// Statuses of one peer.
pub(super) const STATUSES: Rate = Rate::new(150, Duration::from_secs(15));
/// Genesis questions of one peer.
pub(super) const GENESES: Rate = Rate::new(4, Duration::from_secs(60));
/// All consensus messages of one author.
const AUTHOR: Rate = Rate::new(2_000, Duration::from_secs(4));
/// One author's proposals, with their block, of one height, round and validator. Two at once: the second is evidence.
const BODIES: Rate = Rate::new(2, Duration::from_secs(3));
/// The same without a block.
const PROPOSALS: Rate = Rate::new(4, Duration::from_secs(1));
/// Votes of one kind, height, round and validator: two, and their repetitions while the round lasts.
const VOTES: Rate = Rate::new(4, Duration::from_secs(1));
/// Round certificates of one height and round.
const CERTIFICATES: Rate = Rate::new(8, Duration::from_secs(1));

/// Spending so far, as the time at which everything is earned again (the generic cell rate algorithm).
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Pace {
    earned_at: Option<Instant>,
}

impl Pace {
    /// Spends `units`, unless the quota is used up: then says how long to wait. The last spending may overdraw it.
    pub(super) fn spend(&mut self, rate: Rate, units: usize, now: Instant) -> Result<(), Duration> {
        let earned_at = self.earned_at.map_or(now, |at| at.max(now));
        let debt = earned_at.duration_since(now);
        if debt >= rate.burst {
            return Err(debt - rate.burst + rate.unit);
        }
        let units = u32::try_from(units).unwrap_or(u32::MAX);
        self.earned_at = Some(earned_at + rate.unit.saturating_mul(units));
        Ok(())
    }
}

/// What one kind of consensus message is about. Nobody has checked the validator's signature yet.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum About {
    Body(Height, Round, Address),
    Proposal(Height, Round, Address),
    Vote(VoteKind, Height, Round, Address),
    Certificate(Height, Round),
}

impl About {
    fn of(message: &ConsensusMessage) -> Self {
        match message {
            ConsensusMessage::Proposal { proposal, block } => {
                let proposal = proposal.proposal;
                let about = if block.is_some() { Self::Body } else { Self::Proposal };
                about(proposal.height, proposal.round, proposal.leader)
            }
            ConsensusMessage::Vote(signed) => {
                let vote = signed.vote;
                Self::Vote(vote.kind, vote.height, vote.round, vote.validator)
            }
            ConsensusMessage::RoundCertificate(certificate) => {
                let (height, round) = certificate.height_and_round().unwrap_or((Height(0), Round(0)));
                Self::Certificate(height, round)
            }
        }
    }

    fn rate(self) -> Rate {
        match self {
            Self::Body(..) => BODIES,
            Self::Proposal(..) => PROPOSALS,
            Self::Vote(..) => VOTES,
            Self::Certificate(..) => CERTIFICATES,
        }
    }
}

/// What authors of consensus messages said lately. By author, who signs every gossip message, and not by validator or
/// by relay: a liar can then spend nobody's quota but its own.
#[derive(Default)]
pub(super) struct Authors {
    known: BTreeMap<PeerId, Author>,
}

#[derive(Default)]
struct Author {
    all: Pace,
    said: BTreeMap<About, Pace>,
    order: VecDeque<About>,
    last: Option<Instant>,
}

/// Most authors remembered; the one that was silent longest is forgotten for a new one.
const AUTHORS_MAX: usize = 512;
/// Most subjects remembered of one author.
const SUBJECTS_MAX: usize = 256;

impl Authors {
    /// May this author say this now?
    pub(super) fn may_say(&mut self, author: PeerId, message: &ConsensusMessage, now: Instant) -> bool {
        if self.known.len() >= AUTHORS_MAX && !self.known.contains_key(&author) {
            let silent = self.known.iter().min_by_key(|(_, author)| author.last).map(|(id, _)| *id);
            silent.and_then(|id| self.known.remove(&id));
        }
        self.known.entry(author).or_default().may_say(About::of(message), now)
    }
}

impl Author {
    fn may_say(&mut self, about: About, now: Instant) -> bool {
        self.last = Some(now);
        if !self.said.contains_key(&about) {
            self.order.push_back(about);
            while self.order.len() > SUBJECTS_MAX {
                self.order.pop_front().and_then(|oldest| self.said.remove(&oldest));
            }
        }
        let said = self.said.entry(about).or_default();
        said.spend(about.rate(), 1, now).is_ok() && self.all.spend(AUTHOR, 1, now).is_ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use blockchat_proto::keys::Signature;
    use blockchat_proto::vote::{SignedVote, Vote};

    const TEN_A_SECOND: Rate = Rate::new(10, Duration::from_secs(1));

    fn vote(height: u64, validator: u8) -> ConsensusMessage {
        let kind = VoteKind::Prevote;
        let vote =
            Vote { kind, height: Height(height), round: Round(0), value: None, validator: Address([validator; 32]) };
        ConsensusMessage::Vote(SignedVote { vote, signature: Signature([0; 64]) })
    }

    #[test]
    fn a_burst_passes_and_then_the_rate() {
        let (mut pace, now) = (Pace::default(), Instant::now());
        let passed = (0..100).filter(|_| pace.spend(TEN_A_SECOND, 1, now).is_ok()).count();
        assert_eq!(passed, 10);
        let later = now + Duration::from_millis(250);
        assert_eq!((0..100).filter(|_| pace.spend(TEN_A_SECOND, 1, later).is_ok()).count(), 3);
    }

    #[test]
    fn whoever_waits_as_told_is_heard() {
        let (mut pace, now) = (Pace::default(), Instant::now());
        pace.spend(TEN_A_SECOND, 35, now).unwrap();
        let wait = pace.spend(TEN_A_SECOND, 1, now).unwrap_err();
        assert!(pace.spend(TEN_A_SECOND, 1, now + wait).is_ok());
        assert!(wait > Duration::from_secs(2) && wait < Duration::from_secs(3), "{wait:?}");
    }

    #[test]
    fn a_liar_spends_nobodys_quota_but_its_own() {
        let (mut authors, now) = (Authors::default(), Instant::now());
        let (liar, honest) = (PeerId::random(), PeerId::random());
        let heard = (0..100).filter(|_| authors.may_say(liar, &vote(1, 7), now)).count();
        assert_eq!(heard, 4);
        assert!(authors.may_say(honest, &vote(1, 7), now));
    }

    #[test]
    fn a_fast_chain_is_not_held_up() {
        let (mut authors, now) = (Authors::default(), Instant::now());
        let author = PeerId::random();
        for height in 0..1_000 {
            assert!(authors.may_say(author, &vote(height, 1), now), "height {height}");
        }
    }

    #[test]
    fn memory_is_bounded() {
        let (mut authors, now) = (Authors::default(), Instant::now());
        let author = PeerId::random();
        for height in 0..1_000 {
            authors.may_say(author, &vote(height, 1), now);
            authors.may_say(PeerId::random(), &vote(height, 1), now);
        }
        assert!(authors.known.len() <= AUTHORS_MAX);
        assert!(authors.known.values().all(|author| author.said.len() <= SUBJECTS_MAX));
    }
}
