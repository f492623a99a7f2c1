//! An append-only file of checked frames.
//!
//! Owns: the bytes of the file, what of it can be believed after a crash, and when it is durable. Does not own: what the
//! frames mean ([`super::sign_journal`], [`super::own`]).
//!
//! The file: 8 bytes of magic, 8 random bytes (the salt), crc32 u32be of both, then frames. A frame: `length u32be,
//! durable u64be, payload crc32 u32be, header crc32 u32be, payload`. `durable` is how far the file was known to be on disk
//! when the frame was written. The header's checksum covers salt, offset and the three fields before it.
//!
//! Always true:
//! - what comes back on opening is a prefix of what was appended, and holds everything appended before the last
//!   [`FrameLog::sync`] that returned;
//! - a torn tail (the machine died before a sync returned) is cut off, and the log says so; a bad frame that was durable is damage,
//!   and is reported with file and offset. The two are told apart by later frames that say the bad one was durable.
//!   (Without that number, two unsynced frames of which only the second reached the disk would look like damage.) Frames
//!   that are not live any more do not count: a crash right after [`FrameLog::clear`] can leave some of them behind new ones;
//! - a payload cannot contain a valid frame, because its author does not know the salt; otherwise a message with a
//!   frame in it could make a torn tail look like damage and keep a node from starting;
//! - after an error nothing is written any more: what reached the disk is unknown.
//!
//! Start reading at [`FrameLog::open`].

use super::error::StoreError;
use super::lock;
use std::fs::File;
use std::io::{Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};
use tracing::warn;

const MAGIC: [u8; 8] = *b"BCFRAME1";
/// Magic, salt and their checksum.
const HEAD_BYTES: usize = 20;
/// Everything of a frame but its payload.
const FRAME_HEAD_BYTES: usize = 20;
/// Appended frames are handed to the system at the latest when so many bytes wait.
const BUFFER_BYTES_MAX: usize = 256 * 1024;

/// An open log. One process at a time has it.
#[derive(Debug)]
pub struct FrameLog {
    file: File,
    path: PathBuf,
    salt: [u8; 8],
    payload_bytes_max: usize,
    /// The remedy if it is damaged.
    next_step: &'static str,
    /// Appended, not yet handed to the system.
    buffer: Vec<u8>,
    /// The offset of the next frame, waiting ones counted.
    end: u64,
    /// Up to here the file is on disk.
    durable: u64,
    broken: bool,
}

/// A frame that was read back.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Frame {
    /// Its offset in the file.
    pub offset: u64,
    /// The appended frame.
    pub payload: Vec<u8>,
}

impl FrameLog {
    /// Opens the log, or makes an empty one; returns what it holds, in order. A torn tail is cut off.
    ///
    /// `live` tells whether a payload still matters. Errors: held by another process; damaged before a live frame; the file
    /// is no such log. Reads the whole file.
    pub fn open(
        path: &Path,
        payload_bytes_max: usize,
        next_step: &'static str,
        live: impl Fn(&[u8]) -> bool,
    ) -> Result<(Self, Vec<Frame>), StoreError> {
        let mut file = lock::open_alone(path, true)?;
        let mut bytes = Vec::new();
        file.read_to_end(&mut bytes).map_err(StoreError::io(path, "read"))?;
        let (salt, length) = match head(&bytes) {
            Some(salt) => (salt, bytes.len()),
            None if bytes.len() <= HEAD_BYTES => {
                if !bytes.is_empty() {
                    warn!(file = %path.display(), "the file is empty and its header is damaged: the header is rewritten");
                }
                (write_head(&mut file, path)?, HEAD_BYTES)
            }
            None => return Err(damaged(path, next_step, 0, "it does not begin like a log of this program")),
        };
        let mut log = Self {
            file,
            path: path.to_path_buf(),
            salt,
            payload_bytes_max,
            next_step,
            buffer: Vec::new(),
            end: offset(length),
            durable: offset(HEAD_BYTES),
            broken: false,
        };
        let frames = log.recover(&bytes, live)?;
        Ok((log, frames))
    }

    /// Adds a frame. It survives a crash of the system only after [`Self::sync`], and one of the process at the latest then.
    ///
    /// Panics if the payload is longer than the log allows: callers know the limit.
    pub fn append(&mut self, payload: &[u8]) -> Result<(), StoreError> {
        assert!(payload.len() <= self.payload_bytes_max, "frames of {} are shorter than that", self.path.display());
        let head = FrameHead::new(payload, self.durable).encode(&self.salt, self.end);
        self.buffer.extend_from_slice(&head);
        self.buffer.extend_from_slice(payload);
        self.end += offset(FRAME_HEAD_BYTES + payload.len());
        if self.buffer.len() >= BUFFER_BYTES_MAX { self.flush() } else { Ok(()) }
    }

    /// Hands everything appended to the system: it survives the end of the process, but not of the machine.
    pub fn flush(&mut self) -> Result<(), StoreError> {
        self.attempt("write", |log| {
            log.file.write_all(&log.buffer)?;
            log.buffer.clear();
            Ok(())
        })
    }

    /// Makes everything appended durable. About 0.2 ms.
    pub fn sync(&mut self) -> Result<(), StoreError> {
        self.flush()?;
        self.attempt("make durable", |log| {
            log.file.sync_data()?;
            log.durable = log.end;
            Ok(())
        })
    }

    /// Forgets all frames. Until the next [`Self::sync`] a crash of the machine may bring them back.
    pub fn clear(&mut self) -> Result<(), StoreError> {
        self.buffer.clear();
        if self.end == offset(HEAD_BYTES) {
            return Ok(());
        }
        self.cut(offset(HEAD_BYTES))
    }

    /// Length of the file with all frames appended.
    pub fn bytes(&self) -> u64 {
        self.end
    }

    /// The file has this name from now on: the code that renamed it says so, for error messages.
    pub(super) fn renamed(&mut self, path: &Path) {
        self.path = path.to_path_buf();
    }

    /// Everything believable in `bytes`, the whole content of the file; cuts the rest off.
    fn recover(&mut self, bytes: &[u8], live: impl Fn(&[u8]) -> bool) -> Result<Vec<Frame>, StoreError> {
        let mut frames = Vec::new();
        let mut at = HEAD_BYTES.min(bytes.len());
        while let Some((_, payload)) = self.frame_at(bytes, at) {
            frames.push(Frame { offset: offset(at), payload: payload.to_vec() });
            at += FRAME_HEAD_BYTES + payload.len();
        }
        if let Some(later) = self.frame_that_was_after(bytes, at, live) {
            let reason = format!("a bad frame, though the frame at {later} was written after it was on disk");
            return Err(damaged(&self.path, self.next_step, at, &reason));
        }
        if at < bytes.len() {
            let (file, lost) = (self.path.display(), bytes.len() - at);
            warn!(%file, offset = at, bytes = lost, "the end of the file is damaged and removed; the part before it is intact");
            self.cut(offset(at))?;
        }
        self.attempt("make durable", |log| {
            log.file.seek(SeekFrom::Start(log.end))?;
            log.file.sync_data()?;
            log.durable = log.end;
            Ok(())
        })?;
        Ok(frames)
    }

    /// The first live frame behind the bad one at `bad` that was written when the bad one was durable already.
    fn frame_that_was_after(&self, bytes: &[u8], bad: usize, live: impl Fn(&[u8]) -> bool) -> Option<usize> {
        let proves = |(head, payload): (FrameHead, &[u8])| head.durable > offset(bad) && live(payload);
        (bad + 1..bytes.len()).find(|at| self.frame_at(bytes, *at).is_some_and(proves))
    }

    /// The frame that begins at `at`, if a whole and valid one does.
    fn frame_at<'a>(&self, bytes: &'a [u8], at: usize) -> Option<(FrameHead, &'a [u8])> {
        let (head, rest) = bytes.get(at..)?.split_at_checked(FRAME_HEAD_BYTES)?;
        let head = FrameHead::decode(head, &self.salt, offset(at))?;
        let length = usize::try_from(head.length).ok().filter(|length| *length <= self.payload_bytes_max)?;
        let payload = rest.get(..length)?;
        (crc32fast::hash(payload) == head.payload_crc).then_some((head, payload))
    }

    /// Shortens the file to `end`.
    fn cut(&mut self, end: u64) -> Result<(), StoreError> {
        self.attempt("shorten", |log| {
            log.file.set_len(end)?;
            log.file.seek(SeekFrom::Start(end))?;
            log.end = end;
            log.durable = log.durable.min(end);
            Ok(())
        })
    }

    /// Runs one step on the file; once one failed, no other is tried.
    fn attempt(
        &mut self,
        action: &'static str,
        step: impl FnOnce(&mut Self) -> std::io::Result<()>,
    ) -> Result<(), StoreError> {
        if self.broken {
            return Err(StoreError::Broken { file: self.path.clone() });
        }
        step(self).map_err(|error| {
            self.broken = true;
            StoreError::io(&self.path, action)(error)
        })
    }
}

/// The salt, if a whole and good head is there. Heads are durable before anything is appended, so a file without one that
/// is no longer than a head never held anything.
fn head(bytes: &[u8]) -> Option<[u8; 8]> {
    let (head, crc) = bytes.get(..HEAD_BYTES)?.split_at(HEAD_BYTES - 4);
    let salt = head.strip_prefix(&MAGIC)?.first_chunk()?;
    (crc32fast::hash(head).to_be_bytes() == crc).then_some(*salt)
}

/// Makes the file an empty log, durably.
fn write_head(file: &mut File, path: &Path) -> Result<[u8; 8], StoreError> {
    let salt: [u8; 8] = rand::random();
    let mut write = || {
        file.set_len(0)?;
        file.seek(SeekFrom::Start(0))?;
        let head = [MAGIC, salt].concat();
        file.write_all(&head)?;
        file.write_all(&crc32fast::hash(&head).to_be_bytes())?;
        file.sync_all()
    };
    write().map_err(StoreError::io(path, "create"))?;
    lock::sync_folder(path)?;
    Ok(salt)
}

struct FrameHead {
    length: u32,
    durable: u64,
    payload_crc: u32,
}

impl FrameHead {
    fn new(payload: &[u8], durable: u64) -> Self {
        let length = u32::try_from(payload.len()).expect("payloads are limited far below 4 GiB");
        Self { length, durable, payload_crc: crc32fast::hash(payload) }
    }

    fn encode(&self, salt: &[u8; 8], offset: u64) -> [u8; FRAME_HEAD_BYTES] {
        let mut head = [0; FRAME_HEAD_BYTES];
        head[..4].copy_from_slice(&self.length.to_be_bytes());
        head[4..12].copy_from_slice(&self.durable.to_be_bytes());
        head[12..16].copy_from_slice(&self.payload_crc.to_be_bytes());
        let crc = head_crc(salt, offset, &head[..16]);
        head[16..].copy_from_slice(&crc.to_be_bytes());
        head
    }

    fn decode(bytes: &[u8], salt: &[u8; 8], offset: u64) -> Option<Self> {
        let (fields, crc) = bytes.split_at_checked(16)?;
        if head_crc(salt, offset, fields).to_be_bytes() != crc {
            return None;
        }
        Some(Self {
            length: u32::from_be_bytes(*fields.first_chunk()?),
            durable: u64::from_be_bytes(*fields[4..].first_chunk()?),
            payload_crc: u32::from_be_bytes(*fields[12..].first_chunk()?),
        })
    }
}

fn head_crc(salt: &[u8; 8], offset: u64, fields: &[u8]) -> u32 {
    let mut crc = crc32fast::Hasher::new();
    crc.update(salt);
    crc.update(&offset.to_be_bytes());
    crc.update(fields);
    crc.finalize()
}

fn offset(bytes: usize) -> u64 {
    u64::try_from(bytes).expect("a file in memory is shorter than 2^64")
}

fn damaged(path: &Path, next: &'static str, at: usize, reason: &str) -> StoreError {
    StoreError::Damaged { file: path.to_path_buf(), place: format!("offset {at}"), reason: reason.to_string(), next }
}

#[cfg(test)]
#[path = "frame_log_tests.rs"]
mod tests;
