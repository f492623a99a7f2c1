//! The books of the checker: what was decided, spent, signed and shown so far.
//!
//! Always true: what an honest node says is compared with these books and with its disk at that moment, never with what
//! its engine believes. Start reading at [`Checker::made_final`] and [`Checker::spoke`].

use super::Violation;
use super::grants::Grants;
use super::growth::Growth;
use crate::sim::disk::Disk;
use crate::sim::marks::own_message;
use blockchat_engine::effect::FinalBlock;
use blockchat_engine::journal::{GuardMark, GuardState, Lock, SignStep};
use blockchat_proto::block::Header;
use blockchat_proto::coins::{Stake, is_quorum};
use blockchat_proto::genesis::VerifiedGenesis;
use blockchat_proto::gossip::ConsensusMessage;
use blockchat_proto::hash::Hash32;
use blockchat_proto::keys::Address;
use blockchat_proto::ledger::Ledger;
use blockchat_proto::limits::WINDOW_BLOCKS;
use blockchat_proto::transaction::TransactionId;
use blockchat_proto::units::{Height, Round, RulesVersion, UnixMillis};
use blockchat_proto::validators::ValidatorSet;
use blockchat_proto::vote::{Evidence, Vote};
use std::collections::{BTreeMap, BTreeSet};

/// A block this far ahead of a clock is held; and between looking at a block and voting for it again in a later round, a
/// simulated clock steps back by at most four seconds.
const AHEAD_MAX_MS: u64 = 3_000 + 4_000;

/// A member jailed as absent has precommitted at most this many of the last 100 blocks: more than 90 lacked its
/// precommit, and of those it may have sent a few that were lost.
const VOTED_MAX: usize = 40;

/// A place where a key may sign once.
type Place = (Address, Height, Round, SignStep);

/// Watches all honest nodes of one run.
#[derive(Debug)]
pub struct Checker {
    chain: Hash32,
    supply_micros: u128,
    decided: BTreeMap<Height, (Hash32, Hash32)>,
    version: RulesVersion,
    nonces: BTreeMap<Address, u64>,
    ids: BTreeSet<TransactionId>,
    signed: BTreeMap<Place, Hash32>,
    covered: BTreeSet<Hash32>,
    /// The last block that an honest key precommitted at a height, and in which round.
    locks: BTreeMap<(Address, Height), (Round, Hash32)>,
    /// Members that prevoted a block, honest or not.
    prevotes: BTreeMap<(Height, Hash32, Round), BTreeSet<Address>>,
    shown: BTreeMap<usize, (Height, Hash32)>,
    wiped: BTreeSet<usize>,
    /// Accounts with a stake at some time of the run.
    stakers: BTreeSet<Address>,
    /// Accounts that signed two things for one place.
    liars: BTreeSet<Address>,
    /// Of whom an honest node made evidence durable, with the height that it is about.
    accused: BTreeMap<Address, Height>,
    barred: BTreeSet<Address>,
    growth: Growth,
    grants: Grants,
    /// At which of the last heights an honest key precommitted a block.
    voted: BTreeMap<Address, BTreeSet<Height>>,
}

/// The news of a final block.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum News {
    /// The first honest node has it.
    First,
    /// Others had it before.
    Known,
}

impl Checker {
    /// Of a chain at its genesis; only `stakers` ever have a stake.
    pub fn new(genesis: &VerifiedGenesis, stakers: BTreeSet<Address>) -> Self {
        let inner = genesis.genesis();
        let funded = inner.accounts.iter().flat_map(|account| [account.balance, account.stake]);
        let supply_micros = funded.chain([inner.treasury]).map(|coins| u128::from(coins.micros())).sum();
        Self {
            chain: genesis.hash(),
            supply_micros,
            decided: BTreeMap::new(),
            version: inner.version,
            nonces: BTreeMap::new(),
            ids: BTreeSet::new(),
            signed: BTreeMap::new(),
            covered: BTreeSet::new(),
            locks: BTreeMap::new(),
            prevotes: BTreeMap::new(),
            shown: BTreeMap::new(),
            wiped: BTreeSet::new(),
            stakers,
            liars: BTreeSet::new(),
            accused: BTreeMap::new(),
            barred: BTreeSet::new(),
            growth: Growth::new(genesis),
            grants: Grants::new(genesis),
            voted: BTreeMap::new(),
        }
    }

    /// Of a chain whose genesis was changed behind the checker's back.
    #[must_use]
    pub fn of_chain(self, chain: Hash32) -> Self {
        Self { chain, ..self }
    }

    /// This key has signed two things for one place.
    pub fn lied(&mut self, liar: Address) {
        self.liars.insert(liar);
    }

    /// An honest node has made this evidence durable.
    pub fn accused(&mut self, evidence: &[Evidence]) {
        for one in evidence {
            let height = self.accused.entry(one.accused()).or_insert(one.height());
            *height = one.height().max(*height);
        }
    }

    /// A block bars this account: it must be a liar.
    pub fn barred(&mut self, height: Height, account: Address) -> Result<(), Violation> {
        self.barred.insert(account);
        if self.liars.contains(&account) { Ok(()) } else { Err(Violation::Innocent { height, account }) }
    }

    /// A block jails this account as absent: then it was. SPEC ABS-3.
    pub fn jailed(&self, height: Height, account: Address) -> Result<(), Violation> {
        let lately = Height(height.0.saturating_sub(u64::from(WINDOW_BLOCKS)))..height;
        let voted = self.voted.get(&account).map_or(0, |heights| heights.range(lately).count());
        if voted <= VOTED_MAX { Ok(()) } else { Err(Violation::JailedPresent { height, account, voted }) }
    }

    /// At the end: is every account barred against which there was evidence, unless that is too old by now, or the chain
    /// stands still at that height? SPEC EVID-4.
    pub fn all_have_paid(&self, ledger: &Ledger) -> Result<(), Violation> {
        let oldest = ledger.system().marks.first().map_or(Height(0), |mark| mark.height);
        let decided = oldest.next()..=ledger.tip().height;
        let owes =
            |(account, height): &(&Address, &Height)| decided.contains(height) && !self.barred.contains(*account);
        match self.accused.iter().find(owes) {
            Some((account, height)) => Err(Violation::Unpunished { height: *height, account: *account }),
            None => Ok(()),
        }
    }

    /// An honest node of this key sends a message; disk and clock are as they are at this moment, its ledger is at this height
    /// or the next.
    pub fn spoke(
        &mut self,
        node: usize,
        own: Address,
        disk: &Disk,
        ledger: &Ledger,
        clock: UnixMillis,
        said: &ConsensusMessage,
    ) -> Result<(), Violation> {
        let Some((mark, block)) = own_message(said, own, self.chain) else {
            return Ok(());
        };
        self.check_contradiction(node, own, &mark)?;
        check_guard(node, &mark, disk.guard())?;
        check_lock_kept(node, &mark, block, disk.guard())?;
        self.check_lock(node, own, &mark, block, ledger)?;
        if mark.height <= disk.tip().height && self.covered.contains(&mark.hash) {
            return Ok(());
        }
        if !disk.holds_signed(&mark) {
            return Err(Violation::SpokeTooSoon { node, mark });
        }
        if let Some(block) = block.filter(|_| !self.covered.contains(&mark.hash)) {
            let time = disk.holds_body(&block).ok_or(Violation::BodyNotDurable { node, mark, block })?;
            let ahead_ms = time.since(clock);
            // A quorum that prevoted it has clocks to go by, and a leader whose clock is behind takes the least time there is:
            // it is this clock that is wrong. SPEC TIME-1, TIME-2.
            let least = time <= ledger.tip().time.plus(1);
            if ahead_ms > AHEAD_MAX_MS && !least && !self.has_quorum(mark.height, block, ledger) {
                return Err(Violation::FromTheFuture { node, mark, ahead_ms });
            }
        }
        self.covered.insert(mark.hash);
        Ok(())
    }

    /// Has a quorum prevoted this block in any one round?
    fn has_quorum(&self, height: Height, block: Hash32, ledger: &Ledger) -> bool {
        let rounds = (height, block, Round(0))..=(height, block, Round(u32::MAX));
        self.prevotes.range(rounds).any(|(_, voters)| {
            let stakes = voters.iter().filter_map(|voter| ledger.validators().get(voter)).map(|member| member.stake);
            is_quorum(stakes.fold(Stake::default(), Stake::plus), ledger.validators().total())
        })
    }

    fn check_contradiction(&mut self, node: usize, own: Address, mark: &GuardMark) -> Result<(), Violation> {
        let GuardMark { height, round, step, hash: second } = *mark;
        let first = *self.signed.entry((own, height, round, step)).or_insert(second);
        if first == second {
            Ok(())
        } else {
            Err(Violation::Contradiction { node, height, round, step, first, second })
        }
    }

    /// An honest node's engine is about to hear what these keys signed.
    pub fn listened(&self, node: usize, authors: &[Address]) -> Result<(), Violation> {
        match authors.iter().find(|author| !self.stakers.contains(author)) {
            Some(author) => Err(Violation::StrangerHeard { node, author: *author }),
            None => Ok(()),
        }
    }

    /// Votes of a member are under way.
    pub fn prevoted(&mut self, votes: Vec<Vote>) {
        for vote in votes {
            if let Some(block) = vote.value {
                self.prevotes.entry((vote.height, block, vote.round)).or_default().insert(vote.validator);
            }
        }
    }

    /// SPEC VOTE-3: a member that has precommitted a block prevotes another one in a later round only if that has a
    /// polka from the round of the precommit or a later one. The node's own memory of it does not matter.
    fn check_lock(
        &mut self,
        node: usize,
        own: Address,
        mark: &GuardMark,
        block: Option<Hash32>,
        ledger: &Ledger,
    ) -> Result<(), Violation> {
        let Some(block) = block else { return Ok(()) };
        match mark.step {
            SignStep::Proposal => Ok(()),
            SignStep::Precommit => {
                let lock = self.locks.entry((own, mark.height)).or_insert((mark.round, block));
                *lock = (*lock).max((mark.round, block));
                self.voted.entry(own).or_default().insert(mark.height);
                Ok(())
            }
            SignStep::Prevote => match self.locks.get(&(own, mark.height)) {
                Some((round, locked)) if *locked != block && *round < mark.round => {
                    let (round, locked) = (*round, *locked);
                    let proved = members_at(ledger, mark.height).is_none_or(|members| {
                        let rounds = (mark.height, block, round)..(mark.height, block, mark.round);
                        self.prevotes.range(rounds).any(|(_, voters)| is_polka(voters, members))
                    });
                    let forgotten = Violation::LockForgotten { node, mark: *mark, block, locked, round };
                    if proved { Ok(()) } else { Err(forgotten) }
                }
                _ => Ok(()),
            },
        }
    }

    /// An honest node is about to store a final block.
    pub fn made_final(&mut self, node: usize, disk: &Disk, final_block: &FinalBlock) -> Result<News, Violation> {
        let FinalBlock { block, certificate, applied } = final_block;
        let (height, tip) = (block.height(), disk.tip());
        if height != tip.height.next() || block.header().parent != tip.hash {
            return Err(Violation::Gap { height, tip: tip.height, node });
        }
        let unproved = |reason: &dyn ToString| Violation::Unproved { height, node, reason: reason.to_string() };
        let structure = certificate.check_structure(height, block.hash(), applied.validators());
        structure.map_err(|reason| unproved(&reason))?;
        let (built, decided) = (block.header().round, certificate.round);
        if built > decided {
            return Err(Violation::Round { height, built, decided });
        }
        match self.decided.get(&height).copied() {
            Some((expected, _)) if expected != block.hash() => {
                Err(Violation::Fork { height, node, expected, found: block.hash() })
            }
            Some((_, root)) if root != applied.state_root() => Err(Violation::State { height, node }),
            Some(_) => Ok(News::Known),
            None => {
                certificate.check_signatures(self.chain).map_err(|reason| unproved(&reason))?;
                self.check_version(block.header())?;
                self.decided.insert(height, (block.hash(), applied.state_root()));
                self.growth.block(final_block)?;
                self.grants.block(final_block)?;
                self.spend(final_block).map(|()| News::First)
            }
        }
    }

    /// Versions rise one by one, each at a multiple of 64.
    fn check_version(&mut self, header: &Header) -> Result<(), Violation> {
        let (height, before, found) = (header.height, self.version, header.version);
        self.version = found;
        if found == before || (found == before.next() && height.0.is_multiple_of(64)) {
            Ok(())
        } else {
            Err(Violation::Version { height, before, found })
        }
    }

    /// Keeps books over nonces and ids of its own: every transaction once, every sender's in order.
    fn spend(&mut self, final_block: &FinalBlock) -> Result<(), Violation> {
        let height = final_block.block.height();
        for transaction in final_block.block.transactions() {
            let numbered = transaction.transaction().body.needs_nonce();
            if !self.ids.insert(transaction.id()) && numbered {
                return Err(Violation::Repeated { height, id: transaction.id() });
            }
            if numbered {
                let (sender, found) = (transaction.sender(), transaction.nonce());
                let next = self.nonces.entry(sender).or_default();
                if *next != found {
                    return Err(Violation::Nonce { height, sender, expected: *next, found });
                }
                *next += 1;
            }
        }
        Ok(())
    }

    /// An honest node has stored a final block.
    pub fn stored(&self, node: usize, disk: &Disk) -> Result<(), Violation> {
        let (expected, found, height) = (self.supply_micros, disk.supply_micros(), disk.tip().height);
        if expected == found { Ok(()) } else { Err(Violation::Coins { height, node, expected, found }) }
    }

    /// An honest node shows its tip to readers or peers.
    pub fn shown(&mut self, node: usize, disk: &Disk, shown: Height, hash: Hash32) -> Result<(), Violation> {
        let durable = disk.tip().height;
        if disk.hash_at(shown) != Some(hash) {
            return Err(Violation::ShownTooSoon { node, shown, durable });
        }
        let highest = self.shown.entry(node).or_insert((shown, hash));
        if shown >= highest.0 {
            *highest = (shown, hash);
        }
        Ok(())
    }

    /// An honest node came back.
    pub fn restarted(&self, node: usize, disk: &Disk) -> Result<(), Violation> {
        let above_tip = |mark: &GuardMark| mark.height > disk.tip().height;
        let looks_lost = disk.guard().map(|guard| guard.mark).filter(above_tip).filter(|mark| !disk.holds_signed(mark));
        if let Some(guard) = looks_lost.filter(|_| !self.wiped.contains(&node) && !disk.is_forgetful()) {
            return Err(Violation::LooksLost { node, guard });
        }
        match self.shown.get(&node) {
            Some((height, hash)) if disk.hash_at(*height) != Some(*hash) => {
                Err(Violation::FinalLost { node, height: *height })
            }
            _ => Ok(()),
        }
    }

    /// The data of a node was destroyed from outside: what it showed or signed is not expected of its disk any more.
    pub fn wiped(&mut self, node: usize) {
        self.shown.remove(&node);
        self.wiped.insert(node);
    }
}

/// A guard never falls.
pub fn check_rise(node: usize, guard: Option<GuardState>, mark: &GuardMark) -> Result<(), Violation> {
    match guard.map(|guard| guard.mark) {
        Some(guard) if guard.allows(mark) => Ok(()),
        guard => Err(Violation::GuardBehind { node, mark: *mark, guard }),
    }
}

/// The least guard for a message: at the message or beyond.
fn check_guard(node: usize, mark: &GuardMark, guard: Option<GuardState>) -> Result<(), Violation> {
    match guard.map(|guard| guard.mark) {
        Some(guard) if guard.position() > mark.position() || guard == *mark => Ok(()),
        guard => Err(Violation::GuardBehind { node, mark: *mark, guard }),
    }
}

/// A guard at a precommit for a block says what it locks on.
fn check_lock_kept(
    node: usize,
    mark: &GuardMark,
    block: Option<Hash32>,
    guard: Option<GuardState>,
) -> Result<(), Violation> {
    let at_mark = guard.filter(|guard| guard.mark == *mark && mark.step == SignStep::Precommit);
    match (at_mark, block) {
        (Some(guard), Some(block)) if guard.lock != (Lock::On { round: mark.round, block }) => {
            Err(Violation::LockNotKept { node, mark: *mark, lock: guard.lock })
        }
        _ => Ok(()),
    }
}

/// The members that decide this height, by a ledger that is at it or has just left it.
fn members_at(ledger: &Ledger, height: Height) -> Option<&ValidatorSet> {
    let tip = ledger.tip().height;
    match () {
        () if height == tip.next() => Some(ledger.validators()),
        () if height == tip => Some(ledger.tip_validators()),
        () => None,
    }
}

/// Are these a quorum?
fn is_polka(voters: &BTreeSet<Address>, members: &ValidatorSet) -> bool {
    let stake = voters.iter().filter_map(|voter| members.get(voter)).map(|member| member.stake);
    is_quorum(stake.fold(Stake::default(), Stake::plus), members.total())
}
