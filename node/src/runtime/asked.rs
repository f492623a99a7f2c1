//! Which block the engine asked a peer for: the answer's hash is compared before anything in it is looked at.
//!
//! Always true: at most [`ASKED_MAX`] questions are remembered, more than the engine ever has under way.

use blockchat_engine::event::SyncId;
use blockchat_proto::hash::Hash32;
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// Questions that the network dropped are never answered, and go with the oldest.
const ASKED_MAX: usize = 64;

/// Shared by the requesting and the answering side. Cheap to clone.
#[derive(Clone, Debug, Default)]
pub(super) struct Asked(Arc<Mutex<BTreeMap<SyncId, Hash32>>>);

impl Asked {
    /// The engine asks for this block.
    pub(super) fn note(&self, request: SyncId, block: Hash32) {
        let mut asked = self.lock();
        if asked.len() >= ASKED_MAX {
            asked.pop_first();
        }
        asked.insert(request, block);
    }

    /// Requests, each counted once.
    pub(super) fn take(&self, request: SyncId) -> Option<Hash32> {
        self.lock().remove(&request)
    }

    fn lock(&self) -> MutexGuard<'_, BTreeMap<SyncId, Hash32>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
