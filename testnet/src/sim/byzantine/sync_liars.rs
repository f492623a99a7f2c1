//! Claim a chain of a million blocks and keep requesting nodes waiting. None of them needs any stake.
//!
//! Each would keep a validator that restarts from voting, if a claim counted before it is proved.

use super::{Misbehaviour, Scene, Served};
use crate::sim::dice::Dice;
use blockchat_proto::block::VerifiedBlock;
use blockchat_proto::sync::Status;
use blockchat_proto::units::Height;
use blockchat_proto::vote::Certificate;

/// Higher than any chain of the simulator.
const CLAIMED: Height = Height(1_000_000);
/// An answer just in time, at least for a peer that was never slow.
const SLOW_MS: u64 = 4_000;
/// A busy server asks to wait so long.
const BUSY_MS: u64 = 10_000;

/// Hands out one true block at a time, late.
#[derive(Debug)]
pub(super) struct SlowServer;

impl Misbehaviour for SlowServer {
    fn status(&mut self, _dice: &mut Dice, honest: Status) -> Status {
        Status { height: CLAIMED, ..honest }
    }

    fn serves_after_ms(&self) -> u64 {
        SLOW_MS
    }

    fn serve(&mut self, _scene: &mut Scene<'_>, mut blocks: Vec<(VerifiedBlock, Certificate)>) -> Served {
        blocks.truncate(1);
        Served::Blocks(blocks)
    }
}

/// Always asks to wait.
#[derive(Debug)]
pub(super) struct BusyServer;

impl Misbehaviour for BusyServer {
    fn status(&mut self, _dice: &mut Dice, honest: Status) -> Status {
        Status { height: CLAIMED, ..honest }
    }

    fn serve(&mut self, _scene: &mut Scene<'_>, _blocks: Vec<(VerifiedBlock, Certificate)>) -> Served {
        Served::Busy { retry_ms: BUSY_MS }
    }
}

/// Never answers.
#[derive(Debug)]
pub(super) struct SilentServer;

impl Misbehaviour for SilentServer {
    fn status(&mut self, _dice: &mut Dice, honest: Status) -> Status {
        Status { height: CLAIMED, ..honest }
    }

    fn serve(&mut self, _scene: &mut Scene<'_>, _blocks: Vec<(VerifiedBlock, Certificate)>) -> Served {
        Served::Silence
    }
}
