//! The peer id that belongs to a seed, for writers of homes.

use libp2p::identity::Keypair;

/// The libp2p peer id of the ed25519 identity with this seed.
pub fn peer_id_of(seed: &[u8; 32]) -> String {
    let mut seed = *seed;
    let key = Keypair::ed25519_from_bytes(&mut seed).expect("32 bytes are a seed");
    key.public().to_peer_id().to_string()
}
