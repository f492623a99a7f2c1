//! `heal`: stories of faults, each with a prediction and a verdict. Owns: options, order, output.

use crate::args::Output;
use crate::command::up::{INTERRUPTED, runtime, unless_told_to_end};
use crate::heal::report::{self, Report, StoryReport};
use crate::heal::scenario::{Scenario, Wiring};
use crate::heal::scenarios;
use crate::heal::stage::{self, Plan, Sabotage};
use crate::links::shape::Wan;
use crate::processes::node_bin;
use crate::screen::Screen;
use anyhow::{Context, Result, bail, ensure};
use blockchat_host::stream::{note, say, say_json};
use blockchat_proto::genesis::Parameters;
use clap::Args;
use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::Duration;
use tempfile::TempDir;

const EXAMPLES: &str = "\
Examples:
  blockchat-testnet heal
      all scenarios with what they predict; nothing is started
  blockchat-testnet heal --scenario kill-leader
      the leader is killed, the others wait one timeout and go on, it comes back
  blockchat-testnet heal --scenario partition-3-to-2 --delay-ms 50
      the same over links that delay 50 ms one way
  blockchat-testnet heal --scenario kill-leader --nodes 7 --output json
  blockchat-testnet heal --scenario wipe-disk --dashboard
  blockchat-testnet heal --scenario all

Each says beforehand what is going to happen, proves that the fault took hold, measures, and ends with a verdict. Nodes
reach each other only through links of this program; when it ends, however that comes, all nodes and links are gone.

The exit status is 0 only if no verdict is false and at least one is true: all that was predicted held, and there is one
tip and one state root, coins are conserved, nothing final is missing or changed, every accepted transaction is final
once, and no honest node is blamed, banned or jailed. What this machine does not allow is not run, which is no verdict.";

/// Options of `heal`.
#[derive(Clone, Debug, Args)]
#[command(after_help = EXAMPLES)]
pub struct HealArgs {
    /// Scenarios to run: one or more names, or `all` [default: list them]
    #[arg(long, value_name = "NAME", value_delimiter = ',')]
    pub scenario: Vec<String>,
    /// Number of nodes, for scenarios that do not fix it [default: chosen by the scenario]
    #[arg(long, value_parser = clap::value_parser!(u32).range(4..=32))]
    pub nodes: Option<u32>,
    /// Runs per scenario; a name given twice counts once
    #[arg(long, default_value_t = 1, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=100))]
    pub repeat: u32,
    /// Links between the nodes, in addition to those of the scenario.
    #[command(flatten)]
    pub wan: Wan,
    /// Factor for all predicted times, for a machine that is busy with other work
    #[arg(long, default_value_t = 1, value_name = "FACTOR", value_parser = clap::value_parser!(u32).range(1..=1_000))]
    pub slack: u32,
    /// Timeout of each expectation, in seconds
    #[arg(long, default_value_t = 60, value_name = "S", value_parser = clap::value_parser!(u64).range(1..=3_600))]
    pub patience: u64,
    /// Show the dashboard of all nodes during a scenario; q closes it, the scenario goes on
    #[arg(long, conflicts_with = "output")]
    pub dashboard: bool,
    /// Break the scenario on purpose, to see its verdict fail
    #[arg(long, value_enum, value_name = "WHAT")]
    pub sabotage: Option<Sabotage>,
    /// New folder for homes and logs, with a subfolder per scenario [default: a temporary folder, removed on success]
    #[arg(long, value_name = "DIR")]
    pub dir: Option<PathBuf>,
    /// Path of blockchat-node [default: built by cargo if run by cargo, else beside this program, else on the PATH]
    #[arg(long, value_name = "FILE")]
    pub node_bin: Option<PathBuf>,
    /// Format of the report
    #[arg(long, value_enum, default_value_t = Output::Table)]
    pub output: Output,
}

/// Runs the chosen scenarios, or lists all of them.
pub fn run(args: &HealArgs) -> Result<ExitCode> {
    let chosen = chosen(args)?;
    if chosen.is_empty() {
        list(args.output)?;
        return Ok(ExitCode::SUCCESS);
    }
    let plan = Plan {
        node_bin: node_bin::find(args.node_bin.as_deref())?,
        patience: Duration::from_secs(args.patience),
        slack: args.slack,
        sabotage: args.sabotage,
        dashboard: args.dashboard,
    };
    let folder =
        tempfile::Builder::new().prefix("blockchat-heal-").tempdir().context("cannot make a temporary folder")?;
    let work = play_all(args, &plan, &chosen, &folder);
    let Some(stories) = runtime()?.block_on(unless_told_to_end(work))?.transpose()? else {
        return Ok(ExitCode::from(INTERRUPTED));
    };
    let report = Report::of(stories);
    match args.output {
        Output::Json => say_json(&serde_json::to_string_pretty(&report)?),
        Output::Table if report.stories.len() > 1 => say(&report::summary(&report)),
        Output::Table => {}
    }
    if !report.ok && args.dir.is_none() {
        note(&format!("homes and logs are in {}", folder.keep().display()));
    }
    Ok(if report.ok { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// The chosen scenarios, each once, with the chosen number of nodes and links.
fn chosen(args: &HealArgs) -> Result<Vec<Scenario>> {
    let mut chosen = vec![];
    for name in &args.scenario {
        match scenarios::named(name) {
            Some(scenario) => chosen.push(scenario),
            None if name == "all" => chosen.extend(scenarios::all()),
            None => {
                let names: Vec<_> = scenarios::all().iter().map(|scenario| scenario.name).collect();
                bail!("there is no scenario {name}; there are {}, and all", names.join(", "));
            }
        }
    }
    let mut names = BTreeSet::new();
    chosen.retain(|scenario| names.insert(scenario.name));
    chosen.into_iter().map(|scenario| adapted(scenario, args)).collect()
}

fn adapted(mut scenario: Scenario, args: &HealArgs) -> Result<Scenario> {
    if let Some(nodes) = args.nodes {
        let nodes = usize::try_from(nodes)?;
        let fits = scenario.any_number || nodes == scenario.nodes;
        ensure!(
            fits,
            "{} is about {} nodes: what it predicts holds for no other number",
            scenario.name,
            scenario.nodes
        );
        scenario.nodes = nodes;
    }
    let links = scenario.wiring == Wiring::Links || !args.wan.is_some();
    ensure!(links, "{} is about nodes that call each other directly: its links cannot be changed", scenario.name);
    scenario.wan.delay_ms = args.wan.delay_ms.or(scenario.wan.delay_ms);
    scenario.wan.bandwidth = args.wan.bandwidth.or(scenario.wan.bandwidth);
    Ok(scenario)
}

fn list(output: Output) -> Result<()> {
    let parameters = Parameters::default();
    let all = scenarios::all();
    match output {
        Output::Table => {
            let pages =
                all.iter().map(|story| report::prediction(story.name, story.about, &story.prediction(&parameters)));
            say(&pages.collect::<String>());
        }
        Output::Json => {
            let list: Vec<_> = all
                .iter()
                .map(|story| {
                    let (name, about, nodes) = (story.name, story.about, story.nodes);
                    serde_json::json!({ "scenario": name, "about": about, "nodes": nodes, "prediction": story.prediction(&parameters) })
                })
                .collect();
            say_json(&serde_json::to_string_pretty(&list)?);
        }
    }
    Ok(())
}

async fn play_all(args: &HealArgs, plan: &Plan, chosen: &[Scenario], temporary: &TempDir) -> Result<Vec<StoryReport>> {
    let mut stories = vec![];
    for turn in 0..args.repeat {
        let dir = root(args.dir.as_deref().unwrap_or(temporary.path()), turn, args.repeat)?;
        for scenario in chosen {
            stories.push(play_one(args, plan, scenario, &dir).await?);
        }
    }
    Ok(stories)
}

fn root(dir: &Path, turn: u32, turns: u32) -> Result<PathBuf> {
    let root = if turns > 1 { dir.join(format!("turn-{}", turn + 1)) } else { dir.to_owned() };
    std::fs::create_dir_all(&root).with_context(|| format!("cannot make {}", root.display()))?;
    Ok(root.canonicalize()?)
}

async fn play_one(args: &HealArgs, plan: &Plan, scenario: &Scenario, dir: &Path) -> Result<StoryReport> {
    let screen = Screen::new();
    let parameters = Parameters::default();
    let prediction = scenario.prediction(&parameters);
    if args.output == Output::Table {
        say(&report::prediction(scenario.name, scenario.about, &prediction));
    }
    let own = stage::folder(dir, scenario)?;
    let played = stage::play(plan, scenario, &own, &screen).await;
    let mut story = played.with_context(|| format!("{}: the network failed; see {}", scenario.name, own.display()))?;
    match story.verdict {
        Some(false) => story.dir = Some(own),
        _ if args.dir.is_some() => story.dir = Some(own),
        _ => std::fs::remove_dir_all(&own).with_context(|| format!("cannot remove {}", own.display()))?,
    }
    if args.output == Output::Table {
        say(&report::render(&story));
    }
    Ok(story)
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::Parser;

    #[derive(Parser)]
    struct Alone {
        #[command(flatten)]
        args: HealArgs,
    }

    fn args(words: &str) -> HealArgs {
        Alone::parse_from(["heal"].into_iter().chain(words.split_whitespace())).args
    }

    #[test]
    fn all_are_played_in_their_order_and_a_wrong_name_is_told_the_right_ones() {
        assert_eq!(chosen(&args("--scenario all")).unwrap().len(), scenarios::all().len());
        assert_eq!(chosen(&args("--scenario kill-leader,wipe-disk")).unwrap()[1].name, "wipe-disk");
        assert_eq!(chosen(&args("--scenario wipe-disk,all")).unwrap().len(), scenarios::all().len(), "each once");
        let wrong = chosen(&args("--scenario kill-lead")).unwrap_err().to_string();
        assert!(wrong.contains("kill-leader") && wrong.contains("and all"), "{wrong}");
    }

    #[test]
    fn another_number_of_nodes_is_for_scenarios_that_leave_it_open() {
        assert_eq!(chosen(&args("--scenario kill-leader --nodes 7")).unwrap()[0].nodes, 7);
        let wrong = chosen(&args("--scenario partition-3-to-2 --nodes 7")).unwrap_err().to_string();
        assert!(wrong.contains("is about 5 nodes"), "{wrong}");
    }

    #[test]
    fn links_that_are_asked_for_replace_those_of_the_scenario() {
        let wan = chosen(&args("--scenario slow-links --delay-ms 10")).unwrap()[0].wan;
        assert_eq!(wan.words().unwrap(), "10 ms one way, 20000 kbit/s");
    }
}
