//! `db verify|export|prune`: the store of a node at rest.

use super::args::{DbCommand, ExportArgs};
use super::failure::Failure;
use super::home::Home;
use super::output::{Format, bytes, count, note};
use crate::store::upkeep::{self, Verified};
use blockchat_host::path_json;
use blockchat_host::whole_file;
use blockchat_proto::codec;
use blockchat_proto::genesis::VerifiedGenesis;
use blockchat_proto::hash::Hash32;
use blockchat_proto::units::Height;
use serde::Serialize;
use std::fs::{self, File};
use std::io::{self, BufWriter, Write};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

/// Interval of progress reports.
const SAY_EVERY: Duration = Duration::from_secs(5);

/// One line of an export.
#[derive(Serialize)]
struct Line {
    height: Height,
    hash: Hash32,
    /// Canonical bytes, as hex.
    block: String,
    /// The same of the proof that it is final.
    certificate: String,
}

#[derive(Serialize)]
struct Exported {
    from: Height,
    to: Height,
    bytes: u64,
    #[serde(serialize_with = "path_json::shown")]
    file: PathBuf,
}

#[derive(Serialize)]
struct Pruned {
    from: Height,
    bytes_before: u64,
    bytes_after: u64,
}

/// Works on the store of this home, while no node runs in it.
pub(crate) fn db(home: &Home, command: DbCommand, format: Format) -> Result<(), Failure> {
    let genesis = home.genesis()?.ok_or_else(|| {
        let cause = format!("{} has no chain", home.path().display());
        Failure::new(cause, "name the right home with --home DIR").coded("no_genesis")
    })?;
    let data = home.path().join("data");
    match command {
        DbCommand::Verify => {
            let mut said = Instant::now();
            let verified = upkeep::verify(&data, &genesis, |height, tip| {
                if said.elapsed() > SAY_EVERY {
                    said = Instant::now();
                    note(&format!("verified up to block {height} of {tip}"));
                }
            })?;
            format.print(&verified, shown_verified);
        }
        DbCommand::Export(args) => {
            let exported = export(&data, &genesis, &args)?;
            format.print(&exported, |it| {
                let file = it.file.display();
                format!("blocks {} to {} are in {file}: {}\n", it.from, it.to, bytes(it.bytes))
            });
        }
        DbCommand::Prune { keep } => {
            let (from, bytes_before, bytes_after) = upkeep::prune(&data, &genesis, keep)?;
            format.print(&Pruned { from, bytes_before, bytes_after }, |it| {
                let (before, after) = (bytes(it.bytes_before), bytes(it.bytes_after));
                format!("blocks from {} on are kept; the store had {before} and has {after}\n", it.from)
            });
        }
    }
    Ok(())
}

fn shown_verified(it: &Verified) -> String {
    let how = if it.executed { "executed again from the genesis on" } else { "read; the first ones are pruned" };
    let transactions = count(it.transactions, "transaction");
    format!("blocks {} to {} are whole: {how}, {transactions}\nstate root {}\n", it.from, it.tip, it.state_root)
}

/// Writes beside the file first: what has its name is whole.
fn export(data: &Path, genesis: &VerifiedGenesis, args: &ExportArgs) -> Result<Exported, Failure> {
    let file = &args.file;
    if file.exists() {
        let cause = format!("{} already exists, and nothing is overwritten", file.display());
        return Err(Failure::new(cause, "choose another file, or move the old one away").coded("exists"));
    }
    let draft = whole_file::draft_of(file);
    let exported = write_blocks(data, genesis, args, &draft);
    if exported.is_err() {
        // It may not have been made; what stays is overwritten by the next export.
        drop(fs::remove_file(&draft));
    }
    let (from, to, bytes) = exported?;
    let placed = fs::rename(&draft, file).and_then(|()| whole_file::sync_folder(file));
    placed.map_err(|error| Failure::file(file, "write", &error))?;
    Ok(Exported { from, to, bytes, file: file.clone() })
}

fn write_blocks(
    data: &Path,
    genesis: &VerifiedGenesis,
    args: &ExportArgs,
    draft: &Path,
) -> Result<(Height, Height, u64), Failure> {
    let failed = |error: io::Error| Failure::file(draft, "write", &error);
    let mut out = BufWriter::new(File::create(draft).map_err(failed)?);
    let mut written = 0;
    let (from, to) = upkeep::read(data, genesis, args.from.map(Height), args.to.map(Height), |stored| {
        let line = Line {
            height: stored.block.header.height,
            hash: stored.hash,
            block: hex::encode(codec::encode(&stored.block)),
            certificate: hex::encode(codec::encode(&stored.certificate)),
        };
        let line = serde_json::to_string(&line).expect("numbers and hex") + "\n";
        written += line.len() as u64;
        out.write_all(line.as_bytes()).map_err(failed)
    })?;
    let file = out.into_inner().map_err(|error| failed(error.into_error()))?;
    file.sync_all().map_err(failed)?;
    Ok((from, to, written))
}
