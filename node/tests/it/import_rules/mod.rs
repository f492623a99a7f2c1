//! The rules of imports, held by tests that read the sources.
//!
//! A compiler holds the borders of crates; those between the folders of one crate are held here. A breach is named with
//! its file and line, its rule and the reason. The rules are in [`table`]; [`made_up`] shows that each can be broken.
//! `manifests` holds what Cargo and clippy are told, `doc_paths` that the pages name files that exist,
//! `spec_ids` that the rules which the code cites do; `gauges` prints what has grown long.

mod doc_paths;
mod gauges;
mod made_up;
mod manifests;
mod mentions;
mod spec_ids;
mod table;
mod tree;
mod words;

#[test]
fn imports_point_down_and_borders_hold() {
    let sources = tree::sources();
    assert!(sources.len() > 200, "only {} sources were read", sources.len());
    let breaches: Vec<_> = sources.iter().flat_map(tree::breaches).collect();
    assert!(breaches.is_empty(), "{} breaches:\n{}", breaches.len(), breaches.join("\n"));
}
