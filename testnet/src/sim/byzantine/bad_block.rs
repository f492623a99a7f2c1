//! Proposes blocks that break a rule, with everything else in order.

use super::{Audience, Misbehaviour, Scene, Speech, own_block, propose};
use blockchat_proto::block::{Block, transactions_root};
use blockchat_proto::coins::Coins;
use blockchat_proto::gossip::ConsensusMessage;
use blockchat_proto::hash::Hash32;
use blockchat_proto::keys::Address;
use blockchat_proto::transaction::{Body, Payload, SignedTransaction, Transaction};

/// Every block another rule.
#[derive(Debug)]
pub(super) struct BadBlock;

impl Misbehaviour for BadBlock {
    fn speak(&mut self, scene: &mut Scene<'_>, message: ConsensusMessage) -> Speech {
        let Some((proposal, block)) = own_block(scene, &message) else {
            return vec![(Audience::All, message)];
        };
        let message = match scene.dice.below(6) {
            // Its body does not belong to its header.
            0 => ConsensusMessage::Proposal {
                proposal: proposal.sign(scene.chain, scene.signer),
                block: Some(Block { transactions: [block.transactions, vec![unpayable(scene)]].concat(), ..block }),
            },
            crime => propose(scene, proposal, broken(scene, block, crime)),
        };
        vec![(Audience::All, message)]
    }
}

fn broken(scene: &Scene<'_>, mut block: Block, crime: u64) -> Block {
    let header = &mut block.header;
    match crime {
        1 => header.state_root = Hash32([7; 32]),
        2 => header.time = scene.ledger.tip().time,
        3 => header.leader = Address([7; 32]),
        4 => header.next_validators_hash = Hash32([7; 32]),
        _ => {
            block.transactions.push(unpayable(scene));
            let ids: Vec<_> = block.transactions.iter().map(SignedTransaction::id).collect();
            block.header.transactions_root = transactions_root(&ids);
        }
    }
    block
}

/// More coins than it has, well signed.
fn unpayable(scene: &Scene<'_>) -> SignedTransaction {
    let sender = scene.signer.address();
    let account = scene.ledger.account(&sender);
    let amount = account.balance.checked_add(Coins::from_bcc(1)).unwrap_or(Coins::MAX);
    let body = Body::Send { to: Address([9; 32]), amount, payload: Payload::None };
    Transaction { chain: scene.chain, sender, nonce: account.next_nonce, expiry: None, body }.sign(scene.signer)
}
