//! libp2p's words for a dial that came to nothing, as one of our reasons.
//!
//! libp2p names every address and every layer; the innermost cause is what a person can act on.
//! Start reading at [`failure_of`].

use super::membership::failure::Failure;
use libp2p::Multiaddr;
use libp2p::core::transport::TransportError;
use libp2p::swarm::DialError;
use std::error::Error;
use std::io;

/// The reason, and the address at which another node answered.
pub(super) fn failure_of(error: &DialError) -> (Failure, Option<Multiaddr>) {
    match error {
        DialError::WrongPeerId { obtained, address } => (Failure::OtherPeer(*obtained), Some(address.clone())),
        // Our own addresses are left out of a dial; then there may be none.
        DialError::LocalPeerId { .. } | DialError::NoAddresses => (Failure::Ourselves, None),
        DialError::Transport(failures) => {
            let reasons = failures.iter().map(|(_, error)| of_transport(error));
            // Of several addresses, the one that got furthest says most.
            let best = reasons.max_by_key(progress);
            (best.unwrap_or(Failure::NoAnswer), None)
        }
        DialError::Aborted => (Failure::NoAnswer, None),
        other => (Failure::Other(innermost(other)), None),
    }
}

fn progress(failure: &Failure) -> u8 {
    match failure {
        Failure::NoNode => 4,
        Failure::Other(_) => 3,
        Failure::Refused => 2,
        Failure::NoAnswer => 1,
        _ => 0,
    }
}

fn of_transport(error: &TransportError<io::Error>) -> Failure {
    match error {
        TransportError::MultiaddrNotSupported(address) => Failure::Other(format!("{address} cannot be dialled")),
        TransportError::Other(error) => of_io(error),
    }
}

/// The kinds of the system are at the bottom of a chain whose middle links hide them.
fn of_io(error: &io::Error) -> Failure {
    let mut cause: Option<&(dyn Error + 'static)> = Some(error);
    let mut kinds = vec![];
    while let Some(link) = cause {
        kinds.extend(link.downcast_ref::<io::Error>().map(io::Error::kind));
        cause = match link.downcast_ref::<io::Error>().and_then(io::Error::get_ref) {
            Some(inner) => Some(inner),
            None => link.source(),
        };
    }
    let words = innermost(error);
    let of_kind = |kind: &io::ErrorKind| match kind {
        io::ErrorKind::ConnectionRefused => Some(Failure::Refused),
        io::ErrorKind::HostUnreachable | io::ErrorKind::NetworkUnreachable | io::ErrorKind::AddrNotAvailable => {
            Some(Failure::NoRoute)
        }
        io::ErrorKind::TimedOut => Some(Failure::NoAnswer),
        io::ErrorKind::ConnectionReset | io::ErrorKind::UnexpectedEof | io::ErrorKind::BrokenPipe => {
            Some(Failure::NoNode)
        }
        _ => None,
    };
    kinds.iter().rev().find_map(of_kind).unwrap_or_else(|| of_words(words))
}

/// Some layers pass the one below on as text.
fn of_words(words: String) -> Failure {
    let lower = words.to_lowercase();
    let has = |part: &str| lower.contains(part);
    if has("refused") {
        Failure::Refused
    } else if has("unreachable") || has("no route") || has("cannot assign") {
        Failure::NoRoute
    } else if has("timed out") || has("timeout") {
        Failure::NoAnswer
    } else if has("reset") || has("closed") || has("eof") || has("end of file") || has("handshake") || has("protocol") {
        Failure::NoNode
    } else {
        Failure::Other(words)
    }
}

/// The deepest cause, in one line.
pub(super) fn innermost(error: &dyn Error) -> String {
    let mut cause = error;
    while let Some(deeper) = cause.source() {
        cause = deeper;
    }
    // Some layers pass the one below on as text, which then ends with its words, and brackets of their own.
    let text = cause.to_string();
    let line = text.lines().map(str::trim).rfind(|line| line.contains(char::is_alphabetic)).unwrap_or("no answer");
    let words = line.trim_end_matches(|c: char| !c.is_alphanumeric()).rsplit(": ").next().unwrap_or(line);
    words.split(" (os error").next().unwrap_or(words).into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_the_system_says_is_found_through_all_layers() {
        for (kind, failure) in [
            (io::ErrorKind::ConnectionRefused, Failure::Refused),
            (io::ErrorKind::NetworkUnreachable, Failure::NoRoute),
            (io::ErrorKind::TimedOut, Failure::NoAnswer),
            (io::ErrorKind::ConnectionReset, Failure::NoNode),
        ] {
            let layers = io::Error::other(io::Error::other(io::Error::from(kind)));
            assert_eq!(of_io(&layers), failure, "{layers}");
        }
        let text = io::Error::other("Transport([(/ip4/127.0.0.1/tcp/9: : Connection refused (os error 111))])");
        assert_eq!(of_io(&text), Failure::Refused);
    }
}
