//! Workload files: the lines that each node sends. One file per node: `transX.txt` for node X, lines `id<receiver> <text>`.
//!
//! Owns: the format, the five built-in files, and their distribution to another number of nodes. Does not own: signing,
//! fees. Always true: every receiver of a [`Workload`] is one of its nodes, and no text is empty.
//! Start reading at `parse_file`.

use blockchat_host::text;
use std::path::{Path, PathBuf};

/// Maximum size of a file, in bytes.
const FILE_BYTES_MAX: u64 = 256 * 1024 * 1024;

/// One line of a file: a message for another node.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Line {
    /// Index of the receiving node, from 0.
    pub to: usize,
    /// Its content.
    pub text: String,
}

/// The lines of every node, in the order of the nodes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Workload {
    /// The lines of each node.
    pub files: Vec<Vec<Line>>,
}

impl Workload {
    /// Lines of all nodes together.
    pub fn line_count(&self) -> usize {
        self.files.iter().map(Vec::len).sum()
    }
}

/// Reasons why a workload cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum WorkloadRejected {
    /// A file is missing or unreadable.
    #[error("{path}: {source}\nnode id{node} needs a file with this name; lines are `id<receiver> <text>`")]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// The node.
        node: usize,
        /// The cause.
        source: std::io::Error,
    },
    /// A line is not `id<receiver> <text>`.
    #[error("{file} line {line}: {problem}; a line is `id<receiver> <text>`, such as `id3 Hello Bob`")]
    Line {
        /// The file.
        file: String,
        /// The line number, from 1.
        line: usize,
        /// The fault.
        problem: String,
    },
}

/// The built-in files, `workloads/nodes_5`.
const OWN_FILES: [&str; 5] = [
    include_str!("../../workloads/nodes_5/trans0.txt"),
    include_str!("../../workloads/nodes_5/trans1.txt"),
    include_str!("../../workloads/nodes_5/trans2.txt"),
    include_str!("../../workloads/nodes_5/trans3.txt"),
    include_str!("../../workloads/nodes_5/trans4.txt"),
];

/// Reads `transX.txt` for each of the nodes 0 to `nodes` - 1.
pub fn read(folder: &Path, nodes: usize) -> Result<Workload, WorkloadRejected> {
    let read_one = |node: usize| {
        let name = format!("trans{node}.txt");
        let path = folder.join(&name);
        match text::read(&path, FILE_BYTES_MAX) {
            Ok(content) => parse_file(&path.display().to_string(), &content, nodes),
            Err(source) => Err(WorkloadRejected::Unreadable { path, node, source }),
        }
    };
    Ok(Workload { files: (0..nodes).map(read_one).collect::<Result<_, _>>()? })
}

/// Our own workload for any number of nodes: node i plays file i mod 5, and a recipient k seats further in the file is
/// k seats further at this table, never the sender itself (unless it is alone).
pub fn own(nodes: usize) -> Workload {
    let deal = |node: usize| {
        let seat = node % OWN_FILES.len();
        let lines = parse_file("our own workload", OWN_FILES[seat], OWN_FILES.len());
        let mut lines = lines.expect("our own files are checked by a test");
        for line in &mut lines {
            line.to = reseat(seat, line.to, node, nodes);
        }
        lines
    };
    Workload { files: (0..nodes).map(deal).collect() }
}

fn reseat(seat: usize, to: usize, node: usize, nodes: usize) -> usize {
    let seats = OWN_FILES.len();
    if nodes == seats {
        return to;
    }
    let further = (to + seats - seat) % seats;
    (node + 1 + further.saturating_sub(1) % nodes.saturating_sub(1).max(1)) % nodes
}

/// The lines of one file. Lines end with LF or CRLF; blank ones are skipped; receivers may have any number of digits.
fn parse_file(file: &str, content: &str, nodes: usize) -> Result<Vec<Line>, WorkloadRejected> {
    let numbered = content.lines().enumerate().filter(|(_, text)| !text.trim().is_empty());
    let parse = |(index, text): (usize, &str)| {
        let refuse = |problem| WorkloadRejected::Line { file: file.into(), line: index + 1, problem };
        parse_line(text, nodes).map_err(refuse)
    };
    numbered.map(parse).collect()
}

fn parse_line(text: &str, nodes: usize) -> Result<Line, String> {
    let (receiver, message) = text.split_once(' ').ok_or("no text after the receiver")?;
    let digits = receiver.strip_prefix("id").ok_or_else(|| format!("`{receiver}` does not begin with `id`"))?;
    if digits.is_empty() || !digits.bytes().all(|byte| byte.is_ascii_digit()) {
        return Err(format!("`{receiver}` is not `id` and a number"));
    }
    if message.trim().is_empty() {
        return Err("the text is empty".into());
    }
    match digits.parse() {
        Ok(to) if to < nodes => Ok(Line { to, text: message.into() }),
        _ => Err(format!("there is no {receiver}: the {nodes} nodes are id0 to id{}", nodes.saturating_sub(1))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn line(to: usize, text: &str) -> Line {
        Line { to, text: text.into() }
    }

    #[test]
    fn receivers_of_two_digits_and_crlf_are_read() {
        let lines = parse_file("f", "id3 Hello Bob\r\nid12 Yes...!!!...?\r\n\r\nid0 a  b \n", 13).unwrap();
        assert_eq!(lines, [line(3, "Hello Bob"), line(12, "Yes...!!!...?"), line(0, "a  b ")]);
    }

    #[test]
    fn a_wrong_line_is_refused_with_its_number() {
        #[track_caller]
        fn check(text: &str, problem: &str) {
            let refused = parse_file("f.txt", &format!("id0 fine\n{text}"), 5).unwrap_err().to_string();
            assert!(refused.contains("f.txt line 2") && refused.contains(problem), "{refused}");
        }
        check("id5 who?", "there is no id5: the 5 nodes are id0 to id4");
        check("id99999999999999999999 who?", "there is no id");
        check("id1", "no text");
        check("id1  ", "the text is empty");
        check("1 hello", "does not begin with `id`");
        check("idx hello", "is not `id` and a number");
    }

    #[test]
    fn a_missing_file_is_named_with_its_node() {
        let refused = read(Path::new("/nowhere"), 2).unwrap_err().to_string();
        assert!(refused.contains("trans0.txt") && refused.contains("id0"), "{refused}");
    }

    #[test]
    fn our_files_hold_a_hundred_lines_each_of_the_usual_lengths() {
        let workload = own(5);
        assert_eq!(workload.files.iter().map(Vec::len).collect::<Vec<_>>(), [100; 5]);
        let lengths: Vec<_> = workload.files.iter().flatten().map(|line| line.text.chars().count()).collect();
        let mean = lengths.iter().sum::<usize>() / lengths.len();
        assert!((22..=24).contains(&mean), "mean {mean}");
        assert!(lengths.iter().all(|length| (3..=87).contains(length)));
        for (node, lines) in workload.files.iter().enumerate() {
            assert!(lines.iter().all(|line| line.to != node), "id{node} writes to itself");
            assert!((0..5).filter(|to| lines.iter().any(|line| line.to == *to)).count() == 4);
        }
    }

    #[test]
    fn our_files_serve_any_number_of_nodes() {
        for nodes in 1..=13 {
            let workload = own(nodes);
            assert_eq!(workload.line_count(), 100 * nodes);
            for (node, lines) in workload.files.iter().enumerate() {
                assert!(lines.iter().all(|line| line.to < nodes && (line.to != node || nodes == 1)));
            }
        }
    }
}
