//! Lists a part at a time: what a request wants, and the cursors that lead from one part to the next. SPEC API-7.
//!
//! Always true: a cursor names a place, not a count, so that nothing is told twice or left out when the list grows at its
//! head; a cursor of another list, or one that this node did not make, is refused.
//! Start reading at [`List::part`].

use super::problem::ApiError;
use crate::store::history::Position;
use axum::extract::Query;
use axum::extract::rejection::QueryRejection;
use blockchat_client::shapes::{ApiCode, Cursor, Page, PageRequest};
use blockchat_engine::engine_view::PoolPlace;
use blockchat_proto::keys::Address;
use blockchat_proto::units::Height;

/// Parsed parameters of a list request.
pub(super) type PageQuery = Result<Query<PageRequest>, QueryRejection>;

/// A list that can be asked for in parts.
#[derive(Clone, Copy, Debug)]
pub(super) struct List {
    /// The first byte of its cursors.
    number: u8,
    /// Entries in a part unless asked otherwise.
    limit_default: u16,
    /// Most entries in a part.
    limit_max: u16,
}

/// Final messages of an account.
pub(super) const MESSAGES: List = List { number: 1, limit_default: 50, limit_max: 500 };
/// Connected peers: most often all of them in one part.
pub(super) const PEERS: List = List { number: 2, limit_default: 500, limit_max: 500 };
/// Peers that the node knows of.
pub(super) const PEERS_KNOWN: List = List { number: 3, limit_default: 500, limit_max: 500 };

/// The history of an account.
pub(super) const HISTORY: List = List { number: 4, limit_default: 50, limit_max: 500 };
/// Final blocks.
pub(super) const BLOCKS: List = List { number: 5, limit_default: 50, limit_max: 500 };
/// Their headers.
pub(super) const HEADERS: List = List { number: 8, limit_default: 50, limit_max: 500 };

/// Validators: most often all of them in one part.
pub(super) const VALIDATORS: List = List { number: 6, limit_default: 500, limit_max: 500 };
/// The pool.
pub(super) const POOL: List = List { number: 7, limit_default: 50, limit_max: 500 };

/// A part of a list.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Part {
    /// At most so many entries; at least 1.
    pub(super) limit: usize,
    /// Only those that come after this place.
    after: Option<Vec<u8>>,
}

impl List {
    /// The filters of a request.
    pub(super) fn part(self, query: PageQuery) -> Result<Part, ApiError> {
        self.wanted(part_of(query)?)
    }

    /// The same, of a query that was looked at already.
    pub(super) fn wanted(self, request: PageRequest) -> Result<Part, ApiError> {
        let (limit, max) = (request.limit.unwrap_or(self.limit_default), self.limit_max);
        if limit == 0 || limit > max {
            return Err(bad_query(format!("limit is {limit}, but must be 1 to {max}")));
        }
        let after = request.cursor.map(|cursor| self.place(&cursor)).transpose()?;
        Ok(Part { limit: usize::from(limit), after })
    }

    /// A part that knows where the next one begins.
    pub(super) fn page_up_to<T>(self, items: Vec<T>, last: Option<Vec<u8>>) -> Page<T> {
        Page { items, next: last.map(|place| self.cursor(&place)) }
    }

    /// The start of the part after this place.
    fn cursor(self, place: &[u8]) -> Cursor {
        Cursor::new(hex::encode([&[self.number], place].concat()))
    }

    fn place(self, cursor: &Cursor) -> Result<Vec<u8>, ApiError> {
        match hex::decode(cursor.as_str()).as_deref() {
            Ok([number, place @ ..]) if *number == self.number => Ok(place.to_vec()),
            _ => Err(bad_cursor()),
        }
    }

    /// The wanted part of a list that is here as a whole, in the order of its places.
    pub(super) fn page_of_all<T>(self, part: &Part, all: Vec<T>, place_of: impl Fn(&T) -> Vec<u8>) -> Page<T> {
        let comes_after = |entry: &T| part.after.as_ref().is_none_or(|after| place_of(entry) > *after);
        let mut rest: Vec<_> = all.into_iter().filter(comes_after).collect();
        rest.sort_by_cached_key(|entry| place_of(entry));
        let is_last = rest.len() <= part.limit;
        rest.truncate(part.limit);
        let last = rest.last().filter(|_| !is_last).map(place_of);
        self.page_up_to(rest, last)
    }
}

impl Part {
    /// The start of a part, in a list of transactions in blocks.
    pub(super) fn position(&self) -> Result<Option<Position>, ApiError> {
        let Some(after) = &self.after else { return Ok(None) };
        let bytes: [u8; 12] = after.as_slice().try_into().map_err(|_| bad_cursor())?;
        let [a, b, c, d, e, f, g, h, index @ ..] = bytes;
        Ok(Some((Height(u64::from_be_bytes([a, b, c, d, e, f, g, h])), u32::from_be_bytes(index))))
    }

    /// The start of a part, in the list of the pool.
    pub(super) fn pool_place(&self) -> Result<Option<PoolPlace>, ApiError> {
        let Some(after) = &self.after else { return Ok(None) };
        let (sender, rest) = after.split_first_chunk::<32>().ok_or_else(bad_cursor)?;
        let (where_, nonce) = rest.split_first().ok_or_else(bad_cursor)?;
        let nonce: [u8; 8] = nonce.try_into().map_err(|_| bad_cursor())?;
        Ok(Some((Address(*sender), *where_, u64::from_be_bytes(nonce))))
    }

    /// The start of a part, in a list of blocks.
    pub(super) fn height(&self) -> Result<Option<Height>, ApiError> {
        let Some(after) = &self.after else { return Ok(None) };
        let bytes: [u8; 8] = after.as_slice().try_into().map_err(|_| bad_cursor())?;
        Ok(Some(Height(u64::from_be_bytes(bytes))))
    }
}

/// Parses the query of a request; an error names the parameter that is invalid.
pub(super) fn part_of<T>(query: Result<Query<T>, QueryRejection>) -> Result<T, ApiError> {
    query.map(|Query(request)| request).map_err(|error| bad_query(error.body_text()))
}

/// The heights that a request wants.
pub(super) fn heights(from: Option<Height>, to: Option<Height>) -> Result<(Height, Height), ApiError> {
    let (from, to) = (from.unwrap_or(Height(0)), to.unwrap_or(Height(u64::MAX)));
    if from <= to { Ok((from, to)) } else { Err(bad_query(format!("from is {from}, which is above to, {to}"))) }
}

/// A height as the place in a list.
pub(super) fn place_of_height(height: Height) -> Vec<u8> {
    height.0.to_be_bytes().to_vec()
}

/// A place in the pool as the place in a list.
pub(super) fn place_of_pooled((sender, where_, nonce): PoolPlace) -> Vec<u8> {
    [&sender.0[..], &[where_], &nonce.to_be_bytes()].concat()
}

/// A position in blocks as the place in a list.
pub(super) fn place_of_position((height, index): Position) -> Vec<u8> {
    [&height.0.to_be_bytes()[..], &index.to_be_bytes()[..]].concat()
}

/// 400: the query says nothing that this path understands.
pub(super) fn bad_query(detail: impl Into<String>) -> ApiError {
    ApiError::new(ApiCode::BadQuery, detail)
}

fn bad_cursor() -> ApiError {
    bad_query("the cursor is invalid for this list: start without a cursor")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn asked(limit: Option<u16>, cursor: Option<Cursor>) -> PageQuery {
        Ok(Query(PageRequest { limit, cursor }))
    }

    /// Reads a list of numbers in parts of three.
    fn read(all: &[u8]) -> Vec<Vec<u8>> {
        let (mut parts, mut cursor) = (vec![], None);
        loop {
            let part = PEERS.part(asked(Some(3), cursor)).unwrap();
            let page = PEERS.page_of_all(&part, all.to_vec(), |number| vec![*number]);
            parts.push(page.items);
            cursor = page.next;
            if cursor.is_none() {
                return parts;
            }
        }
    }

    #[test]
    fn every_entry_is_in_one_part_and_the_last_part_says_so() {
        assert_eq!(read(&[]), [Vec::<u8>::new()]);
        assert_eq!(read(&[2, 1, 3]), [vec![1, 2, 3]], "no empty part follows");
        assert_eq!(read(&[7, 6, 5, 4, 3, 2, 1]), [vec![1, 2, 3], vec![4, 5, 6], vec![7]]);
    }

    #[test]
    fn a_position_comes_back_from_its_cursor() {
        let position = (Height(1 << 40), 3);
        let cursor = MESSAGES.cursor(&place_of_position(position));
        let part = MESSAGES.part(asked(None, Some(cursor.clone()))).unwrap();
        assert_eq!((part.limit, part.position()), (50, Ok(Some(position))));
        assert_eq!(PEERS.part(asked(None, Some(cursor))), Err(bad_cursor()), "another list's");
    }

    #[test]
    fn a_place_in_the_pool_comes_back_from_its_cursor_and_a_short_one_is_refused() {
        let place = (Address([9; 32]), 1, 1 << 40);
        let bytes = place_of_pooled(place);
        for end in 0..bytes.len() {
            let part = POOL.part(asked(None, Some(POOL.cursor(&bytes[..end])))).unwrap();
            assert_eq!(part.pool_place(), Err(bad_cursor()), "{end}");
        }
        assert_eq!(POOL.part(asked(None, Some(POOL.cursor(&bytes)))).unwrap().pool_place(), Ok(Some(place)));
    }

    #[test]
    fn what_this_node_did_not_make_is_no_cursor() {
        for wrong in ["", "zz", "1", "120.3", "02"] {
            assert_eq!(MESSAGES.part(asked(None, Some(Cursor::new(wrong)))), Err(bad_cursor()), "{wrong}");
        }
        let short = MESSAGES.part(asked(None, Some(Cursor::new("01ff")))).unwrap();
        assert_eq!(short.position(), Err(bad_cursor()));
    }

    #[test]
    fn a_part_holds_at_least_one_and_at_most_the_maximum() {
        assert_eq!(MESSAGES.part(asked(Some(500), None)).unwrap().limit, 500);
        assert!(MESSAGES.part(asked(Some(0), None)).is_err());
        assert!(MESSAGES.part(asked(Some(501), None)).is_err());
    }
}
