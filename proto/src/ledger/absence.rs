//! Absence: missing precommits for the parent, leaders, and jailing. SPEC ABS-1 to ABS-5.
//!
//! Why blocks and time: blocks alone would jail a node that restarts during a second of fast blocks; time alone would
//! jail, on an idle chain, a node that missed a single block. Why leaders: each absence is the word of one leader, and
//! an author that grinds could repeat it for every block.
//! Start reading at [`record_presence`], then [`excuse_late`], then [`to_jail`].

use super::account::{Account, Standing};
use super::overlay::Overlay;
use super::parts::{Peak, System};
use crate::coins::{Coins, Stake, is_honest_share, is_more_than_half};
use crate::keys::Address;
use crate::limits;
use crate::units::{Height, UnixMillis};
use crate::validators::ValidatorSet;
use crate::vote::{Certificate, LatePrecommits};
use std::sync::Arc;

/// Clears the parent's entry for signers of late precommits, except those barred in this block.
pub(super) fn excuse_late(overlay: &mut Overlay<'_>, late: &LatePrecommits, now: UnixMillis) {
    for part in &late.signatures {
        let account = overlay.edit(part.validator);
        if account.standing == Standing::Active {
            account.window.excuse();
            account.last_present = now;
        }
    }
}

/// Records the parent's commit for every member of the parent's set that is still active. The block that carries the
/// commit has this height and time.
pub(super) fn record_presence(
    overlay: &mut Overlay<'_>,
    commit: &Certificate,
    parent_set: &ValidatorSet,
    (height, now): (Height, UnixMillis),
) {
    for member in parent_set.members() {
        let active = overlay.get(&member.address).is_some_and(|account| account.standing == Standing::Active);
        if !active {
            continue;
        }
        let present = commit.signatures.binary_search_by_key(&member.address, |part| part.validator).is_ok();
        let account = overlay.edit(member.address);
        account.window.record(height, !present);
        if present {
            account.last_present = now;
        }
    }
}

/// Input of the decision which member this block may jail.
#[derive(Clone, Copy, Debug)]
pub(super) struct Court<'a> {
    /// The set that decided the parent: its members are checked, and its stakes weigh the accusers.
    pub(super) parent_set: &'a ValidatorSet,
    /// The set that decides the block.
    pub(super) set: &'a ValidatorSet,
    pub(super) stake_min: Coins,
    pub(super) peak: Peak,
    /// Height of the block.
    pub(super) height: Height,
    /// Time of the block.
    pub(super) now: UnixMillis,
}

/// The member to jail: of the gone, the longest absent, ties by address; `None` if too little stake would remain
/// without it. SPEC ABS-3, ABS-5.
///
/// Cost: one check per member, and all others for a member that was absent for long.
pub(super) fn to_jail(overlay: &Overlay<'_>, court: Court<'_>) -> Option<Address> {
    let account = |address: Address| Some((address, overlay.get(&address)?));
    let members = court.parent_set.members().iter().filter_map(|member| account(member.address));
    let gone = members.filter(|(_, account)| is_absent(account, court.now) && is_accused(overlay, account, court));
    let gone = gone.min_by_key(|(address, account)| (account.last_present, *address));
    gone.map(|(address, _)| address).filter(|address| enough_remains(overlay, address, court))
}

fn is_absent(account: &Account, now: UnixMillis) -> bool {
    account.standing == Standing::Active
        && account.window.missing.count() > limits::ABSENCE_BLOCKS_MAX
        && now.since(account.last_present) >= limits::ABSENCE_TIME_MS
}

/// Do the leaders of its current run of absences together hold more than a third of the stake? SPEC ABS-3.
fn is_accused(overlay: &Overlay<'_>, account: &Account, court: Court<'_>) -> bool {
    let missing = account.window.missing_since_present();
    let led = |address| overlay.get(address).map_or(0, |leader| leader.window.led_seen_from(court.height));
    let accusers = court.parent_set.members().iter().filter(|member| led(&member.address) & missing != 0);
    let stake = accusers.fold(Stake::default(), |sum, member| sum.plus(member.stake));
    is_honest_share(stake, court.parent_set.total())
}

/// Do the other members of the set hold more than half of the recent largest total? SPEC ABS-5.
fn enough_remains(overlay: &Overlay<'_>, without: &Address, court: Court<'_>) -> bool {
    let others = court.set.members().iter().filter(|member| member.address != *without);
    let power = others.filter_map(|member| overlay.get(&member.address)?.candidacy(court.stake_min));
    let left = power.fold(Stake::default(), Stake::plus);
    is_more_than_half(left, court.peak.largest.max(court.peak.before).into())
}

/// Records the total of the next set. SPEC ABS-5.
pub(super) fn move_peak(system: &mut Arc<System>, now: UnixMillis, total: Stake) {
    let (peak, total) = (system.peak, total.coins());
    let moved = if now.since(peak.since) >= limits::PEAK_MS {
        Peak { since: now, largest: total, before: peak.largest }
    } else {
        Peak { largest: peak.largest.max(total), ..peak }
    };
    if moved != peak {
        Arc::make_mut(system).peak = moved;
    }
}
