//! Speed of a network of real nodes: figures that a command prints, never an assertion about time.
//!
//! Owns: the load signed beforehand, the phases, the arithmetic. Does not own: starting nodes (`processes`), what a node
//! does. Always true: a transaction counts when every node has reported its block as final, and a run that lost or changed
//! anything fails, however fast it was.
//!
//! The map: [`load`] (saturation and latency) runs on a [`cluster`], with a [`supply`] of signed batches that [`feed`]
//! submits, while [`finality`] listens to all nodes; [`course`] and [`restart`] measure other things;
//! [`signatures`] is the yardstick, [`process_stat`] what the system says about a process; [`report`] the result.
//! Start reading at [`load::run`].

pub mod cluster;
pub mod course;
pub mod feed;
pub mod finality;
pub mod latency;
pub mod load;
pub mod process_stat;
pub mod report;
pub mod restart;
pub mod signatures;
pub mod supply;
pub mod verdict;
