//! Virtual time.

use std::fmt;

/// Microseconds since a simulated world began.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Micros(pub u64);

impl Micros {
    /// So many milliseconds.
    pub const fn from_ms(ms: u64) -> Self {
        Self(ms * 1_000)
    }

    /// Whole milliseconds.
    pub const fn as_ms(self) -> u64 {
        self.0 / 1_000
    }

    /// This much later.
    #[must_use]
    pub const fn plus(self, later: Self) -> Self {
        Self(self.0.saturating_add(later.0))
    }

    /// From `earlier` to here, or 0.
    #[must_use]
    pub const fn since(self, earlier: Self) -> Self {
        Self(self.0.saturating_sub(earlier.0))
    }
}

impl fmt::Display for Micros {
    /// Seconds with six decimals, aligned.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:>5}.{:06}s", self.0 / 1_000_000, self.0 % 1_000_000)
    }
}
