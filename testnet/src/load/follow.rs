//! Follows the chain: every final block, once, in order, from whichever node is up.
//!
//! Owns: which node is read, and how often. Does not own: what the blocks mean (`board`, `witness`).

use super::sender::SharedBoard;
use crate::processes::supervise::Watched;
use crate::witness::SharedWitness;
use blockchat_client::Client;
use blockchat_proto::units::Height;
use std::time::{Duration, Instant};
use tokio::time::sleep;

/// How often the tip is asked for. An answer costs a node about 50 us.
const ASK_EVERY: Duration = Duration::from_millis(10);

/// Reads blocks until it is dropped.
#[derive(Debug)]
pub struct Follower {
    /// All nodes; the first that is up is read.
    pub nodes: Vec<Watched>,
    /// The first block that is read.
    pub from: Height,
    /// The channel for blocks.
    pub board: SharedBoard,
    /// And what was reported as final.
    pub witness: SharedWitness,
}

impl Follower {
    /// Never ends by itself.
    pub async fn run(self) {
        let mut next = self.from;
        let mut reading = 0;
        loop {
            let Some((node, client)) = self.first_up(reading) else {
                sleep(ASK_EVERY).await;
                continue;
            };
            reading = node;
            match client.block_at(next).await {
                Ok(Some(block)) => {
                    self.witness.with(|witness| witness.saw(node, block.height, block.hash));
                    self.board.change(|board| board.block(&block, Instant::now()));
                    next = next.next();
                }
                Ok(None) => {
                    reading = self.one_ahead(next).await.unwrap_or(reading);
                    sleep(ASK_EVERY).await;
                }
                Err(_) => {
                    reading += 1;
                    sleep(ASK_EVERY).await;
                }
            }
        }
    }

    /// The first node that is up, from `reading` on.
    fn first_up(&self, reading: usize) -> Option<(usize, Client)> {
        let count = self.nodes.len();
        let order = (reading..reading + count).map(|index| index % count);
        order.filter_map(|index| Some((index, self.nodes[index].client()?))).next()
    }

    /// Another node that has reported this height: then the one being read is behind.
    async fn one_ahead(&self, next: Height) -> Option<usize> {
        self.witness.with(|witness| witness.who_reached(next)).filter(|node| self.nodes[*node].client().is_some())
    }
}
