//! The program as users run it: one test binary, so that libp2p is linked once.

mod cli_errors;
mod crowded_api;
mod disk_full;
mod http_api;
mod import_rules;
mod joining;
mod predecessors;
mod refusals;
mod restart_recovers;
mod support;
mod surroundings;
mod wallet_cli;
