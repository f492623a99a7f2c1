//! Meters of the bytes that peers take: one on every stream of every connection.
//!
//! Why here: libp2p's behaviours queue for a peer by the message, and do not tell whether it takes anything; the streams
//! below them do. Which of them carry our gossip is seen by the first bytes that we write: the name of the protocol.
//! Always true: a stream that moves no byte while we want it to is stuck since then; what is written counts once; a
//! connection that is gone has no meter.
//! Start reading at [`Meters::flows`].

use futures::io::{AsyncRead, AsyncWrite, IoSlice};
use libp2p::PeerId;
use libp2p::core::StreamMuxer;
use libp2p::core::muxing::StreamMuxerEvent;
use std::collections::BTreeMap;
use std::io;
use std::pin::Pin;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::task::{Context, Poll, ready};
use std::time::Duration;
use tokio::time::Instant;

/// The bytes that a peer takes of those we send.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Flow {
    /// Bytes that it took, or that wait in buffers of the system.
    pub(super) written: u64,
    /// For how long one of its streams has moved nothing of what we want to send on it.
    pub(super) stuck: Duration,
    /// Of these bytes, those on streams of gossip.
    pub(super) gossip_written: u64,
    /// The same of the streams of gossip.
    pub(super) gossip_stuck: Duration,
}

/// The prefix of the names of gossipsub's versions.
const GOSSIP: &[u8] = b"/meshsub/";
/// The name of a stream's protocol comes within so many bytes: `/multistream/1.0.0`, and one or two names.
const HEAD_BYTES: usize = 96;

/// The meters of all connections.
#[derive(Clone, Debug, Default)]
pub(super) struct Meters(Arc<Mutex<BTreeMap<PeerId, Vec<Weak<Meter>>>>>);

/// The meter of one connection.
#[derive(Debug, Default)]
struct Meter {
    written: AtomicU64,
    gossip_written: AtomicU64,
    streams: Mutex<Vec<Weak<StreamMeter>>>,
}

/// The meter of one stream.
#[derive(Debug)]
struct StreamMeter {
    connection: Arc<Meter>,
    gossip: AtomicBool,
    stuck: Mutex<Option<Instant>>,
}

impl Meters {
    /// The bytes that each connected peer takes of those we send.
    pub(super) fn flows(&self, now: Instant) -> BTreeMap<PeerId, Flow> {
        let mut meters = lock(&self.0);
        meters.retain(|_, all| {
            all.retain(|meter| meter.strong_count() > 0);
            !all.is_empty()
        });
        let flow = |all: &Vec<Weak<Meter>>| {
            let live = all.iter().filter_map(Weak::upgrade);
            live.fold(Flow::default(), |sum, meter| Flow {
                written: sum.written + meter.written.load(Ordering::Relaxed),
                stuck: sum.stuck.max(meter.stuck(now, |_| true)),
                gossip_written: sum.gossip_written + meter.gossip_written.load(Ordering::Relaxed),
                gossip_stuck: sum.gossip_stuck.max(meter.stuck(now, StreamMeter::is_gossip)),
            })
        };
        meters.iter().map(|(peer, all)| (*peer, flow(all))).collect()
    }

    /// A connection whose streams are measured.
    pub(super) fn over<M>(&self, peer: PeerId, muxer: M) -> Metered<M> {
        let meter = Arc::new(Meter::default());
        lock(&self.0).entry(peer).or_default().push(Arc::downgrade(&meter));
        Metered { muxer, meter }
    }
}

impl Meter {
    fn stuck(&self, now: Instant, counts: impl Fn(&StreamMeter) -> bool) -> Duration {
        let mut streams = lock(&self.streams);
        streams.retain(|stream| stream.strong_count() > 0);
        let live = streams.iter().filter_map(Weak::upgrade).filter(|stream| counts(stream));
        let since = live.filter_map(|stream| *lock(&stream.stuck)).min();
        since.map_or(Duration::ZERO, |since| now.saturating_duration_since(since))
    }
}

impl StreamMeter {
    fn is_gossip(&self) -> bool {
        self.gossip.load(Ordering::Relaxed)
    }

    fn wrote(&self, bytes: usize) {
        let bytes = u64::try_from(bytes).unwrap_or(0);
        self.connection.written.fetch_add(bytes, Ordering::Relaxed);
        if self.is_gossip() {
            self.connection.gossip_written.fetch_add(bytes, Ordering::Relaxed);
        }
    }
}

fn stream_of(meter: &Arc<Meter>) -> Arc<StreamMeter> {
    let (connection, gossip) = (Arc::clone(meter), AtomicBool::new(false));
    let stream = Arc::new(StreamMeter { connection, gossip, stuck: Mutex::new(None) });
    let mut streams = lock(&meter.streams);
    // Streams come and go all the time: one for each question.
    if streams.len() >= 64 {
        streams.retain(|stream| stream.strong_count() > 0);
    }
    streams.push(Arc::downgrade(&stream));
    stream
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// A connection with a meter.
pub(super) struct Metered<M> {
    muxer: M,
    meter: Arc<Meter>,
}

impl<M> StreamMuxer for Metered<M>
where
    M: StreamMuxer + Unpin,
    M::Substream: Unpin,
{
    type Substream = MeteredStream<M::Substream>;
    type Error = M::Error;

    fn poll_inbound(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Result<Self::Substream, M::Error>> {
        let stream = ready!(Pin::new(&mut self.muxer).poll_inbound(cx))?;
        Poll::Ready(Ok(MeteredStream::new(stream, &self.meter)))
    }

    fn poll_outbound(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Result<Self::Substream, M::Error>> {
        let stream = ready!(Pin::new(&mut self.muxer).poll_outbound(cx))?;
        Poll::Ready(Ok(MeteredStream::new(stream, &self.meter)))
    }

    fn poll_close(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Result<(), M::Error>> {
        Pin::new(&mut self.muxer).poll_close(cx)
    }

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Result<StreamMuxerEvent, M::Error>> {
        Pin::new(&mut self.muxer).poll(cx)
    }
}

/// A stream with a meter.
pub(super) struct MeteredStream<S> {
    stream: S,
    meter: Arc<StreamMeter>,
    /// The first bytes written, until it is known what they name.
    head: Vec<u8>,
}

impl<S> MeteredStream<S> {
    fn new(stream: S, connection: &Arc<Meter>) -> Self {
        Self { stream, meter: stream_of(connection), head: vec![] }
    }

    /// Is this one of gossip? What the other side writes has no say in that.
    fn read_head(&mut self, written: &[u8]) {
        if self.meter.is_gossip() || self.head.len() >= HEAD_BYTES {
            return;
        }
        self.head.extend(written.iter().take(HEAD_BYTES - self.head.len()));
        if self.head.windows(GOSSIP.len()).any(|part| part == GOSSIP) {
            self.meter.gossip.store(true, Ordering::Relaxed);
        }
    }

    /// Nothing moved: stuck from now on, if it was not before. Something moved: no more.
    fn note<T>(&self, moved: Poll<io::Result<T>>, bytes: impl FnOnce(&T) -> usize) -> Poll<io::Result<T>> {
        let mut stuck = lock(&self.meter.stuck);
        match &moved {
            Poll::Pending => _ = stuck.get_or_insert_with(Instant::now),
            Poll::Ready(Ok(written)) => {
                *stuck = None;
                self.meter.wrote(bytes(written));
            }
            Poll::Ready(Err(_)) => *stuck = None,
        }
        moved
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for MeteredStream<S> {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, into: &mut [u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_read(cx, into)
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for MeteredStream<S> {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        let moved = Pin::new(&mut self.stream).poll_write(cx, bytes);
        if let Poll::Ready(Ok(written)) = &moved {
            self.read_head(&bytes[..*written]);
        }
        self.note(moved, |written| *written)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let moved = Pin::new(&mut self.stream).poll_write_vectored(cx, bytes);
        if let Poll::Ready(Ok(mut written)) = moved {
            for part in bytes {
                let taken = part.len().min(written);
                self.read_head(&part[..taken]);
                written -= taken;
            }
        }
        self.note(moved, |written| *written)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let moved = Pin::new(&mut self.stream).poll_flush(cx);
        self.note(moved, |()| 0)
    }

    fn poll_close(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_close(cx)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use futures::io::{AsyncReadExt, AsyncWriteExt};
    use tokio_util::compat::TokioAsyncReadCompatExt;

    #[tokio::test]
    async fn a_stream_is_stuck_from_the_moment_that_it_moves_nothing_until_it_does() {
        let (ours, theirs) = tokio::io::duplex(8);
        let mut theirs = theirs.compat();
        let (meters, peer) = (Meters::default(), PeerId::random());
        let Metered { meter, .. } = meters.over(peer, ());
        let mut stream = MeteredStream::new(ours.compat(), &meter);
        let later = Instant::now() + Duration::from_secs(60);
        stream.write_all(b"12345678").await.unwrap();
        assert_eq!(meters.flows(later)[&peer], Flow { written: 8, ..Flow::default() });
        assert!(futures::FutureExt::now_or_never(stream.write_all(b"9")).is_none());
        assert!(meters.flows(later)[&peer].stuck > Duration::from_secs(50));
        assert_eq!(meters.flows(later)[&peer].gossip_stuck, Duration::ZERO, "it is none of gossip");
        theirs.read_exact(&mut [0; 8]).await.unwrap();
        stream.write_all(b"9").await.unwrap();
        assert_eq!(meters.flows(later)[&peer], Flow { written: 9, ..Flow::default() });
        drop((stream, meter));
        assert_eq!(meters.flows(later), BTreeMap::new(), "the connection is gone");
    }

    #[tokio::test]
    async fn a_stream_of_gossip_is_known_by_the_name_that_we_write_first_in_however_many_parts() {
        let (ours, _theirs) = tokio::io::duplex(1_024);
        let (meters, peer) = (Meters::default(), PeerId::random());
        let Metered { meter, .. } = meters.over(peer, ());
        let mut stream = MeteredStream::new(ours.compat(), &meter);
        for part in ["\x13/multistream/1.0.0\n\x0f/mesh", "sub/1.3.0\n"] {
            stream.write_all(part.as_bytes()).await.unwrap();
        }
        stream.write_all(&[7; 100]).await.unwrap();
        assert_eq!(meters.flows(Instant::now())[&peer].gossip_written, 110, "from the part that tells on");
        assert!(futures::FutureExt::now_or_never(stream.write_all(&[7; 2_000])).is_none());
        let later = meters.flows(Instant::now() + Duration::from_secs(60))[&peer];
        assert!(later.gossip_stuck > Duration::from_secs(50) && later.gossip_stuck == later.stuck);
    }

    #[tokio::test]
    async fn what_is_written_after_the_name_of_another_protocol_makes_no_gossip_of_it() {
        let (ours, _theirs) = tokio::io::duplex(1_024);
        let (meters, peer) = (Meters::default(), PeerId::random());
        let Metered { meter, .. } = meters.over(peer, ());
        let mut stream = MeteredStream::new(ours.compat(), &meter);
        stream.write_all(&[b'x'; HEAD_BYTES]).await.unwrap();
        stream.write_all(GOSSIP).await.unwrap();
        assert_eq!(meters.flows(Instant::now())[&peer].gossip_written, 0);
    }
}
