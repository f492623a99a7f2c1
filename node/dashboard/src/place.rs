//! The nodes to watch: their addresses, and their names for people.

use blockchat_proto::keys::Address;
use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;

/// A node to watch. It keeps its row, whether it runs or not.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Place {
    /// Its name for people; each place has another one.
    pub name: String,
    /// Base address of its API, if it is known where that is.
    pub url: Option<String>,
    /// The account of its validator key, if that is known before it answers.
    pub validator: Option<Address>,
}

/// Says which nodes there are, as often as it is asked: nodes may begin, and listen elsewhere after a restart.
#[derive(Clone)]
pub struct Places(Arc<dyn Fn() -> Vec<Place> + Send + Sync>);

impl Places {
    /// Asked about every second; it may read small files, and must not wait.
    pub fn new(look: impl Fn() -> Vec<Place> + Send + Sync + 'static) -> Self {
        Self(Arc::new(look))
    }

    /// Those there are now.
    pub(crate) fn look(&self) -> Vec<Place> {
        (self.0)()
    }
}

impl fmt::Debug for Places {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Places")
    }
}

/// Names of accounts: contacts, wallets, validators.
pub type Names = BTreeMap<Address, String>;
