//! The database behind a fence: what it reports, or panics about, becomes a [`StoreError`].
//!
//! Always true: damage inside the file comes out as an error that names the place, even where the database itself gives up
//! with a panic over a page that makes no sense, closing included.

use super::error::StoreError;
use redb::{Database, DatabaseError, ReadTransaction, ReadableDatabase, StorageError, WriteTransaction};
use std::cell::Cell;
use std::io::ErrorKind;
use std::panic::{AssertUnwindSafe, catch_unwind, set_hook, take_hook};
use std::path::Path;
use std::sync::{Arc, Once};

/// The open database. Cheap to clone; closed with the last one.
#[derive(Clone)]
pub(super) struct Fenced {
    open: Arc<Closing>,
    file: Arc<Path>,
}

/// Closes the database; a panic in there ends there.
struct Closing(Option<Database>);

impl Drop for Closing {
    fn drop(&mut self) {
        let open = self.0.take();
        if let Err(said) = quietly(move || drop(open)) {
            tracing::error!(said, "the store could not be closed: it is damaged");
        }
    }
}

impl Fenced {
    pub(super) fn new(open: Database, file: &Path) -> Self {
        Self { open: Arc::new(Closing(Some(open))), file: file.into() }
    }

    pub(super) fn file(&self) -> &Path {
        &self.file
    }

    /// A consistent look.
    pub(super) fn begin_read(&self) -> Result<ReadTransaction, StoreError> {
        self.database()?.begin_read().map_err(fault(&self.file, "read"))
    }

    /// A change: durable when it returns, and the file opens at once after a crash.
    pub(super) fn begin_write(&self) -> Result<WriteTransaction, StoreError> {
        let mut transaction = self.database()?.begin_write().map_err(fault(&self.file, "write"))?;
        transaction.set_quick_repair(true);
        Ok(transaction)
    }

    /// Runs a piece of work on the database; a panic inside is damage at `place`.
    pub(super) fn contain<T>(
        &self,
        place: &str,
        work: impl FnOnce() -> Result<T, StoreError>,
    ) -> Result<T, StoreError> {
        contain(&self.file, place, work)
    }

    fn database(&self) -> Result<&Database, StoreError> {
        self.open.0.as_ref().ok_or_else(|| StoreError::Broken { file: self.file.to_path_buf() })
    }
}

/// Opens a file with a database in it.
pub(super) fn open_file(file: &Path, cache_bytes: usize) -> Result<Fenced, StoreError> {
    contain(file, "its header", || {
        let open = redb::Builder::new().set_cache_size(cache_bytes).open(file);
        let open = open.map_err(|error: DatabaseError| fault(file, "open")(error))?;
        Ok(Fenced::new(open, file))
    })
}

/// Names `file` in an error of the database.
pub(super) fn fault<E: Into<redb::Error>>(file: &Path, action: &'static str) -> impl FnOnce(E) -> StoreError {
    move |error| match error.into() {
        redb::Error::Io(source) if matches!(source.kind(), ErrorKind::UnexpectedEof | ErrorKind::InvalidData) => {
            StoreError::damaged(file, "its end", format!("it is cut off ({source})"))
        }
        redb::Error::Io(source) => StoreError::Io { file: file.to_path_buf(), action, source },
        redb::Error::DatabaseAlreadyOpen => StoreError::InUse { file: file.to_path_buf() },
        other => StoreError::damaged(file, "the database's own pages", other),
    }
}

/// The same for reading, where the type of the error is always this one.
pub(super) fn read_fault(file: &Path) -> impl FnOnce(StorageError) -> StoreError {
    fault(file, "read")
}

fn contain<T>(file: &Path, place: &str, work: impl FnOnce() -> Result<T, StoreError>) -> Result<T, StoreError> {
    quietly(work).unwrap_or_else(|said| {
        Err(StoreError::damaged(file, place, format!("a page makes no sense to the database ({said})")))
    })
}

thread_local! {
    /// Is a panic on this thread caught and reported as damage?
    static CONTAINED: Cell<bool> = const { Cell::new(false) };
}

/// Runs `work`; a panic in it is returned as its text, and not printed: a stack trace of the database is no use to an
/// operator whose disk is failing.
fn quietly<T>(work: impl FnOnce() -> T) -> Result<T, String> {
    static HOOK: Once = Once::new();
    HOOK.call_once(|| {
        let print = take_hook();
        set_hook(Box::new(move |panic| {
            if !CONTAINED.get() {
                print(panic);
            }
        }));
    });
    let outer = CONTAINED.replace(true);
    let done = catch_unwind(AssertUnwindSafe(work));
    CONTAINED.set(outer);
    done.map_err(|panic| {
        let said = panic.downcast_ref::<String>().cloned();
        said.or_else(|| panic.downcast_ref::<&str>().map(ToString::to_string)).unwrap_or_default()
    })
}
