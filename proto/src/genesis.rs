//! The genesis: name, parameters, first accounts and validators. SPEC GEN-1 to GEN-4.
//!
//! Owns: the wire type, its checks, its hash, and its JSON file. Always true: a [`VerifiedGenesis`] satisfies GEN-2, so
//! creating a ledger from it cannot fail.
//! Start reading at [`Genesis`].

use crate::claim::Tries;
use crate::codec;
use crate::coins::Coins;
use crate::hash::{Hash32, hash, label};
use crate::keys::Address;
use crate::limits;
use crate::units::{RulesVersion, UnixMillis};
use crate::validators::{Validator, ValidatorSet};
use serde::{Deserialize, Serialize};
use std::collections::BTreeSet;
use std::sync::Arc;

/// The common start of all nodes of a chain. SPEC GEN-1. As a file: JSON of the same fields.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Genesis {
    /// Lower-case letters, digits and dashes.
    pub name: String,
    /// The time of height 0; block 1 is later.
    pub time: UnixMillis,
    /// The parameters of this chain.
    pub parameters: Parameters,
    /// Coins reserved for welcome grants.
    pub treasury: Coins,
    /// The funded accounts, sorted by address without repeats.
    pub accounts: Vec<GenesisAccount>,
    /// The rules of block 1. SPEC VER-1.
    pub version: RulesVersion,
}

/// An account that exists at the genesis.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct GenesisAccount {
    /// Its address.
    pub address: Address,
    /// Spendable coins.
    pub balance: Coins,
    /// Staked coins; an account with a stake is an active validator from height 1.
    pub stake: Coins,
    /// Its name for people. Omitted from the canonical bytes if absent, as in older genesis files.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
}

/// The immutable settings of a chain. SPEC GEN-3.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Parameters {
    /// This many pooled transactions start a block at once; also the maximum per block.
    pub capacity: u32,
    /// A non-empty pool waits at most this long for more, in ms.
    pub block_interval_ms: u64,
    /// An empty pool starts an empty block after this long, in ms.
    pub idle_block_interval_ms: u64,
    /// Fee on sent coins, in basis points (1/10,000), rounded up to a micro-BCC.
    pub fee_basis_points: u32,
    /// Fee per character of a message.
    pub fee_per_character: Coins,
    /// Minimum fee of a *send* or *stake*.
    pub fee_min: Coins,
    /// Smallest stake of a validator.
    pub stake_min: Coins,
    /// Largest stake of a validator.
    pub stake_max: Coins,
    /// Absences and departures never reduce the set below this.
    pub validators_min: u32,
    /// Unbonding time of a lowered stake, in ms of block time. Longer than `evidence_window_ms`.
    pub unbonding_ms: u64,
    /// How long misbehaviour can be punished, in ms of block time.
    pub evidence_window_ms: u64,
    /// Share of the stake burned for misbehaviour, in basis points.
    pub burn_basis_points: u32,
    /// One welcome grant.
    pub grant: Coins,
    /// Limit of all grants per day, in basis points of the stake of the set; at least one grant. SPEC CLAIM-6.
    pub grant_cap_basis_points: u32,
    /// Span in which the set's power grows by at most an eighth, in ms of block time. SPEC VAL-6.
    pub churn_ms: u64,
    /// The seed of the leader draw.
    pub lottery: Lottery,
}

/// The seed of the leader draw. SPEC LEAD-1.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "snake_case")]
pub enum Lottery {
    /// The hash of the previous block.
    #[default]
    BlockHash,
}

impl Default for Parameters {
    fn default() -> Self {
        Self {
            capacity: 5_000,
            block_interval_ms: 50,
            idle_block_interval_ms: 10_000,
            fee_basis_points: 300,
            fee_per_character: Coins::from_bcc(1),
            fee_min: Coins::from_micros(1_000).expect("a thousand is below the cap"),
            stake_min: Coins::from_bcc(1),
            stake_max: Coins::MAX,
            validators_min: 4,
            unbonding_ms: 2 * 24 * 3_600_000,
            evidence_window_ms: 24 * 3_600_000,
            burn_basis_points: 500,
            grant: Coins::from_bcc(10),
            grant_cap_basis_points: 100,
            churn_ms: 3_600_000,
            lottery: Lottery::BlockHash,
        }
    }
}

/// Why a genesis is refused. SPEC GEN-2.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum GenesisRejected {
    /// Invalid chain name.
    #[error("a chain name is 1 to 32 lower-case letters, digits or dashes, not {found:?}")]
    Name {
        /// The name found.
        found: String,
    },
    /// Invalid account name.
    #[error("an account name is 1 to 32 lower-case letters, digits or dashes, not {found:?}")]
    AccountName {
        /// The name found.
        found: String,
    },
    /// Two accounts with the same name.
    #[error("two genesis accounts are named {name}")]
    NamedTwice {
        /// The name.
        name: String,
    },
    /// An address repeated or out of order.
    #[error("genesis accounts must be sorted by address without repeats")]
    NotSorted,
    /// More than [`limits::GENESIS_ACCOUNTS_MAX`].
    #[error("{found} genesis accounts, the limit is {limit}")]
    TooManyAccounts {
        /// Number found.
        found: usize,
        /// The maximum.
        limit: usize,
    },
    /// More coins than the supply cap allows.
    #[error("all balances, stakes and the treasury together exceed the cap on the supply")]
    TooMuchMoney,
    /// A stake outside the limits of this genesis.
    #[error("the stake of {address} is outside stake_min..=stake_max")]
    StakeOutOfRange {
        /// The account.
        address: Address,
    },
    /// Version 0.
    #[error("version 0 of the rules does not exist; the first is 1")]
    NoRules,
    /// No account could decide a block.
    #[error("no account has a stake: nobody could decide a block")]
    NoValidators,
    /// An invalid parameter.
    #[error("parameter {name} {problem}")]
    Parameter {
        /// Its name.
        name: &'static str,
        /// The problem.
        problem: &'static str,
    },
}

/// A genesis that satisfies GEN-2, with its hash. Cheap to clone.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct VerifiedGenesis(Arc<Inner>);

#[derive(Debug, PartialEq, Eq)]
struct Inner {
    genesis: Genesis,
    hash: Hash32,
    validators: ValidatorSet,
}

impl Genesis {
    /// Checks GEN-2 and computes the hash. `validators_min` is not lowered here: it is compared with the number of
    /// genesis validators where it is used.
    pub fn verify(self) -> Result<VerifiedGenesis, GenesisRejected> {
        if !is_name(&self.name) {
            return Err(GenesisRejected::Name { found: self.name });
        }
        if self.version < RulesVersion::FIRST {
            return Err(GenesisRejected::NoRules);
        }
        self.parameters.check()?;
        if self.accounts.len() > limits::GENESIS_ACCOUNTS_MAX {
            let limit = limits::GENESIS_ACCOUNTS_MAX;
            return Err(GenesisRejected::TooManyAccounts { found: self.accounts.len(), limit });
        }
        if !self.accounts.is_sorted_by(|a, b| a.address < b.address) {
            return Err(GenesisRejected::NotSorted);
        }
        self.check_account_names()?;
        self.supply().ok_or(GenesisRejected::TooMuchMoney)?;
        let validators = self.validators()?;
        let hash = self.hash();
        Ok(VerifiedGenesis(Arc::new(Inner { genesis: self, hash, validators })))
    }

    /// The hash that identifies the chain, whether valid or not. SPEC GEN-4.
    pub fn hash(&self) -> Hash32 {
        hash(label::GENESIS, &codec::encode(self))
    }

    /// SPEC GEN-2: a name belongs to one account.
    fn check_account_names(&self) -> Result<(), GenesisRejected> {
        let mut seen = BTreeSet::new();
        for name in self.accounts.iter().filter_map(|account| account.name.as_deref()) {
            if !is_name(name) {
                return Err(GenesisRejected::AccountName { found: name.into() });
            }
            if !seen.insert(name) {
                return Err(GenesisRejected::NamedTwice { name: name.into() });
            }
        }
        Ok(())
    }

    /// The sum of all coins, or `None` above the cap.
    fn supply(&self) -> Option<Coins> {
        let parts = self.accounts.iter().flat_map(|account| [account.balance, account.stake]);
        parts.chain([self.treasury]).try_fold(Coins::ZERO, Coins::checked_add)
    }

    /// The set of height 1.
    fn validators(&self) -> Result<ValidatorSet, GenesisRejected> {
        let allowed = self.parameters.stake_min..=self.parameters.stake_max;
        let staked: Vec<_> = self.accounts.iter().filter(|account| !account.stake.is_zero()).collect();
        if let Some(wrong) = staked.iter().find(|account| !allowed.contains(&account.stake)) {
            return Err(GenesisRejected::StakeOutOfRange { address: wrong.address });
        }
        let member = |account: &&GenesisAccount| Validator { address: account.address, stake: account.stake.into() };
        ValidatorSet::new(staked.iter().map(member).collect()).map_err(|_| GenesisRejected::NoValidators)
    }
}

fn is_name(name: &str) -> bool {
    let allowed = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-';
    !name.is_empty() && name.len() <= limits::CHAIN_NAME_BYTES_MAX && name.bytes().all(allowed)
}

impl Parameters {
    /// SPEC GEN-3: no parameter may halt the chain or overflow its arithmetic.
    fn check(&self) -> Result<(), GenesisRejected> {
        let capacity_max = u32::try_from(limits::BLOCK_TRANSACTIONS_MAX).expect("a small constant");
        let rules = [
            (self.capacity == 0 || self.capacity > capacity_max, "capacity", "must be 1 to 20000"),
            (self.block_interval_ms > 60_000, "block_interval_ms", "must be at most 60000"),
            (
                self.idle_block_interval_ms < self.block_interval_ms || self.idle_block_interval_ms > 3_600_000,
                "idle_block_interval_ms",
                "must be at least block_interval_ms and at most 3600000",
            ),
            (self.fee_basis_points > 10_000, "fee_basis_points", "must be at most 10000"),
            (self.fee_per_character > Coins::from_bcc(1_000_000), "fee_per_character", "must be at most 1000000 BCC"),
            (self.fee_min > Coins::from_bcc(1_000_000), "fee_min", "must be at most 1000000 BCC"),
            (self.stake_min.is_zero(), "stake_min", "must not be 0"),
            (self.stake_max < self.stake_min, "stake_max", "must be at least stake_min"),
            (self.validators_min == 0, "validators_min", "must not be 0"),
            (self.unbonding_ms <= self.evidence_window_ms, "unbonding_ms", "must exceed evidence_window_ms"),
            (self.burn_basis_points > 10_000, "burn_basis_points", "must be at most 10000"),
            (self.grant_cap_basis_points > 10_000, "grant_cap_basis_points", "must be at most 10000"),
            (self.churn_ms == 0, "churn_ms", "must not be 0"),
        ];
        match rules.into_iter().find(|(broken, _, _)| *broken) {
            Some((_, name, problem)) => Err(GenesisRejected::Parameter { name, problem }),
            None => Ok(()),
        }
    }
}

impl VerifiedGenesis {
    /// The genesis.
    pub fn genesis(&self) -> &Genesis {
        &self.0.genesis
    }

    /// Its hash: the identity of the chain, and the parent of block 1.
    pub fn hash(&self) -> Hash32 {
        self.0.hash
    }

    /// The set of height 1.
    pub fn validators(&self) -> &ValidatorSet {
        &self.0.validators
    }

    /// The minimum work that a claim ever needs on this chain, checked before anything else; `None` without grants.
    /// SPEC CLAIM-4.
    pub fn least_work(&self) -> Option<Tries> {
        let Genesis { treasury, parameters, .. } = self.genesis();
        Tries::for_grant(parameters.grant, *treasury, *treasury)
    }

    /// `name-8hex`: only for protocol names and screens; signed data carries the whole hash.
    pub fn short_name(&self) -> String {
        format!("{}-{}", self.0.genesis.name, self.0.hash.short())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::codec::DecodeRejected;

    fn genesis(parameters: Parameters) -> Genesis {
        let (balance, stake) = (Coins::ZERO, Coins::from_bcc(1));
        let accounts = vec![GenesisAccount { address: Address([1; 32]), balance, stake, name: None }];
        let (name, version) = ("test".into(), RulesVersion::FIRST);
        Genesis { name, time: UnixMillis(1), parameters, treasury: Coins::ZERO, accounts, version }
    }

    /// SPEC GEN-3.
    #[test]
    fn a_lottery_that_nobody_knows_is_refused() {
        let json = serde_json::to_string(&genesis(Parameters::default())).unwrap();
        assert_eq!(serde_json::from_str::<Genesis>(&json).unwrap(), genesis(Parameters::default()));
        let other = json.replace(r#""lottery":"block_hash""#, r#""lottery":"vrf""#);
        assert_ne!(other, json);
        let refused = serde_json::from_str::<Genesis>(&other).unwrap_err().to_string();
        assert!(refused.contains("vrf") && refused.contains("block_hash"), "{refused}");
        assert_eq!(codec::decode::<Lottery>(&[0], 1), Ok(Lottery::BlockHash));
        assert!(matches!(codec::decode::<Lottery>(&[1], 1), Err(DecodeRejected::Malformed { .. })));
    }

    /// SPEC GEN-1: a genesis without names has the same bytes as before names existed.
    #[test]
    fn a_name_is_in_the_bytes_of_its_account_and_nothing_where_there_is_none() {
        let account = |name: Option<&str>| {
            let (address, balance, stake) = (Address([1; 32]), Coins::ZERO, Coins::from_bcc(1));
            GenesisAccount { address, balance, stake, name: name.map(Into::into) }
        };
        let (nameless, named) = (codec::encode(&account(None)), codec::encode(&account(Some("id0"))));
        assert_eq!(hex::encode(&nameless), format!("a3005820{}0100021a000f4240", "01".repeat(32)));
        assert_eq!(hex::encode(&named), format!("a4005820{}0100021a000f42400363696430", "01".repeat(32)));
        for (bytes, name) in [(&nameless, None), (&named, Some("id0"))] {
            assert_eq!(codec::decode::<GenesisAccount>(bytes, 100), Ok(account(name)));
        }
        let null = [&[0xa4], &nameless[1..], &[0x03, 0xf6]].concat();
        assert_eq!(codec::decode::<GenesisAccount>(&null, 100), Err(DecodeRejected::NotCanonical));
        let json = serde_json::to_string(&account(None)).unwrap();
        assert!(!json.contains("name"), "{json}");
        assert_eq!(serde_json::from_str::<GenesisAccount>(&json).unwrap(), account(None));
    }

    /// SPEC GEN-2.
    #[test]
    fn names_of_accounts_are_names_and_each_is_given_once() {
        let named = |names: [&str; 2]| {
            let mut genesis = genesis(Parameters::default());
            genesis.accounts.push(GenesisAccount { address: Address([2; 32]), ..genesis.accounts[0].clone() });
            for (account, name) in genesis.accounts.iter_mut().zip(names) {
                account.name = Some(name.into());
            }
            genesis.verify()
        };
        assert!(named(["id0", "id1"]).is_ok());
        assert_eq!(named(["id0", "id0"]), Err(GenesisRejected::NamedTwice { name: "id0".into() }));
        for wrong in ["", "Id0", "a b", "a\u{1b}[2J", &"a".repeat(33)] {
            assert_eq!(named(["id0", wrong]), Err(GenesisRejected::AccountName { found: wrong.into() }));
        }
    }

    /// SPEC GEN-3.
    #[test]
    fn the_set_must_be_able_to_grow() {
        let refused = genesis(Parameters { churn_ms: 0, ..Parameters::default() }).verify().unwrap_err();
        assert!(matches!(refused, GenesisRejected::Parameter { name: "churn_ms", .. }), "{refused}");
        assert!(genesis(Parameters { churn_ms: 1, ..Parameters::default() }).verify().is_ok());
    }
}
