//! Cuts and flips at every byte.

use super::*;
use std::fs;
use tempfile::TempDir;

const PAYLOADS: [&[u8]; 4] = [b"first", b"", b"the third one is longer", b"last"];
const NEXT: &str = "do something";

fn open(path: &Path) -> Result<(FrameLog, Vec<Frame>), StoreError> {
    FrameLog::open(path, 64, NEXT, |_| true)
}

fn payloads(frames: &[Frame]) -> Vec<&[u8]> {
    frames.iter().map(|frame| frame.payload.as_slice()).collect()
}

/// A log with [`PAYLOADS`], each synced if `each`, all at the end otherwise; with the content of its file.
fn written(each: bool) -> (TempDir, PathBuf, Vec<u8>) {
    let folder = TempDir::new().unwrap();
    let path = folder.path().join("log");
    let (mut log, frames) = open(&path).unwrap();
    assert!(frames.is_empty());
    for payload in PAYLOADS {
        log.append(payload).unwrap();
        if each {
            log.sync().unwrap();
        }
    }
    log.sync().unwrap();
    drop(log);
    let bytes = fs::read(&path).unwrap();
    (folder, path, bytes)
}

/// The start of each frame, and the end.
fn boundaries() -> Vec<usize> {
    let mut at = HEAD_BYTES;
    let mut all = vec![at];
    for payload in PAYLOADS {
        at += FRAME_HEAD_BYTES + payload.len();
        all.push(at);
    }
    all
}

#[test]
fn a_log_cut_at_any_byte_gives_back_the_whole_frames_before_the_cut() {
    let (_folder, path, bytes) = written(true);
    let boundaries = boundaries();
    assert_eq!(bytes.len(), *boundaries.last().unwrap());
    for cut in 0..=bytes.len() {
        fs::write(&path, &bytes[..cut]).unwrap();
        let (mut log, frames) = open(&path).unwrap();
        let whole = boundaries[1..].iter().filter(|end| **end <= cut).count();
        assert_eq!(payloads(&frames), PAYLOADS[..whole], "cut at {cut}");
        log.append(b"after").unwrap();
        log.sync().unwrap();
        drop(log);
        let (_, frames) = open(&path).unwrap();
        assert_eq!(payloads(&frames), [&PAYLOADS[..whole], &[b"after".as_slice()]].concat(), "cut at {cut}");
    }
}

#[test]
fn a_byte_flipped_before_a_later_synced_frame_is_damage_with_file_and_offset() {
    let (_folder, path, bytes) = written(true);
    let boundaries = boundaries();
    for at in 0..bytes.len() {
        let mut flipped = bytes.clone();
        flipped[at] ^= 0x10;
        fs::write(&path, &flipped).unwrap();
        let frame = boundaries.iter().rposition(|begin| *begin <= at);
        match (open(&path), frame) {
            (Err(StoreError::Damaged { file, place, .. }), Some(frame)) if frame < 3 => {
                assert_eq!((file, place), (path.clone(), format!("offset {}", boundaries[frame])));
            }
            (Err(StoreError::Damaged { place, .. }), None) => assert_eq!(place, "offset 0"),
            // Nothing after the last frame can say that it was whole once: the guard does.
            (Ok((_, frames)), Some(3)) => assert_eq!(payloads(&frames), PAYLOADS[..3]),
            (other, _) => panic!("byte {at}: {other:?}"),
        }
        assert_eq!(fs::read(&path).unwrap().len().min(boundaries[3]), boundaries[3], "damage is left as it was");
    }
}

#[test]
fn unsynced_frames_that_reached_the_disk_out_of_order_are_a_torn_tail() {
    let (_folder, path, mut bytes) = written(false);
    let second = boundaries()[1];
    bytes[second] ^= 1;
    fs::write(&path, &bytes).unwrap();
    let (_, frames) = open(&path).unwrap();
    assert_eq!(payloads(&frames), PAYLOADS[..1]);
}

#[test]
fn stale_frames_behind_a_torn_one_are_no_damage() {
    let (_folder, path, mut bytes) = written(true);
    let second = boundaries()[1];
    bytes[second] ^= 1;
    fs::write(&path, &bytes).unwrap();
    let (_, frames) = FrameLog::open(&path, 64, NEXT, |_| false).unwrap();
    assert_eq!(payloads(&frames), PAYLOADS[..1]);
}

#[test]
fn a_frame_made_elsewhere_inside_a_torn_payload_does_not_look_like_damage() {
    let (_folder, _, bytes) = written(true);
    let foreign = &bytes[boundaries()[3]..];
    let (_folder, path, _) = written(true);
    let (mut log, _) = open(&path).unwrap();
    log.append(&[foreign, foreign].concat()).unwrap();
    log.sync().unwrap();
    drop(log);
    let whole = fs::read(&path).unwrap();
    fs::write(&path, &whole[..whole.len() - 1]).unwrap();
    let (_, frames) = open(&path).unwrap();
    assert_eq!(payloads(&frames), PAYLOADS);
}

#[test]
fn a_cleared_log_is_empty_and_goes_on() {
    let (_folder, path, _) = written(true);
    let (mut log, _) = open(&path).unwrap();
    log.append(b"waiting").unwrap();
    log.clear().unwrap();
    log.append(b"new").unwrap();
    log.sync().unwrap();
    drop(log);
    let (_, frames) = open(&path).unwrap();
    assert_eq!(payloads(&frames), [b"new"]);
}

#[test]
fn a_second_opener_is_refused() {
    let (_folder, path, _) = written(true);
    let (_first, _) = open(&path).unwrap();
    assert!(matches!(open(&path), Err(StoreError::InUse { .. })));
}
