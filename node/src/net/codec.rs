//! Request-response on the wire: a big-endian u32 length, then canonical bytes.
//!
//! Always true: what a prefix claims is never allocated; the buffer grows as bytes arrive, up to the limit of the type.

use blockchat_proto::codec;
use futures::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use libp2p::StreamProtocol;
use libp2p::request_response::Codec;
use serde::Serialize;
use serde::de::DeserializeOwned;
use std::io;
use std::marker::PhantomData;

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
    type Response = R;

    async fn read_request<T>(&mut self, _: &StreamProtocol, io: &mut T) -> io::Result<Q>
    where
        T: AsyncRead + Unpin + Send,
    {
        read(io, self.request_max).await
    }

    async fn read_response<T>(&mut self, _: &StreamProtocol, io: &mut T) -> io::Result<R>
    where
        T: AsyncRead + Unpin + Send,
    {
        read(io, self.response_max).await
    }

    async fn write_request<T>(&mut self, _: &StreamProtocol, io: &mut T, request: Q) -> io::Result<()>
    where
        T: AsyncWrite + Unpin + Send,
    {
        write(io, &request, self.request_max).await
    }

    async fn write_response<T>(&mut self, _: &StreamProtocol, io: &mut T, response: R) -> io::Result<()>
    where
        T: AsyncWrite + Unpin + Send,
    {
        write(io, &response, self.response_max).await
    }
}

async fn read<T, V>(io: &mut T, limit_bytes: usize) -> io::Result<V>
where
    T: AsyncRead + Unpin + Send,
    V: Serialize + DeserializeOwned,
{
    let mut prefix = [0; 4];
    io.read_exact(&mut prefix).await?;
    let length = u64::from(u32::from_be_bytes(prefix));
    if usize::try_from(length).map_or(true, |length| length > limit_bytes) {
        return Err(invalid(format!("a message of {length} bytes, the limit is {limit_bytes}")));
    }
    let mut bytes = vec![];
    io.take(length).read_to_end(&mut bytes).await?;
    codec::decode(&bytes, limit_bytes).map_err(|error| invalid(error.to_string()))
}

async fn write<T, V>(io: &mut T, value: &V, limit_bytes: usize) -> io::Result<()>
where
    T: AsyncWrite + Unpin + Send,
    V: Serialize + Sync,
{
    let bytes = codec::encode(value);
    let length = u32::try_from(bytes.len()).ok().filter(|_| bytes.len() <= limit_bytes);
    let length = length.ok_or_else(|| invalid(format!("our own message of {} bytes is too long", bytes.len())))?;
    io.write_all(&length.to_be_bytes()).await?;
    io.write_all(&bytes).await?;
    io.close().await
}

fn invalid(reason: String) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, reason)
}
