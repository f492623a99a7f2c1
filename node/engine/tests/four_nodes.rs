//! Four engines in one process on a perfect network with a fixed delay: the plain path, without faults. Everything that
//! can go wrong is the simulator's business; this is the smallest world in which the engine can be debugged.

use blockchat_engine::config::EngineConfig;
use blockchat_engine::effect::{Answer, Effect, Replaced, SubmitOutcome};
use blockchat_engine::engine::Engine;
use blockchat_engine::engine_view::EngineView;
use blockchat_engine::event::{Event, PeerTag, Query, RequestId, Timer};
use blockchat_engine::journal::GuardState;
use blockchat_engine::recovered::{Recovered, RecoveredValidator};
use blockchat_proto::coins::Coins;
use blockchat_proto::genesis::{Genesis, GenesisAccount, Parameters, VerifiedGenesis};
use blockchat_proto::gossip::ConsensusMessage;
use blockchat_proto::hash::Hash32;
use blockchat_proto::keys::{Address, Signer};
use blockchat_proto::leader::leader_for;
use blockchat_proto::ledger::Ledger;
use blockchat_proto::transaction::{Body, Payload, Transaction, VerifiedTransaction};
use blockchat_proto::units::{Height, Round, RulesVersion, UnixMillis};
use blockchat_proto::vote::VerifySignatures;
use std::collections::BTreeMap;

const START: UnixMillis = UnixMillis(1_800_000_000_000);
const DELAY_MS: u64 = 5;

fn signers(count: u8) -> Vec<Signer> {
    (1..=count).map(|seed| Signer::from_seed(&[seed; 32])).collect()
}

fn genesis(signers: &[Signer], capacity: u32) -> VerifiedGenesis {
    let account = |signer: &Signer| GenesisAccount {
        address: signer.address(),
        balance: Coins::from_bcc(1_000),
        stake: Coins::from_bcc(10),
        name: None,
    };
    let mut accounts: Vec<_> = signers.iter().map(account).collect();
    accounts.sort_by_key(|account| account.address);
    let parameters = Parameters { capacity, ..Parameters::default() };
    let genesis = Genesis {
        name: "four".into(),
        time: START,
        parameters,
        treasury: Coins::ZERO,
        accounts,
        version: RulesVersion::FIRST,
    };
    genesis.verify().expect("a sound genesis")
}

struct World {
    genesis: VerifiedGenesis,
    engines: Vec<Engine>,
    now: UnixMillis,
    sequence: u64,
    queue: BTreeMap<(UnixMillis, u64), (usize, Event)>,
    timers: BTreeMap<(usize, Timer), u64>,
    outcomes: Vec<SubmitOutcome>,
    chains: Vec<BTreeMap<Height, Hash32>>,
    unsynced: Vec<bool>,
    /// This one hears of no transactions.
    hears_none: Option<usize>,
    /// Extra delay of this node's messages, in both directions.
    far: Option<(usize, u64)>,
    /// Number of precommits that came too late for a commit and were carried by the next block, by sender.
    carried_late: BTreeMap<Address, usize>,
}

impl World {
    fn new(signers: &[Signer]) -> Self {
        Self::with_capacity(signers, 10)
    }

    fn with_capacity(signers: &[Signer], capacity: u32) -> Self {
        let genesis = genesis(signers, capacity);
        let mut world = Self {
            genesis: genesis.clone(),
            engines: vec![],
            now: START,
            sequence: 0,
            queue: BTreeMap::new(),
            timers: BTreeMap::new(),
            outcomes: vec![],
            chains: vec![BTreeMap::new(); signers.len()],
            unsynced: vec![false; signers.len()],
            hears_none: None,
            far: None,
            carried_late: BTreeMap::new(),
        };
        for (node, signer) in signers.iter().enumerate() {
            let recovered = Recovered {
                ledger: Ledger::at_genesis(&genesis),
                tip_certificate: None,
                journal: vec![],
                own: vec![],
                evidence: vec![],
                validator: Some(RecoveredValidator { signer: signer.clone(), guard: Some(GuardState::START) }),
            };
            let (engine, effects) = Engine::new(EngineConfig::default(), recovered, START).expect("a fresh start");
            world.engines.push(engine);
            world.perform(node, effects);
        }
        world
    }

    fn push(&mut self, after_ms: u64, node: usize, event: Event) -> u64 {
        self.sequence += 1;
        self.queue.insert((self.now.plus(after_ms), self.sequence), (node, event));
        self.sequence
    }

    /// The leader of round 0 of a height of the chain of node 0.
    fn drawn(&self, height: Height) -> Address {
        let parent = Height(height.0 - 1);
        let parent = self.chains[0].get(&parent).copied().unwrap_or_else(|| self.genesis.hash());
        leader_for(self.genesis.validators(), parent, height, Round(0))
    }

    fn delay_ms(&self, node: usize, other: usize) -> u64 {
        DELAY_MS + self.far.filter(|(far, _)| [node, other].contains(far)).map_or(0, |(_, more_ms)| more_ms)
    }

    fn others(&self, node: usize) -> Vec<usize> {
        (0..self.chains.len()).filter(|other| *other != node).collect()
    }

    fn perform(&mut self, node: usize, effects: Vec<Effect>) {
        for effect in effects {
            self.perform_one(node, effect);
        }
    }

    fn perform_one(&mut self, node: usize, effect: Effect) {
        match effect {
            Effect::Journal(_) => self.unsynced[node] = true,
            Effect::Sync(_) => self.unsynced[node] = false,
            Effect::Broadcast(message) => {
                for other in self.others(node) {
                    let event = self.event(node, message.clone());
                    self.push(self.delay_ms(node, other), other, event);
                }
            }
            Effect::GossipTransactions(transactions) => {
                let deaf = self.hears_none;
                for other in self.others(node).into_iter().filter(|other| deaf != Some(*other)) {
                    let ticket = blockchat_engine::event::GossipTicket(0);
                    let event = Event::GossipTransactions { ticket, transactions: transactions.clone() };
                    self.push(DELAY_MS, other, event);
                }
            }
            Effect::StartTimer { timer, after_ms } => {
                let id = self.push(after_ms, node, Event::TimerElapsed(timer));
                self.timers.insert((node, timer), id);
            }
            Effect::CancelTimer(timer) => {
                self.timers.remove(&(node, timer));
            }
            Effect::Finalise(blocks) => {
                for block in blocks.iter().map(|one| &one.block) {
                    let new = self.chains.iter().all(|chain| !chain.contains_key(&block.height()));
                    let late = block.late().filter(|_| new);
                    for part in late.iter().flat_map(|late| &late.signatures) {
                        *self.carried_late.entry(part.validator).or_default() += 1;
                    }
                    self.chains[node].insert(block.height(), block.hash());
                }
            }
            Effect::Reply { outcomes, .. } => self.outcomes.extend(outcomes.into_iter().map(|(_, outcome)| outcome)),
            Effect::Halt(fault) => panic!("node {node} halts: {fault}"),
            _ => {}
        }
    }

    fn event(&self, from: usize, message: ConsensusMessage) -> Event {
        let chain = self.genesis.hash();
        let from = PeerTag(u64::try_from(from).expect("small"));
        match message {
            ConsensusMessage::Vote(vote) => Event::Vote { from, vote: vote.verify(chain).expect("signed") },
            ConsensusMessage::Proposal { proposal, block } => Event::Proposal {
                from,
                proposal: proposal.verify(chain).expect("signed"),
                block: block.map(|block| block.verify(chain, |_| None).expect("well made")),
            },
            ConsensusMessage::RoundCertificate(certificate) => {
                Event::RoundCertificate { from, certificate: certificate.verify(chain).expect("signed") }
            }
        }
    }

    /// Runs until `done` or this much virtual time has passed.
    fn run_until(&mut self, most_ms: u64, done: impl Fn(&Self) -> bool) {
        let end = self.now.plus(most_ms);
        while !done(self) {
            let Some(((at, id), (node, event))) = self.queue.pop_first() else {
                panic!("nothing left to happen");
            };
            assert!(at <= end, "not done after {most_ms} ms: {:?}", self.engines[0].view(self.now));
            self.now = at;
            if let Event::TimerElapsed(timer) = &event {
                if self.timers.get(&(node, *timer)) != Some(&id) {
                    continue;
                }
                self.timers.remove(&(node, *timer));
            }
            let effects = self.engines[node].handle(event, at);
            self.perform(node, effects);
        }
    }
}

fn payment(world: &World, from: &Signer, to: &Signer, nonce: u64) -> VerifiedTransaction {
    let chain = world.genesis.hash();
    let body = Body::Send { to: to.address(), amount: Coins::from_bcc(1), payload: Payload::Plain("hello".into()) };
    let transaction = Transaction { chain, sender: from.address(), nonce, expiry: None, body };
    transaction.sign(from).verify(chain).expect("well made")
}

#[test]
fn four_nodes_decide_the_same_blocks_and_final_payments_arrive() {
    let signers = signers(4);
    let mut world = World::new(&signers);
    let transactions = (0..25).map(|nonce| payment(&world, &signers[0], &signers[1], nonce)).collect();
    world.push(1, 0, Event::SubmitTransactions { request: RequestId(1), transactions, replaces: None });
    world.run_until(60_000, |world| {
        world.engines.iter().all(|engine| engine.ledger().account(&signers[0].address()).next_nonce == 25)
    });
    assert_eq!(world.outcomes, vec![SubmitOutcome::Pooled; 25]);
    assert!(world.chains.iter().all(|chain| chain[&Height(1)] == world.chains[0][&Height(1)]));
    let waited = world.now.since(START);
    assert!(waited < 1_500, "three blocks of ten take well under six block intervals, not {waited} ms");
}

/// SPEC API-12, TX-7. Whenever the second comes, even while a proposal holds the first: one of the two is final, on all
/// nodes the same, and no pool keeps the other.
#[test]
fn of_a_transaction_and_its_replacement_one_becomes_final_whenever_it_comes() {
    let signers = signers(4);
    let (mut first_won, mut second_won) = (0, 0);
    for after_ms in 0..120 {
        let mut world = World::new(&signers);
        let first = payment(&world, &signers[0], &signers[1], 0);
        let body = Body::Send { to: signers[2].address(), amount: Coins::from_bcc(200), payload: Payload::None };
        let second = Transaction { body, ..first.transaction().clone() };
        let second = second.sign(&signers[0]).verify(world.genesis.hash()).expect("well made");
        let replaces = Some(first.id());
        let hand_in =
            |transactions, replaces| Event::SubmitTransactions { request: RequestId(1), transactions, replaces };
        world.push(1, 0, hand_in(vec![first.clone()], None));
        world.push(1 + after_ms, 3, hand_in(vec![second.clone()], replaces));
        world.run_until(60_000, |world| {
            let is_final = |engine: &Engine| engine.ledger().account(&signers[0].address()).next_nonce == 1;
            world.engines.iter().all(is_final) && world.outcomes.len() == 2
        });
        // The second pays so much more that it shows, whichever leader gets the fee.
        let left = |engine: &Engine| engine.ledger().account(&signers[0].address()).balance;
        match world.engines.iter().filter(|engine| left(engine) > Coins::from_bcc(900)).count() {
            4 => first_won += 1,
            0 => second_won += 1,
            some => panic!("after {after_ms} ms: the first is final on {some} of four nodes"),
        }
        let now = world.now;
        assert!(world.engines.iter().all(|engine| engine.view(now).pool_transactions == 0), "after {after_ms} ms");
    }
    assert!(first_won > 0 && second_won > 0, "{first_won} to {second_won}: only one side was tried");
}

/// SPEC TIME-3. It was restarted, say: when it leads, the others have begun and wait for it, and it knows of nothing to do.
#[test]
fn a_leader_that_has_not_heard_of_the_transactions_holds_nobody_up() {
    let signers = signers(4);
    let mut world = World::new(&signers);
    world.hears_none = Some(3);
    let transactions = (0..150).map(|nonce| payment(&world, &signers[0], &signers[1], nonce)).collect();
    world.push(1, 0, Event::SubmitTransactions { request: RequestId(1), transactions, replaces: None });
    world.run_until(60_000, |world| {
        world.engines.iter().all(|engine| engine.ledger().account(&signers[0].address()).next_nonce == 150)
    });
    let heights = u64::try_from(world.chains[0].len()).expect("few");
    let waited = world.now.since(START);
    assert!(heights > 15, "the last node led at least once, and had nothing to propose");
    // Only a full block tells it that there is something to hear of: leading again after its own empty one, it waits.
    let deaf = signers[3].address();
    let drawn: Vec<bool> = (1..=heights).map(|height| world.drawn(Height(height)) == deaf).collect();
    let in_vain = drawn.windows(2).filter(|pair| pair[0] && pair[1]).count() + usize::from(drawn[0]);
    let config = EngineConfig::default();
    let round_ms = world.genesis.genesis().parameters.block_interval_ms + config.propose_ms + config.precommit_ms;
    let bound = heights * 10 * DELAY_MS + u64::try_from(in_vain).expect("few") * round_ms;
    assert!(waited < bound, "{heights} heights took {waited} ms of {bound}: somebody waited for a timeout");
}

/// SPEC BLOCK-7, ABS-1. It is one delay further away than the others: when the next block is proposed, its precommit is
/// still on its way.
#[test]
fn a_distant_validator_is_counted_present() {
    let signers = signers(4);
    let mut world = World::with_capacity(&signers, 1);
    world.far = Some((3, DELAY_MS));
    let transactions = (0..120).map(|nonce| payment(&world, &signers[0], &signers[1], nonce)).collect();
    world.push(1, 0, Event::SubmitTransactions { request: RequestId(1), transactions, replaces: None });
    world.run_until(60_000, |world| {
        world.engines.iter().all(|engine| engine.ledger().account(&signers[0].address()).next_nonce == 120)
    });
    let far = signers[3].address();
    let late = world.carried_late.get(&far).copied().unwrap_or(0);
    assert!(late > 60, "only {late} of 120 writes lacked its precommit: it is not far away");
    let missing = world.engines[0].ledger().account(&far).window.missing.count();
    assert!(missing <= 3, "missing from {missing} of the last blocks, although it was there");
    let near = world.carried_late.iter().filter(|(who, _)| **who != far).map(|(_, count)| *count).max();
    assert!(
        near.unwrap_or(0) < late / 2,
        "the near ones are late only where the distant one leads: {near:?} of {late}"
    );
}

#[test]
fn an_idle_chain_makes_an_empty_block_after_the_idle_interval() {
    let mut world = World::new(&signers(4));
    world.run_until(11_000, |world| world.chains.iter().all(|chain| chain.len() == 1));
    assert!(world.now.since(START) >= 10_000);
}

#[test]
fn a_single_validator_decides_alone() {
    let signers = signers(1);
    let mut world = World::new(&signers);
    world.run_until(25_000, |world| world.chains[0].len() == 2);
}

/// It once began each height inside the decision of the one before: the pool's size was the depth of the stack.
#[test]
fn whoever_decides_alone_works_off_a_full_pool_one_height_an_event() {
    let signers = signers(1);
    let mut world = World::with_capacity(&signers, 1);
    let (chain, sender) = (world.genesis.hash(), signers[0].address());
    let pay = |nonce| {
        let body = Body::Send { to: sender, amount: Coins::from_micros(1).expect("few"), payload: Payload::None };
        let transaction = Transaction { chain, sender, nonce, expiry: None, body };
        transaction.sign(&signers[0]).verify(chain).expect("well made")
    };
    let event =
        Event::SubmitTransactions { request: RequestId(1), transactions: (0..500).map(pay).collect(), replaces: None };
    let effects = world.engines[0].handle(event, START);
    let writes = effects.iter().filter(|effect| matches!(effect, Effect::Finalise(_))).count();
    assert_eq!(writes, 1, "one event, one height");
    world.perform(0, effects);
    world.run_until(10_000, |world| world.chains[0].len() == 500);
}

/// SPEC API-12.
#[test]
fn what_the_pool_replaces_comes_out_once_with_the_event_that_replaced_it() {
    let signers = signers(1);
    let mut world = World::new(&signers);
    let (first, second) = (pay_self(&world, &signers[0], 100), pay_self(&world, &signers[0], 200));
    let mut told = |event| {
        let effects = world.engines[0].handle(event, START);
        let replaced = effects.into_iter().filter_map(|effect| match effect {
            Effect::Replaced(all) => Some(all),
            _ => None,
        });
        replaced.collect::<Vec<_>>()
    };
    let submit = |transaction: &VerifiedTransaction, replaces| {
        let transactions = vec![transaction.clone()];
        Event::SubmitTransactions { request: RequestId(1), transactions, replaces }
    };
    assert!(told(submit(&first, None)).is_empty());
    assert!(told(submit(&second, None)).is_empty(), "it names nothing");
    let replaced = Replaced { id: first.id(), by: second.id(), sender: signers[0].address(), nonce: 0 };
    assert_eq!(told(submit(&second, Some(first.id()))), [[replaced]]);
    assert!(told(Event::TimerElapsed(Timer::Mempool)).is_empty(), "once");
}

fn pay_self(world: &World, signer: &Signer, amount: u64) -> VerifiedTransaction {
    let chain = world.genesis.hash();
    let body = Body::Send { to: signer.address(), amount: Coins::from_bcc(amount), payload: Payload::None };
    let transaction = Transaction { chain, sender: signer.address(), nonce: 0, expiry: None, body };
    transaction.sign(signer).verify(chain).expect("well made")
}

/// The answers to readers.
fn asked(world: &mut World, node: usize, query: Query) -> Answer {
    let effects = world.engines[node].handle(Event::Query { request: RequestId(9), query }, world.now);
    let mut answers = effects.into_iter().filter_map(|effect| match effect {
        Effect::Answer { answer, .. } => Some(answer),
        _ => None,
    });
    answers.next().expect("every query is answered")
}

fn consensus(world: &mut World, node: usize) -> EngineView {
    match asked(world, node, Query::Consensus) {
        Answer::Consensus(view) => *view,
        other => panic!("not {other:?}"),
    }
}

#[test]
fn readers_see_the_round_under_way_who_voted_in_it_and_what_it_waits_for() {
    let signers = signers(4);
    let mut world = World::new(&signers);
    let before = consensus(&mut world, 0);
    assert_eq!((before.begun, before.height, before.rounds.len()), (false, Height(1), 0));
    assert!(before.timers.iter().any(|(timer, _, until)| *timer == Timer::Pace(Height(1)) && *until > world.now));
    let transactions = vec![payment(&world, &signers[0], &signers[1], 0)];
    world.push(1, 0, Event::SubmitTransactions { request: RequestId(1), transactions, replaces: None });
    // The first votes are on their way when one node has heard one and none has decided.
    let (mut most_heard, mut looks) = (0, vec![]);
    while world.chains.iter().all(BTreeMap::is_empty) {
        let queued = world.queue.len();
        world.run_until(60_000, |world| world.queue.len() != queued || world.chains.iter().any(|all| !all.is_empty()));
        let view = consensus(&mut world, 0);
        let Some(round) = view.rounds.first().filter(|_| view.begun) else { continue };
        assert_eq!((round.round, round.leader), (Round(0), world.drawn(Height(1))));
        assert_eq!(view.leaders[0], (Round(0), round.leader));
        assert!(view.leaders[..4].iter().all(|(_, leader)| signers.iter().any(|one| one.address() == *leader)));
        looks.push((world.now.since(START), round.proposal.is_some(), round.prevotes.clone()));
        let Some(proposal) = round.proposal else { continue };
        assert!(proposal.holds.is_some_and(|(transactions, bytes)| transactions == 1 && bytes > 0));
        let heard: Vec<_> = round.prevotes.iter().flatten().collect();
        assert!(heard.iter().all(|value| **value == Some(proposal.block)), "all are honest and on time: {round:?}");
        most_heard = most_heard.max(heard.len());
    }
    assert!(most_heard >= 3, "only {most_heard} of four prevotes were ever seen: {looks:?}");
}

/// The fourth is so far away that nothing it says comes in time.
#[test]
fn readers_see_who_led_who_signed_and_who_is_missing() {
    let signers = signers(4);
    let mut world = World::with_capacity(&signers, 1);
    world.far = Some((3, 1_000_000));
    let transactions = (0..40).map(|nonce| payment(&world, &signers[0], &signers[1], nonce)).collect();
    world.push(1, 0, Event::SubmitTransactions { request: RequestId(1), transactions, replaces: None });
    world.run_until(600_000, |world| world.engines[0].ledger().tip().height >= Height(40));
    let (far, view) = (signers[3].address(), consensus(&mut world, 0));
    assert_eq!(view.decided.len(), 40);
    assert_eq!(view.decided[0].height, Height(40), "newest first");
    for decided in &view.decided {
        let place = decided.members.members().iter().position(|member| member.address == far).expect("a member");
        assert!(!decided.signed[place] && decided.leader != far && !decided.caught_up, "{decided:?}");
        assert_eq!(decided.signed.iter().filter(|signed| **signed).count(), 3);
        assert_eq!(decided.transactions, 1);
        assert!(decided.seen_to_final_ms.is_some_and(|ms| ms >= 2 * DELAY_MS), "{decided:?}");
    }
    let Answer::Validators(facts) = asked(&mut world, 0, Query::Validators) else { panic!("validators") };
    assert_eq!(facts.iter().map(|one| one.counted).collect::<Vec<_>>(), [40; 4]);
    assert_eq!(facts.iter().map(|one| one.led).sum::<u32>(), 40);
    let missing = facts.iter().find(|one| one.address == far).expect("listed");
    assert_eq!((missing.led, missing.missed, missing.missed_in_a_row), (0, 40, 40));
    assert_eq!(missing.fair_ppm_blocks, 40 * 250_000);
    assert_eq!(facts.iter().filter(|one| one.missed == 0).count(), 3);
}

#[test]
fn the_pool_is_listed_in_parts_that_leave_nothing_out() {
    let signers = signers(4);
    let mut world = World::new(&signers);
    let mut transactions = vec![];
    for signer in &signers[..3] {
        // The last one waits for nonce 5.
        let nonces = (0..5).chain([6]);
        transactions.extend(nonces.map(|nonce| payment(&world, signer, &signers[3], nonce)));
    }
    let effects = world.engines[0]
        .handle(Event::SubmitTransactions { request: RequestId(1), transactions, replaces: None }, START);
    drop(effects);
    let (mut all, mut after) = (vec![], None);
    loop {
        let Answer::Pool(part) = asked(&mut world, 0, Query::Pool { after, of: None, limit: 4 }) else {
            panic!("pool")
        };
        assert!(part.rows.len() <= 4);
        all.extend(part.rows);
        after = part.next;
        if after.is_none() {
            break;
        }
    }
    let places: Vec<_> =
        all.iter().map(|row| (row.transaction.sender(), row.queued, row.transaction.nonce())).collect();
    assert_eq!(places.len(), 18);
    assert!(places.is_sorted(), "{places:?}");
    assert!(all.iter().all(|row| row.since == START && row.queued == (row.transaction.nonce() == 6)));
    let of = Some(signers[1].address());
    let Answer::Pool(own) = asked(&mut world, 0, Query::Pool { after: None, of, limit: 100 }) else { panic!("pool") };
    assert!(own.rows.len() == 6 && own.rows.iter().all(|row| Some(row.transaction.sender()) == of));
}
