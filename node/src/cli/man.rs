//! `man`: the manual pages, made of the same words as `--help`.

use super::args::Cli;
use super::failure::Failure;
use super::output::Format;
use blockchat_host::path_json;
use blockchat_host::whole_file;
use clap::CommandFactory;
use serde::Serialize;
use std::path::{Path, PathBuf};

#[derive(Serialize)]
struct Written {
    #[serde(serialize_with = "path_json::shown")]
    dir: PathBuf,
}

/// Writes a page for the program and for each of its commands; those that are there are replaced.
pub(crate) fn man(dir: &Path, format: Format) -> Result<(), Failure> {
    whole_file::create_folder(dir).map_err(|error| Failure::file(dir, "create", &error))?;
    clap_mangen::generate_to(Cli::command(), dir).map_err(|error| Failure::file(dir, "write into", &error))?;
    format.print(&Written { dir: dir.into() }, |written| format!("manual pages in {}\n", written.dir.display()));
    Ok(())
}
