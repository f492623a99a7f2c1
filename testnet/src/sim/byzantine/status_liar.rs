//! Claims heights that do not exist, and answers questions with rubbish.

use super::{Misbehaviour, Scene, Served};
use crate::sim::dice::Dice;
use blockchat_proto::block::VerifiedBlock;
use blockchat_proto::sync::Status;
use blockchat_proto::units::{Height, Round};
use blockchat_proto::vote::{Certificate, CommitSignature, Vote, VoteKind};

/// Would mute every validator that believed it.
#[derive(Debug)]
pub(super) struct StatusLiar;

impl Misbehaviour for StatusLiar {
    fn status(&mut self, dice: &mut Dice, honest: Status) -> Status {
        Status { height: Height(honest.height.0 + dice.range(0..=1_000)), ..honest }
    }

    fn serve(&mut self, scene: &mut Scene<'_>, mut blocks: Vec<(VerifiedBlock, Certificate)>) -> Served {
        match scene.dice.below(4) {
            0 => Served::Broken,
            1 => Served::Blocks(vec![]),
            2 => {
                blocks.iter_mut().for_each(|(block, certificate)| *certificate = alone(scene, block));
                Served::Blocks(blocks)
            }
            // The right blocks, but not those asked for.
            _ => Served::Blocks(blocks.split_off(blocks.len().min(1))),
        }
    }

    fn hands_out_bodies(&mut self, dice: &mut Dice) -> bool {
        dice.permille(500)
    }
}

/// A well-signed certificate that carries its own stake only.
fn alone(scene: &Scene<'_>, block: &VerifiedBlock) -> Certificate {
    let (height, round, value) = (block.height(), Round(0), block.hash());
    let validator = scene.signer.address();
    let vote = Vote { kind: VoteKind::Precommit, height, round, value: Some(value), validator };
    let signature = vote.sign(scene.chain, scene.signer).signature;
    Certificate { height, round, block: value, signatures: vec![CommitSignature { validator, signature }] }
}
