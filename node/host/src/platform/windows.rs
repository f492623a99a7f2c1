//! The form of Windows. Files there have no modes: their permissions are inherited from their folder, and that of a
//! user's data is the user's own.

use crate::signals::Told;
use std::ffi::OsString;
use std::fs::{self, File, OpenOptions};
use std::io::{self, ErrorKind};
use std::os::windows::ffi::{OsStrExt, OsStringExt};
use std::os::windows::fs::{FileExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use tokio::signal::windows::{CtrlBreak, CtrlC, CtrlClose, ctrl_break, ctrl_c, ctrl_close};

/// As the system knows them.
const FILE_FLAG_OPEN_REPARSE_POINT: u32 = 0x0020_0000;
/// Mode of every file: its owner's.
const OWNERS: u32 = 0o600;

/// Opens or makes a file for reading and writing; a link there is opened itself, and never written through.
pub fn open_draft(path: &Path) -> io::Result<File> {
    let file = private().custom_flags(FILE_FLAG_OPEN_REPARSE_POINT).open(path)?;
    match file.metadata()?.is_symlink() {
        true => Err(io::Error::new(ErrorKind::InvalidInput, "a link lies where a draft goes")),
        false => Ok(file),
    }
}

/// Opens or makes a file for reading and writing.
pub fn open_private(path: &Path) -> io::Result<File> {
    private().open(path)
}

fn private() -> OpenOptions {
    let mut options = OpenOptions::new();
    options.read(true).write(true).create(true).truncate(false);
    options
}

/// Nothing: its folder decides.
pub fn set_mode(_: &File, _: u32) -> io::Result<()> {
    Ok(())
}

/// The owner's alone, as far as modes say.
pub fn mode(path: &Path) -> io::Result<u32> {
    fs::metadata(path).map(|_| OWNERS)
}

/// Nothing: its folder decides.
pub fn close_to_others(_: &Path) -> io::Result<()> {
    Ok(())
}

/// Makes a folder, with the rights of the one around it.
pub fn make_private_folder(path: &Path) -> io::Result<()> {
    fs::create_dir(path)
}

/// Gives a file a new name unless something has it.
pub fn rename_new(from: &Path, to: &Path) -> io::Result<()> {
    fs::hard_link(from, to)?;
    fs::remove_file(from)
}

/// Is this open file the one that has this name now? Two files that were made at one moment, with one length, are taken for one:
/// what tells them apart is not to be had from the standard library.
pub fn is_at(file: &File, path: &Path) -> io::Result<bool> {
    let own = file.metadata()?;
    match fs::metadata(path) {
        Ok(named) => Ok(named.len() == own.len() && named.created()? == own.created()?),
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(false),
        Err(error) => Err(error),
    }
}

/// Nothing: names are durable with the files.
pub fn sync_folder(_: &Path) -> io::Result<()> {
    Ok(())
}

/// Writes at a place of a file.
pub fn write_all_at(file: &File, mut bytes: &[u8], mut offset: u64) -> io::Result<()> {
    while !bytes.is_empty() {
        match file.seek_write(bytes, offset) {
            Ok(0) => return Err(ErrorKind::WriteZero.into()),
            Ok(written) => {
                bytes = &bytes[written..];
                offset += written as u64;
            }
            Err(error) if error.kind() == ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    Ok(())
}

/// A path as bytes, whatever is in it: two for each of its units.
pub fn path_to_bytes(path: &Path) -> Vec<u8> {
    path.as_os_str().encode_wide().flat_map(u16::to_le_bytes).collect()
}

/// The path that these bytes were.
pub fn path_from_bytes(bytes: Vec<u8>) -> PathBuf {
    let units: Vec<_> = bytes.chunks_exact(2).map(|pair| u16::from_le_bytes([pair[0], pair[1]])).collect();
    OsString::from_wide(&units).into()
}

/// Nothing: a crash leaves no memory behind unless the system is asked for it.
pub fn forbid_core_dump() -> io::Result<()> {
    Ok(())
}

/// Waits for what ends a program: Ctrl-C, Ctrl-Break, the end of its console.
#[derive(Debug)]
pub struct Signals {
    interrupt: CtrlC,
    terminate: CtrlBreak,
    hang_up: CtrlClose,
}

impl Signals {
    /// From now on these no longer end the process by themselves. Needs a tokio runtime.
    pub fn listen() -> io::Result<Self> {
        Ok(Self { interrupt: ctrl_c()?, terminate: ctrl_break()?, hang_up: ctrl_close()? })
    }

    /// The next one. Cancel safe.
    pub async fn next(&mut self) -> Told {
        tokio::select! {
            _ = self.interrupt.recv() => Told::Interrupt,
            _ = self.terminate.recv() => Told::Terminate,
            _ = self.hang_up.recv() => Told::HangUp,
        }
    }
}
