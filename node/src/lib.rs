//! The program around the pure engine: network, disk, HTTP, dashboard, wallet, command line.
//!
//! What belongs here: whatever touches a clock, a disk, a socket, a terminal or randomness. Rules live in
//! `blockchat-proto`, decisions in `blockchat-engine`.

pub mod api;
pub mod cli;
pub mod clock;
pub mod config;
pub mod engine_handle;
pub mod logging;
pub mod net;
pub mod ready_file;
pub mod runtime;
pub mod store;
pub mod traffic;
pub mod verify_pool;
pub mod wallet;
pub mod whole_file;
