//! Stories of faults in small, with real processes, and sabotaged on purpose: part of every test run. Predicted times are
//! stretched, so that what is judged is what happens, not how fast this machine is.

use serde_json::{Value, json};
use std::process::{Command, Output};

fn testnet(args: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_blockchat-testnet")).args(args).output().expect("the program runs")
}

/// Plays one story; its report, and whether the program was content.
#[track_caller]
fn heal(options: &str) -> (Value, bool) {
    let mut args = vec!["heal", "--output", "json", "--scenario"];
    args.extend(options.split(' '));
    let output = testnet(&args);
    let (out, err) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    let report: Value = serde_json::from_str(&out).unwrap_or_else(|error| panic!("{error}: {out}\n{err}"));
    (report["stories"][0].clone(), output.status.success())
}

/// Every step held, every check holds, and the program says so.
#[track_caller]
fn is_true(options: &str) -> Value {
    let (story, content) = heal(&format!("{options} --slack 100"));
    assert!(content && story["verdict"] == json!(true), "{story:#}");
    assert!(story["steps"].as_array().unwrap().iter().all(|step| step["held"] == json!(true)), "{story:#}");
    story
}

/// The verdict is false because of this step, and of no other.
#[track_caller]
fn fails_at(options: &str, beginning: &str) {
    let (story, content) = heal(options);
    assert!(!content && story["verdict"] == json!(false), "{story:#}");
    let failed: Vec<_> =
        story["steps"].as_array().unwrap().iter().filter(|step| step["held"] == json!(false)).collect();
    assert!(failed[0]["words"].as_str().unwrap().starts_with(beginning), "{story:#}");
}

#[test]
fn a_killed_leader_is_not_waited_for_longer_than_its_turn_and_comes_back() {
    let story = is_true("kill-leader");
    assert!(story["steps"][1]["measured"]["longest_pause_ms"].as_u64().unwrap() > 0, "{story:#}");
    assert_eq!((&story["load"]["sent"], &story["load"]["refused"]), (&story["load"]["finalised"], &json!({})));
}

#[test]
fn two_sides_without_two_thirds_stand_still_and_go_on_as_one() {
    let story = is_true("partition-3-to-2");
    assert_eq!(story["steps"][1]["measured"]["blocks"], json!(0), "{story:#}");
}

#[test]
fn a_node_that_lost_its_data_votes_again_by_itself_and_one_that_lost_its_guard_says_what_to_do() {
    is_true("wipe-disk");
    let story = is_true("guard-lost");
    assert!(story["steps"][2]["said"].as_str().unwrap().contains("guard reset --api"), "{story:#}");
}

#[test]
fn a_fault_that_is_never_applied_fails_the_verdict_of_every_kind_of_fault() {
    for name in ["kill-leader", "partition-3-to-2", "half-open"] {
        fails_at(&format!("{name} --patience 8 --sabotage no-fault"), "break");
    }
}

#[test]
fn a_heal_that_is_never_applied_fails_the_verdict() {
    fails_at("partition-3-to-2 --patience 15 --sabotage no-heal", "expect  all nodes: a new block");
}

#[test]
fn finals_of_one_node_that_were_altered_fail_the_verdict_though_every_step_held() {
    let (story, content) = heal("kill-leader --slack 100 --sabotage altered-finals");
    assert!(!content && story["verdict"] == json!(false), "{story:#}");
    assert!(story["steps"].as_array().unwrap().iter().all(|step| step["held"] == json!(true)), "{story:#}");
    let checks = &story["checks"];
    assert_eq!((&checks["finals_kept"], &checks["one_tip"]), (&json!(false), &json!(true)), "{story:#}");
}

#[test]
fn hosts_on_one_switch_find_each_other_where_this_machine_has_such_hosts() {
    let (story, content) = heal("hosts --slack 100");
    match story["not_run"].as_str() {
        // Neither true nor false, and a person knows what is missing.
        Some(why) => assert!(story["verdict"].is_null() && !why.is_empty(), "{story:#}"),
        None => assert!(content && story["verdict"] == json!(true), "{story:#}"),
    }
}

#[test]
fn without_a_name_all_are_listed_with_what_they_predict_and_nothing_starts() {
    let output = testnet(&["heal", "--output", "json"]);
    let list: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert!(output.status.success() && list.as_array().unwrap().len() > 10, "{list:#}");
    assert!(list[0]["prediction"].as_array().unwrap().iter().any(|line| line.as_str().unwrap().starts_with("expect")));
}
