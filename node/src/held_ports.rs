//! Ports that are taken when they are chosen, and kept until the node listens there: two nodes that start at the same
//! instant never choose one port.
//!
//! Always true: while a port is held, another program that looks for a free one finds it in use; a held port that is
//! never fetched is free again when the last clone is gone. Start reading at [`HeldPorts::hold`].

use socket2::{Domain, Protocol, Socket, Type};
use std::collections::BTreeMap;
use std::io;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, PoisonError};

/// Connections that may wait to be accepted.
const BACKLOG: i32 = 1_024;

/// Sockets that listen already, by address. Cheap to clone; all clones hold the same.
#[derive(Clone, Debug, Default)]
pub struct HeldPorts(Arc<Mutex<BTreeMap<SocketAddr, Socket>>>);

impl HeldPorts {
    /// Takes this port for us. Errors: another program listens there, or the port is not allowed.
    pub fn hold(&self, address: SocketAddr) -> io::Result<()> {
        let socket = listen_plainly(address)?;
        self.0.lock().unwrap_or_else(PoisonError::into_inner).insert(address, socket);
        Ok(())
    }

    /// The socket that was held there, which listens.
    pub fn take(&self, address: SocketAddr) -> Option<Socket> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).remove(&address)
    }

    /// The same, or a new one where none was held. Errors: as [`Self::hold`].
    pub fn take_or_listen(&self, address: SocketAddr) -> io::Result<Socket> {
        self.take(address).map_or_else(|| listen_plainly(address), Ok)
    }
}

/// A listener that is refused while another program listens there.
///
/// An IPv6 address is that alone, as libp2p has it: the same port of IPv4 may be ours already.
fn listen_plainly(address: SocketAddr) -> io::Result<Socket> {
    let socket = Socket::new(Domain::for_address(address), Type::STREAM, Some(Protocol::TCP))?;
    if address.is_ipv6() {
        socket.set_only_v6(true)?;
    }
    // Old connections of an earlier process that have yet to time out do not count.
    socket.set_reuse_address(true)?;
    socket.bind(&address.into())?;
    socket.listen(BACKLOG)?;
    Ok(socket)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::net::{Ipv4Addr, TcpListener};
    use std::sync::Barrier;
    use std::thread;

    /// The port of a listener that is gone by then.
    fn free_port() -> u16 {
        TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap().local_addr().unwrap().port()
    }

    #[test]
    fn a_port_is_ours_from_when_it_is_chosen_until_it_is_given_up() {
        let address = SocketAddr::from((Ipv4Addr::LOCALHOST, free_port()));
        let (ours, theirs) = (HeldPorts::default(), HeldPorts::default());
        ours.hold(address).unwrap();
        assert_eq!(theirs.hold(address).unwrap_err().kind(), io::ErrorKind::AddrInUse);
        let listening = ours.take(address).unwrap();
        assert_eq!(theirs.hold(address).unwrap_err().kind(), io::ErrorKind::AddrInUse);
        drop(listening);
        theirs.hold(address).unwrap();
        drop(theirs.clone());
        assert!(ours.hold(address).is_err(), "a clone is not the last");
        drop(theirs);
        ours.hold(address).unwrap();
    }

    /// The first of many that come at once.
    #[test]
    fn of_many_that_choose_at_once_one_gets_the_port() {
        for _ in 0..20 {
            let address = SocketAddr::from((Ipv4Addr::LOCALHOST, free_port()));
            let together = Barrier::new(8);
            let all: Vec<_> = (0..8).map(|_| HeldPorts::default()).collect();
            let held = thread::scope(|scope| {
                let one = |ports| {
                    let together = &together;
                    scope.spawn(move || {
                        together.wait();
                        HeldPorts::hold(ports, address).is_ok()
                    })
                };
                let threads: Vec<_> = all.iter().map(one).collect();
                threads.into_iter().filter_map(|thread| thread.join().ok()).filter(|held| *held).count()
            });
            assert!(held <= 1, "{held} hold {address}");
        }
    }
}
