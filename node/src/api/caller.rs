//! The client behind a connection, and the state of that connection.
//!
//! Always true: one address of the network is one client, for IPv6 one network of 64 bits; on the loopback each
//! connection is a client of its own, because all programs on this machine, and every proxy in front of it, come from
//! there.

use super::room::Place;
use std::net::{IpAddr, Ipv4Addr};
use std::sync::Arc;
use tokio_util::sync::CancellationToken;

/// The client whose share of the room is used.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Client {
    /// One connection of this machine, by its number.
    Local(u64),
    /// An IPv4 address.
    V4(Ipv4Addr),
    /// The upper half of an IPv6 address.
    V6([u8; 8]),
}

impl Client {
    /// `number`: of the connection.
    pub(super) fn of(ip: IpAddr, number: u64) -> Self {
        match ip.to_canonical() {
            ip if ip.is_loopback() => Self::Local(number),
            IpAddr::V4(ip) => Self::V4(ip),
            IpAddr::V6(ip) => Self::V6(ip.octets()[..8].try_into().expect("16 bytes hold 8")),
        }
    }
}

/// The connection that a request came over. Cheap to clone.
#[derive(Clone, Debug)]
pub(super) struct Caller {
    /// The client.
    pub(super) client: Client,
    /// Cancelled if the connection has to end.
    pub(super) ended: CancellationToken,
    place: Arc<Place>,
}

impl Caller {
    pub(super) fn new(client: Client, ended: CancellationToken, place: Place) -> Self {
        Self { client, ended, place: Arc::new(place) }
    }

    /// The node works on this connection's request until the guard is dropped: it is not closed to make room.
    pub(super) fn working(&self) -> Working {
        self.place.stands_still(false);
        Working(Arc::clone(&self.place))
    }
}

/// See [`Caller::working`].
#[derive(Debug)]
pub(super) struct Working(Arc<Place>);

impl Drop for Working {
    fn drop(&mut self) {
        self.0.stands_still(true);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_loopback_is_many_clients_and_a_household_is_one() {
        let of = |ip: &str, number| Client::of(ip.parse().unwrap(), number);
        assert_ne!(of("127.0.0.1", 1), of("127.0.0.1", 2));
        assert_ne!(of("::1", 1), of("::ffff:127.0.0.1", 2));
        assert_eq!(of("10.0.0.1", 1), of("::ffff:10.0.0.1", 2));
        assert_eq!(of("2001:db8::1", 1), of("2001:db8::2", 2));
        assert_ne!(of("2001:db8::1", 1), of("2001:db8:0:1::1", 2));
    }
}
