//! Default ports: the usual ones, or the next that are free, so that two homes on one machine work at once.
//!
//! Always true: a port that a flag, the environment or `config.toml` names is never exchanged; one that is chosen here is
//! held until the node listens there, so that two nodes that start at once choose different ones.

use crate::config::Layer;
use crate::held_ports::HeldPorts;
use std::io::ErrorKind;
use std::net::Ipv4Addr;

/// So many are tried before the system chooses.
const TRIED: u16 = 8;
/// From one to the next: API and peers of the second node are 7484 and 7485.
const STEP: u16 = 10;
const API_FIRST: u16 = 7474;
const P2P_FIRST: u16 = 7475;

/// Names the ports that are not named. What is said of it where they are not the usual ones.
pub(crate) fn choose(layer: &mut Layer, held: &HeldPorts) -> Vec<String> {
    let mut said = vec![];
    if layer.api.listen.is_none() {
        let port = free(API_FIRST, Ipv4Addr::LOCALHOST, held);
        if port != API_FIRST {
            said.push(format!("port {API_FIRST} is in use: the API of this node takes {}", shown(port)));
        }
        layer.api.listen = Some((Ipv4Addr::LOCALHOST, port).into());
    }
    if layer.p2p.listen.is_none() {
        let everywhere = layer.p2p.share.unwrap_or(true);
        let interface = if everywhere { Ipv4Addr::UNSPECIFIED } else { Ipv4Addr::LOCALHOST };
        let port = free(P2P_FIRST, interface, held);
        if port != P2P_FIRST {
            said.push(format!("port {P2P_FIRST} is in use: this node listens for peers at {}", shown(port)));
        }
        // The settings that decide about mDNS stay: `share` as before, or nothing.
        layer.p2p.listen = Some(vec![format!("/ip4/{interface}/tcp/{port}")]);
    }
    said
}

/// The default addresses for peers on this machine.
pub(crate) fn usual_places() -> Vec<String> {
    usual(P2P_FIRST).map(|port| format!("/ip4/127.0.0.1/tcp/{port}")).collect()
}

/// The usual ports for peers, for a sentence: `7475, 7485, ... 7545`.
pub(crate) fn usual_ports() -> String {
    format!("{P2P_FIRST}, {}, ... {}", P2P_FIRST + STEP, P2P_FIRST + (TRIED - 1) * STEP)
}

fn usual(first: u16) -> impl Iterator<Item = u16> {
    (0..TRIED).map(move |n| first + n * STEP)
}

/// The first free port, held from now on; 0 if all are in use.
fn free(first: u16, interface: Ipv4Addr, held: &HeldPorts) -> u16 {
    usual(first).find(|port| is_ours(*port, interface, held)).unwrap_or(0)
}

/// Other faults are found and reported by the node.
fn is_ours(port: u16, interface: Ipv4Addr, held: &HeldPorts) -> bool {
    let taken = held.hold((interface, port).into());
    !taken.is_err_and(|error| error.kind() == ErrorKind::AddrInUse)
}

fn shown(port: u16) -> String {
    if port == 0 { "any free one".into() } else { port.to_string() }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::net::TcpListener;

    #[test]
    fn a_port_in_use_is_passed_over_and_the_next_one_taken() {
        let taken = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = taken.local_addr().unwrap().port();
        let (ours, theirs) = (HeldPorts::default(), HeldPorts::default());
        assert!(!is_ours(port, Ipv4Addr::LOCALHOST, &ours) && !is_ours(port, Ipv4Addr::UNSPECIFIED, &ours));
        drop(taken);
        assert!(is_ours(port, Ipv4Addr::LOCALHOST, &ours));
        assert!(!is_ours(port, Ipv4Addr::LOCALHOST, &theirs), "chosen is taken");
        assert_eq!(usual(7_475).take(2).collect::<Vec<_>>(), [7_475, 7_485]);
    }

    #[test]
    fn a_port_that_is_named_is_never_exchanged() {
        let mut layer = Layer::default();
        layer.api.listen = Some(([127, 0, 0, 1], 1).into());
        layer.p2p.listen = Some(vec!["/ip4/127.0.0.1/tcp/2".into()]);
        let before = layer.clone();
        assert!(choose(&mut layer, &HeldPorts::default()).is_empty());
        assert_eq!(layer, before);
    }
}
