//! Choice of TCP ports of the loopback that are free now and likely to stay free.
//!
//! Always true: a chosen port could be bound a moment ago. Nothing more can be promised, so a caller must be ready to
//! choose again. Ports for outgoing connections are avoided: while a killed node is away, a connection of a peer could
//! otherwise take its port.

use rand::RngExt;
use std::net::{Ipv4Addr, TcpListener};
use std::ops::RangeInclusive;

/// The first port to try: above the well-known services, below the ports of outgoing connections on common systems.
const SEARCHED: RangeInclusive<u16> = 10_000..=32_000;
/// Number of attempts before the system is asked for any free port.
const TRIES_MAX: u32 = 2_000;

/// No port of the loopback is free.
#[derive(Debug, thiserror::Error)]
#[error("no free TCP port on 127.0.0.1: {0}\nIs there a loopback interface, and may this user listen on it?")]
pub struct NoFreePort(#[from] std::io::Error);

/// This number of different free ports.
pub fn choose(count: usize) -> Result<Vec<u16>, NoFreePort> {
    // All stay bound until all are chosen, so that none is chosen twice.
    let mut held = vec![];
    let mut chosen = vec![];
    let mut tries = 0;
    while chosen.len() < count {
        tries += 1;
        let wanted = if tries <= TRIES_MAX { rand::rng().random_range(SEARCHED) } else { 0 };
        match TcpListener::bind((Ipv4Addr::LOCALHOST, wanted)) {
            Ok(listener) => {
                chosen.push(listener.local_addr()?.port());
                held.push(listener);
            }
            Err(error) if wanted == 0 => return Err(error.into()),
            Err(_) => {}
        }
    }
    Ok(chosen)
}

/// Could this port be bound now?
pub fn is_free(port: u16) -> bool {
    TcpListener::bind((Ipv4Addr::LOCALHOST, port)).is_ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    #[test]
    fn chosen_ports_are_different_and_free() {
        let ports = choose(40).unwrap();
        assert_eq!(ports.iter().collect::<BTreeSet<_>>().len(), 40);
    }

    #[test]
    fn a_taken_port_is_not_free() {
        let taken = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        assert!(!is_free(taken.local_addr().unwrap().port()));
    }
}
