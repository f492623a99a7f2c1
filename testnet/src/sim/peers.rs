//! Traffic between nodes beside the engine's own messages: connections, statuses, requests and answers. As `net` does
//! it.
//!
//! Always true: nothing arrives in another life of a node than the one it was sent to; a gossiped message needs an open
//! connection; a request gets an answer or a failure, or the peer is lost. Start reading at [`World::arrive`].

use super::byzantine::{Audience, Scene, Served};
use super::counts::Met;
use super::load::Purpose;
use super::node::Peer;
use super::sabotage::Sabotage;
use super::time::Micros;
use super::wire::Heard;
use super::world::{Happening, World};
use blockchat_engine::event::{Event, GossipTicket, PeerTag, Query, RequestFailure, RequestId, SyncId, Timer};
use blockchat_engine::relevance::Use;
use blockchat_proto::block::VerifiedBlock;
use blockchat_proto::limits;
use blockchat_proto::sync::{Status, SyncRequest};
use blockchat_proto::transaction::VerifiedTransaction;
use blockchat_proto::units::Height;
use blockchat_proto::vote::{Evidence, Verified, VerifySignatures};

/// New heads are told at most this often.
const STATUS_PAUSE: Micros = Micros::from_ms(100);
/// A status is said again this often.
const STATUS_EVERY: Micros = Micros::from_ms(30_000);
/// A node finds another one within this.
const DIALLED: Micros = Micros::from_ms(300);
/// A dial that failed is tried again after this.
const DIAL_AGAIN: Micros = Micros::from_ms(500);
/// The network gives a question up after this.
const GIVEN_UP: Micros = Micros::from_ms(15_000);
/// A peer that cannot be reached is noticed after this.
const UNREACHABLE: Micros = Micros::from_ms(1_000);

/// Something on its way to a node.
#[derive(Debug)]
pub(super) struct Parcel {
    pub(super) to: usize,
    /// In this life.
    pub(super) life: u64,
    /// The sender, as the receiver knows it.
    pub(super) tag: PeerTag,
    pub(super) packet: Packet,
}

/// Its content.
#[derive(Debug)]
pub(super) enum Packet {
    Consensus(Heard),
    Evidence(Verified<Evidence>),
    Transactions(Vec<VerifiedTransaction>),
    Status { status: Status, answer: bool },
    Question(Question),
    Answer(Event),
    Gone,
}

/// A question of one node to another.
#[derive(Clone, Copy, Debug)]
pub(super) struct Question {
    asker: usize,
    life: u64,
    /// The one that is asked, as the asker knows it.
    tag: PeerTag,
    request: SyncId,
    what: SyncRequest,
    /// Did the one that is asked let it lie for a while?
    delayed: bool,
}

impl World {
    /// Something reaches a node.
    pub(super) fn arrive(&mut self, parcel: Parcel) {
        let Parcel { to, life, tag, packet } = parcel;
        if !self.is_alive(to, life) {
            if let Packet::Question(question) = packet {
                self.unanswered(question);
            }
            return;
        }
        let linked = self.running(to).links.contains_key(&tag);
        match packet {
            Packet::Gone if linked => {
                self.running(to).links.remove(&tag);
                self.deliver(to, Event::PeerGone { peer: tag });
            }
            Packet::Consensus(heard) if linked => self.hear(to, tag, heard),
            Packet::Transactions(transactions) if linked => {
                let ticket = GossipTicket(self.number());
                self.deliver(to, Event::GossipTransactions { ticket, transactions });
            }
            Packet::Evidence(evidence) if linked => self.deliver(to, Event::Evidence(evidence)),
            Packet::Status { status, answer } if linked => self.hear_status(to, tag, status, answer),
            Packet::Question(question) => self.answer(to, question),
            Packet::Answer(event) => {
                if matches!(event, Event::RequestFailed { .. }) {
                    self.counts.met(Met::QuestionsFailed);
                }
                self.deliver(to, event);
            }
            Packet::Gone
            | Packet::Consensus(_)
            | Packet::Evidence(_)
            | Packet::Transactions(_)
            | Packet::Status { .. } => {}
        }
    }

    fn hear(&mut self, node: usize, from: PeerTag, heard: Heard) {
        self.retort(node, &heard);
        if self.is_deaf_to(node, &heard) {
            return;
        }
        let muted = self.nodes[0].address().filter(|_| self.scenario.sabotage == Sabotage::MuteFirst && node != 0);
        if muted.is_some_and(|first| heard.authors().contains(&first)) {
            return;
        }
        if self.scenario.sabotage == Sabotage::ClaimsMute && self.is_far_behind(node) {
            return;
        }
        let found = match self.scenario.sabotage {
            Sabotage::HearStrangers => Ok(Use { pass_on: true, with_block: true, ahead: false }),
            _ => heard.relevance(&self.running(node).engine.horizon()),
        };
        let Ok(found) = found else {
            return self.counts.met(Met::Noise);
        };
        if self.nodes[node].is_honest() {
            let found = self.checker.listened(node, &heard.authors());
            self.check(found);
        }
        let next = self.nodes[node].disk.tip().height.next();
        if self.scenario.sabotage == Sabotage::StartForAnybody && heard.place().0 == next {
            self.deliver(node, Event::TimerElapsed(Timer::Pace(next)));
        }
        let heard = if found.with_block { heard } else { heard.without_block() };
        self.deliver(node, heard.event(from));
    }

    /// A liar does not listen to itself: what it said otherwise would tell its engine that another one signs with its key.
    fn is_deaf_to(&self, node: usize, heard: &Heard) -> bool {
        let this = &self.nodes[node];
        let deaf = !this.is_honest() || self.scenario.sabotage == Sabotage::DeafToOwnKey;
        deaf && this.address().is_some_and(|own| heard.authors().contains(&own))
    }

    /// Does a peer say so?
    fn is_far_behind(&mut self, node: usize) -> bool {
        let far = Height(self.nodes[node].disk.tip().height.0 + 1_000);
        self.running(node).peers.values().any(|peer| peer.said > Some(far))
    }

    /// A liar hears something, and may have something to say to it.
    fn retort(&mut self, node: usize, heard: &Heard) {
        let chain = self.scenario.genesis.hash();
        let this = &mut self.nodes[node];
        let (Some(crime), Some(running)) = (&mut this.crime, &this.engine) else { return };
        crime.hear(heard);
        let Some(signer) = &this.signer else { return };
        let mut scene = Scene { chain, signer, ledger: running.engine.ledger(), dice: &mut self.chance.lies };
        let (speech, own) = (crime.retort(&mut scene), signer.address());
        self.counts.add(Met::Lies, u64::from(!speech.is_empty()));
        self.tell_lies(node, own, speech);
    }

    fn hear_status(&mut self, node: usize, tag: PeerTag, status: Status, answer: bool) {
        let running = self.running(node);
        let peer = running.links[&tag];
        if let Some(known) = running.peers.get_mut(&peer).filter(|known| known.tag == tag) {
            known.said = Some(status.height);
        }
        if answer {
            self.say_status(node, peer, false);
        }
        self.deliver(node, Event::PeerStatus { peer: tag, status });
    }

    /// A node that starts dials all others.
    pub(super) fn look_for_peers(&mut self, node: usize) {
        for other in (0..self.nodes.len()).filter(|other| *other != node) {
            let at = self.now.plus(Micros(self.chance.peers.range(1_000..=DIALLED.0)));
            self.push(at, Happening::Connect(node, other));
        }
        self.tell_again(node, STATUS_EVERY, true);
    }

    /// All nodes dial each other.
    pub(super) fn connect_all(&mut self) {
        for a in 0..self.nodes.len() {
            for b in 0..a {
                let at = self.now.plus(Micros(self.chance.peers.range(1_000..=DIALLED.0)));
                self.push(at, Happening::Connect(a, b));
            }
        }
    }

    /// Two nodes find each other, if both are up and the network joins them.
    pub(super) fn connect(&mut self, a: usize, b: usize) {
        let (Some(one), Some(two)) = (&self.nodes[a].engine, &self.nodes[b].engine) else {
            return;
        };
        if one.peers.contains_key(&b) && two.peers.contains_key(&a) {
            return;
        }
        if !self.network.joins(a, b) {
            self.push(self.now.plus(DIAL_AGAIN), Happening::Connect(a, b));
            return;
        }
        for (node, peer) in [(a, b), (b, a)] {
            let tag = self.nodes[node].new_tag();
            let running = self.running(node);
            running.links.insert(tag, peer);
            running.peers.insert(peer, Peer { tag, said: None, told: None });
        }
        self.say_status(a, b, false);
        self.say_status(b, a, false);
    }

    /// Tells a peer how far we are.
    fn say_status(&mut self, node: usize, peer: usize, answer: bool) {
        let honest = self.nodes[node].status(self.now);
        let status = match &mut self.nodes[node].crime {
            Some(crime) => crime.status(&mut self.chance.lies, honest),
            None => honest,
        };
        let now = self.now;
        if let Some(known) = self.running(node).peers.get_mut(&peer) {
            known.told = Some((now, honest.height));
        }
        self.stream(node, peer, Packet::Status { status, answer });
    }

    /// The engine finds that a peer is behind.
    pub(super) fn send_status(&mut self, node: usize, tag: PeerTag) {
        if let Some(peer) = self.running(node).links.get(&tag).copied() {
            self.say_status(node, peer, true);
        }
    }

    /// Sends our status to all peers that are behind our head, or have had none for a while; to none more often than
    /// allowed.
    pub(super) fn tell_all(&mut self, node: usize) {
        let (now, height) = (self.now, self.nodes[node].disk.tip().height);
        let (mut due, mut later) = (vec![], false);
        for (index, peer) in &self.running(node).peers {
            let Some(theirs) = peer.said else { continue };
            let news = height > theirs && peer.told.is_none_or(|(_, told)| told < height);
            let pause = if news { STATUS_PAUSE } else { STATUS_EVERY };
            if peer.told.is_none_or(|(at, _)| now.since(at) >= pause) {
                due.push(*index);
            } else {
                later |= news;
            }
        }
        for peer in due {
            self.say_status(node, peer, true);
        }
        if later && !std::mem::replace(&mut self.running(node).tells_soon, true) {
            self.tell_again(node, STATUS_PAUSE, false);
        }
    }

    fn tell_again(&mut self, node: usize, after: Micros, for_ever: bool) {
        let life = self.nodes[node].life;
        self.push(self.now.plus(after), Happening::TellAll { node, life, for_ever });
    }

    /// It is time to tell them again.
    pub(super) fn told_later(&mut self, node: usize, for_ever: bool) {
        if for_ever {
            self.tell_again(node, STATUS_EVERY, true);
        } else {
            self.running(node).tells_soon = false;
        }
        self.tell_all(node);
    }

    /// Sends a consensus message to every connected peer of the audience.
    pub(super) fn gossip_message(&mut self, node: usize, audience: Audience, heard: &Heard) {
        for peer in self.peers_of(node).into_iter().filter(|peer| audience.has(*peer)) {
            self.scatter(node, peer, || Packet::Consensus(heard.clone()));
        }
    }

    /// Sends evidence to every connected peer.
    pub(super) fn gossip_evidence(&mut self, node: usize, evidence: &Verified<Evidence>) {
        for peer in self.peers_of(node) {
            self.scatter(node, peer, || Packet::Evidence(evidence.clone()));
        }
    }

    /// Sends transactions to every connected peer.
    pub(super) fn gossip(&mut self, node: usize, transactions: Vec<VerifiedTransaction>) {
        for peer in self.peers_of(node) {
            self.scatter(node, peer, || Packet::Transactions(transactions.clone()));
        }
    }

    fn peers_of(&mut self, node: usize) -> Vec<usize> {
        self.running(node).peers.keys().copied().collect()
    }

    /// Over gossip: lost, doubled, late.
    fn scatter(&mut self, from: usize, to: usize, packet: impl Fn() -> Packet) {
        for at in self.network.gossip(from, to, self.now) {
            self.send(at, from, to, packet());
        }
    }

    /// Over a stream: late. False if the other side cannot be reached.
    fn stream(&mut self, from: usize, to: usize, packet: Packet) -> bool {
        match self.network.stream(from, to, self.now) {
            Some(at) => self.send(at, from, to, packet),
            None => false,
        }
    }

    /// Puts a parcel on its way, if the receiver is connected to the sender.
    fn send(&mut self, at: Micros, from: usize, to: usize, packet: Packet) -> bool {
        let life = self.nodes[to].life;
        let Some(tag) =
            self.nodes[to].engine.as_ref().and_then(|running| running.peers.get(&from)).map(|peer| peer.tag)
        else {
            return false;
        };
        self.push(at, Happening::Arrive(Box::new(Parcel { to, life, tag, packet })));
        true
    }

    /// An engine asks a peer something.
    pub(super) fn ask(&mut self, asker: usize, tag: PeerTag, request: SyncId, what: SyncRequest) {
        let question = Question { asker, life: self.nodes[asker].life, tag, request, what, delayed: false };
        let peer = self.running(asker).links.get(&tag).copied();
        let reached = peer.is_some_and(|peer| self.stream(asker, peer, Packet::Question(question)));
        if !reached {
            self.unanswered(question);
        }
    }

    /// The requesting node notices that no answer comes.
    fn unanswered(&mut self, question: Question) {
        self.fails_after(UNREACHABLE, question);
    }

    fn fails_after(&mut self, time: Micros, question: Question) {
        let reason = RequestFailure::Unreachable;
        let event = Event::RequestFailed { request: question.request, reason };
        self.reply(self.now.plus(time), question, event);
    }

    fn reply(&mut self, at: Micros, question: Question, event: Event) {
        let Question { asker: to, life, tag, .. } = question;
        self.push(at, Happening::Arrive(Box::new(Parcel { to, life, tag, packet: Packet::Answer(event) })));
    }

    /// Sends an answer back, over a network that may be cut by now.
    fn respond(&mut self, node: usize, question: Question, event: Event) {
        match self.network.stream(node, question.asker, self.now) {
            Some(at) => self.reply(at, question, event),
            None => self.unanswered(question),
        }
    }

    /// A node is asked something.
    fn answer(&mut self, node: usize, question: Question) {
        let delay_ms = self.nodes[node].crime.as_ref().map_or(0, |crime| crime.serves_after_ms());
        if delay_ms > 0 && !question.delayed {
            let packet = Packet::Question(Question { delayed: true, ..question });
            let parcel = Parcel { to: node, life: self.nodes[node].life, tag: question.tag, packet };
            self.push(self.now.plus(Micros::from_ms(delay_ms)), Happening::Arrive(Box::new(parcel)));
            return;
        }
        if !self.healed && self.chance.peers.permille(30) {
            let reason = RequestFailure::Busy { retry_ms: 200 };
            return self.respond(node, question, Event::RequestFailed { request: question.request, reason });
        }
        match question.what {
            SyncRequest::Blocks { from, count } => {
                let blocks = self.nodes[node].disk.blocks(from, count.min(limits::SYNC_BLOCKS_MAX)).to_vec();
                let served = self.serve(node, blocks);
                self.hand_over(node, question, served);
            }
            SyncRequest::Body { hash } => {
                let request = RequestId(self.number());
                self.questions.insert(request, Purpose::Body(question));
                self.deliver(node, Event::Query { request, query: Query::Body(hash) });
            }
            SyncRequest::Headers { .. } | SyncRequest::Members { .. } => {
                unreachable!("engines ask for blocks alone; others read headers and sets")
            }
        }
    }

    fn serve(&mut self, node: usize, blocks: Vec<(VerifiedBlock, blockchat_proto::vote::Certificate)>) -> Served {
        let chain = self.scenario.genesis.hash();
        let this = &mut self.nodes[node];
        match (&mut this.crime, &this.signer, &this.engine) {
            (Some(crime), Some(signer), Some(running)) => {
                let ledger = running.engine.ledger();
                crime.serve(&mut Scene { chain, signer, ledger, dice: &mut self.chance.lies }, blocks)
            }
            _ => Served::Blocks(blocks),
        }
    }

    /// The asker verifies what it gets before its engine sees it.
    fn hand_over(&mut self, node: usize, question: Question, served: Served) {
        let (chain, request, peer) = (self.scenario.genesis.hash(), question.request, question.tag);
        let blocks = match served {
            Served::Blocks(blocks) => blocks,
            Served::Busy { retry_ms } => {
                let event = Event::RequestFailed { request, reason: RequestFailure::Busy { retry_ms } };
                return self.respond(node, question, event);
            }
            Served::Broken => return self.unanswered(question),
            Served::Silence => return self.fails_after(GIVEN_UP, question),
        };
        let knows = self.nodes[question.asker].knows;
        let served = blocks.into_iter().take_while(|(block, _)| block.header().version <= knows);
        let verified: Result<Vec<_>, _> =
            served.map(|(block, proof)| proof.verify(chain).map(|proof| (block, proof))).collect();
        let event = match verified {
            Ok(blocks) => Event::BlocksReceived { request, peer, blocks },
            Err(_) => Event::RequestFailed { request, reason: RequestFailure::Garbage },
        };
        self.respond(node, question, event);
    }

    /// The engine of the node that was asked for a block has answered; final ones are on its disk.
    pub(super) fn hand_over_body(&mut self, node: usize, question: Question, proposed: Option<VerifiedBlock>) {
        let SyncRequest::Body { hash } = question.what else {
            return;
        };
        let shows = self.nodes[node].crime.as_mut().is_none_or(|crime| crime.hands_out_bodies(&mut self.chance.lies));
        let block = proposed.or_else(|| self.nodes[node].disk.block_by_hash(&hash).cloned()).filter(|_| shows);
        self.respond(node, question, Event::BodyReceived { request: question.request, block });
    }
}
