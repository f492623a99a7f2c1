//! Follows the chain: every final block once, in order, from any running node.
//!
//! Owns: the choice of the node to read, and the pace. Does not own: the use of the blocks (`board`, `witness`).

use super::sender::SharedBoard;
use crate::processes::supervise::Watched;
use crate::witness::SharedWitness;
use blockchat_client::Client;
use blockchat_proto::units::Height;
use std::time::{Duration, Instant};
use tokio::time::sleep;

/// Interval between requests for the tip. An answer costs a node about 50 us.
const ASK_EVERY: Duration = Duration::from_millis(10);

/// Reads blocks until it is dropped.
#[derive(Debug)]
pub struct Follower {
    /// All nodes; the first running one is read.
    pub nodes: Vec<Watched>,
    /// Height of the first block to read.
    pub from: Height,
    /// The channel for blocks.
    pub board: SharedBoard,
    /// The record of reported blocks.
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

    /// The first running node, from index `reading` on.
    fn first_up(&self, reading: usize) -> Option<(usize, Client)> {
        let count = self.nodes.len();
        let order = (reading..reading + count).map(|index| index % count);
        order.filter_map(|index| Some((index, self.nodes[index].client()?))).next()
    }

    /// Another node that has reported this height, if there is one: then the current node is behind.
    async fn one_ahead(&self, next: Height) -> Option<usize> {
        self.witness.with(|witness| witness.who_reached(next)).filter(|node| self.nodes[*node].client().is_some())
    }
}
