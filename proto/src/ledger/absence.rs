//! Absence: who missed the parent's commit, who led, and who is jailed. SPEC ABS-1 to ABS-3.
//!
//! Why both conditions: by blocks alone, a second of fast blocks would jail a node that restarts; by time alone, an idle
//! chain would jail one that missed a single block.
//! Start reading at [`record_presence`], then [`excuse_late`].

use super::account::{Account, Standing};
use super::overlay::Overlay;
use crate::keys::Address;
use crate::limits;
use crate::units::{Height, UnixMillis};
use crate::validators::ValidatorSet;
use crate::vote::{Certificate, LatePrecommits};

/// Takes back what the parent said about those who came late.
pub(super) fn excuse_late(overlay: &mut Overlay<'_>, late: &LatePrecommits, now: UnixMillis) {
    for part in &late.signatures {
        let account = overlay.edit(part.validator);
        account.window.excuse();
        account.last_present = now;
    }
}

/// Enters the parent's commit for every member of the parent's set that is still active. The block that carries the
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

/// The member to jail in this block: of those absent for too long the longest absent, ties by address.
pub(super) fn longest_absent(overlay: &Overlay<'_>, parent_set: &ValidatorSet, now: UnixMillis) -> Option<Address> {
    let accounts =
        parent_set.members().iter().filter_map(|member| Some((member.address, overlay.get(&member.address)?)));
    let gone = accounts.filter(|(_, account)| is_gone(account, now));
    gone.min_by_key(|(address, account)| (account.last_present, *address)).map(|(address, _)| address)
}

fn is_gone(account: &Account, now: UnixMillis) -> bool {
    account.standing == Standing::Active
        && account.window.missing.count() > limits::ABSENCE_BLOCKS_MAX
        && now.since(account.last_present) >= limits::ABSENCE_TIME_MS
}
