//! Turns what the database reports, or panics about, into [`StoreError`].
//!
//! Always true: damage inside the database file comes out as an error that names the place, even where the database
//! itself gives up with a panic over a page that makes no sense.

use super::error::StoreError;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;

/// Names `file` in an error of the database.
pub(super) fn database<E: Into<redb::Error>>(file: &Path, action: &'static str) -> impl FnOnce(E) -> StoreError {
    move |error| match error.into() {
        redb::Error::Io(source) => StoreError::Io { file: file.to_path_buf(), action, source },
        redb::Error::DatabaseAlreadyOpen => StoreError::InUse { file: file.to_path_buf() },
        other => StoreError::damaged(file, "the database's own pages", other),
    }
}

/// Runs a piece of work on the database; a panic inside is damage at `place`.
pub(super) fn contained<T>(
    file: &Path,
    place: &str,
    work: impl FnOnce() -> Result<T, StoreError>,
) -> Result<T, StoreError> {
    catch_unwind(AssertUnwindSafe(work)).unwrap_or_else(|panic| {
        let said = panic.downcast_ref::<String>().cloned();
        let said = said.or_else(|| panic.downcast_ref::<&str>().map(ToString::to_string));
        Err(StoreError::damaged(file, place, said.unwrap_or_else(|| "a page makes no sense".into())))
    })
}
