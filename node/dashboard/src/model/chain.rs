//! The chain that the nodes tell of: its last heights, and whether all tell the same.
//!
//! Always true: two hashes at one height are never forgotten while the dashboard is open; no more than [`HEIGHTS_MAX`]
//! heights are kept.

use blockchat_client::shapes::{BlockEvent, BlockRowView, ConsensusView};
use blockchat_proto::coins::Coins;
use blockchat_proto::hash::Hash32;
use blockchat_proto::keys::Address;
use blockchat_proto::units::{Round, UnixMillis};
use std::collections::{BTreeMap, BTreeSet};

/// Heights kept.
pub(crate) const HEIGHTS_MAX: usize = 512;
/// The usual interval is the median of so many.
const USUAL_OF: usize = 31;

/// The known facts about a block.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Block {
    /// Its hash.
    pub(crate) hash: Hash32,
    /// The leader that assembled it.
    pub(crate) leader: Address,
    /// The round in which it was built.
    pub(crate) round: Round,
    /// How many transactions it holds.
    pub(crate) transactions: u32,
    /// Size.
    pub(crate) bytes: u64,
    /// Its own time.
    pub(crate) time: UnixMillis,
    /// Fees in it, if they were told.
    pub(crate) fees: Option<Coins>,
}

/// One height.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Seen {
    /// Which nodes call which block final.
    pub(crate) hashes: BTreeMap<Hash32, BTreeSet<usize>>,
    /// When the first node told of it, by our clock, if it came while we listened.
    pub(crate) came: Option<UnixMillis>,
    /// The block.
    pub(crate) block: Option<Block>,
    /// The round in which it was decided.
    pub(crate) decided_round: Option<Round>,
    /// Which members signed: yes if any node's certificate has it.
    pub(crate) signed: BTreeMap<Address, bool>,
    /// Since the decision before it, as a node measured.
    pub(crate) interval_ms: Option<u64>,
    /// From when a node first saw one of its transactions until it was final there.
    pub(crate) seen_to_final_ms: Option<u64>,
}

/// See the module.
#[derive(Clone, Debug, Default)]
pub(crate) struct Chain {
    /// Hash of the genesis and short name, as the first node told.
    pub(crate) genesis: Option<(Hash32, String)>,
    heights: BTreeMap<u64, Seen>,
    /// The first height at which two blocks were called final, and by which nodes.
    pub(crate) split: Option<(u64, BTreeMap<Hash32, BTreeSet<usize>>)>,
    /// When the highest height came, by our clock, as its first node told.
    pub(crate) moved: Option<UnixMillis>,
}

impl Chain {
    /// A node calls this block final. The first that is heard of may be old; what is above it came as we listened. True if
    /// that is a new height, or a contradiction.
    pub(crate) fn told(&mut self, node: usize, height: u64, hash: Hash32, now: UnixMillis) -> bool {
        if height == 0 {
            return false;
        }
        let is_new = self.tip().is_none_or(|tip| height > tip);
        let came_now = is_new && self.tip().is_some();
        let seen = self.heights.entry(height).or_default();
        if came_now {
            seen.came = Some(now);
            self.moved = Some(now);
        }
        seen.hashes.entry(hash).or_default().insert(node);
        let contradicts = seen.hashes.len() > 1 && self.split.as_ref().is_none_or(|(at, _)| *at == height);
        if contradicts {
            self.split = Some((height, seen.hashes.clone()));
        }
        self.forget();
        is_new || contradicts
    }

    /// The facts of a block event.
    pub(crate) fn event(&mut self, event: &BlockEvent) {
        let (Some(seen), Some(leader)) = (self.heights.get_mut(&event.height.0), event.leader) else { return };
        let fees = seen.block.and_then(|block| block.fees);
        let BlockEvent { hash, time, round, transactions, bytes, .. } = *event;
        seen.block = Some(Block { hash, leader, round, transactions, bytes, time, fees });
    }

    /// A row of a node's list of blocks.
    pub(crate) fn row(&mut self, node: usize, row: &BlockRowView, now: UnixMillis) {
        self.told(node, row.height.0, row.hash, now);
        let BlockRowView { hash, leader, round, transactions, bytes, time, .. } = *row;
        if let Some(seen) = self.heights.get_mut(&row.height.0) {
            seen.block = Some(Block { hash, leader, round, transactions, bytes, time, fees: Some(row.fees) });
        }
    }

    /// A node's list of decided heights.
    pub(crate) fn decided(&mut self, node: usize, view: &ConsensusView, now: UnixMillis) {
        for decided in &view.decided {
            self.told(node, decided.height.0, decided.hash, now);
            let Some(seen) = self.heights.get_mut(&decided.height.0) else { continue };
            let set = view.sets.iter().find(|set| set.hash == decided.set);
            for (member, signed) in set.iter().flat_map(|set| set.members.iter().zip(&decided.signed)) {
                *seen.signed.entry(*member).or_default() |= signed;
            }
            seen.decided_round = Some(decided.round);
            if !decided.caught_up {
                seen.interval_ms = seen.interval_ms.or(decided.interval_ms);
                seen.seen_to_final_ms = seen.seen_to_final_ms.or(decided.seen_to_final_ms);
            }
            if seen.block.is_none() {
                seen.block = Some(Block {
                    hash: decided.hash,
                    leader: decided.leader,
                    round: decided.round,
                    transactions: decided.transactions,
                    bytes: decided.bytes,
                    time: decided.time,
                    fees: None,
                });
            }
        }
    }

    fn forget(&mut self) {
        while self.heights.len() > HEIGHTS_MAX {
            self.heights.pop_first();
        }
    }

    /// The highest height that any node calls final.
    pub(crate) fn tip(&self) -> Option<u64> {
        self.heights.last_key_value().map(|(height, _)| *height)
    }

    /// The known facts about a height.
    pub(crate) fn at(&self, height: u64) -> Option<&Seen> {
        self.heights.get(&height)
    }

    /// All that is known, newest first.
    pub(crate) fn newest(&self) -> impl Iterator<Item = (u64, &Seen)> {
        self.heights.iter().rev().map(|(height, seen)| (*height, seen))
    }

    /// The wait before a height, in ms: as measured by a node, else by the times of the blocks.
    pub(crate) fn interval(&self, height: u64) -> Option<u64> {
        let seen = self.heights.get(&height)?;
        let times = || {
            let before = self.heights.get(&height.checked_sub(1)?)?.block?;
            Some(seen.block?.time.since(before.time))
        };
        seen.interval_ms.or_else(times)
    }

    /// The median wait between the last blocks, in ms; without the last one, whose wait may be the odd one.
    pub(crate) fn usual_interval(&self) -> Option<u64> {
        let last = self.heights.keys().rev().skip(1).take(USUAL_OF);
        let mut waits: Vec<_> = last.filter_map(|height| self.interval(*height)).collect();
        waits.sort_unstable();
        waits.get(waits.len() / 2).copied()
    }

    /// How long transactions took to be final, of the last so many blocks that hold any: sorted, in ms.
    pub(crate) fn times_to_final(&self, blocks: usize) -> Vec<u64> {
        let mut times: Vec<_> = self.newest().take(blocks).filter_map(|(_, seen)| seen.seen_to_final_ms).collect();
        times.sort_unstable();
        times
    }

    /// Of the last so many blocks, those that this account led, and how many there were.
    pub(crate) fn led(&self, leader: &Address, blocks: usize) -> (usize, usize) {
        let known = self.newest().take(blocks).filter_map(|(_, seen)| seen.block);
        known.fold((0, 0), |(led, all), block| (led + usize::from(block.leader == *leader), all + 1))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use blockchat_proto::units::Height;

    fn hash(n: u8) -> Hash32 {
        Hash32([n; 32])
    }

    #[test]
    fn two_hashes_at_one_height_are_remembered_however_long_the_chain_grows() {
        let mut chain = Chain::default();
        assert!(chain.told(0, 7, hash(1), UnixMillis(1)));
        assert!(!chain.told(1, 7, hash(1), UnixMillis(2)), "the same block again");
        assert!(chain.told(2, 7, hash(2), UnixMillis(3)), "a contradiction");
        (8..3_000).for_each(|height| _ = chain.told(0, height, hash(3), UnixMillis(height)));
        let (height, sides) = chain.split.as_ref().unwrap();
        assert_eq!((*height, sides.values().map(BTreeSet::len).collect::<Vec<_>>()), (7, vec![2, 1]));
        assert_eq!(chain.newest().count(), HEIGHTS_MAX);
    }

    #[test]
    fn the_genesis_is_no_block_and_an_older_height_does_not_move_the_tip() {
        let mut chain = Chain::default();
        assert!(!chain.told(0, 0, hash(0), UnixMillis(1)));
        assert!(chain.told(0, 8, hash(2), UnixMillis(4)));
        assert_eq!(chain.moved, None, "the first may be old");
        assert!(chain.told(0, 9, hash(1), UnixMillis(5)));
        assert!(!chain.told(1, 8, hash(2), UnixMillis(6)));
        assert_eq!((chain.tip(), chain.moved), (Some(9), Some(UnixMillis(5))));
    }

    #[test]
    fn waits_are_the_times_between_blocks_and_the_last_one_is_not_usual() {
        let mut chain = Chain::default();
        for (height, time) in [(1, 100), (2, 300), (3, 500), (4, 700), (5, 9_000)] {
            let event = BlockEvent {
                height: Height(height),
                hash: hash(1),
                time: UnixMillis(time),
                leader: Some(Address([1; 32])),
                round: Round(0),
                transactions: 3,
                bytes: 10,
            };
            chain.told(0, height, hash(1), UnixMillis(time));
            chain.event(&event);
        }
        assert_eq!((chain.interval(5), chain.usual_interval(), chain.interval(1)), (Some(8_300), Some(200), None));
        assert_eq!(chain.led(&Address([1; 32]), 3), (3, 3));
    }
}
