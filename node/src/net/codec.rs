//! Request-response on the wire: a big-endian u32 length, then canonical bytes. SPEC SYNC-5.
//!
//! Always true: a length prefix allocates nothing; the buffer grows as bytes arrive, up to the limit of the type. Both
//! run in the task of their connection, so that a large message delays no other. Start reading at [`read`].

use super::answers::Hold;
use blockchat_proto::codec;
use futures::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use libp2p::StreamProtocol;
use libp2p::request_response::Codec;
use serde::Serialize;
use serde::de::DeserializeOwned;
use std::io;
use std::marker::PhantomData;
use std::sync::Arc;
use tokio::time::Instant;

/// A long message is written in parts of so many bytes.
const PART_BYTES: usize = 32 * 1024;

/// An answer to send: a value, or its canonical bytes if they exist already. An answer that is read is always a value.
#[derive(Clone, Debug)]
pub(super) enum Answer<R> {
    Value(R),
    Bytes(Arc<[u8]>),
    /// Bytes that count until they are written.
    Held(Arc<[u8]>, Arc<Hold>),
}

/// One pair of request and response types with their limits in bytes.
pub(super) struct CanonicalCodec<Q, R> {
    request_max: usize,
    response_max: usize,
    types: PhantomData<fn() -> (Q, R)>,
}

impl<Q, R> CanonicalCodec<Q, R> {
    pub(super) fn new(request_max: usize, response_max: usize) -> Self {
        Self { request_max, response_max, types: PhantomData }
    }
}

impl<Q, R> Clone for CanonicalCodec<Q, R> {
    fn clone(&self) -> Self {
        Self::new(self.request_max, self.response_max)
    }
}

impl<Q, R> Codec for CanonicalCodec<Q, R>
where
    Q: Serialize + DeserializeOwned + Send + Sync + 'static,
    R: Serialize + DeserializeOwned + Send + Sync + 'static,
{
    type Protocol = StreamProtocol;
    type Request = Q;
    type Response = Answer<R>;

    async fn read_request<T>(&mut self, _: &StreamProtocol, io: &mut T) -> io::Result<Q>
    where
        T: AsyncRead + Unpin + Send,
    {
        read(io, self.request_max).await
    }

    async fn read_response<T>(&mut self, _: &StreamProtocol, io: &mut T) -> io::Result<Answer<R>>
    where
        T: AsyncRead + Unpin + Send,
    {
        read(io, self.response_max).await.map(Answer::Value)
    }

    async fn write_request<T>(&mut self, _: &StreamProtocol, io: &mut T, request: Q) -> io::Result<()>
    where
        T: AsyncWrite + Unpin + Send,
    {
        write(io, &codec::encode(&request), self.request_max).await
    }

    async fn write_response<T>(&mut self, _: &StreamProtocol, io: &mut T, response: Answer<R>) -> io::Result<()>
    where
        T: AsyncWrite + Unpin + Send,
    {
        match response {
            Answer::Value(value) => write(io, &codec::encode(&value), self.response_max).await,
            Answer::Bytes(bytes) => write(io, &bytes, self.response_max).await,
            Answer::Held(bytes, hold) => {
                write_noting(io, &bytes, self.response_max, |written| hold.moved(written, Instant::now())).await
            }
        }
    }
}

/// One message. A message that is too long or no canonical value of the type is [`io::ErrorKind::InvalidData`]; a
/// sender that went away halfway is not: that is no fault.
pub(super) async fn read<T, V>(io: &mut T, limit_bytes: usize) -> io::Result<V>
where
    T: AsyncRead + Unpin + Send,
    V: Serialize + DeserializeOwned,
{
    let mut prefix = [0; 4];
    io.read_exact(&mut prefix).await?;
    let length = u32::from_be_bytes(prefix);
    let claimed = usize::try_from(length).unwrap_or(usize::MAX);
    if claimed > limit_bytes {
        return Err(invalid(format!("a message of {claimed} bytes, the limit is {limit_bytes}")));
    }
    let mut bytes = vec![];
    io.take(u64::from(length)).read_to_end(&mut bytes).await?;
    if bytes.len() < claimed {
        return Err(io::ErrorKind::UnexpectedEof.into());
    }
    codec::decode(&bytes, limit_bytes).map_err(|error| invalid(error.to_string()))
}

pub(super) async fn write<T>(io: &mut T, bytes: &[u8], limit_bytes: usize) -> io::Result<()>
where
    T: AsyncWrite + Unpin + Send,
{
    write_noting(io, bytes, limit_bytes, |_| {}).await
}

/// In parts; after each, `moved` is told its bytes.
async fn write_noting<T>(io: &mut T, bytes: &[u8], limit_bytes: usize, moved: impl Fn(usize) + Send) -> io::Result<()>
where
    T: AsyncWrite + Unpin + Send,
{
    let length = u32::try_from(bytes.len()).ok().filter(|_| bytes.len() <= limit_bytes);
    let length = length.ok_or_else(|| io::Error::other(format!("our message of {} bytes is too long", bytes.len())))?;
    io.write_all(&length.to_be_bytes()).await?;
    for part in bytes.chunks(PART_BYTES) {
        io.write_all(part).await?;
        moved(part.len());
    }
    io.close().await
}

fn invalid(reason: String) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, reason)
}

#[cfg(test)]
mod tests {
    use super::*;
    use futures::io::Cursor;

    const LIMIT: usize = 16;

    async fn read_from(bytes: &[u8]) -> io::Result<u64> {
        read(&mut Cursor::new(bytes), LIMIT).await
    }

    #[tokio::test]
    async fn a_value_comes_through() {
        let mut wire = Cursor::new(vec![]);
        write(&mut wire, &codec::encode(&7_000_u64), LIMIT).await.unwrap();
        assert_eq!(read_from(wire.get_ref()).await.unwrap(), 7_000);
    }

    #[tokio::test]
    async fn a_length_above_the_limit_is_refused_before_anything_is_read() {
        for claimed in [u32::MAX, 17] {
            let refused = read_from(&claimed.to_be_bytes()).await.unwrap_err();
            assert_eq!(refused.kind(), io::ErrorKind::InvalidData);
        }
    }

    #[tokio::test]
    async fn other_bytes_than_the_canonical_ones_are_refused() {
        for bytes in [&[0, 0, 0, 2, 0x18, 5][..], &[0, 0, 0, 2, 5, 5], &[0, 0, 0, 0], &[0, 0, 0, 1, 0xff]] {
            assert_eq!(read_from(bytes).await.unwrap_err().kind(), io::ErrorKind::InvalidData, "{bytes:?}");
        }
    }

    #[tokio::test]
    async fn a_sender_that_goes_away_halfway_sent_no_garbage() {
        for bytes in [&[0, 0][..], &[0, 0, 0, 4, 5]] {
            assert_eq!(read_from(bytes).await.unwrap_err().kind(), io::ErrorKind::UnexpectedEof);
        }
    }

    #[tokio::test]
    async fn we_never_send_what_others_must_refuse() {
        assert!(write(&mut Cursor::new(vec![]), &[0; LIMIT + 1], LIMIT).await.is_err());
    }
}
