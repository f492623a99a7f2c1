//! The version of the rules that executes the next block, and when the next version begins. SPEC VER-3, VER-4.
//!
//! Owns: counting announcements, the schedule. Does not own: the right to announce (`check`), the effect of a version
//! (the code that differs asks its `Rules` for the version). Always true: versions begin one after the other, none is
//! skipped; a scheduled version is never moved or cancelled. Start reading at [`move_on`].

use super::System;
use super::overlay::Overlay;
use crate::coins::{Stake, is_ready_for_version};
use crate::limits::VERSION_STRIDE;
use crate::units::{Height, RulesVersion};
use crate::validators::ValidatorSet;
use std::sync::Arc;

/// After block `height`: begins the scheduled version if the next block is its first, or schedules one at a multiple of
/// 64.
///
/// `set`: of the next height. Cost: at every 64th block one check per member, otherwise none.
pub(super) fn move_on(system: &mut Arc<System>, height: Height, set: &ValidatorSet, overlay: &Overlay<'_>) {
    match system.next_begins {
        Some(first) if first == height.next() => {
            let system = Arc::make_mut(system);
            (system.version, system.next_begins) = (system.version.next(), None);
        }
        None if height.0.is_multiple_of(VERSION_STRIDE) => {
            if is_ready_for_version(announced(system.version.next(), set, overlay), set.total()) {
                let first = Height(height.0.saturating_add(VERSION_STRIDE));
                Arc::make_mut(system).next_begins = Some(first);
            }
        }
        Some(_) | None => {}
    }
}

/// Stake of the members that announced this version or a higher one.
fn announced(version: RulesVersion, set: &ValidatorSet, overlay: &Overlay<'_>) -> Stake {
    let knows = |address| overlay.get(address).is_some_and(|account| account.announced >= version);
    let ready = set.members().iter().filter(|member| knows(&member.address));
    ready.fold(Stake::default(), |sum, member| sum.plus(member.stake))
}
