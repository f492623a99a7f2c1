//! Why an address does not lead to a peer, in words that a person can act on.

use blockchat_proto::hash::Hash32;
use libp2p::PeerId;
use std::fmt;

/// Why a dial led to nothing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::net) enum Failure {
    /// The name has no address, at least not yet.
    UnknownName,
    /// Nothing listens there.
    Refused,
    /// The network does not reach there.
    NoRoute,
    /// Nothing came back.
    NoAnswer,
    /// Another node answers than expected.
    OtherPeer(PeerId),
    /// It is our own address.
    Ourselves,
    /// The other side is no node, or closed the connection early.
    NoNode,
    /// It never said which chain it is of.
    Silent,
    /// It is of the chain with this genesis, if it said so.
    OtherChain(Option<Hash32>),
    /// It has no place for us.
    Full,
    /// Another run of this identity, the peer's or ours, is connected already.
    Copied(PeerId),
    /// Something else.
    Other(String),
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::UnknownName => f.write_str("unknown name: it has no address yet"),
            Self::Refused => f.write_str("connection refused: nobody listens there"),
            Self::NoRoute => f.write_str("no route to it"),
            Self::NoAnswer => f.write_str("no answer"),
            Self::OtherPeer(found) => write!(f, "another peer answers there: {found}"),
            Self::Ourselves => f.write_str("this is our own address"),
            Self::NoNode => f.write_str("the connection ended before the handshake was done: no node answers there"),
            Self::Silent => f.write_str("it did not say which chain it is of"),
            Self::OtherChain(Some(theirs)) => write!(f, "it is of another chain, with the genesis {theirs}"),
            Self::OtherChain(None) => f.write_str("it is of another chain"),
            Self::Full => f.write_str("it is full: it has no place for one more peer"),
            Self::Copied(id) => {
                write!(f, "another node with the identity {id} is connected already, and alive: a copied home?")
            }
            Self::Other(reason) => f.write_str(reason),
        }
    }
}
