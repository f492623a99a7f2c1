//! The guard beside the key: the highest thing it has signed and what it is locked on, so that two copies of one home, or one
//! home brought back from a backup, do not sign against each other, and a lost journal takes no lock with it. SPEC FILE-2.
//!
//! Owns: the guard file and its lock, held as long as the process lives. Does not own: when it is raised (the engine's
//! sync points) or what it forbids (`blockchat_engine::journal`).
//!
//! The file: two slots of 4 KiB, each `magic, sequence u64be, length u32be, state, crc32 u32be`. A state is written to the
//! slot that does not hold the newest one, so a torn write leaves the previous one whole.
//!
//! Always true: after [`Guard::raise`] returned, mark and lock survive a power cut; opening yields the newest whole state.
//! One without a lock, or beside a slot that is not whole, reads as an unknown lock: the journal knows it, or nothing is
//! signed at its height.
//! Start reading at [`Guard::open`].

use super::error::{GUARD_LOST, StoreError};
use super::lock::open_alone;
use blockchat_engine::journal::{GuardMark, GuardState, Lock};
use blockchat_host::platform;
use blockchat_host::whole_file::{self, Access};
use blockchat_proto::codec;
use std::fs::File;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};
use tracing::warn;

const MAGIC: [u8; 8] = *b"BCGUARD2";
/// Of the program's first version: a mark alone, no lock.
const MAGIC_WITHOUT_LOCK: [u8; 8] = *b"BCGUARD1";
/// One slot: no disk tears the other one while it writes this.
const SLOT_BYTES: usize = 4096;
/// Magic, sequence and length.
const HEAD_BYTES: usize = 20;
/// Longest state.
const STATE_BYTES_MAX: usize = 256;

/// The guard of one key, held by this process.
#[derive(Debug)]
pub struct Guard {
    path: PathBuf,
    /// Absent while there is no file: then nothing is signed either.
    file: Option<File>,
    /// Of the newest state; it lies in the slot with this parity.
    sequence: u64,
    broken: bool,
}

impl Guard {
    /// Opens the guard and holds it for this process. The state is `None` if there is no file: it was lost, and nothing may
    /// be signed until `guard reset`.
    ///
    /// Errors: held by another process; neither slot whole.
    pub fn open(path: &Path) -> Result<(Self, Option<GuardState>), StoreError> {
        let file = match open_alone(path, false) {
            Ok(file) => file,
            Err(StoreError::Io { source, .. }) if source.kind() == ErrorKind::NotFound => {
                let guard = Self { path: path.to_path_buf(), file: None, sequence: 0, broken: false };
                return Ok((guard, None));
            }
            Err(other) => return Err(other),
        };
        let (sequence, state) = newest(&file, path)?;
        Ok((Self { path: path.to_path_buf(), file: Some(file), sequence, broken: false }, Some(state)))
    }

    /// The state, without holding the guard: to look at it while a node runs. `None` if there is no file.
    pub fn peek(path: &Path) -> Result<Option<GuardState>, StoreError> {
        match File::open(path) {
            Ok(file) => newest(&file, path).map(|(_, state)| Some(state)),
            Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
            Err(error) => Err(StoreError::io(path, "open")(error)),
        }
    }

    /// Writes the guard of a new key: nothing was ever signed. Refuses to replace one that is there.
    pub fn create(path: &Path) -> Result<(), StoreError> {
        Self::create_at(path, &GuardState::START)
    }

    /// The same for a key that has perhaps signed something, but nothing above this state.
    pub fn create_at(path: &Path, state: &GuardState) -> Result<(), StoreError> {
        whole_file::create(path, &both_slots(state), Access::Private).map_err(StoreError::io(path, "create"))
    }

    /// The file of a new key's guard.
    pub fn of_new_key() -> Vec<u8> {
        both_slots(&GuardState::START)
    }

    /// Makes `state` the guard, whatever was there, damaged or lost. The owner answers for it: nothing above its mark was ever
    /// signed with this key, and its lock is the last. Refuses while a node holds the guard.
    pub fn reset(path: &Path, state: &GuardState) -> Result<(), StoreError> {
        let _held = match open_alone(path, false) {
            Ok(held) => Some(held),
            Err(StoreError::Io { source, .. }) if source.kind() == ErrorKind::NotFound => None,
            Err(other) => return Err(other),
        };
        whole_file::replace_private(path, &both_slots(state)).map_err(StoreError::io(path, "write"))
    }

    /// Makes a higher mark durable, with its lock. Blocks for about 0.2 ms; call it after the journal is synced, and before anything that
    /// was signed leaves. After an error nothing may be signed any more.
    pub fn raise(&mut self, state: &GuardState) -> Result<(), StoreError> {
        let Some(file) = self.file.as_ref().filter(|_| !self.broken) else {
            return Err(StoreError::Broken { file: self.path.clone() });
        };
        let next = self.sequence + 1;
        let write = platform::write_all_at(file, &slot(next, state), offset(next)).and_then(|()| file.sync_data());
        match write {
            Ok(()) => self.sequence = next,
            Err(_) => self.broken = true,
        }
        write.map_err(StoreError::io(&self.path, "write"))
    }
}

/// The start of the slot of this sequence number.
fn offset(sequence: u64) -> u64 {
    if sequence.is_multiple_of(2) { 0 } else { SLOT_BYTES as u64 }
}

/// A whole guard: the state in both slots.
fn both_slots(state: &GuardState) -> Vec<u8> {
    [slot(2, state), slot(1, state)].concat()
}

/// The bytes of a slot.
fn slot(sequence: u64, state: &GuardState) -> Vec<u8> {
    framed(&MAGIC, sequence, &codec::encode(state))
}

fn framed(magic: &[u8; 8], sequence: u64, content: &[u8]) -> Vec<u8> {
    let length = u32::try_from(content.len()).expect("a state is about 90 bytes");
    let mut bytes = Vec::with_capacity(SLOT_BYTES);
    bytes.extend_from_slice(magic);
    bytes.extend_from_slice(&sequence.to_be_bytes());
    bytes.extend_from_slice(&length.to_be_bytes());
    bytes.extend_from_slice(content);
    bytes.extend_from_slice(&crc32fast::hash(&bytes).to_be_bytes());
    bytes.resize(SLOT_BYTES, 0);
    bytes
}

/// Sequence number and state of the newest whole slot.
fn newest(file: &File, path: &Path) -> Result<(u64, GuardState), StoreError> {
    let mut bytes = Vec::new();
    let mut reader = file;
    std::io::Read::read_to_end(&mut reader, &mut bytes).map_err(StoreError::io(path, "read"))?;
    let mut whole: Vec<_> = bytes.chunks(SLOT_BYTES).take(2).filter_map(read_slot).collect();
    if let [(_, state)] = whole.as_mut_slice() {
        // The journal is synced before the guard: it holds what a torn mark stood for, the lock included.
        state.lock = Lock::Unknown;
        warn!(file = %path.display(), "one of the guard's two marks is torn or damaged: the other one counts, with the journal");
    }
    whole.into_iter().max_by_key(|(sequence, _)| *sequence).ok_or_else(|| StoreError::Damaged {
        file: path.to_path_buf(),
        place: "both slots".into(),
        reason: "neither holds a whole mark".into(),
        next: GUARD_LOST,
    })
}

/// The content of a whole slot.
fn read_slot(bytes: &[u8]) -> Option<(u64, GuardState)> {
    let (magic, head) = bytes.get(..HEAD_BYTES)?.split_first_chunk()?;
    let sequence = u64::from_be_bytes(*head.first_chunk()?);
    let length = usize::try_from(u32::from_be_bytes(*head.last_chunk()?)).ok()?;
    let end = HEAD_BYTES.checked_add(length).filter(|_| length <= STATE_BYTES_MAX)?;
    let crc = bytes.get(end..)?.first_chunk()?;
    if crc32fast::hash(&bytes[..end]).to_be_bytes() != *crc {
        return None;
    }
    let content = &bytes[HEAD_BYTES..end];
    let state = match *magic {
        MAGIC => codec::decode(content, STATE_BYTES_MAX).ok()?,
        MAGIC_WITHOUT_LOCK => without_lock(content)?,
        _ => return None,
    };
    Some((sequence, state))
}

/// The content of the first version. A key that has signed nothing has no lock.
fn without_lock(content: &[u8]) -> Option<GuardState> {
    let mark: GuardMark = codec::decode(content, STATE_BYTES_MAX).ok()?;
    let lock = if mark == GuardMark::START { Lock::None } else { Lock::Unknown };
    Some(GuardState { mark, lock })
}

#[cfg(test)]
mod tests {
    use super::*;
    use blockchat_engine::journal::SignStep;
    use blockchat_proto::hash::Hash32;
    use blockchat_proto::units::{Height, Round};
    use std::fs;
    use tempfile::TempDir;

    fn state(height: u64) -> GuardState {
        let (round, step, hash) = (Round(2), SignStep::Prevote, Hash32([7; 32]));
        let lock = Lock::On { round: Round(1), block: Hash32([8; 32]) };
        GuardState { mark: GuardMark { height: Height(height), round, step, hash }, lock }
    }

    /// The part that is known without the lock.
    fn unlocked(height: u64) -> GuardState {
        GuardState { lock: Lock::Unknown, ..state(height) }
    }

    fn opened(path: &Path) -> Option<GuardState> {
        Guard::open(path).unwrap().1
    }

    fn new_guard() -> (TempDir, PathBuf) {
        let folder = TempDir::new().unwrap();
        let path = folder.path().join("guard");
        Guard::create(&path).unwrap();
        (folder, path)
    }

    #[test]
    fn a_new_guard_starts_at_nothing_and_remembers_what_was_signed() {
        let (_folder, path) = new_guard();
        assert_eq!(opened(&path), Some(GuardState::START));
        for height in 1..=5 {
            let (mut guard, _) = Guard::open(&path).unwrap();
            guard.raise(&state(height)).unwrap();
            drop(guard);
            assert_eq!(opened(&path), Some(state(height)));
        }
    }

    #[test]
    fn a_write_torn_at_any_byte_leaves_the_previous_mark_without_a_lock_or_the_new_state() {
        let (_folder, path) = new_guard();
        let (mut guard, _) = Guard::open(&path).unwrap();
        guard.raise(&state(1)).unwrap();
        let before = fs::read(&path).unwrap();
        guard.raise(&state(2)).unwrap();
        drop(guard);
        let after = fs::read(&path).unwrap();
        let changed: Vec<_> = (0..before.len()).filter(|at| before[*at] != after[*at]).collect();
        let (first, last) = (changed[0], changed[changed.len() - 1]);
        for torn in first..=last + 1 {
            let mixed: Vec<_> = after[..torn].iter().chain(&before[torn..]).copied().collect();
            fs::write(&path, mixed).unwrap();
            let expected = match torn {
                _ if torn > last => state(2),
                _ if torn == first => state(1),
                _ => unlocked(1),
            };
            assert_eq!(opened(&path), Some(expected), "torn at {torn}");
        }
    }

    #[test]
    fn a_lost_guard_is_told_apart_from_a_damaged_one_and_reset_mends_both() {
        let (_folder, path) = new_guard();
        fs::remove_file(&path).unwrap();
        let (mut guard, found) = Guard::open(&path).unwrap();
        assert_eq!(found, None);
        assert!(guard.raise(&state(1)).is_err());
        fs::write(&path, vec![0; 2 * SLOT_BYTES]).unwrap();
        assert!(matches!(Guard::open(&path), Err(StoreError::Damaged { .. })));
        Guard::reset(&path, &state(9)).unwrap();
        assert_eq!(opened(&path), Some(state(9)));
    }

    #[test]
    fn a_guard_of_the_first_version_reads_as_an_unknown_lock_and_is_written_anew() {
        let (_folder, path) = new_guard();
        let old = |sequence, mark: &GuardMark| framed(&MAGIC_WITHOUT_LOCK, sequence, &codec::encode(mark));
        let file = |one: &GuardMark, two: &GuardMark| [old(2, two), old(1, one)].concat();
        fs::write(&path, file(&GuardMark::START, &GuardMark::START)).unwrap();
        assert_eq!(opened(&path), Some(GuardState::START), "nothing signed, no lock");
        fs::write(&path, file(&state(4).mark, &state(5).mark)).unwrap();
        let (mut guard, found) = Guard::open(&path).unwrap();
        assert_eq!(found, Some(unlocked(5)));
        guard.raise(&state(6)).unwrap();
        assert_eq!(Guard::peek(&path).unwrap(), Some(state(6)));
    }

    /// SPEC FILE-2.
    #[test]
    fn the_bytes_of_a_slot() {
        let bytes = slot(3, &state(5));
        let hash = |byte: u8| [vec![0x58, 32], vec![byte; 32]].concat();
        let mark = [vec![0xa4, 0, 5, 1, 2, 2, 1, 3], hash(7)].concat();
        let lock = [vec![0xa1, 1, 0xa2, 0, 1, 1], hash(8)].concat();
        let content = [vec![0xa2, 0], mark, vec![1], lock].concat();
        let length = u8::try_from(content.len()).unwrap();
        let head = [b"BCGUARD2".to_vec(), vec![0, 0, 0, 0, 0, 0, 0, 3], vec![0, 0, 0, length], content].concat();
        assert_eq!(bytes[..head.len()], head);
        assert_eq!(bytes[head.len()..][..4], crc32fast::hash(&head).to_be_bytes());
        assert!(bytes.len() == SLOT_BYTES && bytes[head.len() + 4..].iter().all(|byte| *byte == 0));
    }

    #[test]
    fn a_second_node_with_the_same_guard_is_refused() {
        let (_folder, path) = new_guard();
        let _held = Guard::open(&path).unwrap();
        assert_eq!(Guard::peek(&path).unwrap(), Some(GuardState::START));
        assert!(matches!(Guard::open(&path), Err(StoreError::InUse { .. })));
        assert!(matches!(Guard::reset(&path, &state(1)), Err(StoreError::InUse { .. })));
        assert!(Guard::create(&path).is_err());
    }
}
