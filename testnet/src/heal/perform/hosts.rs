//! Faults of hosts: an unplugged cable, a changed address.

use crate::heal::stage::{LOOK_EVERY, Stage};
use crate::hosts::Hosts;
use std::time::{Duration, Instant};
use tokio::time::sleep;

/// Time until bytes on the wire arrive after a cable is unplugged.
const LAST_BYTES: Duration = Duration::from_millis(50);

impl Stage<'_> {
    fn hosts(&self) -> Result<&Hosts, String> {
        self.hosts.as_ref().ok_or_else(|| "this story has no hosts of its own".into())
    }

    /// Evidence: each host has sent something, and none has received anything.
    pub(super) async fn unplug(&mut self, last: usize) -> Result<String, String> {
        let unplugged: Vec<_> = (self.scenario.nodes - last..self.scenario.nodes).collect();
        self.strikes(unplugged.clone(), "unplug");
        let (hosts, said) = (self.hosts()?, |error: anyhow::Error| format!("{error:#}"));
        if !self.is_spared() {
            unplugged.iter().try_for_each(|host| hosts.unplug(*host)).map_err(said)?;
        }
        sleep(LAST_BYTES).await;
        let carried = || unplugged.iter().map(|host| hosts.carried(*host)).collect::<Result<Vec<_>, _>>().map_err(said);
        let (before, begun) = (carried()?, Instant::now());
        loop {
            let now = carried()?;
            let both: Vec<_> = before.iter().zip(&now).collect();
            if both.iter().any(|(before, now)| before.received != now.received) {
                return Err("they still hear each other".into());
            }
            if both.iter().all(|(before, now)| before.sent < now.sent) {
                let sent: u64 = both.iter().map(|(before, now)| now.sent - before.sent).sum();
                return Ok(format!("{} sent {sent} bytes and heard nothing", self.names(&unplugged)));
            }
            if begun.elapsed() > self.proof_within() {
                return Err("nobody tried to send anything".into());
            }
            sleep(LOOK_EVERY).await;
        }
    }

    /// Evidence: the host has the new address, and a peer is connected to it there.
    pub(super) async fn renumber(&mut self) -> Result<String, String> {
        let last = self.scenario.nodes - 1;
        self.strikes(vec![last], "another address for");
        if self.is_spared() {
            return Err("the host has the address that it had".into());
        }
        let address = self.hosts()?.renumber(last).map_err(|error| format!("{error:#}"))?;
        Ok(format!("the host of {} is {address} now, and has no other address", self.network.name_of(last)))
    }
}
