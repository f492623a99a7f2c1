//! A made-up network for tests: what its nodes would say, fed through [`update`] with a clock that stands where it is put.

use crate::model::Model;
use crate::pace::Topic;
use crate::place::{Names, Place};
use crate::seals::Letter;
use crate::update::{Answer, Happening, Told, Trouble, update};
use blockchat_client::shapes::HistoryKind;
use blockchat_client::shapes::{
    BlockEvent, ConsensusView, DecidedView, LeaderView, LogLevel, LogLineView, MemberView, MessageView, NodeEvent,
    NodeView, PeerSource, PeerView, Phase, PoolRowView, ProposalView, RoundView, RulesView, SetView, Standing,
    StatusView, TimerKind, TimerView, TrafficView, ValidatorRowView, ValidatorView, VoteView, VotesView,
};
use blockchat_proto::coins::Coins;
use blockchat_proto::hash::Hash32;
use blockchat_proto::keys::Address;
use blockchat_proto::units::{Height, Round, RulesVersion, UnixMillis};

/// 12:00:00 on some day.
pub(crate) const NOON: u64 = 1_700_049_600_000;
/// Time between two blocks.
const BLOCK_MS: u64 = 250;
/// The height at which the world begins.
const FIRST: u64 = 1_480;

/// Nodes that are all validators with 10 BCC, and what the dashboard made of them.
pub(crate) struct World {
    pub(crate) model: Model,
    told: Told,
    pub(crate) now: u64,
    pub(crate) height: u64,
    count: usize,
    /// Which group each node is in; nodes of different groups do not hear each other.
    pub(crate) group: Vec<usize>,
    /// Are nodes of different groups still linked, so that the links pass nothing?
    pub(crate) silent: bool,
    up: Vec<bool>,
}

pub(crate) fn address(node: usize) -> Address {
    Address([u8::try_from(node).unwrap() + 1; 32])
}

pub(crate) fn hash(height: u64) -> Hash32 {
    let mut bytes = [0x5a; 32];
    bytes[..8].copy_from_slice(&height.wrapping_mul(0x9e37_79b9_7f4a_7c15).to_be_bytes());
    Hash32(bytes)
}

fn bcc(number: u64) -> Coins {
    Coins::from_bcc(number)
}

impl World {
    /// No node has answered yet.
    pub(crate) fn new(count: usize) -> Self {
        let wallet = Some(("alice".to_owned(), address(0)));
        let mut world = Self {
            model: Model::new(UnixMillis(NOON), Names::new(), wallet),
            told: Told::default(),
            now: NOON,
            height: FIRST,
            count,
            group: vec![0; count],
            silent: false,
            up: vec![true; count],
        };
        let place = |node: usize| Place {
            name: format!("id{node}"),
            url: Some(format!("http://127.0.0.1:{}", 7_000 + node)),
            validator: Some(address(node)),
        };
        world.happens(Happening::Places((0..count).map(place).collect()));
        world
    }

    /// All answered, and twenty blocks came.
    pub(crate) fn running(count: usize) -> Self {
        let mut world = Self::new(count);
        world.all_answer();
        (0..22).for_each(|_| world.block());
        world.all_answer();
        world
    }

    pub(crate) fn happens(&mut self, happening: Happening) {
        update(&mut self.model, &mut self.told, UnixMillis(self.now), happening);
    }

    pub(crate) fn says(&mut self, node: usize, topic: Topic, said: Result<Answer, Trouble>) {
        let generation = self.model.nodes[node].generation;
        self.happens(Happening::Said { node, generation, topic, said });
    }

    /// Time goes by, with its ticks.
    pub(crate) fn wait(&mut self, ms: u64) {
        for _ in 0..ms / 250 {
            self.now += 250;
            self.happens(Happening::Tick);
        }
        self.now += ms % 250;
        self.happens(Happening::Tick);
    }

    /// Every node that is up answers everything.
    pub(crate) fn all_answer(&mut self) {
        for node in 0..self.count {
            if !self.up[node] {
                self.says(node, Topic::Status, Err(Trouble::Down("connection refused".into())));
                continue;
            }
            let status = self.status(node);
            self.says(node, Topic::Status, Ok(Answer::Status(Box::new(status))));
            let peers = self.peers(node);
            self.says(node, Topic::Peers, Ok(Answer::Peers(peers)));
            let view = self.consensus(node);
            self.says(node, Topic::Consensus, Ok(Answer::Consensus(Box::new(view))));
            let process = self.process(node);
            self.says(node, Topic::Process, Ok(Answer::Process(Box::new(process))));
        }
        if let Some(guide) = self.model.guide() {
            let rows = self.validators();
            self.says(guide, Topic::Validators, Ok(Answer::Validators(rows)));
            self.says(guide, Topic::Messages, Ok(Answer::Messages(self.messages())));
            self.says(guide, Topic::Pool, Ok(Answer::Pool(self.pool())));
        }
    }

    /// The next block is final on all that are up.
    pub(crate) fn block(&mut self) {
        self.now += BLOCK_MS;
        self.height += 1;
        let event = BlockEvent {
            height: Height(self.height),
            hash: hash(self.height),
            time: UnixMillis(self.now - 20),
            leader: Some(self.leader(self.height)),
            round: Round(0),
            transactions: 12,
            bytes: 3_000,
        };
        for node in (0..self.count).filter(|node| self.up[*node]).collect::<Vec<_>>() {
            self.says(node, Topic::Stream, Ok(Answer::Event(NodeEvent::Block(event))));
        }
        self.happens(Happening::Tick);
    }

    /// A node is killed.
    pub(crate) fn kill(&mut self, node: usize) {
        self.up[node] = false;
        self.says(node, Topic::Stream, Ok(Answer::StreamEnded));
        self.says(node, Topic::Status, Err(Trouble::Down("connection refused".into())));
    }

    /// A node is started again.
    pub(crate) fn start(&mut self, node: usize) {
        self.up[node] = true;
    }

    /// These nodes see the others no more.
    pub(crate) fn cut(&mut self, others: &[usize]) {
        others.iter().for_each(|node| self.group[*node] = 1);
        self.all_answer();
    }

    fn leader(&self, height: u64) -> Address {
        address(usize::try_from(height * 7 % self.count as u64).unwrap())
    }

    fn sees(&self, node: usize) -> Vec<usize> {
        (0..self.count).filter(|it| *it != node && self.up[*it] && self.group[*it] == self.group[node]).collect()
    }

    /// Its connected peers.
    fn linked(&self, node: usize) -> Vec<usize> {
        let reached = |it: &usize| self.silent || self.group[*it] == self.group[node];
        (0..self.count).filter(|it| *it != node && self.up[*it] && reached(it)).collect()
    }

    fn decides(&self, node: usize) -> bool {
        3 * (self.sees(node).len() + 1) > 2 * self.count
    }

    pub(crate) fn status(&self, node: usize) -> StatusView {
        let sees = self.sees(node);
        let missing = (0..self.count).filter(|it| *it != node && !sees.contains(it)).map(address).collect();
        let percent = format!("{}.0", 100 * (sees.len() + 1) / self.count);
        StatusView {
            chain: "alpha-42f73d71".into(),
            genesis_hash: hash(0),
            version: "0.2.0".into(),
            sources: "s".into(),
            peer_id: format!("12D3KooWPeer{node}"),
            listen: vec![format!("/ip4/127.0.0.1/tcp/{}", 8_000 + node)],
            validator: Some(address(node)),
            height: Height(self.height),
            tip: hash(self.height),
            state_root: hash(self.height + 1),
            tip_time: UnixMillis(self.now - 20),
            supply: bcc(5_000),
            phase: if self.decides(node) {
                Phase::Deciding
            } else {
                Phase::WaitingForStake { online_percent: percent, missing }
            },
            rules: RulesView { version: RulesVersion(1), known: RulesVersion(1), next_begins: None },
            round: Round(0),
            leader: Some(self.leader(self.height + 1)),
            voting: true,
            silence: None,
            clock: None,
            at_tip: true,
            undecided_since: None,
            silent: vec![],
            leaders: vec![],
            queue: vec![],
            barred: vec![],
            key_elsewhere: false,
            grants: None,
            burned: Coins::ZERO,
            peers: u32::try_from(self.linked(node).len()).unwrap(),
            pool_transactions: 38,
            pool_bytes: 9_000,
            validators: (0..self.count).map(|it| ValidatorView { address: address(it), stake: bcc(10) }).collect(),
            started: UnixMillis(NOON - 131_000),
            traffic: TrafficView { received_bytes: (self.now - NOON) * 2, sent_bytes: (self.now - NOON) * 3 },
        }
    }

    fn peers(&self, node: usize) -> Vec<PeerView> {
        let peer = |it: &usize| PeerView {
            peer_id: format!("12D3KooWPeer{it}"),
            address: format!("/ip4/127.0.0.1/tcp/{}", 8_000 + it),
            inbound: *it > node,
            height: Height(self.height),
            latency_ms: Some(0),
            latency_us: Some(300 + 10 * *it as u64),
            source: PeerSource::Kademlia,
            client: Some("blockchat-node/0.2.0".into()),
            ..PeerView::default()
        };
        self.linked(node).iter().map(peer).collect()
    }

    fn votes(&self, node: usize, precommits: bool) -> VotesView {
        let heard = |it: usize| it == node || self.sees(node).contains(&it);
        let vote = |it: usize| match heard(it) && (!precommits || self.decides(node) && it != 3) {
            true => VoteView::Proposal,
            false => VoteView::Unheard,
        };
        let votes: Vec<_> = (0..self.count).map(vote).collect();
        let stake = bcc(10 * votes.iter().filter(|vote| **vote == VoteView::Proposal).count() as u64);
        let rest = bcc(10 * self.count as u64).checked_sub(stake).unwrap();
        VotesView {
            votes,
            stake_proposal: stake,
            stake_other: Coins::ZERO,
            stake_nil: Coins::ZERO,
            stake_unheard: rest,
        }
    }

    pub(crate) fn consensus(&self, node: usize) -> ConsensusView {
        let (now, next) = (UnixMillis(self.now), self.height + 1);
        let decided = |height: u64| DecidedView {
            height: Height(height),
            hash: hash(height),
            leader: self.leader(height),
            round: Round(u32::from(height % 10 == 3)),
            time: UnixMillis(NOON + (height - FIRST) * BLOCK_MS),
            decided: UnixMillis(NOON + (height - FIRST) * BLOCK_MS + 20),
            caught_up: false,
            interval_ms: Some(if height % 10 == 3 { 1_178 } else { 252 }),
            seen_to_final_ms: Some(40 + height % 7),
            transactions: 12,
            bytes: 3_000,
            set: hash(1),
            signed: (0..self.count).map(|it| height % 10 != 3 || it != 2).collect(),
        };
        let round = RoundView {
            round: Round(0),
            leader: self.leader(next),
            started: Some(UnixMillis(self.now - 100)),
            proposal: Some(ProposalView {
                hash: hash(next),
                transactions: Some(38),
                bytes: Some(9_000),
                seen: UnixMillis(self.now - 69),
                lock_round: None,
                valid: Some(true),
            }),
            prevotes: self.votes(node, false),
            precommits: self.votes(node, true),
        };
        ConsensusView {
            now,
            height: Height(next),
            begun: true,
            phase: self.status(node).phase,
            voting: true,
            round: Round(0),
            since: UnixMillis(self.now - 100),
            members: (0..self.count)
                .map(|it| MemberView { address: address(it), stake: bcc(10), own: it == node, heard: Some(now) })
                .collect(),
            stake_total: bcc(10 * self.count as u64),
            stake_needed: Coins::from_micros(10_000_000 * self.count as u64 * 2 / 3 + 1).unwrap(),
            rounds: vec![round],
            timers: vec![TimerView {
                timer: TimerKind::Precommit,
                round: Some(Round(0)),
                since: now,
                until: UnixMillis(self.now + 500),
            }],
            next_leaders: (0..3)
                .map(|it| LeaderView { round: Round(it), leader: self.leader(next + u64::from(it)) })
                .collect(),
            decided: (FIRST + 1..=self.height).rev().take(64).map(decided).collect(),
            sets: vec![SetView { hash: hash(1), members: (0..self.count).map(address).collect() }],
        }
    }

    fn process(&self, node: usize) -> NodeView {
        let line = |number: u64, level: LogLevel, text: &str| LogLineView {
            number,
            time: UnixMillis(NOON + number * 1_000),
            level,
            target: "blockchat_node::net".into(),
            text: text.into(),
        };
        NodeView {
            version: "0.2.0".into(),
            commit: None,
            sources: "s".into(),
            started: UnixMillis(NOON - 131_000),
            uptime_ms: 131_000 + self.now - NOON,
            open_files: Some(40),
            open_files_max: Some(1_024),
            memory_bytes: Some(42_000_000),
            cpu_ms: Some((self.now - NOON) / 25),
            disk_bytes: Some(12_000_000),
            disk_free_bytes: Some(80_000_000_000),
            queues: vec![],
            log: vec![
                line(1, LogLevel::Info, &format!("id{node} serves")),
                line(2, LogLevel::Warn, "no answer from a peer\u{1b}[2J"),
            ],
        }
    }

    fn validators(&self) -> Vec<ValidatorRowView> {
        let ppm = u32::try_from(1_000_000 / self.count).unwrap();
        let row = |it: usize| ValidatorRowView {
            address: address(it),
            stake: bcc(10),
            standing: Standing::Active,
            member: true,
            stake_ppm: ppm,
            counted: 41,
            led: 6 + u32::try_from(it).unwrap(),
            led_ppm: ppm,
            fair_ppm: ppm,
            chance_ppm: if it > 3 { Some(230_000) } else { None },
            suspect: false,
            missed: if it == 2 { 2 } else { 0 },
            missed_in_a_row: 0,
            absent: 0,
            last_present: UnixMillis(self.now),
        };
        (0..self.count).map(row).collect()
    }

    fn messages(&self) -> Vec<Letter> {
        let message = |index: u32, from: usize, to: usize, text: Option<&str>, amount: u64, sealed: bool| MessageView {
            id: hash(u64::from(index) + 77),
            height: Height(FIRST + 5),
            index,
            time: UnixMillis(NOON + 1_000),
            nonce: u64::from(index),
            from: address(from),
            to: address(to),
            amount: bcc(amount),
            text: text.map(Into::into),
            sealed,
            seal: None,
        };
        let letter = |view: MessageView| {
            let closed = view.text.is_none().then(|| "no key of yours opens it".to_owned());
            Letter { view, closed }
        };
        let all = [
            message(3, 1, 0, Some("see you at eight \u{202e}thgie"), 0, false),
            message(2, 0, 1, Some("on my way"), 5, false),
            message(1, 2, 0, None, 0, true),
            message(0, 2, 0, Some("the key is under the mat"), 0, true),
        ];
        all.into_iter().map(letter).collect()
    }

    fn pool(&self) -> Vec<PoolRowView> {
        let row = |nonce: u64| PoolRowView {
            id: hash(nonce + 9),
            queued: nonce == 2,
            from: address(1),
            nonce,
            kind: HistoryKind::Message,
            to: Some(address(0)),
            amount: bcc(2),
            fee: bcc(1),
            bytes: 200,
            expiry: None,
            since: UnixMillis(self.now - 900),
        };
        (0..3).map(row).collect()
    }
}
