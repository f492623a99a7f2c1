//! The chain as an outsider sees it: every block fetched over sync and applied by the rules.
//!
//! A good liar must know the truth: with the ledger at hand, a block can be made in which all is right but one thing.
//! Start reading at [`ChainCopy::next_block`].

use super::network::{Network, Running};
use super::stranger::Stranger;
use blockchat_node::clock::unix_millis;
use blockchat_proto::block::Block;
use blockchat_proto::keys::Address;
use blockchat_proto::leader::leader_for;
use blockchat_proto::ledger::{AppliedBlock, Draft, Ledger};
use blockchat_proto::sync::CertifiedBlock;
use blockchat_proto::transaction::{SignedTransaction, VerifiedTransaction};
use blockchat_proto::units::{Height, Round};
use blockchat_proto::vote::Certificate;

/// A ledger, and the certificate of its tip.
pub(super) struct ChainCopy {
    ledger: Ledger,
    commit: Option<Certificate>,
    /// The last block made here and what it does, if it were true.
    draft: Option<(Block, AppliedBlock)>,
}

impl ChainCopy {
    pub(super) fn new(network: &Network) -> Self {
        Self { ledger: Ledger::at_genesis(&network.genesis), commit: None, draft: None }
    }

    pub(super) fn height(&self) -> Height {
        self.ledger.tip().height
    }

    /// Fetches and applies what is new.
    #[track_caller]
    pub(super) fn follow(&mut self, stranger: &Stranger, node: &Running) {
        loop {
            let blocks = stranger.blocks(node, self.height().next());
            if blocks.is_empty() {
                return;
            }
            for CertifiedBlock { block, certificate } in blocks {
                let verified = block.verify(self.ledger.chain(), |_| None).expect("a node serves good blocks");
                let applied = self.ledger.apply_block(&verified).expect("that follow one another");
                certificate.check_structure(verified.height(), verified.hash(), self.ledger.validators()).unwrap();
                certificate.check_signatures(self.ledger.chain()).expect("and are final");
                self.ledger.advance(applied);
                self.commit = Some(certificate);
            }
        }
    }

    /// The leader of this round of the next height.
    pub(super) fn leader(&self, round: Round) -> Address {
        let tip = self.ledger.tip();
        leader_for(self.ledger.validators(), tip.hash, tip.height.next(), round)
    }

    /// A block that may follow, built for the member that is named as its leader.
    pub(super) fn next_block(&mut self, round: Round, leader: Address, payments: &[SignedTransaction]) -> Block {
        let verify = |signed: &SignedTransaction| signed.clone().verify(self.ledger.chain()).expect("well signed");
        let offered: Vec<VerifiedTransaction> = payments.iter().map(verify).collect();
        let (time, commit) = (unix_millis(), self.commit.clone());
        let built =
            self.ledger.build_block(Draft { round, leader, time, offered, evidence: vec![], commit, late: None });
        assert!(built.refused.is_empty(), "{:?}", built.refused);
        let block = Block::decode(built.block.bytes()).expect("our own bytes");
        self.draft = Some((block.clone(), built.applied));
        block
    }

    /// Goes on as if the block made last were final with this certificate.
    pub(super) fn pretend(&mut self, part: &CertifiedBlock) {
        let (block, applied) = self.draft.take().expect("a block was made");
        assert_eq!(block, part.block);
        self.ledger.advance(applied);
        self.commit = Some(part.certificate.clone());
    }
}
