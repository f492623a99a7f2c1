//! Connections of the API: how many there may be, and how long one may say nothing.
//!
//! Always true: at most [`Limited`]'s number of connections are open; one on which nothing moves for its idle time is
//! closed, so that forgotten or malicious clients cannot keep everybody else (and the probes) out.

use axum::serve::Listener;
use std::io;
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::{Instant, Sleep};

/// Accepts only while there is a place.
#[derive(Debug)]
pub(super) struct Limited {
    inner: TcpListener,
    places: Arc<Semaphore>,
    idle: Duration,
}

impl Limited {
    /// At most `most` connections, each closed after `idle` without a byte in either direction.
    pub(super) fn new(inner: TcpListener, most: usize, idle: Duration) -> Self {
        Self { inner, places: Arc::new(Semaphore::new(most)), idle }
    }
}

impl Listener for Limited {
    type Io = Connection<TcpStream>;
    type Addr = SocketAddr;

    async fn accept(&mut self) -> (Self::Io, Self::Addr) {
        let place = Arc::clone(&self.places).acquire_owned().await.expect("the semaphore is never closed");
        let (stream, address) = Listener::accept(&mut self.inner).await;
        // Answers are small: they must not wait for the acknowledgement of the one before. Failing costs time only.
        drop(stream.set_nodelay(true));
        (Connection::new(stream, self.idle, Some(place)), address)
    }

    fn local_addr(&self) -> io::Result<Self::Addr> {
        self.inner.local_addr()
    }
}

/// One open connection.
#[derive(Debug)]
pub(super) struct Connection<S> {
    stream: S,
    idle: Duration,
    deadline: Pin<Box<Sleep>>,
    /// Given back when the connection is dropped.
    _place: Option<OwnedSemaphorePermit>,
}

impl<S> Connection<S> {
    fn new(stream: S, idle: Duration, place: Option<OwnedSemaphorePermit>) -> Self {
        Self { stream, idle, deadline: Box::pin(tokio::time::sleep(idle)), _place: place }
    }

    /// Something moved: the wait begins anew. Nothing moves: an error once the wait is over.
    fn judge<T>(&mut self, moved: Poll<io::Result<T>>, cx: &mut Context<'_>) -> Poll<io::Result<T>> {
        if moved.is_ready() {
            self.deadline.as_mut().reset(Instant::now() + self.idle);
            return moved;
        }
        ready!(self.deadline.as_mut().poll(cx));
        Poll::Ready(Err(io::ErrorKind::TimedOut.into()))
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for Connection<S> {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let moved = Pin::new(&mut self.stream).poll_read(cx, buf);
        self.judge(moved, cx)
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Connection<S> {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        let moved = Pin::new(&mut self.stream).poll_write(cx, bytes);
        self.judge(moved, cx)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use tokio::io::{AsyncReadExt, AsyncWriteExt};

    #[tokio::test]
    async fn a_silent_connection_ends_and_a_talking_one_does_not() {
        let (ours, mut theirs) = tokio::io::duplex(64);
        let mut connection = Connection::new(ours, Duration::from_millis(50), None);
        let mut byte = [0; 1];
        for _ in 0..3 {
            theirs.write_all(b"x").await.unwrap();
            connection.read_exact(&mut byte).await.unwrap();
        }
        assert_eq!(connection.read(&mut byte).await.unwrap_err().kind(), io::ErrorKind::TimedOut);
    }

    #[tokio::test]
    async fn a_connection_too_many_waits_for_a_place() {
        let inner = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = inner.local_addr().unwrap();
        let mut limited = Limited::new(inner, 1, Duration::from_secs(60));
        let _clients = (TcpStream::connect(address).await.unwrap(), TcpStream::connect(address).await.unwrap());
        let (first, _) = limited.accept().await;
        assert!(futures::FutureExt::now_or_never(limited.accept()).is_none(), "the place is taken");
        drop(first);
        limited.accept().await;
    }
}
