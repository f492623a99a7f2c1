//! The dashboard's knowledge: all of it, and nothing of terminals or sockets. Pure: time comes in with events.
//!
//! Owns: the nodes and what each said when ([`node`]), the chain they tell of ([`chain`]), what happened in words
//! ([`story`]), and what the person looks at ([`look`]). Does not own: what changes it ([`crate::update`]), how it is drawn
//! ([`crate::view`]), the sentence about it ([`crate::verdict`]).
//! Always true: everything is bounded; a value is kept with the moment it came, so that an old one never passes for new.

pub(crate) mod chain;
pub(crate) mod look;
pub(crate) mod node;
pub(crate) mod series;
pub(crate) mod story;

use crate::groups::Groups;
use crate::place::Names;
use crate::seals::Letter;
use crate::verdict::{Still, Verdict};
use blockchat_client::shapes::{PoolRowView, StatusView, ValidatorRowView, ValidatorView};
use blockchat_proto::keys::Address;
use blockchat_proto::units::UnixMillis;
use chain::Chain;
use look::Look;
use node::{Heard, Node};
use series::Series;
use story::Story;

/// Messages kept of the account that is watched.
pub(crate) const MESSAGES_MAX: usize = 100;

/// See the module.
#[derive(Clone, Debug)]
pub(crate) struct Model {
    /// The moment of what happened last; never goes back.
    pub(crate) now: UnixMillis,
    /// When the dashboard was opened.
    pub(crate) opened: UnixMillis,
    /// Names of accounts.
    pub(crate) names: Names,
    /// The account whose messages are shown, with its name.
    pub(crate) wallet: Option<(String, Address)>,
    /// Nodes, in the order in which they were named; none ever leaves.
    pub(crate) nodes: Vec<Node>,
    /// The chain, as the nodes report it.
    pub(crate) chain: Chain,
    /// The timeline, in words.
    pub(crate) story: Story,
    /// Measured every second.
    pub(crate) series: Series,
    /// Final messages to and from the account that is watched, newest first.
    pub(crate) messages: Option<Heard<Vec<Letter>>>,
    /// The pool of the guide, while its panel is open.
    pub(crate) pool: Option<Heard<Vec<PoolRowView>>>,
    /// All validators, as the guide tells.
    pub(crate) validators: Option<Heard<Vec<ValidatorRowView>>>,
    /// The person's view.
    pub(crate) look: Look,
    /// Connections between nodes; rebuilt after each change.
    pub(crate) groups: Groups,
    /// The standstill that no block has ended yet.
    pub(crate) still: Option<Still>,
    /// The answer; made anew after each change.
    pub(crate) verdict: Verdict,
}

impl Model {
    /// No node was heard yet.
    pub(crate) fn new(now: UnixMillis, names: Names, wallet: Option<(String, Address)>) -> Self {
        Self {
            now,
            opened: now,
            names,
            wallet,
            nodes: vec![],
            chain: Chain::default(),
            story: Story::default(),
            series: Series::default(),
            messages: None,
            pool: None,
            validators: None,
            look: Look::default(),
            groups: Groups::default(),
            still: None,
            verdict: Verdict::default(),
        }
    }

    /// The node whose word is taken where one is enough: the highest of those that answer, the first of equal ones.
    pub(crate) fn guide(&self) -> Option<usize> {
        let answering = self.nodes.iter().enumerate().filter(|(_, node)| node.is_up() && node.status.is_some());
        let best = answering.max_by_key(|(index, node)| (node.height(), std::cmp::Reverse(*index)));
        best.map(|(index, _)| index)
    }

    /// The guide's last status.
    pub(crate) fn guide_status(&self) -> Option<&StatusView> {
        self.nodes[self.guide()?].status.as_ref().map(|heard| &heard.value)
    }

    /// The set that decides, as the guide tells; of a network that is down, as the one that was heard last told.
    pub(crate) fn members(&self) -> &[ValidatorView] {
        let last = || self.nodes.iter().filter_map(|node| node.status.as_ref()).max_by_key(|heard| heard.at);
        let status = self.guide_status().or_else(|| last().map(|heard| &heard.value));
        match status {
            Some(status) => &status.validators,
            None => &[],
        }
    }

    /// Stake of all members, in micro-BCC.
    pub(crate) fn stake_total(&self) -> u64 {
        self.members().iter().fold(0, |sum, member| sum.saturating_add(member.stake.micros()))
    }

    /// Stake of these members, in micro-BCC.
    pub(crate) fn stake_of<'a>(&self, these: impl IntoIterator<Item = &'a Address>) -> u64 {
        let stake = |address: &Address| self.members().iter().find(|member| member.address == *address);
        these.into_iter().filter_map(stake).fold(0, |sum, member| sum.saturating_add(member.stake.micros()))
    }

    /// The node that is watched and votes with this key.
    pub(crate) fn node_of(&self, validator: &Address) -> Option<usize> {
        self.nodes.iter().position(|node| node.validator() == Some(*validator))
    }

    /// The name of this account for people: its own, its node's, or a short form.
    pub(crate) fn name(&self, address: &Address) -> String {
        match (self.node_of(address), self.names.get(address)) {
            (Some(node), _) if self.nodes.len() > 1 => self.nodes[node].name.clone(),
            (_, Some(name)) => name.clone(),
            (Some(node), None) => self.nodes[node].name.clone(),
            (None, None) => short(address),
        }
    }

    /// The names of these accounts: those of nodes first, in their order.
    pub(crate) fn names_of<'a>(&self, accounts: impl IntoIterator<Item = &'a Address>) -> Vec<String> {
        let mut accounts: Vec<_> = accounts.into_iter().collect();
        accounts.sort_by_key(|account| (self.node_of(account).unwrap_or(usize::MAX), **account));
        accounts.into_iter().map(|account| self.name(account)).collect()
    }

    /// The names of these nodes.
    pub(crate) fn node_names(&self, nodes: &[usize]) -> Vec<String> {
        nodes.iter().map(|node| self.nodes[*node].name.clone()).collect()
    }
}

/// An address in nine columns: `qxy2…9f4z`.
pub(crate) fn short(address: &Address) -> String {
    let text = address.to_string();
    format!("{}…{}", &text[4..8], &text[text.len() - 4..])
}
