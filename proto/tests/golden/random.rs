//! Random values of every wire type, the same for the same seed on every machine.
//!
//! Numbers and lengths favour the places where CBOR changes its width. The order in which fields are drawn is part of the
//! pins: do not reorder.

use super::Wire;
use blockchat_proto::block::{Block, Header};
use blockchat_proto::coins::Coins;
use blockchat_proto::genesis::{Genesis, GenesisAccount, Lottery, Parameters};
use blockchat_proto::gossip::{ConsensusEnvelope, ConsensusMessage, EvidenceEnvelope, TransactionBatch};
use blockchat_proto::hash::Hash32;
use blockchat_proto::keys::{Address, Signature};
use blockchat_proto::ledger::{
    Account, AccountProof, BlockBits, Churn, Grants, Mark, Neighbour, Peak, RecentBlock, Standing, System, Tip,
    Unbonding, Window,
};
use blockchat_proto::sync::{CertifiedBlock, CertifiedHeader, GenesisRequest, Status, SyncRequest, SyncResponse};
use blockchat_proto::transaction::{Body, Payload, SealSalt, Sealed, SignedTransaction, Transaction};
use blockchat_proto::units::{Height, Round, RulesVersion, UnixMillis};
use blockchat_proto::validators::Member;
use blockchat_proto::vote::{
    Certificate, CommitSignature, Evidence, LatePrecommits, Proposal, RoundCertificate, RoundProof, SignedProposal,
    SignedVote, Vote, VoteKind,
};
use rand_chacha::ChaCha20Rng;
use rand_chacha::rand_core::{Rng, SeedableRng};

/// The source of random values.
pub(crate) struct Dice(ChaCha20Rng);

impl Dice {
    /// The dice of one wire type: its name is the seed.
    pub(crate) fn new(name: &str) -> Self {
        let mut seed = [0; 32];
        seed.iter_mut().zip(name.bytes()).for_each(|(place, byte)| *place = byte);
        Self(ChaCha20Rng::from_seed(seed))
    }

    /// 0 to `end` - 1.
    pub(crate) fn below(&mut self, end: u64) -> u64 {
        self.0.next_u64() % end
    }

    fn number(&mut self) -> u64 {
        const EDGES: [u64; 12] =
            [0, 1, 23, 24, 255, 256, 65_535, 65_536, 0xffff_ffff, 0x1_0000_0000, u64::MAX - 1, u64::MAX];
        let shift = self.below(64);
        match self.below(4) {
            0 => *self.pick(&EDGES),
            _ => self.0.next_u64() >> shift,
        }
    }

    fn small_number(&mut self) -> u32 {
        u32::try_from(self.number() & 0xffff_ffff).expect("masked")
    }

    fn version(&mut self) -> u16 {
        u16::try_from(self.number() & 0xffff).expect("masked")
    }

    fn pick<'a, T>(&mut self, options: &'a [T]) -> &'a T {
        let index = self.below(u64::try_from(options.len()).expect("few"));
        &options[usize::try_from(index).expect("few")]
    }

    fn array<const N: usize>(&mut self) -> [u8; N] {
        let mut bytes = [0; N];
        self.0.fill_bytes(&mut bytes);
        bytes
    }

    fn length(&mut self) -> u64 {
        let short = self.below(20);
        match self.below(8) {
            0 => *self.pick(&[0, 1, 23, 24, 255, 256, 1_024]),
            _ => short,
        }
    }

    fn bytes(&mut self) -> Vec<u8> {
        let mut bytes = vec![0; usize::try_from(self.length()).expect("small")];
        self.0.fill_bytes(&mut bytes);
        bytes
    }

    fn text(&mut self) -> String {
        const LETTERS: [char; 8] = ['a', 'Z', ' ', '\0', '\u{7f}', 'ß', '中', '🦀'];
        (0..self.length()).map(|_| *self.pick(&LETTERS)).collect()
    }

    fn list<T: Random>(&mut self) -> Vec<T> {
        let count = match self.below(32) {
            0 => 24,
            other => other % 4,
        };
        (0..count).map(|_| self.roll()).collect()
    }

    fn maybe<T: Random>(&mut self) -> Option<T> {
        (self.below(2) == 0).then(|| self.roll())
    }

    /// For a field that came later: the bytes of values without it stay as they were.
    fn nothing<T>(&mut self) -> Option<T> {
        None
    }

    fn flag(&mut self) -> bool {
        self.below(2) == 0
    }

    pub(crate) fn roll<T: Random>(&mut self) -> T {
        T::random(self)
    }
}

/// A value out of thin air. Seldom a valid one.
pub(crate) trait Random {
    fn random(dice: &mut Dice) -> Self;
}

/// Sees every wire type.
pub(crate) trait Visitor {
    fn kind<T: Wire + Random>(&mut self, name: &'static str);
}

pub(crate) fn visit_all(visitor: &mut impl Visitor) {
    visitor.kind::<SignedTransaction>("SignedTransaction");
    visitor.kind::<SignedVote>("SignedVote");
    visitor.kind::<SignedProposal>("SignedProposal");
    visitor.kind::<Certificate>("Certificate");
    visitor.kind::<RoundCertificate>("RoundCertificate");
    visitor.kind::<Evidence>("Evidence");
    visitor.kind::<Header>("Header");
    visitor.kind::<Block>("Block");
    visitor.kind::<Genesis>("Genesis");
    visitor.kind::<Account>("Account");
    visitor.kind::<System>("System");
    visitor.kind::<Tip>("Tip");
    visitor.kind::<AccountProof>("AccountProof");
    visitor.kind::<TransactionBatch>("TransactionBatch");
    visitor.kind::<ConsensusEnvelope>("ConsensusEnvelope");
    visitor.kind::<EvidenceEnvelope>("EvidenceEnvelope");
    visitor.kind::<Status>("Status");
    visitor.kind::<GenesisRequest>("GenesisRequest");
    visitor.kind::<SyncRequest>("SyncRequest");
    visitor.kind::<SyncResponse>("SyncResponse");
}

/// A struct: each field in order, by the named method of [`Dice`].
macro_rules! random_struct {
    ($($name:ident { $($field:ident: $method:ident),* $(,)? })*) => {
        $(impl Random for $name {
            fn random(dice: &mut Dice) -> Self {
                $(let $field = dice.$method();)*
                Self { $($field),* }
            }
        })*
    };
}

random_struct! {
    Transaction { chain: roll, sender: roll, nonce: number, expiry: maybe, body: roll }
    SignedTransaction { transaction: roll, signature: roll }
    Vote { kind: roll, height: roll, round: roll, value: maybe, validator: roll }
    SignedVote { vote: roll, signature: roll }
    Proposal { height: roll, round: roll, block: roll, lock_round: maybe, leader: roll }
    SignedProposal { proposal: roll, signature: roll }
    CommitSignature { validator: roll, signature: roll }
    Certificate { height: roll, round: roll, block: roll, signatures: list }
    RoundCertificate { proof: roll, votes: list }
    Header {
        version: roll, chain: roll, height: roll, round: roll, parent: roll, leader: roll, time: roll,
        transactions_root: roll, evidence_root: roll, commit_root: roll, state_root: roll, validators_hash: roll,
        next_validators_hash: roll,
    }
    LatePrecommits { round: roll, block: roll, signatures: list }
    Block { header: roll, transactions: list, evidence: list, commit: maybe, late: maybe }
    Parameters {
        capacity: small_number, block_interval_ms: number, idle_block_interval_ms: number,
        fee_basis_points: small_number, fee_per_character: roll, fee_min: roll, stake_min: roll,
        stake_max: roll, validators_min: small_number, unbonding_ms: number, evidence_window_ms: number,
        burn_basis_points: small_number, grant: roll, grant_cap_basis_points: small_number, churn_ms: number,
        lottery: roll,
    }
    GenesisAccount { address: roll, balance: roll, stake: roll, name: nothing }
    Genesis { name: text, time: roll, parameters: roll, treasury: roll, accounts: list, version: roll }
    Unbonding { amount: roll, release: roll }
    BlockBits { high: number, low: number }
    Window { newest: roll, missing: roll, led: roll }
    Account {
        balance: roll, stake: roll, next_nonce: number, unbonding: list, claimed: flag, standing: roll,
        window: roll, last_present: roll, power: roll, waiting_since: roll, jailings: small_number,
        last_jailed: roll, announced: roll,
    }
    RecentBlock { height: roll, hash: roll, time: roll }
    Churn { since: roll, room: roll }
    Grants { since: roll, room: roll }
    Peak { since: roll, largest: roll, before: roll }
    Mark { height: roll, time: roll }
    System {
        treasury: roll, recent: list, churn: roll, version: roll, next_begins: maybe, peak: roll, marks: list, burned: roll,
        grants: roll,
    }
    Tip { height: roll, hash: roll, time: roll, parent: roll }
    Neighbour { key: roll, value: roll }
    AccountProof { address: roll, account: roll, siblings: list, neighbour: maybe }
    TransactionBatch { version: version, salt: number, transactions: list }
    ConsensusEnvelope { version: version, salt: number, message: roll }
    EvidenceEnvelope { version: version, evidence: roll }
    Status { version: version, chain: roll, height: roll, hash: roll, earliest: roll, time: roll }
    GenesisRequest { version: version }
    CertifiedBlock { block: roll, certificate: roll }
    CertifiedHeader { header: roll, certificate: roll }
    Member { address: roll, stake: roll }
}

/// The parts of a chain with a treasury; nothing without one.
impl Random for Option<Grants> {
    fn random(dice: &mut Dice) -> Self {
        Some(dice.roll())
    }
}

impl Random for Hash32 {
    fn random(dice: &mut Dice) -> Self {
        Self(dice.array())
    }
}

impl Random for Address {
    fn random(dice: &mut Dice) -> Self {
        Self(dice.array())
    }
}

impl Random for Signature {
    fn random(dice: &mut Dice) -> Self {
        Self(dice.array())
    }
}

impl Random for Height {
    fn random(dice: &mut Dice) -> Self {
        Self(dice.number())
    }
}

impl Random for Round {
    fn random(dice: &mut Dice) -> Self {
        Self(dice.small_number())
    }
}

impl Random for UnixMillis {
    fn random(dice: &mut Dice) -> Self {
        Self(dice.number())
    }
}

impl Random for RulesVersion {
    fn random(dice: &mut Dice) -> Self {
        Self(dice.version())
    }
}

impl Random for Coins {
    fn random(dice: &mut Dice) -> Self {
        Self::from_micros(dice.number()).unwrap_or(Self::MAX)
    }
}

impl Random for VoteKind {
    fn random(dice: &mut Dice) -> Self {
        *dice.pick(&[Self::Prevote, Self::Precommit])
    }
}

impl Random for RoundProof {
    fn random(dice: &mut Dice) -> Self {
        *dice.pick(&[Self::Polka, Self::Precommits, Self::Skip])
    }
}

impl Random for Lottery {
    fn random(dice: &mut Dice) -> Self {
        *dice.pick(&[Self::BlockHash])
    }
}

impl Random for Standing {
    fn random(dice: &mut Dice) -> Self {
        *dice.pick(&[Self::Inactive, Self::Active, Self::Jailed, Self::Barred])
    }
}

impl Random for Sealed {
    fn random(dice: &mut Dice) -> Self {
        let version = u8::try_from(dice.below(256)).expect("a byte");
        Self { version, ephemeral: dice.roll(), salt: SealSalt(dice.array()), ciphertext: dice.bytes() }
    }
}

impl Random for Payload {
    fn random(dice: &mut Dice) -> Self {
        match dice.below(3) {
            0 => Self::None,
            1 => Self::Plain(dice.text()),
            _ => Self::Sealed(dice.roll()),
        }
    }
}

impl Random for Body {
    fn random(dice: &mut Dice) -> Self {
        match dice.below(7) {
            0 => Self::Stake { amount: dice.roll() },
            1 => Self::Activate { recent: dice.roll() },
            2 => Self::Claim { recent: dice.roll(), work: dice.number() },
            3 => Self::Announce { version: dice.roll() },
            _ => Self::Send { to: dice.roll(), amount: dice.roll(), payload: dice.roll() },
        }
    }
}

impl Random for Evidence {
    fn random(dice: &mut Dice) -> Self {
        match dice.below(2) {
            0 => Self::Votes { first: dice.roll(), second: dice.roll() },
            _ => Self::Proposals { first: dice.roll(), second: dice.roll() },
        }
    }
}

impl Random for ConsensusMessage {
    fn random(dice: &mut Dice) -> Self {
        match dice.below(4) {
            0 => Self::Proposal { proposal: dice.roll(), block: dice.maybe() },
            1 => Self::RoundCertificate(dice.roll()),
            _ => Self::Vote(dice.roll()),
        }
    }
}

impl Random for SyncRequest {
    fn random(dice: &mut Dice) -> Self {
        match dice.below(4) {
            0 => Self::Blocks { from: dice.roll(), count: dice.small_number() },
            1 => Self::Body { hash: dice.roll() },
            2 => Self::Headers { from: dice.roll(), count: dice.small_number() },
            _ => Self::Members { hash: dice.roll() },
        }
    }
}

impl Random for SyncResponse {
    fn random(dice: &mut Dice) -> Self {
        match dice.below(7) {
            0 => Self::Blocks(dice.list()),
            1 | 2 => Self::Body(dice.maybe()),
            3 => Self::Headers(dice.list()),
            4 => Self::Members(None),
            5 => Self::Members(Some(dice.list())),
            _ => Self::Busy { retry_ms: dice.number() },
        }
    }
}
