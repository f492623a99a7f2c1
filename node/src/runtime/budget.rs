//! The number of times that a validator's messages are forwarded, once verified. SPEC GOSSIP-3.
//!
//! Why: the salt of an envelope is not signed, so any peer that heard a true vote can send it again for ever, each time
//! as a message that gossip has not seen. Here every relay counts its forwards of one vote, whichever peer brought it.
//!
//! Always true: only messages that a key really signed spend its budget; one kind of message about one height and round
//! spends no other's; a message over budget ends here without blame. A message that spends a budget was forwarded, so
//! that others who spend it silence no member: they have said the same thing for it. Start reading at
//! [`Budgets::allow`].

use crate::net::{Pace, Rate};
use blockchat_proto::keys::Address;
use blockchat_proto::units::{Height, Round};
use blockchat_proto::vote::{Evidence, RoundCertificate, RoundProof, SignedProposal, SignedVote, VoteKind};
use std::collections::{BTreeMap, VecDeque};
use std::time::Duration;
use tokio::time::Instant;

/// All consensus messages of one validator.
const VALIDATOR: Rate = Rate::new(2_000, Duration::from_secs(4));
/// Its proposals, with their block, of one height and round. Two at once: the second is evidence.
const BODIES: Rate = Rate::new(2, Duration::from_secs(3));
/// The same without a block.
const PROPOSALS: Rate = Rate::new(4, Duration::from_secs(1));
/// Its votes of one kind, height and round: two, and their repetitions while the round lasts.
const VOTES: Rate = Rate::new(4, Duration::from_secs(1));
/// Round certificates of one proof, height and round, whatever their votes: each serves as well as the next.
const CERTIFICATES: Rate = Rate::new(8, Duration::from_secs(1));
/// Evidence against one validator, whatever it is about: a liar can contradict itself without end.
const EVIDENCE: Rate = Rate::new(4, Duration::from_secs(60));

/// Most authors remembered; the one that was silent longest is forgotten for a new one.
const AUTHORS_MAX: usize = 512;
/// Most subjects remembered of one author.
const SUBJECTS_MAX: usize = 256;

/// The subject of a message.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Subject {
    Body,
    Proposal,
    Vote(VoteKind),
    Certificate(RoundProof),
    Evidence,
}

/// A verified message, as far as budgets look at it.
#[derive(Clone, Copy, Debug)]
pub(super) struct Said {
    /// `None` for a round certificate.
    author: Option<Address>,
    about: About,
}

type About = (Height, Round, Subject);

impl Said {
    pub(super) fn vote(signed: &SignedVote) -> Self {
        let vote = &signed.vote;
        Self { author: Some(vote.validator), about: (vote.height, vote.round, Subject::Vote(vote.kind)) }
    }

    pub(super) fn proposal(signed: &SignedProposal, with_block: bool) -> Self {
        let proposal = &signed.proposal;
        let subject = if with_block { Subject::Body } else { Subject::Proposal };
        Self { author: Some(proposal.leader), about: (proposal.height, proposal.round, subject) }
    }

    /// `None` if it mixes heights or rounds.
    pub(super) fn certificate(certificate: &RoundCertificate) -> Option<Self> {
        let (height, round) = certificate.height_and_round()?;
        Some(Self { author: None, about: (height, round, Subject::Certificate(certificate.proof)) })
    }

    pub(super) fn evidence(evidence: &Evidence) -> Self {
        Self { author: Some(evidence.accused()), about: (Height(0), Round(0), Subject::Evidence) }
    }

    fn rate(&self) -> Rate {
        match self.about.2 {
            Subject::Body => BODIES,
            Subject::Proposal => PROPOSALS,
            Subject::Vote(_) => VOTES,
            Subject::Certificate(_) => CERTIFICATES,
            Subject::Evidence => EVIDENCE,
        }
    }
}

/// Recent messages, by author.
#[derive(Debug, Default)]
pub(super) struct Budgets {
    known: BTreeMap<Option<Address>, Author>,
}

#[derive(Debug, Default)]
struct Author {
    all: Pace,
    said: BTreeMap<About, Pace>,
    order: VecDeque<About>,
    last: Option<Instant>,
}

impl Budgets {
    /// May this be passed on? If so, it is counted.
    pub(super) fn allow(&mut self, said: Said, now: Instant) -> bool {
        if self.known.len() >= AUTHORS_MAX && !self.known.contains_key(&said.author) {
            let silent = self.known.iter().min_by_key(|(_, author)| author.last).map(|(id, _)| *id);
            silent.and_then(|id| self.known.remove(&id));
        }
        self.known.entry(said.author).or_default().allow(said, now)
    }

    /// Would [`Budgets::allow`] say no? Nothing is counted: for checks that are dear.
    pub(super) fn is_spent(&self, said: Said, now: Instant) -> bool {
        let pace = self.known.get(&said.author).and_then(|author| author.said.get(&said.about));
        pace.is_some_and(|pace| pace.clone().spend(said.rate(), 1, now).is_err())
    }
}

impl Author {
    fn allow(&mut self, said: Said, now: Instant) -> bool {
        self.last = Some(now);
        if !self.said.contains_key(&said.about) {
            self.order.push_back(said.about);
            while self.order.len() > SUBJECTS_MAX {
                self.order.pop_front().and_then(|oldest| self.said.remove(&oldest));
            }
        }
        let pace = self.said.entry(said.about).or_default();
        let within = pace.spend(said.rate(), 1, now).is_ok();
        within && (said.author.is_none() || self.all.spend(VALIDATOR, 1, now).is_ok())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use blockchat_proto::keys::Signature;
    use blockchat_proto::vote::{Proposal, Vote};

    fn vote(height: u64, kind: VoteKind, validator: u8) -> Said {
        let validator = Address([validator; 32]);
        let vote = Vote { kind, height: Height(height), round: Round(0), value: None, validator };
        Said::vote(&SignedVote { vote, signature: Signature([0; 64]) })
    }

    fn prevote(height: u64, validator: u8) -> Said {
        vote(height, VoteKind::Prevote, validator)
    }

    #[test]
    fn a_true_vote_that_is_sent_again_for_ever_is_passed_on_a_few_times_a_second() {
        let (mut budgets, now) = (Budgets::default(), Instant::now());
        let passed = |budgets: &mut Budgets, now| (0..1_000).filter(|_| budgets.allow(prevote(1, 7), now)).count();
        assert_eq!(passed(&mut budgets, now), 4);
        assert!(budgets.is_spent(prevote(1, 7), now));
        assert!(budgets.allow(prevote(1, 8), now), "nobody else pays for it");
        assert!(budgets.allow(vote(1, VoteKind::Precommit, 7), now), "nor does anything else it says");
        assert!(budgets.allow(prevote(2, 7), now));
        let later = now + Duration::from_millis(500);
        assert!(!budgets.is_spent(prevote(1, 7), later));
        assert!((1..=3).contains(&passed(&mut budgets, later)), "and who came late hears it then");
    }

    /// A validator says its last vote again after 400, 800, 1,600 and then every 3,200 ms.
    #[test]
    fn honest_repetitions_are_within_budget_beside_a_relay_that_repeats_them_all_the_time() {
        let (mut budgets, start) = (Budgets::default(), Instant::now());
        let (mut passed, mut now) = (0, start);
        while now < start + Duration::from_secs(3_600) {
            passed += u32::from(budgets.allow(prevote(1, 7), now));
            now += Duration::from_millis(50);
        }
        assert!(passed >= 3_600, "at least once in every second somebody's repetition went on: {passed}");
    }

    #[test]
    fn two_proposals_with_blocks_go_on_at_once_and_then_one_in_a_while() {
        let (mut budgets, now) = (Budgets::default(), Instant::now());
        let (height, round, block) = (Height(1), Round(0), blockchat_proto::hash::Hash32::ZERO);
        let proposal = Proposal { height, round, block, lock_round: None, leader: Address([1; 32]) };
        let signed = SignedProposal { proposal, signature: Signature([0; 64]) };
        let passed = |with_block, budgets: &mut Budgets| {
            (0..100).filter(|_| budgets.allow(Said::proposal(&signed, with_block), now)).count()
        };
        assert_eq!(passed(true, &mut budgets), 2);
        assert_eq!(passed(false, &mut budgets), 4);
    }

    #[test]
    fn a_certificate_is_nobodys_and_one_is_as_good_as_another() {
        let signed = |validator| {
            let validator = Address([validator; 32]);
            let vote = Vote { kind: VoteKind::Prevote, height: Height(1), round: Round(3), value: None, validator };
            SignedVote { vote, signature: Signature([0; 64]) }
        };
        let of = |proof, first| RoundCertificate { proof, votes: (first..first + 3).map(signed).collect() };
        let said = |proof, first| Said::certificate(&of(proof, first)).unwrap();
        let (mut budgets, now) = (Budgets::default(), Instant::now());
        assert_eq!((0..100).filter(|first| budgets.allow(said(RoundProof::Skip, *first), now)).count(), 8);
        assert!(budgets.allow(said(RoundProof::Polka, 0), now));
        assert!(Said::certificate(&RoundCertificate { proof: RoundProof::Skip, votes: vec![] }).is_none());
    }

    #[test]
    fn a_fast_chain_is_not_held_up() {
        let (mut budgets, now) = (Budgets::default(), Instant::now());
        for height in 0..1_000 {
            assert!(budgets.allow(prevote(height, 1), now), "height {height}");
        }
    }

    #[test]
    fn memory_is_bounded() {
        let (mut budgets, now) = (Budgets::default(), Instant::now());
        for height in 0..1_000_u32 {
            budgets.allow(prevote(height.into(), 1), now);
            let mut author = [0; 32];
            author[..4].copy_from_slice(&height.to_be_bytes());
            budgets.allow(Said { author: Some(Address(author)), ..prevote(1, 1) }, now);
        }
        assert!(budgets.known.len() <= AUTHORS_MAX);
        assert!(budgets.known.values().all(|author| author.said.len() <= SUBJECTS_MAX));
    }
}
