//! Files of pinned lines, `name hex`: compared, and printed ready to paste where they differ.

use std::collections::BTreeMap;

/// The promise of a file, and the findings so far.
pub(crate) struct Pinned {
    file: &'static str,
    promised: BTreeMap<&'static str, &'static str>,
    wrong: Vec<String>,
}

impl Pinned {
    /// `file` is for the message, `content` what it holds: one `name hex` a line.
    pub(crate) fn new(file: &'static str, content: &'static str) -> Self {
        let lines = content.lines().filter(|line| !line.is_empty() && !line.starts_with('#'));
        let promised: BTreeMap<_, _> = lines.map(|line| line.split_once(' ').expect("a line is `name hex`")).collect();
        Self { file, promised, wrong: vec![] }
    }

    /// Remembers whether `found` is what the file promises for `name`.
    pub(crate) fn check(&mut self, name: &str, found: &[u8]) {
        let found = hex::encode(found);
        if self.promised.remove(name) != Some(&*found) {
            self.wrong.push(format!("{name} {found}"));
        }
    }

    /// Panics with the lines to paste, should any differ, be missing or be left over.
    #[track_caller]
    pub(crate) fn finish(self) {
        let stale: Vec<_> = self.promised.into_keys().collect();
        if self.wrong.is_empty() && stale.is_empty() {
            return;
        }
        println!("---- lines of proto/tests/golden/{} as they would be now ----", self.file);
        self.wrong.iter().for_each(|line| println!("{line}"));
        println!("---- end ----");
        let count = self.wrong.len();
        panic!("{}: {count} lines differ (printed above), of no use any more: {stale:?}", self.file);
    }
}
