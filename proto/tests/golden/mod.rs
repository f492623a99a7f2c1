//! The parts of `golden_bytes`: fixed values with their pinned bytes, seeded random values, and damaged encodings.

pub(crate) mod cbor;
pub(crate) mod pinned;
pub(crate) mod random;
pub(crate) mod samples;

use serde::Serialize;
use serde::de::DeserializeOwned;
use std::fmt::Debug;

/// The operations of every wire type.
pub(crate) trait Wire: Serialize + DeserializeOwned + PartialEq + Debug {}
impl<T: Serialize + DeserializeOwned + PartialEq + Debug> Wire for T {}
