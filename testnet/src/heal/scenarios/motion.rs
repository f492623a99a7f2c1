//! Nodes come, go and move.

use crate::heal::scenario::Claim::{AllConnected, BlockWithin, CatchesUp, ForgotNothing, PauseAtMost, Validators};
use crate::heal::scenario::Deed::{AwaitBlocks, Stake, Start};
use crate::heal::scenario::InjectedFault::{Kill, Move};
use crate::heal::scenario::Who::{All, Last, Nodes};
use crate::heal::scenario::{Need, Scenario, seconds, timeouts};

/// No address is as it was.
pub(super) fn new_addresses() -> Scenario {
    let about = "every node moves to other ports, told nobody's address; then all are killed and have only their books";
    Scenario::named("new-addresses", about)
        .without_links()
        .breaks(Move(All))
        .expect(AllConnected { limit: seconds(60) })
        .breaks(Kill(All))
        .heals()
        .expect(AllConnected { limit: seconds(10) })
        .expect(BlockWithin { of: All, limit: seconds(10) })
        .expect(ForgotNothing { who: All })
}

/// A node comes when there is much to read. On a machine of its own it would take no processor time from the others: it
/// has a low priority, so that its reading does not count against them.
pub(super) fn late_joiner() -> Scenario {
    let about = "a sixth node comes when there are 1,000 blocks, and is at the tip soon; nobody waits for it";
    Scenario::named("late-joiner", about)
        .spares(1)
        .needs(Need::LowPriority(5))
        .load(20, 12)
        .then_do(AwaitBlocks(1_000))
        .then_do(Start(Last(1)))
        .expect(CatchesUp { who: Last(1), limit: seconds(10), eta_percent: 50, others_lose_percent: 10 })
}

/// Validators come and go while the chain works.
pub(super) fn joins_and_leaves() -> Scenario {
    let about = "three nodes come and stake, then four take their stake back: 5, 8, 4 validators; it goes on";
    Scenario::named("joins-and-leaves", about)
        .spares(3)
        .senders(4)
        .then_do(Start(Last(3)))
        .expect(AllConnected { limit: seconds(15) })
        .then_do(Stake(Last(3), 10))
        .expect(Validators { count: 8, limit: seconds(30) })
        .expect(PauseAtMost { of: All, limit: timeouts(2), blocks: 20 })
        .then_do(Stake(Nodes(&[4, 5, 6, 7]), 0))
        .expect(Validators { count: 4, limit: seconds(30) })
        .expect(PauseAtMost { of: All, limit: timeouts(2), blocks: 20 })
}
