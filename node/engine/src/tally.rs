//! Statistics of the last decided heights: leaders, signers, durations; and the running timers. Only for readers:
//! nothing here decides anything.
//!
//! Owns: the last [`DECIDED_MAX`] heights since the start, the ends of running timers, accounts that ever had a stake.
//! Does not own: the current height (`consensus`), accounts (the ledger).
//! Always true: one entry per block and per timer: bounded; times are the shell's.
//! Start reading at [`Tally::decided`], then [`Tally::validators`].

use crate::effect::{Effect, FinalBlock};
use crate::engine_view::{DECIDED_MAX, Decided, ValidatorFacts};
use crate::event::Timer;
use blockchat_proto::coins::Coins;
use blockchat_proto::keys::Address;
use blockchat_proto::ledger::{Account, Ledger, Standing};
use blockchat_proto::transaction::Body;
use blockchat_proto::units::{Height, UnixMillis};
use blockchat_proto::validators::ValidatorSet;
use std::collections::{BTreeMap, BTreeSet, VecDeque};

/// Millionths in a whole.
const MILLION: u128 = 1_000_000;

/// See the module's header.
#[derive(Debug, Default)]
pub(crate) struct Tally {
    /// Newest last; consecutive.
    heights: VecDeque<Decided>,
    timers: BTreeMap<Timer, (UnixMillis, UnixMillis)>,
    /// Accounts that have a stake, or had one.
    stakers: BTreeSet<Address>,
}

/// How a block became final here.
pub(crate) struct Decision {
    /// A peer sent it as final.
    pub(crate) caught_up: bool,
    /// When the first of its transactions was pooled here.
    pub(crate) first_seen: Option<UnixMillis>,
    pub(crate) now: UnixMillis,
}

impl Tally {
    /// At the start. Cost: one check per account.
    pub(crate) fn new(ledger: &Ledger) -> Self {
        let stakers = ledger.accounts().filter(|(_, account)| has_standing(account)).map(|(address, _)| *address);
        Self { stakers: stakers.collect(), ..Self::default() }
    }

    /// A block became final; `members` decided it.
    pub(crate) fn decided(&mut self, final_block: &FinalBlock, members: &ValidatorSet, decision: &Decision) {
        let (block, certificate) = (&final_block.block, &final_block.certificate);
        let (header, height) = (block.header(), block.height());
        let stakes = block.transactions().iter().filter(|one| matches!(one.transaction().body, Body::Stake { .. }));
        self.stakers.extend(stakes.map(|one| one.sender()));
        if let Some(commit) = block.commit() {
            self.signed(commit.height, commit.signatures.iter().map(|part| part.validator));
        }
        if let Some(late) = block.late() {
            let grandparent = Height(height.0.saturating_sub(2));
            self.signed(grandparent, late.signatures.iter().map(|part| part.validator));
        }
        let last = self.heights.back().filter(|last| last.height.next() == height);
        let interval_ms = last.map(|last| decision.now.since(last.decided));
        if last.is_none() {
            self.heights.clear();
        }
        if self.heights.len() == DECIDED_MAX {
            self.heights.pop_front();
        }
        self.heights.push_back(Decided {
            height,
            hash: block.hash(),
            leader: header.leader,
            round: certificate.round,
            time: header.time,
            decided: decision.now,
            caught_up: decision.caught_up,
            interval_ms,
            seen_to_final_ms: decision.first_seen.map(|seen| decision.now.since(seen)),
            transactions: block.transactions().len(),
            bytes: block.bytes().len(),
            members: members.clone(),
            signed: vec![false; members.members().len()],
        });
        self.signed(height, certificate.signatures.iter().map(|part| part.validator));
    }

    /// They signed a height, possibly late.
    pub(crate) fn signed(&mut self, height: Height, signers: impl Iterator<Item = Address>) {
        let Some(decided) = self.heights.iter_mut().rev().take(4).find(|decided| decided.height == height) else {
            return;
        };
        let Decided { members, signed, .. } = decided;
        for signer in signers {
            if let Ok(place) = members.members().binary_search_by_key(&signer, |member| member.address) {
                signed[place] = true;
            }
        }
    }

    /// Tracks the timers through the effects of an event.
    pub(crate) fn follow(&mut self, effects: &[Effect], now: UnixMillis) {
        for effect in effects {
            match effect {
                Effect::StartTimer { timer, after_ms } => self.started(*timer, now, now.plus(*after_ms)),
                Effect::CancelTimer(timer) => self.elapsed(timer),
                _ => {}
            }
        }
    }

    /// A timer restarted with the same end continues.
    fn started(&mut self, timer: Timer, now: UnixMillis, until: UnixMillis) {
        let running = self.timers.entry(timer).or_insert((now, until));
        if running.1 != until {
            *running = (now, until);
        }
    }

    /// A timer fired.
    pub(crate) fn elapsed(&mut self, timer: &Timer) {
        self.timers.remove(timer);
    }

    /// Running timers, by their end. Those that always run are left out.
    pub(crate) fn timers(&self) -> Vec<(Timer, UnixMillis, UnixMillis)> {
        let said = |timer: &Timer| !matches!(timer, Timer::Mempool | Timer::Presence | Timer::NextPart);
        let running = self.timers.iter().filter(|(timer, _)| said(timer));
        let mut running: Vec<_> = running.map(|(timer, (since, until))| (*timer, *since, *until)).collect();
        running.sort_by_key(|(timer, _, until)| (*until, *timer));
        running
    }

    /// The last decided heights, newest first.
    pub(crate) fn last(&self, count: usize) -> Vec<Decided> {
        self.heights.iter().rev().take(count).cloned().collect()
    }

    /// Every validator by address: members of the next set, of recent ones, and accounts with a stake or a past one.
    ///
    /// Cost: heights times members, about a nanosecond each.
    pub(crate) fn validators(&self, ledger: &Ledger) -> Vec<ValidatorFacts> {
        let mut counts = self.count();
        let members = ledger.validators();
        let known = members.members().iter().map(|member| member.address).chain(self.stakers.iter().copied());
        for address in known {
            counts.entry(address).or_default();
        }
        let facts = counts.into_iter().filter_map(|(address, count)| {
            let account = ledger.account(&address);
            let weight = members.get(&address).map(|member| (member.stake, members.total()));
            (weight.is_some() || count.counted > 0 || has_standing(&account)).then(|| ValidatorFacts {
                address,
                stake: account.stake,
                standing: account.standing,
                weight,
                counted: count.counted,
                led: count.led,
                fair_ppm_blocks: count.fair_ppm_blocks,
                missed: count.missed,
                missed_in_a_row: count.missed_in_a_row,
                absent: account.window.missing.count(),
                last_present: account.last_present,
            })
        });
        facts.collect()
    }

    /// Oldest first, so that the run of missed heights ends with the newest. Consecutive sets are mostly the same:
    /// shares are computed once per set.
    fn count(&self) -> BTreeMap<Address, Count> {
        let mut counts: BTreeMap<Address, Count> = BTreeMap::new();
        let mut heights = self.heights.iter().peekable();
        while let Some(first) = heights.next() {
            let mut run = vec![first];
            while let Some(next) = heights.next_if(|next| next.members.hash() == first.members.hash()) {
                run.push(next);
            }
            let total = u128::from(first.members.total().0.max(1));
            for (place, member) in first.members.members().iter().enumerate() {
                let count = counts.entry(member.address).or_default();
                let share = u64::try_from(u128::from(member.stake.0) * MILLION / total).unwrap_or(0);
                for decided in &run {
                    count.add(share, decided.leader == member.address, decided.signed[place]);
                }
            }
        }
        counts
    }
}

/// Counts of one validator.
#[derive(Default)]
struct Count {
    counted: u32,
    led: u32,
    fair_ppm_blocks: u64,
    missed: u32,
    missed_in_a_row: u32,
}

impl Count {
    fn add(&mut self, share: u64, led: bool, signed: bool) {
        self.counted += 1;
        self.led += u32::from(led);
        self.fair_ppm_blocks += share;
        self.missed += u32::from(!signed);
        self.missed_in_a_row = if signed { 0 } else { self.missed_in_a_row + 1 };
    }
}

/// Is this account relevant as a validator?
fn has_standing(account: &Account) -> bool {
    account.stake > Coins::ZERO || account.standing != Standing::Inactive
}

#[cfg(test)]
mod tests {
    use super::*;
    use blockchat_proto::units::Round;

    fn start(timer: Timer, after_ms: u64) -> Effect {
        Effect::StartTimer { timer, after_ms }
    }

    #[test]
    fn running_timers_are_told_by_their_end_with_their_first_beginning() {
        let mut tally = Tally::default();
        let (pace, step) = (Timer::Pace(Height(7)), crate::event::RoundTimer::Propose);
        let round = Timer::Round { height: Height(7), round: Round(0), step };
        tally.follow(&[start(pace, 250), start(round, 100), start(Timer::Mempool, 1)], UnixMillis(1_000));
        tally.follow(&[start(pace, 200)], UnixMillis(1_050));
        let (begun, until) = (UnixMillis(1_000), UnixMillis(1_250));
        assert_eq!(tally.timers(), [(round, begun, UnixMillis(1_100)), (pace, begun, until)]);
        tally.follow(&[start(pace, 10)], UnixMillis(1_060));
        assert_eq!(tally.timers()[0], (pace, UnixMillis(1_060), UnixMillis(1_070)), "another end, another wait");
        tally.elapsed(&pace);
        tally.follow(&[Effect::CancelTimer(round)], UnixMillis(1_070));
        assert_eq!(tally.timers(), []);
    }
}
