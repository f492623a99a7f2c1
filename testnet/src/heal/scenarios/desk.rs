//! Machines of their own, on one switch.

use crate::heal::scenario::Claim::{AllConnected, AtTheTip, BlockWithin, NoBlock, PauseAtMost};
use crate::heal::scenario::InjectedFault::{Renumber, Unplug};
use crate::heal::scenario::Who::{All, Others, Struck};
use crate::heal::scenario::{Scenario, seconds, timeouts};
use std::time::Duration;

/// No node is told an address: they find each other by multicast, and lose each other by a cable.
pub(super) fn hosts() -> Scenario {
    let about =
        "five hosts on one switch find each other, told nobody's address; two are unplugged, one gets another address";
    Scenario::named("hosts", about)
        .on_hosts()
        .breaks(Unplug(2))
        .expect(NoBlock { during: Duration::from_secs(5) })
        .heals()
        .expect(BlockWithin { of: All, limit: seconds(10) })
        .expect(AllConnected { limit: seconds(40) })
        .breaks(Renumber)
        .expect(PauseAtMost { of: Others, limit: timeouts(1).and_ms(150), blocks: 40 })
        .expect(AtTheTip { who: Struck, limit: seconds(60) })
        .expect(AllConnected { limit: seconds(60) })
}
