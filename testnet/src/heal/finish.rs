//! The end of every story: heal all faults, end the load, and check the final state of all nodes.

use super::stage::{Sabotage, Stage};
use crate::checks;
use crate::processes::logs;
use blockchat_client::shapes::Standing;
use blockchat_proto::coins::Coins;
use blockchat_proto::hash::Hash32;
use blockchat_proto::units::Height;
use serde::Serialize;

/// Log line of a node that blames a peer.
const BLAMED: &str = "peer misbehaves";
/// Log line of a node that saw two votes of one validator.
const CONTRADICTED: &str = "a validator signs two different votes";

/// Checks that every story must pass.
#[derive(Clone, Debug, Default, Serialize)]
pub struct Checks {
    /// All nodes have one tip and one state root.
    pub one_tip: bool,
    /// The sum of all accounts equals the genesis, to the micro-BCC.
    pub coins_conserved: bool,
    /// Every node still has each block that it ever reported as final, and no two nodes differ.
    pub finals_kept: bool,
    /// Every accepted transaction is final exactly once.
    pub accepted_final_once: bool,
    /// No node blames an honest one, or saw one contradict itself.
    pub nobody_blamed: bool,
    /// Every validator is an active member.
    pub nobody_jailed: bool,
    /// The failures, in words.
    pub problems: Vec<String>,
}

impl Checks {
    /// Do all checks hold?
    pub fn all_hold(&self) -> bool {
        let all = [self.one_tip, self.coins_conserved, self.finals_kept, self.accepted_final_once];
        all.into_iter().all(|holds| holds) && self.nobody_blamed && self.nobody_jailed
    }

    /// Each check with its text.
    pub fn lines(&self) -> [(bool, &'static str); 6] {
        [
            (self.one_tip, "one tip and one state root on all nodes"),
            (self.coins_conserved, "coins conserved to the micro-BCC"),
            (self.finals_kept, "nothing that was final is missing or changed"),
            (self.accepted_final_once, "every accepted transaction is final, once"),
            (self.nobody_blamed, "no honest node is blamed or banned"),
            (self.nobody_jailed, "no honest node is jailed"),
        ]
    }
}

impl Stage<'_> {
    /// Heals all faults, ends the load, and checks.
    pub(super) async fn finish(&mut self) -> Checks {
        let mut problems = vec![];
        self.heal(true).await;
        let load_end = self.end_load().await;
        let tips = checks::one_tip(&self.network).await;
        if !tips.same {
            problems.push("the nodes do not have one tip and one state root".into());
        }
        let supply = self.supply().await;
        if self.plan.sabotage == Some(Sabotage::AlteredFinals) {
            self.alter_a_final();
        }
        let lost = checks::finals_kept(&self.network, &self.witness).await;
        let forks = self.witness.with(|witness| witness.contradictions().to_vec());
        let twice = self.board.with(|board| board.contradictions().to_vec());
        let blamed = self.blamed();
        let jailed = self.jailed().await;
        let (coins_conserved, accepted_final_once) = (supply.is_ok(), load_end.is_ok() && twice.is_empty());
        let (finals_kept, nobody_blamed, nobody_jailed) =
            (lost.is_empty() && forks.is_empty(), blamed.is_empty(), jailed.is_empty());
        problems.extend(supply.err());
        problems.extend(load_end.err());
        problems.extend([lost, forks, twice, blamed, jailed].into_iter().flatten());
        let one_tip = tips.same;
        Checks { one_tip, coins_conserved, finals_kept, accepted_final_once, nobody_blamed, nobody_jailed, problems }
    }

    async fn supply(&self) -> Result<(), String> {
        let (_, client) = self.network.any_client().ok_or("no node answers")?;
        checks::coins_conserved(&client, self.genesis.genesis()).await.map(drop)
    }

    /// Sabotage: pretends that the first node once reported another block at a height that it has.
    fn alter_a_final(&self) {
        self.witness.with(|witness| {
            let height = witness.highest(0).map_or(Height(1), |(height, _)| Height(height.0 / 2 + 1));
            witness.saw(0, height, Hash32([0xab; 32]));
        });
    }

    /// Blames found in the logs of all nodes.
    fn blamed(&self) -> Vec<String> {
        let mut blamed = vec![];
        for node in &self.file.nodes {
            let log = std::fs::read_to_string(logs::path(&node.home)).unwrap_or_default();
            let blames = |line: &&str| line.contains(BLAMED) || line.contains(CONTRADICTED);
            blamed.extend(log.lines().filter(blames).map(|line| format!("{}: {}", node.name, line.trim())).take(3));
        }
        blamed
    }

    async fn jailed(&self) -> Vec<String> {
        let Some((_, client)) = self.network.any_client() else {
            return vec!["no node answers".into()];
        };
        let mut jailed = vec![];
        for (node, address) in self.network.addresses().iter().enumerate() {
            let name = self.network.name_of(node);
            match client.account(address).await {
                // An account without stake is no member.
                Ok(account) if account.standing == Standing::Active || account.stake == Coins::ZERO => {}
                Ok(account) => jailed.push(format!("{name} is {}", account.standing.as_str())),
                Err(error) => jailed.push(format!("the account of {name} cannot be read: {error}")),
            }
        }
        jailed
    }
}
