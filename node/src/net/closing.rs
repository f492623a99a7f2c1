//! Closing a connection takes a bounded time.
//!
//! Why here: libp2p reports a connection as closed only once its streams and its socket are closed in order. A socket
//! whose other end is gone (a host that moved to another address, a cable that was pulled) takes no byte any more, so
//! that never ends: the peer stays connected, and is never dialled again. Always true: [`CLOSE_WITHIN`] after the first
//! attempt to close, the connection counts as closed, and its socket is dropped.

use libp2p::core::StreamMuxer;
use libp2p::core::muxing::StreamMuxerEvent;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;
use tokio::time::{Sleep, sleep};

/// Written data may still leave within this time.
const CLOSE_WITHIN: Duration = Duration::from_secs(2);

/// A connection that closes within [`CLOSE_WITHIN`].
pub(super) struct Closing<M> {
    muxer: M,
    /// Runs from the first attempt to close.
    deadline: Option<Pin<Box<Sleep>>>,
}

impl<M> Closing<M> {
    pub(super) fn of(muxer: M) -> Self {
        Self { muxer, deadline: None }
    }
}

impl<M: StreamMuxer + Unpin> StreamMuxer for Closing<M> {
    type Substream = M::Substream;
    type Error = M::Error;

    fn poll_inbound(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Result<Self::Substream, M::Error>> {
        Pin::new(&mut self.muxer).poll_inbound(cx)
    }

    fn poll_outbound(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Result<Self::Substream, M::Error>> {
        Pin::new(&mut self.muxer).poll_outbound(cx)
    }

    fn poll_close(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Result<(), M::Error>> {
        if let Poll::Ready(closed) = Pin::new(&mut self.muxer).poll_close(cx) {
            return Poll::Ready(closed);
        }
        let deadline = self.deadline.get_or_insert_with(|| Box::pin(sleep(CLOSE_WITHIN)));
        deadline.as_mut().poll(cx).map(Ok)
    }

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Result<StreamMuxerEvent, M::Error>> {
        Pin::new(&mut self.muxer).poll(cx)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::convert::Infallible;
    use std::future::poll_fn;
    use tokio::time::Instant;

    /// A connection whose socket takes nothing any more.
    struct Stuck;

    impl StreamMuxer for Stuck {
        type Substream = futures::io::Cursor<Vec<u8>>;
        type Error = Infallible;

        fn poll_inbound(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Result<Self::Substream, Infallible>> {
            Poll::Pending
        }

        fn poll_outbound(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Result<Self::Substream, Infallible>> {
            Poll::Pending
        }

        fn poll_close(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
            Poll::Pending
        }

        fn poll(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Result<StreamMuxerEvent, Infallible>> {
            Poll::Pending
        }
    }

    #[tokio::test]
    async fn a_connection_whose_socket_takes_nothing_is_closed_all_the_same() {
        let (mut connection, begun) = (Closing::of(Stuck), Instant::now());
        let Ok(()) = poll_fn(|cx| Pin::new(&mut connection).poll_close(cx)).await;
        assert!(begun.elapsed() >= CLOSE_WITHIN, "what was written had time to leave");
    }
}
