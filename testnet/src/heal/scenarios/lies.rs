//! A key in two places, a validator that falls silent, and strangers.
//!
//! Deliberate liars are not here: the programs that ship cannot lie. The simulator has them (`sim/byzantine`).

use crate::heal::scenario::Claim::{AtTheTip, PauseAtMost, SaysWhySilent, VotesAgain};
use crate::heal::scenario::InjectedFault::{Flood, Freeze, Twin};
use crate::heal::scenario::Who::Nodes;
use crate::heal::scenario::{Scenario, seconds, timeouts};

/// The validators that nothing happens to.
const UNTOUCHED: &[usize] = &[0, 1, 2, 3, 4];
/// All validators: the copy is none.
const VALIDATORS: &[usize] = &[0, 1, 2, 3, 4, 5, 6];

/// The copy listens after its start, hears its own key, and signs nothing. So no validator contradicts itself, and no
/// node is blamed.
pub(super) fn copied_key() -> Scenario {
    let about = "of seven, one key runs on two machines, one node freezes, strangers flood: the copy signs nothing, nobody is blamed";
    Scenario::named("copied-key", about)
        .nodes(7)
        .spares(1)
        .senders(5)
        .breaks(Twin(6))
        .expect(SaysWhySilent {
            who: Nodes(&[7]),
            words: "another node signs with this validator's key",
            limit: seconds(5),
        })
        .breaks(Freeze(Nodes(&[5])))
        .breaks(Flood)
        .expect(PauseAtMost { of: Nodes(UNTOUCHED), limit: timeouts(2).and_ms(150), blocks: 60 })
        .heals()
        .expect(AtTheTip { who: Nodes(VALIDATORS), limit: seconds(10) })
        .expect(VotesAgain { who: Nodes(VALIDATORS), limit: seconds(20) })
}
