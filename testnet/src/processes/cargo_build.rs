//! Building the node when this program runs under cargo: same checkout, same profile, same target folder.

use anyhow::{Context, Result, bail};
use blockchat_host::stream::{Stream, note};
use serde::Deserialize;
use std::collections::BTreeSet;
use std::ffi::OsString;
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

/// Interval of progress lines during a build.
const SAY_EVERY: Duration = Duration::from_secs(15);

/// The cargo command and folder with which this program was built.
#[derive(Debug, PartialEq, Eq)]
pub struct Checkout {
    cargo: OsString,
    manifest: PathBuf,
    target_dir: PathBuf,
    /// Set if this program was built with `--target`.
    triple: Option<String>,
    profile: String,
}

/// One line of cargo's JSON, reduced to what is used here.
#[derive(Debug, Deserialize)]
struct Message {
    reason: String,
    executable: Option<PathBuf>,
    target: Option<Target>,
    package_id: Option<String>,
}

#[derive(Debug, Deserialize)]
struct Target {
    name: String,
}

impl Checkout {
    /// Only if cargo started this very program: `cargo run` says so in the environment.
    pub fn of_this_program() -> Option<Self> {
        let cargo = std::env::var_os("CARGO")?;
        let package = std::env::var_os("CARGO_PKG_NAME")?;
        if package != env!("CARGO_PKG_NAME") {
            return None;
        }
        let manifest = PathBuf::from(std::env::var_os("CARGO_MANIFEST_DIR")?).parent()?.join("Cargo.toml");
        Self::from_own_path(cargo, manifest, &std::env::current_exe().ok()?)
    }

    /// This program lies in `target/PROFILE/` or `target/TRIPLE/PROFILE/`; cargo tags its target folder.
    fn from_own_path(cargo: OsString, manifest: PathBuf, own: &Path) -> Option<Self> {
        let folder = own.parent()?;
        let above = folder.parent()?;
        let is_target_dir = |folder: &Path| folder.join("CACHEDIR.TAG").is_file();
        let (target_dir, triple) = if is_target_dir(above) {
            (above.to_owned(), None)
        } else {
            let target_dir = above.parent().filter(|folder| is_target_dir(folder))?;
            (target_dir.to_owned(), Some(above.file_name()?.to_str()?.to_owned()))
        };
        let profile = match folder.file_name()?.to_str()? {
            "debug" => "dev",
            other => other,
        };
        Some(Self { cargo, manifest, target_dir, triple, profile: profile.to_owned() })
    }

    /// Number of packages of the node.
    fn packages(&self) -> Option<usize> {
        let mut command = Command::new(&self.cargo);
        forget_this_program(&mut command);
        command.args(["tree", "--offline", "-p", "blockchat-node", "-e", "normal,build", "--prefix", "none"]);
        let output = command.arg("--manifest-path").arg(&self.manifest).stdin(Stdio::null()).output().ok()?;
        let text = String::from_utf8(output.stdout).ok().filter(|_| output.status.success())?;
        let packages: BTreeSet<_> = text.lines().map(|line| line.trim_end_matches(" (*)")).collect();
        Some(packages.len()).filter(|count| *count > 0)
    }

    /// Builds the node with cargo's own progress. Returns the path that cargo reports.
    pub fn build_node(&self) -> Result<PathBuf> {
        let mut command = Command::new(&self.cargo);
        forget_this_program(&mut command);
        command.args(["build", "-p", "blockchat-node", "--bin", "blockchat-node", "--profile", &self.profile]);
        command.arg("--manifest-path").arg(&self.manifest).arg("--target-dir").arg(&self.target_dir);
        if let Some(triple) = &self.triple {
            command.args(["--target", triple]);
        }
        command.arg("--message-format=json-render-diagnostics").stdin(Stdio::null()).stdout(Stdio::piped());
        let mut progress = Progress::new(self.packages());
        let mut cargo = command.spawn().with_context(|| format!("cannot run {}", self.cargo.to_string_lossy()))?;
        let output = cargo.stdout.take().context("cargo's output was asked for")?;
        let mut found = None;
        for line in BufReader::new(output).lines() {
            let line = line?;
            progress.see(&line);
            found = executable(&line).or(found);
        }
        let status = cargo.wait()?;
        if !status.success() {
            bail!("building blockchat-node failed ({status}); the reason is above");
        }
        found.context("cargo built blockchat-node without naming the program")
    }
}

/// Progress of a build without cargo's bar, because the output is no terminal.
struct Progress {
    /// Number of packages of the node, if cargo tells.
    total: Option<usize>,
    ready: BTreeSet<String>,
    say_next: Instant,
}

impl Progress {
    fn new(total: Option<usize>) -> Self {
        let of = total.map(|total| format!(" of {total} packages")).unwrap_or_default();
        note(&format!("building blockchat-node{of}; the first time takes some minutes"));
        Self { total, ready: BTreeSet::new(), say_next: Instant::now() + SAY_EVERY }
    }

    fn see(&mut self, line: &str) {
        if let Some(package) = package(line) {
            self.ready.insert(package);
        }
        if Instant::now() >= self.say_next && !Stream::Error.is_terminal() {
            self.say_next = Instant::now() + SAY_EVERY;
            let of = self.total.map(|total| format!(" of {total}")).unwrap_or_default();
            note(&format!("building blockchat-node: {}{of} packages are ready", self.ready.len()));
        }
    }
}

/// The package of a finished artifact.
fn package(line: &str) -> Option<String> {
    let message: Message = serde_json::from_str(line).ok()?;
    message.package_id.filter(|_| message.reason == "compiler-artifact")
}

/// Removes cargo's variables about this program. Some build scripts run again when these change, and
/// everything that depends on them would be compiled again.
fn forget_this_program(command: &mut Command) {
    let names = std::env::vars_os().filter_map(|(name, _)| name.into_string().ok());
    names.filter(|name| is_about_a_package(name)).for_each(|name| _ = command.env_remove(name));
}

fn is_about_a_package(name: &str) -> bool {
    let beginnings = ["CARGO_PKG_", "CARGO_MANIFEST_", "CARGO_BIN_", "CARGO_CRATE_", "CARGO_PRIMARY_"];
    beginnings.iter().any(|beginning| name.starts_with(beginning))
}

fn executable(line: &str) -> Option<PathBuf> {
    let message: Message = serde_json::from_str(line).ok()?;
    let is_node = message.reason == "compiler-artifact" && message.target?.name == "blockchat-node";
    message.executable.filter(|_| is_node)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn checkout(own: &Path) -> Option<Checkout> {
        Checkout::from_own_path("cargo".into(), "/co/Cargo.toml".into(), own)
    }

    #[test]
    fn profile_and_target_folder_are_read_off_the_own_path() {
        let target = tempfile::tempdir().unwrap();
        std::fs::write(target.path().join("CACHEDIR.TAG"), "").unwrap();
        let at = |path: &str| checkout(&target.path().join(path)).unwrap();
        assert_eq!(at("debug/testnet").profile, "dev");
        assert_eq!(at("release/testnet").triple, None);
        let cross = at("x86_64-unknown-linux-musl/release/testnet");
        assert_eq!(cross.triple.as_deref(), Some("x86_64-unknown-linux-musl"));
        assert_eq!((cross.profile.as_str(), cross.target_dir.as_path()), ("release", target.path()));
    }

    #[test]
    fn an_installed_program_is_not_in_a_checkout() {
        assert_eq!(checkout(Path::new("/usr/local/bin/blockchat-testnet")), None);
    }

    #[test]
    fn a_build_does_not_hear_of_this_package_but_of_the_users_settings() {
        assert!(is_about_a_package("CARGO_PKG_NAME") && is_about_a_package("CARGO_MANIFEST_DIR"));
        assert!(!is_about_a_package("CARGO_HOME") && !is_about_a_package("CARGO_NET_OFFLINE"));
    }

    #[test]
    fn the_program_is_the_one_cargo_names() {
        let line = r#"{"reason":"compiler-artifact","target":{"name":"blockchat-node"},"executable":"/t/n"}"#;
        assert_eq!(executable(line), Some("/t/n".into()));
        assert_eq!(executable(&line.replace("-node", "_node")), None);
        assert_eq!(executable(r#"{"reason":"build-finished","success":true}"#), None);
        assert_eq!(package(r#"{"reason":"compiler-artifact","package_id":"a#1"}"#), Some("a#1".into()));
        assert_eq!(package(r#"{"reason":"build-script-executed","package_id":"a#1"}"#), None);
    }
}
