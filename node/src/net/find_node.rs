//! One question of Kademlia, `FIND_NODE`, as we ask it: whom do you know near this point? SPEC NET-2.
//!
//! Why by ourselves: libp2p's Kademlia answers others for us, but when it asks, it dials at once all that are named in
//! an answer, and does not tell which peer named them. We ask connected peers, and decide then (`membership`).
//!
//! The wire: a length as a varint, then a protobuf message {1: type, 2: key, 8: closer peers {1: id, 2: addresses}}.
//! Always true: nothing is allocated on the strength of a claimed length; what cannot be read costs an answer, no more.
//! Start reading at [`FindNode`].

use futures::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use libp2p::request_response::Codec;
use libp2p::{Multiaddr, PeerId, StreamProtocol};
use std::io;

/// Longest message of Kademlia.
const MESSAGE_BYTES_MAX: usize = 16 * 1024;
/// Most peers that are read of an answer.
const PEERS_MAX: usize = 20;
/// Most addresses that are read of a peer.
const ADDRESSES_MAX: usize = 16;
/// `FIND_NODE` as a type of message.
const FIND_NODE: u64 = 4;

/// The peers that a peer knows.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Neighbours(pub(super) Vec<(PeerId, Vec<Multiaddr>)>);

/// Asks; never answers.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct FindNode;

impl Codec for FindNode {
    type Protocol = StreamProtocol;
    type Request = PeerId;
    type Response = Neighbours;

    async fn read_request<T>(&mut self, _: &StreamProtocol, _: &mut T) -> io::Result<PeerId>
    where
        T: AsyncRead + Unpin + Send,
    {
        Err(io::ErrorKind::Unsupported.into())
    }

    async fn read_response<T>(&mut self, _: &StreamProtocol, io: &mut T) -> io::Result<Neighbours>
    where
        T: AsyncRead + Unpin + Send,
    {
        let length = read_length(io).await?;
        let mut bytes = vec![];
        io.take(u64::try_from(length).unwrap_or(0)).read_to_end(&mut bytes).await?;
        if bytes.len() < length {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        decode(&bytes).ok_or_else(|| io::ErrorKind::InvalidData.into())
    }

    async fn write_request<T>(&mut self, _: &StreamProtocol, io: &mut T, near: PeerId) -> io::Result<()>
    where
        T: AsyncWrite + Unpin + Send,
    {
        io.write_all(&encode(&near)).await?;
        io.flush().await
    }

    async fn write_response<T>(&mut self, _: &StreamProtocol, _: &mut T, _: Neighbours) -> io::Result<()>
    where
        T: AsyncWrite + Unpin + Send,
    {
        Err(io::ErrorKind::Unsupported.into())
    }
}

/// The question, with its length.
fn encode(near: &PeerId) -> Vec<u8> {
    let key = near.to_bytes();
    let length = u8::try_from(key.len()).expect("a peer id is some 40 bytes long");
    let message = [&[0x08, 0x04, 0x12, length][..], &key].concat();
    let all = u8::try_from(message.len()).expect("and the message a little longer");
    [&[all][..], &message].concat()
}

async fn read_length<T: AsyncRead + Unpin + Send>(io: &mut T) -> io::Result<usize> {
    let mut length = 0_usize;
    for shift in [0, 7, 14] {
        let mut byte = [0];
        io.read_exact(&mut byte).await?;
        length |= usize::from(byte[0] & 0x7f) << shift;
        if byte[0] < 0x80 {
            return if length <= MESSAGE_BYTES_MAX { Ok(length) } else { Err(io::ErrorKind::InvalidData.into()) };
        }
    }
    Err(io::ErrorKind::InvalidData.into())
}

/// One field of a protobuf message.
enum Field<'a> {
    Number(u64),
    Bytes(&'a [u8]),
}

/// Takes a field off the front: its number and content. `None` if there is none.
fn field<'a>(rest: &mut &'a [u8]) -> Option<(u64, Field<'a>)> {
    let tag = varint(rest)?;
    let held = match tag & 7 {
        0 => Field::Number(varint(rest)?),
        1 => Field::Bytes(split(rest, 8)?),
        2 => {
            let length = usize::try_from(varint(rest)?).ok()?;
            Field::Bytes(split(rest, length)?)
        }
        5 => Field::Bytes(split(rest, 4)?),
        _ => return None,
    };
    Some((tag >> 3, held))
}

fn varint(rest: &mut &[u8]) -> Option<u64> {
    let mut number = 0_u64;
    for shift in (0..64).step_by(7) {
        let (byte, behind) = rest.split_first()?;
        *rest = behind;
        number |= u64::from(byte & 0x7f).checked_shl(shift)?;
        if *byte < 0x80 {
            return Some(number);
        }
    }
    None
}

fn split<'a>(rest: &mut &'a [u8], length: usize) -> Option<&'a [u8]> {
    let (front, behind) = rest.split_at_checked(length)?;
    *rest = behind;
    Some(front)
}

/// `None` for what is no answer to our question. Single peers that make no sense are left out.
fn decode(mut rest: &[u8]) -> Option<Neighbours> {
    let mut found = vec![];
    let mut kind = 0;
    while !rest.is_empty() {
        match field(&mut rest)? {
            (1, Field::Number(number)) => kind = number,
            (8, Field::Bytes(peer)) if found.len() < PEERS_MAX => found.extend(decode_peer(peer)?),
            _ => {}
        }
    }
    (kind == FIND_NODE).then_some(Neighbours(found))
}

fn decode_peer(mut rest: &[u8]) -> Option<Option<(PeerId, Vec<Multiaddr>)>> {
    let (mut id, mut addresses) = (None, vec![]);
    while !rest.is_empty() {
        match field(&mut rest)? {
            (1, Field::Bytes(bytes)) => id = PeerId::from_bytes(bytes).ok(),
            (2, Field::Bytes(bytes)) if addresses.len() < ADDRESSES_MAX => {
                addresses.extend(Multiaddr::try_from(bytes.to_vec()).ok());
            }
            _ => {}
        }
    }
    Some(id.map(|id| (id, addresses)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use futures::io::Cursor;

    fn peer(id: &PeerId, addresses: &[&str]) -> Vec<u8> {
        let part =
            |number: u8, bytes: &[u8]| [&[number << 3 | 2, u8::try_from(bytes.len()).unwrap()][..], bytes].concat();
        let addresses = addresses.iter().map(|text| text.parse::<Multiaddr>().unwrap().to_vec());
        let all = [part(1, &id.to_bytes())].into_iter().chain(addresses.map(|bytes| part(2, &bytes)));
        let peer = all.chain([vec![0x18, 1]]).collect::<Vec<_>>().concat();
        part(8, &peer)
    }

    async fn read(message: &[u8]) -> io::Result<Neighbours> {
        let length = [u8::try_from(message.len() & 0x7f).unwrap() | 0x80, u8::try_from(message.len() >> 7).unwrap()];
        let mut wire = Cursor::new([&length[..], message].concat());
        FindNode.read_response(&StreamProtocol::new("/test"), &mut wire).await
    }

    #[tokio::test]
    async fn those_that_are_named_are_read_with_their_addresses() {
        let (one, two) = (PeerId::random(), PeerId::random());
        let address = "/ip4/10.0.0.1/tcp/7475";
        let answer = [vec![0x08, 4, 0x50, 10], peer(&one, &[address]), peer(&two, &[])].concat();
        assert_eq!(
            read(&answer).await.unwrap(),
            Neighbours(vec![(one, vec![address.parse().unwrap()]), (two, vec![])])
        );
    }

    #[tokio::test]
    async fn what_makes_no_sense_is_refused_and_too_much_is_cut_off() {
        for wrong in [&[][..], &[0x08, 5], &[0x08], &[0x42, 9, 1], &[0x08, 4, 0x43], &[0xff; 11]] {
            assert!(read(wrong).await.is_err(), "{wrong:?}");
        }
        let many = (0..40).flat_map(|_| peer(&PeerId::random(), &["/ip4/10.0.0.1/tcp/1"; 3])).collect::<Vec<_>>();
        assert_eq!(read(&[&[0x08, 4][..], &many].concat()).await.unwrap().0.len(), PEERS_MAX);
        let mut long = Cursor::new(vec![0xff, 0xff, 0x7f]);
        assert!(FindNode.read_response(&StreamProtocol::new("/test"), &mut long).await.is_err());
    }

    #[test]
    fn the_question_is_one_that_kademlia_understands() {
        let near = PeerId::random();
        let bytes = encode(&near);
        assert_eq!(usize::from(bytes[0]), bytes.len() - 1);
        assert_eq!(bytes[1..5], [0x08, 4, 0x12, u8::try_from(near.to_bytes().len()).unwrap()]);
        assert_eq!(bytes[5..], near.to_bytes());
    }
}
