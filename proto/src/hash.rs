//! SHA-256 with a domain label.
//!
//! Owns: [`Hash32`], labelled hashing (SPEC HASH-1), and the list root over hashed items (SPEC HASH-2).
//! Always true: two kinds of content never share a hash input, because each starts with its own label.
//! Start reading at [`Hasher`].

use crate::fixed_bytes;
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use sha2::{Digest, Sha256};
use std::cmp::Ordering;
use std::fmt;
use std::str::FromStr;

/// The labels of hashed content. SPEC HASH-1.
pub mod label {
    /// Canonical genesis -> genesis hash.
    pub const GENESIS: &str = "blockchat/genesis/v1";
    /// Canonical signed transaction -> transaction id.
    pub const TRANSACTION_ID: &str = "blockchat/transaction-id/v1";
    /// A transaction to sign.
    pub const SIGN_TRANSACTION: &str = "blockchat/sign/transaction/v1";
    /// A proposal to sign.
    pub const SIGN_PROPOSAL: &str = "blockchat/sign/proposal/v1";
    /// A vote to sign.
    pub const SIGN_VOTE: &str = "blockchat/sign/vote/v1";
    /// Canonical header -> block hash.
    pub const BLOCK: &str = "blockchat/block/v1";
    /// The work of a claim.
    pub const CLAIM: &str = "blockchat/claim/v1";
    /// One draw of the leader lottery.
    pub const LEADER: &str = "blockchat/leader/v1";
    /// Transactions of a block.
    pub const TRANSACTIONS: &str = "blockchat/root/transactions/v1";
    /// Evidence of a block.
    pub const EVIDENCE: &str = "blockchat/root/evidence/v1";
    /// Parent's commit in a block.
    pub const COMMIT: &str = "blockchat/root/commit/v1";
    /// One item of a list root.
    pub const ITEM: &str = "blockchat/item/v1";
    /// The validator set of a height.
    pub const VALIDATORS: &str = "blockchat/validators/v1";
    /// Key of a state leaf.
    pub const STATE_KEY: &str = "blockchat/state/key/v1";
    /// Value of a state leaf.
    pub const STATE_VALUE: &str = "blockchat/state/value/v1";
}

/// 32 bytes of SHA-256. In JSON and on screens: 64 lower-case hex digits.
#[derive(Clone, Copy, Default, PartialEq, Eq, Hash)]
pub struct Hash32(pub [u8; 32]);

impl Ord for Hash32 {
    fn cmp(&self, other: &Self) -> Ordering {
        fixed_bytes::compare(&self.0, &other.0)
    }
}

impl PartialOrd for Hash32 {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Hash32 {
    /// 32 zero bytes: an empty state tree, an absent parent.
    pub const ZERO: Self = Self([0; 32]);

    /// The first eight hex digits, for tables and protocol names. Never compare these.
    pub fn short(&self) -> String {
        hex::encode(&self.0[..4])
    }
}

/// Collects the parts of one labelled hash: SHA-256(u8 label length, label, parts). SPEC HASH-1.
#[derive(Clone)]
pub struct Hasher(Sha256);

impl Hasher {
    /// Starts a hash of the kind `label`.
    ///
    /// Panics if the label is longer than 255 bytes; labels are constants of this module.
    pub fn new(label: &str) -> Self {
        let length = u8::try_from(label.len()).expect("labels are short constants");
        Self(Sha256::new().chain_update([length]).chain_update(label))
    }

    /// Adds a part. Parts are not delimited: give each a fixed length, or make it the last.
    #[must_use]
    pub fn part(self, bytes: &[u8]) -> Self {
        Self(self.0.chain_update(bytes))
    }

    /// The hash of everything added.
    pub fn finish(self) -> Hash32 {
        Hash32(self.0.finalize().into())
    }
}

/// `H(label, part)` in one call.
pub fn hash(label: &str, part: &[u8]) -> Hash32 {
    Hasher::new(label).part(part).finish()
}

/// The root of an ordered list: `H(label, u64be n, tree head)`, the tree head as in RFC 9162 over the items. SPEC HASH-2.
///
/// The length is part of the hash and the last item is never duplicated, so no two lists share a root. Cost: n - 1
/// inner hashes.
pub fn list_root(label: &str, items: &[Hash32]) -> Hash32 {
    let count = u64::try_from(items.len()).expect("a list in memory has fewer than 2^64 items");
    Hasher::new(label).part(&count.to_be_bytes()).part(&tree_head(items).0).finish()
}

/// The sibling hashes from an item up to the tree head; `None` beyond the end. SPEC HASH-3.
///
/// Cost: n - 1 inner hashes.
pub fn list_path(items: &[Hash32], index: usize) -> Option<Vec<Hash32>> {
    match items {
        [] => None,
        [_] => (index == 0).then(Vec::new),
        _ => {
            let (left, right) = items.split_at(split_of(items.len()));
            let (mut path, beside) = match index.checked_sub(left.len()) {
                None => (list_path(left, index)?, tree_head(right)),
                Some(index) => (list_path(right, index)?, tree_head(left)),
            };
            path.push(beside);
            Some(path)
        }
    }
}

/// The root of the list of `count` items that has `item` at `index`, given the sibling hashes in `path`; `None` if the
/// path has the wrong length. RFC 9162, section 2.1.3.2. SPEC HASH-3.
pub fn list_root_of_path(label: &str, count: u64, index: u64, item: Hash32, path: &[Hash32]) -> Option<Hash32> {
    let (mut place, mut last) = (index, count.checked_sub(1).filter(|last| index <= *last)?);
    let mut head = leaf(item);
    for beside in path {
        if last == 0 {
            return None;
        }
        if place & 1 == 1 || place == last {
            head = node(*beside, head);
            let up = place.trailing_zeros().min(63);
            (place, last) = (place >> up, last >> up);
        } else {
            head = node(head, *beside);
        }
        (place, last) = (place >> 1, last >> 1);
    }
    (last == 0).then(|| Hasher::new(label).part(&count.to_be_bytes()).part(&head.0).finish())
}

/// RFC 9162, section 2.1.1, with the item hashes as leaf data.
fn tree_head(items: &[Hash32]) -> Hash32 {
    match items {
        [] => Hash32(Sha256::new().finalize().into()),
        [item] => leaf(*item),
        _ => {
            let (left, right) = items.split_at(split_of(items.len()));
            node(tree_head(left), tree_head(right))
        }
    }
}

/// The largest power of two below `n`, for n of at least 2.
fn split_of(n: usize) -> usize {
    n.next_power_of_two() / 2
}

fn leaf(item: Hash32) -> Hash32 {
    Hash32(Sha256::new().chain_update([0]).chain_update(item.0).finalize().into())
}

fn node(left: Hash32, right: Hash32) -> Hash32 {
    Hash32(Sha256::new().chain_update([1]).chain_update(left.0).chain_update(right.0).finalize().into())
}

impl fmt::Display for Hash32 {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&hex::encode(self.0))
    }
}

impl fmt::Debug for Hash32 {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.short())
    }
}

/// The text is not 64 hex digits.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("a hash is 64 hex digits")]
pub struct NotAHash;

impl FromStr for Hash32 {
    type Err = NotAHash;
    fn from_str(text: &str) -> Result<Self, NotAHash> {
        let mut bytes = [0; 32];
        hex::decode_to_slice(text, &mut bytes).map_err(|_| NotAHash)?;
        Ok(Self(bytes))
    }
}

impl Serialize for Hash32 {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        fixed_bytes::serialize(&self.0, self, serializer)
    }
}

impl<'de> Deserialize<'de> for Hash32 {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        fixed_bytes::deserialize(Self, deserializer)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_doubled_last_item_changes_the_root() {
        let (a, b, c) = (hash("x", b"a"), hash("x", b"b"), hash("x", b"c"));
        assert_ne!(list_root("l", &[a, b, c]), list_root("l", &[a, b, c, c]));
        assert_ne!(list_root("l", &[]), list_root("l", &[Hash32::ZERO]));
    }

    #[test]
    fn the_tree_head_splits_at_the_largest_power_of_two_below_n() {
        let items: Vec<_> = (0..5u8).map(|i| hash("x", &[i])).collect();
        let node = |l: Hash32, r: Hash32| {
            Hash32(Sha256::new().chain_update([1]).chain_update(l.0).chain_update(r.0).finalize().into())
        };
        assert_eq!(tree_head(&items), node(tree_head(&items[..4]), tree_head(&items[4..])));
    }

    /// SPEC HASH-3.
    #[test]
    fn each_path_leads_to_the_root_from_its_own_place_only() {
        for count in 1..=17u8 {
            let items: Vec<_> = (0..count).map(|i| hash("x", &[i])).collect();
            let root = list_root("l", &items);
            let count = u64::from(count);
            for (index, item) in (0u64..).zip(&items) {
                let path = list_path(&items, usize::try_from(index).unwrap()).unwrap();
                let leads = |count, index, item, path: &[Hash32]| list_root_of_path("l", count, index, item, path);
                assert_eq!(leads(count, index, *item, &path), Some(root));
                assert!((0..count + 2).all(|other| other == index || leads(count, other, *item, &path) != Some(root)));
                assert_ne!(leads(count + 1, index, *item, &path), Some(root));
                assert_ne!(leads(count, index, hash("x", b"other"), &path), Some(root));
                assert_ne!(leads(count, index, *item, &[&path[..], &[root]].concat()), Some(root));
                if let [short @ .., _] = &path[..] {
                    assert_ne!(leads(count, index, *item, short), Some(root));
                }
            }
            assert_eq!(list_path(&items, items.len()), None);
        }
        assert_eq!(list_root_of_path("l", 0, 0, Hash32::ZERO, &[]), None);
        assert_eq!(list_root_of_path("l", u64::MAX, u64::MAX - 1, Hash32::ZERO, &[]), None, "no overflow");
    }

    #[test]
    fn hex_text_round_trips_and_refuses_other_lengths() {
        let h = hash("x", b"a");
        assert_eq!(h.to_string().parse(), Ok(h));
        assert_eq!("00".parse::<Hash32>(), Err(NotAHash));
    }
}
