//! The commands of `blockchat-testnet`, one file each.

pub mod bench;
pub mod discover;
pub mod down;
pub mod experiment;
pub mod heal;
pub mod live;
pub mod load;
pub mod pages;
pub mod play;
pub mod start;
pub mod status;
pub mod stop;
pub mod up;
pub mod watch;
