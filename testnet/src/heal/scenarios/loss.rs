//! Disks are lost.

use crate::heal::scenario::Claim::{AtTheTip, Logs, PauseAtMost, SaysWhySilent, SignsNothing, VotesAgain};
use crate::heal::scenario::InjectedFault::{FillDisk, SlowDisk, WipeData, WipeDataAndGuard};
use crate::heal::scenario::Who::{Nodes, Others, Struck};
use crate::heal::scenario::{Deed, Need, Scenario, seconds, timeouts};
use std::time::Duration;

/// The data is gone; keys and guard are not.
pub(super) fn wipe_disk() -> Scenario {
    Scenario::named(
        "wipe-disk",
        "one node loses its data and keeps its keys and guard: it syncs, and votes again by itself",
    )
    .breaks(WipeData(Nodes(&[4])))
    .expect(PauseAtMost { of: Others, limit: timeouts(1).and_ms(150), blocks: 20 })
    .heals()
    .expect(AtTheTip { who: Struck, limit: seconds(10) })
    .expect(VotesAgain { who: Struck, limit: seconds(15) })
}

/// The guard is gone too.
pub(super) fn guard_lost() -> Scenario {
    let about =
        "one node loses its guard too: it follows, signs nothing, and says the one safe step; after it, it votes";
    Scenario::named("guard-lost", about)
        .breaks(WipeDataAndGuard(Nodes(&[4])))
        .heals()
        .expect(SaysWhySilent { who: Struck, words: "guard reset --api", limit: seconds(10) })
        .expect(AtTheTip { who: Struck, limit: seconds(10) })
        .expect(SignsNothing { who: Struck, during: Duration::from_secs(5) })
        .then_do(Deed::GuardReset(Struck))
        .expect(VotesAgain { who: Struck, limit: seconds(15) })
}

/// No room is left.
pub(super) fn disk_full() -> Scenario {
    let about =
        "the disk of one node runs full: it says so and ends; the others go on, and so does it when there is room";
    Scenario::named("disk-full", about)
        .needs(Need::SmallDisk(4))
        .breaks(FillDisk(4))
        .expect(Logs { who: Struck, words: "cannot write", limit: seconds(5) })
        .expect(PauseAtMost { of: Others, limit: timeouts(1).and_ms(150), blocks: 40 })
        .heals()
        .expect(AtTheTip { who: Struck, limit: seconds(8) })
        .expect(VotesAgain { who: Struck, limit: seconds(8) })
}

/// A disk that takes its time.
pub(super) fn slow_disk() -> Scenario {
    let about =
        "one node can write a few times a second: nobody waits for it, and it keeps up again once its disk does";
    Scenario::named("slow-disk", about)
        .needs(Need::SlowDisk)
        .breaks(SlowDisk(4))
        .expect(PauseAtMost { of: Others, limit: timeouts(1).and_ms(150), blocks: 60 })
        .heals()
        .expect(AtTheTip { who: Struck, limit: seconds(10) })
        .expect(VotesAgain { who: Struck, limit: seconds(10) })
}
