//! Random calls against the [`model`](super::model).
//!
//! After every call the same answers, the same transactions pooled and waiting, the same of our own, and the same
//! selection.

use super::model::{Model, PEOPLE, bytes, config};
use super::*;
use proptest::prelude::*;

#[derive(Clone, Debug)]
struct Request {
    person: u8,
    ask: Ask,
    /// Added to the account's next nonce; one less than that is stale.
    nonce_off: u64,
    expiry_off: Option<u64>,
}

#[derive(Clone, Debug)]
enum Ask {
    Send { amount: u64, text: usize },
    Stake(u64),
    Activate,
    Claim,
    Announce(u16),
}

#[derive(Clone, Debug)]
enum Step {
    Submit(Vec<Request>),
    Gossip(Vec<Request>),
    /// A block of these, then of the best so many of the pool.
    Block(Vec<Request>, usize),
    Tick(u64),
    /// A build refuses the selected transaction with this number.
    Refuse(usize),
}

fn ask() -> impl Strategy<Value = Ask> {
    prop_oneof![
        12 => (1..300_u64, prop_oneof![4 => Just(0), 1 => 1..300_usize])
            .prop_map(|(amount, text)| Ask::Send { amount, text }),
        3 => (0..6_u64).prop_map(|tens| Ask::Stake(tens * 10)),
        2 => Just(Ask::Activate),
        1 => Just(Ask::Claim),
        1 => (0..6_u16).prop_map(Ask::Announce),
    ]
}

fn request() -> impl Strategy<Value = Request> {
    let nonce_off = prop_oneof![1 => Just(0), 6 => 1..5_u64, 2 => 1..10_u64];
    (1..=PEOPLE, ask(), nonce_off, prop::option::weighted(0.2, 0..4_u64))
        .prop_map(|(person, ask, nonce_off, expiry_off)| Request { person, ask, nonce_off, expiry_off })
}

/// Something dear that takes the next nonce away from whatever is pooled.
fn rival() -> impl Strategy<Value = Request> {
    let dear = (200..700_u64).prop_map(|amount| Ask::Send { amount, text: 0 });
    (1..=PEOPLE, prop_oneof![3 => dear, 1 => Just(Ask::Activate)]).prop_map(|(person, ask)| Request {
        person,
        ask,
        nonce_off: 1,
        expiry_off: None,
    })
}

fn step() -> impl Strategy<Value = Step> {
    let requests = |most| prop::collection::vec(request(), 0..most);
    prop_oneof![
        6 => requests(6).prop_map(Step::Submit),
        9 => requests(8).prop_map(Step::Gossip),
        4 => (prop::collection::vec(prop_oneof![request(), rival()], 0..3), 0..6_usize).prop_map(|(requests, best)| Step::Block(requests, best)),
        2 => prop_oneof![0..3_000_u64, 10_000..40_000_u64].prop_map(Step::Tick),
        1 => (0..4_usize).prop_map(Step::Refuse),
    ]
}

fn signed(world: &World, request: &Request) -> VerifiedTransaction {
    let Request { person, ask, nonce_off, expiry_off } = request;
    let next = world.ledger.account(&address(*person)).next_nonce;
    let expiry = expiry_off.map(|off| world.ledger.tip().height.0 + off);
    let nonce = (next + nonce_off).saturating_sub(1);
    match ask {
        Ask::Send { amount, text: 0 } => {
            let body = Body::Send { to: address(*person % PEOPLE + 1), amount: bcc(*amount), payload: Payload::None };
            world.sign(*person, nonce, expiry, body)
        }
        Ask::Send { text, .. } => {
            let payload = Payload::Plain("x".repeat(*text));
            world.sign(*person, nonce, expiry, Body::Send { to: address(60), amount: Coins::ZERO, payload })
        }
        Ask::Stake(amount) => world.sign(*person, nonce, expiry, Body::Stake { amount: bcc(*amount) }),
        Ask::Activate => {
            let recent = world.ledger.system().recent.last().unwrap().hash;
            world.sign(*person, 0, expiry, Body::Activate { recent })
        }
        Ask::Claim => world.sign(*person, 0, expiry, Body::Claim { recent: nobody(), work: 0 }),
        Ask::Announce(version) => world.sign(*person, 0, expiry, Body::Announce { version: RulesVersion(*version) }),
    }
}

struct Both {
    world: World,
    model: Model,
    forgotten: Vec<TransactionId>,
    seen: Vec<VerifiedTransaction>,
}

impl Both {
    fn new() -> Self {
        let mut world = World::with(config());
        let stakes: Vec<_> = (1..=3).map(|person| world.stake(person, 0, 50)).collect();
        world.finalise(&stakes);
        let served = stakes[2].sender();
        Self { world, model: Model { served, ..Model::new() }, forgotten: vec![], seen: vec![] }
    }

    fn sign(&mut self, requests: &[Request]) -> Vec<VerifiedTransaction> {
        let transactions: Vec<_> = requests.iter().map(|request| signed(&self.world, request)).collect();
        self.seen.extend(transactions.clone());
        transactions
    }

    fn step(&mut self, step: &Step) {
        match step {
            Step::Submit(requests) => {
                let transactions = self.sign(requests);
                let outcomes = self.world.submit(transactions.clone());
                assert_eq!(outcomes, self.model.submit(&self.world.ledger, &transactions, true));
            }
            Step::Gossip(requests) => {
                let transactions = self.sign(requests);
                self.world.gossip(&transactions);
                self.model.submit(&self.world.ledger, &transactions, false);
            }
            Step::Block(requests, best) => {
                let mut offered = self.sign(requests);
                offered.extend(self.world.pool.select(*best, usize::MAX));
                let (block, forgotten) = self.world.build_and_finalise(&offered);
                self.forgotten.extend(forgotten);
                self.model.block(&self.world.ledger, &block);
            }
            Step::Tick(after_ms) => {
                self.forgotten.extend(self.world.tick(*after_ms).forget);
                self.model.tick(self.world.now);
            }
            Step::Refuse(index) => {
                if let Some(transaction) = self.world.selected().get(*index) {
                    self.forgotten.extend(self.world.pool.refused(&[(transaction.id(), TxRejected::Barred)]));
                    self.model.refused(transaction);
                }
            }
        }
        self.world.pool.check_invariants(&self.world.ledger);
    }

    fn check(&mut self) {
        let (pool, model) = (&self.world.pool, &self.model);
        assert_eq!((pool.len(), pool.bytes()), (model.pooled.len(), bytes(&model.pooled)));
        for transaction in &self.seen {
            let waits = model.shelf.iter().any(|shelved| shelved.transaction == *transaction);
            let place = match pool.lookup(&transaction.id()) {
                Some((SubmitOutcome::Pooled, _)) => (true, false),
                Some((SubmitOutcome::Queued, _)) => (false, true),
                _ => (false, false),
            };
            assert_eq!(place, (model.pooled.contains(transaction), waits), "{transaction:?}");
            let ours = model.own.contains(&transaction.id());
            assert_eq!(pool.own.contains(&transaction.id()), ours, "{transaction:?}");
        }
        for person in 1..=PEOPLE {
            let projected = pool.projected(&self.world.ledger, &address(person));
            assert_eq!(projected, model.account(&self.world.ledger, address(person)));
        }
        for (count_max, bytes_max) in [(usize::MAX, usize::MAX), (3, usize::MAX), (usize::MAX, 1_000)] {
            assert_eq!(ids(&pool.select(count_max, bytes_max)), ids(&model.select(count_max, bytes_max)));
        }
    }

    /// Whatever was ours was handed out to be forgotten, once.
    fn check_forgotten(&mut self) {
        self.step(&Step::Tick(0));
        self.forgotten.sort();
        self.model.forgotten.sort();
        assert_eq!(self.forgotten, self.model.forgotten);
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(128))]

    #[test]
    fn the_pool_does_what_the_model_does(steps in prop::collection::vec(step(), 1..60)) {
        let mut both = Both::new();
        for step in &steps {
            both.step(step);
            both.check();
        }
        both.check_forgotten();
    }
}
