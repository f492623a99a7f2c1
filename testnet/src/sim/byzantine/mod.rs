//! Nodes that lie. Each crime is a small type named after it, put between an honest engine and the network.
//!
//! Owns: what leaves instead of what the engine wanted to send. Does not own: how much stake lies (`scenario` keeps it
//! below a third), signatures: a liar has no key but its own, and those that it makes up.
//! Start reading at [`Misbehaviour`].

mod bad_block;
mod equivocator;
mod flooder;
mod future_timestamps;
mod hasty;
mod silent_leader;
mod slip;
mod status_liar;
mod sync_liars;
mod twin;
mod usurper;
mod vote_replayer;
mod withholder;

use super::dice::Dice;
use super::wire::Heard;
use blockchat_proto::block::{Block, VerifiedBlock};
use blockchat_proto::gossip::ConsensusMessage;
use blockchat_proto::hash::Hash32;
use blockchat_proto::keys::Signer;
use blockchat_proto::ledger::Ledger;
use blockchat_proto::sync::Status;
use blockchat_proto::units::{Height, UnixMillis};
use blockchat_proto::vote::{Certificate, Proposal};
use std::fmt;

/// The crimes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Crime {
    /// Signs two different votes and proposals, and tells one half of the network this and the other that.
    Equivocator,
    /// One key on two nodes, each of them honest by itself.
    Twin,
    /// Never proposes when it leads.
    SilentLeader,
    /// Proposes blocks that break a rule.
    BadBlock,
    /// Sends old messages of all members again, and forgeries.
    VoteReplayer,
    /// Its clock is far ahead.
    FutureTimestamps,
    /// Claims heights that do not exist, and answers questions with rubbish.
    StatusLiar,
    /// Shows the block it proposes to a few only.
    Withholder,
    /// Proposes when it is not its turn.
    Usurper,
    /// Votes for the next height as soon as the last one is decided, whatever the time.
    Hasty,
    /// Claims a long chain, and hands out one true block at a time, late. Has no stake.
    SlowServer,
    /// Claims a long chain, and always asks to wait. Has no stake.
    BusyServer,
    /// Claims a long chain, and never answers. Has no stake.
    SilentServer,
    /// Has no stake, and signs votes, proposals and certificates with keys that it makes up.
    Flooder,
    /// Contradicts itself once, at this height, and never again. Only where a scenario asks for it.
    Slip(u64),
}

impl Crime {
    /// Those of a node without stake.
    pub const UNSTAKED: [Self; 4] = [Self::Flooder, Self::SlowServer, Self::BusyServer, Self::SilentServer];

    /// Those of validators that seeds draw from.
    pub const ALL: [Self; 10] = [
        Self::Equivocator,
        Self::Twin,
        Self::SilentLeader,
        Self::BadBlock,
        Self::VoteReplayer,
        Self::FutureTimestamps,
        Self::StatusLiar,
        Self::Withholder,
        Self::Usurper,
        Self::Hasty,
    ];

    /// The criminal.
    pub fn misbehaviour(self) -> Box<dyn Misbehaviour> {
        match self {
            Self::Equivocator => Box::new(equivocator::Equivocator::default()),
            Self::Twin => Box::new(twin::Twin),
            Self::SilentLeader => Box::new(silent_leader::SilentLeader),
            Self::BadBlock => Box::new(bad_block::BadBlock),
            Self::VoteReplayer => Box::new(vote_replayer::VoteReplayer::default()),
            Self::FutureTimestamps => Box::new(future_timestamps::FutureTimestamps),
            Self::StatusLiar => Box::new(status_liar::StatusLiar),
            Self::Withholder => Box::new(withholder::Withholder),
            Self::Usurper => Box::new(usurper::Usurper::default()),
            Self::Hasty => Box::new(hasty::Hasty::default()),
            Self::SlowServer => Box::new(sync_liars::SlowServer),
            Self::BusyServer => Box::new(sync_liars::BusyServer),
            Self::SilentServer => Box::new(sync_liars::SilentServer),
            Self::Flooder => Box::new(flooder::Flooder),
            Self::Slip(height) => Box::new(slip::Slip::at(Height(height))),
        }
    }
}

impl fmt::Display for Crime {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(self, f)
    }
}

/// Knowledge and means of a liar.
#[derive(Debug)]
pub struct Scene<'a> {
    /// Genesis hash.
    pub chain: Hash32,
    /// Its own key.
    pub signer: &'a Signer,
    /// The ledger of the engine it hides behind.
    pub ledger: &'a Ledger,
    /// For its choices.
    pub dice: &'a mut Dice,
}

/// The recipients of a message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Audience {
    /// All nodes.
    All,
    /// Nodes with an even number.
    Even,
    /// Nodes with an odd number.
    Odd,
    /// Every third node.
    Few,
    /// All the others.
    ButFew,
}

impl Audience {
    /// Does this node belong to it?
    pub fn has(self, node: usize) -> bool {
        match self {
            Self::All => true,
            Self::Even => node.is_multiple_of(2),
            Self::Odd => !node.is_multiple_of(2),
            Self::Few => node.is_multiple_of(3),
            Self::ButFew => !node.is_multiple_of(3),
        }
    }
}

/// A message on its way to a node.
pub type Speech = Vec<(Audience, ConsensusMessage)>;
/// The answer to a request for final blocks.
#[derive(Debug)]
pub enum Served {
    /// These.
    Blocks(Vec<(VerifiedBlock, Certificate)>),
    /// The asker is to wait.
    Busy {
        /// So long.
        retry_ms: u64,
    },
    /// The stream breaks.
    Broken,
    /// Nothing, until the asker's network gives up.
    Silence,
}

/// Its acts instead of those that its engine asks for. By default, exactly those.
pub trait Misbehaviour: fmt::Debug + Send {
    /// The engine wants to send `message` to all.
    fn speak(&mut self, _scene: &mut Scene<'_>, message: ConsensusMessage) -> Speech {
        vec![(Audience::All, message)]
    }

    /// A message came.
    fn hear(&mut self, _message: &Heard) {}

    /// Its own messages after it heard something.
    fn retort(&mut self, _scene: &mut Scene<'_>) -> Speech {
        vec![]
    }

    /// A node gets our height.
    fn status(&mut self, _dice: &mut Dice, honest: Status) -> Status {
        honest
    }

    /// A node requested these final blocks.
    fn serve(&mut self, _scene: &mut Scene<'_>, blocks: Vec<(VerifiedBlock, Certificate)>) -> Served {
        Served::Blocks(blocks)
    }

    /// It takes so long, in ms, until it looks at a question.
    fn serves_after_ms(&self) -> u64 {
        0
    }

    /// A node requested a block by hash: is it sent?
    fn hands_out_bodies(&mut self, _dice: &mut Dice) -> bool {
        true
    }

    /// Its clock shows so much more than the right time, in ms.
    fn clock_ahead_ms(&self) -> u64 {
        0
    }
}

/// The first proposal of a block of our own, if `message` is one.
fn own_block(scene: &Scene<'_>, message: &ConsensusMessage) -> Option<(Proposal, Block)> {
    match message {
        ConsensusMessage::Proposal { proposal, block: Some(block) }
            if proposal.proposal.leader == scene.signer.address() && proposal.proposal.lock_round.is_none() =>
        {
            Some((proposal.proposal, block.clone()))
        }
        _ => None,
    }
}

/// Proposes `block` in the place of another.
fn propose(scene: &Scene<'_>, proposal: Proposal, block: Block) -> ConsensusMessage {
    let proposal = Proposal { block: block.header.hash(), ..proposal }.sign(scene.chain, scene.signer);
    ConsensusMessage::Proposal { proposal, block: Some(block) }
}

/// The right time plus what a clock is ahead.
pub fn ahead(now: UnixMillis, crime: Option<&dyn Misbehaviour>) -> UnixMillis {
    now.plus(crime.map_or(0, Misbehaviour::clock_ahead_ms))
}
