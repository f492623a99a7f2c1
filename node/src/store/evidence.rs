//! Contradictions of members that wait for a block: they survive a restart. SPEC EVID-4.
//!
//! Owns: `data/evidence`, replaced as a whole. Does not own: when something is kept or forgotten (the engine's effects).
//! A file that cannot be read costs nothing but what it held: other nodes have noticed the same, and its content is checked
//! again like what a stranger sends.
//! Start reading at [`EvidenceFile::open`].

use super::StoreError;
use blockchat_host::whole_file;
use blockchat_proto::codec;
use blockchat_proto::vote::Evidence;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};
use tracing::warn;

/// Longest file: the engine keeps a few hundred of them.
const FILE_BYTES_MAX: usize = 1024 * 1024;

/// The file.
#[derive(Debug)]
pub struct EvidenceFile {
    path: PathBuf,
}

impl EvidenceFile {
    /// The file, and what it holds, not yet verified.
    pub fn open(path: &Path) -> (Self, Vec<Evidence>) {
        let kept = match std::fs::read(path) {
            Ok(bytes) => codec::decode(&bytes, FILE_BYTES_MAX).unwrap_or_else(|reason| {
                warn!(file = %path.display(), %reason, "evidence of earlier misbehaviour is unreadable and left out");
                vec![]
            }),
            Err(missing) if missing.kind() == ErrorKind::NotFound => vec![],
            Err(reason) => {
                warn!(file = %path.display(), %reason, "evidence of earlier misbehaviour cannot be read");
                vec![]
            }
        };
        (Self { path: path.to_path_buf() }, kept)
    }

    /// Keeps these, durably, in place of all others.
    pub fn keep(&mut self, evidence: &[Evidence]) -> Result<(), StoreError> {
        whole_file::replace(&self.path, &codec::encode(&evidence)).map_err(StoreError::io(&self.path, "write"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use blockchat_proto::hash::Hash32;
    use blockchat_proto::keys::Signer;
    use blockchat_proto::units::{Height, Round};
    use blockchat_proto::vote::{Vote, VoteKind};

    fn evidence(person: u8) -> Evidence {
        let signer = Signer::from_seed(&[person; 32]);
        let vote = |value| {
            let (kind, height, round) = (VoteKind::Prevote, Height(3), Round(0));
            Vote { kind, height, round, value, validator: signer.address() }.sign(Hash32::ZERO, &signer)
        };
        Evidence::of_votes(vote(None), vote(Some(Hash32::ZERO))).unwrap()
    }

    #[test]
    fn what_is_kept_is_there_after_a_restart_and_replaces_what_was() {
        let folder = tempfile::TempDir::new().unwrap();
        let path = folder.path().join("evidence");
        let (mut file, kept) = EvidenceFile::open(&path);
        assert_eq!(kept, []);
        for now in [vec![evidence(1), evidence(2)], vec![evidence(2)], vec![]] {
            file.keep(&now).unwrap();
            assert_eq!(EvidenceFile::open(&path).1, now);
        }
    }

    #[test]
    fn a_damaged_file_keeps_no_node_from_starting() {
        let folder = tempfile::TempDir::new().unwrap();
        let path = folder.path().join("evidence");
        std::fs::write(&path, b"no evidence at all").unwrap();
        let (mut file, kept) = EvidenceFile::open(&path);
        assert_eq!(kept, []);
        file.keep(&[evidence(1)]).unwrap();
        assert_eq!(EvidenceFile::open(&path).1.len(), 1);
    }
}
