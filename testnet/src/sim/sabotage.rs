//! Ways to break a simulated node on purpose: the checker must notice each of them, or it checks nothing.

use clap::ValueEnum;

/// The sabotage of every node.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub enum Sabotage {
    /// Nothing.
    #[default]
    None,
    /// Sync points do nothing: votes leave before they are durable
    IgnoreSync,
    /// The disk claims to have synced, but a crash takes journal and guard back to the last block
    LyingSync,
    /// The journal is gone after every crash; the guard stays
    LostJournal,
    /// The journal is gone after every crash, and the guard has forgotten what its key is locked on
    ForgetLock,
    /// The journal keeps votes, but loses the blocks they are for at every crash
    BodiesInMemory,
    /// Nodes listen to everybody, members or not
    HearStrangers,
    /// Nodes are silent while any peer says that it is far ahead
    ClaimsMute,
    /// Nodes start a height as soon as any member speaks for it
    StartForAnybody,
    /// Nodes do not hear what others sign with their key, and a second one's guard says that the first has long stopped
    DeafToOwnKey,
    /// The rules let stake become power at once
    FreePower,
    /// Evidence of misbehaviour is gone after every crash
    ForgetEvidence,
    /// Disks credit every welcome grant twice
    GrantTwice,
    /// Nodes hear nothing of what the first validator says, so that their blocks call it absent
    MuteFirst,
}
