//! Which rows concern an account: what the index over accounts holds, and what can be asked of it.
//!
//! A touch is a place in the chain with the kind of the row and the account's part in it, so that a filter reads no rows.
//! Touches of an account that are written together lie in chunks under the account and the first place: `crc32 u32be`,
//! then for each touch `height u64be, index u32be, marks u8`. The checksum covers the account too.
//!
//! Start reading at [`Scan`].

use super::rows::{Direction, RowKind};
use blockchat_proto::keys::Address;
use blockchat_proto::units::Height;

/// Position of a row: the height of its block, and its number there. A transaction's number is its place in the block.
pub type Position = (Height, u32);

/// Beyond every row.
pub(super) const END: Position = (Height(u64::MAX), u32::MAX);
/// Touches of a chunk: 13 bytes each.
const CHUNK_TOUCHES: usize = 64;
const TOUCH_BYTES: usize = 13;
const CRC_BYTES: usize = 4;
/// Looked at for one part of a list: a filter that nothing matches ends its part here, and the next part goes on. About
/// 2 ms.
const SCAN_MAX: usize = 20_000;

const KIND_MASK: u8 = 0x1f;
const IN: u8 = 0x20;
const OUT: u8 = 0x40;

/// A row that concerns an account.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Touch {
    pub(super) position: Position,
    /// Kind of the row, and whether it came in, went out, or both.
    marks: u8,
}

/// Which rows of an account are wanted. The default is all of them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Filter {
    /// From this height on.
    pub from: Height,
    /// Up to this height.
    pub to: Height,
    /// Only what came in, or went out; [`Direction::Own`]: only what did both.
    pub direction: Option<Direction>,
    /// Of these kinds.
    pub kinds: Kinds,
}

/// Kinds of rows: a bit for each.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Kinds(u32);

impl Kinds {
    /// Every kind there is or will be.
    pub const ALL: Self = Self(u32::MAX);

    fn of(kinds: impl IntoIterator<Item = RowKind>) -> Self {
        Self(kinds.into_iter().fold(0, |bits, kind| bits | bit(kind as u8)))
    }

    fn holds(self, number: u8) -> bool {
        self.0 & bit(number) != 0
    }
}

fn bit(number: u8) -> u32 {
    1 << (number & KIND_MASK)
}

impl Default for Filter {
    fn default() -> Self {
        Self { from: Height(0), to: Height(u64::MAX), direction: None, kinds: Kinds::ALL }
    }
}

impl Filter {
    /// Only rows of these kinds.
    #[must_use]
    pub fn only(self, kinds: impl IntoIterator<Item = RowKind>) -> Self {
        Self { kinds: Kinds::of(kinds), ..self }
    }

    fn wants(&self, touch: Touch) -> bool {
        let needed = self.direction.map_or(0, marks_of);
        touch.marks & needed == needed && self.kinds.holds(touch.marks & KIND_MASK)
    }
}

fn marks_of(direction: Direction) -> u8 {
    match direction {
        Direction::In => IN,
        Direction::Out => OUT,
        Direction::Own => IN | OUT,
    }
}

impl Touch {
    pub(super) fn new(position: Position, kind: RowKind, direction: Direction) -> Self {
        Self { position, marks: kind as u8 | marks_of(direction) }
    }
}

/// Looks at the touches of an account, newest first, until it has enough of those that are wanted.
#[derive(Debug)]
pub(super) struct Scan {
    filter: Filter,
    limit: usize,
    left: usize,
    before: Position,
    pub(super) found: Vec<Position>,
    /// The start of the next part of the list, if there is one.
    pub(super) next: Option<Position>,
    ended: bool,
}

impl Scan {
    /// At most `limit` of those before `before`.
    pub(super) fn new(filter: Filter, before: Option<Position>, limit: usize) -> Self {
        let before = before.unwrap_or(END).min((filter.to.next(), 0)).min(END);
        Self { filter, limit: limit.max(1), left: SCAN_MAX, before, found: vec![], next: None, ended: false }
    }

    /// Only touches before this place are of interest.
    pub(super) fn before(&self) -> Position {
        self.before
    }

    /// Has it seen enough?
    pub(super) fn has_ended(&self) -> bool {
        self.ended
    }

    /// Looks at the next touch, from new to old; one that is not older than the last one is passed over.
    pub(super) fn look(&mut self, touch: Touch) {
        if self.ended || touch.position >= self.before {
            return;
        }
        if touch.position.0 < self.filter.from {
            self.ended = true;
        } else if self.left == 0 {
            (self.ended, self.next) = (true, Some(self.before));
        } else if self.filter.wants(touch) && self.found.len() == self.limit {
            (self.ended, self.next) = (true, self.found.last().copied());
        } else {
            self.left -= 1;
            self.before = touch.position;
            if self.filter.wants(touch) {
                self.found.push(touch.position);
            }
        }
    }
}

/// Chunks of touches of one account that are written together, oldest first: the first place in each, and its bytes.
pub(super) fn chunks(account: Address, touches: &[Touch]) -> impl Iterator<Item = (Position, Vec<u8>)> {
    touches.chunks(CHUNK_TOUCHES).map(move |chunk| {
        let mut bytes = vec![0; CRC_BYTES];
        for Touch { position: (height, index), marks } in chunk {
            bytes.extend_from_slice(&height.0.to_be_bytes());
            bytes.extend_from_slice(&index.to_be_bytes());
            bytes.push(*marks);
        }
        let crc = crc(account, &bytes[CRC_BYTES..]);
        bytes[..CRC_BYTES].copy_from_slice(&crc.to_be_bytes());
        (chunk[0].position, bytes)
    })
}

/// The touches of a chunk, oldest first.
pub(super) fn split_chunk(account: Address, first: Position, bytes: &[u8]) -> Result<Vec<Touch>, &'static str> {
    let (found, rest) = bytes.split_at_checked(CRC_BYTES).ok_or("an index entry is too short")?;
    let (touches, []) = rest.as_chunks::<TOUCH_BYTES>() else { return Err("an index entry is cut off") };
    if crc(account, rest).to_be_bytes() != found {
        return Err("the checksum of an index entry does not match");
    }
    let touches: Vec<_> = touches.iter().map(read_touch).collect();
    if touches.first().is_some_and(|touch| touch.position == first) {
        Ok(touches)
    } else {
        Err("an index entry lies in a wrong place")
    }
}

fn read_touch(bytes: &[u8; TOUCH_BYTES]) -> Touch {
    let [h0, h1, h2, h3, h4, h5, h6, h7, i0, i1, i2, i3, marks] = *bytes;
    let height = Height(u64::from_be_bytes([h0, h1, h2, h3, h4, h5, h6, h7]));
    Touch { position: (height, u32::from_be_bytes([i0, i1, i2, i3])), marks }
}

fn crc(account: Address, touches: &[u8]) -> u32 {
    let mut crc = crc32fast::Hasher::new();
    crc.update(&account.0);
    crc.update(touches);
    crc.finalize()
}

#[cfg(test)]
mod tests {
    use super::*;

    const ACCOUNT: Address = Address([3; 32]);

    fn touch(height: u64, kind: RowKind, direction: Direction) -> Touch {
        Touch { position: (Height(height), 0), marks: kind as u8 | marks_of(direction) }
    }

    /// Newest first: payments in at even heights, messages out at odd ones.
    fn touches(count: u64) -> Vec<Touch> {
        let of = |height: u64| match height.is_multiple_of(2) {
            true => touch(height, RowKind::Payment, Direction::In),
            false => touch(height, RowKind::Message, Direction::Out),
        };
        (1..=count).rev().map(of).collect()
    }

    fn scan(filter: Filter, before: Option<Position>, limit: usize, touches: &[Touch]) -> (Vec<u64>, Option<u64>) {
        let mut scan = Scan::new(filter, before, limit);
        touches.iter().for_each(|touch| scan.look(*touch));
        (scan.found.iter().map(|(height, _)| height.0).collect(), scan.next.map(|(height, _)| height.0))
    }

    #[test]
    fn a_part_says_where_the_next_one_begins_only_if_there_is_one() {
        let touches = touches(5);
        assert_eq!(scan(Filter::default(), None, 2, &touches), (vec![5, 4], Some(4)));
        assert_eq!(scan(Filter::default(), Some((Height(4), 0)), 3, &touches), (vec![3, 2, 1], None));
        assert_eq!(scan(Filter::default(), None, 5, &touches), (vec![5, 4, 3, 2, 1], None));
        assert_eq!(scan(Filter::default(), None, 5, &[]), (vec![], None));
    }

    #[test]
    fn a_filter_looks_at_kind_direction_and_height() {
        let mut touches = touches(8);
        touches.insert(0, touch(9, RowKind::Message, Direction::Own));
        let all = Filter::default();
        let heights = |filter| scan(filter, None, 100, &touches).0;
        assert_eq!(heights(all.only([RowKind::Message])), [9, 7, 5, 3, 1]);
        assert_eq!(heights(all.only([RowKind::Message, RowKind::Payment])).len(), 9);
        assert!(heights(all.only([RowKind::Stake])).is_empty());
        assert_eq!(heights(Filter { direction: Some(Direction::In), ..all }), [9, 8, 6, 4, 2]);
        assert_eq!(heights(Filter { direction: Some(Direction::Out), ..all }), [9, 7, 5, 3, 1]);
        assert_eq!(heights(Filter { direction: Some(Direction::Own), ..all }), [9]);
        assert_eq!(heights(Filter { from: Height(3), to: Height(5), ..all }), [5, 4, 3]);
        assert_eq!(heights(Filter { to: Height(u64::MAX), ..all }).len(), 9);
    }

    #[test]
    fn a_filter_that_nothing_matches_ends_its_part_and_the_next_part_goes_on() {
        let count = u64::try_from(SCAN_MAX).unwrap() * 2;
        let touches = touches(count);
        let nothing = Filter::default().only([RowKind::Claim]);
        let (found, next) = scan(nothing, None, 10, &touches);
        assert_eq!((found, next), (vec![], Some(count / 2 + 1)));
        let (found, next) = scan(nothing, next.map(|height| (Height(height), 0)), 10, &touches);
        assert_eq!((found, next), (vec![], None));
    }

    #[test]
    fn touches_come_back_from_their_chunks_and_damage_is_noticed() {
        let touches: Vec<_> =
            (0..200).map(|index| Touch::new((Height(7), index), RowKind::Jailed, Direction::In)).collect();
        let chunks: Vec<_> = chunks(ACCOUNT, &touches).collect();
        let read = chunks.iter().flat_map(|(first, bytes)| split_chunk(ACCOUNT, *first, bytes).unwrap());
        assert_eq!(read.collect::<Vec<_>>(), touches);
        let (first, bytes) = &chunks[1];
        assert!(split_chunk(Address([4; 32]), *first, bytes).is_err());
        assert!(split_chunk(ACCOUNT, (Height(7), 0), bytes).is_err());
        for at in 0..bytes.len() {
            let mut flipped = bytes.clone();
            flipped[at] ^= 1;
            assert!(split_chunk(ACCOUNT, *first, &flipped).is_err(), "byte {at}");
        }
        assert!(split_chunk(ACCOUNT, *first, &bytes[..bytes.len() - 1]).is_err());
    }
}
