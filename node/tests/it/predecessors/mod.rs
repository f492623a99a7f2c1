//! The defects of BlockChat's predecessors, each a test that goes through a public door of real processes: the HTTP API,
//! or bytes on the p2p port.
//!
//! Five systems came before this one, and were read and run. [`DEFECTS`] lists what went wrong in them, and the tests that
//! hold each away from us; a test that is renamed or removed takes the table with it, because it no longer compiles.
//! None of them had relays: what ours pass on has its tests in `said_again`. None had headers to check a chain by: `headers`.
//!
//! Owns: the claims (`signatures` to `work`), and what they need: processes (`network`), a peer that says what it likes
//! (`stranger`, `speech`, `wire`), wire types that lie (`forged`), a ledger to lie well with (`copy`), a bad wire (`relay`).
//! Always true: nothing is asserted about speed; what is waited for is seen, or given up after minutes.
//! Start reading at [`DEFECTS`].

mod blocks;
mod copy;
mod durability;
mod forged;
mod framing;
mod headers;
mod liveness;
mod membership;
mod money;
mod network;
mod nonces;
mod outside_bytes;
mod relay;
mod said_again;
mod secrets;
mod signatures;
mod speech;
mod stranger;
mod two_places;
mod wire;
#[cfg(target_os = "linux")]
mod work;

/// The fault of an earlier system, and the proof that it does not exist here.
struct Defect {
    was: &'static str,
    held_by: &'static [(&'static str, fn())],
}

/// A defect and its tests, by path: a name that is no test does not compile.
macro_rules! defects {
    ($($was:literal => [$($(#[$on:meta])? $test:path),+ $(,)?],)+) => {
        &[$(Defect { was: $was, held_by: &[$($(#[$on])? (stringify!($test), $test as fn())),+] }),+]
    };
}

/// Every defect, in the order in which they were found.
const DEFECTS: &[Defect] = defects! {
    "the signature covers an id that is never recomputed: amount, receiver, nonce can be changed" => [
        signatures::altered_amount_receiver_or_nonce_is_refused_at_every_door,
        signatures::nobody_can_say_which_id_a_transaction_has,
        signatures::a_signature_of_another_key_is_refused_at_every_door,
    ],
    "an unknown key is treated as node 0" => [
        signatures::an_unknown_key_is_nobody_and_not_node_0,
        signatures::an_unknown_name_is_nobody_and_not_node_0,
    ],
    "negative amounts" => [money::a_negative_amount_decodes_nowhere, money::an_amount_beyond_all_coins_pays_nothing],
    "the fee is chosen by the sender" => [money::nobody_chooses_the_fee],
    "unsigned blocks are accepted from outsiders" => [
        blocks::blocks_of_outsiders_and_out_of_turn_are_not_voted_for,
        blocks::an_unsigned_block_is_refused_and_its_bearer_parted_from,
    ],
    "the check of a block's hash always passes" => [
        blocks::a_block_under_another_hash_is_refused_and_its_bearer_parted_from,
        blocks::a_leader_with_a_false_root_is_voted_down_and_one_that_tells_the_truth_is_believed,
    ],
    "a longer chain is adopted without validation" => [blocks::a_longer_chain_without_certificates_is_not_adopted],
    "a transaction kind mints money" => [
        money::a_made_up_kind_of_transaction_mints_nothing,
        money::a_forgery_that_says_nothing_wrong_is_a_transaction,
    ],
    "one forged packet burns the victim's nonce for ever" => [nonces::a_forged_packet_does_not_burn_the_victims_nonce],
    "nonces are not checked at all" => [
        nonces::the_same_bytes_pay_once_however_often_and_wherever_they_come,
        nonces::of_two_transactions_with_one_nonce_the_first_counts,
        nonces::a_gap_in_the_nonces_waits_until_it_is_filled,
    ],
    "code from the network is run (pickle)" => [
        outside_bytes::bytes_from_peers_are_data_only,
        outside_bytes::answers_of_peers_are_data_only,
        outside_bytes::bytes_from_clients_are_data_only,
        outside_bytes::a_message_is_text_whatever_it_says,
    ],
    "private keys are committed" => [
        secrets::no_private_key_is_in_the_repository,
        secrets::only_keys_whose_folder_says_that_they_are_no_secret_are_published,
        secrets::a_key_would_be_found,
        #[cfg(unix)] secrets::only_their_owner_may_read_key_files,
    ],
    "a dead validator stops the chain: no timeout, no second leader" => [
        liveness::a_dead_leader_does_not_stop_the_chain_and_comes_back,
    ],
    "a lost packet stalls it for ever" => [liveness::lost_messages_hold_the_chain_up_no_longer_than_they_must],
    "a race on the pool deadlocks a node" => [liveness::a_race_on_the_pool_settles_and_the_chain_goes_on],
    "a lock that only a remote call releases hangs it" => [
        liveness::nothing_waits_for_peers_and_clients_that_never_finish,
    ],
    "messages are not framed" => [
        framing::bytes_that_come_one_by_one_are_the_same_messages,
        framing::bytes_that_come_in_lumps_are_the_same_messages,
        framing::a_question_in_pieces_or_with_another_behind_it_has_its_own_answer,
        framing::two_gossip_messages_in_one_write_and_one_in_many_all_arrive,
        framing::a_message_that_is_too_long_is_refused_at_every_door_and_the_node_goes_on,
    ],
    "blocks of 42 and more transactions do not fit a datagram; the whole chain in one read of 16 KiB" => [
        framing::a_chain_longer_than_one_message_is_caught_up_with_and_its_blocks_hold_more_than_42,
    ],
    "a single bootstrap node, which must start first" => [membership::any_node_may_be_first_last_or_missing],
    "the number of nodes is fixed" => [membership::somebody_who_was_not_there_at_the_start_joins_stakes_and_leads],
    "who was away cannot come back" => [liveness::a_dead_leader_does_not_stop_the_chain_and_comes_back],
    "nothing is on disk" => [durability::all_are_killed_at_once_and_nothing_final_is_lost],
    "node ids of two digits break the parsers" => [membership::names_of_two_digits_are_themselves],
    "transactions below capacity never become final" => [money::transactions_below_capacity_become_final_alone],
    "money in floats; fees are taken from the grants, so that balances begin at 880 and 1120" => [
        money::balances_begin_at_exactly_what_the_genesis_says_and_no_micro_is_lost,
    ],
    "work for a transaction grows with the chain" => [
        #[cfg(target_os = "linux")] work::work_for_a_transaction_does_not_grow_with_the_chain,
    ],
};

/// Sources of the claims: what is a test there is in the table.
const CLAIMS: [&str; 10] = [
    include_str!("blocks.rs"),
    include_str!("durability.rs"),
    include_str!("framing.rs"),
    include_str!("liveness.rs"),
    include_str!("membership.rs"),
    include_str!("money.rs"),
    include_str!("nonces.rs"),
    include_str!("outside_bytes.rs"),
    include_str!("secrets.rs"),
    include_str!("signatures.rs"),
];

#[test]
fn every_defect_has_its_tests_and_every_test_its_defect() {
    let held: Vec<_> = DEFECTS.iter().flat_map(|defect| defect.held_by).map(|(name, _)| *name).collect();
    for defect in DEFECTS {
        let only_elsewhere = cfg!(not(target_os = "linux")) && defect.was.starts_with("work for");
        assert!(!defect.held_by.is_empty() || only_elsewhere, "nothing holds: {}", defect.was);
    }
    let mut claims = 0;
    for source in CLAIMS {
        for after in source.split("#[test]\n").skip(1) {
            let name =
                after.trim_start().trim_start_matches("pub(super) ").strip_prefix("fn ").expect("a test is a function");
            let name = name.split('(').next().expect("with a name");
            assert!(held.iter().any(|path| path.ends_with(&format!("::{name}"))), "{name} is in no row of the table");
            claims += 1;
        }
    }
    assert!(claims > 30, "only {claims} tests were read");
}
