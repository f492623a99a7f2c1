//! Money moves as the rules say.

use super::*;

/// Four validators, so that nobody is the last.
fn world() -> World {
    World::new(&[(1, 100, 50), (2, 100, 50), (3, 100, 50), (4, 100, 50), (9, 1_000, 0)])
}

#[test]
fn a_sender_pays_amount_and_charge_and_the_leader_earns_it() {
    let mut world = world();
    let leader = world.draft(vec![]).leader;
    let earned = world.ledger.account(&leader).balance;
    let applied = world.block(vec![world.send(9, 8, bcc(100))]);
    assert_eq!(world.account(9).balance, bcc(897));
    assert_eq!(world.account(9).next_nonce, 1);
    assert_eq!(world.account(8).balance, bcc(100));
    assert_eq!(applied.charges(), bcc(3));
    assert_eq!(world.ledger.account(&leader).balance, earned.checked_add(bcc(3)).unwrap());
}
