//! The peer id that belongs to a peer key.

use blockchat_proto::keys::Signer;

pub(crate) fn peer_id_of(p2p: &Signer) -> String {
    let seed = zeroize::Zeroizing::new(p2p.signing_key().to_bytes());
    let keypair = libp2p::identity::Keypair::ed25519_from_bytes(*seed).expect("32 bytes are a seed");
    keypair.public().to_peer_id().to_string()
}
