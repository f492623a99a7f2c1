//! TCP whose bytes are counted and whose beginnings are limited, with encryption and streams on top. SPEC NET-1.
//!
//! libp2p's own bandwidth metrics bring a metrics library along and count inside the streams; this counts the real
//! bytes of the socket. And libp2p refuses the newest of too many connections that are being made, so that a few silent
//! ones shut out all others; here the oldest goes (`half_open`).

use super::address::without_peer;
use super::closing::Closing;
use super::config::NetError;
use super::membership::half_open::{HALF_OPEN_FOR, HalfOpen};
use super::meter::Meters;
use crate::traffic::Traffic;
use futures::io::{AsyncRead, AsyncWrite, IoSlice, IoSliceMut};
use libp2p::core::ConnectedPoint;
use libp2p::core::muxing::StreamMuxerBox;
use libp2p::core::transport::Boxed;
use libp2p::core::upgrade::Version;
use libp2p::identity::Keypair;
use libp2p::{Multiaddr, PeerId, Transport, noise, tcp, yamux};
use std::collections::BTreeMap;
use std::io;
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, ready};
use tokio::sync::oneshot;
use tokio::time::{Sleep, sleep};

/// Maximum streams of one connection: one per request, and a few that stay. Each may hold 256 KiB that are not read
/// yet.
const STREAMS_MAX: usize = 128;

/// The transport of a node with this identity.
pub(super) fn counted(
    key: &Keypair,
    traffic: Arc<Traffic>,
    meters: Meters,
) -> Result<Boxed<(PeerId, StreamMuxerBox)>, NetError> {
    let noise = noise::Config::new(key).map_err(|error| NetError::Setup(error.to_string()))?;
    let tcp = tcp::tokio::Transport::new(tcp::Config::default().nodelay(true));
    let door = Door::default();
    let grown = door.clone();
    let counted = tcp.map(move |stream, point| {
        let (address, inbound) = match &point {
            ConnectedPoint::Dialer { address, .. } => (address, false),
            ConnectedPoint::Listener { send_back_addr, .. } => (send_back_addr, true),
        };
        let own = traffic.connected(endpoint_key(address, inbound));
        Counted { stream, traffic, own, youth: door.arrived(&point) }
    });
    let mut streams = yamux::Config::default();
    streams.set_max_num_streams(STREAMS_MAX);
    let secured = counted.upgrade(Version::V1Lazy).authenticate(noise).multiplex(streams);
    let transport = secured.map(move |(peer, muxer), point| {
        grown.grown(&point);
        (peer, StreamMuxerBox::new(Closing::of(meters.over(peer, muxer))))
    });
    Ok(transport.boxed())
}

/// Connections that others made and that are not encrypted yet.
#[derive(Clone, Default)]
struct Door(Arc<Mutex<Young>>);

#[derive(Default)]
struct Young {
    half_open: HalfOpen<oneshot::Sender<()>>,
    /// Their numbers, by where they came from.
    numbers: BTreeMap<Multiaddr, u64>,
}

impl Door {
    /// `None` for those that we made.
    fn arrived(&self, point: &ConnectedPoint) -> Option<Youth> {
        let ConnectedPoint::Listener { send_back_addr, .. } = point else { return None };
        let (end, ended) = oneshot::channel();
        let mut young = self.lock();
        let number = young.half_open.arrived(super::address::ip_of(send_back_addr), end);
        young.numbers.insert(send_back_addr.clone(), number);
        let (door, from) = (self.clone(), send_back_addr.clone());
        Some(Youth { door, from, number, ended, deadline: Box::pin(sleep(HALF_OPEN_FOR)) })
    }

    /// It is encrypted now.
    fn grown(&self, point: &ConnectedPoint) {
        let mut young = self.lock();
        let number = young.numbers.remove(point.get_remote_address());
        if let Some(end) = number.and_then(|number| young.half_open.over(number)) {
            // It may be closed already.
            _ = end.send(());
        }
    }

    fn gone(&self, from: &Multiaddr, number: u64) {
        let mut young = self.lock();
        young.half_open.over(number);
        if young.numbers.get(from) == Some(&number) {
            young.numbers.remove(from);
        }
    }

    fn lock(&self) -> MutexGuard<'_, Young> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The time until a connection is encrypted.
struct Youth {
    door: Door,
    from: Multiaddr,
    number: u64,
    /// Told when it is over well; dropped when another one needs the place.
    ended: oneshot::Receiver<()>,
    deadline: Pin<Box<Sleep>>,
}

impl Drop for Youth {
    fn drop(&mut self) {
        self.door.gone(&self.from, self.number);
    }
}

/// The common name of a connection in the transport and in the swarm, which knows its peer. A peer that is dialled
/// twice at one address at a time has one name twice: its bytes are counted together.
pub(super) fn endpoint_key(address: &Multiaddr, inbound: bool) -> String {
    format!("{} {}", if inbound { "in" } else { "out" }, without_peer(address))
}

/// A stream that says how much went through it.
struct Counted<S> {
    stream: S,
    /// Of all connections.
    traffic: Arc<Traffic>,
    /// Of this one.
    own: Arc<Traffic>,
    youth: Option<Youth>,
}

impl<S> Counted<S> {
    fn received(&self, bytes: usize) {
        self.traffic.received(bytes);
        self.own.received(bytes);
    }

    fn sent(&self, bytes: usize) {
        self.traffic.sent(bytes);
        self.own.sent(bytes);
    }

    /// An error once it has to make room for another one, or was too slow.
    fn look_at_youth(&mut self, cx: &mut Context<'_>) -> io::Result<()> {
        let Some(youth) = &mut self.youth else { return Ok(()) };
        match Pin::new(&mut youth.ended).poll(cx) {
            Poll::Ready(Ok(())) => self.youth = None,
            Poll::Ready(Err(_)) => return Err(io::ErrorKind::ConnectionAborted.into()),
            Poll::Pending if youth.deadline.as_mut().poll(cx).is_ready() => {
                return Err(io::ErrorKind::TimedOut.into());
            }
            Poll::Pending => {}
        }
        Ok(())
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for Counted<S> {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, into: &mut [u8]) -> Poll<io::Result<usize>> {
        self.look_at_youth(cx)?;
        let read = ready!(Pin::new(&mut self.stream).poll_read(cx, into))?;
        self.received(read);
        Poll::Ready(Ok(read))
    }

    fn poll_read_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        into: &mut [IoSliceMut<'_>],
    ) -> Poll<io::Result<usize>> {
        self.look_at_youth(cx)?;
        let read = ready!(Pin::new(&mut self.stream).poll_read_vectored(cx, into))?;
        self.received(read);
        Poll::Ready(Ok(read))
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Counted<S> {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        self.look_at_youth(cx)?;
        let written = ready!(Pin::new(&mut self.stream).poll_write(cx, bytes))?;
        self.sent(written);
        Poll::Ready(Ok(written))
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        self.look_at_youth(cx)?;
        let written = ready!(Pin::new(&mut self.stream).poll_write_vectored(cx, bytes))?;
        self.sent(written);
        Poll::Ready(Ok(written))
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(cx)
    }

    fn poll_close(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_close(cx)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use futures::io::{AsyncReadExt, AsyncWriteExt, Cursor};

    #[tokio::test]
    async fn what_goes_through_is_counted_each_way() {
        let traffic = Arc::new(Traffic::default());
        let own = traffic.connected("in a".into());
        let mut stream = Counted { stream: Cursor::new(vec![0; 10]), traffic: Arc::clone(&traffic), own, youth: None };
        stream.write_all(&[1; 4]).await.unwrap();
        let mut rest = vec![];
        stream.read_to_end(&mut rest).await.unwrap();
        let counted = traffic.so_far();
        assert_eq!((counted.sent_bytes, counted.received_bytes), (4, 6));
        assert_eq!(traffic.of_connection("in a").unwrap().so_far(), counted);
        drop(stream);
        assert!(traffic.of_connection("in a").is_none(), "it is gone");
    }
}
