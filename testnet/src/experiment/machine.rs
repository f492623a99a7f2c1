//! The machine that figures were taken on, as a reader needs to know it.

use serde::Serialize;
use std::fs;

/// See the module.
#[derive(Clone, Debug, Serialize)]
pub struct Machine {
    /// Name of the processor, if the system tells it.
    pub processor: String,
    /// Hardware threads.
    pub threads: usize,
    /// Memory in GiB, if the system tells it.
    pub memory_gib: Option<u64>,
    /// Operating system.
    pub system: String,
}

impl Machine {
    /// This one.
    pub fn this() -> Self {
        let read = |path: &str| fs::read_to_string(path).unwrap_or_default();
        let value = |text: &str, key: &str| {
            let line = text.lines().find(|line| line.starts_with(key))?;
            Some(line.split_once([':', '='])?.1.trim().trim_matches('"').to_owned())
        };
        let memory = value(&read("/proc/meminfo"), "MemTotal");
        let kib: Option<u64> = memory.and_then(|text| text.split(' ').next()?.parse().ok());
        let name = value(&read("/etc/os-release"), "PRETTY_NAME");
        Self {
            processor: value(&read("/proc/cpuinfo"), "model name").unwrap_or_else(|| std::env::consts::ARCH.into()),
            threads: crate::sim::suite::all_threads(),
            memory_gib: kib.map(|kib| kib.div_ceil(1024 * 1024)),
            system: name.unwrap_or_else(|| std::env::consts::OS.into()),
        }
    }

    /// In a line.
    pub fn words(&self) -> String {
        let memory = self.memory_gib.map(|gib| format!(", {gib} GiB of memory")).unwrap_or_default();
        format!("{}, {} hardware threads{memory}, {}", self.processor, self.threads, self.system)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn this_machine_has_a_name_and_threads() {
        let machine = Machine::this();
        assert!(machine.threads > 0 && machine.words().contains("hardware threads"));
    }
}
