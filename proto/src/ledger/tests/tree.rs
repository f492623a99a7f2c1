//! The state tree against a slow recomputation, and proofs of single accounts.

use super::*;
use crate::ledger::leaves::LeafUpdate;
use crate::ledger::root::{Tree, bit, inner_hash, leaf_hash};
use crate::ledger::{AccountProof, Neighbour};
use proptest::collection::vec;
use proptest::prelude::*;
use std::collections::BTreeMap;

/// The root straight from its definition: no sharing, no collapsing code, every leaf looked at on every level.
fn slow_root(leaves: &[(Hash32, Hash32)], depth: usize) -> Hash32 {
    match leaves {
        [] => Hash32::ZERO,
        [(key, value)] => leaf_hash(key, value),
        _ => {
            let (ones, zeros): (Vec<_>, Vec<_>) = leaves.iter().partition(|(key, _)| bit(key, depth));
            inner_hash(&slow_root(&zeros, depth + 1), &slow_root(&ones, depth + 1))
        }
    }
}

fn recomputed(leaves: &BTreeMap<Hash32, Hash32>) -> Hash32 {
    let leaves: Vec<_> = leaves.iter().map(|(key, value)| (*key, *value)).collect();
    slow_root(&leaves, 0)
}

/// Few keys, many of which share long prefixes, set or taken out in batches.
fn batches() -> impl Strategy<Value = Vec<BTreeMap<Hash32, Option<Hash32>>>> {
    let key = (0..3_u8, 0..4_u8, 0..8_u8).prop_map(|(first, middle, last)| {
        let mut key = [0; 32];
        (key[0], key[15], key[31]) = (first << 6, middle, last);
        Hash32(key)
    });
    let value = prop::option::of((1..4_u8).prop_map(|byte| Hash32([byte; 32])));
    vec(prop::collection::btree_map(key, value, 0..12), 1..8)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(256))]

    #[test]
    fn batches_give_the_root_of_a_full_recomputation(batches in batches()) {
        let (mut tree, mut leaves) = (Tree::default(), BTreeMap::new());
        for batch in batches {
            let (before, root) = (tree.clone(), tree.root());
            let updates: Vec<LeafUpdate> = batch.into_iter().collect();
            tree = tree.updated(&updates);
            for (key, value) in updates {
                match value {
                    Some(value) => leaves.insert(key, value),
                    None => leaves.remove(&key),
                };
            }
            prop_assert_eq!(tree.root(), recomputed(&leaves));
            prop_assert_eq!(before.root(), root, "the old tree is intact");
            for key in leaves.keys() {
                prop_assert_eq!(tree.path(key).end, Some((*key, leaves[key])));
            }
        }
    }
}

#[test]
fn a_tree_of_nothing_has_root_zero_and_one_leaf_is_its_own_root() {
    let (key, value) = (Hash32([3; 32]), Hash32([4; 32]));
    assert_eq!(Tree::default().root(), Hash32::ZERO);
    let one = Tree::default().updated(&[(key, Some(value))]);
    assert_eq!(one.root(), leaf_hash(&key, &value));
    assert_eq!(one.updated(&[(key, None)]).root(), Hash32::ZERO);
}

#[test]
#[should_panic(expected = "sorted by key without repeats")]
fn repeated_keys_are_our_bug() {
    Tree::default().updated(&[(nobody(), None), (nobody(), None)]);
}

fn world() -> World {
    let mut world = World::new(&(1..=40).map(|person| (person, 100, u64::from(person % 2))).collect::<Vec<_>>());
    world.block(vec![world.send(1, 2, bcc(1))]);
    world
}

#[test]
fn every_account_is_proved_and_no_other_content_is() {
    let world = world();
    let root = world.ledger.state_root();
    for person in 1..=40 {
        let proof = world.ledger.prove(&address(person));
        assert!(proof.verify(root), "{person}");
        let richer = Account { balance: bcc(1_000), ..proof.account.clone() };
        assert!(!AccountProof { account: richer, ..proof.clone() }.verify(root));
        assert!(!AccountProof { account: Account::default(), ..proof.clone() }.verify(root));
        assert!(!AccountProof { address: address(person + 1), ..proof.clone() }.verify(root));
        assert!(!proof.verify(nobody()));
    }
}

#[test]
fn absence_is_proved_and_cannot_be_claimed_of_what_exists() {
    let world = world();
    let root = world.ledger.state_root();
    let absent: Vec<_> = (100..200).map(|person| world.ledger.prove(&address(person))).collect();
    assert!(absent.iter().all(|proof| proof.verify(root)));
    assert!(absent.iter().any(|proof| proof.neighbour.is_some()));
    assert!(absent.iter().any(|proof| proof.neighbour.is_none()), "paths end in a leaf or in nothing");
    for proof in absent {
        let content = Account { balance: bcc(1), ..Account::default() };
        assert!(!AccountProof { account: content, ..proof }.verify(root));
    }
    // Its own leaf, shown as that of another account.
    let mut own = world.ledger.prove(&address(1));
    let key = crate::ledger::leaves::account_key(&own.address);
    let value = crate::ledger::leaves::account_value(&own.account).unwrap();
    own.account = Account::default();
    own.neighbour = Some(Neighbour { key, value });
    assert!(!own.verify(root));
}

#[test]
fn a_path_longer_than_a_key_is_refused() {
    let world = world();
    let siblings = vec![Hash32::ZERO; 257];
    assert!(!AccountProof { siblings, ..world.ledger.prove(&address(1)) }.verify(world.ledger.state_root()));
}

#[test]
fn the_state_root_covers_the_parameters() {
    let people = [(1, 100, 50)];
    let cheap = World::with(&people, Parameters { fee_min: bcc(1), ..Parameters::default() });
    assert_ne!(World::new(&people).ledger.state_root(), cheap.ledger.state_root());
}
