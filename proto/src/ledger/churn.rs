//! Churn: stake becomes power gradually. SPEC VAL-5, VAL-6.
//!
//! Why: money alone must not take over the chain within a second. Every user can see a buyer coming, and has time to
//! act. Owns: the room of the present span, the order of the queue, the power granted. Does not own: the time at which
//! an account begins to wait (`account`). Start reading at [`ramp`].

use super::account::Account;
use super::overlay::Overlay;
use super::parts::{Churn, System};
use super::roster::Roster;
use crate::coins::{Coins, Stake};
use crate::genesis::Parameters;
use crate::keys::Address;
use crate::limits;
use crate::units::UnixMillis;
use std::collections::BTreeSet;
use std::iter::from_fn;
use std::sync::Arc;

/// A place in the queue: time, then address.
type Place = (UnixMillis, Address);

/// Context for serving the queue in one block.
#[derive(Clone, Copy, Debug)]
pub(super) struct Service<'a> {
    pub(super) parameters: &'a Parameters,
    /// Of the set that decides the block.
    pub(super) total: Stake,
    /// Number of candidates before any is served.
    pub(super) candidates: usize,
    /// Of the block.
    pub(super) time: UnixMillis,
}

/// The room of a new span: an eighth of the total, but at least one validator's minimum. SPEC VAL-6.
pub(super) fn room(total: Stake, parameters: &Parameters) -> Coins {
    total.coins().part(limits::CHURN_PARTS).max(parameters.stake_min)
}

/// The present span, or a new one if that is over.
pub(super) fn begun(churn: Churn, service: Service<'_>) -> Churn {
    let Service { parameters, total, time, .. } = service;
    if time.since(churn.since) < parameters.churn_ms {
        return churn;
    }
    Churn { since: time, room: room(total, parameters) }
}

/// Serves the queue: its head first, partially if necessary, while there is room. SPEC VAL-6.
///
/// Cost: one check per touched account, and per account served.
pub(super) fn ramp(system: &mut Arc<System>, roster: &Roster, overlay: &mut Overlay<'_>, service: Service<'_>) {
    let Parameters { validators_min, stake_min, .. } = *service.parameters;
    let few = usize::try_from(validators_min).unwrap_or(usize::MAX);
    let (mut churn, mut candidates) = (system.churn, service.candidates);
    for (_, address) in queue(roster, overlay) {
        let account = overlay.edit(address);
        let stands = account.candidacy(stake_min).is_some();
        if candidates < few {
            account.ramp(Coins::MAX);
        } else {
            churn = begun(churn, service);
            if churn.room.is_zero() {
                break;
            }
            let (_, left) = churn.room.split_at_most(account.ramp(churn.room));
            churn.room = left;
        }
        candidates += usize::from(!stands);
    }
    if churn != system.churn {
        Arc::make_mut(system).churn = churn;
    }
}

/// An account that waits for power. SPEC VAL-6.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Waiting {
    /// Its address.
    pub address: Address,
    /// The part of its stake that is not power yet.
    pub waiting: Coins,
    /// Waiting since.
    pub since: UnixMillis,
    /// The first block at or after this time gives it the rest, if the queue does not change: never below the tip's
    /// time. If that is more than a thousand spans away: the time of the last one.
    pub done_at: UnixMillis,
}

/// Number of spans to look ahead.
const SPANS_AHEAD: u32 = 1_000;

/// When each waiting account will be done, if the queue does not change and blocks come as soon as they are needed.
pub(super) fn forecast<'a>(
    churn: &Churn,
    total: Stake,
    now: UnixMillis,
    parameters: &Parameters,
    queue: impl Iterator<Item = (Address, &'a Account)>,
) -> Vec<Waiting> {
    let (mut churn, mut total, mut spans) = (*churn, total.coins(), 0);
    let mut show = |(address, account): (Address, &Account)| {
        let waiting = account.waiting().unwrap_or_default();
        let mut left = waiting;
        while !left.is_zero() && spans < SPANS_AHEAD {
            if churn.room.is_zero() {
                spans += 1;
                let since = now.max(churn.since.plus(parameters.churn_ms));
                churn = Churn { since, room: room(total.into(), parameters) };
            }
            let (given, rest) = left.split_at_most(churn.room);
            let (_, room) = churn.room.split_at_most(given);
            (left, churn.room) = (rest, room);
            total = total.checked_add(given).unwrap_or(Coins::MAX);
        }
        Waiting { address, waiting, since: account.waiting_since, done_at: now.max(churn.since) }
    };
    queue.map(&mut show).collect()
}

/// All waiting accounts, in order: those of the overlay replace those underneath.
fn queue<'a>(roster: &'a Roster, overlay: &Overlay<'_>) -> impl Iterator<Item = Place> + use<'a> {
    let waited = |address: &Address| overlay.base(address).is_some_and(|account| account.waiting().is_some());
    let stale: BTreeSet<Address> = overlay.touched().keys().filter(|address| waited(address)).copied().collect();
    let waits = |(address, account): (&Address, &Account)| account.waiting().map(|_| (account.waiting_since, *address));
    let changed: BTreeSet<Place> = overlay.touched().iter().filter_map(waits).collect();
    let mut changed = changed.into_iter().peekable();
    let mut untouched = roster.waiting().filter(move |(_, address)| !stale.contains(address)).peekable();
    from_fn(move || match (changed.peek(), untouched.peek()) {
        (Some(changed_one), Some(other)) if changed_one < other => changed.next(),
        (Some(_), None) => changed.next(),
        _ => untouched.next(),
    })
}
