//! Processor time and memory of a process, from the system. Empty on systems without `/proc`.

use std::path::PathBuf;
use std::time::Duration;

/// Clock ticks in a second, as `/proc` counts them: fixed on Linux, whatever the kernel's own rate is.
const TICKS_PER_S: u64 = 100;

/// Processor time that a process has used since its start, on all threads, user and system.
pub fn cpu_time(pid: u32) -> Option<Duration> {
    parse_cpu(&std::fs::read_to_string(file(pid, "stat")).ok()?)
}

/// The most memory a process ever held, in bytes.
pub fn memory_peak_bytes(pid: u32) -> Option<u64> {
    parse_peak(&std::fs::read_to_string(file(pid, "status")).ok()?)
}

fn file(pid: u32, name: &str) -> PathBuf {
    PathBuf::from(format!("/proc/{pid}/{name}"))
}

/// The program's name stands in parentheses and may hold anything, so the fields are counted from its end.
fn parse_cpu(stat: &str) -> Option<Duration> {
    let (_, fields) = stat.rsplit_once(')')?;
    let mut fields = fields.split_whitespace().skip(11);
    let mut ticks = || fields.next()?.parse::<u64>().ok();
    let (user, system) = (ticks()?, ticks()?);
    Some(Duration::from_millis((user + system) * 1_000 / TICKS_PER_S))
}

fn parse_peak(status: &str) -> Option<u64> {
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"))?;
    line.trim().strip_suffix("kB")?.trim().parse::<u64>().ok().map(|kib| kib * 1_024)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_times_are_found_behind_a_name_with_blanks_and_parentheses() {
        let stat = "7 (a) b (c)) S 1 7 7 0 -1 4194560 100 0 0 0 150 30 0 0 20 0 8 0 100 1 1";
        assert_eq!(parse_cpu(stat), Some(Duration::from_millis(1_800)));
        assert_eq!(parse_cpu("nonsense"), None);
    }

    #[test]
    fn the_peak_is_in_bytes() {
        assert_eq!(parse_peak("Name:\tx\nVmHWM:\t    2048 kB\nVmRSS:\t 1 kB\n"), Some(2_097_152));
        assert_eq!(parse_peak("Name:\tx\n"), None);
    }
}
