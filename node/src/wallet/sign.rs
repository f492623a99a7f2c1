//! Transactions that a person signs: one function per kind. Pure; the nonce and the chain come from the caller.

use blockchat_proto::coins::Coins;
use blockchat_proto::hash::Hash32;
use blockchat_proto::keys::{Address, Signer};
use blockchat_proto::transaction::{Body, Payload, SignedTransaction, Transaction};
use blockchat_proto::units::Height;

/// Coins, a message, or both. Whether it has either is for the ledger to check; ask before you sign.
pub fn send_body(to: Address, amount: Coins, message: Option<String>) -> Body {
    Body::Send { to, amount, payload: message.map_or(Payload::None, Payload::Plain) }
}

/// Signs `body` for the chain with this genesis hash; valid for ever, which is what a wallet that waits wants.
pub fn sign(signer: &Signer, chain: Hash32, nonce: u64, body: Body) -> SignedTransaction {
    sign_until(signer, chain, nonce, None, body)
}

/// The same; `expiry` is the last height at which it is valid.
pub fn sign_until(signer: &Signer, chain: Hash32, nonce: u64, expiry: Option<Height>, body: Body) -> SignedTransaction {
    Transaction { chain, sender: signer.address(), nonce, expiry, body }.sign(signer)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_signed_verifies_on_its_chain_and_on_no_other() {
        let signer = Signer::from_seed(&[1; 32]);
        let body = send_body(Address([2; 32]), Coins::ZERO, Some("Hello Bob".into()));
        let signed = sign(&signer, Hash32([7; 32]), 3, body);
        assert!(signed.clone().verify(Hash32([7; 32])).is_ok());
        assert!(signed.verify(Hash32([8; 32])).is_err());
    }
}
