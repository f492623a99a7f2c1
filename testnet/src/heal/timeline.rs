//! The timeline: one lane per node, blocks as ticks, faults as brackets. Pure: draws the content of a record.

use super::record::{Record, Seen};
use std::time::{Duration, Instant};

/// Width of a lane, in columns.
pub const WIDTH: usize = 90;
/// Legend of the signs.
pub const LEGEND: &str = "█ blocks   ─ up, no block   ░ catching up   ┄ waits for stake   ? signs nothing   × down";

/// The picture, line by line: faults, lanes, time axis, legend.
pub fn lines(record: &Record, names: &[String], now: Instant, width: usize) -> Vec<String> {
    let scale = Scale { begun: record.begun, cell: cell(now.saturating_duration_since(record.begun), width), width };
    let margin = names.iter().map(String::len).max().unwrap_or(0);
    let mut lines: Vec<_> = brackets(record, &scale).iter().map(|line| format!("{:margin$} {line}", "")).collect();
    for (node, name) in names.iter().enumerate() {
        let lane: String = (0..width).map(|column| sign(record, node, &scale, column, now)).collect();
        lines.push(format!("{name:margin$} {}", lane.trim_end()));
    }
    lines.push(format!("{:margin$} {}", "", axis(&scale)));
    lines.push(format!("{:margin$} {LEGEND}", ""));
    lines
}

/// Maps times to columns.
struct Scale {
    begun: Instant,
    cell: Duration,
    width: usize,
}

/// Time per column: a round number, at least 50 ms.
fn cell(whole: Duration, width: usize) -> Duration {
    let needed = whole.as_millis().div_ceil(u128::try_from(width.max(1)).unwrap_or(1));
    let round = [50, 100, 200, 250, 500, 1_000, 2_000, 2_500, 5_000, 10_000, 20_000, 60_000];
    let ms = round.into_iter().find(|ms| *ms >= needed).unwrap_or(needed);
    Duration::from_millis(u64::try_from(ms).unwrap_or(u64::MAX))
}

impl Scale {
    fn start(&self, column: usize) -> Instant {
        self.begun + self.cell * u32::try_from(column).unwrap_or(u32::MAX)
    }

    fn column(&self, at: Instant) -> usize {
        let cells = at.saturating_duration_since(self.begun).as_millis() / self.cell.as_millis().max(1);
        usize::try_from(cells).unwrap_or(usize::MAX).min(self.width.saturating_sub(1))
    }
}

fn sign(record: &Record, node: usize, scale: &Scale, column: usize, now: Instant) -> char {
    let (from, to) = (scale.start(column), scale.start(column + 1));
    if from > now {
        return ' ';
    }
    let track = &record.tracks[node];
    if track.ticks.iter().any(|tick| tick.at >= from && tick.at < to) && !is_catching_up(record, node, to) {
        return '█';
    }
    match track.states.iter().take_while(|(at, _)| *at < to).last() {
        None => ' ',
        Some((_, Seen::Down)) => '×',
        Some((_, Seen::Working)) => '─',
        Some((_, Seen::CatchingUp)) => '░',
        Some((_, Seen::Waiting { .. })) => '┄',
        Some((_, Seen::Silent(_))) => '?',
    }
}

fn is_catching_up(record: &Record, node: usize, by: Instant) -> bool {
    let last = record.tracks[node].states.iter().take_while(|(at, _)| *at < by).last();
    matches!(last, Some((_, Seen::CatchingUp)))
}

/// Each fault with a line until its heal, and its description above.
fn brackets(record: &Record, scale: &Scale) -> Vec<String> {
    let mut words = vec![' '; scale.width];
    let mut lines = vec![' '; scale.width];
    for (index, mark) in record.marks.iter().enumerate() {
        let column = scale.column(mark.at);
        write_at(&mut words, column, &mark.words);
        if !mark.breaks {
            if lines[column] == ' ' {
                lines[column] = '▼';
            }
            continue;
        }
        let healed = record.marks[index + 1..].iter().find(|later| !later.breaks);
        let end = healed.map_or(scale.width - 1, |heal| scale.column(heal.at));
        lines[column] = '├';
        (column + 1..end).for_each(|between| lines[between] = '─');
        lines[end] = if end > column { '┤' } else { '▼' };
    }
    [words, lines].map(|line| line.into_iter().collect::<String>().trim_end().to_owned()).to_vec()
}

/// Finds a free place, so that earlier descriptions stay readable.
fn write_at(line: &mut [char], column: usize, words: &str) {
    let taken = line.iter().rposition(|sign| *sign != ' ').map_or(0, |last| last + 2);
    let begin = column.max(taken);
    let room = line.len().saturating_sub(begin);
    words.chars().take(room).enumerate().for_each(|(index, sign)| line[begin + index] = sign);
}

/// A label every ten columns.
fn axis(scale: &Scale) -> String {
    let mut axis = vec![' '; scale.width];
    for column in (0..scale.width).step_by(10) {
        let seconds = (scale.start(column) - scale.begun).as_secs_f32();
        let label = if seconds.fract() == 0.0 { format!("{seconds:.0}s") } else { format!("{seconds:.1}s") };
        label.chars().take(scale.width - column).enumerate().for_each(|(index, sign)| axis[column + index] = sign);
    }
    axis.into_iter().collect::<String>().trim_end().to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;
    use blockchat_proto::units::Height;

    #[test]
    fn a_lane_shows_blocks_a_pause_a_dead_node_and_its_way_back() {
        let mut record = Record::new(2, Instant::now());
        let at = |ms: u64| record.begun + Duration::from_millis(ms);
        let times = [0, 60, 110, 400, 460].map(at);
        let (killed, healed, back, end) = (at(155), at(300), at(350), at(499));
        (0..2).for_each(|node| record.state(node, Seen::Working, times[0]));
        for (height, time) in times.into_iter().enumerate() {
            record.tip(0, Height(height as u64 + 1), time);
        }
        record.tip(1, Height(1), times[0]);
        record.mark("kill id1".into(), true, killed);
        record.state(1, Seen::Down, killed);
        record.mark("heal".into(), false, healed);
        record.state(1, Seen::CatchingUp, back);
        let lines = lines(&record, &["id0".into(), "id1".into()], end, 10);
        assert_eq!(lines[1], "       ├──┤", "{lines:#?}");
        assert_eq!(lines[2], "id0 ███─────██");
        assert_eq!(lines[3], "id1 █──××××░░░");
        assert!(lines[0].contains("kill id"), "{lines:#?}");
        assert!(lines[4].trim_start().starts_with("0s"));
    }

    #[test]
    fn a_column_is_a_round_time_and_the_whole_story_fits() {
        for seconds in [0, 1, 7, 60, 600, 6_000] {
            let cell = cell(Duration::from_secs(seconds), 90);
            assert!(cell * 90 >= Duration::from_secs(seconds) && cell >= Duration::from_millis(50));
        }
    }
}
