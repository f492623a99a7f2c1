//! Rules that must hold in every run. One checker watches all honest nodes of a run; it keeps its own books and
//! believes nothing but disks and messages.
//!
//! Owns: agreement, conservation of coins, no double spend, journal and guard before broadcast, a guard that is never
//! contradicted, locks that are never forgotten, final blocks that are never lost, power that grows slowly, liars that
//! pay, grants that are paid once, and no voting member jailed. Does not own: progress (`world` demands it). Start
//! reading at [`Checker`].

mod checker;
mod grants;
mod growth;
mod violation;

pub use checker::{Checker, News, check_rise};
pub use violation::Violation;
