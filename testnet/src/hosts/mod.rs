//! One host per node: network namespaces plugged into one switch, so that nodes find each other as on a desk.
//!
//! Owns: the switch, the hosts, their addresses and their cables. Does not own: the nodes in them (`processes::launch`).
//!
//! Always true:
//! - each namespace lives as long as one process of ours, which dies with this program: nothing is left behind, and
//!   nothing of this machine's own network is changed;
//! - the API of a node is reached at the same port of this machine's loopback, through the `door` of its host.
//!
//! Linux only, and only for users who may make namespaces; anything missing is named in words for a person. Start
//! reading at [`Hosts::plug`].

pub mod door;

use anyhow::{Context, Result, bail, ensure};
use std::ffi::OsString;
use std::io::{BufRead, BufReader, Read};
use std::net::{Ipv4Addr, TcpListener};
use std::os::fd::OwnedFd;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};

/// The network of the hosts: the first has 10.77.0.1; with another address it has 10.77.0.101.
const NETWORK: &str = "10.77.0";
/// Offset of the last number of an address that changes.
const OTHER: usize = 100;
/// First output of a process that holds a namespace.
const OPEN: &str = "open";
/// Makes the switch, in its own namespace: a bridge in the machine's would be under the machine's filters. A port that leaves
/// the switch would else say something of its own to the host behind it, by IPv6.
const SWITCH: &str = "for all in /proc/sys/net/ipv6/conf/*/disable_ipv6; do echo 1 > $all; done 2> /dev/null; \
                      ip link set lo up && ip link add switch type bridge && ip link set switch up && \
                      echo open && exec sleep 1000000";

/// A switch and its hosts.
#[derive(Debug)]
pub struct Hosts {
    switch: Holder,
    hosts: Vec<Holder>,
}

/// A process that keeps a namespace.
#[derive(Debug)]
struct Holder(Child);

/// Bytes that passed the only interface of a host.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Carried {
    /// Received bytes.
    pub received: u64,
    /// Sent bytes, delivered or not.
    pub sent: u64,
}

impl Hosts {
    /// Creates a switch, and for each of these API ports a host plugged into it; the loopback shows the ports too.
    ///
    /// Errors: this user may not, a program for it is missing, a port is taken.
    pub fn plug(api_ports: &[u16]) -> Result<Self> {
        let switch = Holder::begin("sh", &["-c".into(), SWITCH.into()], Stdio::null())?;
        let mut hosts = Self { switch, hosts: vec![] };
        for port in api_ports {
            hosts.add(*port)?;
        }
        Ok(hosts)
    }

    fn add(&mut self, api_port: u16) -> Result<()> {
        let shown = TcpListener::bind((Ipv4Addr::LOCALHOST, api_port))
            .with_context(|| format!("cannot listen at port {api_port}"))?;
        let own = std::env::current_exe().context("cannot find this program's own file")?;
        let words = ["host-door".into(), "--port".into(), api_port.to_string().into()];
        let host = Holder::begin(own, &words, Stdio::from(OwnedFd::from(shown)))?;
        let (number, pid) = (self.hosts.len(), host.0.id());
        self.hosts.push(host);
        self.switch.run(&format!(
            "ip link add port{number} type veth peer name eth0 netns {pid} && ip link set port{number} master switch up"
        ))?;
        self.hosts[number].run("ip link set lo up && ip link set eth0 up")?;
        self.hosts[number].run(&addressed(number + 1))
    }

    /// Command prefix that runs a program on this host.
    pub fn wrapper(&self, host: usize) -> Vec<OsString> {
        self.hosts[host].enter()
    }

    /// Unplugs the cable of a host: it reaches no other host and hears none; sockets stay open.
    pub fn unplug(&self, host: usize) -> Result<()> {
        self.switch.run(&format!("ip link set port{host} nomaster"))
    }

    /// Plugs it in again. No error if it is plugged in already.
    pub fn plug_in(&self, host: usize) -> Result<()> {
        self.switch.run(&format!("ip link set port{host} master switch up"))
    }

    /// Replaces its address. Returns the new one.
    pub fn renumber(&self, host: usize) -> Result<Ipv4Addr> {
        let last = host + 1 + OTHER;
        self.hosts[host].run("ip addr flush dev eth0 scope global")?;
        self.hosts[host].run(&addressed(last))?;
        let address = format!("{NETWORK}.{last}");
        address.parse().with_context(|| format!("{address} is no address: there are too many hosts"))
    }

    /// Bytes that its interface has carried since its creation.
    pub fn carried(&self, host: usize) -> Result<Carried> {
        let path = format!("/proc/{}/net/dev", self.hosts[host].0.id());
        let text = std::fs::read_to_string(&path).with_context(|| format!("cannot read {path}"))?;
        carried_by(&text, "eth0").with_context(|| format!("{path} has no line for eth0"))
    }
}

/// Gives the interface of a host this address, and a default route over it for multicast.
fn addressed(last: usize) -> String {
    format!("ip addr add {NETWORK}.{last}/24 dev eth0 && ip route replace default dev eth0")
}

/// Parses the table of interfaces that Linux shows.
fn carried_by(table: &str, interface: &str) -> Option<Carried> {
    let line = table.lines().find_map(|line| line.trim().strip_prefix(interface)?.strip_prefix(':'))?;
    let numbers: Vec<u64> = line.split_whitespace().filter_map(|number| number.parse().ok()).collect();
    Some(Carried { received: *numbers.first()?, sent: *numbers.get(8)? })
}

impl Holder {
    /// Starts a program in a network namespace of its own, and waits for its first output.
    fn begin(program: impl Into<OsString>, words: &[OsString], stdin: Stdio) -> Result<Self> {
        let own: PathBuf = std::env::current_exe().context("cannot find this program's own file")?;
        let mut command = Command::new(own);
        command.args(["exec-node", "--parent", &std::process::id().to_string(), "--", "unshare", "--net"]);
        command.arg(program.into()).args(words).stdin(stdin).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut holder = Self(command.spawn().context("cannot start a process that holds a host")?);
        let mut said = String::new();
        let stdout = holder.0.stdout.take().context("its output was asked for")?;
        BufReader::new(stdout).read_line(&mut said)?;
        if said.trim() != OPEN {
            let mut why = String::new();
            holder.0.stderr.take().map(|mut stderr| stderr.read_to_string(&mut why)).transpose()?;
            bail!("a host for one node cannot be made: {}", why.trim());
        }
        Ok(holder)
    }

    fn enter(&self) -> Vec<OsString> {
        let namespace = format!("--net=/proc/{}/ns/net", self.0.id());
        vec!["nsenter".into(), namespace.into(), "--".into()]
    }

    fn run(&self, script: &str) -> Result<()> {
        let words = self.enter();
        let output = Command::new(&words[0]).args(&words[1..]).args(["sh", "-c", script]).output();
        let output = output.context("cannot run nsenter")?;
        ensure!(output.status.success(), "`{script}` failed: {}", String::from_utf8_lossy(&output.stderr).trim());
        Ok(())
    }
}

impl Drop for Holder {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_an_interface_has_carried_is_read_from_the_table_of_the_system() {
        let table = "Inter-|   Receive                            |  Transmit\n \
                     face |bytes    packets errs drop fifo frame compressed multicast|bytes    packets\n    \
                     lo: 10 1 0 0 0 0 0 0 11 1 0 0 0 0 0 0\n  \
                     eth0:    1500      12    0    0    0     0          0         0     2700      21    0    0    0     0       0          0\n";
        assert_eq!(carried_by(table, "eth0"), Some(Carried { received: 1_500, sent: 2_700 }));
        assert_eq!(carried_by(table, "eth"), None, "a part of a name is another name");
        assert_eq!(carried_by("", "eth0"), None);
    }
}
