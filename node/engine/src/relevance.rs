//! Filters peers' messages before a signature is checked: are they relevant to us, or to nodes we would forward them
//! to?
//!
//! Owns: this one question, for the node and the simulator alike. Does not own: signatures, limits on forwarding
//! repeats (the shell), the effect of a message (`consensus`).
//! Always true: only a member of our set can make us check a signature or a block, and for the current height only a
//! drawn leader; a message refused here without blame is merely old, early, of a non-member, or by unknown rules; a
//! check costs at most one draw, one hash of a header and a sort of as many addresses as there are members.
//! Start reading at [`Horizon::proposal`].

use crate::chain_view::ChainView;
use blockchat_proto::block::{Block, Header, VerifiedBlock};
use blockchat_proto::hash::Hash32;
use blockchat_proto::keys::Address;
use blockchat_proto::leader::leader_for;
use blockchat_proto::ledger::{Ledger, Tip};
use blockchat_proto::limits::VALIDATORS_MAX;
use blockchat_proto::sync::CertifiedBlock;
use blockchat_proto::units::{Height, Round, RulesVersion};
use blockchat_proto::validators::ValidatorSet;
use blockchat_proto::vote::{Certificate, Evidence, LatePrecommits, Proposal, RoundCertificate, Vote};

/// Maximum heights above the tip: the current height, and the next one.
pub const HEIGHTS_AHEAD: u64 = 2;
/// Messages about heights this far below the tip are useless to every node we would forward them to.
const STALE_HEIGHTS: u64 = 2;
/// Proposals of rounds beyond this distance are ignored; the voting core drops such votes, too.
pub const ROUNDS_AHEAD: u32 = 10;

/// Our state when a message arrives: our tip, the set of the height after it, the round, the rules.
#[derive(Clone, Copy, Debug)]
pub struct Horizon<'a> {
    tip: &'a Tip,
    validators: &'a ValidatorSet,
    round: Round,
    known: RulesVersion,
}

/// Why a message is dropped.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Refused {
    /// It is irrelevant to us, and to all nodes we would forward it to. No peer is to blame.
    Noise,
    /// No honest node sends this, in any state.
    Wrong(&'static str),
}

/// The use of a message once its signatures verify.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Use {
    /// Forward it.
    pub pass_on: bool,
    /// Check the block that it carries.
    pub with_block: bool,
    /// It is about the height after the current one.
    pub ahead: bool,
}

impl<'a> From<&'a ChainView> for Horizon<'a> {
    fn from(view: &'a ChainView) -> Self {
        Self { tip: &view.tip, validators: &view.validators, round: view.round, known: view.rules.known }
    }
}

impl<'a> Horizon<'a> {
    /// For a node with this ledger in this round.
    pub fn of(ledger: &'a Ledger, round: Round) -> Self {
        Self { tip: ledger.tip(), validators: ledger.validators(), round, known: ledger.known_version() }
    }

    /// Is the signature of this vote worth checking?
    pub fn vote(&self, vote: &Vote) -> Result<Use, Refused> {
        self.member(&vote.validator)?;
        self.within(vote.height)
    }

    /// Is the signature of this proposal, with its block, worth checking?
    ///
    /// The block must belong to it. Where the leader of its round is known, no other member may propose.
    pub fn proposal(&self, proposal: &Proposal, block: Option<Brought<'_>>) -> Result<Use, Refused> {
        self.member(&proposal.leader)?;
        let found = self.within(proposal.height)?;
        let next = self.tip.height.next();
        if proposal.height == next {
            let near = proposal.round.0 <= self.round.0.saturating_add(ROUNDS_AHEAD);
            let drawn = near && self.leader(proposal.round) == proposal.leader;
            drawn.then_some(()).ok_or(Refused::Noise)?;
        }
        let Some(block) = block else { return Ok(found) };
        self.known_rules(block)?;
        block.check(proposal.height, proposal.block)?;
        // A decided block is fetched with its proof; its body here is neither checked nor forwarded.
        let with_block = proposal.height >= next;
        Ok(Use { with_block, pass_on: found.pass_on && with_block, ..found })
    }

    /// Are the signatures of this round certificate worth checking? Only if its votes prove its claim under our set:
    /// otherwise any peer could assemble some, and use up the limit of true ones.
    pub fn certificate(&self, certificate: &RoundCertificate) -> Result<Use, Refused> {
        if certificate.votes.len() > VALIDATORS_MAX {
            return Err(Refused::Wrong("it holds more votes than a set has members"));
        }
        let (height, _) = certificate.height_and_round().ok_or(Refused::Wrong("it mixes heights or rounds"))?;
        let found = self.within(height)?;
        certificate.check_structure(self.validators).map_err(|_| Refused::Noise)?;
        Ok(found)
    }

    /// Is this evidence worth checking? Any key can contradict itself: only members count.
    pub fn evidence(&self, evidence: &Evidence) -> Result<(), Refused> {
        self.member(&evidence.accused())
    }

    /// Is this the block that we requested by hash, under rules that we know? Its hash is checked before its contents.
    pub fn body(&self, block: &Block, asked: Hash32) -> Result<(), Refused> {
        let block = Brought::from(block);
        self.known_rules(block)?;
        block.check(block.header.height, asked)
    }

    /// How many of these final blocks, from the first on, are worth checking: up to the first under unknown rules.
    ///
    /// Each follows the previous one, with its own certificate and no more signatures than a set has members; that of
    /// the height after our tip proves it under our set.
    pub fn answer(&self, blocks: &[CertifiedBlock]) -> Result<usize, Refused> {
        let mut before: Option<Height> = None;
        for (index, CertifiedBlock { block, certificate }) in blocks.iter().enumerate() {
            let height = block.header.height;
            let brought = Brought::from(block);
            if self.known_rules(brought).is_err() {
                return Ok(index);
            }
            let hash = block.header.hash();
            brought.check_precommits()?;
            let follows = before.is_none_or(|before| height == before.next());
            let fits = certificate.height == height && certificate.block == hash;
            let sound = certificate.signatures.len() <= VALIDATORS_MAX
                && certificate.signatures.is_sorted_by(|a, b| a.validator < b.validator);
            if !follows || !fits || !sound {
                return Err(Refused::Wrong("blocks that do not follow, or certificates of others"));
            }
            let next = height == self.tip.height.next();
            if next && certificate.check_structure(height, hash, self.validators).is_err() {
                return Err(Refused::Wrong("a certificate that proves nothing"));
            }
            before = Some(height);
        }
        Ok(blocks.len())
    }

    fn member(&self, author: &Address) -> Result<(), Refused> {
        self.validators.get(author).map(|_| ()).ok_or(Refused::Noise)
    }

    fn within(&self, height: Height) -> Result<Use, Refused> {
        let Height(tip) = self.tip.height;
        if height.0 > tip.saturating_add(HEIGHTS_AHEAD) {
            return Err(Refused::Noise);
        }
        let pass_on = height.0.saturating_add(STALE_HEIGHTS) > tip;
        Ok(Use { pass_on, with_block: false, ahead: height > self.tip.height.next() })
    }

    fn leader(&self, round: Round) -> Address {
        leader_for(self.validators, self.tip.hash, self.tip.height.next(), round)
    }

    fn known_rules(&self, block: Brought<'_>) -> Result<(), Refused> {
        if block.header.version <= self.known { Ok(()) } else { Err(Refused::Noise) }
    }
}

/// The part of a block that is inspected before verification.
#[derive(Clone, Copy, Debug)]
pub struct Brought<'a> {
    header: &'a Header,
    /// Neither its commit nor its late precommits have more signatures than a set has members, or two of one member.
    one_of_each: bool,
}

impl<'a> From<&'a Block> for Brought<'a> {
    fn from(block: &'a Block) -> Self {
        Self { header: &block.header, one_of_each: one_of_each(block.commit.as_ref(), block.late.as_ref()) }
    }
}

impl<'a> From<&'a VerifiedBlock> for Brought<'a> {
    fn from(block: &'a VerifiedBlock) -> Self {
        Self { header: block.header(), one_of_each: one_of_each(block.commit(), block.late()) }
    }
}

impl Brought<'_> {
    /// One hash of the header decides whether this is the block; and no member signs a commit twice.
    fn check(self, height: Height, hash: Hash32) -> Result<(), Refused> {
        self.check_precommits()?;
        let same = self.header.height == height && self.header.hash() == hash;
        same.then_some(()).ok_or(Refused::Wrong("its block is another one"))
    }

    fn check_precommits(self) -> Result<(), Refused> {
        let reason = "its block holds more precommits than a set has members, or two of one of them";
        self.one_of_each.then_some(()).ok_or(Refused::Wrong(reason))
    }
}

fn one_of_each(commit: Option<&Certificate>, late: Option<&LatePrecommits>) -> bool {
    let parts = [commit.map(|commit| &commit.signatures), late.map(|late| &late.signatures)];
    parts.into_iter().flatten().all(|signatures| {
        signatures.len() <= VALIDATORS_MAX && signatures.is_sorted_by(|a, b| a.validator < b.validator)
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use blockchat_proto::coins::Coins;
    use blockchat_proto::genesis::{Genesis, GenesisAccount, Parameters, VerifiedGenesis};
    use blockchat_proto::keys::{Signature, Signer};
    use blockchat_proto::ledger::Draft;
    use blockchat_proto::units::UnixMillis;
    use blockchat_proto::vote::{CommitSignature, RoundProof, SignedVote, VoteKind};

    const NOISE: Result<Use, Refused> = Err(Refused::Noise);

    fn member(index: u8) -> Address {
        Signer::from_seed(&[index; 32]).address()
    }

    /// A chain of four, at its genesis.
    fn ledger() -> Ledger {
        let account = |index| {
            let (balance, stake) = (Coins::ZERO, Coins::from_bcc(10));
            GenesisAccount { address: member(index), balance, stake, name: None }
        };
        let mut accounts: Vec<_> = (1..=4).map(account).collect();
        accounts.sort_by_key(|account| account.address);
        let genesis: VerifiedGenesis = Genesis {
            name: "test".into(),
            time: UnixMillis(0),
            parameters: Parameters::default(),
            treasury: Coins::ZERO,
            accounts,
            version: RulesVersion::FIRST,
        }
        .verify()
        .unwrap();
        Ledger::at_genesis(&genesis)
    }

    fn vote(validator: Address, height: u64) -> Vote {
        Vote { kind: VoteKind::Prevote, height: Height(height), round: Round(0), value: None, validator }
    }

    fn block_of(ledger: &Ledger, leader: Address) -> Block {
        let time = UnixMillis(1);
        let draft =
            Draft { round: Round(0), leader, time, offered: vec![], evidence: vec![], commit: None, late: None };
        ledger.build_block(draft).block.to_block()
    }

    fn proposal(leader: Address, height: u64, round: u32, block: Hash32) -> Proposal {
        Proposal { height: Height(height), round: Round(round), block, lock_round: None, leader }
    }

    /// SPEC GOSSIP-3.
    #[test]
    fn strangers_are_noise_at_every_height_and_members_within_the_window_are_heard() {
        let ledger = ledger();
        let horizon = Horizon::of(&ledger, Round(0));
        for height in [0, 1, 2, 3, u64::MAX - 1, u64::MAX] {
            assert_eq!(horizon.vote(&vote(member(9), height)), NOISE, "{height}");
            assert_eq!(horizon.proposal(&proposal(member(9), height, 0, Hash32::ZERO), None), NOISE, "{height}");
            let heard = horizon.vote(&vote(member(1), height));
            assert_eq!(heard.is_ok(), height <= HEIGHTS_AHEAD, "{height}");
            assert_eq!(heard.ok().map(|found| found.ahead), (height <= HEIGHTS_AHEAD).then_some(height == 2));
        }
    }

    #[test]
    fn only_the_drawn_leader_of_a_near_round_proposes_at_the_height_being_decided() {
        let ledger = ledger();
        let horizon = Horizon::of(&ledger, Round(3));
        for round in [0, 3, 3 + ROUNDS_AHEAD, 4 + ROUNDS_AHEAD, u32::MAX] {
            let drawn = leader_for(ledger.validators(), ledger.tip().hash, Height(1), Round(round));
            for leader in (1..=4).map(member) {
                let heard = horizon.proposal(&proposal(leader, 1, round, Hash32::ZERO), None).is_ok();
                assert_eq!(heard, leader == drawn && round <= 3 + ROUNDS_AHEAD, "{round}");
            }
        }
        assert!(horizon.proposal(&proposal(member(1), 2, u32::MAX, Hash32::ZERO), None).is_ok(), "nobody knows yet");
    }

    #[test]
    fn a_block_is_looked_at_only_if_it_is_the_one_that_was_signed_for() {
        let ledger = ledger();
        let horizon = Horizon::of(&ledger, Round(0));
        let leader = leader_for(ledger.validators(), ledger.tip().hash, Height(1), Round(0));
        let block = block_of(&ledger, leader);
        let hash = block.header.hash();
        let right = horizon.proposal(&proposal(leader, 1, 0, hash), Some(Brought::from(&block)));
        assert!(right.is_ok_and(|found| found.with_block && found.pass_on));
        let wrong = |height, hash| {
            let found = horizon.proposal(&proposal(leader, height, 0, hash), Some(Brought::from(&block)));
            assert!(matches!(found, Err(Refused::Wrong(_))), "{found:?}");
        };
        wrong(1, Hash32([9; 32]));
        wrong(2, hash);
        let unknown = Block { header: Header { version: RulesVersion(9), ..block.header.clone() }, ..block.clone() };
        let found = horizon.proposal(&proposal(leader, 1, 0, unknown.header.hash()), Some(Brought::from(&unknown)));
        assert_eq!(found, NOISE, "by rules that we do not know: nobody is to blame");
        assert_eq!(horizon.body(&unknown, unknown.header.hash()), Err(Refused::Noise));
        assert_eq!(horizon.body(&block, hash), Ok(()));
        assert!(matches!(horizon.body(&block, Hash32([9; 32])), Err(Refused::Wrong(_))));
    }

    #[test]
    fn nobody_signs_a_commit_more_often_than_a_set_has_members() {
        let ledger = ledger();
        let horizon = Horizon::of(&ledger, Round(0));
        let part = |index: usize| {
            let index = u64::try_from(index).unwrap().to_be_bytes();
            let mut address = [0; 32];
            address[..8].copy_from_slice(&index);
            CommitSignature { validator: Address(address), signature: Signature([0; 64]) }
        };
        let commit = |count| Certificate {
            height: Height(1),
            round: Round(0),
            block: Hash32::ZERO,
            signatures: (0..count).map(part).collect(),
        };
        let mut block = block_of(&ledger, member(1));
        block.header.height = Height(2);
        let hash = block.header.hash();
        for (count, good) in [(VALIDATORS_MAX, true), (VALIDATORS_MAX + 1, false), (19_000, false)] {
            block.commit = Some(commit(count));
            let found = horizon.proposal(&proposal(member(1), 2, 0, hash), Some(Brought::from(&block)));
            assert_eq!(found.is_ok(), good, "{count}");
        }
        let twice = Certificate { signatures: vec![part(1), part(1)], ..commit(0) };
        block.commit = Some(twice);
        let found = horizon.proposal(&proposal(member(1), 2, 0, hash), Some(Brought::from(&block)));
        assert!(matches!(found, Err(Refused::Wrong(_))), "one member twice: {found:?}");
        let votes = (0..400u32).map(|round| {
            let vote = Vote { round: Round(round), ..vote(member(1), 1) };
            SignedVote { vote, signature: Signature([0; 64]) }
        });
        let certificate = RoundCertificate { proof: RoundProof::Skip, votes: votes.collect() };
        assert!(matches!(horizon.certificate(&certificate), Err(Refused::Wrong(_))));
    }

    #[test]
    fn a_certificate_of_strangers_is_noise() {
        let ledger = ledger();
        let horizon = Horizon::of(&ledger, Round(0));
        let signed = |index| SignedVote { vote: vote(member(index), 1), signature: Signature([0; 64]) };
        let certificate = |members: &[u8]| RoundCertificate {
            proof: RoundProof::Skip,
            votes: members.iter().copied().map(signed).collect(),
        };
        assert!(horizon.certificate(&certificate(&[1, 2])).is_ok());
        for strange in [&[7, 8][..], &[1, 8], &[1], &[1, 1]] {
            assert_eq!(horizon.certificate(&certificate(strange)), NOISE, "{strange:?}");
        }
    }

    /// SPEC SYNC-4.
    #[test]
    fn an_answer_is_consecutive_and_proved_before_a_signature_is_looked_at() {
        let ledger = ledger();
        let horizon = Horizon::of(&ledger, Round(0));
        let block = block_of(&ledger, member(1));
        let certified = |signers: &[u8]| {
            let (height, round, block) = (Height(1), Round(0), block.clone());
            let mut signatures: Vec<_> = signers
                .iter()
                .map(|index| CommitSignature { validator: member(*index), signature: Signature([0; 64]) })
                .collect();
            signatures.sort();
            CertifiedBlock { certificate: Certificate { height, round, block: block.header.hash(), signatures }, block }
        };
        assert_eq!(horizon.answer(&[certified(&[1, 2, 3])]), Ok(1));
        for wrong in [&[1, 2][..], &[7, 8, 9], &[1, 1, 2, 3]] {
            assert!(horizon.answer(&[certified(wrong)]).is_err(), "{wrong:?}");
        }
        let twice = [certified(&[1, 2, 3]), certified(&[1, 2, 3])];
        assert!(horizon.answer(&twice).is_err(), "the second does not follow");
        let mut unknown = certified(&[1, 2, 3]);
        unknown.block.header.version = RulesVersion(9);
        assert_eq!(horizon.answer(&[unknown]), Ok(0), "nobody is to blame");
    }
}
