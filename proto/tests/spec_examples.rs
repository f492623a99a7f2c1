//! The examples of SPEC.md, section 14: read from the page itself and recomputed line by line, so that it cannot rot. What
//! differs is printed ready to paste.
//!
//! Always true: a line that nothing recomputes fails, and so does an example without a test.
//! Start reading at [`Example`].

use blockchat_proto::block::{Block, Header, commit_root, evidence_root, transactions_root};
use blockchat_proto::claim::{Search, Tries};
use blockchat_proto::codec::{decode, encode};
use blockchat_proto::coins::{Coins, Stake};
use blockchat_proto::genesis::{Genesis, Parameters, VerifiedGenesis};
use blockchat_proto::gossip::{ConsensusEnvelope, ConsensusMessage, Topic};
use blockchat_proto::hash::{Hash32, hash, label, list_root};
use blockchat_proto::keys::{Address, Signer};
use blockchat_proto::leader::leader_for;
use blockchat_proto::ledger::{Ledger, fee_for};
use blockchat_proto::limits::BLOCK_BYTES_MAX;
use blockchat_proto::sync::{GenesisRequest, SyncRequest, SyncResponse};
use blockchat_proto::transaction::{Body, Payload, SignedTransaction};
use blockchat_proto::units::{Height, Round};
use blockchat_proto::vote::{Certificate, LatePrecommits, SignedVote, Vote, VoteKind};
use serde::Serialize;
use serde::de::DeserializeOwned;
use sha2::{Digest, Sha256};
use std::collections::BTreeMap;
use std::fmt::Display;

const PAGE: &str = include_str!("../SPEC.md");
const FENCE: &str = "```text example ";
/// Every example of the page; each has a test below.
const TITLES: [&str; 11] =
    ["codec", "address", "fees", "claims", "lists", "leaders", "state", "proof", "block", "vote", "wire"];
const PEOPLE: [(u8, &str); 4] = [(1, "Alice"), (2, "Bob"), (3, "Carol"), (4, "Dave")];

/// The lines `key: value` of one example. A value may go on in indented lines; spaces in it do not count.
struct Example {
    title: &'static str,
    lines: BTreeMap<String, String>,
    /// Lines as they would be now.
    wrong: Vec<String>,
}

impl Example {
    fn of_the_page(title: &'static str) -> Self {
        let start = format!("{FENCE}{title}\n");
        let text = PAGE.split_once(&start).unwrap_or_else(|| panic!("SPEC.md has no example {title:?}")).1;
        let text = text.split_once("```").expect("the example ends").0;
        let mut lines = BTreeMap::new();
        let mut last = None;
        for line in text.lines() {
            let (key, value) = match line.strip_prefix("    ") {
                Some(more) => (last.clone().expect("a value goes on after its key"), more),
                None => {
                    let (key, value) = line.split_once(':').expect("key: value");
                    assert!(!lines.contains_key(key), "{key} stands twice in the example {title}");
                    (key.to_owned(), value)
                }
            };
            lines.entry(key.clone()).or_insert_with(String::new).extend(value.split_whitespace());
            last = Some(key);
        }
        Self { title, lines, wrong: vec![] }
    }

    /// The value of a line, which counts as checked.
    fn take(&mut self, key: &str) -> String {
        self.lines.remove(key).unwrap_or_else(|| panic!("the example {} has no line {key:?}", self.title))
    }

    /// Remembers whether the page shows what is computed.
    fn check(&mut self, key: &str, computed: impl Display) {
        let computed = computed.to_string();
        let squeezed: String = computed.split_whitespace().collect();
        if self.lines.remove(key).as_ref() != Some(&squeezed) {
            self.wrong.push(format!("{key}: {computed}"));
        }
    }

    /// Panics with the lines to paste, should any differ, be missing or be left over.
    #[track_caller]
    fn finish(self) {
        let Self { title, lines, wrong } = self;
        if wrong.is_empty() && lines.is_empty() {
            return;
        }
        println!("---- lines of the example {title} of proto/SPEC.md as they would be now ----");
        wrong.iter().for_each(|line| println!("{line}"));
        println!("---- end ----");
        panic!("{title}: {} lines differ (printed above), nothing recomputes {:?}", wrong.len(), lines.keys());
    }
}

fn golden<T: Serialize + DeserializeOwned>(name: &str) -> T {
    let mut lines = include_str!("golden/bytes.txt").lines();
    let bytes = lines.find_map(|line| line.strip_prefix(name)?.strip_prefix(' ')).expect("in bytes.txt");
    decode(&hex::decode(bytes).expect("hex"), BLOCK_BYTES_MAX).expect("canonical")
}

fn genesis() -> VerifiedGenesis {
    golden::<Genesis>("genesis").verify().expect("a good genesis")
}

fn address(person: u8) -> Address {
    Signer::from_seed(&[person; 32]).address()
}

fn name(address_of: Address) -> &'static str {
    PEOPLE.iter().find(|(person, _)| address(*person) == address_of).expect("one of the four").1
}

#[test]
fn every_example_of_the_page_is_recomputed() {
    let mut shown: Vec<_> = PAGE.split(FENCE).skip(1).filter_map(|text| text.lines().next()).collect();
    let mut tested = TITLES.to_vec();
    shown.sort_unstable();
    tested.sort_unstable();
    assert_eq!(shown, tested);
}

#[test]
fn one_encoding_is_accepted_and_every_other_one_on_the_page_is_refused() {
    let mut example = Example::of_the_page("codec");
    example.check("canonical", hex::encode(encode(&GenesisRequest { version: 1 })));
    assert!(!example.lines.is_empty());
    for (what, bytes) in &example.lines {
        let bytes = hex::decode(bytes).expect("hex");
        assert!(decode::<GenesisRequest>(&bytes, BLOCK_BYTES_MAX).is_err(), "{what} is accepted");
    }
}

#[test]
fn the_address_is_the_text_of_its_bytes() {
    let mut example = Example::of_the_page("address");
    example.check("00 32 times", Address([0; 32]));
    example.finish();
}

#[test]
fn the_fees_are_those_of_the_default_parameters() {
    let mut example = Example::of_the_page("fees");
    let texts = [(1, None), (33_333, None), (33_334, None), (1_500_000, Some("Hello Bob")), (0, Some("Grüße 🌙"))];
    for (amount, text) in texts {
        let payload = text.map_or(Payload::None, |text| Payload::Plain(text.into()));
        let body = Body::Send { to: address(2), amount: Coins::from_micros(amount).expect("small"), payload };
        let fee = fee_for(&body, &Parameters::default()).expect("small");
        let text = text.map_or("no text".into(), |text| format!("{text:?}"));
        example.check(&format!("{amount} and {text}"), fee.micros());
    }
    example.finish();
}

#[test]
fn the_work_of_claims_is_worth_what_is_shown() {
    let mut example = Example::of_the_page("claims");
    let genesis = genesis();
    let search = Search::new(genesis.hash(), address(4), genesis.hash());
    for work in [0, 1, u64::MAX] {
        example.check(&format!("x of {work}"), search.attempt(work).0);
    }
    let tries = genesis.least_work().expect("it has a treasury");
    example.check("tries", tries.count());
    example.check("largest x", u64::MAX / tries.count());
    let work: u64 = example.take("first work").parse().expect("a number");
    example.check("x of it", search.attempt(work).0);
    assert!(tries.are_met_by(search.attempt(work)));
    let (million, all) = (1_000_000, Coins::MAX.micros());
    let others = [10, 500, 990].map(|left| (10 * million, 1_000 * million, left * million));
    for (grant, first, left) in others.into_iter().chain([(all, all, 1)]) {
        let [paid, full, rest] = [grant, first, left].map(|micros| Coins::from_micros(micros).expect("coins"));
        let tries = Tries::for_grant(paid, full, rest).expect("a grant").count();
        example.check(&format!("{grant} of {first} with {left} left"), format!("{tries} {}", u64::MAX / tries));
    }
    example.finish();
}

#[test]
fn the_roots_of_lists_hash_count_and_head() {
    let mut example = Example::of_the_page("lists");
    let items = [1, 2, 3].map(|byte| Hash32([byte; 32]));
    for (count, word) in ["none", "one", "two", "three"].into_iter().enumerate() {
        let root = list_root(label::TRANSACTIONS, &items[..count]);
        example.check(&format!("root of {word}"), root);
        if count > 0 {
            let head = hex::decode(example.take(&format!("head of {word}"))).expect("hex");
            let count = u64::try_from(count).expect("small").to_be_bytes();
            assert_eq!(hash(label::TRANSACTIONS, &[&count[..], &head].concat()), root, "head of {word}");
        }
    }
    example.finish();
}

#[test]
fn the_draws_lead_to_the_leaders_shown() {
    let mut example = Example::of_the_page("leaders");
    let genesis = genesis();
    let set = genesis.validators();
    let bytes = hex::decode(example.take("set")).expect("hex");
    assert_eq!(hash(label::VALIDATORS, &bytes), set.hash());
    example.check("hash of the set", set.hash());
    let mut left = vec![];
    for draw in 0..6_u32 {
        if left.is_empty() {
            left = set.members().to_vec();
        }
        let input = [&genesis.hash().0[..], &1_u64.to_be_bytes(), &draw.to_be_bytes()].concat();
        let digest = hash(label::LEADER, &input);
        let x = u64::from_be_bytes(*digest.0.first_chunk().expect("8 bytes"));
        let total = left.iter().fold(Stake::default(), |sum, member| sum.plus(member.stake)).0;
        let point = (u128::from(x) * u128::from(total)) >> 64;
        let leader = leader_for(set, genesis.hash(), Height(1), Round(draw));
        left.retain(|member| member.address != leader);
        example.check(&format!("draw {draw}"), format!("{x:016x} {total} {point} {}", name(leader)));
    }
    example.finish();
}

/// SPEC STATE-2, as short as it can be said: the leaves are sorted by key and share their first `depth` bits.
fn sparse_root(leaves: &[([u8; 32], [u8; 32])], depth: usize) -> [u8; 32] {
    match leaves {
        [] => [0; 32],
        [(key, value)] => Sha256::new().chain_update([0]).chain_update(key).chain_update(value).finalize().into(),
        _ => {
            let split = leaves.partition_point(|(key, _)| key[depth / 8] >> (7 - depth % 8) & 1 == 0);
            let [left, right] = [&leaves[..split], &leaves[split..]].map(|half| sparse_root(half, depth + 1));
            Sha256::new().chain_update([1]).chain_update(left).chain_update(right).finalize().into()
        }
    }
}

#[test]
fn the_leaves_of_the_genesis_lead_to_its_state_root() {
    let mut example = Example::of_the_page("state");
    let genesis = genesis();
    let ledger = Ledger::at_genesis(&genesis);
    let set = ledger.validators().hash();
    let mut leaves: Vec<(&str, Vec<u8>, Vec<u8>)> = vec![
        ("parameters", b"parameters".to_vec(), encode(ledger.parameters())),
        ("system", b"system".to_vec(), encode(ledger.system())),
        ("validators", b"validators".to_vec(), encode(&(set, set))),
        ("clock", b"clock".to_vec(), encode(&(Height(0), genesis.genesis().time, Hash32::ZERO))),
    ];
    leaves.extend(PEOPLE.map(|(person, name)| {
        let address = address(person);
        (name, [&b"account"[..], &address.0].concat(), encode(&ledger.account(&address)))
    }));
    let mut hashed = vec![];
    for (name, state_name, content) in leaves {
        let (key, value) = (hash(label::STATE_KEY, &state_name), hash(label::STATE_VALUE, &content));
        example.check(&format!("{name} content"), hex::encode(&content));
        example.check(&format!("{name} key"), key);
        example.check(&format!("{name} value"), value);
        hashed.push((key.0, value.0));
    }
    hashed.sort_unstable();
    assert_eq!(sparse_root(&hashed, 0), ledger.state_root().0);
    example.check("state root", ledger.state_root());
    example.finish();
}

#[test]
fn the_proof_of_alice_has_the_siblings_shown() {
    let mut example = Example::of_the_page("proof");
    let proof = Ledger::at_genesis(&genesis()).prove(&address(1));
    let siblings: String = proof.siblings.iter().map(Hash32::to_string).collect();
    example.check("siblings of Alice, from the root down", siblings);
    example.finish();
}

#[test]
fn block_1_has_the_hash_and_the_roots_of_its_contents() {
    let mut example = Example::of_the_page("block");
    let block: Block = golden("block-1");
    let header = block.header.clone();
    example.check("canonical header", hex::encode(encode(&header)));
    assert_eq!((header.leader, header.round, block.commit.as_ref()), (address(1), Round(0), None));
    let ids: Vec<_> = block.transactions.iter().map(SignedTransaction::id).collect();
    assert_eq!(ids.len(), 2);
    example.check("transactions_root", transactions_root(&ids));
    example.check("evidence_root", evidence_root(&block.evidence));
    example.check("commit_root", commit_root(None, None));
    example.check("block hash", header.hash());
    let genesis = genesis();
    let verified = block.verify(genesis.hash(), |_| None).expect("signed well");
    let applied = Ledger::at_genesis(&genesis).apply_block(&verified).expect("follows its rules");
    example.check("state_root", applied.state_root());
    example.finish();
}

#[test]
fn the_vote_is_signed_and_committed_to_as_shown() {
    let mut example = Example::of_the_page("vote");
    let (chain, block) = (genesis().hash(), golden::<Header>("header-1").hash());
    let vote = Vote {
        kind: VoteKind::Precommit,
        height: Height(1),
        round: Round(0),
        value: Some(block),
        validator: address(2),
    };
    example.check("canonical vote", hex::encode(encode(&vote)));
    example.check("hash to sign", vote.sign_hash(chain));
    example.check("signature", vote.sign(chain, &Signer::from_seed(&[2; 32])).signature);
    let certificate: Certificate = golden("certificate");
    let about = encode(&(certificate.height, certificate.round, certificate.block));
    example.check("about", hex::encode(&about));
    let mut items = vec![hash(label::ITEM, &about)];
    items.extend(certificate.signatures.iter().map(|part| hash(label::ITEM, &encode(part))));
    assert_eq!(commit_root(Some(&certificate), None), list_root(label::COMMIT, &items));
    example.check("commit_root with it", commit_root(Some(&certificate), None));
    let late: LatePrecommits = golden("late");
    let about_late = encode(&(late.round, late.block));
    example.check("about late", hex::encode(&about_late));
    items.push(hash(label::ITEM, &about_late));
    items.extend(late.signatures.iter().map(|part| hash(label::ITEM, &encode(part))));
    assert_eq!(commit_root(Some(&certificate), Some(&late)), list_root(label::COMMIT, &items));
    example.check("commit_root with both", commit_root(Some(&certificate), Some(&late)));
    example.finish();
}

#[test]
fn messages_go_over_the_wire_as_shown() {
    let mut example = Example::of_the_page("wire");
    let framed = |bytes: Vec<u8>| {
        let length = u32::try_from(bytes.len()).expect("short");
        hex::encode([&length.to_be_bytes()[..], &bytes].concat())
    };
    let hash = golden::<Header>("header-1").hash();
    example.check("genesis request", framed(encode(&GenesisRequest { version: 1 })));
    example.check("256 blocks from 1 on", framed(encode(&SyncRequest::Blocks { from: Height(1), count: 256 })));
    example.check("body of block 1", framed(encode(&SyncRequest::Body { hash })));
    example.check("256 headers from 1 on", framed(encode(&SyncRequest::Headers { from: Height(1), count: 256 })));
    example.check("busy for 500 ms", framed(encode(&SyncResponse::Busy { retry_ms: 500 })));
    let vote: SignedVote = golden("prevote");
    assert_eq!(vote.vote.validator, address(1));
    let envelope = ConsensusEnvelope { version: 1, salt: 0x0123_4567_89ab_cdef, message: ConsensusMessage::Vote(vote) };
    let (topic, data) = (Topic::Votes.name(&genesis().short_name()), encode(&envelope));
    let id = Sha256::new().chain_update(&topic).chain_update(&data).finalize();
    example.check("topic", topic);
    example.check("data", hex::encode(data));
    example.check("message id", hex::encode(&id[..20]));
    example.finish();
}

/// The page leaves out most of the signature, which section 13 shows in full.
#[test]
fn the_json_of_the_page_is_the_transaction_of_section_13() {
    let signed: SignedTransaction = golden("send-plain");
    let json = PAGE.split_once("```json\n").expect("an example in JSON").1.split_once("```").expect("it ends").0;
    let short = "758e2b13...the 128 hex digits of section 13";
    assert!(json.contains(short));
    let json = json.replace(short, &signed.signature.to_string());
    assert_eq!(serde_json::from_str::<SignedTransaction>(&json).expect("as API-2 says"), signed);
}
