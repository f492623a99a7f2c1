//! The rate of dials to addresses that others name: per destination, and in all.
//!
//! Why: a peer can name any address, as often as it likes; without a limit a few peers turn every node of a chain
//! against a third party. Addresses that the operator gave are not counted: their own pauses are limit enough. Always
//! true: memory is bounded; a destination that was spared is not dialled by another name. Start reading at
//! [`Budget::spend`].

use super::scope::{Scope, scope_of};
use crate::net::address::ip_of;
use crate::net::quota::{Pace, Rate};
use libp2p::Multiaddr;
use std::collections::BTreeMap;
use std::net::IpAddr;
use std::time::Duration;
use tokio::time::Instant;

/// Dials in all: two a second.
const ALL: Rate = Rate::new(60, Duration::from_secs(30));
/// Dials to one public address.
const PUBLIC: Rate = Rate::new(6, Duration::from_secs(60));
/// Dials to one private address, or one of this machine: many nodes may be there.
const NEAR: Rate = Rate::new(60, Duration::from_secs(60));
/// Most destinations that are remembered.
const DESTINATIONS_MAX: usize = 2_048;

/// Recent dials.
#[derive(Default)]
pub(in crate::net) struct Budget {
    all: Pace,
    destinations: BTreeMap<IpAddr, (Pace, Instant)>,
}

impl Budget {
    /// Takes a dial of this address from the budget, if there is any left.
    pub(in crate::net) fn spend(&mut self, address: &Multiaddr, now: Instant) -> bool {
        let (Some(ip), Some(scope)) = (ip_of(address), scope_of(address)) else {
            return false;
        };
        self.make_room(now);
        let rate = if scope == Scope::Public { PUBLIC } else { NEAR };
        let (pace, used) = self.destinations.entry(ip).or_insert((Pace::default(), now));
        *used = now;
        pace.spend(rate, 1, now).is_ok() && self.all.spend(ALL, 1, now).is_ok()
    }

    fn make_room(&mut self, now: Instant) {
        if self.destinations.len() >= DESTINATIONS_MAX {
            self.destinations.retain(|_, (_, used)| now.duration_since(*used) < Duration::from_secs(60));
        }
        // More than can be dialled in a minute are never there.
        if self.destinations.len() >= DESTINATIONS_MAX {
            self.destinations.clear();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Dials of ever other ports of these machines that are let through in a minute.
    fn dialled(machines: u16, wanted: u32, host: impl Fn(u16) -> String) -> u32 {
        let (mut budget, start) = (Budget::default(), Instant::now());
        let dial = |number: u32| {
            let machine = u16::try_from(number % u32::from(machines)).unwrap();
            let address = format!("/ip4/{}/tcp/{}", host(machine), 1_000 + number % 50_000);
            u32::from(budget.spend(&address.parse().unwrap(), start + Duration::from_millis(60_000) * number / wanted))
        };
        (0..wanted).map(dial).sum()
    }

    #[test]
    fn a_third_party_is_dialled_seldom_whatever_ports_of_it_are_named() {
        let public = dialled(1, 10_000, |_| "9.9.9.9".into());
        assert!(public <= 13, "{public}");
        let near = dialled(1, 10_000, |_| "127.0.0.1".into());
        assert!(near <= 121, "{near}");
    }

    #[test]
    fn many_third_parties_together_are_dialled_seldom_too() {
        let all = dialled(10_000, 10_000, |machine| format!("9.9.{}.{}", machine / 200, machine % 200));
        assert!(all <= 181, "{all}");
    }
}
