//! Bytes on their way: one connection is two pipes, each under the shape of its direction.
//!
//! Always true: the news that one end has closed its socket travels like any other byte; over a direction that is held it
//! arrives when the direction is open again.

use super::shape::Shape;
use std::future::pending;
use std::io;
use std::net::Ipv4Addr;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};
use tokio::sync::{mpsc, watch};
use tokio::time::{Instant, sleep_until};

/// Most bytes read at once: a slow link is shared in pieces of this size.
const PIECE_BYTES: usize = 16 * 1024;
/// Pieces on their way in one pipe, at most.
const PIECES_MAX: usize = 1_024;
/// A sender runs so far ahead of a link with little bandwidth: what a socket's buffer holds.
const AHEAD: Duration = Duration::from_millis(50);

/// All bytes from one node to another.
#[derive(Debug)]
pub(super) struct Way {
    pub(super) shape: watch::Sender<Shape>,
    /// When the wire is free again, if it has a bandwidth.
    free_at: Mutex<Option<Instant>>,
    pub(super) passed: AtomicU64,
    pub(super) stopped: AtomicU64,
}

impl Default for Way {
    fn default() -> Self {
        Self {
            shape: watch::Sender::new(Shape::default()),
            free_at: Mutex::new(None),
            passed: AtomicU64::new(0),
            stopped: AtomicU64::new(0),
        }
    }
}

impl Way {
    /// Waits until these bytes may go onto the wire; when they arrive.
    async fn take_turn(&self, bytes: usize) -> Instant {
        let shape = *self.shape.borrow();
        let now = Instant::now();
        let gone_at = match shape.bytes_per_s {
            None => now,
            Some(rate) => self.wire_taken(now, bytes, rate),
        };
        if gone_at > now + AHEAD {
            sleep_until(gone_at - AHEAD).await;
        }
        gone_at + shape.delay + shape.jitter.mul_f64(rand::random())
    }

    fn wire_taken(&self, now: Instant, bytes: usize, rate: u64) -> Instant {
        let mut free_at = self.free_at.lock().unwrap_or_else(PoisonError::into_inner);
        let takes = Duration::from_secs_f64(bytes as f64 / rate.max(1) as f64);
        let gone_at = free_at.map_or(now, |free| free.max(now)) + takes;
        *free_at = Some(gone_at);
        gone_at
    }

    /// Waits while the way is held.
    async fn open(&self) {
        let mut shape = self.shape.subscribe();
        // It never closes: we hold the sender.
        drop(shape.wait_for(|shape| !shape.held).await);
    }

    fn is_held(&self) -> bool {
        self.shape.borrow().held
    }

    fn count(counter: &AtomicU64, bytes: usize) {
        counter.fetch_add(u64::try_from(bytes).unwrap_or(u64::MAX), Ordering::Relaxed);
    }
}

/// The shape of the connections of a link.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Door {
    shut: bool,
    /// Connections with a lower number are closed,
    closed_below: u64,
    /// and these are dead, without being closed.
    dead_below: u64,
    next: u64,
    turned_away: u64,
}

/// The door of one link.
#[derive(Debug)]
pub(super) struct Doors(watch::Sender<Door>);

impl Default for Doors {
    fn default() -> Self {
        Self(watch::Sender::new(Door::default()))
    }
}

/// A connection that was let in.
pub(super) struct Ticket {
    number: u64,
    door: watch::Receiver<Door>,
}

impl Doors {
    pub(super) fn shut(&self) {
        self.0.send_modify(|door| (door.shut, door.closed_below) = (true, door.next));
    }

    pub(super) fn open(&self) {
        self.0.send_modify(|door| door.shut = false);
    }

    pub(super) fn kill(&self) {
        self.0.send_modify(|door| door.dead_below = door.next);
    }

    /// Let in, and turned away.
    pub(super) fn counts(&self) -> (u64, u64) {
        let door = self.0.borrow();
        (door.next, door.turned_away)
    }

    pub(super) fn admit(&self) -> Option<Ticket> {
        let mut number = None;
        self.0.send_modify(|door| match door.shut {
            true => door.turned_away += 1,
            false => {
                number = Some(door.next);
                door.next += 1;
            }
        });
        Some(Ticket { number: number?, door: self.0.subscribe() })
    }
}

impl Ticket {
    fn is_dead(&self) -> bool {
        self.door.borrow().dead_below > self.number
    }

    async fn closed(&self) {
        let mut door = self.door.clone();
        if door.wait_for(|door| door.closed_below > self.number).await.is_err() {
            pending::<()>().await;
        }
    }
}

/// Carries one connection to the node that listens at `port`, until either end closes it or its link is cut.
pub(super) async fn connection(near: TcpStream, port: u16, ticket: Ticket, there: Arc<Way>, back: Arc<Way>) {
    let Ok(far) = TcpStream::connect((Ipv4Addr::LOCALHOST, port)).await else {
        return;
    };
    // Small messages do not wait for more: delay is ours alone. A socket that refuses is a little slower.
    let _ = (near.set_nodelay(true), far.set_nodelay(true));
    let ((near_in, near_out), (far_in, far_out)) = (near.into_split(), far.into_split());
    let carried = async {
        tokio::try_join!(
            carry(near_in, far_out, &ticket, &there, &back),
            carry(far_in, near_out, &ticket, &back, &there)
        )
    };
    tokio::select! {
        _ = carried => {}
        () = ticket.closed() => {}
    }
}

/// One direction, until its source ends.
async fn carry(
    mut from: OwnedReadHalf,
    mut to: OwnedWriteHalf,
    ticket: &Ticket,
    way: &Way,
    reverse: &Way,
) -> io::Result<()> {
    let (send, mut on_its_way) = mpsc::channel::<(Instant, Vec<u8>)>(PIECES_MAX);
    let depart = async move {
        let mut last = Instant::now();
        let mut piece = vec![0; PIECE_BYTES];
        loop {
            // A socket that was reset has ended like one that was closed: the news takes the same way.
            let bytes = from.read(&mut piece).await.unwrap_or(0);
            if bytes == 0 {
                return Ok(());
            }
            last = last.max(way.take_turn(bytes).await);
            if send.send((last, piece[..bytes].to_vec())).await.is_err() {
                return Ok(());
            }
        }
    };
    let arrive = async {
        while let Some((due, piece)) = on_its_way.recv().await {
            sleep_until(due).await;
            passed_the_gate(ticket, way, piece.len()).await;
            if let Err(error) = to.write_all(&piece).await {
                // The other end is closed; the news goes back the other way.
                reverse.open().await;
                return Err(error);
            }
            Way::count(&way.passed, piece.len());
        }
        passed_the_gate(ticket, way, 0).await;
        to.shutdown().await
    };
    tokio::try_join!(depart, arrive).map(|((), ())| ())
}

/// Waits while the way is held; for ever, if the connection is dead.
async fn passed_the_gate(ticket: &Ticket, way: &Way, bytes: usize) {
    if way.is_held() || ticket.is_dead() {
        Way::count(&way.stopped, bytes);
    }
    way.open().await;
    if ticket.is_dead() {
        pending::<()>().await;
    }
}
