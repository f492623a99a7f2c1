//! A running network of supervised nodes, as `up` and the faults see it.
//!
//! Owns: the handles of all nodes, and their names. Does not own: the load, the checks.

use crate::processes::network_file::NetworkFile;
use crate::processes::supervise::{NodeHandle, NodeState, Order, Watched};
use blockchat_client::Client;
use blockchat_client::shapes::StatusView;
use blockchat_proto::keys::Address;
use futures::future::join_all;
use std::collections::BTreeMap;

/// The handles and names of all nodes.
#[derive(Debug)]
pub struct Network {
    /// One per node, `id0` first.
    pub nodes: Vec<NodeHandle>,
    names: BTreeMap<Address, String>,
    addresses: Vec<Address>,
}

impl Network {
    /// The nodes of this file, in its order.
    pub fn new(file: &NetworkFile, nodes: Vec<NodeHandle>) -> Self {
        let names = file.nodes.iter().map(|node| (node.address, node.name.clone())).collect();
        Self { nodes, names, addresses: file.nodes.iter().map(|node| node.address).collect() }
    }

    /// The name of this account for people: the node's name, or the short address of a stranger.
    pub fn name(&self, address: &Address) -> String {
        self.names.get(address).cloned().unwrap_or_else(|| address.short())
    }

    /// `idN`.
    pub fn name_of(&self, node: usize) -> String {
        self.name(&self.addresses[node])
    }

    /// The node whose validator this is.
    pub fn index_of(&self, address: &Address) -> Option<usize> {
        self.addresses.iter().position(|own| own == address)
    }

    /// The accounts of all nodes, in order.
    pub fn addresses(&self) -> &[Address] {
        &self.addresses
    }

    /// A view of each node.
    pub fn watched(&self) -> Vec<Watched> {
        self.nodes.iter().map(|node| node.watched.clone()).collect()
    }

    /// The client of a node, if it runs.
    pub fn client(&self, node: usize) -> Option<Client> {
        self.nodes[node].watched.client()
    }

    /// The status of every node, requested at once; `None` for nodes that do not answer.
    pub async fn statuses(&self) -> Vec<Option<StatusView>> {
        let ask = |node: usize| async move { self.client(node)?.status().await.ok() };
        join_all((0..self.nodes.len()).map(ask)).await
    }

    /// The leader of the height being decided, as reported by the node with the highest tip.
    pub fn leader(&self, statuses: &[Option<StatusView>]) -> Option<usize> {
        let best = statuses.iter().flatten().max_by_key(|status| (status.height, status.round))?;
        self.index_of(&best.leader?)
    }

    /// Any running node, with its index.
    pub fn any_client(&self) -> Option<(usize, Client)> {
        (0..self.nodes.len()).find_map(|node| Some((node, self.client(node)?)))
    }

    /// The reason why a node cannot run any more, if there is one.
    pub fn failure(&self) -> Option<String> {
        self.nodes.iter().find_map(|node| node.watched.failure())
    }

    /// Has this node been restarted?
    pub fn was_restarted(&self, node: usize) -> bool {
        match &*self.nodes[node].watched.state.borrow() {
            NodeState::Up { generation, .. } => *generation > 0,
            NodeState::Down | NodeState::Failed(_) => true,
            NodeState::Ended => false,
        }
    }

    /// Ends the supervision of all nodes: normal shutdown, or left running. Updates ports and processes in the file.
    pub async fn end(self, order: Order, file: &mut NetworkFile) {
        self.nodes.iter().for_each(|node| node.order(order));
        let entries = join_all(self.nodes.into_iter().map(NodeHandle::join)).await;
        for (old, new) in file.nodes.iter_mut().zip(entries) {
            if let Some(new) = new {
                *old = new;
            }
        }
    }
}
