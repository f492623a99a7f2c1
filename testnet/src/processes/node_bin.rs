//! Choice of the node program: found in a fixed order, and refused if it was built from other sources.
//!
//! The order: `--node-bin`; under cargo, a build of the same checkout with the same profile; the program beside this one;
//! the one on the PATH. "Other sources" means other rules: nodes and testnet could then disagree about every block.

use super::cargo_build;
use anyhow::{Context, Result, bail, ensure};
use serde::Deserialize;
use std::path::{Path, PathBuf};
use std::process::Command;

/// Name of the program.
const NAME: &str = "blockchat-node";

/// The output of `blockchat-node version --output json`.
#[derive(Debug, Deserialize)]
struct Version {
    version: String,
    sources: String,
}

/// The node program, ready for arguments. Environment variables meant for another node are removed.
pub fn command(path: &Path) -> Command {
    let mut command = Command::new(path);
    clear_environment(&mut command);
    command
}

/// See [`command`].
pub fn clear_environment(command: &mut Command) {
    let names = std::env::vars_os().map(|(name, _)| name);
    let of_nodes = names.filter(|name| name.as_encoded_bytes().starts_with(b"BLOCKCHAT_"));
    of_nodes.for_each(|name| _ = command.env_remove(name));
}

/// Finds the node program, builds it if needed, and checks it.
pub fn find(named: Option<&Path>) -> Result<PathBuf> {
    let path = match named {
        Some(path) => path.to_owned(),
        None => match cargo_build::Checkout::of_this_program() {
            Some(checkout) => checkout.build_node()?,
            None => beside_this_program().or_else(on_the_path).context(nowhere())?,
        },
    };
    let path = path.canonicalize().with_context(|| format!("there is no node program at {}", path.display()))?;
    let output = command(&path).args(["version", "--output", "json"]).output();
    let output = output.with_context(|| format!("cannot run {}", path.display()))?;
    ensure!(output.status.success(), "`{} version` failed ({})", path.display(), output.status);
    check_sources(&path, &output.stdout)?;
    Ok(path)
}

fn nowhere() -> String {
    format!(
        "cannot find the program {NAME}: not beside this program, not on the PATH\n\
         Name it with --node-bin, or run this from a checkout: cargo run --release -p blockchat-testnet -- up"
    )
}

fn beside_this_program() -> Option<PathBuf> {
    let beside = std::env::current_exe().ok()?.with_file_name(NAME);
    beside.is_file().then_some(beside)
}

fn on_the_path() -> Option<PathBuf> {
    let path = std::env::var_os("PATH")?;
    std::env::split_paths(&path).map(|folder| folder.join(NAME)).find(|file| file.is_file())
}

fn check_sources(path: &Path, answer: &[u8]) -> Result<()> {
    let version: Version = serde_json::from_slice(answer)
        .with_context(|| format!("{} is not a {NAME}: its version is unreadable", path.display()))?;
    if version.sources != blockchat_engine::SOURCES {
        bail!(
            "{} (version {}) was built from other sources: its rules are {}, ours {}\n\
             Build both from one checkout: cargo build --release -p {NAME} -p blockchat-testnet",
            path.display(),
            version.version,
            version.sources,
            blockchat_engine::SOURCES,
        );
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(answer: &str) -> Result<(), String> {
        check_sources(Path::new("/some/node"), answer.as_bytes()).map_err(|error| error.to_string())
    }

    #[test]
    fn a_node_of_the_same_sources_is_taken() {
        check(&format!(r#"{{"version":"1","sources":"{}","more":1}}"#, blockchat_engine::SOURCES)).unwrap();
    }

    #[test]
    fn a_node_of_other_sources_is_refused_with_the_next_step() {
        let refused = check(r#"{"version":"1","sources":"00"}"#).unwrap_err();
        assert!(refused.contains("/some/node") && refused.contains("other sources"), "{refused}");
        assert!(refused.contains("cargo build"), "{refused}");
    }

    #[test]
    fn something_else_is_not_a_node() {
        assert!(check("hello").unwrap_err().contains("is not a blockchat-node"));
        assert!(find(Some(Path::new("/nowhere/node"))).unwrap_err().to_string().contains("/nowhere/node"));
    }
}
