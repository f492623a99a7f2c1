//! A network of machines that are known by name: `init --hosts`. Pure.

use std::net::IpAddr;

/// Longest host name, in bytes, as DNS has it.
const HOST_BYTES_MAX: usize = 253;

/// A name or an IP address of a machine.
pub(crate) fn parse(text: &str) -> Result<String, String> {
    let is_part = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '.' | '_');
    let is_name = !text.is_empty() && text.len() <= HOST_BYTES_MAX && text.chars().all(is_part);
    if is_name || text.parse::<IpAddr>().is_ok() {
        return Ok(text.to_owned());
    }
    Err("write a host name or an IP address, without a port: --base-port sets the ports of all hosts".into())
}

/// The address at which peers dial a node on this machine.
pub(crate) fn multiaddr(host: &str, port: u16) -> String {
    match host.parse() {
        Ok(IpAddr::V4(ip)) => format!("/ip4/{ip}/tcp/{port}"),
        Ok(IpAddr::V6(ip)) => format!("/ip6/{ip}/tcp/{port}"),
        Err(_) => format!("/dns/{host}/tcp/{port}"),
    }
}

/// The content of a folder that goes to one machine.
pub(crate) fn readme(name: &str, chain: &str, host: &str, api_port: u16, p2p_port: u16) -> String {
    format!(
        "\
This folder is the home of node {name} of chain {chain}, for the machine {host}.

1. Move it to {host}; do not copy it. Two nodes with one key sign two different votes, and the second copy of the
   guard does not know what the first one signed. For example:

     rsync -a --remove-source-files {name}/ {host}:{name}/

2. On {host}, let TCP port {p2p_port} in through the firewall: the other nodes connect to it. Nothing else needs to be open;
   the API listens on 127.0.0.1:{api_port} only.

3. Start the node there:

     blockchat-node run --home {name}

The chain decides blocks once nodes with more than two thirds of the stake run. `blockchat-node status --home {name}` shows
which ones are missing.
"
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_and_addresses_become_what_peers_dial() {
        assert_eq!(multiaddr("a.example", 7475), "/dns/a.example/tcp/7475");
        assert_eq!(multiaddr("192.168.1.7", 1), "/ip4/192.168.1.7/tcp/1");
        assert_eq!(multiaddr("fd00::1", 1), "/ip6/fd00::1/tcp/1");
    }

    #[test]
    fn a_host_has_no_port_and_no_path() {
        assert!(["a.example", "node-1", "10.0.0.1", "fd00::1"].into_iter().all(|host| parse(host).is_ok()));
        assert!(["", "a.example:7475", "http://a", "a/b", "a b"].into_iter().all(|host| parse(host).is_err()));
    }
}
