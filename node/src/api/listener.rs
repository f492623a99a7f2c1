//! Connections of the API: how many there may be, and how long one may say nothing. SPEC API-10.
//!
//! Always true: a new connection never waits: without room, the longest idle one of the client with the most
//! connections is closed, but never one with a request under way (`room`), so that forgotten or malicious clients
//! cannot shut out others (and the probes); a connection without traffic for its idle time is closed. Start reading at
//! [`Door::accept`].

use super::caller::{Caller, Client};
use super::room::{SharedRoom, Yields};
use axum::serve::Listener;
use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::{TcpListener, TcpStream};
use tokio::time::{Instant, Sleep};
use tokio_util::sync::CancellationToken;

/// The socket that accepts connections.
#[derive(Debug)]
pub(super) struct Door {
    inner: TcpListener,
    room: SharedRoom,
    idle: Duration,
    accepted: u64,
}

impl Door {
    /// At most `most` connections, each closed after `idle` without a byte in either direction.
    pub(super) fn new(inner: TcpListener, most: usize, idle: Duration) -> Self {
        Self { inner, room: SharedRoom::new(most, usize::MAX, Yields::Oldest), idle, accepted: 0 }
    }

    /// The next connection for which there is room. Cancel safe.
    pub(super) async fn accept(&mut self) -> (Connection<TcpStream>, Caller) {
        loop {
            let (stream, address) = Listener::accept(&mut self.inner).await;
            self.accepted += 1;
            let (client, ended) = (Client::of(address.ip(), self.accepted), CancellationToken::new());
            // Refused only while the node works for every other connection: dropping it says so.
            if let Some(place) = self.room.take(client, 1, ended.clone()) {
                // Answers are small: they must not wait for the acknowledgement of the one before. Failing costs time only.
                drop(stream.set_nodelay(true));
                return (Connection::new(stream, self.idle), Caller::new(client, ended, place));
            }
        }
    }
}

/// One open connection.
#[derive(Debug)]
pub(super) struct Connection<S> {
    stream: S,
    idle: Duration,
    deadline: Pin<Box<Sleep>>,
}

impl<S> Connection<S> {
    fn new(stream: S, idle: Duration) -> Self {
        Self { stream, idle, deadline: Box::pin(tokio::time::sleep(idle)) }
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
        let mut connection = Connection::new(ours, Duration::from_millis(50));
        let mut byte = [0; 1];
        for _ in 0..3 {
            theirs.write_all(b"x").await.unwrap();
            connection.read_exact(&mut byte).await.unwrap();
        }
        assert_eq!(connection.read(&mut byte).await.unwrap_err().kind(), io::ErrorKind::TimedOut);
    }

    #[tokio::test]
    async fn a_connection_too_many_takes_the_place_of_the_one_that_stands_still_longest() {
        let inner = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = inner.local_addr().unwrap();
        let mut door = Door::new(inner, 2, Duration::from_secs(60));
        let mut callers = vec![];
        let mut clients = vec![];
        for _ in 0..2 {
            clients.push(TcpStream::connect(address).await.unwrap());
            callers.push(door.accept().await.1);
        }
        let working = callers[0].working();
        clients.push(TcpStream::connect(address).await.unwrap());
        let (_, third) = door.accept().await;
        assert!(callers[1].ended.is_cancelled() && !callers[0].ended.is_cancelled());
        drop(working);
        clients.push(TcpStream::connect(address).await.unwrap());
        door.accept().await;
        assert!(third.ended.is_cancelled(), "it has stood still longer than the first, which was worked for just now");
    }
}
