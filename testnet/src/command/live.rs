//! The dashboard of the nodes that `up` runs, shown while `up` works.

use crate::network::Network;
use crate::processes::supervise::Watched;
use crate::screen::Screen;
use anyhow::{Context, Result};
use blockchat_dashboard::{Clock, Names, Options, Place, Places, Seals, run};
use blockchat_proto::keys::Address;
use blockchat_proto::units::UnixMillis;
use std::time::{SystemTime, UNIX_EPOCH};

/// One node: its name, its validator, and its API address while it runs.
struct Seat {
    name: String,
    validator: Address,
    watched: Watched,
}

/// Shows the network until the user closes the dashboard; the work goes on beside it. Printed notes wait until then.
pub async fn show(network: &Network, screen: &Screen) -> Result<()> {
    let watched = network.watched().into_iter().enumerate();
    let seat = |(node, watched)| Seat { name: network.name_of(node), validator: network.addresses()[node], watched };
    let seats: Vec<_> = watched.map(seat).collect();
    let places = Places::new(move || seats.iter().map(place).collect());
    let options = Options {
        places,
        names: Names::new(),
        wallet: None,
        seals: Seals::new(|_| Err("no key is at hand".into())),
        json: false,
        ascii: false,
        clock: Clock::new(unix_millis),
    };
    screen.hold();
    let shown = run(options).await;
    screen.go_on();
    shown.map(drop).context("the terminal cannot be used for the dashboard")
}

/// A node that is down has no address. It keeps its row, and may return at another address.
fn place(seat: &Seat) -> Place {
    let url = seat.watched.client().map(|client| client.url().to_owned());
    Place { name: seat.name.clone(), url, validator: Some(seat.validator) }
}

#[expect(clippy::disallowed_methods, reason = "the dashboard is told the time; it reads no clock itself")]
fn unix_millis() -> UnixMillis {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    UnixMillis(u64::try_from(since.as_millis()).unwrap_or(u64::MAX))
}
