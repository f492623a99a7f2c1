//! Bytes as they are on a stream: nothing is encoded, checked or put together.
//!
//! Start reading at [`Wire`].

use futures::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use libp2p::StreamProtocol;
use libp2p::request_response::Codec;
use std::io;

/// A question is a list of writes, each flushed before the next; an answer is all that comes.
#[derive(Clone, Default)]
pub(super) struct Wire;

impl Codec for Wire {
    type Protocol = StreamProtocol;
    type Request = Vec<Vec<u8>>;
    type Response = Vec<u8>;

    async fn read_request<T>(&mut self, _: &StreamProtocol, io: &mut T) -> io::Result<Vec<Vec<u8>>>
    where
        T: AsyncRead + Unpin + Send,
    {
        let mut prefix = [0; 4];
        io.read_exact(&mut prefix).await?;
        let mut bytes = vec![0; usize::try_from(u32::from_be_bytes(prefix)).unwrap()];
        io.read_exact(&mut bytes).await.map(|()| vec![bytes])
    }

    async fn read_response<T>(&mut self, _: &StreamProtocol, io: &mut T) -> io::Result<Vec<u8>>
    where
        T: AsyncRead + Unpin + Send,
    {
        let mut bytes = vec![];
        io.read_to_end(&mut bytes).await.map(|_| bytes)
    }

    async fn write_request<T>(&mut self, _: &StreamProtocol, io: &mut T, writes: Vec<Vec<u8>>) -> io::Result<()>
    where
        T: AsyncWrite + Unpin + Send,
    {
        for bytes in writes {
            io.write_all(&bytes).await?;
            io.flush().await?;
        }
        io.close().await
    }

    async fn write_response<T>(&mut self, _: &StreamProtocol, io: &mut T, bytes: Vec<u8>) -> io::Result<()>
    where
        T: AsyncWrite + Unpin + Send,
    {
        io.write_all(&bytes).await?;
        io.close().await
    }
}

/// A message as it should be: its length, and its bytes.
pub(super) fn frame(bytes: &[u8]) -> Vec<u8> {
    [&u32::try_from(bytes.len()).unwrap().to_be_bytes()[..], bytes].concat()
}

/// The bytes of one whole message.
#[track_caller]
pub(super) fn unframe(message: &[u8]) -> Vec<u8> {
    let (prefix, bytes) = message.split_first_chunk().expect("a length");
    assert_eq!(usize::try_from(u32::from_be_bytes(*prefix)).unwrap(), bytes.len(), "one message, whole");
    bytes.to_vec()
}

/// One message of gossipsub as its protocol buffers have it: an RPC with one `publish`, its length before it.
pub(super) fn gossip_frame(topic: &str, data: &[u8]) -> Vec<u8> {
    let message = [field(2, data), field(4, topic.as_bytes())].concat();
    let rpc = field(2, &message);
    [varint(rpc.len()), rpc].concat()
}

/// A length-delimited field of a protocol buffer.
fn field(number: u8, bytes: &[u8]) -> Vec<u8> {
    [vec![number << 3 | 2], varint(bytes.len()), bytes.to_vec()].concat()
}

fn varint(mut value: usize) -> Vec<u8> {
    let mut bytes = vec![];
    while value > 0x7f {
        bytes.push(u8::try_from(value & 0x7f).expect("seven bits") | 0x80);
        value >>= 7;
    }
    bytes.push(u8::try_from(value).expect("seven bits"));
    bytes
}
