//! The program as users run it: one test binary, so that libp2p is linked once.

mod cli_errors;
mod coming_back;
mod completing;
mod containers;
mod crowded_api;
mod disk_full;
mod first_hour;
mod http_api;
mod import_rules;
mod joining;
mod live_views;
mod old_stores;
mod predecessors;
mod receipts;
mod refusals;
mod restart_recovers;
mod sealed_messages;
mod shell;
mod store_upkeep;
mod support;
mod surroundings;
mod unreachable;
mod walk;
mod wallet_cli;
mod welcome_grants;
