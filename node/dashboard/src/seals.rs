//! Sealed messages: opened as they come, where the caller has a key at hand.

use blockchat_client::shapes::MessageView;
use std::fmt;
use std::sync::Arc;

type Open = dyn Fn(&MessageView) -> Result<String, String> + Send + Sync;

/// Opens sealed messages, or says why one stays closed, in a few words.
#[derive(Clone)]
pub struct Seals(Arc<Open>);

impl Seals {
    /// Asked for each sealed message each time it comes; it must not wait.
    pub fn new(open: impl Fn(&MessageView) -> Result<String, String> + Send + Sync + 'static) -> Self {
        Self(Arc::new(open))
    }

    /// The message with its text, if it opens. Plain ones are left as they are.
    pub(crate) fn read(&self, mut view: MessageView) -> Letter {
        let Some(_) = view.seal else { return Letter { view, closed: None } };
        let opened = (self.0)(&view);
        // It is not shown, and a frozen picture keeps what it has.
        view.seal = None;
        match opened {
            Ok(text) => Letter { view: MessageView { text: Some(text), ..view }, closed: None },
            Err(reason) => Letter { view, closed: Some(reason) },
        }
    }
}

impl fmt::Debug for Seals {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Seals")
    }
}

/// A message as far as it can be read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Letter {
    /// With its text if it is plain, or was opened; never with what is sealed.
    pub(crate) view: MessageView,
    /// Why it was not opened.
    pub(crate) closed: Option<String>,
}
