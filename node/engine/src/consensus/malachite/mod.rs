//! The only folder that uses Malachite, so that an upgrade of its pre-1.0 core stays in one place.
//!
//! [`context`] wraps our types for its `Context`; [`convert`] translates messages; [`core`] drives it: our inputs in,
//! [`core::VoteOutput`]s out.

mod answers;
mod context;
mod convert;
mod core;

pub(crate) use core::{CoreStart, VoteInput, VoteOutput, VotingCore};
