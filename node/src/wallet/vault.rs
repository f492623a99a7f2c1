//! Files of a wallet's own data, encrypted with a key derived from the wallet's own: a finder cannot read them, and no
//! second passphrase is needed.
//!
//! Owns: the encryption (AES-256-GCM) and which key. Does not own: the file, and what is in it.
//! Always true: a piece opens only in its place; one that was changed, moved or cut off does not open at all.
//! Start reading at [`Vault::of`].

use super::derive;
use aes_gcm::{AeadInOut, Aes256Gcm, KeyInit, Nonce, Tag};
use blockchat_proto::hash::Hash32;
use blockchat_proto::keys::Signer;
use rand::TryRng;
use rand::rngs::SysRng;
use std::fmt;
use zeroize::Zeroizing;

/// Before the ciphertext.
const NONCE_BYTES: usize = 12;
/// Behind it.
const TAG_BYTES: usize = 16;

/// Closes and opens pieces of one kind of file of one account on one chain.
pub struct Vault(Aes256Gcm);

impl Vault {
    /// `label` names the kind of file: a constant. Pieces of another kind, chain or account do not open.
    pub fn of(signer: &Signer, chain: Hash32, label: &str) -> Self {
        let key = derive::mac(signer, label, &[&chain.0, &signer.address().0]);
        Self(Aes256Gcm::new_from_slice(&*key).expect("32 bytes are a key"))
    }

    /// Closes a piece for this place. With a random nonce: at most 2^32 pieces in the life of a key.
    ///
    /// Panics if the system gives no random bytes, or for more than 64 GiB.
    pub fn close(&self, place: &[u8], content: &[u8]) -> Vec<u8> {
        let mut nonce = [0; NONCE_BYTES];
        SysRng.try_fill_bytes(&mut nonce).expect("the system gives random bytes");
        let mut piece = [&nonce[..], content].concat();
        let text = (&mut piece[NONCE_BYTES..]).into();
        let tag = self.0.encrypt_inout_detached(&Nonce::from(nonce), place, text).expect("a piece is short");
        piece.extend_from_slice(&tag);
        piece
    }

    /// Opens a piece; `None` if it is not one of ours, or not in its place.
    pub fn open(&self, place: &[u8], piece: &[u8]) -> Option<Zeroizing<Vec<u8>>> {
        let (nonce, sealed) = piece.split_first_chunk::<NONCE_BYTES>()?;
        let (text, tag) = sealed.split_last_chunk::<TAG_BYTES>()?;
        let mut text = Zeroizing::new(text.to_vec());
        let buffer = text.as_mut_slice().into();
        self.0.decrypt_inout_detached(&Nonce::from(*nonce), place, buffer, &Tag::from(*tag)).ok()?;
        Some(text)
    }
}

impl fmt::Debug for Vault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("[secret]")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const CHAIN: Hash32 = Hash32([7; 32]);

    fn vault(person: u8, chain: Hash32, label: &str) -> Vault {
        Vault::of(&Signer::from_seed(&[person; 32]), chain, label)
    }

    #[test]
    fn a_piece_opens_in_its_place_with_its_own_key_and_not_elsewhere() {
        let own = vault(1, CHAIN, "a");
        let piece = own.close(b"here", b"a text");
        assert_eq!(own.open(b"here", &piece).as_deref().map(Vec::as_slice), Some(&b"a text"[..]));
        assert_eq!(piece.len(), NONCE_BYTES + 6 + TAG_BYTES);
        assert!(own.open(b"there", &piece).is_none());
        for other in [vault(2, CHAIN, "a"), vault(1, Hash32([8; 32]), "a"), vault(1, CHAIN, "b")] {
            assert!(other.open(b"here", &piece).is_none());
        }
    }

    #[test]
    fn what_was_changed_or_cut_off_does_not_open() {
        let own = vault(1, CHAIN, "a");
        let piece = own.close(b"here", b"a text");
        for at in 0..piece.len() {
            let mut changed = piece.clone();
            changed[at] ^= 1;
            assert!(own.open(b"here", &changed).is_none(), "{at}");
            assert!(own.open(b"here", &piece[..at]).is_none(), "{at}");
        }
    }

    #[test]
    fn one_content_looks_different_each_time() {
        let own = vault(1, CHAIN, "a");
        assert_ne!(own.close(b"here", b"a text"), own.close(b"here", b"a text"));
    }
}
