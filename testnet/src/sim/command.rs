//! `blockchat-testnet sim`: what a person types, and what it prints.
//!
//! Does not own: the runs ([`super::suite`]). Start reading at [`SimArgs`].

use super::grind::{self, Found, Grind, Shown};
use super::sabotage::Sabotage;
use super::speed;
use super::suite::{self, Suite, SuiteReport};
use super::world::Outcome;
use crate::args::Output;
use crate::screen::Screen;
use blockchat_host::stream::{say, say_json};
use clap::Args;
use comfy_table::presets::UTF8_FULL_CONDENSED;
use comfy_table::{Cell, CellAlignment, Table};
use serde_json::{Value, json};
use std::ops::Range;
use std::process::ExitCode;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Instant;

const EXAMPLES: &str = "\
Examples:
  blockchat-testnet sim
      200 seeds: crashes, lies, cuts, lost messages; then the faults stop and the chain must go on
  blockchat-testnet sim --seeds 0..10000
      a night's work
  blockchat-testnet sim --seeds 1234..1235 --trace
      one seed again, with everything that happened in it
  blockchat-testnet sim --sabotage lying-sync
      nodes whose disks lie: the checker must find it, so this fails
  blockchat-testnet sim --grind
      what a leader gets that tries out blocks until it draws itself again, before and now

The exit status is 0 only if no seed broke a rule, and, from 50 seeds on, if everything worth meeting was met.";

/// How many lines of the trace of a failed seed are shown.
const TRACE_TAIL: usize = 60;

/// Options of `sim`.
#[derive(Clone, Debug, Args)]
#[command(after_help = EXAMPLES)]
pub struct SimArgs {
    /// Which seeds; the end is exclusive. Each is another network with other faults, and always the same one
    #[arg(long, value_name = "FROM..TO", default_value = "0..200", value_parser = seed_range)]
    pub seeds: SeedRange,
    /// Heights to decide while things go wrong
    #[arg(long, value_name = "N", default_value_t = 20, value_parser = clap::value_parser!(u64).range(1..=100_000))]
    pub heights: u64,
    /// Print everything that happened; needs a single seed
    #[arg(long)]
    pub trace: bool,
    /// Measure instead: four validators, full blocks, no faults, one thread
    #[arg(long, conflicts_with_all = ["seeds", "trace", "sabotage"])]
    pub speed: bool,
    /// Show instead what a leader gets that tries out blocks until it draws itself again: 2 of 20 equal validators, a block
    /// every 250 ms, at least 2,000 of them
    #[arg(long, conflicts_with_all = ["seeds", "trace", "sabotage", "speed"])]
    pub grind: bool,
    /// Break every node on purpose
    #[arg(long, value_enum, default_value_t = Sabotage::None)]
    pub sabotage: Sabotage,
    /// Threads [default: one a processor]
    #[arg(long, value_name = "N")]
    pub threads: Option<usize>,
    /// How the result is printed
    #[arg(long, value_enum, default_value_t = Output::Table)]
    pub output: Output,
}

/// Seeds from the first to below the last.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SeedRange(pub Range<u64>);

fn seed_range(text: &str) -> Result<SeedRange, String> {
    let help = "a range of seeds such as 0..200 or 17..18";
    let (from, to) = text.split_once("..").ok_or(help)?;
    let number = |part: &str| part.trim().parse::<u64>().map_err(|_| help.to_string());
    let range = number(from)?..number(to)?;
    if range.is_empty() { Err(format!("{help}; the end is exclusive")) } else { Ok(SeedRange(range)) }
}

/// Runs the seeds and prints what came of it.
pub fn run(args: &SimArgs) -> anyhow::Result<ExitCode> {
    if args.speed {
        return measure(args);
    }
    if args.grind {
        return show_grinding(args);
    }
    let seeds = args.seeds.0.clone();
    let single = seeds.end - seeds.start == 1;
    if args.trace && !single {
        anyhow::bail!("--trace needs a single seed, such as --seeds {}..{}", seeds.start, seeds.start + 1);
    }
    if single { run_one(args, seeds.start) } else { run_many(args) }
}

/// Shorter runs measure the start.
const SPEED_HEIGHTS_MIN: u64 = 500;

fn measure(args: &SimArgs) -> anyhow::Result<ExitCode> {
    let speed = speed::measure(4, args.heights.max(SPEED_HEIGHTS_MIN))?;
    let rate = |number: u64| number as f64 / speed.seconds;
    let (heights_per_s, tx_per_s) = (rate(speed.heights), rate(speed.transactions));
    match args.output {
        Output::Json => {
            let report = json!({ "heights": speed.heights, "transactions": speed.transactions,
                "seconds": speed.seconds, "heights_per_s": heights_per_s, "tx_per_s": tx_per_s });
            say_json(&format!("{report:#}"));
        }
        Output::Table => say(&format!(
            "  {} heights of 4 validators, {} transactions: {heights_per_s:.0} heights and {tx_per_s:.0} transactions a \
             second of real time",
            speed.heights, speed.transactions,
        )),
    }
    Ok(ExitCode::SUCCESS)
}

/// Shorter runs end before the grinders have got what they once could get.
const GRIND_HEIGHTS_MIN: u64 = 2_000;

fn show_grinding(args: &SimArgs) -> anyhow::Result<ExitCode> {
    let plan =
        Grind { validators: 20, grinders: 2, helpers: 4, blocks: args.heights.max(GRIND_HEIGHTS_MIN), block_ms: 250 };
    let shown = grind::show(plan);
    match args.output {
        Output::Json => say_json(&serde_json::to_string_pretty(&json!({ "plan": plan, "shown": shown }))?),
        Output::Table => say(&grind_page(plan, shown)),
    }
    Ok(if shown.now.jailed == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

fn grind_page(plan: Grind, shown: Shown) -> String {
    let mut table = Table::new();
    table.load_style(UTF8_FULL_CONDENSED.with_rounded_corners());
    table.set_header(["", "rules at first", "rules now"]);
    let Shown { at_first, now } = shown;
    let mut row = |what: &str, tell: &dyn Fn(&Found) -> String| {
        let cell = |found: &Found| Cell::new(tell(found)).set_alignment(CellAlignment::Right);
        table.add_row(vec![Cell::new(what), cell(&at_first), cell(&now)]);
    };
    row("blocks that they led", &|found| format!("{} of {}", found.led, plan.blocks));
    row("variants for each", &|found| format!("{:.1}", found.tried as f64 / found.led.max(1) as f64));
    row("honest validators jailed", &|found| format!("{} of {}", found.jailed, plan.validators - plan.grinders));
    row("their power at the end", &|found| format!("{}.{} %", found.power_permille / 10, found.power_permille % 10));
    row("they decide alone", &|found| {
        found.owned_after_ms.map_or("never".into(), |after| format!("after {} s", after / 1_000))
    });
    let share = f64::from(plan.grinders) * 100.0 / f64::from(plan.validators);
    format!(
        "\n  {} of {} equal validators, {share:.0} % of the stake, grind together, with {} candidates of 1 BCC\n  beside them; a block every {} ms\n\n{}",
        plan.grinders,
        plan.validators,
        plan.helpers,
        plan.block_ms,
        indented(&table)
    )
}

fn indented(table: &Table) -> String {
    table.to_string().lines().map(|line| format!("  {line}")).collect::<Vec<_>>().join("\n")
}

fn run_one(args: &SimArgs, seed: u64) -> anyhow::Result<ExitCode> {
    let outcome = suite::run_seed(seed, args.heights, args.sabotage, true);
    match args.output {
        Output::Json => {
            let mut report = outcome_json(&outcome);
            report["counts"] = json!(outcome.counts);
            if args.trace {
                report["trace"] = json!(outcome.trace);
            }
            say_json(&serde_json::to_string_pretty(&report)?);
        }
        Output::Table => {
            let shown = if args.trace { outcome.trace.len() } else { tail_length(&outcome) };
            say_all(outcome.trace.iter().skip(outcome.trace.len() - shown));
            say(&format!("\n{}\n\n  seed {seed}, {}", counts_table(outcome.counts.rows()), outcome.about));
            say(&format!("  trace {}, {} of virtual time", outcome.trace_hash, outcome.lasted));
            say(&format!("  {}", verdict_of(&outcome)));
        }
    }
    Ok(if outcome.violation.is_none() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// Many lines, in one piece.
fn say_all<'a>(lines: impl Iterator<Item = &'a String>) {
    let text: Vec<_> = lines.map(String::as_str).collect();
    if !text.is_empty() {
        say(&text.join("\n"));
    }
}

fn tail_length(outcome: &Outcome) -> usize {
    if outcome.violation.is_some() { outcome.trace.len().min(TRACE_TAIL) } else { 0 }
}

fn verdict_of(outcome: &Outcome) -> String {
    match &outcome.violation {
        None => format!("✓ no rule broken; all well {} after the faults stopped", outcome.recovered_in),
        Some(violation) => format!("✗ {violation}"),
    }
}

fn run_many(args: &SimArgs) -> anyhow::Result<ExitCode> {
    let seeds = args.seeds.0.clone();
    let threads = args.threads.unwrap_or_else(suite::all_threads);
    let suite = Suite { seeds, heights: args.heights, sabotage: args.sabotage, threads };
    let screen = Screen::new().with_bar(suite.seeds.end - suite.seeds.start);
    let (ended, failed) = (AtomicU64::new(0), AtomicU64::new(0));
    let begun = Instant::now();
    let report = suite::run_seeds(&suite, |outcome| {
        if let Some(violation) = &outcome.violation {
            failed.fetch_add(1, Ordering::Relaxed);
            screen.note(&format!("seed {}: {violation}", outcome.seed));
        }
        let position = ended.fetch_add(1, Ordering::Relaxed) + 1;
        screen.progress(position, &format!("{} failed", failed.load(Ordering::Relaxed)));
    });
    screen.clear();
    let seconds = begun.elapsed().as_secs_f64();
    match args.output {
        Output::Json => say_json(&serde_json::to_string_pretty(&report_json(&report, seconds))?),
        Output::Table => say(&report_page(&report, args, seconds)),
    }
    Ok(if report.is_good() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

fn outcome_json(outcome: &Outcome) -> Value {
    json!({
        "seed": outcome.seed,
        "ok": outcome.violation.is_none(),
        "violation": outcome.violation.as_ref().map(ToString::to_string),
        "about": outcome.about,
        "virtual_ms": outcome.lasted.as_ms(),
        "recovered_in_ms": outcome.recovered_in.as_ms(),
        "trace_hash": outcome.trace_hash,
    })
}

fn report_json(report: &SuiteReport, seconds: f64) -> Value {
    json!({
        "ok": report.is_good(),
        "seeds": report.seeds,
        "failures": report.failures.iter().map(outcome_json).collect::<Vec<_>>(),
        "missing": report.missing(),
        "counts": report.counts,
        "virtual_ms": report.lasted.as_ms(),
        "recovered_in_ms_max": report.slowest.0.as_ms(),
        "slowest_seed": report.slowest.1,
        "seconds": seconds,
    })
}

fn report_page(report: &SuiteReport, args: &SimArgs, seconds: f64) -> String {
    let mut page = vec![String::new(), counts_table(report.counts.rows()), String::new()];
    let virtual_seconds = report.lasted.as_ms() / 1_000;
    page.push(format!(
        "  {} seeds in {seconds:.1} s; {virtual_seconds} s of virtual time; slowest recovery {} s (seed {})",
        report.seeds,
        report.slowest.0.as_ms() / 1_000,
        report.slowest.1
    ));
    for failure in &report.failures {
        let replay = format!("--seeds {}..{} --heights {}", failure.seed, failure.seed + 1, args.heights);
        page.push(format!(
            "  {}\n    {}\n    again: blockchat-testnet sim {replay} --trace",
            verdict_of(failure),
            failure.about
        ));
    }
    let missing = report.missing();
    if !missing.is_empty() {
        page.push(format!("  ✗ never met in {} seeds: {}", report.seeds, missing.join(", ")));
    }
    if report.is_good() {
        page.push("  ✓ no rule broken in any of them".into());
    }
    page.join("\n")
}

fn counts_table(rows: impl Iterator<Item = (&'static str, u64)>) -> String {
    let mut table = Table::new();
    table.load_style(UTF8_FULL_CONDENSED.with_rounded_corners());
    table.set_header(["met", "times"]);
    for (words, number) in rows {
        table.add_row(vec![Cell::new(words), Cell::new(number).set_alignment(CellAlignment::Right)]);
    }
    indented(&table)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_range_of_seeds_ends_before_its_end_and_is_never_empty() {
        assert_eq!(seed_range("3..5"), Ok(SeedRange(3..5)));
        for wrong in ["5", "5..5", "6..5", "a..b", "1..-2"] {
            assert!(seed_range(wrong).is_err(), "{wrong}");
        }
    }
}
