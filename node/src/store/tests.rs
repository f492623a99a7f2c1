//! Real blocks in, out, and damaged on the way.

use super::history::{Direction, Filter, History, Position, Row, RowKind, TransactionRow};
use super::*;
use blockchat_engine::effect::FinalBlock;
use blockchat_proto::codec;
use blockchat_proto::coins::Coins;
use blockchat_proto::genesis::{Genesis, GenesisAccount, Parameters, VerifiedGenesis};
use blockchat_proto::hash::Hash32;
use blockchat_proto::keys::{Address, Signer};
use blockchat_proto::ledger::{Draft, Ledger, LedgerAct, fee_for};
use blockchat_proto::transaction::{Body, Payload, Transaction, VerifiedTransaction};
use blockchat_proto::units::{Height, Round, RulesVersion, UnixMillis};
use blockchat_proto::validators::ValidatorSet;
use blockchat_proto::vote::{Certificate, CommitSignature, Vote, VoteKind};
use std::fs;
use std::path::Path;
use tempfile::TempDir;

fn validator() -> Signer {
    Signer::from_seed(&[1; 32])
}

fn user() -> Signer {
    Signer::from_seed(&[2; 32])
}

const FRIEND: Address = Address([9; 32]);

fn genesis(name: &str) -> VerifiedGenesis {
    let funded = |signer: Signer, stake| GenesisAccount {
        address: signer.address(),
        balance: Coins::from_bcc(100_000),
        stake: Coins::from_bcc(stake),
        name: None,
    };
    let mut accounts = vec![funded(validator(), 10), funded(user(), 0), funded(Signer::from_seed(&[3; 32]), 0)];
    accounts.sort_by_key(|account| account.address);
    let genesis = Genesis {
        name: name.into(),
        time: UnixMillis(1_000),
        parameters: Parameters::default(),
        treasury: Coins::from_bcc(50),
        accounts,
        version: RulesVersion::FIRST,
    };
    genesis.verify().unwrap()
}

/// A chain of one validator that grows.
struct Chain {
    ledger: Ledger,
    certificate: Option<Certificate>,
}

impl Chain {
    fn new(genesis: &VerifiedGenesis) -> Self {
        Self { ledger: Ledger::at_genesis(genesis), certificate: None }
    }

    /// Three transactions: coins, a message, a message to oneself.
    fn transactions(&self) -> Vec<VerifiedTransaction> {
        let chain = self.ledger.chain();
        let sender = user().address();
        let nonce = self.ledger.account(&sender).next_nonce;
        let text = || Payload::Plain("hello".into());
        let coins = Coins::from_bcc(1);
        let sends = [(FRIEND, coins, Payload::None), (FRIEND, coins, text()), (sender, Coins::ZERO, text())];
        let sign = |(nonce, (to, amount, payload))| {
            let body = Body::Send { to, amount, payload };
            Transaction { chain, sender, nonce, expiry: None, body }.sign(&user()).verify(chain).unwrap()
        };
        (nonce..).zip(sends).map(sign).collect()
    }

    fn next(&mut self) -> FinalBlock {
        let draft = Draft {
            round: Round(0),
            leader: validator().address(),
            time: self.ledger.tip().time.plus(250),
            offered: self.transactions(),
            evidence: vec![],
            commit: self.certificate.clone(),
            late: None,
        };
        let built = self.ledger.build_block(draft);
        assert_eq!(built.block.transactions().len(), 3, "{:?}", built.refused);
        let (height, block) = (built.block.height(), built.block.hash());
        let validator = validator();
        let vote = Vote {
            kind: VoteKind::Precommit,
            height,
            round: Round(0),
            value: Some(block),
            validator: validator.address(),
        };
        let signature = vote.sign(self.ledger.chain(), &validator).signature;
        let signatures = vec![CommitSignature { validator: validator.address(), signature }];
        let certificate = Certificate { height, round: Round(0), block, signatures };
        self.ledger.advance(built.applied.clone());
        self.certificate = Some(certificate.clone());
        FinalBlock { block: built.block, certificate, applied: built.applied }
    }
}

/// A store with so many blocks.
fn stored(count: u64) -> (TempDir, VerifiedGenesis, Chain, Vec<FinalBlock>) {
    let folder = TempDir::new().unwrap();
    let genesis = genesis("test");
    let mut chain = Chain::new(&genesis);
    let mut opened = open(folder.path(), &genesis).unwrap();
    let blocks: Vec<_> = (0..count).map(|_| chain.next()).collect();
    blocks.iter().for_each(|block| opened.disk.store(std::slice::from_ref(block)).unwrap());
    (folder, genesis, chain, blocks)
}

#[test]
fn a_new_store_is_at_genesis() {
    let (folder, genesis, chain, _) = stored(0);
    let opened = open(folder.path(), &genesis).unwrap();
    assert_eq!(opened.ledger.state_root(), chain.ledger.state_root());
    assert_eq!(opened.tip_certificate, None);
    assert_eq!(opened.history.tip_height().unwrap(), Height(0));
    assert_eq!(opened.history.earliest().unwrap(), Height(1));
    assert_eq!(opened.history.block_at(Height(1)).unwrap(), None);
    assert!(opened.history.range(Height(1), 10, 1_000_000).unwrap().is_empty());
}

#[test]
fn what_was_stored_is_there_after_a_restart() {
    let (folder, genesis, chain, blocks) = stored(5);
    let opened = open(folder.path(), &genesis).unwrap();
    assert_eq!(opened.ledger.snapshot(), chain.ledger.snapshot());
    assert_eq!(opened.ledger.validators(), chain.ledger.validators());
    assert_eq!(opened.tip_certificate, chain.certificate);
    assert_eq!(opened.history.tip_height().unwrap(), Height(5));
    assert_eq!(opened.history.earliest().unwrap(), Height(1));
    for final_block in &blocks {
        let stored = opened.history.block_at(final_block.block.height()).unwrap().unwrap();
        assert_eq!((stored.hash, stored.bytes), (final_block.block.hash(), final_block.block.bytes().len()));
        assert_eq!(stored.certificate, final_block.certificate);
        assert_eq!(opened.history.block_by_hash(stored.hash).unwrap(), Some(stored.clone()));
        assert_eq!(stored.block.verify(genesis.hash(), |_| None).unwrap(), final_block.block);
        for (index, transaction) in (0..).zip(final_block.block.transactions()) {
            let found = opened.history.transaction(transaction.id()).unwrap();
            assert_eq!(found, Some((final_block.block.height(), index)));
        }
    }
}

#[test]
fn the_chain_goes_on_after_a_restart() {
    let (folder, genesis, mut chain, _) = stored(2);
    let mut opened = open(folder.path(), &genesis).unwrap();
    let next = chain.next();
    assert_eq!(opened.ledger.apply_block(&next.block).unwrap().state_root(), chain.ledger.state_root());
    opened.disk.store(std::slice::from_ref(&next)).unwrap();
    let gap = [chain.next(), chain.next()];
    assert!(matches!(opened.disk.store(&gap[1..]), Err(StoreError::NotNext { tip: 3, found: 5, .. })));
    assert!(matches!(
        opened.disk.store(std::slice::from_ref(&next)),
        Err(StoreError::NotNext { tip: 3, found: 3, .. })
    ));
    assert!(matches!(opened.disk.store(&[gap[0].clone(), next]), Err(StoreError::NotNext { tip: 4, found: 3, .. })));
    assert_eq!(opened.history.tip_height().unwrap(), Height(3), "nothing of a refused write is there");
    opened.disk.store(&gap).unwrap();
}

/// The places of everything in these blocks, as a reader finds them.
fn found(history: &History, blocks: &[FinalBlock]) -> Vec<(Height, u32)> {
    let ids = blocks.iter().flat_map(|final_block| final_block.block.transactions()).map(VerifiedTransaction::id);
    ids.map(|id| history.transaction(id).unwrap().unwrap()).collect()
}

#[test]
fn the_indexes_answer_the_same_whatever_waits_and_after_a_restart_at_any_height() {
    let (folder, genesis, mut chain, mut blocks) = stored(0);
    let mut opened = open(folder.path(), &genesis).unwrap();
    for write in 1..=40 {
        // One block most often; a few, or more than the index has slices, when it caught up.
        let together = [1, 1, 2, 1, 7, 1, 40, 3][write % 8];
        let next: Vec<_> = (0..together).map(|_| chain.next()).collect();
        opened.disk.store(&next).unwrap();
        blocks.extend(next);
        let height = u64::try_from(blocks.len()).unwrap();
        if write % 3 == 0 {
            drop(opened);
            opened = open(folder.path(), &genesis).unwrap();
        }
        let places: Vec<_> = (1..=height).flat_map(|height| (0..3).map(move |index| (Height(height), index))).collect();
        assert_eq!(found(&opened.history, &blocks), places);
        let signed = touched(&opened.history, user().address(), Filter::default(), 7);
        assert_eq!(signed.into_iter().rev().collect::<Vec<_>>(), places);
        let messages = touched(&opened.history, user().address(), Filter::default().only([RowKind::Message]), 1_000);
        let expected = places.into_iter().rev().filter(|(_, index)| *index > 0);
        assert_eq!(messages, expected.collect::<Vec<_>>());
        let earned = touched(&opened.history, validator().address(), Filter::default(), 13);
        assert_eq!(earned, (1..=height).rev().map(|height| (Height(height), 3)).collect::<Vec<_>>());
    }
    let range = Filter { from: Height(20), to: Height(59), ..Filter::default() }.only([RowKind::Message]);
    let expected: Vec<_> = (20..60).rev().map(|height| (Height(height), 1)).collect();
    assert_eq!(touched(&opened.history, FRIEND, range, 11), expected);
}

/// All places where an account is concerned, asked for in parts of this length.
fn touched(history: &History, account: Address, filter: Filter, limit: usize) -> Vec<Position> {
    let (mut found, mut before) = (vec![], None);
    loop {
        let part = history.account(account, filter, before, limit).unwrap();
        assert!(part.items.len() <= limit);
        found.extend(part.items.iter().map(|row| row.position));
        before = part.next;
        if before.is_none() {
            return found;
        }
    }
}

#[test]
fn a_range_stops_at_count_bytes_and_tip_but_holds_one_block() {
    let (folder, genesis, _, blocks) = stored(5);
    let history = open(folder.path(), &genesis).unwrap().history;
    let heights = |from, count, bytes| -> Vec<u64> {
        let range = history.range(Height(from), count, bytes).unwrap();
        range.iter().map(|item| item.block.header.height.0).collect()
    };
    let size = blocks[1].block.bytes().len();
    assert_eq!(heights(2, 2, 1_000_000), [2, 3]);
    assert_eq!(heights(4, 256, 1_000_000), [4, 5]);
    assert_eq!(heights(2, 256, size * 5 / 2), [2, 3]);
    assert_eq!(heights(2, 256, 1), [2]);
    assert!(heights(6, 256, 1).is_empty());
}

/// SPEC SYNC-4.
#[test]
fn headers_stop_where_blocks_do_and_name_sets_that_are_there() {
    let (folder, genesis, _, blocks) = stored(5);
    let history = open(folder.path(), &genesis).unwrap().history;
    let heights = |from, count, bytes| -> Vec<u64> {
        let headers = history.headers(Height(from), count, bytes).unwrap();
        headers.iter().map(|item| item.header.height.0).collect()
    };
    let all = history.headers(Height(1), 256, 1_000_000).unwrap();
    for (found, stored) in all.iter().zip(&blocks) {
        assert_eq!((&found.header, found.certificate.block), (stored.block.header(), stored.block.hash()));
        assert_eq!(history.header_at(found.header.height).unwrap().as_ref(), Some(found));
        let members = history.members(found.header.validators_hash).unwrap().expect("it decided a final block");
        assert_eq!(ValidatorSet::of_members(&members).unwrap().hash(), found.header.validators_hash);
    }
    assert_eq!(all.len(), 5);
    let size = codec::encode(&all[1]).len();
    assert_eq!(heights(2, 2, 1_000_000), [2, 3]);
    assert_eq!(heights(2, 256, size * 5 / 2), [2, 3]);
    assert_eq!(heights(2, 256, 1), [2]);
    for (from, count) in [(0, 256), (6, 256), (u64::MAX, u32::MAX), (1, 0)] {
        assert_eq!(heights(from, count, 1_000_000), [0_u64; 0], "{count} from {from}");
    }
    assert_eq!(history.members(Hash32::ZERO).unwrap(), None);
}

#[test]
fn a_row_says_what_its_transaction_says_and_what_the_ledger_did() {
    let (folder, genesis, _, blocks) = stored(2);
    let history = open(folder.path(), &genesis).unwrap().history;
    let rows = history.account(user().address(), Filter::default(), None, 100).unwrap().items;
    let signed: Vec<_> = blocks.iter().rev().flat_map(|one| one.block.transactions().iter().rev()).collect();
    assert_eq!(rows.len(), signed.len());
    for (row, verified) in rows.iter().zip(signed) {
        let transaction = verified.transaction();
        let fee = fee_for(&transaction.body, &genesis.genesis().parameters).unwrap();
        let (id, sender, nonce, body) = (verified.id(), user().address(), transaction.nonce, transaction.body.clone());
        assert_eq!(row.row, Row::Transaction(TransactionRow { id, sender, nonce, fee, grant: Coins::ZERO, body }));
        let block = &blocks[usize::try_from(row.position.0.0).unwrap() - 1].block;
        assert_eq!(row.time, block.header().time);
    }
    let directions: Vec<_> = rows.iter().map(|row| row.direction).collect();
    assert_eq!(directions[..3], [Direction::Own, Direction::Out, Direction::Out]);
    let came = history.account(FRIEND, Filter::default(), None, 100).unwrap().items;
    assert!(came.len() == 4 && came.iter().all(|row| row.direction == Direction::In));
    let earned = history.account(validator().address(), Filter::default(), None, 1).unwrap();
    let (account, amount) = (validator().address(), blocks[1].applied.fees());
    assert_eq!(earned.items[0].row, Row::Ledger(LedgerAct::Paid { account, amount }));
    assert_eq!(earned.next, Some((Height(2), 3)));
    assert!(touched(&history, Address([8; 32]), Filter::default(), 5).is_empty());
}

#[test]
fn blocks_are_listed_newest_first_part_by_part() {
    let (folder, genesis, _, blocks) = stored(5);
    let history = open(folder.path(), &genesis).unwrap().history;
    let heights = |from, to, limit| {
        let part = history.block_rows(Height(from), Height(to), limit).unwrap();
        (part.items.iter().map(|row| row.height.0).collect::<Vec<_>>(), part.next.map(|next| next.0))
    };
    assert_eq!(heights(0, u64::MAX, 2), (vec![5, 4], Some(4)));
    assert_eq!(heights(0, 3, 3), (vec![3, 2, 1], None));
    assert_eq!(heights(2, 3, 10), (vec![3, 2], None));
    assert_eq!(heights(6, 9, 10), (vec![], None));
    assert_eq!(heights(3, 2, 10), (vec![], None));
    let row = &history.block_rows(Height(3), Height(3), 1).unwrap().items[0];
    let block = &blocks[2].block;
    assert_eq!((row.hash, row.transactions, row.fees), (block.hash(), 3, blocks[2].applied.fees()));
    assert_eq!(usize::try_from(row.bytes).unwrap(), block.bytes().len());
}

/// Changes the tables of a store that is not in use.
fn tamper(folder: &Path, work: impl FnOnce(&redb::WriteTransaction)) {
    let database = redb::Database::open(folder.join("store.redb")).unwrap();
    let transaction = database.begin_write().unwrap();
    work(&transaction);
    transaction.commit().unwrap();
}

#[test]
fn indexes_that_are_missing_half_made_or_of_another_format_are_made_anew() {
    let (folder, genesis, mut chain, mut blocks) = stored(50);
    let format = record::seal(&0u32.to_be_bytes());
    let faults: [&dyn Fn(&redb::WriteTransaction); 4] = [
        &|transaction| assert!(transaction.delete_table(tables::TOUCHES).unwrap()),
        &|transaction| assert!(transaction.delete_table(tables::TRANSACTIONS).unwrap()),
        &|transaction| {
            let mut meta = transaction.open_table(tables::META).unwrap();
            meta.insert(tables::META_INDEX, format.as_slice()).unwrap();
        },
        // Killed while they were made anew: some entries are there, the mark is not.
        &|transaction| {
            transaction.open_table(tables::META).unwrap().remove(tables::META_INDEX).unwrap();
            let mut touches = transaction.open_table(tables::TOUCHES).unwrap();
            touches.retain(|(_, height, _), _| height < 20).unwrap();
        },
    ];
    for fault in faults {
        tamper(folder.path(), fault);
        let mut opened = open(folder.path(), &genesis).unwrap();
        let next = [chain.next()];
        opened.disk.store(&next).unwrap();
        blocks.extend(next);
        for again in 0..2 {
            let height = u64::try_from(blocks.len()).unwrap();
            let places: Vec<_> =
                (1..=height).flat_map(|height| (0..3).map(move |index| (Height(height), index))).collect();
            assert_eq!(found(&opened.history, &blocks), places, "opened {again}");
            let signed = touched(&opened.history, user().address(), Filter::default(), 100);
            assert_eq!(signed.into_iter().rev().collect::<Vec<_>>(), places, "opened {again}");
            drop(opened);
            opened = open(folder.path(), &genesis).unwrap();
        }
    }
}

#[test]
fn a_store_of_an_older_format_is_refused_with_what_to_do() {
    let (folder, genesis, _, _) = stored(1);
    let older = record::seal(&1u32.to_be_bytes());
    tamper(folder.path(), |transaction| {
        let mut meta = transaction.open_table(tables::META).unwrap();
        meta.insert(tables::META_SCHEMA, older.as_slice()).unwrap();
    });
    let refused = open(folder.path(), &genesis).unwrap_err();
    assert!(matches!(refused, StoreError::SchemaTooOld { found: 1, known: 4, .. }), "{refused}");
    assert!(refused.next_step().contains("blocks come from peers"));
}

#[test]
fn a_second_node_on_the_same_home_is_refused() {
    let (folder, genesis, _, _) = stored(1);
    let _running = open(folder.path(), &genesis).unwrap();
    assert!(matches!(open(folder.path(), &genesis), Err(StoreError::InUse { .. })));
}

#[test]
fn another_genesis_is_refused() {
    let (folder, _, _, _) = stored(1);
    let refused = open(folder.path(), &genesis("other")).unwrap_err();
    assert!(matches!(refused, StoreError::OtherChain { .. }), "{refused}");
}

#[test]
fn a_newer_format_is_refused() {
    let (folder, genesis, _, _) = stored(1);
    let newer = record::seal(&99u32.to_be_bytes());
    tamper(folder.path(), |transaction| {
        let mut meta = transaction.open_table(tables::META).unwrap();
        meta.insert(tables::META_SCHEMA, newer.as_slice()).unwrap();
    });
    let refused = open(folder.path(), &genesis).unwrap_err();
    assert!(matches!(refused, StoreError::SchemaTooNew { found: 99, known: 4, .. }), "{refused}");
}

#[test]
fn a_folder_that_cannot_be_written_is_named() {
    let folder = TempDir::new().unwrap();
    let file = folder.path().join("file");
    fs::write(&file, b"").unwrap();
    let refused = open(&file.join("data"), &genesis("test")).unwrap_err();
    assert!(refused.to_string().contains("file/data"), "{refused}");
}

/// Everything a reader can learn, or the error.
struct Seen {
    /// State, tip and blocks: complete, or it is an error.
    chain: Vec<String>,
    /// Reads the indexes: a hit page may hide entries, but never shows wrong ones.
    indexes: Vec<String>,
}

fn everything(folder: &Path, genesis: &VerifiedGenesis, blocks: &[FinalBlock]) -> Result<Seen, StoreError> {
    let Opened { ledger, tip_certificate, history, .. } = open(folder, genesis)?;
    let mut chain = vec![format!("{:?} {tip_certificate:?}", ledger.snapshot())];
    chain.push(format!("{:?} {:?}", history.tip_height()?, history.earliest()?));
    let mut indexes = Vec::new();
    let rows = history.block_rows(Height(0), Height(u64::MAX), 1_000)?.items;
    indexes.extend(rows.into_iter().map(|row| format!("{row:?}")));
    for final_block in blocks {
        chain.push(format!("{:?}", history.block_at(final_block.block.height())?));
        indexes.extend(history.block_by_hash(final_block.block.hash())?.map(|found| format!("{found:?}")));
        for id in final_block.block.transactions().iter().map(VerifiedTransaction::id) {
            indexes.extend(history.transaction(id)?.map(|position| format!("{id} {position:?}")));
        }
    }
    for account in [FRIEND, user().address(), validator().address()] {
        let rows = history.account(account, Filter::default(), None, 1_000)?.items;
        indexes.extend(rows.into_iter().map(|row| format!("{account} {row:?}")));
    }
    Ok(Seen { chain, indexes })
}

#[test]
fn a_flipped_byte_is_found_and_never_served() {
    let (folder, genesis, _, blocks) = stored(34);
    let file = folder.path().join("store.redb");
    let whole = fs::read(&file).unwrap();
    let expected = everything(folder.path(), &genesis, &blocks).unwrap();
    let used = whole.len() - whole.iter().rev().take_while(|byte| **byte == 0).count();
    let mut found = 0;
    for at in (0..used).step_by(997) {
        let mut flipped = whole.clone();
        flipped[at] ^= 0x41;
        fs::write(&file, &flipped).unwrap();
        match everything(folder.path(), &genesis, &blocks) {
            Ok(seen) => {
                let differs = seen.chain.iter().zip(&expected.chain).find(|(seen, expected)| seen != expected);
                assert_eq!(differs, None, "byte {at}");
                assert!(seen.indexes.iter().all(|entry| expected.indexes.contains(entry)), "byte {at}");
            }
            Err(damage) => {
                assert!(damage.to_string().contains("store.redb"), "{damage}");
                found += 1;
            }
        }
    }
    assert!(found > 20, "only {found} flips were noticed");
}
