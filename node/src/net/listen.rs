//! Listening: at the configured addresses, and never beside another program.

use super::address::ip_of;
use super::config::{NetConfig, NetError};
use super::swarm_task::Task;
use crate::config::Announce;
use crate::held_ports::HeldPorts;
use futures::{FutureExt, StreamExt};
use libp2p::Multiaddr;
use libp2p::multiaddr::Protocol;
use libp2p::swarm::SwarmEvent;
use socket2::Socket;
use std::collections::BTreeMap;
use std::io;
use std::net::SocketAddr;
use std::time::Duration;
use tokio::time::{Instant, timeout};

/// An interface without an address never reports one: no longer wait for it at the start.
const LISTEN_WITHIN: Duration = Duration::from_secs(5);

/// A multiaddress.
pub(super) fn parse(text: &str) -> Result<Multiaddr, NetError> {
    text.parse()
        .map_err(|error: libp2p::multiaddr::Error| NetError::Address { found: text.into(), reason: error.to_string() })
}

/// The address of a peer that the operator named: one that can be dialled.
pub(super) fn parse_peer(text: &str) -> Result<Multiaddr, NetError> {
    let address = parse(text)?;
    match check_dialable(&address) {
        Ok(()) => Ok(address),
        Err(reason) => Err(NetError::Peer { found: text.into(), reason }),
    }
}

fn check_dialable(address: &Multiaddr) -> Result<(), &'static str> {
    let parts: Vec<_> = address.iter().filter(|part| !matches!(part, Protocol::P2p(_))).collect();
    match parts.as_slice() {
        [host, Protocol::Tcp(port)] if *port != 0 && is_host(host) => Ok(()),
        [host, Protocol::Tcp(0)] if is_host(host) => {
            Err("port 0 cannot be dialled: name the port that the peer listens on")
        }
        [host] if is_host(host) => Err("it names no port: add /tcp/7475, or where the peer listens"),
        [_, Protocol::Udp(_), ..] => Err("peers speak TCP, not QUIC or anything else over UDP: name its /tcp/ port"),
        [_, Protocol::Tcp(_), Protocol::Ws(_) | Protocol::Wss(_) | Protocol::Tls, ..] => {
            Err("peers speak TCP without WebSocket: leave away what comes after the port")
        }
        _ => Err(
            "it must be /ip4/ADDRESS/tcp/PORT, /ip6/ADDRESS/tcp/PORT or /dns4/NAME/tcp/PORT, and may end in /p2p/ID",
        ),
    }
}

fn is_host(part: &Protocol<'_>) -> bool {
    match part {
        Protocol::Ip4(ip) => !ip.is_unspecified(),
        Protocol::Ip6(ip) => !ip.is_unspecified(),
        Protocol::Dns(_) | Protocol::Dns4(_) | Protocol::Dns6(_) => true,
        _ => false,
    }
}

impl Task {
    /// Listens everywhere it is told to, and waits until each listener has an address. Whatever else happens meanwhile
    /// (peers that come at once) is dealt with as always.
    pub(super) async fn listen(&mut self, config: &NetConfig) -> Result<(), NetError> {
        let external = config.external.iter().filter(|_| config.announce != Announce::None);
        for address in external {
            self.swarm.add_external_address(parse(address)?);
        }
        // Given up only when libp2p listens beside them.
        let (mut held, mut waiting) = (vec![], BTreeMap::new());
        for address in &config.listen {
            let failed = |reason: String| NetError::Listen { address: address.clone(), reason };
            let place = parse(address)?;
            held.extend(hold(&config.held, &place).map_err(|error| failed(error.to_string()))?);
            let id = self.swarm.listen_on(place).map_err(|error| failed(error.to_string()))?;
            waiting.insert(id.to_string(), address.clone());
        }
        self.wait_for_listeners(waiting).await
    }

    /// `waiting`: what was asked for, by the number of its listener.
    async fn wait_for_listeners(&mut self, mut waiting: BTreeMap<String, String>) -> Result<(), NetError> {
        let deadline = Instant::now() + LISTEN_WITHIN;
        while !waiting.is_empty() {
            let left = deadline.saturating_duration_since(Instant::now());
            let Ok(event) = timeout(left, self.swarm.select_next_some()).await else {
                break;
            };
            match &event {
                SwarmEvent::NewListenAddr { listener_id, .. } => drop(waiting.remove(&listener_id.to_string())),
                SwarmEvent::ListenerClosed { listener_id, reason: Err(error), .. } => {
                    if let Some(address) = waiting.remove(&listener_id.to_string()) {
                        return Err(NetError::Listen { address, reason: error.to_string() });
                    }
                }
                _ => {}
            }
            self.on_swarm(event);
        }
        // A listener on all interfaces reports their other addresses right after the first.
        while let Some(event) = self.swarm.select_next_some().now_or_never() {
            self.on_swarm(event);
        }
        Ok(())
    }
}

/// libp2p listens with SO_REUSEPORT: two nodes on one port would share its connections at random, without an error. A
/// plain listener is refused while another program listens there; once it listens, it lets libp2p in beside it.
fn hold(ports: &HeldPorts, address: &Multiaddr) -> io::Result<Option<Socket>> {
    let port = address.iter().find_map(|part| match part {
        Protocol::Tcp(port) => Some(port),
        _ => None,
    });
    match (ip_of(address), port) {
        (Some(ip), Some(port)) if port != 0 => {
            let socket = ports.take_or_listen(SocketAddr::new(ip, port))?;
            #[cfg(unix)]
            socket.set_reuse_port(true)?;
            Ok(Some(socket))
        }
        _ => Ok(None),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::net::TcpListener;

    #[test]
    fn what_can_never_be_dialled_is_refused_with_the_reason() {
        for good in [
            "/ip4/10.0.0.1/tcp/7475",
            "/ip6/::1/tcp/7475",
            "/dns4/node.example/tcp/7475",
            "/dns/node.example/tcp/7475/p2p/12D3KooWEyoppNCUx8Yx66oV9fJnriXwCcXwDDUA2kj6vnc6iDEp",
        ] {
            assert!(parse_peer(good).is_ok(), "{good}");
        }
        for (wrong, reason) in [
            ("/ip4/10.0.0.1", "no port"),
            ("/dns4/node.example", "no port"),
            ("/ip4/10.0.0.1/tcp/0", "port 0"),
            ("/ip4/10.0.0.1/udp/7475/quic-v1", "not QUIC"),
            ("/ip4/10.0.0.1/tcp/7475/ws", "WebSocket"),
            ("/ip4/0.0.0.0/tcp/7475", "must be"),
            ("/memory/7", "must be"),
            ("/p2p/12D3KooWEyoppNCUx8Yx66oV9fJnriXwCcXwDDUA2kj6vnc6iDEp", "must be"),
            ("10.0.0.1:7475", "not a multiaddress"),
        ] {
            let refused = parse_peer(wrong).unwrap_err().to_string();
            assert!(refused.contains(reason) && refused.contains(wrong), "{refused}");
        }
    }

    /// From the choice to libp2p, a listener of ours is there, and no other program can take the port.
    #[test]
    fn a_port_that_was_held_is_handed_on_without_a_gap() {
        let (ours, theirs) = (HeldPorts::default(), HeldPorts::default());
        let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        ours.hold(([127, 0, 0, 1], port).into()).unwrap();
        let address = format!("/ip4/127.0.0.1/tcp/{port}").parse().unwrap();
        assert!(hold(&theirs, &address).is_err());
        let _held = hold(&ours, &address).unwrap().expect("it has a port");
        assert!(hold(&theirs, &address).is_err(), "letting libp2p in lets nobody else in");
    }

    #[test]
    fn a_port_is_free_for_one_kind_of_address_while_the_other_is_in_use() {
        let v4 = TcpListener::bind("0.0.0.0:0").unwrap();
        let port = v4.local_addr().unwrap().port();
        let free = |text: String| hold(&HeldPorts::default(), &text.parse().unwrap()).map(drop);
        assert!(free(format!("/ip4/0.0.0.0/tcp/{port}")).is_err());
        assert!(free(format!("/ip4/127.0.0.1/tcp/{port}")).is_err());
        match TcpListener::bind("[::1]:0") {
            Ok(_) => free(format!("/ip6/::/tcp/{port}")).unwrap(),
            Err(none) => assert!(free(format!("/ip6/::/tcp/{port}")).is_err(), "no IPv6 here: {none}"),
        }
    }
}
