//! The position of a reader in an event stream, as the ids of events name it.
//!
//! Always true: a reader that gives the id of the last event it got receives all later ones, once each, or is told that
//! this is impossible; the part of an id that is about the chain outlives the process. Start reading at [`Place`].

use blockchat_proto::units::Height;
use std::fmt;
use std::str::FromStr;

/// A place in everything that a node tells.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Place {
    /// The start of the process, in unix ms: the numbers of events beside the chain are of this run.
    pub(super) run: u64,
    /// All of the chain up to this block was told,
    pub(super) height: Height,
    /// and so many events of the block after it.
    pub(super) in_next: u32,
    /// Up to this number of the feed.
    pub(super) feed: u64,
    /// Up to this number of the log.
    pub(super) log: u64,
    /// Up to this number of what the pool replaced.
    pub(super) replaced: u64,
}

/// Not an id of an event.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct NoPlace;

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { run, height, in_next, feed, log, replaced } = self;
        write!(f, "{run:x}-{height}-{in_next}-{feed}-{log}-{replaced}")
    }
}

impl FromStr for Place {
    type Err = NoPlace;

    fn from_str(text: &str) -> Result<Self, NoPlace> {
        let parts: Vec<_> = text.split('-').collect();
        let (run, height, in_next, feed, log, replaced) = match parts[..] {
            [run, height, in_next, feed, log, replaced] => (run, height, in_next, feed, log, replaced),
            // Of a program that did not tell what was replaced, so of another run.
            [run, height, in_next, feed, log] => (run, height, in_next, feed, log, "0"),
            _ => return Err(NoPlace),
        };
        let number = |text: &str| text.parse::<u64>().map_err(|_| NoPlace);
        Ok(Self {
            run: u64::from_str_radix(run, 16).map_err(|_| NoPlace)?,
            height: Height(number(height)?),
            in_next: in_next.parse().map_err(|_| NoPlace)?,
            feed: number(feed)?,
            log: number(log)?,
            replaced: number(replaced)?,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_place_comes_back_from_its_text_and_anything_else_is_none() {
        let place = Place { run: 1_800_000_000_123, height: Height(77), in_next: 3, feed: 5, log: 9, replaced: 4 };
        assert_eq!(place.to_string().parse(), Ok(place));
        assert_eq!("1-77-3-5-9".parse(), Ok(Place { run: 1, replaced: 0, ..place }), "of an earlier program");
        for wrong in ["", "7", "1-2-3-4", "1-2-3-4-5-6-7", "x-1-1-1-1-1", "1-1-99999999999-1-1-1", "1--1-1-1-1"] {
            assert_eq!(wrong.parse::<Place>(), Err(NoPlace), "{wrong}");
        }
    }
}
