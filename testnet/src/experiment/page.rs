//! The report as one HTML file that needs nothing from outside: to be read, printed, and handed in.

use super::machine::Machine;
use super::plot::{Plot, Series, escaped};
use super::stats::Estimate;
use super::study::{Findings, Point, Study};

/// Light and dark as the reader's system is; black on white on paper.
const STYLE: &str = include_str!("page.css");

/// The best figures of the course's earlier systems for the same files, as measured on a quiet machine of two hardware
/// threads: transactions a second and seconds a block, by capacity.
const PREDECESSOR: [(&str, f64, f64); 3] = [("5", 194.0, 0.025), ("10", 305.0, 0.033), ("20", 516.0, 0.037)];

/// The content of the page.
#[derive(Clone, Debug)]
pub struct Page<'a> {
    /// In the order in which they are shown.
    pub findings: &'a [Findings],
    /// The machine of the measurements.
    pub machine: &'a Machine,
    /// The command that repeats them.
    pub command: &'a str,
    /// Runs of each point.
    pub repeat: u32,
    /// When, as text.
    pub date: &'a str,
}

impl Page<'_> {
    /// The file.
    pub fn html(&self) -> String {
        let mut html = vec![
            "<!doctype html>".into(),
            "<html lang=\"en\"><head><meta charset=\"utf-8\">".into(),
            "<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">".into(),
            format!("<title>BlockChat: experiments</title><style>{STYLE}</style></head><body><main>"),
            "<h1>BlockChat: experiments</h1>".into(),
            self.introduction(),
        ];
        html.extend(self.findings.iter().map(|findings| self.section(findings)));
        if self.findings.iter().any(|findings| findings.study == Study::Throughput) {
            html.push(self.beside_the_predecessors());
        }
        html.push("</main></body></html>\n".into());
        html.join("\n")
    }

    fn introduction(&self) -> String {
        let (machine, command, repeat, date) =
            (escaped(&self.machine.words()), escaped(self.command), self.repeat, self.date);
        format!(
            "<p>Real nodes, each a process of its own, on one machine: {machine}. Taken on {date}; every point is the mean of \
             {repeat} runs, and the bar on it is the interval that holds the true mean with 95 % confidence (Student's t).</p>\
             <p>A transaction counts when it is <em>final</em>: signed by more than two thirds of the stake, and on disk. \
             Transactions a second are final ones, from the first submit to the last final. The time between blocks is \
             that of their headers. Submit to final is from before the submit until the block is seen as final; of each run \
             the median. A run counts only if every line became final, all nodes ended with one tip and one state root, \
             coins were conserved, and nothing final was lost.</p>\
             <p>To repeat it:</p><pre>{command}</pre>"
        )
    }

    fn section(&self, findings: &Findings) -> String {
        let study = findings.study;
        let mut html = vec![format!("<section><h2>{}</h2><p>{}</p>", study.title(), study.method())];
        if study == Study::Fairness {
            html.push(shares(findings));
        } else {
            for (up, value) in measures() {
                html.push(format!("<figure>{}</figure>", plot(findings, up, value).svg()));
            }
        }
        html.push(points(findings));
        html.push("</section>".into());
        html.join("\n")
    }

    fn beside_the_predecessors(&self) -> String {
        let found = self.findings.iter().find(|findings| findings.study == Study::Throughput);
        let row = |(capacity, per_s, block_s): &(&str, f64, f64)| {
            let ours = found.and_then(|findings| findings.points.iter().find(|point| point.label == *capacity));
            let (ours_per_s, ours_ms) =
                ours.map_or(("-".into(), "-".into()), |point| (figure(point.tx_per_s), figure(point.block_ms)));
            format!(
                "<tr><td>{capacity}</td><td>{per_s:.0}</td><td>{ours_per_s}</td><td>{:.0}</td><td>{ours_ms}</td></tr>",
                block_s * 1_000.0
            )
        };
        let rows: String = PREDECESSOR.iter().map(row).collect();
        format!(
            "<section><h2>Beside earlier systems</h2>\
             <p>Answers of earlier years to the same assignment were run on one quiet machine with two hardware threads, \
             five nodes, the same kind of files. This is the fastest of them (Python, UDP, its built-in pauses switched \
             off). It counts a transaction when a node has put it into a block: in memory, nothing on disk, no votes, and \
             with the drawn validator dead it stops. Its reports and those of the others claim 13 to 208 transactions a second, \
             counted in ways that do not compare. Ours counts what is final and on disk on the same terms as above.</p>\
             <table><thead><tr><th>capacity</th><th>fastest earlier, tx/s</th><th>ours, tx/s</th>\
             <th>its block time, ms</th><th>ours, ms</th></tr></thead><tbody>{rows}</tbody></table></section>"
        )
    }
}

type Measure = fn(&Point) -> Estimate;

fn measures() -> [(&'static str, Measure); 3] {
    [
        ("final transactions a second", |point| point.tx_per_s),
        ("time between blocks (ms)", |point| point.block_ms),
        ("submit to final, median (ms)", |point| point.to_final_ms),
    ]
}

fn plot(findings: &Findings, up: &str, value: Measure) -> Plot {
    let mut series: Vec<Series> = vec![];
    for point in &findings.points {
        let place = (point.label.clone(), value(point));
        match series.iter_mut().find(|series| series.name == point.series) {
            Some(series) => series.points.push(place),
            None => series.push(Series { name: point.series.clone(), points: vec![place] }),
        }
    }
    Plot { across: findings.study.axis().into(), up: up.into(), series }
}

fn points(findings: &Findings) -> String {
    let row = |point: &Point| {
        let failed = if point.failed > 0 { format!(" ({} failed)", point.failed) } else { String::new() };
        format!(
            "<tr><td>{}</td><td>{}</td><td>{}</td><td>{}</td><td>{}</td><td>{}{failed}</td></tr>",
            escaped(&point.series),
            escaped(&point.label),
            figure(point.tx_per_s),
            figure(point.block_ms),
            figure(point.to_final_ms),
            point.runs.len()
        )
    };
    let rows: String = findings.points.iter().map(row).collect();
    let setting = if findings.study == Study::Fairness { "capacity" } else { findings.study.axis() };
    format!(
        "<table><thead><tr><th></th><th>{setting}</th><th>final tx/s</th><th>block time, ms</th><th>submit to final, ms</th>\
         <th>runs</th></tr></thead><tbody>{rows}</tbody></table>"
    )
}

fn shares(findings: &Findings) -> String {
    let bar = |share: &super::study::Share| {
        let percent = |value: f64| (value.clamp(0.0, 1.0)) * 100.0;
        let (low, high) = (percent(share.fair - share.chance), percent(share.fair + share.chance));
        format!(
            "<tr><td>{}</td><td>{:.1} %</td><td>{:.1} to {:.1} %</td><td>{:.1} %</td><td>{}</td><td class=\"bar\">\
             <i class=\"chance\" style=\"left:{low:.1}%;width:{:.1}%\"></i><i class=\"seen\" style=\"left:{:.1}%\"></i></td></tr>",
            escaped(&share.node),
            percent(share.fair),
            low,
            high,
            percent(share.seen),
            share.led,
            high - low,
            percent(share.seen)
        )
    };
    let rows: String = findings.shares.iter().map(bar).collect();
    let blocks = findings.shares.first().map_or(0, |share| share.blocks);
    format!(
        "<table class=\"shares\"><thead><tr><th>node</th><th>fair share</th><th>what chance allows</th><th>seen</th>\
         <th>blocks led, of {blocks}</th><th>band: what chance allows; line: seen</th></tr></thead>\
         <tbody>{rows}</tbody></table><p>Chance puts one node in twenty outside its band.</p>"
    )
}

/// The mean with its interval.
fn figure(found: Estimate) -> String {
    let decimals = usize::from(found.mean < 100.0);
    match found.count {
        0 => "-".into(),
        1 => format!("{:.decimals$}", found.mean),
        _ => format!("{:.decimals$} ± {:.decimals$}", found.mean, found.half_width),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_page_needs_nothing_from_outside_and_says_how_to_repeat_it() {
        let point = |label: &str| Point {
            series: "5 nodes".into(),
            label: label.into(),
            runs: vec![],
            failed: 1,
            tx_per_s: Estimate { mean: 300.0, half_width: 12.0, count: 5 },
            block_ms: Estimate { mean: 30.0, half_width: 1.0, count: 5 },
            to_final_ms: Estimate::default(),
        };
        let findings = [Findings { study: Study::Throughput, points: vec![point("5"), point("10")], shares: vec![] }];
        let machine = Machine::this();
        let page =
            Page { findings: &findings, machine: &machine, command: "experiment <all>", repeat: 5, date: "today" };
        let html = page.html();
        for part in ["experiment &lt;all&gt;", "300 ± 12", "(1 failed)", "<svg", "194"] {
            assert!(html.contains(part), "{part}");
        }
        for outside in ["http://", "https://", "<script", "<link", "@import", "url("] {
            assert!(!html.contains(outside), "{outside}");
        }
    }
}
