//! Welcome grants: recipients, price, and that the treasury never pays more than it holds. SPEC CLAIM-1 to CLAIM-7.

use super::*;
use crate::claim::{Search, Tries};
use crate::coins::Stake;
use crate::limits;

/// Three grants of 100 micro-BCC and a rest; one a day.
fn world() -> World {
    granting(micros(100), micros(350), 0)
}

fn granting(grant: Coins, treasury: Coins, cap: u32) -> World {
    let parameters = Parameters { grant, grant_cap_basis_points: cap, ..Parameters::default() };
    let people = [1, 2, 3, 4].map(|person| (person, 100, 50));
    World::granting(&people, parameters, treasury)
}

impl World {
    fn newest(&self) -> Hash32 {
        self.ledger.system().recent.last().unwrap().hash
    }

    /// The first number whose work is at least so much.
    fn claim_worth(&self, person: u8, recent: Hash32, tries: u64) -> VerifiedTransaction {
        let search = Search::new(self.ledger.chain(), address(person), recent);
        let work = (0..).find(|work| search.attempt(*work).worth() >= tries).unwrap();
        self.ask(person, Body::Claim { recent, work })
    }

    fn claim(&self, person: u8) -> VerifiedTransaction {
        let tries = self.ledger.grant_terms(self.ledger.tip().time).tries.map_or(1, Tries::count);
        // One more, so that rounding never matters.
        self.claim_worth(person, self.newest(), tries + 1)
    }

    /// A block a day after the one before.
    fn a_day_later(&mut self) {
        let block_ms = std::mem::replace(&mut self.block_ms, limits::GRANTS_MS);
        self.block(vec![]);
        self.block_ms = block_ms;
    }
}

/// SPEC CLAIM-1, CLAIM-5.
#[test]
fn an_account_that_nobody_heard_of_is_paid_from_the_treasury() {
    let mut world = world();
    let claim = world.claim(9);
    let applied = world.block(vec![claim.clone()]);
    let paid = Account { balance: micros(100), claimed: true, ..Account::default() };
    assert_eq!((world.account(9), applied.fees()), (paid, Coins::ZERO));
    assert_eq!(world.ledger.system().treasury, micros(250));
    world.a_day_later();
    assert_eq!(world.refuses(&claim), TxRejected::AlreadyClaimed, "the same once more");
    assert_eq!(world.refuses(&world.claim(9)), TxRejected::AlreadyClaimed, "and another one");
}

/// SPEC CLAIM-1.
#[test]
fn a_chain_without_a_treasury_or_a_grant_has_no_claims() {
    for (grant, treasury) in [(micros(100), Coins::ZERO), (Coins::ZERO, micros(350))] {
        let world = granting(grant, treasury, 0);
        assert_eq!(world.refuses(&world.claim(9)), TxRejected::ClaimsClosed);
        assert_eq!(world.genesis.least_work(), None);
        assert_eq!(world.ledger.system().grants.is_none(), treasury.is_zero(), "its state is what it always was");
    }
    assert_eq!(world().genesis.least_work().map(Tries::count), Some(100));
}

/// SPEC CLAIM-2.
#[test]
fn work_names_a_recent_hash_of_one_of_the_last_1024_blocks() {
    let mut world = world();
    let (tip, stale) = (world.ledger.tip().hash, TxRejected::StaleWork { blocks: 1_024 });
    assert_eq!(tip, world.newest(), "the genesis");
    assert_eq!(world.refuses(&world.claim_worth(9, nobody(), 200)), stale);
    let old = world.claim_worth(9, tip, 200);
    world.block_ms = 1;
    world.empty_blocks(1_023);
    assert_eq!(world.ledger.project(&mut Account::default(), &old), Ok(Coins::ZERO), "for block 1,024");
    world.empty_blocks(1);
    assert_eq!(world.refuses(&old), stale, "in block 1,025");
    assert_eq!(world.refuses(&world.claim_worth(9, world.ledger.tip().hash, 200)), stale, "the tip is not recent yet");
    world.block(vec![world.claim(9)]);
}

/// SPEC CLAIM-3, CLAIM-4.
#[test]
fn a_grant_costs_more_as_the_treasury_empties() {
    let mut world = world();
    let mut prices = vec![];
    for person in [7, 8, 9] {
        let needed = world.ledger.grant_terms(world.ledger.tip().time).tries.unwrap().count();
        let weak = |work| world.ask(person, Body::Claim { recent: world.newest(), work });
        let worth = |claim: &VerifiedTransaction| claim.transaction().work_found().unwrap().worth();
        let weak = (0..).map(weak).find(|claim| worth(claim) < needed).unwrap();
        assert_eq!(world.refuses(&weak), TxRejected::WeakWork { needed, found: worth(&weak) });
        prices.push(needed);
        world.block(vec![world.claim(person)]);
        world.a_day_later();
    }
    assert_eq!(prices, [100, 100 * 350 / 250, 100 * 350 / 150]);
    assert_eq!(world.refuses(&world.claim(6)), TxRejected::TreasuryEmpty { treasury: micros(50) });
}

/// SPEC CLAIM-3: or one search would do for all.
#[test]
fn work_is_of_use_to_nobody_else() {
    let world = world();
    let Body::Claim { recent, work } = world.claim_worth(9, world.newest(), 5_000).transaction().body.clone() else {
        panic!("a claim")
    };
    let other = world.ask(8, Body::Claim { recent, work });
    assert!(matches!(world.refuses(&other), TxRejected::WeakWork { needed: 100, .. }));
}

/// SPEC CLAIM-6: a part of the stake a day, one grant at least.
#[test]
fn grants_of_a_day_take_no_more_than_their_part_of_the_stake() {
    // 1 basis point of 200 BCC: 20,000 micro-BCC, two grants and a rest.
    let mut world = granting(micros(8_000), micros(80_000), 1);
    let terms = |world: &World| world.ledger.grant_terms(world.ledger.tip().time);
    assert_eq!((terms(&world).room, world.ledger.validators().total()), (micros(20_000), Stake(200_000_000)));
    world.block(vec![world.claim(7)]);
    world.block(vec![world.claim(8)]);
    let again = START.plus(limits::GRANTS_MS);
    assert_eq!(world.refuses(&world.claim(9)), TxRejected::GrantsSpent { again });
    assert_eq!(terms(&world).closed, Some(TxRejected::GrantsSpent { again }));
    world.block_ms = again.0 - world.ledger.tip().time.0 - 1;
    let spent = world.draft(vec![world.claim(9)]);
    assert_eq!(world.ledger.build_block(spent).refused.len(), 1, "a millisecond too early");
    world.block_ms += 1;
    let claim = world.claim(9);
    world.block(vec![claim]);
    let grants = world.ledger.system().grants.unwrap();
    assert_eq!((grants.since, grants.room), (again, micros(12_000)), "what was left of the day before is not added");
    world.a_day_later();
    assert_eq!(world.ledger.system().grants, Some(grants), "no span begins unless somebody is paid");
}

/// SPEC CLAIM-7.
#[test]
fn a_block_pays_one_grant() {
    let mut world = granting(micros(100), micros(100_000), 10_000);
    let (first, second) = (world.claim(8), world.claim(9));
    let built = world.ledger.build_block(world.draft(vec![first.clone(), second.clone()]));
    assert_eq!(built.refused, [(second.id(), TxRejected::OneGrantPerBlock)]);
    assert_eq!(built.block.transactions(), [first]);
    world.finalise_built(&built);
    world.block(vec![second]);
    assert_eq!([8, 9].map(|person| world.account(person).balance), [micros(100); 2]);
}

/// A grant can be spent from the next transaction of the same block on.
#[test]
fn a_grant_can_be_spent_in_its_block() {
    let mut world = granting(bcc(1), bcc(1), 0);
    let claim = world.claim_worth(9, world.newest(), 1_000_001);
    let send = world.signed(9, 0, None, Body::Send { to: address(1), amount: micros(500_000), payload: Payload::None });
    world.block(vec![claim, send]);
    assert_eq!(world.account(9).balance, micros(1_000_000 - 500_000 - 15_000));
    assert_eq!(world.ledger.system().treasury, Coins::ZERO);
}
