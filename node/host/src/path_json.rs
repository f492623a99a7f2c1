//! Paths in JSON: a path is bytes, a JSON text is not.
//!
//! [`shown`] is for people and scripts that read a result; [`exact`] for a file that this program reads back.

use serde::Serializer;
use std::path::Path;

/// `#[serde(serialize_with = "path_json::shown")]`: what is no UTF-8 in it becomes U+FFFD.
pub fn shown<S: Serializer>(path: impl AsRef<Path>, to: S) -> Result<S::Ok, S::Error> {
    to.collect_str(&path.as_ref().display())
}

/// The same for a path that may be missing: `null` then.
pub fn shown_option<S: Serializer>(path: &Option<impl AsRef<Path>>, to: S) -> Result<S::Ok, S::Error> {
    match path {
        Some(path) => shown(path, to),
        None => to.serialize_none(),
    }
}

/// `#[serde(with = "path_json::exact")]`: a text, or the list of its bytes if it is no UTF-8.
pub mod exact {
    use crate::platform::{path_from_bytes, path_to_bytes};
    use serde::{Deserialize, Deserializer, Serializer};
    use std::path::{Path, PathBuf};

    #[derive(Deserialize)]
    #[serde(untagged)]
    enum Form {
        Text(PathBuf),
        Bytes(Vec<u8>),
    }

    /// See the module.
    pub fn serialize<S: Serializer>(path: &Path, to: S) -> Result<S::Ok, S::Error> {
        match path.to_str() {
            Some(text) => to.serialize_str(text),
            None => to.collect_seq(path_to_bytes(path)),
        }
    }

    /// See the module.
    pub fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<PathBuf, D::Error> {
        Ok(match Form::deserialize(from)? {
            Form::Text(path) => path,
            Form::Bytes(bytes) => path_from_bytes(bytes),
        })
    }
}

#[cfg(test)]
mod tests {
    use serde::{Deserialize, Serialize};
    use std::ffi::OsStr;
    use std::os::unix::ffi::OsStrExt;
    use std::path::{Path, PathBuf};

    #[derive(Debug, PartialEq, Serialize, Deserialize)]
    struct Kept(#[serde(with = "super::exact")] PathBuf);

    #[derive(Serialize)]
    struct Told(
        #[serde(serialize_with = "super::shown")] PathBuf,
        #[serde(serialize_with = "super::shown_option")] Option<PathBuf>,
    );

    #[test]
    fn a_path_that_is_no_utf_8_is_told_and_survives_a_file() {
        let odd = Path::new(OsStr::from_bytes(b"/h\xff/x")).to_owned();
        for path in [odd.clone(), "/plain".into()] {
            let text = serde_json::to_string(&Kept(path.clone())).unwrap();
            assert_eq!(serde_json::from_str::<Kept>(&text).unwrap(), Kept(path));
        }
        assert_eq!(
            serde_json::to_string(&Told(odd.clone(), Some(odd))).unwrap(),
            "[\"/h\u{fffd}/x\",\"/h\u{fffd}/x\"]"
        );
        assert_eq!(serde_json::to_string(&Told("a".into(), None)).unwrap(), "[\"a\",null]");
    }
}
