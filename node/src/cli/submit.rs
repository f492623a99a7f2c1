//! Signing, handing in and waiting: what `send` and `stake` have in common.

use super::args::WaitArg;
use super::failure::Failure;
use super::output::{age, bcc, moment, printable};
use super::passphrase::OwnKey;
use crate::wallet::sign;
use blockchat_client::shapes::{AccountView, ApiCode, SubmitView, TransactionState};
use blockchat_client::{Client, ClientError};
use blockchat_host::whole_file;
use blockchat_proto::coins::Coins;
use blockchat_proto::genesis::VerifiedGenesis;
use blockchat_proto::hash::Hash32;
use blockchat_proto::ledger::{TxRejected, fee_for};
use blockchat_proto::refusal::TxCode;
use blockchat_proto::transaction::{Body, SignedTransaction};
use blockchat_proto::units::{Height, UnixMillis};
use serde::Serialize;
use std::fs::File;
use std::path::Path;
use std::time::{Duration, Instant};

/// First pause between two looks at a transaction; it grows by half each time.
const LOOK_FIRST: Duration = Duration::from_millis(20);
/// Longest pause.
const LOOK_MAX: Duration = Duration::from_millis(500);
/// Longest wait for another command that signs with the same key.
const TURN_WITHIN: Duration = Duration::from_secs(20);
/// How often a nonce that somebody else took meanwhile is replaced by the next one.
const NONCE_TRIES: u32 = 5;

/// A transaction on its way.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct Submitted {
    /// Its id.
    pub(crate) id: Hash32,
    /// The fee.
    pub(crate) fee: Coins,
    /// Amount and fee.
    pub(crate) total: Coins,
    /// Where it is.
    #[serde(flatten)]
    pub(crate) state: TransactionState,
    /// Time of its block, once it is final.
    pub(crate) time: Option<UnixMillis>,
    /// From handing it in to knowing that it is final, in ms.
    pub(crate) waited_ms: Option<u64>,
    /// What was handed in, should it have to be done again.
    #[serde(skip)]
    signed: SignedTransaction,
}

/// Signs with the account's next nonce and hands it in.
pub(crate) async fn submit(
    client: &Client,
    genesis: &VerifiedGenesis,
    key: &OwnKey,
    body: &Body,
) -> Result<Submitted, Failure> {
    let fee = fee_for(body, &genesis.genesis().parameters).map_err(|reason| Failure::rejected(&reason))?;
    let total = match body {
        Body::Send { amount, .. } => amount.checked_add(fee),
        Body::Stake { .. } | Body::Activate { .. } | Body::Claim { .. } | Body::Announce { .. } => Some(fee),
    };
    let total = total.ok_or_else(|| Failure::rejected(&TxRejected::AmountOverflow))?;
    let _turn = turn(&key.path).await?;
    let mut tries = 0;
    loop {
        let account = client.account(&key.signer.address()).await?;
        let signed = sign::sign(&key.signer, genesis.hash(), account.pending_nonce, body.clone());
        tries += 1;
        match client.submit(&signed).await {
            Ok(view) => {
                let SubmitView { id, state } = view;
                return Ok(Submitted { id, fee, total, state, time: None, waited_ms: None, signed });
            }
            Err(error) if tries < NONCE_TRIES && nonce_was_taken(&error) => {}
            Err(error) => return Err(explained(error, &account, body, fee)),
        }
    }
}

/// Waits until no other command signs with this key. Two at once would take the same nonce, and where both ask for the
/// same, make the very same transaction: paid once, and both would call it done.
async fn turn(path: &Path) -> Result<File, Failure> {
    let deadline = Instant::now() + TURN_WITHIN;
    loop {
        match whole_file::try_hold(path) {
            Ok(Some(held)) => return Ok(held),
            Ok(None) if Instant::now() < deadline => tokio::time::sleep(LOOK_FIRST).await,
            Ok(None) => {
                let cause = format!("another command has been signing with {} for too long", path.display());
                return Err(Failure::new(cause, "end it, then try again").coded("key_busy"));
            }
            Err(error) => return Err(Failure::file(path, "use", &error)),
        }
    }
}

fn nonce_was_taken(error: &ClientError) -> bool {
    error.is(TxCode::StaleNonce) || error.is(TxCode::NonceTaken)
}

/// A refusal for want of coins names what was asked for as the person knows it: without the fee, and with what other
/// transactions on their way have taken.
fn explained(error: ClientError, account: &AccountView, body: &Body, fee: Coins) -> Failure {
    if !error.is(TxCode::InsufficientFunds) {
        return error.into();
    }
    let taken = account.balance.checked_sub(account.pending_balance).filter(|taken| !taken.is_zero());
    let taken = taken.map(|taken| format!("; {} more are in transactions that are not final yet", bcc(taken)));
    let asked = match body {
        Body::Send { amount, .. } => {
            let total = amount.checked_add(fee).map(|total| format!("{}, the fee included", bcc(total)));
            let spendable = bcc(account.pending_balance);
            total.map(|total| format!("this takes {total}, and the account can spend {spendable}"))
        }
        Body::Stake { .. } | Body::Activate { .. } | Body::Claim { .. } | Body::Announce { .. } => None,
    };
    let cause = format!("refused: {}{}", asked.unwrap_or_else(|| error.to_string()), taken.unwrap_or_default());
    Failure::refused(cause, &TxCode::InsufficientFunds.into(), error.retry())
}

/// Waits until it is final, unless asked not to.
pub(crate) async fn wait_final(client: &Client, submitted: &mut Submitted, arg: &WaitArg) -> Result<(), Failure> {
    if arg.no_wait {
        return Ok(());
    }
    let start = Instant::now();
    let deadline = start + Duration::from_secs(arg.wait);
    let mut pause = LOOK_FIRST;
    loop {
        submitted.state = look(client, submitted).await?;
        match &submitted.state {
            TransactionState::Final { height, .. } => {
                submitted.waited_ms = u64::try_from(start.elapsed().as_millis()).ok();
                submitted.time = time_of(client, *height).await;
                return Ok(());
            }
            TransactionState::Refused { code, reason, retry } => {
                return Err(Failure::refused(format!("refused: {}", printable(reason)), code, *retry));
            }
            _ if Instant::now() >= deadline => return Err(not_final_yet(submitted, arg)),
            _ => tokio::time::sleep(pause).await,
        }
        pause = (pause * 3 / 2).min(LOOK_MAX);
    }
}

/// Where it is now. A node that forgot it (a full pool, a restart) gets it again: handing in twice is safe.
async fn look(client: &Client, submitted: &Submitted) -> Result<TransactionState, Failure> {
    match client.transaction(&submitted.id).await {
        Err(error) if error.is(ApiCode::TransactionUnknown) => Ok(client.submit(&submitted.signed).await?.state),
        found => Ok(found?.state),
    }
}

/// A comfort: without the block's time the transaction is no less final.
async fn time_of(client: &Client, height: Height) -> Option<UnixMillis> {
    Some(client.block(height).await.ok()?.time)
}

fn not_final_yet(submitted: &Submitted, arg: &WaitArg) -> Failure {
    let cause = format!("accepted, but not final after {} s: is the chain waiting for validators?", arg.wait);
    let next = format!("look again with `blockchat-node tx {}`, and see `blockchat-node status`", submitted.id);
    Failure::new(cause, next).coded("not_final_yet")
}

/// One line that says where it is.
pub(crate) fn place(submitted: &Submitted) -> String {
    let waited = submitted.waited_ms.map(|ms| format!(", after {}.{:02} s", ms / 1_000, ms % 1_000 / 10));
    let time = submitted.time.map(|time| format!(" at {}", moment(time)));
    state(&submitted.state) + &time.unwrap_or_default() + &waited.unwrap_or_default()
}

/// Where a transaction is, for a person.
pub(crate) fn state(state: &TransactionState) -> String {
    match state {
        TransactionState::Queued => "queued: waits for an earlier transaction of the account".into(),
        TransactionState::Pooled => "pooled: waits for its block".into(),
        TransactionState::InBlock { height } => format!("in block {height}, not final yet"),
        TransactionState::Final { height, index, .. } => format!("final: number {index} of block {height}"),
        TransactionState::Refused { code, reason, .. } => {
            format!("refused: {} ({})", printable(reason), printable(code.as_str()))
        }
        TransactionState::Unknown => "somewhere that this version of the program does not know".into(),
    }
}

/// A moment and how long ago it was.
pub(crate) fn moment_and_age(time: UnixMillis) -> String {
    format!("{}, {}", moment(time), age(time))
}
