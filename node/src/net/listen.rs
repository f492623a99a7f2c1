//! Listening: where we are told to, and not where somebody else does.

use super::address::ip_of;
use super::config::{NetConfig, NetError};
use super::swarm_task::Task;
use futures::{FutureExt, StreamExt};
use libp2p::Multiaddr;
use libp2p::multiaddr::Protocol;
use libp2p::swarm::SwarmEvent;
use socket2::{Domain, Socket, Type};
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

impl Task {
    /// Listens everywhere it is told to, and waits until each listener has an address. Whatever else happens meanwhile
    /// (peers that come at once) is dealt with as always.
    pub(super) async fn listen(&mut self, config: &NetConfig) -> Result<(), NetError> {
        for address in &config.external {
            self.swarm.add_external_address(parse(address)?);
        }
        let mut waiting = BTreeMap::new();
        for address in &config.listen {
            let failed = |reason: String| NetError::Listen { address: address.clone(), reason };
            let place = parse(address)?;
            check_free(&place).map_err(|error| failed(error.to_string()))?;
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
/// plain listener is refused while anybody else listens there.
fn check_free(address: &Multiaddr) -> io::Result<()> {
    let port = address.iter().find_map(|part| match part {
        Protocol::Tcp(port) => Some(port),
        _ => None,
    });
    match (ip_of(address), port) {
        (Some(ip), Some(port)) if port != 0 => listen_plainly(SocketAddr::new(ip, port)),
        _ => Ok(()),
    }
}

/// An IPv6 address is that alone, as libp2p has it: the same port of IPv4 may be ours already.
fn listen_plainly(address: SocketAddr) -> io::Result<()> {
    let socket = Socket::new(Domain::for_address(address), Type::STREAM, Some(socket2::Protocol::TCP))?;
    if address.is_ipv6() {
        socket.set_only_v6(true)?;
    }
    // Connections of an earlier process that have yet to fade away are in nobody's way.
    socket.set_reuse_address(true)?;
    socket.bind(&address.into())?;
    socket.listen(1)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::net::TcpListener;

    #[test]
    fn a_port_is_free_for_one_kind_of_address_while_the_other_is_in_use() {
        let v4 = TcpListener::bind("0.0.0.0:0").unwrap();
        let port = v4.local_addr().unwrap().port();
        let free = |text: String| check_free(&text.parse().unwrap());
        assert!(free(format!("/ip4/0.0.0.0/tcp/{port}")).is_err());
        assert!(free(format!("/ip4/127.0.0.1/tcp/{port}")).is_err());
        match TcpListener::bind("[::1]:0") {
            Ok(_) => free(format!("/ip6/::/tcp/{port}")).unwrap(),
            Err(none) => assert!(free(format!("/ip6/::/tcp/{port}")).is_err(), "no IPv6 here: {none}"),
        }
    }
}
