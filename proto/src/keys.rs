//! Keys, addresses and signatures.
//!
//! Owns: [`Address`] (an ed25519 public key and its text), [`Signature`], [`Signer`], single and batch verification.
//! Always true: verification follows ZIP-215, and a batch accepts exactly what single verification accepts (SPEC
//! SIG-1). ed25519-dalek signs, ed25519-zebra verifies. dalek's own batch verification is never used, because it
//! accepts what its single verification refuses, and that would split the chain.
//! Start reading at [`verify_batch`].

use crate::fixed_bytes;
use crate::hash::{Hash32, Hasher};
use bech32::primitives::decode::CheckedHrpstring;
use bech32::{Bech32m, Hrp};
use ed25519_dalek::Signer as _;
use ed25519_dalek::SigningKey;
use ed25519_zebra::{VerificationKey, VerificationKeyBytes, batch};
use rand_chacha::ChaCha20Rng;
use rand_chacha::rand_core::SeedableRng;
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use std::cmp::Ordering;
use std::fmt;
use std::str::FromStr;

/// The human-readable part of an address: `bcc1...`.
const HRP: Hrp = Hrp::parse_unchecked("bcc");

/// An account: its ed25519 public key. As text: bech32m with the prefix `bcc`, so a typo is detected. SPEC KEY-1,
/// KEY-2.
///
/// Any 32 bytes are an address; only a valid signature shows that a key for it exists.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct Address(pub [u8; 32]);

impl Ord for Address {
    fn cmp(&self, other: &Self) -> Ordering {
        fixed_bytes::compare(&self.0, &other.0)
    }
}

impl PartialOrd for Address {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Address {
    /// `bcc1qxy2k…9f4z`: for tables and logs, not for input.
    pub fn short(&self) -> String {
        let text = self.to_string();
        format!("{}…{}", &text[..10], &text[text.len() - 4..])
    }
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let text = bech32::encode::<Bech32m>(HRP, &self.0).map_err(|_| fmt::Error)?;
        f.pad(&text)
    }
}

impl fmt::Debug for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.short())
    }
}

/// Why a text is not an address.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum AddressRejected {
    /// Not bech32m, or the checksum does not match: usually a typo.
    #[error("not an address, or mistyped: the checksum of bcc1... does not match")]
    Checksum,
    /// Wrong prefix.
    #[error("an address begins with bcc1")]
    Prefix,
    /// Wrong length.
    #[error("an address has 32 bytes, this one has {found_bytes}")]
    Length {
        /// Its length.
        found_bytes: usize,
    },
    /// The padding bits are not 0: no program writes such an address.
    #[error("not an address: its padding bits are not 0")]
    Padding,
}

impl FromStr for Address {
    type Err = AddressRejected;
    fn from_str(text: &str) -> Result<Self, AddressRejected> {
        let checked = CheckedHrpstring::new::<Bech32m>(text).map_err(|_| AddressRejected::Checksum)?;
        if checked.hrp() != HRP {
            return Err(AddressRejected::Prefix);
        }
        let bytes: Vec<u8> = checked.byte_iter().collect();
        let found_bytes = bytes.len();
        let address = bytes.try_into().map(Self).map_err(|_| AddressRejected::Length { found_bytes })?;
        // The four padding bits could differ, but one account has only one text.
        if text.eq_ignore_ascii_case(&address.to_string()) { Ok(address) } else { Err(AddressRejected::Padding) }
    }
}

impl Serialize for Address {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        fixed_bytes::serialize(&self.0, self, serializer)
    }
}

impl<'de> Deserialize<'de> for Address {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        fixed_bytes::deserialize(Self, deserializer)
    }
}

/// An ed25519 signature, not verified yet. In JSON: 128 hex digits.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Signature(pub [u8; 64]);

impl fmt::Display for Signature {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&hex::encode(self.0))
    }
}

impl fmt::Debug for Signature {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&hex::encode(&self.0[..4]))
    }
}

/// The text is not 128 hex digits.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("a signature is 128 hex digits")]
pub struct NotASignature;

impl FromStr for Signature {
    type Err = NotASignature;
    fn from_str(text: &str) -> Result<Self, NotASignature> {
        let mut bytes = [0; 64];
        hex::decode_to_slice(text, &mut bytes).map_err(|_| NotASignature)?;
        Ok(Self(bytes))
    }
}

impl Serialize for Signature {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        fixed_bytes::serialize(&self.0, self, serializer)
    }
}

impl<'de> Deserialize<'de> for Signature {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        fixed_bytes::deserialize(Self, deserializer)
    }
}

/// The signed message: the labelled hash of the chain and the canonical bytes. SPEC SIG-2.
///
/// `chain` is the whole genesis hash, so a signature for one chain is invalid on another.
pub fn sign_hash(label: &str, chain: Hash32, canonical: &[u8]) -> Hash32 {
    Hasher::new(label).part(&chain.0).part(canonical).finish()
}

/// A secret key that signs. Prints as `[secret]`; wiped from memory when dropped.
#[derive(Clone)]
pub struct Signer {
    key: SigningKey,
    address: Address,
}

impl Signer {
    /// The signer of a 32-byte ed25519 seed.
    pub fn from_seed(seed: &[u8; 32]) -> Self {
        Self::from(SigningKey::from_bytes(seed))
    }

    /// The account this key controls.
    pub fn address(&self) -> Address {
        self.address
    }

    /// Signs a hash made by [`sign_hash`]. Deterministic (RFC 8032): the same bytes always give the same signature.
    pub fn sign(&self, hash: Hash32) -> Signature {
        Signature(self.key.sign(&hash.0).to_bytes())
    }

    /// The key itself, for the key files of `wallet`.
    pub fn signing_key(&self) -> &SigningKey {
        &self.key
    }
}

impl From<SigningKey> for Signer {
    fn from(key: SigningKey) -> Self {
        let address = Address(key.verifying_key().to_bytes());
        Self { key, address }
    }
}

impl fmt::Debug for Signer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Signer {{ address: {:?}, key: [secret] }}", self.address)
    }
}

/// One signature to check.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SignatureCheck {
    /// The signer's public key.
    pub signer: Address,
    /// The signed hash, from [`sign_hash`].
    pub hash: Hash32,
    /// The signature.
    pub signature: Signature,
}

impl SignatureCheck {
    /// Does this one signature verify under ZIP-215? Cost: about 40 us.
    pub fn verify(&self) -> bool {
        let Ok(key) = VerificationKey::try_from(self.signer.0) else {
            return false;
        };
        key.verify(&ed25519_zebra::Signature::from(self.signature.0), &self.hash.0).is_ok()
    }
}

/// Which of these signatures verify, in order? Exactly those for which [`SignatureCheck::verify`] is true. SPEC SIG-1.
///
/// Cost: about 21 us each in batches of 256, half of that if few signers made many; a batch with a wrong one is checked
/// again one by one.
pub fn verify_batch(checks: &[SignatureCheck]) -> Vec<bool> {
    match checks {
        [] => vec![],
        [one] => vec![one.verify()],
        _ if whole_batch_verifies(checks) => vec![true; checks.len()],
        _ => checks.iter().map(SignatureCheck::verify).collect(),
    }
}

/// A generator seeded with everything in the batch makes the coefficients of the batch equation: signatures cannot be
/// chosen after seeing them, and the same batch always gives the same answer.
fn whole_batch_verifies(checks: &[SignatureCheck]) -> bool {
    let mut seed = Hasher::new("blockchat/batch/v1");
    let mut batch = batch::Verifier::new();
    for check in checks {
        seed = seed.part(&check.signer.0).part(&check.hash.0).part(&check.signature.0);
        let key = VerificationKeyBytes::from(check.signer.0);
        batch.queue((key, ed25519_zebra::Signature::from(check.signature.0), &check.hash.0));
    }
    batch.verify(ChaCha20Rng::from_seed(seed.finish().0)).is_ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(seed: u8, text: &[u8]) -> SignatureCheck {
        let signer = Signer::from_seed(&[seed; 32]);
        let hash = sign_hash("test", Hash32::ZERO, text);
        SignatureCheck { signer: signer.address(), hash, signature: signer.sign(hash) }
    }

    #[test]
    fn an_address_survives_its_text_and_a_typo_does_not() {
        let address = Signer::from_seed(&[7; 32]).address();
        let text = address.to_string();
        assert!(text.starts_with("bcc1"));
        assert_eq!(text.parse(), Ok(address));
        let last = text.chars().last().unwrap();
        let typo = format!("{}{}", &text[..text.len() - 1], if last == 'q' { 'p' } else { 'q' });
        assert_eq!(typo.parse::<Address>(), Err(AddressRejected::Checksum));
    }

    #[test]
    fn foreign_prefixes_and_lengths_are_refused() {
        let foreign = bech32::encode::<Bech32m>(Hrp::parse_unchecked("tb"), &[0; 32]).unwrap();
        assert_eq!(foreign.parse::<Address>(), Err(AddressRejected::Prefix));
        let short = bech32::encode::<Bech32m>(HRP, &[0; 31]).unwrap();
        assert_eq!(short.parse::<Address>(), Err(AddressRejected::Length { found_bytes: 31 }));
    }

    #[test]
    fn an_account_has_one_text() {
        use bech32::primitives::iter::{ByteIterExt, Fe32IterExt};
        let address = Address([0x5a; 32]);
        let text = |padding: u8| {
            let mut symbols: Vec<_> = address.0.iter().copied().bytes_to_fes().collect();
            let last = symbols.pop().expect("52 of them");
            symbols.push(bech32::Fe32::try_from(last.to_u8() | padding).expect("5 bits"));
            symbols.into_iter().with_checksum::<Bech32m>(&HRP).chars().collect::<String>()
        };
        assert_eq!(text(0), address.to_string());
        assert_eq!(text(0).to_uppercase().parse(), Ok(address));
        for padding in 1..16 {
            assert_eq!(text(padding).parse::<Address>(), Err(AddressRejected::Padding), "{padding}");
        }
    }

    #[test]
    fn a_batch_names_exactly_the_wrong_ones() {
        let mut checks: Vec<_> = (0..20).map(|i| check(i % 3, &[i])).collect();
        assert_eq!(verify_batch(&checks), vec![true; 20]);
        checks[7].signature.0[3] ^= 1;
        checks[11].hash = Hash32::ZERO;
        let answer = verify_batch(&checks);
        let wrong: Vec<_> = (0..20).filter(|i| !answer[*i]).collect();
        assert_eq!(wrong, [7, 11]);
    }

    #[test]
    fn small_order_keys_get_the_same_answer_alone_and_in_a_batch() {
        // The identity point as key and R with s = 0: accepted by ZIP-215 for every message.
        let mut identity = [0; 32];
        identity[0] = 1;
        let mut signature = [0; 64];
        signature[0] = 1;
        let odd = SignatureCheck { signer: Address(identity), hash: Hash32::ZERO, signature: Signature(signature) };
        let alone = odd.verify();
        assert_eq!(verify_batch(&[check(1, b"x"), odd, check(2, b"y")]), vec![true, alone, true]);
        assert!(alone);
    }

    #[test]
    fn a_signer_never_prints_its_key() {
        assert!(format!("{:?}", Signer::from_seed(&[9; 32])).contains("[secret]"));
    }
}
