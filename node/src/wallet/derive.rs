//! Keys and numbers that only the holder of a secret key can make: one rule for all of them. SPEC TX-4.
//!
//! Always true: what is derived under one label says nothing about what is derived under another.

use blockchat_proto::keys::Signer;
use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;
use zeroize::Zeroizing;

/// HMAC-SHA256 under the secret key, over u8(length of the label), the label, and the parts.
///
/// Panics if the label is longer than 255 bytes: labels are constants.
pub(super) fn mac(signer: &Signer, label: &str, parts: &[&[u8]]) -> Zeroizing<[u8; 32]> {
    let mut mac = Hmac::<Sha256>::new_from_slice(signer.signing_key().as_bytes()).expect("any length is a key");
    let length = u8::try_from(label.len()).expect("a short label");
    mac.update(&[length]);
    mac.update(label.as_bytes());
    parts.iter().for_each(|part| mac.update(part));
    Zeroizing::new(mac.finalize().into_bytes().into())
}
