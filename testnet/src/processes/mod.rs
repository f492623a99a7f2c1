//! Nodes as processes: found or built, given homes and ports, started, watched, killed and stopped.
//!
//! The node is a black box here: its program, its command line, its ready file, its log.

pub mod cargo_build;
pub mod exec_node;
pub mod homes;
pub mod launch;
pub mod logs;
pub mod network_file;
pub mod node_bin;
pub mod ports;
pub mod stop;
pub mod supervise;
