//! The network breaks: in two, in three, in one direction, without a sound, again and again.

use crate::heal::scenario::Claim::{AllConnected, AtTheTip, BlockWithin, NoBlock, PauseAtMost};
use crate::heal::scenario::InjectedFault::{Flap, HalfOpen, Mute, Partition};
use crate::heal::scenario::Who::{All, Others, Struck};
use crate::heal::scenario::{Scenario, seconds, timeouts};
use std::time::Duration;

/// Neither side has more than two thirds.
pub(super) fn partition_3_to_2() -> Scenario {
    Scenario::named("partition-3-to-2", "neither side has more than two thirds: both stand still, and go on as one")
        .breaks(Partition(&[3, 2]))
        .expect(NoBlock { during: Duration::from_secs(5) })
        .heals()
        .expect(BlockWithin { of: All, limit: timeouts(8) })
        .expect(AtTheTip { who: All, limit: seconds(5) })
        .expect(AllConnected { limit: seconds(30) })
}

/// Four of five go on.
pub(super) fn partition_4_to_1() -> Scenario {
    Scenario::named("partition-4-to-1", "four of five go on without the fifth, which comes back and catches up")
        .breaks(Partition(&[4, 1]))
        .expect(PauseAtMost { of: Others, limit: timeouts(1).and_ms(150), blocks: 40 })
        .heals()
        .expect(AtTheTip { who: Struck, limit: timeouts(8) })
        .expect(AllConnected { limit: seconds(30) })
}

/// Three pieces, none of which can decide.
pub(super) fn partition_2_to_2_to_1() -> Scenario {
    Scenario::named("partition-2-to-2-to-1", "three pieces, none of which can decide")
        .breaks(Partition(&[2, 2, 1]))
        .expect(NoBlock { during: Duration::from_secs(5) })
        .heals()
        .expect(BlockWithin { of: All, limit: timeouts(8) })
        .expect(AtTheTip { who: All, limit: seconds(5) })
        .expect(AllConnected { limit: seconds(30) })
}

/// Two nodes hear all others, and none of them hears the two.
pub(super) fn one_way() -> Scenario {
    Scenario::named(
        "one-way",
        "two nodes hear everybody, and nobody else hears them: without their votes all stand still",
    )
    .breaks(Mute(2))
    .expect(NoBlock { during: Duration::from_secs(5) })
    .heals()
    .expect(BlockWithin { of: All, limit: timeouts(8) })
    .expect(AtTheTip { who: All, limit: seconds(5) })
    .expect(AllConnected { limit: seconds(30) })
}

/// The effect of a router that forgets its connections.
pub(super) fn half_open() -> Scenario {
    let about = "the connections of one node die and nobody is told, as when a router forgets them: they are replaced";
    Scenario::named("half-open", about)
        .breaks(HalfOpen(1))
        .expect(PauseAtMost { of: Others, limit: timeouts(1).and_ms(150), blocks: 40 })
        .expect(AtTheTip { who: Struck, limit: seconds(25) })
        .expect(AllConnected { limit: seconds(40) })
}

/// A bad cable. A pause is at most twice the time without links and the time with links between them: where the next dial
/// comes late, the links fail again before votes were repeated.
pub(super) fn flapping() -> Scenario {
    let (last, every, times) = (2, Duration::from_secs(2), 15);
    Scenario::named("flapping", "the links of two nodes come and go every two seconds, for a minute; nobody is banned")
        .breaks(Flap { last, every, times })
        .expect(PauseAtMost { of: All, limit: seconds(7), blocks: 40 })
        .heals()
        .expect(BlockWithin { of: All, limit: seconds(5) })
        .expect(AllConnected { limit: seconds(40) })
}
