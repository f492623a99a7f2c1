//! The stake by state: voting, away, and why.
//!
//! Start reading at [`spread`].

use crate::model::Model;
use crate::model::node::Link;
use blockchat_client::shapes::{Phase, StatusView};
use blockchat_proto::keys::Address;
use blockchat_proto::units::UnixMillis;

/// A member that a node has heard nothing of for so long, while a height is being decided, is away.
const UNHEARD_MS: u64 = 20_000;
/// So many blocks in a row without a signature: the member is away.
const UNSIGNED: usize = 5;
/// A block that comes so long after the last vote was lost was decided before that.
pub(super) const ON_ITS_WAY_MS: u64 = 1_500;

/// How the stake is spread now.
pub(super) struct Spread {
    /// Members that vote, or that no source reports as away.
    pub(super) present: Vec<Address>,
    /// Members that are away, each with the reason and since when, if that is known.
    pub(super) away: Vec<(Address, Option<UnixMillis>, String)>,
}

/// The state of every member: from its own node, if that is watched; else from the guide and the certificates.
pub(super) fn spread(model: &Model) -> Spread {
    let mut spread = Spread { present: vec![], away: vec![] };
    let missing: &[Address] = match model.guide_status() {
        Some(status) if waits_in_earnest(model, status) => missing_of(status),
        _ => &[],
    };
    for member in model.members() {
        let away = match model.node_of(&member.address) {
            Some(node) => why_away(model, node),
            None if missing.contains(&member.address) || unheard(model, &member.address) => {
                Some((None, "is not heard".to_owned()))
            }
            None => None,
        };
        match away {
            Some((since, why)) => spread.away.push((member.address, since, why)),
            None => spread.present.push(member.address),
        }
    }
    spread
}

/// The members that a node waits for.
fn missing_of(status: &StatusView) -> &[Address] {
    match &status.phase {
        Phase::WaitingForStake { missing, .. } => missing,
        _ => &[],
    }
}

/// A node with a link to all others that has only just begun a height hears them in a moment.
pub(crate) fn waits_in_earnest(model: &Model, status: &StatusView) -> bool {
    let linked = usize::try_from(status.peers).unwrap_or(usize::MAX) + 1 >= status.validators.len();
    let long = model.now.since(status.undecided_since.unwrap_or(status.tip_time)) > UNHEARD_MS;
    !linked || long
}

/// Why the validator of this node casts no vote that counts with the largest group; nothing if it does.
fn why_away(model: &Model, node: usize) -> Option<(Option<UnixMillis>, String)> {
    let row = &model.nodes[node];
    if let Link::Down { since, why, .. } = &row.link {
        // An API that cannot be reached proves little: its votes may be in the certificates all the same.
        let signs = row.validator().is_some_and(|validator| signed_since(model, &validator, *since));
        return (!signs).then(|| (Some(*since), format!("does not answer: {why}")));
    }
    let status = row.live()?;
    if matches!(status.phase, Phase::CatchingUp { .. }) {
        return Some((row.behind_since, "catches up".into()));
    }
    if model.groups.is_cut() && model.groups.of_node(node) != Some(0) {
        return Some((None, "is cut off".into()));
    }
    (!status.voting).then(|| (None, status.silence.clone().unwrap_or_else(|| "does not vote".into())))
}

/// Did it sign a height that came after this moment?
fn signed_since(model: &Model, validator: &Address, since: UnixMillis) -> bool {
    let later =
        model.chain.newest().take_while(|(_, seen)| seen.came.is_none_or(|came| came > since.plus(ON_ITS_WAY_MS)));
    later.filter(|(_, seen)| seen.came.is_some()).any(|(_, seen)| seen.signed.get(validator) == Some(&true))
}

/// Does a node that answers hear nothing of this member, or do the last certificates lack it?
fn unheard(model: &Model, member: &Address) -> bool {
    if model.guide_status().is_some_and(|status| status.silent.contains(member)) {
        return true;
    }
    let told: Vec<_> = model.chain.newest().filter_map(|(_, seen)| seen.signed.get(member)).take(UNSIGNED).collect();
    if !told.is_empty() {
        return told.len() == UNSIGNED && told.iter().all(|signed| !**signed);
    }
    let Some(view) = model.guide().and_then(|guide| model.nodes[guide].live_consensus(model.now)) else { return false };
    let seen = view.members.iter().find(|one| one.address == *member);
    let deciding = view.begun && view.now.since(view.since) > UNHEARD_MS;
    deciding && seen.is_some_and(|one| !one.own && one.heard.is_none_or(|heard| view.now.since(heard) > UNHEARD_MS))
}

/// More than two thirds?
pub(super) fn decides(stake: u64, total: u64) -> bool {
    3 * u128::from(stake) > 2 * u128::from(total)
}
