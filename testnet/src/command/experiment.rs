//! `experiment`: the course's experiments and two more, as CSV files and one HTML report.

use crate::args::Output;
use crate::command::up::INTERRUPTED;
use crate::experiment::machine::Machine;
use crate::experiment::page::Page;
use crate::experiment::study::{Findings, Plan, Progress, Study};
use crate::experiment::table;
use crate::processes::node_bin;
use crate::screen::Screen;
use anyhow::{Context, Result};
use blockchat_host::stream::{say, say_json};
use clap::Args;
use serde::Serialize;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::SystemTime;

const EXAMPLES: &str = "\
Examples:
  blockchat-testnet experiment all --report report
      everything, five runs of each setting; report/report.html is the result
  blockchat-testnet experiment fairness --repeat 20 --report fairness
  blockchat-testnet experiment scalability --nodes 5,10,20 --report more-nodes

Every run plays the whole workload with real nodes, and counts only if all of it became final and nothing was lost. The
exit status is 0 only if all runs did.";

/// Options of `experiment`.
#[derive(Clone, Debug, Args)]
#[command(after_help = EXAMPLES)]
pub struct ExperimentArgs {
    /// Studies to run: throughput, scalability, fairness, delay, dead, or all
    #[arg(required = true, value_name = "STUDY", value_parser = studies)]
    pub studies: Vec<Studies>,
    /// Runs per setting
    #[arg(long, default_value_t = 5, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=100))]
    pub repeat: u32,
    /// Numbers of nodes in the study of scalability
    #[arg(long, value_name = "N[,N...]", value_delimiter = ',', default_value = "5,10", value_parser = clap::value_parser!(u32).range(4..=64))]
    pub nodes: Vec<u32>,
    /// Folder for report.html, the CSV files and experiment.json; created if missing
    #[arg(long, value_name = "DIR")]
    pub report: PathBuf,
    /// Path of blockchat-node [default: built by cargo if run by cargo, else beside this program, else on the PATH]
    #[arg(long, value_name = "FILE")]
    pub node_bin: Option<PathBuf>,
    /// Format of the result
    #[arg(long, value_enum, default_value_t = Output::Table)]
    pub output: Output,
}

/// One study, or all.
#[derive(Clone, Debug)]
pub struct Studies(Vec<Study>);

fn studies(text: &str) -> Result<Studies, String> {
    use clap::ValueEnum;
    if text == "all" {
        return Ok(Studies(Study::ALL.to_vec()));
    }
    let names = "throughput, scalability, fairness, delay, dead, or all";
    Study::from_str(text, false).map(|study| Studies(vec![study])).map_err(|_| format!("there are {names}"))
}

/// The content of `experiment.json`.
#[derive(Debug, Serialize)]
struct Record<'a> {
    machine: &'a Machine,
    command: &'a str,
    date: &'a str,
    findings: &'a [Findings],
    ok: bool,
}

/// Runs the studies and writes the report.
pub fn run(args: &ExperimentArgs) -> Result<ExitCode> {
    let plan = Plan {
        node_bin: node_bin::find(args.node_bin.as_deref())?,
        repeat: args.repeat,
        nodes: args.nodes.clone(),
        workload: None,
    };
    fs::create_dir_all(&args.report).with_context(|| format!("cannot make {}", args.report.display()))?;
    let screen = Screen::new();
    let mut findings: Vec<Findings> = vec![];
    let mut studies: Vec<Study> = vec![];
    for study in args.studies.iter().flat_map(|studies| &studies.0) {
        if !studies.contains(study) {
            studies.push(*study);
        }
    }
    let mut progress = Progress { done: 0, all: studies.iter().map(|study| study.runs(&plan)).sum() };
    for study in studies {
        let Some(found) = study.make(&plan, &screen, &mut progress)? else {
            return Ok(ExitCode::from(INTERRUPTED));
        };
        findings.push(found);
        // After each study: hours of runs are not lost with the last one.
        write(args, &findings)?;
    }
    let ok = findings.iter().flat_map(|found| &found.points).all(|point| point.failed == 0);
    let path = args.report.join("report.html");
    match args.output {
        Output::Json => say_json(&fs::read_to_string(args.report.join("experiment.json"))?),
        Output::Table => say(&format!("the report is {}", path.display())),
    }
    Ok(if ok { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

fn write(args: &ExperimentArgs, findings: &[Findings]) -> Result<()> {
    let machine = Machine::this();
    let command = std::env::args().skip(1).collect::<Vec<_>>().join(" ");
    let command = format!("blockchat-testnet {command}");
    let now = now();
    let date = now.split('T').next().unwrap_or(&now);
    for found in findings {
        let name = clap::ValueEnum::to_possible_value(&found.study).context("every study has a name")?;
        put(&args.report, &format!("{}.csv", name.get_name()), &table::csv(found))?;
    }
    let ok = findings.iter().flat_map(|found| &found.points).all(|point| point.failed == 0);
    let record = Record { machine: &machine, command: &command, date, findings, ok };
    put(&args.report, "experiment.json", &(serde_json::to_string_pretty(&record)? + "\n"))?;
    let page = Page { findings, machine: &machine, command: &command, repeat: args.repeat, date };
    put(&args.report, "report.html", &page.html())
}

#[expect(clippy::disallowed_methods, reason = "a report says on which day it was made; nothing is decided by it")]
fn now() -> String {
    humantime::format_rfc3339_seconds(SystemTime::now()).to_string()
}

fn put(folder: &Path, name: &str, content: &str) -> Result<()> {
    let path = folder.join(name);
    fs::write(&path, content).with_context(|| format!("cannot write {}", path.display()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_study_has_its_name_and_all_are_all() {
        assert_eq!(studies("all").unwrap().0.len(), 5);
        assert_eq!(studies("fairness").unwrap().0, [Study::Fairness]);
        assert!(studies("speed").unwrap_err().contains("throughput"));
    }
}
