//! A chain that another program made from SPEC alone: our execution must come to the same roots, block by block.
//!
//! `golden/chain.txt` has the genesis, then each block with its certificate; `golden/chain-events.txt` says what happens
//! in it: stakes and releases, a queue for power, leaving and coming back, absences, jail, late precommits, liars barred and
//! burned, announcements, version 2.

use blockchat_proto::block::Block;
use blockchat_proto::codec::decode;
use blockchat_proto::genesis::Genesis;
use blockchat_proto::ledger::Ledger;
use blockchat_proto::limits::{CERTIFICATE_BYTES_MAX, GENESIS_BYTES_MAX};
use blockchat_proto::units::{Height, RulesVersion};
use blockchat_proto::vote::{Certificate, VerifySignatures};

const CHAIN: &str = include_str!("golden/chain.txt");
/// That program's own, after the last block.
const TIP: &str = "82454374c69fcaf63d75647b5c53c1206e714c3694058909ce6462ecd19c06ee";
const STATE_ROOT: &str = "0edf6022a57197aa9e4b4c6bf3d186720f8e2ccc799b96a7b8ff17b622bc13c4";

fn bytes(text: &str) -> Vec<u8> {
    hex::decode(text).expect("hex")
}

/// SPEC BLOCK-6, ORDER-1, VOTE-4, VER-4.
#[test]
fn a_chain_made_from_the_page_alone_is_final_here_too_block_by_block() {
    let mut lines = CHAIN.lines();
    let genesis = lines.next().and_then(|line| line.strip_prefix("genesis ")).expect("the first line");
    let genesis = decode::<Genesis>(&bytes(genesis), GENESIS_BYTES_MAX).expect("canonical").verify().expect("sound");
    let chain = genesis.hash();
    let mut ledger = Ledger::at_genesis(&genesis).knowing(RulesVersion(2));
    for line in lines {
        let (block, certificate) = line.strip_prefix("block ").and_then(|both| both.split_once(' ')).expect("two");
        let height = ledger.tip().height.next();
        let block = Block::decode(&bytes(block)).expect("canonical").verify(chain, |_| None).expect("signed");
        let certificate = decode::<Certificate>(&bytes(certificate), CERTIFICATE_BYTES_MAX).expect("canonical");
        let certificate = certificate.verify(chain).expect("signed");
        let final_here = certificate.get().check_structure(height, block.hash(), ledger.validators());
        assert_eq!(final_here, Ok(()), "certificate of {height}");
        let applied = ledger.apply_block(&block).unwrap_or_else(|refused| panic!("block {height}: {refused}"));
        ledger.commit(applied);
    }
    assert_eq!(ledger.tip().height, Height(255));
    assert_eq!((hex::encode(ledger.tip().hash.0), hex::encode(ledger.state_root().0)), (TIP.into(), STATE_ROOT.into()));
}
