//! The experiments of the course, and two that no course asks for, as a report that a student could hand in.
//!
//! Owns: which runs there are ([`study`]), what they mean ([`stats`]), how they look ([`page`], [`plot`], [`table`]). Does not own:
//! a run (`command::up`).
//! Always true: every figure is of runs that ended well, and says how many; whatever is drawn is in a CSV file too; the page
//! needs nothing from outside.
//! Start reading at [`study::Study`].

pub mod machine;
pub mod page;
pub mod plot;
pub mod stats;
pub mod study;
pub mod table;
