//! The report of a story: the JSON for scripts, a page for people.

pub use super::finish::Checks;
use crate::load::board::Counts;
use blockchat_client::shapes::Code;
use blockchat_proto::units::Height;
use comfy_table::Table;
use comfy_table::presets::UTF8_FULL_CONDENSED;
use serde::Serialize;
use std::collections::BTreeMap;
use std::path::PathBuf;

/// All stories that were played.
#[derive(Clone, Debug, Serialize)]
pub struct Report {
    /// In the order in which they were played.
    pub stories: Vec<StoryReport>,
    /// No story is false, and at least one is true.
    pub ok: bool,
}

/// One story.
#[derive(Clone, Debug, Serialize)]
pub struct StoryReport {
    /// Its name.
    pub scenario: String,
    /// Its subject.
    pub about: String,
    /// Validators.
    pub nodes: usize,
    /// Predicted times were allowed to be so many times longer.
    pub slack: u32,
    /// The prediction, one line per step.
    pub prediction: Vec<String>,
    /// The result of each step.
    pub steps: Vec<StepReport>,
    /// The checks that every story must pass; none if it was not played.
    pub checks: Option<Checks>,
    /// The load.
    pub load: LoadReport,
    /// The last final height.
    pub blocks: Height,
    /// How long it took.
    pub seconds: f64,
    /// All that was predicted held, and so did all checks; nothing if it was not played.
    pub verdict: Option<bool>,
    /// Why it was not played.
    pub not_run: Option<String>,
    /// One lane a node.
    pub timeline: Vec<String>,
    /// The network's folder, if it was kept.
    #[serde(serialize_with = "blockchat_host::path_json::shown_option")]
    pub dir: Option<PathBuf>,
}

/// One step.
#[derive(Clone, Debug, Serialize)]
pub struct StepReport {
    /// As predicted.
    pub words: String,
    /// When it began, in ms since the network ran.
    pub at_ms: u64,
    /// Did it hold? Nothing if it was not played.
    pub held: Option<bool>,
    /// The record.
    pub said: String,
    /// Times in ms, and counts, by name.
    pub measured: BTreeMap<String, u64>,
}

/// The result of the load.
#[derive(Clone, Debug, Default, Serialize)]
pub struct LoadReport {
    /// Transactions that were to be sent.
    pub sent: u64,
    /// Accepted by their node.
    pub accepted: u64,
    /// Final.
    pub finalised: u64,
    /// Refused, by reason.
    pub refused: BTreeMap<Code, u64>,
}

impl LoadReport {
    pub(super) fn of(counts: &Counts) -> Self {
        let Counts { lines, accepted, refused, finalised } = counts.clone();
        Self { sent: lines, accepted, finalised, refused }
    }
}

impl StepReport {
    pub(super) fn failed(words: String, said: String) -> Self {
        Self { words, at_ms: 0, held: Some(false), said, measured: BTreeMap::new() }
    }
}

impl StoryReport {
    /// A story that this machine does not allow.
    pub fn not_run(scenario: &super::scenario::Scenario, prediction: Vec<String>, reason: String) -> Self {
        Self {
            scenario: scenario.name.into(),
            about: scenario.about.into(),
            nodes: scenario.nodes,
            slack: 1,
            prediction,
            steps: vec![],
            checks: None,
            load: LoadReport::default(),
            blocks: Height(0),
            seconds: 0.0,
            verdict: None,
            not_run: Some(reason),
            timeline: vec![],
            dir: None,
        }
    }

    /// The verdict, in a word.
    pub fn verdict_word(&self) -> &'static str {
        match self.verdict {
            Some(true) => "TRUE",
            Some(false) => "FALSE",
            None => "not run",
        }
    }
}

impl Report {
    /// Of these stories.
    pub fn of(stories: Vec<StoryReport>) -> Self {
        let none_is_false = stories.iter().all(|story| story.verdict != Some(false));
        let one_is_true = stories.iter().any(|story| story.verdict == Some(true));
        Self { stories, ok: none_is_false && one_is_true }
    }
}

/// The prediction, before it begins.
pub fn prediction(name: &str, about: &str, prediction: &[String]) -> String {
    let mut page = vec![String::new(), format!("  {name}: {about}"), String::new()];
    page.extend(prediction.iter().map(|line| format!("    {line}")));
    page.push(String::new());
    page.join("\n")
}

/// One story as a page. Ends with the verdict.
pub fn render(story: &StoryReport) -> String {
    let mut page = vec![String::new()];
    page.extend(story.timeline.iter().map(|line| format!("  {line}")));
    page.push(String::new());
    for step in &story.steps {
        page.push(format!("  {} {}", mark(step.held), step.words));
        if !step.said.is_empty() {
            page.push(format!("              {}", step.said));
        }
    }
    if let Some(reason) = &story.not_run {
        page.push(format!("  not run, because {reason}"));
    }
    if let Some(checks) = &story.checks {
        page.extend(checks.lines().map(|(holds, words)| format!("  {} {words}", mark(Some(holds)))));
        page.extend(checks.problems.iter().map(|problem| format!("      {problem}")));
        page.push(format!(
            "\n  {} blocks, {} messages sent, {} accepted, {} final, in {:.1} s",
            story.blocks, story.load.sent, story.load.accepted, story.load.finalised, story.seconds
        ));
    }
    let stretched = match story.slack {
        1 => String::new(),
        slack => format!(", with every predicted time {slack} times as long"),
    };
    page.push(format!("\n  {}: {}{stretched}", story.scenario, story.verdict_word()));
    if let Some(dir) = &story.dir {
        page.push(format!("  homes and logs are in {}", dir.display()));
    }
    page.join("\n")
}

/// All stories beside each other, with the times that were measured.
pub fn summary(report: &Report) -> String {
    let mut table = Table::new();
    table.load_style(UTF8_FULL_CONDENSED.with_rounded_corners());
    table.set_header(["scenario", "nodes", "verdict", "measured"]);
    for story in &report.stories {
        let measured: Vec<_> = story.steps.iter().flat_map(|step| &step.measured).collect();
        let whole = measured.iter().filter(|(name, _)| !name.contains('.'));
        let words: Vec<_> = whole.map(|(name, value)| format!("{name} {value}")).collect();
        let words = story.not_run.clone().unwrap_or_else(|| words.join(", "));
        table.add_row([story.scenario.clone(), story.nodes.to_string(), story.verdict_word().into(), words]);
    }
    table.to_string().lines().map(|line| format!("  {line}")).collect::<Vec<_>>().join("\n")
}

fn mark(held: Option<bool>) -> &'static str {
    match held {
        Some(true) => "✓",
        Some(false) => "✗",
        None => "-",
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::heal::scenarios;

    fn story(verdict: Option<bool>) -> StoryReport {
        let scenario = &scenarios::all()[0];
        StoryReport { verdict, ..StoryReport::not_run(scenario, vec![], "there is no disk".into()) }
    }

    #[test]
    fn a_story_that_was_not_run_is_neither_true_nor_false() {
        assert!(Report::of(vec![story(Some(true)), story(None)]).ok);
        assert!(!Report::of(vec![story(Some(true)), story(Some(false))]).ok);
        assert!(!Report::of(vec![story(None)]).ok, "nothing was shown");
        assert!(render(&story(None)).contains("not run, because there is no disk"));
        assert!(summary(&Report::of(vec![story(None)])).contains("there is no disk"));
    }

    #[test]
    fn one_check_that_fails_is_enough() {
        let good = Checks {
            one_tip: true,
            coins_conserved: true,
            finals_kept: true,
            accepted_final_once: true,
            nobody_blamed: true,
            nobody_jailed: true,
            problems: vec![],
        };
        assert!(good.all_hold());
        for broken in [
            Checks { one_tip: false, ..good.clone() },
            Checks { coins_conserved: false, ..good.clone() },
            Checks { finals_kept: false, ..good.clone() },
            Checks { accepted_final_once: false, ..good.clone() },
            Checks { nobody_blamed: false, ..good.clone() },
            Checks { nobody_jailed: false, ..good.clone() },
        ] {
            assert!(!broken.all_hold() && broken.lines().iter().filter(|(holds, _)| !holds).count() == 1);
        }
    }
}
