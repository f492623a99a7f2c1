//! A block from the network: decoded, verified, offered to a ledger. SPEC BLOCK-3 to BLOCK-6.

#![no_main]

use blockchat_proto::block::Block;
use blockchat_proto::codec::encode;
use blockchat_proto::coins::Coins;
use blockchat_proto::genesis::{Genesis, GenesisAccount, Parameters};
use blockchat_proto::keys::Signer;
use blockchat_proto::ledger::Ledger;
use blockchat_proto::units::{RulesVersion, UnixMillis};
use libfuzzer_sys::fuzz_target;
use std::sync::LazyLock;

static LEDGER: LazyLock<Ledger> = LazyLock::new(|| {
    let bcc = Coins::from_bcc;
    let funded = |person: u8| GenesisAccount {
        address: Signer::from_seed(&[person; 32]).address(),
        balance: bcc(100),
        stake: bcc(10), name: None,
};
    let mut accounts: Vec<_> = (1..=4).map(funded).collect();
    accounts.sort_by_key(|account| account.address);
    let (name, time, parameters) = ("fuzz".into(), UnixMillis(1_000), Parameters::default());
    let genesis = Genesis { name, time, parameters, treasury: bcc(1_000), accounts, version: RulesVersion::FIRST };
    Ledger::at_genesis(&genesis.verify().expect("a good genesis"))
});

fuzz_target!(|bytes: &[u8]| {
    let Ok(block) = Block::decode(bytes) else {
        return;
    };
    assert_eq!(encode(&block), bytes);
    // The chain it names, so that the checks behind that one are reached too.
    for chain in [LEDGER.chain(), block.header.chain] {
        let Ok(verified) = block.clone().verify(chain, |_| None) else {
            continue;
        };
        assert_eq!(verified.bytes(), bytes);
        assert_eq!(verified.hash(), block.header.hash());
        if let Ok(applied) = LEDGER.apply_block(&verified) {
            assert_eq!(applied.state_root(), block.header.state_root);
            assert_eq!((applied.tip().height.0, verified.commit()), (1, None));
        }
    }
});
