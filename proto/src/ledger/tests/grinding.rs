//! The gain of a leader that tries out blocks until it draws itself again: fees, and nothing else. SPEC LEAD-4, ABS-3.

use super::*;
use crate::ledger::Standing;
use crate::validators::ValidatorSet;

/// Leader of round 0 of the height after `hash`.
fn next_leader(set: &ValidatorSet, hash: Hash32, height: Height) -> Address {
    leader_for(set, hash, height.next(), Round(0))
}

/// A chain on which some people grind: they try block times until one of them leads the next height as well, and leave
/// as many precommits of others out of each commit as they can.
struct Grinders {
    world: World,
    own: Vec<Address>,
    tried: u64,
    led: u64,
}

impl Grinders {
    fn new(honest: u8, own: u8, stake: u64) -> Self {
        let people = (1..=honest).chain(101..101 + own).map(|person| (person, 1_000, stake));
        let mut world = World::new(&people.collect::<Vec<_>>());
        world.block_ms = 250;
        Self { world, own: (101..101 + own).map(address).collect(), tried: 0, led: 0 }
    }

    fn leads(&self) -> bool {
        let tip = self.world.ledger.tip();
        self.own.contains(&next_leader(self.world.ledger.validators(), tip.hash, tip.height))
    }

    /// Others whose precommits can be left out: together below a third of the stake of the parent's set.
    fn victims(&self) -> Vec<Address> {
        let set = self.world.ledger.tip_validators();
        let mut kept = set.total().0;
        let mut victims = vec![];
        for member in set.members().iter().filter(|member| !self.own.contains(&member.address)) {
            if 3 * (kept - member.stake.0) > 2 * set.total().0 {
                kept -= member.stake.0;
                victims.push(member.address);
            }
        }
        victims
    }

    fn block(&mut self) {
        if !self.leads() {
            self.world.absent.clear();
            self.world.empty_blocks(1);
            return;
        }
        self.world.absent = self.victims();
        let base = self.world.draft(vec![]);
        let tries = (0..1_000).map(|extra| Draft { time: base.time.plus(extra), ..base.clone() });
        let built = tries.map(|draft| self.world.ledger.build_block(draft));
        let mut built = built.inspect(|_| self.tried += 1);
        let again = |built: &BuiltBlock| {
            let (block, set) = (&built.block, built.applied.next_validators());
            self.own.contains(&next_leader(set, block.hash(), block.height()))
        };
        let chosen = built.find(again).expect("one of a thousand");
        self.led += 1;
        self.world.finalise_built(&chosen);
    }

    fn jailed(&self) -> usize {
        self.world.ledger.accounts().filter(|(_, account)| account.standing == Standing::Jailed).count()
    }

    fn share(&self) -> (u64, u64) {
        let set = self.world.ledger.validators();
        let own = set.members().iter().filter(|member| self.own.contains(&member.address));
        (own.map(|member| member.stake.0).sum(), set.total().0)
    }
}

/// SPEC ABS-3: that is 250 s of chain, eight times what is needed to jail a dead member.
#[test]
fn a_grinder_leads_everything_and_gets_nobody_jailed() {
    for (honest, own) in [(18, 2), (3, 1), (7, 3)] {
        let mut grinders = Grinders::new(honest, own, 100);
        let before = grinders.share();
        (0..1_000).for_each(|_| grinders.block());
        assert!(grinders.led > 900, "it led {} of 1,000 blocks", grinders.led);
        assert_eq!((grinders.jailed(), grinders.share()), (0, before), "{own} of {}", honest + own);
    }
}

/// The price, SPEC ABS-3: while a grinder leads everything the dead stay; soon after it stops they go.
#[test]
fn the_dead_are_jailed_as_soon_as_more_than_a_third_of_the_stake_leads_again() {
    let mut grinders = Grinders::new(9, 1, 100);
    let dead = address(1);
    while !grinders.leads() {
        grinders.world.empty_blocks(1);
    }
    (0..500).for_each(|_| grinders.block());
    assert_eq!(grinders.jailed(), 0);
    grinders.world.absent = vec![dead];
    let mut honest = 0;
    while grinders.jailed() == 0 {
        grinders.world.empty_blocks(1);
        honest += 1;
        assert!(honest < 200, "the dead one is never jailed");
    }
    assert_eq!(grinders.world.ledger.account(&dead).standing, Standing::Jailed);
}

/// Just a third is not enough: with 3 of 9 equal validators grinding.
#[test]
fn exactly_a_third_of_the_stake_accuses_nobody() {
    let mut grinders = Grinders::new(6, 3, 100);
    while !grinders.leads() {
        grinders.world.empty_blocks(1);
    }
    (0..400).for_each(|_| grinders.block());
    assert_eq!(grinders.jailed(), 0);
}

/// SPEC ABS-5: candidates with hardly any stake do not count.
#[test]
fn half_of_the_largest_total_of_the_last_hour_stays_whatever_the_number_of_candidates() {
    let mut people: Vec<_> = (1..=9).map(|person| (person, 10, 100)).collect();
    people.extend((51..=70).map(|person| (person, 10, 1)));
    let mut world = World::new(&people);
    let jailed =
        |world: &World| world.ledger.accounts().filter(|(_, account)| account.standing == Standing::Jailed).count();
    let die = |world: &mut World, people: std::ops::RangeInclusive<u8>| {
        for person in people {
            world.absent.push(address(person));
            world.empty_blocks(130);
        }
    };
    die(&mut world, 1..=4);
    assert_eq!(jailed(&world), 4, "520 of 920 remain");
    world.absent.push(address(5));
    world.empty_blocks(130);
    assert_eq!(jailed(&world), 4, "420 are less than half of 920");
    world.block_ms = 3_600_000;
    world.empty_blocks(1);
    world.block_ms = 1_000;
    world.empty_blocks(10);
    assert_eq!(jailed(&world), 4, "the hour before counts as well");
    world.block_ms = 3_600_000;
    world.empty_blocks(1);
    world.block_ms = 1_000;
    world.empty_blocks(10);
    assert_eq!(jailed(&world), 5, "what was long ago does not");
}
