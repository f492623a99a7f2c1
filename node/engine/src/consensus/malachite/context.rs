//! Newtypes over our types, for Malachite's `Context`.
//!
//! Always true: the leader (the core says proposer) is a pure function of (parent hash, height, round, stakes), because
//! the parent's hash is part of [`SeededSet`]; sign hashes are those of `proto`.

use blockchat_proto::hash::Hash32;
use blockchat_proto::keys::{Address, Signature};
use blockchat_proto::leader::leader_for;
use blockchat_proto::units::{Height, Round};
use blockchat_proto::validators::{self, ValidatorSet};
use malachitebft_core_types as core;
use malachitebft_core_types::{NilOrVal, VoteType};
use std::fmt;

/// A height of the chain.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) struct CoreHeight(pub(super) Height);

impl fmt::Display for CoreHeight {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&self.0, f)
    }
}

impl core::Height for CoreHeight {
    const ZERO: Self = Self(Height(0));
    const INITIAL: Self = Self(Height(1));
    fn increment_by(&self, n: u64) -> Self {
        Self(Height(self.0.0.saturating_add(n)))
    }
    fn decrement_by(&self, n: u64) -> Option<Self> {
        self.0.0.checked_sub(n).map(|height| Self(Height(height)))
    }
    fn as_u64(&self) -> u64 {
        self.0.0
    }
}

/// A validator's address, which is its key.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) struct CoreAddress(pub(super) Address);

impl fmt::Display for CoreAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&self.0, f)
    }
}

impl core::Address for CoreAddress {}

/// The hash of a block: both value and value id. Blocks themselves are sent separately.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) struct BlockHash(pub(super) Hash32);

impl fmt::Display for BlockHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&self.0, f)
    }
}

impl core::Value for BlockHash {
    type Id = Self;
    fn id(&self) -> Self {
        *self
    }
}

/// A member of a set.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Member {
    pub(super) address: CoreAddress,
    power: u64,
}

impl core::Validator<BlockchatContext> for Member {
    fn address(&self) -> &CoreAddress {
        &self.address
    }
    fn public_key(&self) -> &CoreAddress {
        &self.address
    }
    fn voting_power(&self) -> u64 {
        self.power
    }
}

/// The set of one height together with the parent's hash, the seed of the leader draw.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct SeededSet {
    pub(super) set: ValidatorSet,
    parent: Hash32,
    members: std::sync::Arc<[Member]>,
}

impl SeededSet {
    pub(super) fn new(set: ValidatorSet, parent: Hash32) -> Self {
        let member = |validator: &validators::Validator| Member {
            address: CoreAddress(validator.address),
            power: validator.stake.0,
        };
        let members = set.members().iter().map(member).collect();
        Self { set, parent, members }
    }

    fn find(&self, address: &Address) -> Option<&Member> {
        let index = self.members.binary_search_by_key(address, |member| member.address.0).ok()?;
        self.members.get(index)
    }
}

impl core::ValidatorSet<BlockchatContext> for SeededSet {
    fn count(&self) -> usize {
        self.members.len()
    }
    fn total_voting_power(&self) -> u64 {
        self.set.total().0
    }
    fn get_by_address(&self, address: &CoreAddress) -> Option<&Member> {
        self.find(&address.0)
    }
    fn get_by_index(&self, index: usize) -> Option<&Member> {
        self.members.get(index)
    }
}

/// A proposal in the core's terms.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct CoreProposal {
    pub(super) height: CoreHeight,
    pub(super) round: core::Round,
    pub(super) block: BlockHash,
    pub(super) lock_round: core::Round,
    pub(super) leader: CoreAddress,
}

impl core::Proposal<BlockchatContext> for CoreProposal {
    fn height(&self) -> CoreHeight {
        self.height
    }
    fn round(&self) -> core::Round {
        self.round
    }
    fn value(&self) -> &BlockHash {
        &self.block
    }
    fn take_value(self) -> BlockHash {
        self.block
    }
    fn pol_round(&self) -> core::Round {
        self.lock_round
    }
    fn validator_address(&self) -> &CoreAddress {
        &self.leader
    }
}

/// A vote in the core's terms.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct CoreVote {
    pub(super) kind: VoteType,
    pub(super) height: CoreHeight,
    pub(super) round: core::Round,
    pub(super) value: NilOrVal<BlockHash>,
    pub(super) validator: CoreAddress,
}

impl core::Vote<BlockchatContext> for CoreVote {
    fn height(&self) -> CoreHeight {
        self.height
    }
    fn round(&self) -> core::Round {
        self.round
    }
    fn value(&self) -> &NilOrVal<BlockHash> {
        &self.value
    }
    fn take_value(self) -> NilOrVal<BlockHash> {
        self.value
    }
    fn vote_type(&self) -> VoteType {
        self.kind
    }
    fn validator_address(&self) -> &CoreAddress {
        &self.validator
    }
    fn extension(&self) -> Option<&core::SignedExtension<BlockchatContext>> {
        None
    }
    fn take_extension(&mut self) -> Option<core::SignedExtension<BlockchatContext>> {
        None
    }
    fn extend(self, _: core::SignedExtension<BlockchatContext>) -> Self {
        self
    }
}

/// Required by the core, never used: we send whole blocks.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct NoPart;

impl core::ProposalPart<BlockchatContext> for NoPart {
    fn is_first(&self) -> bool {
        true
    }
    fn is_last(&self) -> bool {
        true
    }
}

/// ed25519, with our types. The core only carries signatures; `proto` makes and checks them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Ed25519;

/// Bytes of the wrong length.
#[derive(Clone, Copy, Debug)]
pub(super) struct WrongLength;

impl fmt::Display for WrongLength {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("wrong length")
    }
}

impl core::SigningScheme for Ed25519 {
    type DecodingError = WrongLength;
    type Signature = Signature;
    type PublicKey = CoreAddress;
    type PrivateKey = ();
    fn decode_signature(bytes: &[u8]) -> Result<Signature, WrongLength> {
        bytes.try_into().map(Signature).map_err(|_| WrongLength)
    }
    fn encode_signature(signature: &Signature) -> Vec<u8> {
        signature.0.to_vec()
    }
    fn decode_public_key(bytes: &[u8]) -> Result<CoreAddress, WrongLength> {
        bytes.try_into().map(|key| CoreAddress(Address(key))).map_err(|_| WrongLength)
    }
    fn encode_public_key(key: &CoreAddress) -> Vec<u8> {
        key.0.0.to_vec()
    }
}

/// Our types for the core.
#[derive(Clone, Debug)]
pub(super) struct BlockchatContext;

impl core::Context for BlockchatContext {
    type Address = CoreAddress;
    type Height = CoreHeight;
    type ProposalPart = NoPart;
    type Proposal = CoreProposal;
    type Validator = Member;
    type ValidatorSet = SeededSet;
    type Timeouts = core::LinearTimeouts;
    type Value = BlockHash;
    type Vote = CoreVote;
    type Extension = ();
    type SigningScheme = Ed25519;

    fn select_proposer<'a>(&self, seeded: &'a SeededSet, height: CoreHeight, round: core::Round) -> &'a Member {
        let round = Round(round.as_u32().unwrap_or(0));
        let leader = leader_for(&seeded.set, seeded.parent, height.0, round);
        seeded.find(&leader).expect("the leader is drawn from the set")
    }

    fn new_proposal(
        &self,
        height: CoreHeight,
        round: core::Round,
        block: BlockHash,
        lock_round: core::Round,
        leader: CoreAddress,
    ) -> CoreProposal {
        CoreProposal { height, round, block, lock_round, leader }
    }

    fn new_prevote(
        &self,
        height: CoreHeight,
        round: core::Round,
        value: NilOrVal<BlockHash>,
        validator: CoreAddress,
    ) -> CoreVote {
        CoreVote { kind: VoteType::Prevote, height, round, value, validator }
    }

    fn new_precommit(
        &self,
        height: CoreHeight,
        round: core::Round,
        value: NilOrVal<BlockHash>,
        validator: CoreAddress,
    ) -> CoreVote {
        CoreVote { kind: VoteType::Precommit, height, round, value, validator }
    }
}
