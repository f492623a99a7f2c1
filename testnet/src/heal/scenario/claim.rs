//! Claims, and their text for people.

use super::fault::Who;
use super::limit::Limit;
use blockchat_proto::genesis::Parameters;
use std::time::Duration;

/// A claim.
#[derive(Clone, Debug)]
pub enum Claim {
    /// From the latest break or heal on, for a number of blocks: no pause between two blocks reported by any of these
    /// nodes is longer.
    PauseAtMost {
        /// The observed nodes.
        of: Who,
        /// The longest allowed pause.
        limit: Limit,
        /// Number of blocks.
        blocks: u64,
    },
    /// During this time, no node reports a new block.
    NoBlock {
        /// Duration.
        during: Duration,
    },
    /// Each of these nodes reports a new block, within this time after the latest break or heal.
    BlockWithin {
        /// The nodes.
        of: Who,
        /// Maximum time.
        limit: Limit,
    },
    /// Each of these nodes has all final blocks, within this time after the latest heal.
    AtTheTip {
        /// The nodes.
        who: Who,
        /// Maximum time.
        limit: Limit,
    },
    /// A final block carries the signature of each of these nodes, within this time after the latest heal.
    VotesAgain {
        /// The nodes.
        who: Who,
        /// Maximum time.
        limit: Limit,
    },
    /// The first report of each of these nodes after its return covers everything that it had reported as final.
    ForgotNothing {
        /// The nodes.
        who: Who,
    },
    /// Every node is connected to every other, within this time after the latest break or heal.
    AllConnected {
        /// Maximum time.
        limit: Limit,
    },
    /// Each of these nodes gives a reason for not signing that contains these words, within this time.
    SaysWhySilent {
        /// The nodes.
        who: Who,
        /// The words.
        words: &'static str,
        /// Maximum time.
        limit: Limit,
    },
    /// None of these nodes signs anything during this time.
    SignsNothing {
        /// The nodes.
        who: Who,
        /// Duration.
        during: Duration,
    },
    /// None of the next blocks needs a second round.
    NoFailedRound {
        /// Number of blocks.
        blocks: u64,
        /// Number of blocks before them that may need one.
        after: u64,
    },
    /// Every running node reports this number of validators in the set, within this time.
    Validators {
        /// Number of validators.
        count: usize,
        /// Maximum time.
        limit: Limit,
    },
    /// A node that starts empty has all blocks within this time, and its progress at half time predicts the whole.
    CatchesUp {
        /// The node.
        who: Who,
        /// Maximum time.
        limit: Limit,
        /// Maximum error of the estimate at half time, in percent of the whole.
        eta_percent: u64,
        /// Maximum loss of block rate of the others meanwhile, in percent.
        others_lose_percent: u64,
    },
    /// The log of each of these nodes contains these words, within this time.
    Logs {
        /// The nodes.
        who: Who,
        /// The words.
        words: &'static str,
        /// Maximum time.
        limit: Limit,
    },
}

impl Claim {
    /// The claim as text for people, with the times of a chain with these parameters.
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
