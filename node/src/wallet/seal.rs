//! Sealed messages: only sender and recipient can read them. SPEC TX-4.
//!
//! Owns: which keys, what is bound in. Does not own: the encryption itself (HPKE, RFC 9180, in crate `hpke`).
//! Always true: two texts never share a one-time key, not even under one nonce; the sender reads its own messages again from
//! its key alone, on any machine. Nothing here is random.
//! Start reading at [`seal`] and [`open`].

use super::derive;
use blockchat_proto::hash::Hash32;
use blockchat_proto::keys::{Address, Signer};
use blockchat_proto::limits::SEAL_TAG_BYTES;
use blockchat_proto::transaction::{SealSalt, Sealed};
use ed25519_dalek::VerifyingKey;
use hpke::aead::{AeadCtxS, AesGcm256};
use hpke::kdf::HkdfSha256;
use hpke::kem::X25519HkdfSha256;
use hpke::rand_core::{TryCryptoRng, TryRng};
use hpke::{Deserializable, Kem, OpModeR, OpModeS, Serializable, setup_receiver, setup_sender_with_rng};
use std::convert::Infallible;
use zeroize::Zeroizing;

/// The version of seals that is made and opened here. SPEC TX-4.
pub const SEAL_VERSION: u8 = 1;

type PublicKey = <X25519HkdfSha256 as Kem>::PublicKey;
type Encapsulated = <X25519HkdfSha256 as Kem>::EncappedKey;
type Sealing = AeadCtxS<AesGcm256, HkdfSha256, X25519HkdfSha256>;

/// The context of a seal: it opens nowhere else.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Place {
    /// Genesis hash.
    pub chain: Hash32,
    /// The signer of the transaction.
    pub sender: Address,
    /// The recipient, which can open it.
    pub recipient: Address,
    /// Of the transaction.
    pub nonce: u64,
}

/// Why a message is not sealed, or does not open.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SealError {
    /// No key can be behind these bytes.
    #[error("nobody can open a message to {recipient}: its address is no point of the curve")]
    NoKey {
        /// To whom.
        recipient: Address,
    },
    /// Of a version that this program does not know.
    #[error("sealed with version {found}; this program knows version {SEAL_VERSION}: update it")]
    Version {
        /// The version.
        found: u8,
    },
    /// Another key, another place, or damaged.
    #[error("this key does not open the message")]
    Closed,
}

/// Seals a text, which is not empty and at most 1,024 bytes: the caller has seen to that. `signer` is the sender.
pub fn seal(signer: &Signer, place: &Place, text: &str) -> Result<Sealed, SealError> {
    let whole = mac(signer, "blockchat/seal/salt/v1", place, text.as_bytes());
    let salt = SealSalt(*whole.first_chunk().expect("32 bytes have 16"));
    let (ephemeral, mut sealing) = sender_side(signer, place, salt)?;
    let ciphertext = sealing.seal(text.as_bytes(), &bound(place, salt)).map_err(|_| SealError::Closed)?;
    Ok(Sealed { version: SEAL_VERSION, ephemeral, salt, ciphertext })
}

/// Opens a message with the key of its recipient, or of its sender.
pub fn open(signer: &Signer, place: &Place, sealed: &Sealed) -> Result<String, SealError> {
    if sealed.version != SEAL_VERSION {
        return Err(SealError::Version { found: sealed.version });
    }
    let plain = if signer.address() == place.recipient {
        open_received(signer, place, sealed)?
    } else {
        open_sent(signer, place, sealed)?
    };
    String::from_utf8(plain).map_err(|_| SealError::Closed)
}

fn open_received(signer: &Signer, place: &Place, sealed: &Sealed) -> Result<Vec<u8>, SealError> {
    let closed = |_| SealError::Closed;
    let secret = Zeroizing::new(signer.signing_key().to_scalar_bytes());
    let secret = <X25519HkdfSha256 as Kem>::PrivateKey::from_bytes(&*secret).map_err(closed)?;
    let ephemeral = Encapsulated::from_bytes(&sealed.ephemeral.0).map_err(closed)?;
    let opening =
        setup_receiver::<AesGcm256, HkdfSha256, X25519HkdfSha256>(&OpModeR::Base, &secret, &ephemeral, &info(place));
    opening.map_err(closed)?.open(&sealed.ciphertext, &bound(place, sealed.salt)).map_err(closed)
}

/// The sender finds its one-time key again. AES-GCM adds a key stream: sealing the ciphertext gives the text back; and the
/// text is right if sealing it gives the same ciphertext, tag included.
fn open_sent(signer: &Signer, place: &Place, sealed: &Sealed) -> Result<Vec<u8>, SealError> {
    let closed = |_| SealError::Closed;
    let bound = bound(place, sealed.salt);
    let length = sealed.ciphertext.len().checked_sub(SEAL_TAG_BYTES).ok_or(SealError::Closed)?;
    let (ephemeral, mut sealing) = sender_side(signer, place, sealed.salt)?;
    let mut plain = sealing.seal(&sealed.ciphertext[..length], &bound).map_err(closed)?;
    plain.truncate(length);
    let (_, mut again) = sender_side(signer, place, sealed.salt)?;
    let same = again.seal(&plain, &bound).map_err(closed)? == sealed.ciphertext;
    if same && ephemeral == sealed.ephemeral { Ok(plain) } else { Err(SealError::Closed) }
}

/// The one-time public key, and what seals with it.
fn sender_side(signer: &Signer, place: &Place, salt: SealSalt) -> Result<(Hash32, Sealing), SealError> {
    let no_key = SealError::NoKey { recipient: place.recipient };
    let point = VerifyingKey::from_bytes(&place.recipient.0).map_err(|_| no_key)?;
    let recipient = PublicKey::from_bytes(&point.to_montgomery().to_bytes()).map_err(|_| no_key)?;
    let mut material = Material(Some(mac(signer, "blockchat/seal/key/v1", place, &salt.0)));
    let (ephemeral, sealing): (Encapsulated, Sealing) =
        setup_sender_with_rng(&OpModeS::Base, &recipient, &info(place), &mut material).map_err(|_| no_key)?;
    let ephemeral: [u8; 32] = ephemeral.to_bytes().into();
    Ok((Hash32(ephemeral), sealing))
}

/// Bound to the place.
fn mac(signer: &Signer, label: &str, place: &Place, rest: &[u8]) -> Zeroizing<[u8; 32]> {
    derive::mac(signer, label, &[&place.chain.0, &place.recipient.0, &place.nonce.to_be_bytes(), rest])
}

fn info(place: &Place) -> Vec<u8> {
    [b"blockchat/seal/v1", &place.chain.0[..], &place.sender.0, &place.recipient.0].concat()
}

/// Associated data.
fn bound(place: &Place, salt: SealSalt) -> Vec<u8> {
    [&place.nonce.to_be_bytes()[..], &salt.0].concat()
}

/// The input from which the one-time key pair is derived, where HPKE uses randomness: 32 bytes, used once.
struct Material(Option<Zeroizing<[u8; 32]>>);

impl TryRng for Material {
    type Error = Infallible;

    fn try_next_u32(&mut self) -> Result<u32, Infallible> {
        unreachable!("a key pair is derived from bytes")
    }

    fn try_next_u64(&mut self) -> Result<u64, Infallible> {
        unreachable!("a key pair is derived from bytes")
    }

    fn try_fill_bytes(&mut self, wanted: &mut [u8]) -> Result<(), Infallible> {
        let material = self.0.take().expect("one key pair is derived");
        wanted.copy_from_slice(&*material);
        Ok(())
    }
}

impl TryCryptoRng for Material {}

#[cfg(test)]
mod tests {
    use super::*;

    fn signer(person: u8) -> Signer {
        Signer::from_seed(&[person; 32])
    }

    /// From Alice to Bob.
    fn place() -> Place {
        let (sender, recipient) = (signer(1).address(), signer(2).address());
        Place { chain: Hash32([7; 32]), sender, recipient, nonce: 5 }
    }

    /// SPEC TX-4: an independent program opens these very bytes.
    #[test]
    fn the_seal_of_the_page_is_made_again_byte_for_byte() {
        let sealed = seal(&signer(1), &place(), "Hello Bob").unwrap();
        let shown = [&sealed.ephemeral.0[..], &sealed.salt.0, &sealed.ciphertext].map(hex::encode);
        assert_eq!(shown, VECTOR);
    }

    #[test]
    fn recipient_and_sender_open_it_and_nobody_else() {
        for text in ["x", "Grüße 🌙", &"long ".repeat(204)] {
            let sealed = seal(&signer(1), &place(), text).unwrap();
            assert_eq!(open(&signer(2), &place(), &sealed).as_deref(), Ok(text));
            assert_eq!(open(&signer(1), &place(), &sealed).as_deref(), Ok(text));
            assert_eq!(open(&signer(3), &place(), &sealed), Err(SealError::Closed));
        }
    }

    #[test]
    fn it_opens_nowhere_else_and_not_when_damaged() {
        let sealed = seal(&signer(1), &place(), "Hello Bob").unwrap();
        let elsewhere = [
            Place { chain: Hash32([8; 32]), ..place() },
            Place { nonce: 6, ..place() },
            Place { sender: signer(3).address(), ..place() },
        ];
        for place in elsewhere {
            assert_eq!(open(&signer(2), &place, &sealed), Err(SealError::Closed), "{place:?}");
        }
        for damage in 0..4 {
            let mut sealed = sealed.clone();
            match damage {
                0 => sealed.ephemeral.0[3] ^= 1,
                1 => sealed.salt.0[3] ^= 1,
                2 => sealed.ciphertext[0] ^= 1,
                _ => sealed.ciphertext.truncate(20),
            }
            for reader in [1, 2] {
                assert_eq!(open(&signer(reader), &place(), &sealed), Err(SealError::Closed), "{damage} {reader}");
            }
        }
        let newer = Sealed { version: 2, ..sealed };
        assert_eq!(open(&signer(2), &place(), &newer), Err(SealError::Version { found: 2 }));
    }

    #[test]
    fn two_texts_under_one_nonce_share_no_key_and_one_text_is_sealed_the_same_each_time() {
        let [one, again, other] = ["one", "one", "two"].map(|text| seal(&signer(1), &place(), text).unwrap());
        assert_eq!(one, again);
        assert!(one.ephemeral != other.ephemeral && one.salt != other.salt);
    }

    #[test]
    fn nothing_is_sealed_to_an_address_without_a_key() {
        let recipient = Address([2; 32]);
        assert!(VerifyingKey::from_bytes(&recipient.0).is_err(), "these bytes are no point");
        let nobody = Place { recipient, ..place() };
        assert_eq!(seal(&signer(1), &nobody, "x"), Err(SealError::NoKey { recipient }));
        let weak = Address([0; 32]);
        assert!(seal(&signer(1), &Place { recipient: weak, ..place() }, "x").is_err(), "a point of small order");
    }

    const VECTOR: [&str; 3] = [
        "38b78779768e0d59eb1d1e26390fe62b379f77589dcef70688cb71d132a1ae6b",
        "ac5cf338c04f28ebe5acd9b062fe36ef",
        "7e0c132fd8791ba87b6479f867c8ab942df4ac418cd42ee667",
    ];
}
