//! A chain that another program made from SPEC alone (`golden/make_chain.py`): our execution must come to the same roots,
//! block by block.
//!
//! `golden/chain.txt` has the genesis, then each block with its certificate; `golden/chain-events.txt` says what happens
//! in it: stakes and releases, a queue for power, leaving and coming back, absences, jail, late precommits, liars barred and
//! burned, welcome grants over two days, announcements, version 2.

use blockchat_proto::block::Block;
use blockchat_proto::claim::{Found, Search, Tries};
use blockchat_proto::codec::decode;
use blockchat_proto::coins::Coins;
use blockchat_proto::genesis::Genesis;
use blockchat_proto::hash::Hash32;
use blockchat_proto::keys::Address;
use blockchat_proto::ledger::Ledger;
use blockchat_proto::limits::{CERTIFICATE_BYTES_MAX, GENESIS_BYTES_MAX};
use blockchat_proto::units::{Height, RulesVersion};
use blockchat_proto::vote::{Certificate, VerifySignatures};

const CHAIN: &str = include_str!("golden/chain.txt");
/// That program's own, after the last block.
const TIP: &str = "c6301f9e19009b2f293f3d6672db0eae246a6f70c2ae5a3a3895b9f316deb7af";
const STATE_ROOT: &str = "c895e223f882bb28dae5ce39ee5b589f538f7cadc606fc795460f963aa749421";

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
        ledger.advance(applied);
    }
    assert_eq!(ledger.tip().height, Height(255));
    assert_eq!((hex::encode(ledger.tip().hash.0), hex::encode(ledger.state_root().0)), (TIP.into(), STATE_ROOT.into()));
}

/// SPEC CLAIM-3, CLAIM-4: `golden/work.txt` is of the same program.
#[test]
fn work_computed_from_the_page_alone_is_worth_the_same_here() {
    let number = |text: &str| text.parse::<u64>().expect("a number");
    let hash = |text: &str| <[u8; 32]>::try_from(bytes(text)).expect("32 bytes");
    let lines = include_str!("golden/work.txt").lines().map(|line| line.split(' ').collect::<Vec<_>>());
    let mut kinds = [0, 0];
    for line in lines {
        match line[..] {
            ["work", chain, account, recent, work, x] => {
                let search = Search::new(Hash32(hash(chain)), Address(hash(account)), Hash32(hash(recent)));
                assert_eq!(search.attempt(number(work)), Found(number(x)), "{line:?}");
                kinds[0] += 1;
            }
            ["tries", grant, first, left, tries, most] => {
                let [grant, first, left] =
                    [grant, first, left].map(|text| Coins::from_micros(number(text)).expect("coins"));
                let found = Tries::for_grant(grant, first, left).expect("a grant");
                assert_eq!(found.count(), number(tries), "{line:?}");
                let most = number(most);
                assert!(found.are_met_by(Found(most)), "{line:?}");
                assert!(most == u64::MAX || !found.are_met_by(Found(most + 1)), "{line:?}");
                kinds[1] += 1;
            }
            _ => panic!("{line:?}"),
        }
    }
    assert_eq!(kinds, [5, 7]);
}
