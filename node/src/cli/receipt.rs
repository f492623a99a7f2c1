//! `receipt` and `verify-receipt`: proof of a payment or of an account, made by a node and checked without one.

use super::args::ApiArg;
use super::failure::Failure;
use super::home::Home;
use super::names::Names;
use super::node;
use super::output::{Format, bcc, json, moment, pairs, say};
use super::view::what;
use blockchat_proto::coins::Coins;
use blockchat_proto::hash::Hash32;
use blockchat_proto::keys::Address;
use blockchat_proto::receipt::{Fact, Proved, Receipt, Trust};
use blockchat_proto::transaction::{SignedTransaction, TransactionId};
use blockchat_proto::units::{Height, UnixMillis};
use clap::Args;
use serde::Serialize;
use std::fs::File;
use std::io::Read;
use std::path::{Path, PathBuf};
use std::str::FromStr;

/// Longest file, in bytes: JSON takes at most so many times the room of canonical bytes.
const FILE_BYTES_MAX: u64 = 8 * 1024 * 1024;

pub(super) const EXAMPLES: &str = "Examples:
  blockchat-node receipt 170ceab0...d4 > receipt.json
  blockchat-node receipt --account bob > bob.json
  blockchat-node receipt 170ceab0...d4 --trust 90000 > receipt.json";

#[derive(Debug, Args)]
#[group(required = true, multiple = false, id = "fact", args = ["id", "account"])]
pub(crate) struct ReceiptArgs {
    /// Id of a final transaction: 64 hex digits
    pub(crate) id: Option<Hash32>,
    /// Of what this account holds now: a contact, a wallet, or an address
    #[arg(long, value_name = "ACCOUNT")]
    pub(crate) account: Option<String>,
    /// Begin at the block of this height instead of the genesis: shorter, for readers who know the hash of that block
    #[arg(long, value_name = "HEIGHT")]
    pub(crate) trust: Option<u64>,
    #[command(flatten)]
    pub(crate) api: ApiArg,
}

pub(super) const VERIFY_EXAMPLES: &str = "Examples:
  blockchat-node verify-receipt receipt.json
  blockchat-node verify-receipt receipt.json --genesis 42f73d71...e2b4
  blockchat-node verify-receipt receipt.json --trust 90000:5be0cd19...137e";

#[derive(Debug, Args)]
pub(crate) struct VerifyReceiptArgs {
    /// The output of `receipt`
    #[arg(value_name = "FILE")]
    pub(crate) file: PathBuf,
    /// Genesis hash of the chain [default: that of this home]
    #[arg(long, value_name = "HASH", conflicts_with = "trust")]
    pub(crate) genesis: Option<Hash32>,
    /// Height and hash of a block that you trust; the receipt must begin there
    #[arg(long, value_name = "HEIGHT:HASH")]
    pub(crate) trust: Option<TrustedBlock>,
}

/// A block of known hash, as `HEIGHT:HASH`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct TrustedBlock {
    pub(crate) height: Height,
    pub(crate) hash: Hash32,
}

impl FromStr for TrustedBlock {
    type Err = &'static str;
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let parts = text
            .split_once(':')
            .and_then(|(height, hash)| Some(Self { height: Height(height.parse().ok()?), hash: hash.parse().ok()? }));
        parts.ok_or("a trusted block is HEIGHT:HASH, a number and 64 hex digits")
    }
}

/// The fact that a receipt proves, for programs.
#[derive(Debug, Serialize)]
struct ProvedView<'a> {
    chain: Hash32,
    height: Height,
    block: Hash32,
    time: UnixMillis,
    #[serde(skip_serializing_if = "Option::is_none")]
    id: Option<TransactionId>,
    #[serde(skip_serializing_if = "Option::is_none")]
    transaction: Option<&'a SignedTransaction>,
    #[serde(skip_serializing_if = "Option::is_none")]
    address: Option<Address>,
    #[serde(skip_serializing_if = "Option::is_none")]
    balance: Option<Coins>,
    #[serde(skip_serializing_if = "Option::is_none")]
    stake: Option<Coins>,
}

/// Prints the receipt that the node gives.
pub(crate) async fn receipt(home: &Home, args: ReceiptArgs) -> Result<(), Failure> {
    let client = node::client(home, &args.api).await?;
    let receipt = match (&args.id, &args.account) {
        (Some(id), _) => client.receipt(id, args.trust.map(Height)).await?,
        (None, Some(account)) => {
            let address = Names::of(home)?.resolve(account)?;
            client.account_proof(&address, args.trust.map(Height)).await?
        }
        (None, None) => unreachable!("the command line demands one of them"),
    };
    say(&json(&receipt));
    Ok(())
}

/// Checks a receipt with one hash that is known beforehand. Needs no node and no network.
pub(crate) fn verify(home: &Home, args: &VerifyReceiptArgs, format: Format) -> Result<(), Failure> {
    let names = Names::of(home)?;
    let trust = trust(home, args)?;
    let receipt = read(&args.file)?;
    let proved = receipt.verify(trust).map_err(|refused| {
        let cause = format!("{} proves nothing: {refused}", args.file.display());
        Failure::new(cause, "ask another node for the receipt, and compare the hash that you trust")
            .coded("receipt_refused")
    })?;
    format.print(&view(&proved), |_| shown(&proved, &names));
    Ok(())
}

fn trust(home: &Home, args: &VerifyReceiptArgs) -> Result<Trust, Failure> {
    if let Some(trusted) = args.trust {
        return Ok(Trust::Block(trusted.height, trusted.hash));
    }
    let own = || home.genesis().map(|genesis| genesis.map(|genesis| genesis.hash()));
    let hash = args.genesis.map_or_else(own, |hash| Ok(Some(hash)))?;
    hash.map(Trust::Genesis).ok_or_else(|| {
        let cause = "there is no hash to begin at: this home has no genesis";
        Failure::new(cause, "say --genesis HASH, or --trust HEIGHT:HASH").coded("no_trust")
    })
}

fn read(path: &Path) -> Result<Receipt, Failure> {
    let wrong = |cause: String| {
        Failure::new(cause, "name a file that `blockchat-node receipt ID` has printed").coded("bad_receipt")
    };
    let unreadable = |error: std::io::Error| wrong(format!("cannot read {}: {error}", path.display()));
    let mut text = String::new();
    File::open(path).map_err(unreadable)?.take(FILE_BYTES_MAX).read_to_string(&mut text).map_err(unreadable)?;
    serde_json::from_str(&text).map_err(|error| wrong(format!("{} is no receipt: {error}", path.display())))
}

fn view<'a>(proved: &Proved<'a>) -> ProvedView<'a> {
    let Proved { chain, height, block, time, id, fact } = *proved;
    let blank =
        ProvedView { chain, height, block, time, id, transaction: None, address: None, balance: None, stake: None };
    match fact {
        Fact::Transaction { transaction, .. } => ProvedView { transaction: Some(transaction), ..blank },
        Fact::Account(proof) => {
            let (balance, stake) = (Some(proof.account.balance), Some(proof.account.stake));
            ProvedView { address: Some(proof.address), balance, stake, ..blank }
        }
    }
}

fn shown(proved: &Proved<'_>, names: &Names) -> String {
    let mut lines = match proved.fact {
        Fact::Transaction { transaction, .. } => {
            let (to, sum, text) = what(&transaction.transaction.body, names);
            vec![
                ("proved", "this transaction is final".into()),
                ("id", proved.id.map(|id| id.to_string()).unwrap_or_default()),
                ("from", names.show_long(&transaction.transaction.sender)),
                ("to", to),
                ("amount", if sum.is_empty() { sum } else { format!("{sum} BCC") }),
                ("message", text),
                ("nonce", transaction.transaction.nonce.to_string()),
            ]
        }
        Fact::Account(proof) => vec![
            ("proved", "this is what the account holds after the block".into()),
            ("account", names.show_long(&proof.address)),
            ("balance", bcc(proof.account.balance)),
            ("stake", bcc(proof.account.stake)),
        ],
    };
    lines.push(("block", format!("{} at {}", proved.height, moment(proved.time))));
    lines.push(("chain", proved.chain.to_string()));
    pairs(&lines)
}
