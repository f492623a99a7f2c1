//! Canonical bytes: the only module that uses the CBOR library. SPEC CODEC-1 to CODEC-5.
//!
//! Always true: every value has exactly one accepted encoding. `serde_cbor` alone is malleable (non-minimal integers,
//! indefinite lengths, reordered fields), so the decoded value is encoded again and compared.
//! Start reading at [`decode`].

use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_cbor::ser::{IoWrite, Serializer};
use std::io;

/// Room for the most frequent value, a signed transaction without much text; larger ones grow.
const FIRST_BYTES: usize = 288;

/// Why bytes were refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum DecodeRejected {
    /// SPEC CODEC-2: the length is checked before decoding.
    #[error("{found_bytes} bytes, the limit is {limit_bytes}")]
    TooLong {
        /// Length of the input.
        found_bytes: usize,
        /// The maximum for this type.
        limit_bytes: usize,
    },
    /// SPEC CODEC-1.
    #[error("not a valid encoding: {reason}")]
    Malformed {
        /// The decoder's error, for people.
        reason: String,
    },
    /// SPEC CODEC-3: decodes, but is not the canonical encoding of its value.
    #[error("not the canonical encoding of its value")]
    NotCanonical,
}

/// The canonical bytes of a value: CBOR with packed (field-index) structs, minimal integers, definite lengths.
///
/// Wire types contain no floats and no maps with free keys, so encoding cannot fail.
/// Cost: about 0.15 us for a transaction.
pub fn encode<T: Serialize>(value: &T) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(FIRST_BYTES);
    write(value, &mut bytes).expect("wire types always encode: no floats, no foreign maps, memory only");
    bytes
}

fn write<T: Serialize>(value: &T, out: impl io::Write) -> Result<(), serde_cbor::Error> {
    value.serialize(&mut Serializer::new(IoWrite::new(out)).packed_format())
}

/// The value of canonical `bytes`, at most `limit_bytes` long.
///
/// Errors: too long, malformed (including trailing bytes and unknown fields), or not canonical.
/// Cost: one decode and one encode; never allocates more than a small multiple of the length.
pub fn decode<T: Serialize + DeserializeOwned>(bytes: &[u8], limit_bytes: usize) -> Result<T, DecodeRejected> {
    if bytes.len() > limit_bytes {
        return Err(DecodeRejected::TooLong { found_bytes: bytes.len(), limit_bytes });
    }
    let value: T =
        serde_cbor::from_slice(bytes).map_err(|error| DecodeRejected::Malformed { reason: error.to_string() })?;
    let mut expected = Expected(bytes);
    match write(&value, &mut expected) {
        Ok(()) if expected.0.is_empty() => Ok(value),
        _ => Err(DecodeRejected::NotCanonical),
    }
}

/// Accepts exactly these bytes, so that a megabyte is compared while it is encoded and never stored.
struct Expected<'a>(&'a [u8]);

impl io::Write for Expected<'_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0 = self.0.strip_prefix(bytes).ok_or(io::ErrorKind::InvalidData)?;
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_longer_encoding_of_the_same_number_is_refused() {
        assert_eq!(decode::<u64>(&[5], 16), Ok(5));
        assert_eq!(decode::<u64>(&[0x18, 5], 16), Err(DecodeRejected::NotCanonical));
    }

    #[test]
    fn a_value_that_encodes_to_less_or_more_than_what_came_is_refused() {
        // Two elements with the length written in two bytes; then the same in one byte.
        assert_eq!(decode::<Vec<u8>>(&[0x98, 2, 1, 2], 16), Err(DecodeRejected::NotCanonical));
        assert_eq!(decode::<Vec<u8>>(&[0x82, 1, 2], 16), Ok(vec![1, 2]));
    }

    #[test]
    fn trailing_bytes_are_refused() {
        assert!(matches!(decode::<u64>(&[5, 5], 16), Err(DecodeRejected::Malformed { .. })));
    }

    #[test]
    fn the_length_is_checked_first() {
        let refused = decode::<u64>(&[0xff; 20], 16);
        assert_eq!(refused, Err(DecodeRejected::TooLong { found_bytes: 20, limit_bytes: 16 }));
    }

    #[test]
    fn a_huge_length_claim_fails_without_allocating() {
        // An array of 2^62 items, then nothing.
        let bytes = [0x9b, 0x40, 0, 0, 0, 0, 0, 0, 0];
        assert!(matches!(decode::<Vec<u64>>(&bytes, 16), Err(DecodeRejected::Malformed { .. })));
    }
}
