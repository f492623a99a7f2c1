//! Proposes blocks that break a rule, with everything else in order.

use super::{Audience, Misbehaviour, Scene, Speech, own_block, propose};
use blockchat_proto::block::{Block, commit_root, transactions_root};
use blockchat_proto::coins::Coins;
use blockchat_proto::gossip::ConsensusMessage;
use blockchat_proto::hash::Hash32;
use blockchat_proto::keys::{Address, Signer};
use blockchat_proto::leader::leader_for;
use blockchat_proto::ledger::Draft;
use blockchat_proto::transaction::{Body, Payload, SignedTransaction, Transaction};
use blockchat_proto::units::{Height, Round};
use blockchat_proto::vote::{CommitSignature, LatePrecommits, SignedVote, Vote, VoteKind};

/// Every block another rule.
#[derive(Debug)]
pub(super) struct BadBlock;

impl Misbehaviour for BadBlock {
    fn speak(&mut self, scene: &mut Scene<'_>, message: ConsensusMessage) -> Speech {
        let Some((proposal, block)) = own_block(scene, &message) else {
            return vec![(Audience::All, message)];
        };
        let message = match scene.dice.below(9) {
            // Its body does not belong to its header.
            0 => ConsensusMessage::Proposal {
                proposal: proposal.sign(scene.chain, scene.signer),
                block: Some(Block { transactions: [block.transactions, vec![unpayable(scene)]].concat(), ..block }),
            },
            1 => propose(scene, proposal, of_another_round(scene, block)),
            crime => propose(scene, proposal, broken(scene, block, crime)),
        };
        vec![(Audience::All, message)]
    }
}

fn broken(scene: &Scene<'_>, mut block: Block, crime: u64) -> Block {
    let header = &mut block.header;
    match crime {
        2 => header.state_root = Hash32([7; 32]),
        3 => header.time = scene.ledger.tip().time,
        4 => header.leader = Address([7; 32]),
        5 => header.next_validators_hash = Hash32([7; 32]),
        6 => with_transaction(&mut block, unpayable(scene)),
        7 => with_a_strangers_precommit(scene, &mut block),
        _ => with_transaction(&mut block, out_of_turn(scene)),
    }
    block
}

/// A block that is fine in itself, but was built for a later round that it leads too.
fn of_another_round(scene: &Scene<'_>, block: Block) -> Block {
    let header = &block.header;
    let leads = |round: &u32| {
        leader_for(scene.ledger.validators(), header.parent, header.height, Round(*round)) == header.leader
    };
    let round = (header.round.0 + 1..header.round.0 + 50).find(leads).unwrap_or(header.round.0 + 1);
    let draft = Draft {
        round: Round(round),
        leader: header.leader,
        time: header.time,
        offered: vec![],
        evidence: vec![],
        commit: block.commit.clone(),
        late: block.late.clone(),
    };
    scene.ledger.build_block(draft).block.to_block()
}

fn with_transaction(block: &mut Block, transaction: SignedTransaction) {
    block.transactions.push(transaction);
    let ids: Vec<_> = block.transactions.iter().map(SignedTransaction::id).collect();
    block.header.transactions_root = transactions_root(&ids);
}

/// A precommit for the grandparent by a key that decides nothing. The first blocks may carry none at all.
fn with_a_strangers_precommit(scene: &Scene<'_>, block: &mut Block) {
    let stranger = Signer::from_seed(&[0xbb; 32]);
    let (parent, round) = (*scene.ledger.tip(), Round(0));
    let (kind, height) = (VoteKind::Precommit, Height(parent.height.0.saturating_sub(1)));
    let vote = Vote { kind, height, round, value: Some(parent.parent), validator: stranger.address() };
    let SignedVote { vote, signature } = vote.sign(scene.chain, &stranger);
    let signatures = vec![CommitSignature { validator: vote.validator, signature }];
    block.late = Some(LatePrecommits { round, block: parent.parent, signatures });
    block.header.commit_root = commit_root(block.commit.as_ref(), block.late.as_ref());
}

/// A payment whose nonce leaves a gap.
fn out_of_turn(scene: &Scene<'_>) -> SignedTransaction {
    let sender = scene.signer.address();
    let nonce = scene.ledger.account(&sender).next_nonce + 1;
    let body = Body::Send { to: Address([9; 32]), amount: Coins::from_bcc(1), payload: Payload::None };
    Transaction { chain: scene.chain, sender, nonce, expiry: None, body }.sign(scene.signer)
}

/// More coins than it has, well signed.
fn unpayable(scene: &Scene<'_>) -> SignedTransaction {
    let sender = scene.signer.address();
    let account = scene.ledger.account(&sender);
    let amount = account.balance.checked_add(Coins::from_bcc(1)).unwrap_or(Coins::MAX);
    let body = Body::Send { to: Address([9; 32]), amount, payload: Payload::None };
    Transaction { chain: scene.chain, sender, nonce: account.next_nonce, expiry: None, body }.sign(scene.signer)
}
