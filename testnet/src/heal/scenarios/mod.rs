//! The stories. Each is a small file that reads as it is played; to add one, copy a file, change its lines, and name it
//! in [`all`].

mod cut;
mod death;
mod desk;
mod lies;
mod loss;
mod motion;
mod slow;

use super::scenario::Scenario;

/// All stories, in the order in which `all` plays them.
pub fn all() -> Vec<Scenario> {
    vec![
        death::kill_leader(),
        death::kill_third(),
        death::restart_all(),
        death::rolling_restart(),
        cut::partition_3_to_2(),
        cut::partition_4_to_1(),
        cut::partition_2_to_2_to_1(),
        cut::one_way(),
        cut::half_open(),
        cut::flapping(),
        loss::wipe_disk(),
        loss::guard_lost(),
        loss::disk_full(),
        loss::slow_disk(),
        desk::hosts(),
        motion::new_addresses(),
        motion::late_joiner(),
        motion::joins_and_leaves(),
        slow::slow_links(),
        slow::narrow_links(),
        slow::clock_off(),
        lies::copied_key(),
    ]
}

/// The story with this name.
pub fn named(name: &str) -> Option<Scenario> {
    all().into_iter().find(|scenario| scenario.name == name)
}
