//! The benchmark in small, with real processes. What it measures is never asserted: only that it is there, and that
//! nothing was lost on the way.

use serde_json::{Value, json};
use std::process::Command;

/// Runs the program and reads what it prints; panics with everything it said unless it succeeded.
fn bench(args: &[&str]) -> Value {
    let output = Command::new(env!("CARGO_BIN_EXE_blockchat-testnet")).arg("bench").args(args).output();
    let output = output.expect("the program runs");
    let (out, err) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert!(output.status.success(), "{}\n{out}\n{err}", output.status);
    serde_json::from_str(&out).unwrap_or_else(|error| panic!("{error}: {out}"))
}

#[test]
fn everything_that_was_fed_is_final_once_on_nodes_that_agree() {
    let report = bench(&[
        "--nodes",
        "2",
        "--seconds",
        "1",
        "--capacity",
        "200",
        "--accounts",
        "64",
        "--batch",
        "16",
        "--output",
        "json",
    ]);
    for promise in ["ok", "same_tip", "coins_conserved", "all_final", "finals_kept"] {
        assert_eq!(report[promise], json!(true), "{promise}: {report}");
    }
    assert_eq!((&report["nodes"], &report["problems"]), (&json!(2), &json!([])));
    assert!(report["bound_tx_per_s"].as_f64().unwrap() > 0.0, "{report}");
    assert_eq!(report["node_costs"].as_array().unwrap().len(), 2);
    assert!(report["submit_to_final_ms"]["transactions"].as_u64().unwrap() > 0, "{report}");
    assert_eq!(report["idle_submit_to_final_ms"]["transactions"], json!(10));
}
