//! Somebody lies.

use crate::heal::scenario::Claim::{AtTheTip, Barred, PauseAtMost, SomebodyLogs, VotesAgain};
use crate::heal::scenario::Fault::{Flood, Freeze, Twin};
use crate::heal::scenario::Who::Nodes;
use crate::heal::scenario::{Scenario, seconds, timeouts};

/// The validators that do nothing wrong.
const HONEST: &[usize] = &[0, 1, 2, 3, 4];
/// Those who are validators in the end.
const LEFT: &[usize] = &[0, 1, 2, 3, 4, 5];
/// All but the one that was never more than a copy.
const VALIDATORS: &[usize] = &[0, 1, 2, 3, 4, 5, 6];

/// As many liars as seven can bear, and strangers.
pub(super) fn liar() -> Scenario {
    let about = "of seven, one signs two different things, one falls silent, strangers flood: no fork, the liar is out, nobody else is blamed";
    Scenario::named("liar", about)
        .nodes(7)
        .spares(1)
        .senders(5)
        .breaks(Twin(6))
        .breaks(Freeze(Nodes(&[5])))
        .breaks(Flood)
        .expect(PauseAtMost { of: Nodes(HONEST), limit: timeouts(4).and_ms(150), blocks: 60 })
        .expect(SomebodyLogs { words: &["signs two different votes"], limit: seconds(30) })
        .expect(Barred { who: Nodes(&[6]), limit: seconds(30) })
        .heals()
        .expect(AtTheTip { who: Nodes(VALIDATORS), limit: seconds(10) })
        .expect(VotesAgain { who: Nodes(LEFT), limit: seconds(20) })
}
