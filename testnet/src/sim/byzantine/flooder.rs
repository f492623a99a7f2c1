//! Has no stake, and talks as if it had: well-signed messages of unknown keys, for every height that is looked at.

use super::{Audience, Misbehaviour, Scene, Speech};
use blockchat_proto::block::{Block, Header};
use blockchat_proto::gossip::ConsensusMessage;
use blockchat_proto::keys::Signer;
use blockchat_proto::ledger::Draft;
use blockchat_proto::units::{Height, Round};
use blockchat_proto::vote::{Proposal, RoundCertificate, RoundProof, SignedVote, Vote, VoteKind};

/// So often it answers what it hears, of a thousand times.
const RETORTS_PERMILLE: u64 = 150;

/// Costs a node as much as that node spends on strangers.
#[derive(Debug)]
pub(super) struct Flooder;

impl Misbehaviour for Flooder {
    fn retort(&mut self, scene: &mut Scene<'_>) -> Speech {
        if !scene.dice.permille(RETORTS_PERMILLE) {
            return vec![];
        }
        let tip = scene.ledger.tip().height.0;
        let heights = [tip, tip + 1, tip + 2, tip + 3, u64::MAX].map(Height);
        let height = scene.dice.pick(&heights).expect("five");
        let message = match scene.dice.below(4) {
            0 => ConsensusMessage::Vote(vote(scene, height)),
            1 => certificate(scene, height),
            _ => proposal(scene, height),
        };
        vec![(Audience::All, message)]
    }
}

fn made_up(scene: &mut Scene<'_>) -> Signer {
    Signer::from_seed(&scene.dice.bytes())
}

fn vote(scene: &mut Scene<'_>, height: Height) -> SignedVote {
    let signer = made_up(scene);
    let kind = VoteKind::Precommit;
    Vote { kind, height, round: Round(0), value: None, validator: signer.address() }.sign(scene.chain, &signer)
}

fn certificate(scene: &mut Scene<'_>, height: Height) -> ConsensusMessage {
    let votes = (0..3).map(|_| vote(scene, height)).collect();
    ConsensusMessage::RoundCertificate(RoundCertificate { proof: RoundProof::Precommits, votes })
}

fn proposal(scene: &mut Scene<'_>, height: Height) -> ConsensusMessage {
    let signer = made_up(scene);
    let (leader, round, time) = (signer.address(), Round(0), scene.ledger.tip().time.plus(1));
    let draft = Draft { round, leader, time, offered: vec![], evidence: vec![], commit: None, late: None };
    let block = scene.ledger.build_block(draft).block.to_block();
    let block = Block { header: Header { height, ..block.header }, ..block };
    let proposal = Proposal { height, round, block: block.header.hash(), lock_round: None, leader };
    ConsensusMessage::Proposal { proposal: proposal.sign(scene.chain, &signer), block: Some(block) }
}
