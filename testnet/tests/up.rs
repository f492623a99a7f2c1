//! The shows in small, with real processes: part of every test run.

mod support;
mod unheard;

use serde_json::{Value, json};
use std::path::Path;
use support::{Kept, height, testnet, testnet_json, wait_for, workload};

/// Plays the workload in `files`, with these options; with 10,000 BCC no account of a small one runs dry.
#[track_caller]
fn up(files: &Path, options: &str) -> Value {
    let mut args = vec!["up", "--output", "json", "--workload", files.to_str().unwrap()];
    args.extend(options.split(' '));
    testnet_json(&args)
}

#[test]
fn a_killed_leader_comes_back_and_no_line_is_lost() {
    let dir = tempfile::tempdir().unwrap();
    let files = workload(dir.path(), 4, 10);
    let report = up(&files, "--nodes 4 --capacity 5 --fund 10000");
    assert_eq!((&report["lines"], &report["accepted"], &report["finalised"]), (&json!(40), &json!(40), &json!(40)));
    assert_eq!(report["refused"], json!({}));
    for promise in ["ok", "same_tip", "coins_conserved", "finals_kept"] {
        assert_eq!(report[promise], json!(true), "{promise}: {report}");
    }
    let restarted = report["nodes"].as_array().unwrap().iter().filter(|node| node["restarted"] == json!(true));
    assert_eq!(restarted.count(), 1, "{report}");
    let shares = report["leaders"].as_array().unwrap().iter().map(|leader| leader["stake_share"].as_f64().unwrap());
    assert!((shares.sum::<f64>() - 1.0).abs() < 0.001, "{report}");
}

#[test]
fn nothing_final_is_lost_when_all_nodes_are_killed_at_once() {
    let dir = tempfile::tempdir().unwrap();
    let files = workload(dir.path(), 4, 10);
    let report = up(&files, "--nodes 4 --capacity 5 --fund 10000 --kill-leader-at off --kill-all-at 0.5");
    assert_eq!((&report["finalised"], &report["ok"]), (&json!(40), &json!(true)), "{report}");
    assert!(report["nodes"].as_array().unwrap().iter().all(|node| node["restarted"] == json!(true)));
}

#[test]
fn a_poor_sender_is_told_so_and_everybody_else_goes_on() {
    let dir = tempfile::tempdir().unwrap();
    let files = workload(dir.path(), 4, 10);
    let report = up(&files, "--nodes 4 --capacity 5 --fund 60 --kill-leader-at off");
    assert_eq!(report["ok"], json!(true), "{report}");
    let refused = report["refused"]["insufficient_funds"].as_u64().unwrap();
    assert!(refused > 0 && report["refused"].as_object().unwrap().len() == 1, "{report}");
    assert_eq!(report["finalised"].as_u64().unwrap() + refused, 40);
    assert_eq!(report["accepted"], report["finalised"]);
}

#[test]
fn without_a_third_of_the_stake_the_chain_waits_says_for_whom_and_goes_on_with_it() {
    let dir = tempfile::tempdir().unwrap();
    let files = workload(dir.path(), 5, 2);
    let net = dir.path().join("net");
    let arguments = ["--fund", "10000", "--workload", files.to_str().unwrap(), "--kill-leader-at", "off"];
    let (network, report) = Kept::up(net, &arguments);
    assert_eq!(report["ok"], json!(true), "{report}");
    network.command(&["stop", "id3", "id4"]);
    let waiting = wait_for("the three that are left say whom they wait for", || {
        let rows = network.status();
        let says = |row: &Value| {
            let phase = row["phase"].as_str().unwrap();
            phase.contains("60.0 % of 66.7 %") && phase.contains("id3") && phase.contains("id4")
        };
        rows[..3].iter().all(says).then_some(rows)
    });
    assert!(waiting[3..].iter().all(|row| row["phase"] == json!("not running")));
    let stopped_at = waiting[..3].iter().filter_map(height).max().unwrap();
    network.command(&["start", "id3"]);
    let tips = wait_for("four nodes go on from where three had stopped", || {
        let rows = network.status();
        let tips: Vec<_> = rows[..4].iter().map(|row| (height(row), row["status"]["tip"].clone())).collect();
        let beyond = tips.iter().all(|(height, _)| *height > Some(stopped_at));
        (beyond && tips.iter().all(|tip| *tip == tips[0])).then_some(tips)
    });
    assert_eq!(tips.len(), 4);

    // `all` names every node, and what runs is found by its home, whatever the file says.
    let running = || network.status().iter().filter(|row| row["phase"] != json!("not running")).count();
    network.command(&["kill", "all"]);
    assert_eq!(running(), 0);
    network.command(&["start", "all"]);
    assert_eq!(running(), 5);
    let path = network.dir.join("network.json");
    let mut file: Value = serde_json::from_slice(&std::fs::read(&path).unwrap()).unwrap();
    file["nodes"].as_array_mut().unwrap().iter_mut().for_each(|node| node["pid"] = Value::Null);
    std::fs::write(&path, file.to_string()).unwrap();
    network.command(&["down"]);
    assert_eq!(running(), 0);
    // `up` in the folder of a network starts it again.
    network.command(&["up"]);
    assert_eq!(running(), 5);
}

#[test]
fn a_workload_for_more_nodes_than_there_are_is_refused_before_anything_starts() {
    let dir = tempfile::tempdir().unwrap();
    let files = workload(dir.path(), 5, 1);
    let output = testnet(&["up", "--nodes", "4", "--workload", files.to_str().unwrap()]);
    assert!(!output.status.success());
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(said.contains("trans3.txt line 1") && said.contains("there is no id4"), "{said}");
}

#[test]
fn twelve_nodes_play_files_whose_receivers_have_two_digits() {
    let files = Path::new(env!("CARGO_MANIFEST_DIR")).join("workloads/nodes_12");
    let report = up(&files, "--nodes 12 --capacity 20 --fund 10000 --kill-leader-at off");
    assert_eq!((&report["lines"], &report["finalised"]), (&json!(1200), &json!(1200)), "{report}");
    assert_eq!(report["ok"], json!(true), "{report}");
    assert_eq!(report["nodes"].as_array().unwrap().len(), 12);
}
