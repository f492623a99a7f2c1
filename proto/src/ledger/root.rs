//! The state tree: a binary sparse Merkle tree in memory over 256-bit keys. SPEC STATE-2.
//!
//! Owns: its shape and hashing. Does not own: the meaning of leaves (`leaves`), proofs (`proof`). A subtree with one
//! leaf *is* that leaf, so a tree of n leaves is about log2(n) deep. Leaf = SHA-256(0x00, key, value hash): the key is
//! inside, because a collapsed leaf must not be movable. Inner = SHA-256(0x01, left, right). Empty = 32 zero bytes.
//! Bits of a key start at the first byte's highest bit; 0 goes left.
//!
//! Always true: the shape depends only on the leaves, not on their order of arrival; an update shares every untouched
//! subtree with the old tree and leaves the old tree intact.
//! Start reading at [`Tree::updated`].

use super::leaves::LeafUpdate;
use crate::hash::Hash32;
use sha2::{Digest, Sha256};
use std::sync::Arc;

/// A tree. Cheap to clone.
#[derive(Clone, Debug, Default)]
pub(super) struct Tree(Link);

#[derive(Clone, Debug, Default)]
enum Link {
    #[default]
    Empty,
    Leaf(Arc<Leaf>),
    Inner(Arc<Inner>),
}

#[derive(Debug)]
struct Leaf {
    key: Hash32,
    value: Hash32,
    hash: Hash32,
}

#[derive(Debug)]
struct Inner {
    hash: Hash32,
    left: Link,
    right: Link,
}

/// The end of a key's path, and the siblings along it.
#[derive(Debug)]
pub(super) struct Path {
    /// Hashes of the siblings, from the root down.
    pub(super) siblings: Vec<Hash32>,
    /// Key and value hash of the leaf at the end, if there is one. It may belong to another key.
    pub(super) end: Option<(Hash32, Hash32)>,
}

impl Tree {
    /// The state root.
    pub(super) fn root(&self) -> Hash32 {
        self.0.hash()
    }

    /// The tree with these leaves set or removed. `updates` are sorted by key, without repeats.
    ///
    /// Cost: about log2(leaves) hashes per update, less in large batches.
    pub(super) fn updated(&self, updates: &[LeafUpdate]) -> Self {
        assert!(updates.is_sorted_by(|a, b| a.0 < b.0), "updates are sorted by key without repeats");
        Self(self.0.updated(updates, 0))
    }

    /// The path of a key, for a proof.
    pub(super) fn path(&self, key: &Hash32) -> Path {
        let mut siblings = vec![];
        let mut link = &self.0;
        while let Link::Inner(inner) = link {
            let (next, sibling) =
                if bit(key, siblings.len()) { (&inner.right, &inner.left) } else { (&inner.left, &inner.right) };
            siblings.push(sibling.hash());
            link = next;
        }
        let end = match link {
            Link::Leaf(leaf) => Some((leaf.key, leaf.value)),
            Link::Empty | Link::Inner(_) => None,
        };
        Path { siblings, end }
    }
}

impl Link {
    fn hash(&self) -> Hash32 {
        match self {
            Self::Empty => Hash32::ZERO,
            Self::Leaf(leaf) => leaf.hash,
            Self::Inner(inner) => inner.hash,
        }
    }

    fn leaf(key: Hash32, value: Hash32) -> Self {
        Self::Leaf(Arc::new(Leaf { key, value, hash: leaf_hash(&key, &value) }))
    }

    /// A node over two subtrees: collapses to a lone leaf, or to an empty tree.
    fn join(left: Self, right: Self) -> Self {
        match (left, right) {
            (Self::Empty, only @ (Self::Empty | Self::Leaf(_))) | (only @ Self::Leaf(_), Self::Empty) => only,
            (left, right) => {
                let hash = inner_hash(&left.hash(), &right.hash());
                Self::Inner(Arc::new(Inner { hash, left, right }))
            }
        }
    }

    /// `depth`: number of leading bits shared by the keys below. Terminates, because distinct keys differ in some bit.
    fn updated(&self, updates: &[LeafUpdate], depth: usize) -> Self {
        match (self, updates) {
            (_, []) => self.clone(),
            (Self::Empty, [(key, value)]) => Self::single(*key, *value),
            (Self::Leaf(leaf), [(key, value)]) if leaf.key == *key => Self::single(*key, *value),
            (Self::Inner(inner), _) => Self::split(&inner.left, &inner.right, updates, depth),
            (Self::Leaf(leaf), _) if bit(&leaf.key, depth) => Self::split(&Self::Empty, self, updates, depth),
            (Self::Leaf(_), _) => Self::split(self, &Self::Empty, updates, depth),
            (Self::Empty, _) => Self::split(&Self::Empty, &Self::Empty, updates, depth),
        }
    }

    fn single(key: Hash32, value: Option<Hash32>) -> Self {
        value.map_or(Self::Empty, |value| Self::leaf(key, value))
    }

    fn split(left: &Self, right: &Self, updates: &[LeafUpdate], depth: usize) -> Self {
        let (zeros, ones) = updates.split_at(updates.partition_point(|(key, _)| !bit(key, depth)));
        Self::join(left.updated(zeros, depth + 1), right.updated(ones, depth + 1))
    }
}

/// Bit number `depth` of a key.
pub(super) fn bit(key: &Hash32, depth: usize) -> bool {
    key.0[depth / 8] >> (7 - depth % 8) & 1 == 1
}

/// SPEC STATE-2.
pub(super) fn leaf_hash(key: &Hash32, value: &Hash32) -> Hash32 {
    node_hash(0, key, value)
}

/// SPEC STATE-2.
pub(super) fn inner_hash(left: &Hash32, right: &Hash32) -> Hash32 {
    node_hash(1, left, right)
}

fn node_hash(prefix: u8, first: &Hash32, second: &Hash32) -> Hash32 {
    let mut bytes = [prefix; 65];
    bytes[1..33].copy_from_slice(&first.0);
    bytes[33..].copy_from_slice(&second.0);
    Hash32(Sha256::digest(bytes).into())
}
