//! Embeds a digest of the sources of `proto` and `engine`: two programs with the same digest follow the same rules.

use sha2::{Digest, Sha256};
use std::path::{Path, PathBuf};
use std::{env, fs, io};

fn main() -> io::Result<()> {
    let here = PathBuf::from(env::var_os("CARGO_MANIFEST_DIR").expect("set by cargo"));
    let mut digest = Sha256::new();
    for folder in ["../../proto/src", "src"] {
        println!("cargo::rerun-if-changed={folder}");
        add_folder(&mut digest, &here.join(folder))?;
    }
    println!("cargo::rustc-env=BLOCKCHAT_SOURCES={}", hex::encode(&digest.finalize()[..16]));
    Ok(())
}

/// Adds every file below `folder`, in name order, with its name and length.
fn add_folder(digest: &mut Sha256, folder: &Path) -> io::Result<()> {
    let mut entries: Vec<_> = fs::read_dir(folder)?.collect::<Result<_, _>>()?;
    entries.sort_by_key(fs::DirEntry::file_name);
    for entry in entries {
        let path = entry.path();
        if entry.file_type()?.is_dir() {
            add_folder(digest, &path)?;
        } else {
            let content = fs::read(&path)?;
            digest.update(entry.file_name().as_encoded_bytes());
            digest.update([0]);
            digest.update(content.len().to_be_bytes());
            digest.update(content);
        }
    }
    Ok(())
}
