//! The door of a host: a listener of the machine that forwards connections to the same port of the host's own loopback.
//!
//! A socket belongs to the network in which it was made. The listener comes from outside, as standard input; what this
//! process makes itself is inside. It keeps the host for as long as it runs.

use anyhow::{Context, Result};
use blockchat_host::stream::say;
use std::net::Ipv4Addr;
use std::os::fd::AsFd;
use std::time::Duration;
use tokio::io::copy_bidirectional;
use tokio::net::{TcpListener, TcpStream};
use tokio::time::sleep;

/// Pause after a failed accept.
const ACCEPT_AGAIN_AFTER: Duration = Duration::from_millis(10);

/// Options of `host-door`.
#[derive(Debug, clap::Args)]
pub struct DoorArgs {
    /// Target address on the loopback of this host.
    #[arg(long)]
    port: u16,
}

/// Forwards connections until it is killed.
pub fn keep(args: &DoorArgs) -> Result<()> {
    let outside = std::io::stdin().as_fd().try_clone_to_owned().context("no listener was given")?;
    let listener = std::net::TcpListener::from(outside);
    listener.set_nonblocking(true)?;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(async {
        let listener = TcpListener::from_std(listener).context("standard input is no listener")?;
        say(super::OPEN);
        loop {
            match listener.accept().await {
                Ok((call, _)) => drop(tokio::spawn(carry(call, args.port))),
                Err(_) => sleep(ACCEPT_AGAIN_AFTER).await,
            }
        }
    })
}

/// If the node does not listen, the connection is closed.
async fn carry(mut call: TcpStream, port: u16) {
    if let Ok(mut inside) = TcpStream::connect((Ipv4Addr::LOCALHOST, port)).await {
        // A socket that refuses is a little slower.
        let _ = (call.set_nodelay(true), inside.set_nodelay(true));
        drop(copy_bidirectional(&mut call, &mut inside).await);
    }
}
