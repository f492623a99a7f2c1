//! The yardstick: how many signatures this machine checks when it does nothing else.

use blockchat_proto::hash::Hash32;
use blockchat_proto::keys::{SignatureCheck, Signer, sign_hash, verify_batch};
use std::time::{Duration, Instant};

/// Different signers: more than a cache of decompressed keys would hold by accident.
const KEYS: usize = 4_096;
/// Signatures in one batch, as nodes check them.
const BATCH: usize = 256;

/// Signatures a second of all hardware threads together, measured for this long.
///
/// Panics if a good signature does not verify: nothing would make sense then.
pub fn per_second(within: Duration) -> f64 {
    let checks: Vec<_> = (0..KEYS).map(signed).collect();
    let threads = crate::sim::suite::all_threads();
    let begun = Instant::now();
    let checked: usize = std::thread::scope(|scope| {
        let workers: Vec<_> = (0..threads).map(|_| scope.spawn(|| check_until(&checks, begun, within))).collect();
        workers.into_iter().map(|worker| worker.join().expect("good signatures verify")).sum()
    });
    checked as f64 / begun.elapsed().as_secs_f64()
}

fn signed(index: usize) -> SignatureCheck {
    let mut seed = [7; 32];
    seed[..8].copy_from_slice(&index.to_be_bytes());
    let signer = Signer::from_seed(&seed);
    let hash = sign_hash("blockchat/bench", Hash32::ZERO, &seed);
    SignatureCheck { signer: signer.address(), hash, signature: signer.sign(hash) }
}

fn check_until(checks: &[SignatureCheck], begun: Instant, within: Duration) -> usize {
    let mut checked = 0;
    for batch in checks.chunks(BATCH).cycle() {
        if begun.elapsed() >= within {
            break;
        }
        assert!(verify_batch(batch).into_iter().all(|good| good), "good signatures verify");
        checked += batch.len();
    }
    checked
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn something_is_checked_even_in_no_time() {
        let checks: Vec<_> = (0..2).map(signed).collect();
        assert_eq!(check_until(&checks, Instant::now(), Duration::ZERO), 0);
        assert!(per_second(Duration::from_millis(20)) > 0.0);
    }
}
