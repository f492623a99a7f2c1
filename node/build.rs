//! Tells the program from which commit and for which machine it is built: `BLOCKCHAT_COMMIT` if it is set, else what git says
//! of a release build. A development build does not ask: it would be made anew with every commit.

#![allow(clippy::disallowed_macros, reason = "cargo reads what a build script prints")]

use std::env;
use std::process::Command;

fn main() {
    println!("cargo::rerun-if-env-changed=BLOCKCHAT_COMMIT");
    println!("cargo::rerun-if-changed=build.rs");
    let is_release = env::var("PROFILE").is_ok_and(|profile| profile == "release");
    let given = env::var("BLOCKCHAT_COMMIT").ok().filter(|commit| !commit.is_empty());
    let commit = given.or_else(|| is_release.then(commit).flatten()).unwrap_or_else(|| "unknown".into());
    println!("cargo::rustc-env=BLOCKCHAT_COMMIT={commit}");
    let target = env::var("TARGET").expect("set by cargo");
    println!("cargo::rustc-env=BLOCKCHAT_TARGET={target}");
}

/// The commit of the sources, marked if they were changed since; nothing outside of a repository.
fn commit() -> Option<String> {
    for path in ["HEAD", "index"] {
        println!("cargo::rerun-if-changed={}", git(&["rev-parse", "--git-path", path])?);
    }
    let commit = git(&["rev-parse", "--short=12", "HEAD"])?;
    let changed = git(&["status", "--porcelain", "--untracked-files=no"])?;
    Some(if changed.is_empty() { commit } else { format!("{commit}-changed") })
}

fn git(args: &[&str]) -> Option<String> {
    let said = Command::new("git").args(args).output().ok().filter(|said| said.status.success())?;
    Some(String::from_utf8(said.stdout).ok()?.trim().to_owned())
}
