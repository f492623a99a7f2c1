//! Claims, and their text for people.

use super::fault::Who;
use super::limit::Limit;
use blockchat_proto::genesis::Parameters;
use std::time::Duration;

/// A claim.
#[derive(Clone, Debug)]
pub enum Claim {
    /// From the latest break or heal on, until so many more blocks: no longer pause between two blocks that any of these
    /// nodes reports.
    PauseAtMost {
        /// The nodes that are observed.
        of: Who,
        /// The longest pause.
        limit: Limit,
        /// So many blocks.
        blocks: u64,
    },
    /// For so long, no node reports a new block.
    NoBlock {
        /// How long we watch.
        during: Duration,
    },
    /// Counted from the latest break or heal, each of these nodes reports a new block in time.
    BlockWithin {
        /// Each of these.
        of: Who,
        /// In time.
        limit: Limit,
    },
    /// Counted from the latest heal, each of these has everything that is final, in time.
    AtTheTip {
        /// Each of these.
        who: Who,
        /// In time.
        limit: Limit,
    },
    /// Counted from the latest heal, the signature of each of these is on a final block, in time.
    VotesAgain {
        /// Each of these.
        who: Who,
        /// In time.
        limit: Limit,
    },
    /// The first word of each of these after it came back covers all that it had reported as final.
    ForgotNothing {
        /// Each of these.
        who: Who,
    },
    /// Counted from the latest break or heal, every node is connected with every other, in time.
    AllConnected {
        /// In time.
        limit: Limit,
    },
    /// Each of these says why it does not sign, with these words in it, in time.
    SaysWhySilent {
        /// Each of these.
        who: Who,
        /// The words.
        words: &'static str,
        /// In time.
        limit: Limit,
    },
    /// While we watch, none of these signs anything.
    SignsNothing {
        /// None of these.
        who: Who,
        /// So long.
        during: Duration,
    },
    /// Of so many blocks from now on, none needed a second round.
    NoFailedRound {
        /// So many blocks.
        blocks: u64,
        /// After these, which may.
        after: u64,
    },
    /// Every running node says, in time, that so many validators are in the set.
    Validators {
        /// So many.
        count: usize,
        /// In time.
        limit: Limit,
    },
    /// A node that starts with nothing has everything, in time, and the time it takes could be told from its first half.
    CatchesUp {
        /// Which.
        who: Who,
        /// In time.
        limit: Limit,
        /// The estimate at half of the way is wrong by at most this part of the whole, in percent.
        eta_percent: u64,
        /// The others make at most so many percent fewer blocks meanwhile.
        others_lose_percent: u64,
    },
    /// The log of each of these holds these words, in time.
    Logs {
        /// Each of these.
        who: Who,
        /// The words.
        words: &'static str,
        /// In time.
        limit: Limit,
    },
}

impl Claim {
    /// For a person, with the times of a chain with these parameters.
    pub fn words(&self, parameters: &Parameters) -> String {
        let ms = |limit: &Limit| format!("{} ms", limit.on(parameters).as_millis());
        match self {
            Self::PauseAtMost { of, limit, blocks } => {
                format!("{of}: no pause between blocks is longer than {}, over {blocks} blocks", ms(limit))
            }
            Self::NoBlock { during } => {
                format!("no block on any side for {} s, once what was on its way has arrived", during.as_secs_f32())
            }
            Self::BlockWithin { of, limit } => format!("{of}: a new block within {}", ms(limit)),
            Self::AtTheTip { who, limit } => format!("{who}: back at the tip within {}", ms(limit)),
            Self::VotesAgain { who, limit } => format!("{who}: sign a final block again within {}", ms(limit)),
            Self::ForgotNothing { who } => format!("{who}: come back with all that they had reported as final"),
            Self::AllConnected { limit } => format!("every node is connected with every other within {}", ms(limit)),
            Self::SaysWhySilent { who, words, limit } => {
                format!("{who}: say why they do not sign (\"{words}\") within {}", ms(limit))
            }
            Self::SignsNothing { who, during } => {
                format!("{who}: sign nothing for {} s", during.as_secs_f32())
            }
            Self::NoFailedRound { blocks, after } => {
                format!("of {blocks} blocks after the first {after}, none needs a second round")
            }
            Self::Validators { count, limit } => format!("{count} validators in the set within {}", ms(limit)),
            Self::CatchesUp { who, limit, eta_percent, others_lose_percent } => format!(
                "{who}: has everything within {}; the estimate at half of the way is wrong by at most {eta_percent} %; \
                 the others lose at most {others_lose_percent} % of their pace",
                ms(limit)
            ),
            Self::Logs { who, words, limit } => format!("the log of {who} says \"{words}\" within {}", ms(limit)),
        }
    }
}
