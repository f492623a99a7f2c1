//! Places for inbound peers: which gets one, and which must leave for it. SPEC NET-3.
//!
//! Always true:
//! - a newcomer is refused only if all holders of places deserve them more, or its own group has its share;
//! - peers that lately delivered new blocks or votes, and those that have been here longest, stay, whatever newcomers
//!   come;
//! - of the others, one of the largest public group goes, else the one that has been of no use for longest;
//! - a place is kept for [`GRACE`], so that a crowd of callers cannot be quicker than a handshake; but not from one that
//!   delivered again and again before it was gone: a crowd that calls all the time would keep it out.
//!
//! Pure. Start reading at [`place_for`].

use super::scope::Group;
use libp2p::PeerId;
use std::collections::BTreeSet;
use std::time::Duration;
use tokio::time::Instant;

/// Places for peers that called us.
pub(in crate::net) const INBOUND_MAX: usize = 50;
/// Of these, for one group of public addresses.
pub(in crate::net) const GROUP_MAX: usize = 12;
/// So many of those that delivered something new last are never sent away,
const DELIVERERS_KEPT: usize = 16;
/// nor are so many of those that have been here longest.
const OLDEST_KEPT: usize = 8;
/// No peer is evicted earlier.
const GRACE: Duration = Duration::from_secs(10);

/// A peer that called us.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::net) struct Caller {
    pub(in crate::net) id: PeerId,
    pub(in crate::net) group: Option<Group>,
    pub(in crate::net) since: Instant,
    /// When it last delivered a new block or vote.
    pub(in crate::net) delivered: Option<Instant>,
    /// Did the operator name it?
    pub(in crate::net) configured: bool,
    /// Did it deliver new blocks and votes again and again, now or before it was gone?
    pub(in crate::net) renowned: bool,
}

/// The decision on a newcomer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::net) enum Place {
    /// There is room.
    Free,
    /// This one leaves for it.
    Of(PeerId),
    /// There is no such place.
    Full,
}

/// A place for a newcomer among those that are here already, without it.
pub(in crate::net) fn place_for(newcomer: &Caller, here: &[Caller], now: Instant) -> Place {
    let in_group = |caller: &&Caller| newcomer.group.is_some() && caller.group == newcomer.group;
    if newcomer.configured {
        return Place::Free;
    }
    if here.iter().filter(in_group).count() >= GROUP_MAX {
        let of_group: Vec<_> = here.iter().filter(in_group).copied().collect();
        return leaves(&of_group, here, newcomer, now).map_or(Place::Full, Place::Of);
    }
    if here.len() < INBOUND_MAX {
        return Place::Free;
    }
    leaves(here, here, newcomer, now).map_or(Place::Full, Place::Of)
}

/// The first of these peers to evict for this newcomer.
fn leaves(of: &[Caller], here: &[Caller], newcomer: &Caller, now: Instant) -> Option<PeerId> {
    let grace = if newcomer.renowned { Duration::ZERO } else { GRACE };
    let kept = kept(here);
    let size = |group: Option<Group>| match group {
        Some(_) => here.iter().filter(|caller| caller.group == group).count(),
        None => 1,
    };
    let may = |caller: &&Caller| {
        let had_grace = now.duration_since(caller.since) >= if caller.renowned { GRACE } else { grace };
        !caller.configured && !kept.contains(&caller.id) && had_grace
    };
    let useless_since = |caller: &Caller| caller.delivered.unwrap_or(caller.since).max(caller.since);
    let first = of.iter().filter(may).min_by_key(|caller| {
        (std::cmp::Reverse(size(caller.group)), caller.delivered.is_some(), useless_since(caller), caller.id)
    });
    first.map(|caller| caller.id)
}

/// Peers that are never evicted.
fn kept(here: &[Caller]) -> BTreeSet<PeerId> {
    let mut deliverers: Vec<_> = here.iter().filter(|caller| caller.delivered.is_some()).collect();
    deliverers.sort_by_key(|caller| (std::cmp::Reverse(caller.delivered), caller.id));
    let mut useful: Vec<_> = deliverers.clone();
    useful.sort_by_key(|caller| (caller.since, caller.id));
    let chosen = deliverers.iter().take(DELIVERERS_KEPT).chain(useful.iter().take(OLDEST_KEPT));
    chosen.map(|caller| caller.id).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn caller(group: Option<u8>, since: Instant) -> Caller {
        let group = group.map(|last| Group::V4([8, 8, last]));
        Caller { id: PeerId::random(), group, since, delivered: None, configured: false, renowned: false }
    }

    fn later(start: Instant, seconds: u64) -> Instant {
        start + Duration::from_secs(seconds)
    }

    #[test]
    fn while_there_is_room_everybody_is_welcome() {
        let now = Instant::now();
        let here: Vec<_> = (1..INBOUND_MAX).map(|_| caller(None, now)).collect();
        assert_eq!(place_for(&caller(None, now), &here, now), Place::Free);
    }

    #[test]
    fn idle_callers_do_not_keep_a_newcomer_out() {
        let start = Instant::now();
        let here: Vec<_> = (0..50).map(|age| caller(None, later(start, age))).collect();
        let now = later(start, 100);
        assert_eq!(place_for(&caller(None, now), &here, now), Place::Of(here[0].id), "the one that idled longest");
    }

    #[test]
    fn a_crowd_that_calls_all_the_time_does_not_drive_out_who_delivers_blocks() {
        let start = Instant::now();
        let mut here: Vec<_> = (0..4).map(|_| caller(None, start)).collect();
        let honest: Vec<_> = here.iter().map(|caller| caller.id).collect();
        for second in 0..3_600_u64 {
            let now = later(start, second);
            for member in here.iter_mut().filter(|caller| honest.contains(&caller.id)) {
                member.delivered = (second % 30 == 29).then_some(now).or(member.delivered);
            }
            let newcomer = caller(None, now);
            match place_for(&newcomer, &here, now) {
                Place::Free => here.push(newcomer),
                Place::Of(id) => {
                    here.retain(|caller| caller.id != id);
                    here.push(newcomer);
                }
                Place::Full => {}
            }
        }
        assert!(honest.iter().all(|id| here.iter().any(|caller| caller.id == *id)));
        assert_eq!(here.len(), INBOUND_MAX);
    }

    #[test]
    fn one_public_group_has_its_share_and_others_get_in() {
        let start = Instant::now();
        let now = later(start, 60);
        let mut here: Vec<_> = (0..GROUP_MAX).map(|_| caller(Some(1), later(start, 55))).collect();
        assert_eq!(place_for(&caller(Some(1), now), &here, now), Place::Full, "they only just came");
        assert_eq!(place_for(&caller(Some(2), now), &here, now), Place::Free);
        here.extend((here.len()..INBOUND_MAX).map(|_| caller(None, start)));
        let now = later(start, 120);
        let Place::Of(id) = place_for(&caller(Some(2), now), &here, now) else { panic!("there is a place") };
        assert!(here[..GROUP_MAX].iter().any(|caller| caller.id == id), "of the largest group");
    }

    #[test]
    fn who_was_named_by_the_operator_always_has_a_place() {
        let start = Instant::now();
        let here: Vec<_> = (0..INBOUND_MAX).map(|_| caller(None, start)).collect();
        let named = Caller { configured: true, ..caller(None, start) };
        assert_eq!(place_for(&named, &here, start), Place::Free);
    }

    #[test]
    fn who_delivered_again_and_again_comes_back_through_a_crowd_that_calls_all_the_time() {
        let start = Instant::now();
        let here: Vec<_> = (0..INBOUND_MAX).map(|_| caller(None, start)).collect();
        assert_eq!(place_for(&caller(None, start), &here, start), Place::Full);
        let back = Caller { renowned: true, ..caller(None, start) };
        assert!(matches!(place_for(&back, &here, start), Place::Of(_)));
        let all_back: Vec<_> = here.iter().map(|one| Caller { renowned: true, ..*one }).collect();
        assert_eq!(place_for(&back, &all_back, start), Place::Full, "among its like it waits as others do");
    }

    proptest! {
        /// For any set of peers, and whatever they did: an evicted peer was here, has had its grace, and is not among
        /// the [`DELIVERERS_KEPT`] most useful ones.
        #[test]
        fn who_leaves_deserves_it_least(
            callers in prop::collection::vec((prop::option::of(0..4_u8), 0..600_u64, prop::option::of(0..600_u64)), 0..70),
            group in prop::option::of(0..4_u8),
        ) {
            let start = Instant::now();
            let now = later(start, 600);
            let here: Vec<_> = callers
                .into_iter()
                .map(|(group, since, delivered)| Caller {
                    delivered: delivered.map(|at| later(start, at)),
                    ..caller(group, later(start, since))
                })
                .collect();
            let place = place_for(&caller(group, now), &here, now);
            if let Place::Of(id) = place {
                let gone = here.iter().find(|caller| caller.id == id).expect("it was here");
                prop_assert!(now.duration_since(gone.since) >= GRACE);
                let better = here.iter().filter(|other| other.id != id && other.delivered >= gone.delivered).count();
                prop_assert!(gone.delivered.is_none() || better >= DELIVERERS_KEPT);
            }
            if here.len() < INBOUND_MAX && group.is_none() {
                prop_assert_eq!(place, Place::Free);
            }
        }
    }
}
