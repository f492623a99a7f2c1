//! Inbound connections that are not encrypted yet: their peers are unknown, and most never say. SPEC NET-3.
//!
//! Always true: the newest one always gets its chance; beyond [`HALF_OPEN_MAX`], the oldest of the machine with the
//! most of them is dropped, and each is after [`HALF_OPEN_FOR`], so that no crowd of them shuts others out.
//!
//! Pure. Start reading at [`HalfOpen::arrived`].

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::time::Duration;

/// At most so many at a time.
pub(in crate::net) const HALF_OPEN_MAX: usize = 128;
/// No handshake may take longer.
pub(in crate::net) const HALF_OPEN_FOR: Duration = Duration::from_secs(3);

/// All that are half open, by number: the oldest first. `T` ends one of them when it is dropped.
#[derive(Debug)]
pub(in crate::net) struct HalfOpen<T> {
    next: u64,
    all: BTreeMap<u64, (Option<IpAddr>, T)>,
}

impl<T> Default for HalfOpen<T> {
    fn default() -> Self {
        Self { next: 0, all: BTreeMap::new() }
    }
}

impl<T> HalfOpen<T> {
    /// Adds one; returns its number. The one that must go for it is dropped.
    pub(in crate::net) fn arrived(&mut self, from: Option<IpAddr>, end: T) -> u64 {
        if self.all.len() >= HALF_OPEN_MAX {
            let mut counts: BTreeMap<Option<IpAddr>, usize> = BTreeMap::new();
            self.all.values().for_each(|(from, _)| *counts.entry(*from).or_default() += 1);
            let first = self.all.iter().min_by_key(|(number, (from, _))| (std::cmp::Reverse(counts[from]), **number));
            let first = first.map(|(number, _)| *number);
            first.and_then(|number| self.all.remove(&number));
        }
        self.next += 1;
        self.all.insert(self.next, (from, end));
        self.next
    }

    /// It is encrypted now, or gone.
    pub(in crate::net) fn over(&mut self, number: u64) -> Option<T> {
        self.all.remove(&number).map(|(_, end)| end)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ip(last: u8) -> Option<IpAddr> {
        Some([10, 0, 0, last].into())
    }

    #[test]
    fn a_newcomer_drives_out_the_oldest() {
        let mut half_open = HalfOpen::default();
        let numbers: Vec<_> = (0..HALF_OPEN_MAX + 5).map(|_| half_open.arrived(ip(1), ())).collect();
        assert_eq!(half_open.all.len(), HALF_OPEN_MAX);
        assert!(numbers[..5].iter().all(|number| half_open.over(*number).is_none()));
        assert!(numbers[5..].iter().all(|number| half_open.over(*number).is_some()));
    }

    #[test]
    fn a_machine_with_many_makes_room_for_one_with_few() {
        let mut half_open = HalfOpen::default();
        let honest = half_open.arrived(ip(2), ());
        (0..10 * HALF_OPEN_MAX).for_each(|_| _ = half_open.arrived(ip(1), ()));
        assert_eq!(half_open.over(honest), Some(()));
    }
}
