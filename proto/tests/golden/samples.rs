//! Fixed values of every wire type and every variant. Their bytes and hashes are pinned in `bytes.txt` and `hashes.txt`.
//!
//! Everything hangs together: the chain is that of [`genesis`], signatures are real, block 1 is one that a ledger accepts.

use super::Wire;
use blockchat_proto::block::{Block, Header, VerifiedBlock, commit_root, evidence_root};
use blockchat_proto::coins::Coins;
use blockchat_proto::genesis::{Genesis, GenesisAccount, Lottery, Parameters, VerifiedGenesis};
use blockchat_proto::gossip::{ConsensusEnvelope, ConsensusMessage, EvidenceEnvelope, TransactionBatch};
use blockchat_proto::hash::Hash32;
use blockchat_proto::keys::{Address, Signer};
use blockchat_proto::leader::leader_for;
use blockchat_proto::ledger::{
    Account, AccountProof, BlockBits, Churn, Draft, Grants, Ledger, Mark, Neighbour, Peak, RecentBlock, Standing,
    System, Tip, Unbonding, Window,
};
use blockchat_proto::sync::{
    CertifiedBlock, CertifiedHeader, GenesisRequest, Goodbye, Parting, Status, SyncRequest, SyncResponse,
};
use blockchat_proto::transaction::{
    Body, Payload, SealSalt, Sealed, SignedTransaction, Transaction, VerifiedTransaction,
};
use blockchat_proto::units::{Height, Round, RulesVersion, UnixMillis};
use blockchat_proto::vote::{
    Certificate, CommitSignature, Evidence, LatePrecommits, Proposal, RoundCertificate, RoundProof, SignedProposal,
    SignedVote, Vote, VoteKind,
};

/// Sees every sample.
pub(crate) trait Visitor {
    fn sample<T: Wire>(&mut self, name: &str, value: T);
}

/// Alice is 1, Bob 2, Carol 3, Dave 4. The secret key is that byte 32 times.
pub(crate) fn signer(person: u8) -> Signer {
    Signer::from_seed(&[person; 32])
}

fn address(person: u8) -> Address {
    signer(person).address()
}

fn micros(amount: u64) -> Coins {
    Coins::from_micros(amount).expect("below the cap")
}

/// Every parameter differs from the others and from the defaults, so that no two can change places unseen.
pub(crate) fn genesis() -> VerifiedGenesis {
    let account = |person: u8, balance: u64, stake: u64| GenesisAccount {
        address: address(person),
        balance: Coins::from_bcc(balance),
        stake: Coins::from_bcc(stake),
        name: None,
    };
    let mut accounts = vec![account(1, 100, 20), account(2, 50, 30), account(3, 0, 25), account(4, 7, 0)];
    accounts.sort_by_key(|account| account.address);
    let parameters = Parameters {
        capacity: 2_000,
        block_interval_ms: 200,
        idle_block_interval_ms: 20_000,
        fee_basis_points: 301,
        fee_per_character: micros(1_000_001),
        fee_min: micros(1_002),
        stake_min: micros(2_000_003),
        stake_max: micros(5_000_000_004),
        validators_min: 2,
        unbonding_ms: 7_200_005,
        evidence_window_ms: 3_600_006,
        burn_basis_points: 507,
        grant: micros(10_000_008),
        grant_cap_basis_points: 109,
        churn_ms: 10_010,
        lottery: Lottery::BlockHash,
    };
    let (name, time, treasury) = ("golden".into(), UnixMillis(1_700_000_000_000), Coins::from_bcc(1_000));
    Genesis { name, time, parameters, treasury, accounts, version: RulesVersion::FIRST }
        .verify()
        .expect("a good genesis")
}

pub(crate) fn chain() -> Hash32 {
    genesis().hash()
}

// ---- Transactions ----

fn transaction(person: u8, nonce: u64, expiry: Option<u64>, body: Body) -> SignedTransaction {
    let sender = address(person);
    Transaction { chain: chain(), sender, nonce, expiry: expiry.map(Height), body }.sign(&signer(person))
}

fn send(amount: u64, payload: Payload) -> Body {
    Body::Send { to: address(2), amount: micros(amount), payload }
}

fn sealed() -> Payload {
    let (ephemeral, salt, ciphertext) = (Hash32([0xe5; 32]), SealSalt([0x5a; 16]), (0..25).collect());
    Payload::Sealed(Sealed { version: 1, ephemeral, salt, ciphertext })
}

/// The example of the SPEC: Alice sends Bob 1.5 BCC and greets him.
pub(crate) fn hello_bob() -> SignedTransaction {
    transaction(1, 0, Some(1_000), send(1_500_000, Payload::Plain("Hello Bob".into())))
}

pub(crate) fn transactions() -> Vec<(&'static str, SignedTransaction)> {
    let recent = chain();
    vec![
        ("send-plain", hello_bob()),
        ("send-coins", transaction(1, 1, None, send(1, Payload::None))),
        ("send-text-only", transaction(1, 2, None, send(0, Payload::Plain("Γειά 🦀".into())))),
        ("send-sealed", transaction(1, 3, Some(70_000), send(0, sealed()))),
        ("send-sealed-with-coins", transaction(1, 4, None, send(5_000_000_000, sealed()))),
        ("stake", transaction(1, 5, None, Body::Stake { amount: Coins::from_bcc(21) })),
        ("stake-nothing", transaction(1, 300, Some(0), Body::Stake { amount: Coins::ZERO })),
        ("activate", transaction(4, 0, None, Body::Activate { recent })),
        ("claim", transaction(4, 0, Some(24), Body::Claim { recent, work: u64::MAX })),
        ("announce", transaction(1, 0, None, Body::Announce { version: RulesVersion(0x0203) })),
    ]
}

// ---- Votes ----

fn vote(person: u8, kind: VoteKind, round: u32, value: Option<Hash32>) -> SignedVote {
    let vote = Vote { kind, height: Height(1), round: Round(round), value, validator: address(person) };
    vote.sign(chain(), &signer(person))
}

pub(crate) fn votes() -> Vec<(&'static str, SignedVote)> {
    let block = Some(block_1().hash());
    vec![
        ("prevote", vote(1, VoteKind::Prevote, 0, block)),
        ("prevote-nil", vote(1, VoteKind::Prevote, 1, None)),
        ("precommit", vote(2, VoteKind::Precommit, 0, block)),
        ("precommit-nil", vote(2, VoteKind::Precommit, 255, None)),
    ]
}

fn proposal(round: u32, block: Hash32, lock_round: Option<u32>) -> SignedProposal {
    let leader = address(3);
    let lock_round = lock_round.map(Round);
    Proposal { height: Height(1), round: Round(round), block, lock_round, leader }.sign(chain(), &signer(3))
}

pub(crate) fn proposals() -> Vec<(&'static str, SignedProposal)> {
    let block = block_1().hash();
    vec![("proposal", proposal(0, block, None)), ("proposal-again", proposal(2, block, Some(0)))]
}

/// Alice, Bob and Carol precommitted block 1.
pub(crate) fn certificate() -> Certificate {
    let block = block_1().hash();
    let signed = |person| {
        let vote = vote(person, VoteKind::Precommit, 1, Some(block));
        CommitSignature { validator: vote.vote.validator, signature: vote.signature }
    };
    let mut signatures: Vec<_> = [1, 2, 3].map(signed).to_vec();
    signatures.sort_by_key(|part| part.validator);
    Certificate { height: Height(1), round: Round(1), block, signatures }
}

/// Carol precommitted block 1 once more, in round 2, too late for block 2.
pub(crate) fn late() -> LatePrecommits {
    let block = block_1().hash();
    let SignedVote { vote, signature } = vote(3, VoteKind::Precommit, 2, Some(block));
    let signatures = vec![CommitSignature { validator: vote.validator, signature }];
    LatePrecommits { round: vote.round, block, signatures }
}

fn round_certificate(proof: RoundProof) -> RoundCertificate {
    let block = Some(block_1().hash());
    let votes = match proof {
        RoundProof::Polka => [1, 2, 3].map(|person| vote(person, VoteKind::Prevote, 1, block)).to_vec(),
        RoundProof::Precommits => vec![vote(1, VoteKind::Precommit, 1, None), vote(2, VoteKind::Precommit, 1, block)],
        RoundProof::Skip => vec![vote(1, VoteKind::Prevote, 7, None), vote(3, VoteKind::Precommit, 7, None)],
    };
    RoundCertificate { proof, votes }
}

pub(crate) fn evidence() -> Vec<(&'static str, Evidence)> {
    let block = block_1().hash();
    let (first, second) = (vote(3, VoteKind::Prevote, 0, None), vote(3, VoteKind::Prevote, 0, Some(block)));
    let votes = Evidence::Votes { first: first.min(second), second: first.max(second) };
    let (first, second) = (proposal(0, block, None), proposal(0, Hash32([9; 32]), None));
    let proposals = Evidence::Proposals { first: first.min(second), second: first.max(second) };
    vec![("evidence-votes", votes), ("evidence-proposals", proposals)]
}

// ---- Blocks ----

/// A block that the ledger of [`genesis`] accepts, as its bytes show.
pub(crate) fn block_1() -> VerifiedBlock {
    let ledger = Ledger::at_genesis(&genesis());
    let offered = transactions().into_iter().filter(|(name, _)| ["send-plain", "send-coins"].contains(name));
    let verified = |signed: SignedTransaction| -> VerifiedTransaction { signed.verify(chain()).expect("signed well") };
    let built = ledger.build_block(Draft {
        round: Round(0),
        leader: leader_for(ledger.validators(), chain(), Height(1), Round(0)),
        time: UnixMillis(1_700_000_000_250),
        offered: offered.map(|(_, signed)| verified(signed)).collect(),
        evidence: vec![],
        commit: None,
        late: None,
    });
    assert!(built.refused.is_empty(), "both can be applied");
    built.block
}

pub(crate) fn plain(block: &VerifiedBlock) -> Block {
    let transactions = block.transactions().iter().map(|verified| verified.signed().clone()).collect();
    let (evidence, commit, late) = (block.evidence().to_vec(), block.commit().cloned(), block.late().cloned());
    Block { header: block.header().clone(), transactions, evidence, commit, late }
}

/// One of everything: no ledger accepts it, but its bytes have all parts that a block can have.
pub(crate) fn block_of_everything() -> Block {
    let (evidence, commit): (Vec<_>, _) = (evidence().into_iter().map(|(_, item)| item).collect(), certificate());
    let late = late();
    let transactions: Vec<_> = transactions().into_iter().map(|(_, signed)| signed).collect();
    let ids: Vec<_> = transactions.iter().map(SignedTransaction::id).collect();
    let header = Header {
        version: RulesVersion::FIRST,
        chain: chain(),
        height: Height(2),
        round: Round(3),
        parent: block_1().hash(),
        leader: address(2),
        time: UnixMillis(1_700_000_001_000),
        transactions_root: blockchat_proto::block::transactions_root(&ids),
        evidence_root: evidence_root(&evidence),
        commit_root: commit_root(Some(&commit), Some(&late)),
        state_root: Hash32([0x57; 32]),
        validators_hash: genesis().validators().hash(),
        next_validators_hash: Hash32([0x58; 32]),
    };
    Block { header, transactions, evidence, commit: Some(commit), late: Some(late) }
}

// ---- State ----

fn account(standing: Standing) -> Account {
    Account {
        balance: micros(1_500_000),
        stake: Coins::from_bcc(20),
        next_nonce: 24,
        unbonding: vec![
            Unbonding { amount: micros(7), release: UnixMillis(1_700_000_000_000) },
            Unbonding { amount: Coins::MAX, release: UnixMillis(u64::MAX) },
        ],
        claimed: true,
        standing,
        window: Window {
            newest: Height(70_001),
            missing: BlockBits { high: 0xf_ffff_ffff, low: u64::MAX },
            led: BlockBits { high: 1, low: 0x8000_0000_0000_0000 },
        },
        last_present: UnixMillis(1_700_000_000_250),
        power: Coins::from_bcc(18),
        waiting_since: UnixMillis(1_700_000_000_125),
        jailings: 300,
        last_jailed: UnixMillis(1_700_000_000_001),
        announced: RulesVersion(0x0203),
    }
}

fn visit_state(visitor: &mut impl Visitor) {
    visitor.sample("account-default", Account::default());
    visitor.sample("account-inactive", account(Standing::Inactive));
    visitor.sample("account-active", account(Standing::Active));
    visitor.sample("account-jailed", account(Standing::Jailed));
    visitor.sample("account-barred", account(Standing::Barred));
    let recent = vec![
        RecentBlock { height: Height(0), hash: chain(), time: UnixMillis(1_700_000_000_000) },
        RecentBlock { height: Height(64), hash: Hash32([0x64; 32]), time: UnixMillis(1_700_000_009_000) },
    ];
    let churn = Churn { since: UnixMillis(1_700_000_005_000), room: micros(12_345_678) };
    let mark = |n: u64| Mark { height: Height(n), time: UnixMillis(1_700_000_000_000 + n) };
    let system = System {
        treasury: Coins::from_bcc(990),
        recent,
        churn,
        version: RulesVersion(1),
        next_begins: None,
        peak: Peak { since: UnixMillis(1_700_000_000_250), largest: micros(75_000_000), before: micros(70_000_000) },
        marks: vec![mark(3), mark(170)],
        burned: micros(1_250_000),
        grants: Some(Grants { since: UnixMillis(1_700_000_000_500), room: micros(23_456_789) }),
    };
    visitor.sample("system-scheduled", System { next_begins: Some(Height(192)), ..system.clone() });
    visitor.sample("system-without-treasury", System { treasury: Coins::ZERO, grants: None, ..system.clone() });
    visitor.sample("system", system);
    let block = block_1();
    visitor
        .sample("tip", Tip { height: block.height(), hash: block.hash(), time: block.header().time, parent: chain() });
    let ledger = Ledger::at_genesis(&genesis());
    visitor.sample("proof-present", ledger.prove(&address(1)));
    visitor.sample("proof-absent", absence_beside_a_neighbour(&ledger));
}

/// Of the first stranger whose path ends in another leaf.
fn absence_beside_a_neighbour(ledger: &Ledger) -> AccountProof {
    let proofs = (0..=255).map(|byte| ledger.prove(&Address([byte; 32])));
    let mut beside = proofs.filter(|proof| matches!(proof.neighbour, Some(Neighbour { .. })));
    beside.next().expect("few leaves: most paths end in one")
}

// ---- All of them ----

pub(crate) fn visit_all(visitor: &mut impl Visitor) {
    visitor.sample("genesis", genesis().genesis().clone());
    for (name, signed) in transactions() {
        visitor.sample(name, signed);
    }
    for (name, signed) in votes() {
        visitor.sample(name, signed);
    }
    for (name, signed) in proposals() {
        visitor.sample(name, signed);
    }
    visitor.sample("certificate", certificate());
    visitor.sample("late", late());
    visitor.sample("round-certificate-polka", round_certificate(RoundProof::Polka));
    visitor.sample("round-certificate-precommits", round_certificate(RoundProof::Precommits));
    visitor.sample("round-certificate-skip", round_certificate(RoundProof::Skip));
    for (name, item) in evidence() {
        visitor.sample(name, item);
    }
    visitor.sample("header-1", block_1().header().clone());
    visitor.sample("block-1", plain(&block_1()));
    visitor.sample("block-of-everything", block_of_everything());
    visit_state(visitor);
    visit_gossip(visitor);
    visit_sync(visitor);
}

fn visit_gossip(visitor: &mut impl Visitor) {
    let transactions: Vec<_> = transactions().into_iter().map(|(_, signed)| signed).take(2).collect();
    visitor.sample("batch-submit", transactions.clone());
    visitor.sample("gossip-transactions", TransactionBatch { version: 1, salt: 0x0123_4567_89ab_cdef, transactions });
    visitor.sample("gossip-transactions-none", TransactionBatch { version: 1, salt: 0, transactions: vec![] });
    let mut message = |name, salt, message| {
        visitor.sample(name, ConsensusEnvelope { version: 1, salt, message });
    };
    let (first, again) = (proposals()[0].1, proposals()[1].1);
    let block = Some(plain(&block_1()));
    message("gossip-proposal", 1_700_000_000_000, ConsensusMessage::Proposal { proposal: first, block });
    message("gossip-proposal-again", 1, ConsensusMessage::Proposal { proposal: again, block: None });
    message("gossip-vote", 2, ConsensusMessage::Vote(votes()[0].1));
    let skip = round_certificate(RoundProof::Skip);
    message("gossip-round-certificate", 3, ConsensusMessage::RoundCertificate(skip));
    for (name, evidence) in evidence() {
        visitor.sample(&format!("gossip-{name}"), EvidenceEnvelope { version: 1, evidence });
    }
}

fn visit_sync(visitor: &mut impl Visitor) {
    let block = block_1();
    let certified = CertifiedBlock { block: plain(&block), certificate: certificate() };
    let header = CertifiedHeader { header: block.header().clone(), certificate: certificate() };
    let members = genesis().validators().as_members();
    let (hash, height) = (block.hash(), block.height());
    let (chain, time) = (chain(), UnixMillis(1_700_000_000_500));
    visitor.sample("status", Status { version: 1, chain, height, hash, earliest: Height(1), time });
    visitor.sample("genesis-request", GenesisRequest { version: 1 });
    visitor.sample("goodbye-full", Goodbye { version: 1, why: Parting::Full });
    visitor.sample("goodbye-other-chain", Goodbye { version: 1, why: Parting::OtherChain });
    visitor.sample("goodbye-other-run", Goodbye { version: 1, why: Parting::OtherRun });
    visitor.sample("sync-request-blocks", SyncRequest::Blocks { from: Height(1), count: 256 });
    visitor.sample("sync-request-body", SyncRequest::Body { hash });
    visitor.sample("sync-response-blocks", SyncResponse::Blocks(vec![certified]));
    visitor.sample("sync-response-no-blocks", SyncResponse::Blocks(vec![]));
    visitor.sample("sync-response-body", SyncResponse::Body(Some(plain(&block))));
    visitor.sample("sync-response-no-body", SyncResponse::Body(None));
    visitor.sample("sync-response-busy", SyncResponse::Busy { retry_ms: 500 });
    visitor.sample("sync-request-headers", SyncRequest::Headers { from: Height(1), count: 256 });
    visitor.sample("sync-request-members", SyncRequest::Members { hash });
    visitor.sample("sync-response-headers", SyncResponse::Headers(vec![header]));
    visitor.sample("sync-response-no-headers", SyncResponse::Headers(vec![]));
    visitor.sample("sync-response-members", SyncResponse::Members(Some(members)));
    visitor.sample("sync-response-no-members", SyncResponse::Members(None));
}
