//! The disk of a simulated node: performs what the engine asks for, and forgets at a crash what was not synced.
//!
//! Owns: the journal, the guard, final blocks with the state, own transactions, and what of them survives. Does not own:
//! when they are written (the engine's effects).
//!
//! Always true, unless it is sabotaged:
//! - a journal entry is durable from the first sync after it; before that, a crash keeps an arbitrary beginning of what
//!   was not synced, as a torn file does;
//! - the blocks of a write are all there, with their certificates and the state after the last one, or nothing of it is;
//! - a ledger is read back the way a node reads it: from the stored accounts, checked against the state root.
//!
//! Start reading at [`Disk::crash`].

use super::dice::Dice;
use super::marks::{proposal_mark, vote_mark};
use super::sabotage::Sabotage;
use blockchat_engine::effect::FinalBlock;
use blockchat_engine::journal::{GuardMark, GuardState, JournalEntry, JournalRecord, Lock, SignStep};
use blockchat_proto::block::{Block, VerifiedBlock};
use blockchat_proto::genesis::VerifiedGenesis;
use blockchat_proto::hash::Hash32;
use blockchat_proto::keys::Address;
use blockchat_proto::ledger::{Account, Ledger, Snapshot, SnapshotDamaged, System, Tip};
use blockchat_proto::transaction::{Body, TransactionId, VerifiedTransaction};
use blockchat_proto::units::{Height, Round, UnixMillis};
use blockchat_proto::validators::Validator;
use blockchat_proto::vote::{Certificate, Evidence};
use std::collections::BTreeMap;

/// The facts about a journal entry that a checker needs without decoding it again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum About {
    /// The bytes of this block, which bears this time.
    Body(Hash32, UnixMillis),
    /// A message of our own.
    Signed(GuardMark, Option<Hash32>),
    /// Anything else.
    Other,
}

#[derive(Clone, Debug)]
struct Frame {
    height: Height,
    bytes: Vec<u8>,
    about: About,
}

/// The state after the last block, as a store keeps it.
#[derive(Clone, Debug)]
struct Stored {
    tip: Tip,
    state_root: Hash32,
    tip_validators: Vec<Validator>,
    system: System,
    accounts: BTreeMap<Address, Account>,
}

/// See the module.
#[derive(Clone, Debug)]
pub struct Disk {
    genesis: VerifiedGenesis,
    sabotage: Sabotage,
    owner: Option<Address>,
    blocks: Vec<(VerifiedBlock, Certificate)>,
    stored: Stored,
    journal: Vec<Frame>,
    /// So many entries of the journal are durable.
    synced: usize,
    guard: Option<GuardState>,
    /// The guard when the journal was last emptied, for a disk that lies.
    guard_before: Option<GuardState>,
    own: Vec<VerifiedTransaction>,
    /// Contradictions that wait for a block.
    evidence: Vec<Evidence>,
    /// So many of our own are old enough to have reached the disk.
    own_durable: usize,
}

/// The losses of a crash.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Losses {
    /// Journal entries that were not synced.
    pub entries: usize,
    /// Own transactions that had not reached the disk.
    pub own: usize,
}

impl Disk {
    /// An empty disk. `owner` is the voting key's address; its guard was written by `init`.
    pub fn new(genesis: &VerifiedGenesis, owner: Option<Address>, sabotage: Sabotage) -> Self {
        let guard = owner.map(|_| GuardState::START);
        Self {
            genesis: genesis.clone(),
            sabotage,
            owner,
            blocks: vec![],
            stored: Stored::genesis(genesis),
            journal: vec![],
            synced: 0,
            guard,
            guard_before: guard,
            own: vec![],
            evidence: vec![],
            own_durable: 0,
        }
    }

    /// Appends to the journal; not durable yet.
    pub fn append(&mut self, entry: &JournalEntry) {
        let about = self.about(&entry.record);
        self.journal.push(Frame { height: entry.height, bytes: entry.encode(), about });
    }

    fn about(&self, record: &JournalRecord) -> About {
        let chain = self.genesis.hash();
        match record {
            JournalRecord::Body(bytes) => {
                let of_block = |block: Block| About::Body(block.header.hash(), block.header.time);
                Block::decode(bytes).map_or(About::Other, of_block)
            }
            JournalRecord::Vote(signed) if Some(signed.vote.validator) == self.owner => {
                About::Signed(vote_mark(signed, chain), signed.vote.value)
            }
            JournalRecord::Proposal(signed) if Some(signed.proposal.leader) == self.owner => {
                About::Signed(proposal_mark(signed, chain), Some(signed.proposal.block))
            }
            _ => About::Other,
        }
    }

    /// The first half of a sync point: the journal becomes durable.
    pub fn sync_journal(&mut self) {
        if self.sabotage != Sabotage::IgnoreSync {
            self.synced = self.journal.len();
        }
    }

    /// The second half: the guard rises.
    pub fn raise_guard(&mut self, state: GuardState) {
        if self.sabotage != Sabotage::IgnoreSync {
            self.guard = Some(state);
        }
    }

    /// The first half of a write, once for each of its blocks and with no crash between them: the block becomes durable
    /// with its certificate and the state after it.
    pub fn store(&mut self, final_block: &FinalBlock) {
        let FinalBlock { block, certificate, applied } = final_block;
        self.blocks.push((block.clone(), certificate.clone()));
        for (address, account) in applied.accounts() {
            if *account == Account::default() {
                self.stored.accounts.remove(address);
            } else {
                self.stored.accounts.insert(*address, account.clone());
            }
        }
        self.stored.tip = *applied.tip();
        self.stored.state_root = applied.state_root();
        self.stored.tip_validators = applied.validators().members().to_vec();
        self.stored.system = applied.system().clone();
        if self.sabotage == Sabotage::GrantTwice {
            self.grant_again(block);
        }
        self.own_durable = self.own.len();
    }

    /// Sabotage: an account that was paid a grant in this block has it once more.
    fn grant_again(&mut self, block: &VerifiedBlock) {
        let grant = self.genesis.genesis().parameters.grant;
        let claims = |one: &&VerifiedTransaction| matches!(one.transaction().body, Body::Claim { .. });
        for claim in block.transactions().iter().filter(claims) {
            let account = self.stored.accounts.entry(claim.sender()).or_default();
            account.balance = account.balance.checked_add(grant).expect("a little");
        }
    }

    /// The second half: the journal is emptied.
    pub fn empty_journal(&mut self) {
        self.journal.clear();
        self.synced = 0;
        self.guard_before = self.guard;
    }

    /// Keeps own transactions; never synced.
    pub fn remember(&mut self, transactions: &[VerifiedTransaction]) {
        for transaction in transactions {
            if !self.own.iter().any(|kept| kept.id() == transaction.id()) {
                self.own.push(transaction.clone());
            }
        }
    }

    /// Forgets own transactions.
    pub fn forget(&mut self, ids: &[TransactionId]) {
        self.own.retain(|kept| !ids.contains(&kept.id()));
        self.own_durable = self.own_durable.min(self.own.len());
    }

    /// Keeps contradictions, durably, in place of those before.
    pub fn keep_evidence(&mut self, all: Vec<Evidence>) {
        self.evidence = all;
    }

    /// Contradictions that wait for a block.
    pub fn evidence(&self) -> &[Evidence] {
        &self.evidence
    }

    /// The power goes: of what was not synced nothing, everything or a beginning survives.
    pub fn crash(&mut self, dice: &mut Dice) -> Losses {
        let kept = surviving(self.synced, self.journal.len(), dice);
        let own_kept = surviving(self.own_durable, self.own.len(), dice);
        let losses = Losses { entries: self.journal.len() - kept, own: self.own.len() - own_kept };
        self.journal.truncate(kept);
        self.synced = kept;
        self.own.truncate(own_kept);
        self.own_durable = own_kept;
        if self.sabotage == Sabotage::ForgetEvidence {
            self.evidence.clear();
        }
        self.betray();
        losses
    }

    /// The extra losses of a sabotaged disk.
    fn betray(&mut self) {
        let lying = self.sabotage == Sabotage::LyingSync;
        if self.is_forgetful() {
            self.journal.clear();
            self.synced = 0;
        }
        if lying {
            self.guard = self.guard_before;
        }
        if self.sabotage == Sabotage::ForgetLock {
            self.guard = self.guard.map(|guard| GuardState { lock: Lock::None, ..guard });
        }
        if self.sabotage == Sabotage::BodiesInMemory {
            self.journal.retain(|frame| !matches!(frame.about, About::Body(..)));
            self.synced = self.journal.len();
        }
    }

    /// The data folder is gone; the guard lies beside the key and stays.
    pub fn wipe(&mut self) {
        let guard = self.guard;
        *self = Self { guard, guard_before: guard, ..Self::new(&self.genesis, self.owner, self.sabotage) };
    }

    /// The ledger at the last durable block, as a restarted node reads it.
    pub fn ledger(&self) -> Result<Ledger, SnapshotDamaged> {
        if self.blocks.is_empty() {
            return Ok(Ledger::at_genesis(&self.genesis));
        }
        let Stored { tip, state_root, tip_validators, system, accounts } = self.stored.clone();
        let accounts = accounts.into_iter().collect();
        Ledger::restore(&self.genesis, Snapshot { tip, state_root, tip_validators, system, accounts })
    }

    /// Proof of the last block.
    pub fn tip_certificate(&self) -> Option<Certificate> {
        self.blocks.last().map(|(_, certificate)| certificate.clone())
    }

    /// The journal as a restarted node reads it, leftovers of earlier heights included.
    pub fn journal(&self) -> Vec<JournalEntry> {
        let decode = |frame: &Frame| JournalEntry::decode(&frame.bytes).expect("what was encoded decodes");
        self.journal.iter().map(decode).collect()
    }

    /// The guard.
    pub fn guard(&self) -> Option<GuardState> {
        self.guard
    }

    /// Own transactions, oldest first.
    pub fn own(&self) -> &[VerifiedTransaction] {
        &self.own
    }

    /// Genesis hash.
    pub fn chain(&self) -> Hash32 {
        self.genesis.hash()
    }

    /// The last durable block.
    pub fn tip(&self) -> &Tip {
        &self.stored.tip
    }

    /// State root after it.
    pub fn state_root(&self) -> Hash32 {
        self.stored.state_root
    }

    /// All coins, the treasury and the burned ones included, in micro-BCC, by the stored accounts.
    pub fn supply_micros(&self) -> u128 {
        let owned: u128 = self.stored.accounts.values().map(Account::total_micros).sum();
        owned + u128::from(self.stored.system.treasury.micros()) + u128::from(self.stored.system.burned.micros())
    }

    /// Final blocks from a height on.
    pub fn blocks(&self, from: Height, count: u32) -> &[(VerifiedBlock, Certificate)] {
        let skip = usize::try_from(from.0.saturating_sub(1)).unwrap_or(usize::MAX).min(self.blocks.len());
        let count = usize::try_from(count).unwrap_or(usize::MAX);
        let rest = &self.blocks[skip..];
        &rest[..count.min(rest.len())]
    }

    /// A final block by its hash.
    pub fn block_by_hash(&self, hash: &Hash32) -> Option<&VerifiedBlock> {
        self.blocks.iter().rev().map(|(block, _)| block).find(|block| block.hash() == *hash)
    }

    /// Hash of the final block of a height.
    pub fn hash_at(&self, height: Height) -> Option<Hash32> {
        if height.0 == 0 {
            return Some(self.genesis.hash());
        }
        self.blocks(height, 1).first().map(|(block, _)| block.hash())
    }

    /// Would the journal still show this message of ours after a power cut?
    pub fn holds_signed(&self, mark: &GuardMark) -> bool {
        self.durable().any(|frame| matches!(&frame.about, About::Signed(kept, _) if kept == mark))
    }

    /// The time of this block, if the journal would still hold its bytes.
    pub fn holds_body(&self, block: &Hash32) -> Option<UnixMillis> {
        self.durable().find_map(|frame| match frame.about {
            About::Body(hash, time) if hash == *block => Some(time),
            _ => None,
        })
    }

    fn durable(&self) -> impl Iterator<Item = &Frame> {
        self.journal[..self.synced].iter()
    }

    /// Does the journal hold entries of heights that are final already? A crash fell between the write of the block and emptying.
    pub fn has_leftovers(&self) -> bool {
        self.journal.iter().any(|frame| frame.height <= self.stored.tip.height)
    }

    /// Has the journal a message of ours above the guard? A crash fell between the two halves of a sync point, or kept
    /// what was not synced.
    pub fn journal_is_ahead_of_guard(&self) -> bool {
        let guard = self.guard.map(|guard| guard.mark.position());
        self.journal.iter().any(|frame| match &frame.about {
            About::Signed(mark, _) => Some(mark.position()) > guard,
            About::Body(..) | About::Other => false,
        })
    }

    /// Is it broken on purpose in a way that a restart must notice?
    pub fn is_forgetful(&self) -> bool {
        matches!(self.sabotage, Sabotage::LostJournal | Sabotage::LyingSync | Sabotage::ForgetLock)
    }

    /// Is a lock in the journal: our precommit for a block of the height after the tip?
    pub fn holds_lock(&self) -> bool {
        let next = self.stored.tip.height.next();
        self.journal.iter().any(|frame| {
            matches!(&frame.about, About::Signed(mark, Some(_)) if mark.step == SignStep::Precommit && mark.height == next)
        })
    }

    /// The round of the lock that the journal would still hold after a power cut, with all that proves it.
    pub fn lock_round(&self, height: Height) -> Option<Round> {
        let lock = |frame: &Frame| match &frame.about {
            About::Signed(mark, Some(_)) if mark.step == SignStep::Precommit && mark.height == height => {
                Some(mark.round)
            }
            _ => None,
        };
        self.durable().filter_map(lock).max()
    }

    /// Does the journal say that the height after the tip was under way?
    pub fn is_under_way(&self) -> bool {
        let next = self.stored.tip.height.next();
        self.journal.iter().any(|frame| frame.height == next)
    }
}

/// How many of `written` items survive a power cut, if `synced` are durable.
fn surviving(synced: usize, written: usize, dice: &mut Dice) -> usize {
    match dice.below(3) {
        0 => synced,
        1 => written,
        _ => synced + dice.index(written - synced + 1),
    }
}

impl Stored {
    fn genesis(genesis: &VerifiedGenesis) -> Self {
        let ledger = Ledger::at_genesis(genesis);
        let Snapshot { tip, state_root, tip_validators, system, accounts } = ledger.snapshot();
        Self { tip, state_root, tip_validators, system, accounts: accounts.into_iter().collect() }
    }
}
