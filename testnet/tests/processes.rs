//! The shows in full: minutes, many processes. `cargo test --release -p blockchat-testnet --features slow`.

use serde_json::{Value, json};
use std::process::Command;

/// Runs `up` with these arguments; panics with everything it said unless all went well.
#[track_caller]
fn up(args: &[&str]) -> Value {
    let mut command = Command::new(env!("CARGO_BIN_EXE_blockchat-testnet"));
    let output = command.args(["up", "--output", "json"]).args(args).output().expect("the program runs");
    let (out, err) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert!(output.status.success(), "{}\n{out}\n{err}", output.status);
    let report: Value = serde_json::from_str(&out).unwrap_or_else(|error| panic!("{error}: {out}"));
    assert_eq!(report["ok"], json!(true), "{report}");
    report
}

#[test]
fn five_hundred_lines_survive_the_death_of_the_leader_ten_times_in_a_row() {
    for _ in 0..10 {
        let report = up(&["--fund", "10000"]);
        assert_eq!((&report["lines"], &report["finalised"]), (&json!(500), &json!(500)), "{report}");
    }
}

#[test]
fn nothing_final_is_lost_when_all_are_killed_at_any_moment() {
    for fraction in ["0.1", "0.3", "0.5", "0.7", "0.9"] {
        let report = up(&["--fund", "10000", "--kill-leader-at", "off", "--kill-all-at", fraction]);
        assert_eq!(report["finalised"], json!(500), "{report}");
    }
}

#[test]
fn poor_senders_are_refused_and_nothing_else_happens() {
    let report = up(&["--fund", "1000"]);
    let refused = report["refused"]["insufficient_funds"].as_u64().unwrap_or(0);
    assert_eq!(report["finalised"].as_u64().unwrap() + refused, 500, "{report}");
}

#[test]
fn ten_nodes_with_names_of_two_digits_play_too() {
    let report = up(&["--nodes", "10", "--fund", "10000"]);
    assert_eq!(report["finalised"], json!(1_000), "{report}");
}
