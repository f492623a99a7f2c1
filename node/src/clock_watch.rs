//! Problems of this machine's clock, in words: compared with those of the other validators, and with the genesis.
//!
//! Always true: log, health and status say the same; none of it decides anything.

use blockchat_engine::chain_view::ChainView;
use blockchat_proto::units::{Height, UnixMillis};

/// A clock this far from those of the others is said to be wrong, in ms.
const WRONG_MS: u64 = 2_000;

/// The difference between this machine's clock and those of the other validators, if it is too large, and its effect.
pub fn explain(view: &ChainView) -> Option<String> {
    let ahead_ms = view.clocks_ahead_ms.filter(|ahead| ahead.unsigned_abs() > WRONG_MS)?;
    let (tenths, side) = (ahead_ms.unsigned_abs() / 100, if ahead_ms > 0 { "behind" } else { "ahead of" });
    let (seconds, tenth) = (tenths / 10, tenths % 10);
    Some(format!(
        "this machine's clock is {seconds}.{tenth} s {side} those of the other validators: {}; set it right, with NTP",
        if ahead_ms > 0 { "their blocks come from ahead of its time and are held" } else { "others hold its blocks" }
    ))
}

/// The notice that the chain begins later than now, by its genesis.
pub fn begins(view: &ChainView, now: UnixMillis) -> Option<String> {
    let wait_ms = view.tip.time.since(now);
    (view.tip.height == Height(0) && wait_ms > 0).then(|| {
        format!("the chain begins in {} s: its genesis says so, by this machine's clock", wait_ms.div_ceil(1_000))
    })
}
