//! The penalty for a proved contradiction, and how long it can be imposed. SPEC EVID-2, EVID-3.
//!
//! Owns: the rules for evidence in a block, the dates of heights. Does not own: whether the two messages contradict each
//! other (`vote::evidence`), their signatures (`block`).
//! Always true: an account is punished at most once; only the state and the bytes decide, so a node that has pruned its
//! blocks agrees.
//! Start reading at [`check`].

use super::account::{Account, Standing};
use super::parts::{Mark, System};
use crate::genesis::Parameters;
use crate::limits;
use crate::units::{Height, UnixMillis};
use crate::vote::{Evidence, EvidenceRejected};
use std::sync::Arc;

/// Earliest possible time of the offence, if the block `height` can punish it.
pub(super) fn check(
    account: Option<&Account>,
    evidence: &Evidence,
    marks: &[Mark],
    height: Height,
) -> Result<UnixMillis, EvidenceRejected> {
    let (accused, offence) = (evidence.accused(), evidence.height());
    if offence > height {
        return Err(EvidenceRejected::NotYet { offence, height });
    }
    let before = marks.iter().rev().find(|mark| mark.height < offence);
    let earliest = before.ok_or(EvidenceRejected::TooOld { offence })?.time;
    match account {
        Some(account) if account.standing == Standing::Barred => Err(EvidenceRejected::Punished { accused }),
        Some(account) if !account.stake.is_zero() || !account.unbonding.is_empty() => Ok(earliest),
        _ => Err(EvidenceRejected::NothingToLose { accused }),
    }
}

/// Dates the block `height` if one is due, and drops dates that no evidence needs any more. SPEC EVID-3.
pub(super) fn date(system: &mut Arc<System>, height: Height, time: UnixMillis, parameters: &Parameters) {
    let window = parameters.evidence_window_ms;
    let is_due = system.marks.last().is_none_or(|last| time.since(last.time) >= window / limits::MARKS);
    let is_stale = |second: &Mark| time.since(second.time) >= window;
    if is_due {
        Arc::make_mut(system).marks.push(Mark { height, time });
    }
    let stale = system.marks.iter().skip(1).take_while(|second| is_stale(second)).count();
    if stale > 0 {
        Arc::make_mut(system).marks.drain(..stale);
    }
}
