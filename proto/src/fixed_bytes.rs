//! Byte arrays of fixed length: byte strings in canonical bytes, text in JSON; and their ordering.

use serde::de::{Error, Visitor};
use serde::{Deserializer, Serializer};
use std::cmp::Ordering;
use std::fmt;
use std::marker::PhantomData;
use std::str::FromStr;

/// Byte by byte, like arrays; nearly always the first eight bytes decide, in one step.
#[inline]
pub(crate) fn compare(left: &[u8; 32], right: &[u8; 32]) -> Ordering {
    let first = |bytes: &[u8; 32]| bytes.first_chunk().copied().map(u64::from_be_bytes);
    first(left).cmp(&first(right)).then_with(|| left.cmp(right))
}

/// Writes `bytes` to binary formats and `text` to human-readable ones.
pub(crate) fn serialize<S: Serializer>(
    bytes: &[u8],
    text: &impl fmt::Display,
    serializer: S,
) -> Result<S::Ok, S::Error> {
    if serializer.is_human_readable() { serializer.collect_str(text) } else { serializer.serialize_bytes(bytes) }
}

/// Reads what [`serialize`] wrote; exactly `N` bytes, or text that parses as `T`.
pub(crate) fn deserialize<'de, const N: usize, T, D>(wrap: fn([u8; N]) -> T, deserializer: D) -> Result<T, D::Error>
where
    T: FromStr<Err: fmt::Display>,
    D: Deserializer<'de>,
{
    let visitor = FixedBytes { wrap, marker: PhantomData };
    if deserializer.is_human_readable() {
        deserializer.deserialize_str(visitor)
    } else {
        deserializer.deserialize_bytes(visitor)
    }
}

struct FixedBytes<const N: usize, T> {
    wrap: fn([u8; N]) -> T,
    marker: PhantomData<T>,
}

impl<const N: usize, T: FromStr<Err: fmt::Display>> Visitor<'_> for FixedBytes<N, T> {
    type Value = T;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{N} bytes")
    }

    fn visit_bytes<E: Error>(self, bytes: &[u8]) -> Result<T, E> {
        let array = bytes.try_into().map_err(|_| E::invalid_length(bytes.len(), &self))?;
        Ok((self.wrap)(array))
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<T, E> {
        text.parse().map_err(E::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_order_is_that_of_the_arrays_wherever_they_differ() {
        let base = [0x80; 32];
        for place in 0..32 {
            for byte in [0x00, 0x7f, 0x80, 0x81, 0xff] {
                let mut other = base;
                other[place] = byte;
                other[31 - place] ^= 1;
                assert_eq!(compare(&base, &other), base.cmp(&other));
                assert_eq!(compare(&other, &base), other.cmp(&base));
            }
        }
        assert_eq!(compare(&base, &base), Ordering::Equal);
    }
}
