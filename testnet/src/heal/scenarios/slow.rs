//! The network is whole, and slow.

use crate::heal::scenario::Claim::{AllConnected, NoFailedRound, PauseAtMost};
use crate::heal::scenario::InjectedFault::Clocks;
use crate::heal::scenario::Who::All;
use crate::heal::scenario::{Need, Scenario, seconds, timeouts};
use crate::links::shape::{Bandwidth, Delay, Wan};

/// As between continents.
pub(super) fn slow_links() -> Scenario {
    let delay_ms = Some(Delay { ms: 150, jitter_ms: 0 });
    let bandwidth = Some(Bandwidth { bits_per_s: 20_000_000 });
    Scenario::named("slow-links", "150 ms one way and 20 Mbit/s on every link: blocks are slower, and no round fails")
        .over(Wan { delay_ms, bandwidth })
        .load(20, 200)
        .expect(AllConnected { limit: seconds(30) })
        .expect(NoFailedRound { blocks: 30, after: 10 })
}

/// As behind a modem.
pub(super) fn narrow_links() -> Scenario {
    let delay_ms = Some(Delay { ms: 150, jitter_ms: 0 });
    let bandwidth = Some(Bandwidth { bits_per_s: 2_000_000 });
    Scenario::named("narrow-links", "150 ms one way and 2 Mbit/s on every link, large messages: no round fails")
        .over(Wan { delay_ms, bandwidth })
        .load(60, 1_000)
        .expect(AllConnected { limit: seconds(30) })
        .expect(NoFailedRound { blocks: 30, after: 10 })
}

/// Clocks that are wrong.
pub(super) fn clock_off() -> Scenario {
    let about =
        "one clock is 10 s ahead, one 10 s behind, and a third steps while it runs: nobody is jailed, nobody stops";
    Scenario::named("clock-off", about)
        .needs(Need::Clocks)
        .breaks(Clocks(&[(3, 10), (4, -10)]))
        .expect(PauseAtMost { of: All, limit: timeouts(3).and_ms(150), blocks: 60 })
        .breaks(Clocks(&[(2, 10)]))
        .expect(PauseAtMost { of: All, limit: timeouts(3).and_ms(150), blocks: 60 })
        .heals()
        .expect(PauseAtMost { of: All, limit: timeouts(3).and_ms(150), blocks: 20 })
}
