//! Nodes die: one, a third, all, one after the other.

use crate::heal::scenario::Claim::{AtTheTip, BlockWithin, ForgotNothing, NoBlock, PauseAtMost, VotesAgain};
use crate::heal::scenario::Deed::Start;
use crate::heal::scenario::InjectedFault::{Kill, Stop};
use crate::heal::scenario::Who::{All, Leader, Nodes, Others, Struck};
use crate::heal::scenario::{Scenario, seconds, timeouts};
use std::time::Duration;

/// All nodes, one after the other.
const EACH: [&[usize]; 5] = [&[0], &[1], &[2], &[3], &[4]];

/// One node dies, the one that leads.
pub(super) fn kill_leader() -> Scenario {
    Scenario::named("kill-leader", "the node that leads is killed; the others wait one timeout for it and go on")
        .with_any_number_of_nodes()
        .breaks(Kill(Leader))
        .expect(PauseAtMost { of: Others, limit: timeouts(1).and_ms(150), blocks: 20 })
        .heals()
        .expect(AtTheTip { who: Struck, limit: seconds(5) })
        .expect(VotesAgain { who: Struck, limit: seconds(5) })
        .expect(ForgotNothing { who: Struck })
}

/// Two of seven may die; three are too many.
pub(super) fn kill_third() -> Scenario {
    Scenario::named("kill-third", "with two of seven dead it goes on; with three it stands still until one is back")
        .nodes(7)
        .breaks(Kill(Nodes(&[5, 6])))
        .expect(PauseAtMost { of: Others, limit: timeouts(3).and_ms(150), blocks: 20 })
        .breaks(Kill(Nodes(&[4])))
        .expect(NoBlock { during: Duration::from_secs(5) })
        .then_do(Start(Nodes(&[4])))
        .expect(BlockWithin { of: Nodes(&[0, 1, 2, 3, 4]), limit: seconds(8) })
        .heals()
        .expect(AtTheTip { who: All, limit: seconds(8) })
}

/// All nodes die at once.
pub(super) fn restart_all() -> Scenario {
    Scenario::named(
        "restart-all",
        "all nodes are killed at once; what any of them had reported as final is still there",
    )
    .with_any_number_of_nodes()
    .breaks(Kill(All))
    .heals()
    .expect(BlockWithin { of: All, limit: seconds(5) })
    .expect(ForgotNothing { who: All })
}

/// All nodes are restarted, one after the other, as for an update.
pub(super) fn rolling_restart() -> Scenario {
    let about =
        "every node is restarted, one after the other, as for an update; nobody has to wait longer than a timeout";
    EACH.into_iter().fold(Scenario::named("rolling-restart", about), |story, node| {
        story
            .breaks(Stop(Nodes(node)))
            .expect(PauseAtMost { of: Others, limit: timeouts(1).and_ms(150), blocks: 10 })
            .heals()
            .expect(VotesAgain { who: Struck, limit: seconds(5) })
            .expect(ForgotNothing { who: Struck })
    })
}
