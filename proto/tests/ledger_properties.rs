//! Random chains against a slow, obvious model: plain signed integers, vectors, everything looked at every time.
//!
//! After every block: the same accounts, the same refusals, the same validators, the same state root recomputed from
//! nothing, as many coins as ever but for those that evidence burned. What one node builds, another accepts from its bytes.

use blockchat_proto::block::Block;
use blockchat_proto::codec;
use blockchat_proto::coins::{Coins, MICROS_PER_BCC};
use blockchat_proto::genesis::{Genesis, GenesisAccount, Parameters, VerifiedGenesis};
use blockchat_proto::hash::{Hash32, Hasher, label};
use blockchat_proto::keys::{Address, Signer};
use blockchat_proto::leader::leader_for;
use blockchat_proto::ledger::{
    Account, BlockBits, Churn, Draft, Grants, Ledger, Mark, Peak, RecentBlock, Standing, System, Unbonding, Window,
};
use blockchat_proto::transaction::{Body, Payload, Transaction, VerifiedTransaction};
use blockchat_proto::units::{Height, Round, RulesVersion, UnixMillis};
use blockchat_proto::vote::{Certificate, CommitSignature, Evidence, LatePrecommits, Vote, VoteKind};
use proptest::prelude::*;
use serde::Serialize;
use sha2::{Digest, Sha256};
use std::collections::BTreeMap;

const PEOPLE: u8 = 8;
const UNBONDING_MS: u64 = 60_000;
const FLOOR: usize = 3;
const START: u64 = 1_000;
const DAY_MS: u64 = 24 * 3_600_000;
const HOUR_MS: u64 = 3_600_000;
const CHURN_MS: u64 = 5_000;
const EVIDENCE_MS: u64 = 40_000;
/// Five grants and a rest, two a day while all are staked.
const TREASURY: i128 = 22_000;
const GRANT: i128 = 4_000;

fn coins(micros: i128) -> Coins {
    Coins::from_micros(u64::try_from(micros).expect("never negative")).expect("never above the cap")
}

fn bcc(amount: u16) -> i128 {
    i128::from(amount) * i128::from(MICROS_PER_BCC)
}

fn parameters() -> Parameters {
    let (stake_max, validators_min) = (coins(bcc(60)), u32::try_from(FLOOR).expect("small"));
    let (unbonding_ms, evidence_window_ms, churn_ms) = (UNBONDING_MS, EVIDENCE_MS, CHURN_MS);
    let (grant, grant_cap_basis_points) = (coins(GRANT), 1);
    Parameters {
        stake_max,
        validators_min,
        unbonding_ms,
        evidence_window_ms,
        churn_ms,
        grant,
        grant_cap_basis_points,
        ..Parameters::default()
    }
}

fn signers() -> Vec<Signer> {
    (0..PEOPLE).map(|person| Signer::from_seed(&[person + 1; 32])).collect()
}

/// Five validators, three people with coins only.
fn genesis(signers: &[Signer]) -> VerifiedGenesis {
    let funded = |(index, signer): (usize, &Signer)| {
        let stake = if index < 5 { bcc(20) } else { 0 };
        GenesisAccount { address: signer.address(), balance: coins(bcc(200)), stake: coins(stake), name: None }
    };
    let mut accounts: Vec<_> = signers.iter().enumerate().map(funded).collect();
    accounts.sort_by_key(|account| account.address);
    let (name, time, treasury) = ("properties".into(), UnixMillis(START), coins(TREASURY));
    Genesis { name, time, parameters: parameters(), treasury, accounts, version: RulesVersion::FIRST }
        .verify()
        .expect("a good genesis")
}

// ---- What may happen ----

#[derive(Clone, Debug)]
enum Ask {
    Send {
        to: u8,
        micros: u64,
        text: u8,
    },
    Stake {
        amount: u16,
    },
    /// Names the recent block so many before the newest, or nothing known.
    Activate {
        back: u8,
    },
    /// Names the recent block so many before the newest, or nothing known; mostly with as much work as needed.
    Claim {
        back: u8,
        weak: bool,
    },
    Announce {
        version: u16,
    },
}

#[derive(Clone, Debug)]
struct Request {
    person: u8,
    ask: Ask,
    /// Added to the right nonce; mostly 0.
    nonce_off: u64,
    expiry_off: Option<u8>,
}

#[derive(Clone, Debug)]
struct Step {
    requests: Vec<Request>,
    /// Which of the first two people are absent.
    absent: [bool; 2],
    /// Which of them come late with their precommit.
    late: [bool; 2],
    wait_ms: u64,
    /// Contradictions of people, so many heights ago.
    lies: Vec<(u8, u64)>,
    /// Empty blocks after this one, of the same kind.
    idle: u8,
}

fn ask() -> impl Strategy<Value = Ask> {
    let micros = prop_oneof![Just(0), 1..100_u64, 1..150 * MICROS_PER_BCC];
    prop_oneof![
        4 => (0..PEOPLE, micros, 0..9_u8).prop_map(|(to, micros, text)| Ask::Send { to, micros, text }),
        4 => prop_oneof![Just(0), 1..70_u16].prop_map(|amount| Ask::Stake { amount }),
        4 => (0..3_u8).prop_map(|back| Ask::Activate { back }),
        3 => (0..3_u8, prop::bool::weighted(0.2)).prop_map(|(back, weak)| Ask::Claim { back, weak }),
        6 => prop_oneof![1 => 0..5_u16, 4 => Just(3)].prop_map(|version| Ask::Announce { version }),
    ]
}

fn request() -> impl Strategy<Value = Request> {
    let nonce_off = prop_oneof![9 => Just(0), 1 => 1..3_u64];
    (0..PEOPLE, ask(), nonce_off, prop::option::weighted(0.1, 0..3_u8))
        .prop_map(|(person, ask, nonce_off, expiry_off)| Request { person, ask, nonce_off, expiry_off })
}

fn step() -> impl Strategy<Value = Step> {
    let absent = prop_oneof![2 => Just([true, false]), 1 => Just([true, true]), 1 => Just([false, false])];
    let wait = prop_oneof![8 => 1..2_000_u64, 2 => 1..UNBONDING_MS + 1, 1 => Just(DAY_MS)];
    let late = prop_oneof![2 => Just([false, false]), 1 => Just([true, false]), 1 => Just([false, true])];
    let lie = (0..PEOPLE, prop_oneof![3 => 0..3_u64, 1 => 0..80_u64]);
    let lies = prop_oneof![9 => Just(vec![]), 1 => prop::collection::vec(lie, 1..3)];
    (prop::collection::vec(request(), 0..6), absent, late, wait, lies, prop_oneof![3 => Just(0), 1 => 1..70_u8])
        .prop_map(|(requests, absent, late, wait_ms, lies, idle)| Step { requests, absent, late, wait_ms, lies, idle })
}

// ---- The model ----

#[derive(Clone, Debug)]
struct Person {
    address: Address,
    balance: i128,
    stake: i128,
    nonce: u64,
    unbonding: Vec<(i128, u64)>,
    standing: Standing,
    /// The last block that said something about it.
    newest: u64,
    /// Blocks from which its precommit was missing, and those that it led, for ever.
    missed: Vec<u64>,
    led: Vec<u64>,
    last_present: u64,
    power: i128,
    waiting_since: u64,
    /// Times, for ever.
    jailed: Vec<u64>,
    announced: u16,
    claimed: bool,
}

struct Model {
    chain: Hash32,
    people: Vec<Person>,
    recent: Vec<RecentBlock>,
    /// Members with their power.
    decided: Vec<(Address, i128)>,
    next: Vec<(Address, i128)>,
    /// Of every block since the genesis.
    leaders: Vec<Address>,
    churn: (u64, i128),
    peak: (u64, i128, i128),
    marks: Vec<(u64, u64)>,
    burned: i128,
    treasury: i128,
    /// The start of the span, and the coins that may still be granted in it.
    grants: (u64, i128),
    /// The block has paid one.
    granted: bool,
    height: u64,
    time: u64,
    version: u16,
    next_begins: Option<u64>,
}

impl Person {
    fn is_candidate(&self) -> bool {
        self.standing == Standing::Active && self.power > 0
    }

    /// The bits of the blocks `heights`, seen from the newest one.
    fn bits(&self, heights: &[u64]) -> BlockBits {
        let ages = heights.iter().map(|height| self.newest - height).filter(|age| *age < 100);
        let bits: u128 = ages.map(|age| 1 << age).sum();
        BlockBits { high: u64::try_from(bits >> 64).unwrap(), low: bits as u64 }
    }

    fn jailings(&self) -> u32 {
        let gaps = self.jailed.windows(2).rev().take_while(|pair| pair[1] - pair[0] < DAY_MS);
        u32::try_from(gaps.count()).unwrap() + u32::from(!self.jailed.is_empty())
    }

    /// `since`: when it added stake or activated.
    fn adjust_power(&mut self, since: Option<u64>) {
        self.power = self.power.min(self.stake);
        let waits = self.standing == Standing::Active && self.power < self.stake;
        self.waiting_since = if waits { since.unwrap_or(self.waiting_since) } else { 0 };
    }

    fn may_activate_at(&self) -> u64 {
        let Some(last) = self.jailed.last() else { return 0 };
        let mut wait = 30_000;
        for _ in 1..self.jailings() {
            wait = (wait * 2).min(HOUR_MS);
        }
        last + wait
    }

    fn account(&self) -> Account {
        let (missing, led) = (self.bits(&self.missed), self.bits(&self.led));
        let entry =
            |(amount, release): &(i128, u64)| Unbonding { amount: coins(*amount), release: UnixMillis(*release) };
        Account {
            balance: coins(self.balance),
            stake: coins(self.stake),
            next_nonce: self.nonce,
            unbonding: self.unbonding.iter().map(entry).collect(),
            claimed: self.claimed,
            standing: self.standing,
            window: Window { newest: Height(self.newest), missing, led },
            last_present: UnixMillis(self.last_present),
            power: coins(self.power),
            waiting_since: UnixMillis(self.waiting_since),
            jailings: self.jailings(),
            last_jailed: UnixMillis(self.jailed.last().copied().unwrap_or(0)),
            announced: RulesVersion(self.announced),
        }
    }
}

impl Model {
    fn new(ledger: &Ledger, signers: &[Signer]) -> Self {
        let time = ledger.tip().time.0;
        let person = |(index, signer): (usize, &Signer)| {
            let (stake, standing, last_present) =
                if index < 5 { (bcc(20), Standing::Active, time) } else { (0, Standing::Inactive, 0) };
            let (address, balance, unbonding, power) = (signer.address(), bcc(200), vec![], stake);
            let (nonce, newest, missed, led, jailed) = (0, 0, vec![], vec![], vec![]);
            Person {
                address,
                balance,
                stake,
                nonce,
                unbonding,
                standing,
                newest,
                missed,
                led,
                last_present,
                power,
                waiting_since: 0,
                jailed,
                announced: 0,
                claimed: false,
            }
        };
        let chain = ledger.chain();
        let recent = vec![RecentBlock { height: Height(0), hash: chain, time: UnixMillis(time) }];
        let people = signers.iter().enumerate().map(person).collect();
        let total = 5 * bcc(20);
        let mut model = Self {
            chain,
            people,
            recent,
            decided: vec![],
            next: vec![],
            leaders: vec![],
            churn: (time, total / 8),
            peak: (time, total, 0),
            marks: vec![(0, time)],
            burned: 0,
            treasury: TREASURY,
            grants: (time, (total / 10_000).max(GRANT)),
            granted: false,
            height: 0,
            time,
            version: 1,
            next_begins: None,
        };
        model.next = model.candidates();
        model.decided = model.next.clone();
        model
    }

    fn candidates(&self) -> Vec<(Address, i128)> {
        let standing = self.people.iter().filter(|person| person.is_candidate());
        let mut members: Vec<_> = standing.map(|person| (person.address, person.power)).collect();
        members.sort();
        members
    }

    /// Did it punish? Of a lie about this height.
    fn punish(&mut self, liar: Address, height: u64) -> bool {
        let earliest = self.marks.iter().filter(|mark| mark.0 < height).map(|mark| mark.1).max();
        let liar = self.people.iter_mut().find(|person| person.address == liar).expect("a person");
        let Some(earliest) = earliest.filter(|_| height <= self.height) else { return false };
        if liar.standing == Standing::Barred || liar.stake == 0 && liar.unbonding.is_empty() {
            return false;
        }
        let mut burn = |amount: &mut i128| {
            let share = *amount * 500 / 10_000;
            *amount -= share;
            self.burned += share;
        };
        burn(&mut liar.stake);
        let young = |entry: &&mut (i128, u64)| entry.1 - UNBONDING_MS >= earliest;
        liar.unbonding.iter_mut().filter(young).for_each(|entry| burn(&mut entry.0));
        liar.standing = Standing::Barred;
        liar.adjust_power(None);
        true
    }

    /// The next block has this time, and carries evidence of these lies, each of a person about a height; which punished?
    fn begin(&mut self, time: u64, lies: &[(Address, u64)]) -> Vec<bool> {
        (self.height, self.time, self.granted) = (self.height + 1, time, false);
        lies.iter().map(|(liar, height)| self.punish(*liar, *height)).collect()
    }

    fn absences(&mut self, present: &[Address], late: &[Address], leader: Address) {
        let time = self.time;
        self.leaders.push(leader);
        for person in &mut self.people {
            let counts = person.standing == Standing::Active && person.missed.last() == Some(&(self.height - 1));
            if counts && late.contains(&person.address) {
                person.missed.pop();
                person.last_present = time;
            }
        }
        if self.height > 1 {
            self.presence(present);
            self.jail();
        }
        let leader = self.people.iter_mut().find(|person| person.address == leader).expect("a person");
        leader.newest = self.height;
        leader.led.push(self.height);
    }

    fn presence(&mut self, present: &[Address]) {
        let (height, time) = (self.height, self.time);
        for person in &mut self.people {
            let decides = self.decided.iter().any(|(member, _)| *member == person.address);
            if decides && person.standing == Standing::Active {
                person.newest = height;
                if present.contains(&person.address) {
                    person.last_present = time;
                } else {
                    person.missed.push(height);
                }
            }
        }
    }

    /// The power of the leaders of the blocks that a person missed in a row, up to this one.
    fn accusers(&self, person: &Person) -> i128 {
        let row = (1..=self.height).rev().take_while(|height| person.missed.contains(height)).take(100);
        let leaders: Vec<_> = row.map(|height| self.leaders[usize::try_from(height).unwrap() - 1]).collect();
        self.decided.iter().filter(|(member, _)| leaders.contains(member)).map(|(_, power)| power).sum()
    }

    fn jail(&mut self) {
        let total: i128 = self.decided.iter().map(|(_, power)| power).sum();
        let gone = self.people.iter().filter(|person| {
            let missed = person.missed.iter().filter(|missed| self.height - **missed < 100).count();
            let long = missed > 90 && self.time - person.last_present >= 30_000;
            let decides = self.decided.iter().any(|(member, _)| *member == person.address);
            long && person.standing == Standing::Active && decides && 3 * self.accusers(person) > total
        });
        let Some(worst) = gone.map(|person| (person.last_present, person.address)).min() else { return };
        let candidates = self.candidates();
        let in_set = |address: &Address| self.next.iter().any(|(member, _)| member == address);
        let others = candidates.iter().filter(|(address, _)| *address != worst.1 && in_set(address));
        let left: i128 = others.map(|(_, power)| power).sum();
        if candidates.len() > FLOOR && 2 * left > self.peak.1.max(self.peak.2) {
            let worst = self.people.iter_mut().find(|person| person.address == worst.1).expect("a person");
            worst.standing = Standing::Jailed;
            worst.waiting_since = 0;
            worst.jailed.push(self.time);
        }
    }

    /// The queue for power: first come, first served.
    fn ramp(&mut self) {
        let mut queue: Vec<_> = self.people.iter().filter(|person| person.waiting_since > 0).collect();
        queue.sort_by_key(|person| (person.waiting_since, person.address));
        let queue: Vec<_> = queue.into_iter().map(|person| person.address).collect();
        let total: i128 = self.next.iter().map(|(_, power)| power).sum();
        for address in queue {
            let is_free = self.candidates().len() < FLOOR;
            if !is_free && self.time - self.churn.0 >= CHURN_MS {
                self.churn = (self.time, (total / 8).max(bcc(1)));
            }
            let person = self.people.iter_mut().find(|person| person.address == address).expect("a person");
            let wanted = person.stake - person.power;
            let given = if is_free { wanted } else { wanted.min(self.churn.1) };
            person.power += given;
            self.churn.1 -= if is_free { 0 } else { given };
            person.waiting_since = if given == wanted { 0 } else { person.waiting_since };
        }
    }

    /// Was it applied, and what was its fee?
    fn transaction(&mut self, transaction: &Transaction) -> Option<i128> {
        let index = self.people.iter().position(|person| person.address == transaction.sender)?;
        let others = self.candidates().len() - usize::from(self.people[index].is_candidate());
        let (time, recent, version) = (self.time, &self.recent, self.version);
        let sender = &mut self.people[index];
        if transaction.expiry.is_some_and(|expiry| self.height > expiry.0) {
            return None;
        }
        let right_nonce = transaction.nonce == sender.nonce;
        let fee = match &transaction.body {
            Body::Send { to, amount, payload } => {
                let amount = i128::from(amount.micros());
                let letters =
                    if let Payload::Plain(text) = payload { bcc(u16::try_from(text.len()).unwrap()) } else { 0 };
                let fee = ((amount * 3 + 99) / 100 + letters).max(1_000);
                if !right_nonce || sender.balance < amount + fee {
                    return None;
                }
                sender.balance -= amount + fee;
                let receiver = self.people.iter_mut().find(|person| person.address == *to)?;
                receiver.balance += amount;
                fee
            }
            Body::Stake { amount } => {
                let new = i128::from(amount.micros());
                let added = new - sender.stake;
                let range = new == 0 || (bcc(1)..=bcc(60)).contains(&new);
                let last = new == 0 && sender.is_candidate() && others < FLOOR;
                let full = added < 0 && sender.unbonding.len() == 8;
                let barred = added > 0 && sender.standing == Standing::Barred;
                if !right_nonce
                    || added == 0
                    || !range
                    || last
                    || full
                    || barred
                    || sender.balance < added.max(0) + 1_000
                {
                    return None;
                }
                sender.balance -= added.max(0) + 1_000;
                if added < 0 {
                    sender.unbonding.push((-added, time + UNBONDING_MS));
                }
                if (new == 0 || sender.stake == 0) && sender.standing != Standing::Barred {
                    sender.standing = Standing::Inactive;
                }
                sender.stake = new;
                sender.adjust_power((added > 0).then_some(time));
                1_000
            }
            Body::Activate { recent: named } => {
                let known = recent.iter().any(|block| block.hash == *named && block.time.0 >= sender.last_present);
                let stands = [Standing::Active, Standing::Barred].contains(&sender.standing);
                if sender.stake == 0 || stands || !known || time < sender.may_activate_at() {
                    return None;
                }
                sender.standing = Standing::Active;
                sender.last_present = time;
                sender.missed.clear();
                sender.adjust_power(Some(time));
                return Some(0);
            }
            Body::Claim { recent: named, work } => {
                let known = recent.iter().any(|block| block.hash == *named && block.height.0 + 1_024 >= self.height);
                let found = work_of(self.chain, sender.address, *named, *work);
                let total: i128 = self.next.iter().map(|(_, power)| power).sum();
                let span =
                    if time - self.grants.0 < DAY_MS { self.grants } else { (time, (total / 10_000).max(GRANT)) };
                let closed = self.granted || self.treasury < GRANT || span.1 < GRANT;
                if closed || sender.claimed || !known || found > u64::MAX / price(self.treasury) {
                    return None;
                }
                sender.claimed = true;
                sender.balance += GRANT;
                self.treasury -= GRANT;
                (self.grants, self.granted) = ((span.0, span.1 - GRANT), true);
                return Some(0);
            }
            Body::Announce { version: RulesVersion(found) } => {
                if !sender.is_candidate() || *found <= sender.announced || *found <= version {
                    return None;
                }
                sender.announced = *found;
                return Some(0);
            }
        };
        self.people[index].nonce += 1;
        Some(fee)
    }

    fn finish(&mut self, leader: Address, fees: i128, parent: RecentBlock) {
        for person in &mut self.people {
            let due = person.unbonding.iter().filter(|(_, release)| *release <= self.time);
            person.balance += due.map(|(amount, _)| amount).sum::<i128>();
            person.unbonding.retain(|(_, release)| *release > self.time);
            person.balance += if person.address == leader { fees } else { 0 };
        }
        if parent.height > Height(0) && parent.height.0.is_multiple_of(64) {
            self.recent.push(parent);
        }
        self.ramp();
        let next = self.candidates();
        let next = if next.is_empty() { self.next.clone() } else { next };
        for person in &mut self.people {
            let is_in = |set: &[(Address, i128)]| set.iter().any(|(member, _)| *member == person.address);
            if is_in(&next) && !is_in(&self.next) {
                person.last_present = self.time;
            }
        }
        let total = next.iter().map(|(_, power)| power).sum();
        self.peak = match self.peak {
            (since, largest, _) if self.time - since >= HOUR_MS => (self.time, total, largest),
            (since, largest, before) => (since, largest.max(total), before),
        };
        if self.time - self.marks.last().expect("the genesis").1 >= EVIDENCE_MS / 32 {
            self.marks.push((self.height, self.time));
        }
        while self.marks.get(1).is_some_and(|second| self.time - second.1 >= EVIDENCE_MS) {
            self.marks.remove(0);
        }
        self.decided = std::mem::replace(&mut self.next, next);
        self.count_announcements();
    }

    fn count_announcements(&mut self) {
        if self.next_begins == Some(self.height + 1) {
            (self.version, self.next_begins) = (self.version + 1, None);
        } else if self.next_begins.is_none() && self.height.is_multiple_of(64) {
            let total: i128 = self.next.iter().map(|(_, power)| power).sum();
            let knows = |address: &Address| {
                self.people.iter().any(|person| person.address == *address && person.announced > self.version)
            };
            let ready = self.next.iter().filter(|(member, _)| knows(member)).map(|(_, power)| power);
            self.next_begins = (6 * ready.sum::<i128>() > 5 * total).then_some(self.height + 64);
        }
    }

    fn coins(&self) -> i128 {
        let of = |person: &Person| {
            assert!(person.balance >= 0 && person.stake >= 0);
            person.balance + person.stake + person.unbonding.iter().map(|(amount, _)| amount).sum::<i128>()
        };
        assert!(self.treasury >= 0);
        self.people.iter().map(of).sum::<i128>() + self.burned + self.treasury
    }
}

/// The tries that a grant costs while so much is left.
fn price(left: i128) -> u64 {
    u64::try_from(GRANT * TREASURY / left).expect("small")
}

/// The first 8 bytes of what is hashed.
fn work_of(chain: Hash32, account: Address, recent: Hash32, work: u64) -> u64 {
    let text = "blockchat/claim/v1";
    let parts = [&[18], text.as_bytes(), &chain.0, &account.0, &recent.0, &work.to_be_bytes()];
    let hash = Sha256::digest(parts.concat());
    u64::from_be_bytes(hash[..8].try_into().expect("8 bytes"))
}

// ---- The state root from nothing ----

fn state_root(model: &Model, ledger: &Ledger) -> Hash32 {
    let key = |name: &[u8], rest: &[u8]| Hasher::new(label::STATE_KEY).part(name).part(rest).finish();
    let mut leaves = BTreeMap::new();
    for person in &model.people {
        leaves.insert(key(b"account", &person.address.0), value(&person.account()));
    }
    let churn = Churn { since: UnixMillis(model.churn.0), room: coins(model.churn.1) };
    let (since, largest, before) = (UnixMillis(model.peak.0), coins(model.peak.1), coins(model.peak.2));
    let marks = model.marks.iter().map(|(height, time)| Mark { height: Height(*height), time: UnixMillis(*time) });
    let system = System {
        treasury: coins(model.treasury),
        recent: model.recent.clone(),
        churn,
        version: RulesVersion(model.version),
        next_begins: model.next_begins.map(Height),
        peak: Peak { since, largest, before },
        marks: marks.collect(),
        burned: coins(model.burned),
        grants: Some(Grants { since: UnixMillis(model.grants.0), room: coins(model.grants.1) }),
    };
    leaves.insert(key(b"system", &[]), value(&system));
    leaves.insert(key(b"parameters", &[]), value(&parameters()));
    leaves.insert(key(b"clock", &[]), value(&(model.height, model.time, ledger.tip().parent)));
    let sets = (ledger.tip_validators().hash(), ledger.validators().hash());
    leaves.insert(key(b"validators", &[]), value(&sets));
    subtree(&leaves.into_iter().collect::<Vec<_>>(), 0)
}

fn value(content: &impl Serialize) -> Hash32 {
    Hasher::new(label::STATE_VALUE).part(&codec::encode(content)).finish()
}

fn subtree(leaves: &[(Hash32, Hash32)], depth: usize) -> Hash32 {
    let node = |prefix: u8, a: Hash32, b: Hash32| {
        Hash32(Sha256::new().chain_update([prefix]).chain_update(a.0).chain_update(b.0).finalize().into())
    };
    match leaves {
        [] => Hash32::ZERO,
        [(key, value)] => node(0, *key, *value),
        _ => {
            let one = |leaf: &&(Hash32, Hash32)| leaf.0.0[depth / 8] & (0x80 >> (depth % 8)) != 0;
            let (right, left): (Vec<_>, Vec<_>) = leaves.iter().partition(one);
            node(1, subtree(&left, depth + 1), subtree(&right, depth + 1))
        }
    }
}

// ---- Both side by side ----

struct Chain {
    genesis: VerifiedGenesis,
    signers: Vec<Signer>,
    ledger: Ledger,
    model: Model,
    /// The people who precommitted the block before the tip in time, with its height and hash.
    before: Option<(Height, Hash32, Vec<Address>)>,
}

impl Chain {
    fn new() -> Self {
        let signers = signers();
        let genesis = genesis(&signers);
        let ledger = Ledger::at_genesis(&genesis).knowing(RulesVersion(u16::MAX));
        let model = Model::new(&ledger, &signers);
        Self { genesis, signers, ledger, model, before: None }
    }

    /// The commit of the tip without the absent, unless that would leave too little stake.
    fn commit(&self, absent: [bool; 2]) -> Option<Certificate> {
        let tip = self.ledger.tip();
        let certificate = |absent: [bool; 2]| {
            let gone = |address: &Address| (0..2).any(|i| absent[i] && self.signers[i].address() == *address);
            let members = self.ledger.tip_validators().members().iter().map(|member| member.address);
            let sign = |validator| self.precommit(tip.height, tip.hash, validator);
            let signatures = members.filter(|address| !gone(address)).map(sign).collect();
            Certificate { height: tip.height, round: Round(0), block: tip.hash, signatures }
        };
        let enough = |certificate: &Certificate| {
            certificate.check_structure(tip.height, tip.hash, self.ledger.tip_validators()).is_ok()
        };
        let tries = [absent, [absent[0], false], [false; 2]].map(certificate);
        if tip.height.0 == 0 { None } else { tries.into_iter().find(enough) }
    }

    fn precommit(&self, height: Height, block: Hash32, validator: Address) -> CommitSignature {
        let signer = self.signers.iter().find(|signer| signer.address() == validator).expect("a person");
        let (kind, value) = (VoteKind::Precommit, Some(block));
        let vote = Vote { kind, height, round: Round(0), value, validator };
        CommitSignature { validator, signature: vote.sign(self.ledger.chain(), signer).signature }
    }

    /// A contradiction of a person about so many heights before the next block.
    fn lie(&self, person: u8, back: u64) -> ((Address, u64), Evidence) {
        let signer = &self.signers[usize::from(person)];
        let height = (self.ledger.tip().height.0 + 2).saturating_sub(back);
        let say = |value| {
            let (kind, height, round, validator) = (VoteKind::Prevote, Height(height), Round(0), signer.address());
            Vote { kind, height, round, value, validator }.sign(self.ledger.chain(), signer)
        };
        let evidence = Evidence::Votes { first: say(None), second: say(Some(Hash32([1; 32]))) };
        ((signer.address(), height), evidence)
    }

    /// The precommits of all people for the block before the tip that came in time, and of some that did not.
    fn late(&self, came: [bool; 2]) -> Option<LatePrecommits> {
        let (height, block, in_time) = self.before.as_ref()?;
        let late = (0..2).filter(|i| came[*i]).map(|i| self.signers[i].address());
        let mut people: Vec<_> = in_time.iter().copied().chain(late).collect();
        people.sort_unstable();
        people.dedup();
        let signatures = people.into_iter().map(|person| self.precommit(*height, *block, person)).collect();
        Some(LatePrecommits { round: Round(0), block: *block, signatures })
    }

    fn signed(&self, request: &Request) -> Option<VerifiedTransaction> {
        let signer = &self.signers[usize::from(request.person)];
        let newest = self.model.recent.len() - 1;
        let hash_before =
            |back: u8| newest.checked_sub(usize::from(back)).map_or(Hash32([7; 32]), |i| self.model.recent[i].hash);
        let (body, nonce) = match request.ask {
            Ask::Send { to, micros, text } => {
                let payload = if text < 5 { Payload::None } else { Payload::Plain("x".repeat(usize::from(text - 4))) };
                let to = self.signers[usize::from(to)].address();
                (Body::Send { to, amount: coins(micros.into()), payload }, None)
            }
            Ask::Stake { amount } => (Body::Stake { amount: coins(bcc(amount)) }, None),
            Ask::Activate { back } => (Body::Activate { recent: hash_before(back) }, Some(0)),
            Ask::Claim { back, weak } => {
                let recent = hash_before(back);
                let most = u64::MAX / price(self.model.treasury.max(1));
                let fits = |work: &u64| (work_of(self.model.chain, signer.address(), recent, *work) <= most) != weak;
                let work = (0..100_000).find(fits).unwrap_or(0);
                (Body::Claim { recent, work }, Some(0))
            }
            Ask::Announce { version } => (Body::Announce { version: RulesVersion(version) }, Some(0)),
        };
        let nonce = nonce.unwrap_or(self.model.people[usize::from(request.person)].nonce + request.nonce_off);
        let expiry = request.expiry_off.map(|off| Height((self.model.height + u64::from(off)).saturating_sub(1)));
        let transaction = Transaction { chain: self.model.chain, sender: signer.address(), nonce, expiry, body };
        transaction.sign(signer).verify(self.model.chain).ok()
    }

    fn block(&mut self, step: &Step, requests: &[Request]) {
        let tip = *self.ledger.tip();
        let leader = leader_for(self.ledger.validators(), tip.hash, tip.height.next(), Round(0));
        let (time, commit) = (tip.time.plus(step.wait_ms), self.commit(step.absent));
        let present: Vec<_> = commit.iter().flat_map(|c| &c.signatures).map(|part| part.validator).collect();
        let late = self.late(step.late);
        let came: Vec<_> = late.iter().flat_map(|late| &late.signatures).map(|part| part.validator).collect();
        let lies: Vec<_> = step.lies.iter().map(|(person, back)| self.lie(*person, *back)).collect();
        let evidence: Vec<_> = lies.iter().map(|lie| lie.1.clone()).collect();
        let punished = self.model.begin(time.0, &lies.into_iter().map(|lie| lie.0).collect::<Vec<_>>());
        self.model.absences(&present, &came, leader);
        let (mut offered, mut refused, mut fees) = (vec![], vec![], 0);
        for request in requests {
            let Some(transaction) = self.signed(request) else { continue };
            match self.model.transaction(transaction.transaction()) {
                Some(fee) => fees += fee,
                None => refused.push(transaction.id()),
            }
            offered.push(transaction);
        }
        let parent = RecentBlock { height: tip.height, hash: tip.hash, time: tip.time };
        self.model.finish(leader, fees, parent);
        let counting =
            evidence.iter().zip(punished).filter(|(_, punished)| *punished).map(|(evidence, _)| evidence.clone());
        let counting: Vec<_> = counting.collect();
        let draft = Draft { round: Round(0), leader, time, offered, evidence, commit, late };
        let built = self.ledger.build_block(draft);
        assert_eq!(built.block.evidence(), counting, "what punishes nobody stays outside");
        let named: Vec<_> = built.refused.iter().map(|(id, _)| *id).collect();
        assert_eq!(named, refused, "{:?}", built.refused);
        let block = Block::decode(built.block.bytes()).expect("canonical");
        let block = block.verify(self.ledger.chain(), |_| None).expect("every signature and root is good");
        let applied = self.ledger.apply_block(&block).expect("what one builds, another accepts");
        assert_eq!(applied.accounts(), built.applied.accounts());
        assert_eq!((applied.tip(), applied.fees()), (built.applied.tip(), coins(fees)));
        assert_eq!(self.ledger.state_root(), self.ledger.snapshot().state_root, "a trial changes nothing");
        self.ledger.advance(applied);
        self.before = (tip.height > Height(0)).then_some((tip.height, tip.hash, present));
    }

    fn check(&self, supply: i128) {
        for person in &self.model.people {
            assert_eq!(self.ledger.account(&person.address), person.account());
        }
        assert_eq!(self.model.coins(), supply, "coins are conserved");
        assert!(self.ledger.supply_is_conserved());
        let members = self.ledger.validators().members().iter();
        let members: Vec<_> = members.map(|member| (member.address, i128::from(member.stake.0))).collect();
        assert_eq!(members, self.model.next);
        assert_eq!(self.ledger.state_root(), state_root(&self.model, &self.ledger));
    }

    fn check_restored(&self) {
        let snapshot = self.ledger.snapshot();
        let restored = Ledger::restore(&self.genesis, snapshot.clone()).expect("undamaged");
        assert_eq!(restored.snapshot(), snapshot);
        assert_eq!(restored.validators(), self.ledger.validators());
        for person in &self.model.people {
            assert!(restored.prove(&person.address).verify(self.ledger.state_root()));
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    #[test]
    fn the_ledger_does_what_the_model_does(steps in prop::collection::vec(step(), 1..25)) {
        let mut chain = Chain::new();
        let supply = chain.model.coins();
        for step in &steps {
            chain.block(step, &step.requests);
            chain.check(supply);
            for _ in 0..step.idle {
                chain.block(step, &[]);
            }
            chain.check(supply);
        }
        chain.check_restored();
    }
}
