//! How peers take what we send them: a meter on every stream of every connection.
//!
//! Why here: libp2p's behaviours queue for a peer by the message, and do not tell whether it takes anything; the streams
//! below them do.
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
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::task::{Context, Poll, ready};
use std::time::Duration;
use tokio::time::Instant;

/// How a peer takes what we send it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Flow {
    /// Bytes that it took, or that wait in buffers of the system.
    pub(super) written: u64,
    /// For how long one of its streams has moved nothing of what we want to send on it.
    pub(super) stuck: Duration,
}

/// The meters of all connections.
#[derive(Clone, Debug, Default)]
pub(super) struct Meters(Arc<Mutex<BTreeMap<PeerId, Vec<Weak<Meter>>>>>);

/// The meter of one connection.
#[derive(Debug, Default)]
struct Meter {
    written: AtomicU64,
    streams: Mutex<Vec<Weak<StreamMeter>>>,
}

/// The meter of one stream.
#[derive(Debug)]
struct StreamMeter {
    connection: Arc<Meter>,
    stuck: Mutex<Option<Instant>>,
}

impl Meters {
    /// How each connected peer takes what we send it.
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
                stuck: sum.stuck.max(meter.stuck(now)),
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
    fn stuck(&self, now: Instant) -> Duration {
        let mut streams = lock(&self.streams);
        streams.retain(|stream| stream.strong_count() > 0);
        let since = streams.iter().filter_map(Weak::upgrade).filter_map(|stream| *lock(&stream.stuck)).min();
        since.map_or(Duration::ZERO, |since| now.saturating_duration_since(since))
    }
}

fn stream_of(meter: &Arc<Meter>) -> Arc<StreamMeter> {
    let stream = Arc::new(StreamMeter { connection: Arc::clone(meter), stuck: Mutex::new(None) });
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
        Poll::Ready(Ok(MeteredStream { stream, meter: stream_of(&self.meter) }))
    }

    fn poll_outbound(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Result<Self::Substream, M::Error>> {
        let stream = ready!(Pin::new(&mut self.muxer).poll_outbound(cx))?;
        Poll::Ready(Ok(MeteredStream { stream, meter: stream_of(&self.meter) }))
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
}

impl<S> MeteredStream<S> {
    /// Nothing moved: stuck from now on, if it was not before. Something moved: no more.
    fn note<T>(&self, moved: Poll<io::Result<T>>, bytes: impl FnOnce(&T) -> usize) -> Poll<io::Result<T>> {
        let mut stuck = lock(&self.meter.stuck);
        match &moved {
            Poll::Pending => _ = stuck.get_or_insert_with(Instant::now),
            Poll::Ready(Ok(written)) => {
                *stuck = None;
                let written = u64::try_from(bytes(written)).unwrap_or(0);
                self.meter.connection.written.fetch_add(written, Ordering::Relaxed);
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
        self.note(moved, |written| *written)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let moved = Pin::new(&mut self.stream).poll_write_vectored(cx, bytes);
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
        let mut stream = MeteredStream { stream: ours.compat(), meter: stream_of(&meter) };
        let later = Instant::now() + Duration::from_secs(60);
        stream.write_all(b"12345678").await.unwrap();
        assert_eq!(meters.flows(later)[&peer], Flow { written: 8, stuck: Duration::ZERO });
        assert!(futures::FutureExt::now_or_never(stream.write_all(b"9")).is_none());
        assert!(meters.flows(later)[&peer].stuck > Duration::from_secs(50));
        theirs.read_exact(&mut [0; 8]).await.unwrap();
        stream.write_all(b"9").await.unwrap();
        assert_eq!(meters.flows(later)[&peer], Flow { written: 9, stuck: Duration::ZERO });
        drop((stream, meter));
        assert_eq!(meters.flows(later), BTreeMap::new(), "the connection is gone");
    }
}
