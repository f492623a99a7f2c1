//! A block counts when its leader was drawn, signed it, promised the truth, and more than two thirds say so.
//!
//! The predecessors took unsigned blocks from any sender, compared a hash with itself, and adopted whatever chain was
//! longer. Here the test holds the key of one validator of four, so that it can lie as an insider, too; the other three
//! are real.

use super::copy::ChainCopy;
use super::network::{Network, nobody};
use super::stranger::Stranger;
use super::wire::frame;
use crate::support::wait_for;
use blockchat_proto::block::Block;
use blockchat_proto::codec;
use blockchat_proto::coins::Coins;
use blockchat_proto::gossip::ConsensusMessage;
use blockchat_proto::hash::Hash32;
use blockchat_proto::keys::{Address, Signature, Signer};
use blockchat_proto::sync::{CertifiedBlock, SyncRequest, SyncResponse};
use blockchat_proto::units::{Height, Round};
use blockchat_proto::vote::{Certificate, CommitSignature, Proposal, Vote, VoteKind};

const BOB: Address = Address([2; 32]);
const THIEF: Address = Address([3; 32]);
/// Blocks come with transactions only: whose turn it is can be looked up in peace.
const QUIET: [&str; 4] = ["--idle-block-interval", "3600000", "--block-interval", "20"];

/// Three validators run; the fourth key is the test's.
struct Stage {
    network: Network,
    copy: ChainCopy,
    insider: Signer,
    voice: Stranger,
    lies: Vec<Hash32>,
    nonce: u64,
}

impl Stage {
    fn new() -> Self {
        let mut network = Network::new(4, &QUIET);
        (0..3).for_each(|index| drop(network.start(index).status()));
        let voice = Stranger::new(&network);
        network.nodes().for_each(|node| voice.meet(node));
        let (copy, insider) = (ChainCopy::new(&network), network.validator(3));
        Self { network, copy, insider, voice, lies: vec![], nonce: 0 }
    }

    /// One payment, one or more heights further; the copy follows.
    fn move_on(&mut self) {
        let signed = self.network.send(&self.network.wallet(0), self.nonce, BOB, 1, "");
        self.nonce += 1;
        self.network.node(0).submit_and_wait(&signed);
        self.network.wait_until_agreed();
        self.copy.follow(&self.voice, self.network.node(0));
    }

    /// Moves on until the insider leads the first round of the next height.
    fn wait_for_turn(&mut self) {
        while self.copy.leader(Round(0)) != self.insider.address() {
            self.move_on();
        }
    }

    /// Moves on until another member leads; returns that member.
    fn wait_for_others_turn(&mut self) -> Address {
        while self.copy.leader(Round(0)) == self.insider.address() {
            self.move_on();
        }
        self.copy.leader(Round(0))
    }

    /// Proposes a lie under this key, for the first round of the next height.
    fn propose(&mut self, block: Block, signer: &Signer) {
        let message = proposal(&self.network, &block, signer.address(), |proposal| {
            signer.sign(proposal.sign_hash(self.network.chain()))
        });
        self.lies.push(block.header.hash());
        self.voice.say(message);
    }

    /// None of the lies is in any chain.
    #[track_caller]
    fn nobody_believed(&self) {
        let tip = self.network.wait_until_agreed();
        for node in self.network.nodes() {
            for height in 1..=tip.0 {
                let block = node.block(Height(height));
                assert!(!self.lies.contains(&block.hash), "a lie is final at height {height}");
            }
            assert_eq!(node.account(THIEF).balance, Coins::ZERO);
        }
    }
}

fn proposal(
    network: &Network,
    block: &Block,
    leader: Address,
    sign: impl FnOnce(&Proposal) -> Signature,
) -> ConsensusMessage {
    let Block { header, .. } = block;
    let proposal =
        Proposal { height: header.height, round: header.round, block: header.hash(), lock_round: None, leader };
    assert_eq!(header.chain, network.chain());
    let signature = sign(&proposal);
    ConsensusMessage::Proposal {
        proposal: blockchat_proto::vote::SignedProposal { proposal, signature },
        block: Some(block.clone()),
    }
}

#[test]
pub(super) fn blocks_of_outsiders_and_out_of_turn_are_not_voted_for() {
    let mut stage = Stage::new();
    stage.move_on();
    let leader = stage.wait_for_others_turn();
    let foreigner = nobody(99);
    // Everything in it is right, but for its author.
    let foreign = stage.copy.next_block(Round(0), foreigner.address(), &[]);
    stage.propose(foreign, &foreigner);
    // A validator, but not the one that was drawn: in its own name, and in that of the one that was.
    let insider = stage.insider.clone();
    let own_name = stage.copy.next_block(Round(0), insider.address(), &[]);
    stage.propose(own_name, &insider);
    let thiefs = stage.network.send(&stage.network.wallet(1), 0, BOB, 77, "");
    let its_name = stage.copy.next_block(Round(0), leader, &[thiefs]);
    stage.propose(its_name, &insider);
    stage.move_on();
    stage.move_on();
    stage.nobody_believed();
}

#[test]
pub(super) fn an_unsigned_block_is_refused_and_its_bearer_parted_from() {
    let mut stage = Stage::new();
    stage.move_on();
    let leader = stage.wait_for_others_turn();
    let unsigned = stage.copy.next_block(Round(0), leader, &[]);
    let someone_elses = nobody(99);
    let signatures: [fn(&Signer, Hash32) -> Signature; 2] =
        [|_, _| Signature([0; 64]), |signer, hash| signer.sign(hash)];
    for sign in signatures {
        let bearer = Stranger::meeting(&stage.network, stage.network.node(1));
        let chain = stage.network.chain();
        let message = proposal(&stage.network, &unsigned, leader, |it| sign(&someone_elses, it.sign_hash(chain)));
        stage.lies.push(unsigned.header.hash());
        bearer.insist(|bearer| bearer.say(message.clone()));
    }
    stage.move_on();
    stage.nobody_believed();
}

/// The check of a block's hash compared the hash with itself: a block could hold anything.
#[test]
pub(super) fn a_block_under_another_hash_is_refused_and_its_bearer_parted_from() {
    let mut stage = Stage::new();
    stage.move_on();
    let insider = stage.insider.clone();
    let payment = stage.network.send(&stage.network.wallet(1), 0, BOB, 1, "");
    // Out of its turn no node would look at its block.
    stage.wait_for_turn();
    let promised = stage.copy.next_block(Round(0), insider.address(), &[]);
    let mut other_header = promised.clone();
    other_header.header.time = other_header.header.time.plus(1);
    let mut other_contents = promised.clone();
    other_contents.transactions.push(payment);
    for other in [other_header, other_contents] {
        let bearer = Stranger::meeting(&stage.network, stage.network.node(1));
        let chain = stage.network.chain();
        let message = proposal(&stage.network, &promised, insider.address(), |it| insider.sign(it.sign_hash(chain)));
        let ConsensusMessage::Proposal { proposal, .. } = message else { unreachable!("it is one") };
        let message = ConsensusMessage::Proposal { proposal, block: Some(other) };
        stage.lies.push(promised.header.hash());
        bearer.insist(|bearer| bearer.say(message.clone()));
    }
    stage.move_on();
    stage.nobody_believed();
}

/// The drawn leader itself cannot make others vote for what is not so; and for what is so, they vote.
#[test]
pub(super) fn a_leader_with_a_false_root_is_voted_down_and_one_that_tells_the_truth_is_believed() {
    let mut stage = Stage::new();
    stage.move_on();
    let insider = stage.insider.clone();
    let lies: [fn(&mut Block); 3] = [
        |block| block.header.state_root = Hash32([0xbb; 32]),
        |block| block.header.parent = Hash32([0xaa; 32]),
        // Money for the thief, in the name of an account that never signed it.
        |block| {
            if let Some(signed) = block.transactions.first_mut()
                && let blockchat_proto::transaction::Body::Send { to, .. } = &mut signed.transaction.body
            {
                *to = THIEF;
            }
            let ids: Vec<_> = block.transactions.iter().map(|signed| signed.id()).collect();
            block.header.transactions_root = blockchat_proto::block::transactions_root(&ids);
        },
    ];
    for lie in lies {
        stage.wait_for_turn();
        let payment = stage.network.send(&stage.network.wallet(1), 0, BOB, 1, "");
        let mut block = stage.copy.next_block(Round(0), insider.address(), &[payment]);
        lie(&mut block);
        stage.propose(block, &insider);
        stage.move_on();
    }
    stage.nobody_believed();

    stage.wait_for_turn();
    let payment = stage.network.send(&stage.network.wallet(1), 0, BOB, 1_000_000, "");
    let truth = stage.copy.next_block(Round(0), insider.address(), std::slice::from_ref(&payment));
    let (height, hash) = (truth.header.height, truth.header.hash());
    stage.propose(truth, &insider);
    for node in stage.network.nodes() {
        let block = node.wait_for_block(height);
        assert_eq!((block.hash, block.leader), (hash, insider.address()));
        node.wait_until_final(payment.id());
    }
}

/// A liar's certificate: the signers.
type Signed = fn(&Vote, Hash32, Address) -> Vec<CommitSignature>;

#[test]
pub(super) fn a_longer_chain_without_certificates_is_not_adopted() {
    let mut network = Network::new(1, &QUIET);
    network.start(0);
    network.node(0).submit_and_wait(&network.send(&network.wallet(0), 0, BOB, 1, ""));
    let node = network.node(0);
    let certificates: [Signed; 4] = [
        |_, _, _| vec![],
        |_, _, validator| vec![CommitSignature { validator, signature: Signature([7; 64]) }],
        |vote, chain, _| {
            let stranger = nobody(99);
            let vote = Vote { validator: stranger.address(), ..*vote };
            let signature = stranger.sign(vote.sign_hash(chain));
            vec![CommitSignature { validator: vote.validator, signature }]
        },
        |vote, chain, validator| vec![CommitSignature { validator, signature: nobody(99).sign(vote.sign_hash(chain)) }],
    ];
    for signed in certificates {
        let mut copy = ChainCopy::new(&network);
        copy.follow(&Stranger::meeting(&network, node), node);
        let tip = copy.height();
        let chain = made_up(&network, copy, signed);
        let lies: Vec<_> = chain.iter().map(|part| part.block.header.hash()).collect();
        let answers = Box::new(move |question| match question {
            SyncRequest::Blocks { from, .. } => {
                let wanted = chain.iter().filter(|part| part.block.header.height >= from).cloned().collect();
                Some(frame(&codec::encode(&SyncResponse::Blocks(wanted))))
            }
            SyncRequest::Body { .. } | SyncRequest::Headers { .. } | SyncRequest::Members { .. } => None,
        });
        let liar = Stranger::claiming(&network, Height(tip.0 + 3), answers);
        let _company = Stranger::company(&network, node);
        liar.meet(node);
        wait_for("the node asks for the longer chain", || (!liar.questions().is_empty()).then_some(()));
        liar.wait_until_parted();
        assert_eq!(node.status().height, tip, "no block of it was adopted");
        let nonce = node.account(network.wallet(0).address()).next_nonce;
        let height = node.submit_and_wait(&network.send(&network.wallet(0), nonce, BOB, 1, ""));
        assert!(!lies.contains(&node.block(height).hash));
        assert_eq!(height, tip.next(), "the chain goes on from where it was");
    }
}

/// Three blocks after the tip in which all is right, but for the certificates.
fn made_up(network: &Network, mut copy: ChainCopy, signed: Signed) -> Vec<CertifiedBlock> {
    let next = |_| {
        let leader = copy.leader(Round(0));
        let block = copy.next_block(Round(0), leader, &[]);
        let (height, round, hash) = (block.header.height, Round(0), block.header.hash());
        let vote = Vote { kind: VoteKind::Precommit, height, round, value: Some(hash), validator: leader };
        let signatures = signed(&vote, network.chain(), leader);
        let certificate = Certificate { height, round, block: hash, signatures };
        let part = CertifiedBlock { block, certificate };
        copy.pretend(&part);
        part
    };
    (0..3).map(next).collect()
}
