//! One key on two nodes: a home that was copied, or brought back from a backup while the other still runs.

use super::Misbehaviour;

/// Does nothing wrong by itself; the crime is that there are two of it.
#[derive(Debug)]
pub(super) struct Twin;

impl Misbehaviour for Twin {}
