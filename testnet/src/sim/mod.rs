//! A simulator: the engine that ships, many times, in one thread, under virtual time, with everything going wrong.
//!
//! It performs the engine's effects itself, so disks and network of real nodes are not covered here: `up`, its faults and
//! the node's own tests are there for those.
//!
//! Always true: a seed means the same run on every machine; no world reads a clock, a file or the machine's chance (only
//! [`speed`] and [`command`] look at a clock, from outside).
//!
//! The map: `scenario` says what a seed means, `world` lets it happen, `node` with its `disk` is one participant, `power`
//! starts it, `perform` carries out effects, `network` and `peers` bring messages, `faults` and [`byzantine`] break
//! things, `load` pays, [`invariants`] watches, `trace` remembers. [`suite`] runs many seeds; [`command`] is what a
//! person types. [`grind`] is a show of its own.
//! Start reading at [`world::run`].

pub mod byzantine;
mod claims;
pub mod command;
pub mod counts;
pub mod dice;
pub mod disk;
mod faults;
pub mod grind;
pub mod invariants;
mod load;
mod marks;
pub mod network;
mod node;
mod notes;
mod peers;
mod perform;
mod power;
pub mod sabotage;
pub mod scenario;
pub mod speed;
pub mod step;
pub mod suite;
pub mod time;
pub mod trace;
pub mod wire;
pub mod world;
