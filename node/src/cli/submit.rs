//! Signing, handing in and waiting: what `send` and `stake` have in common.

use super::args::WaitArg;
use super::failure::Failure;
use super::names::Names;
use super::output::{Format, age, bcc, moment, note, printable};
use super::passphrase::OwnKey;
use super::replace::{Held, too_late};
use crate::wallet::seal::{self, Place};
use crate::wallet::sign;
use blockchat_client::shapes::{AccountView, ApiCode, Phase, SubmitView, TransactionState};
use blockchat_client::{Client, ClientError};
use blockchat_host::signals::{Signals, Told};
use blockchat_host::whole_file;
use blockchat_proto::coins::Coins;
use blockchat_proto::genesis::VerifiedGenesis;
use blockchat_proto::hash::Hash32;
use blockchat_proto::keys::{Address, Signer};
use blockchat_proto::ledger::{TxRejected, fee_for};
use blockchat_proto::refusal::TxCode;
use blockchat_proto::transaction::{Body, Payload, SignedTransaction};
use blockchat_proto::units::{Height, UnixMillis};
use serde::Serialize;
use std::fs::File;
use std::path::Path;
use std::time::{Duration, Instant};

/// First pause between two looks at a transaction; it grows by half each time.
const LOOK_FIRST: Duration = Duration::from_millis(20);
/// Longest pause.
const LOOK_MAX: Duration = Duration::from_millis(500);
/// After so long a person is told what it waits for,
const SAY_FIRST: Duration = Duration::from_secs(1);
/// and again this often, if it waits for something else by then.
const SAY_EVERY: Duration = Duration::from_secs(2);
/// Longest wait for another command that signs with the same key.
const TURN_WITHIN: Duration = Duration::from_secs(20);
/// A node that has just been started may take so long to reach the tip of the chain.
const STARTING_WITHIN: Duration = Duration::from_secs(15);
/// Maximum number of times that a nonce that was taken meanwhile is replaced by the next one.
const NONCE_TRIES: u32 = 5;

/// The coins that a transaction takes from its sender.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Cost {
    pub(crate) fee: Coins,
    /// Amount and fee.
    pub(crate) total: Coins,
}

/// Computed here, by the rules of the chain, before anything is signed.
pub(crate) fn cost(body: &Body, genesis: &VerifiedGenesis) -> Result<Cost, Failure> {
    let fee = fee_for(body, &genesis.genesis().parameters).map_err(|reason| Failure::rejected(&reason))?;
    let total = match body {
        Body::Send { amount, .. } => amount.checked_add(fee),
        Body::Stake { .. } | Body::Activate { .. } | Body::Claim { .. } | Body::Announce { .. } => Some(fee),
    };
    let total = total.ok_or_else(|| Failure::rejected(&TxRejected::AmountOverflow))?;
    Ok(Cost { fee, total })
}

/// The transaction to sign and submit.
pub(crate) struct Order<'a> {
    pub(crate) client: &'a Client,
    pub(crate) genesis: &'a VerifiedGenesis,
    pub(crate) key: &'a OwnKey,
    pub(crate) body: &'a Body,
    pub(crate) cost: Cost,
    /// The last height at which it is valid.
    pub(crate) expiry: Option<Height>,
    /// The text that is sealed anew for each nonce, in place of the payload of the body. It is never sent in plain.
    pub(crate) seal: Option<&'a str>,
    /// The transaction whose place it takes, with its nonce.
    pub(crate) replaces: Option<&'a Held>,
}

impl<'a> Order<'a> {
    /// With its price and nothing else: no end, no seal, no replacement.
    pub(crate) fn plain(
        client: &'a Client,
        genesis: &'a VerifiedGenesis,
        key: &'a OwnKey,
        body: &'a Body,
    ) -> Result<Self, Failure> {
        Ok(Self { client, genesis, key, body, cost: cost(body, genesis)?, expiry: None, seal: None, replaces: None })
    }

    fn sign(&self, nonce: u64) -> Result<SignedTransaction, Failure> {
        let (signer, chain) = (&self.key.signer, self.genesis.hash());
        let body = match (self.seal, self.body) {
            (Some(text), Body::Send { to, amount, .. }) => {
                let place = Place { chain, sender: signer.address(), recipient: *to, nonce };
                sealed_body(signer, &place, *amount, text)?
            }
            (_, body) => body.clone(),
        };
        Ok(sign::sign_until(signer, chain, nonce, self.expiry, body))
    }

    /// The nonce it is signed with: the account's next, or that of what it replaces.
    fn nonce(&self, account: &AccountView) -> u64 {
        self.replaces.map_or(account.pending_nonce, |held| held.nonce)
    }

    async fn hand_in(&self, signed: &SignedTransaction) -> Result<SubmitView, ClientError> {
        match self.replaces {
            Some(held) => self.client.submit_instead(signed, held.id).await,
            None => self.client.submit(signed).await,
        }
    }

    /// Signs it with its nonce, and leaves it at that.
    pub(crate) async fn sign_next(&self) -> Result<SignedTransaction, Failure> {
        let account = self.client.account(&self.key.signer.address()).await?;
        self.sign(self.nonce(&account))
    }
}

/// A message that only the two ends of this place can read. It costs the same for every nonce.
pub(crate) fn sealed_body(signer: &Signer, place: &Place, amount: Coins, text: &str) -> Result<Body, Failure> {
    let sealed = seal::seal(signer, place, text).map_err(|reason| {
        Failure::new(reason.to_string(), "send it in plain, without --sealed, or to another account")
    })?;
    Ok(Body::Send { to: place.recipient, amount, payload: Payload::Sealed(sealed) })
}

/// A transaction on its way.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct HandedIn {
    /// Its id.
    pub(crate) id: Hash32,
    /// The fee.
    pub(crate) fee: Coins,
    /// Amount and fee.
    pub(crate) total: Coins,
    /// Its place.
    #[serde(flatten)]
    pub(crate) state: TransactionState,
    /// Time of its block, once it is final.
    pub(crate) time: Option<UnixMillis>,
    /// The transaction that it replaces.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) replaces: Option<Hash32>,
    /// From handing it in to knowing that it is final, in ms.
    pub(crate) waited_ms: Option<u64>,
    /// The signed transaction, so that it can be submitted again.
    #[serde(skip)]
    signed: SignedTransaction,
}

/// Signs with the account's next nonce and hands it in.
pub(crate) async fn submit(order: &Order<'_>) -> Result<HandedIn, Failure> {
    let Order { client, key, body, cost: Cost { fee, total }, replaces, .. } = order;
    let (fee, total) = (*fee, *total);
    let _turn = turn(&key.path).await?;
    let begun = Instant::now();
    let mut tries = 0;
    loop {
        let account = client.account(&key.signer.address()).await?;
        let signed = order.sign(order.nonce(&account))?;
        tries += 1;
        match order.hand_in(&signed).await {
            Ok(view) => {
                let SubmitView { id, state, .. } = view;
                let replaces = replaces.map(|held| held.id);
                return Ok(HandedIn { id, fee, total, state, time: None, replaces, waited_ms: None, signed });
            }
            Err(error)
                if nonce_was_taken(&error)
                    && let Some(held) = replaces =>
            {
                return Err(too_late(client, &held.id, error.into()).await);
            }
            Err(error) if tries < NONCE_TRIES && nonce_was_taken(&error) => {}
            // A node that was just started knows in a moment.
            Err(error) if error.is(ApiCode::Starting) && begun.elapsed() < STARTING_WITHIN => {
                tries -= 1;
                tokio::time::sleep(LOOK_MAX).await;
            }
            Err(error) => return Err(explained(error, &account, body, fee, order.genesis)),
        }
    }
}

/// Hands in what needs no nonce, and costs nothing.
pub(crate) async fn hand_in(client: &Client, signed: SignedTransaction) -> Result<HandedIn, Failure> {
    let SubmitView { id, state, .. } = client.submit(&signed).await?;
    let (fee, total) = (Coins::ZERO, Coins::ZERO);
    Ok(HandedIn { id, fee, total, state, time: None, waited_ms: None, signed, replaces: None })
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
fn explained(error: ClientError, account: &AccountView, body: &Body, fee: Coins, genesis: &VerifiedGenesis) -> Failure {
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
    let failure = Failure::refused(cause, &TxCode::InsufficientFunds.into(), error.retry());
    if account.balance.is_zero() {
        failure.advising(how_to_get_coins(account, genesis.least_work().is_some()))
    } else {
        failure
    }
}

/// For an account without coins. `grants`: the chain has a treasury for that.
pub(crate) fn how_to_get_coins(account: &AccountView, grants: bool) -> String {
    let claim = match grants && !account.claimed {
        true => "claim a welcome grant with `blockchat-node wallet claim`, or ",
        false => "",
    };
    format!("{claim}ask somebody on the chain for coins; they type: blockchat-node send {} 100", account.address)
}

/// Waits until it is final, unless asked not to. A person is told what it waits for. Ctrl-C ends the waiting, not the
/// transaction.
pub(crate) async fn wait_final(
    client: &Client,
    submitted: &mut HandedIn,
    arg: &WaitArg,
    names: &Names,
    format: Format,
) -> Result<(), Failure> {
    if arg.no_wait {
        return Ok(());
    }
    let mut signals = Signals::listen()
        .map_err(|error| Failure::new(format!("cannot hear signals: {error}"), "free some resources"))?;
    let waiting = Waiting { client, names, arg, quiet: format == Format::Json };
    tokio::select! {
        done = waiting.wait(submitted) => done,
        told = signals.next() => Err(interrupted(submitted.id, told)),
    }
}

/// It is handed in, whatever becomes of the command.
fn interrupted(id: Hash32, told: Told) -> Failure {
    let cause =
        format!("not waited for any longer: transaction {id} is handed in, and will be final unless it is refused");
    let next = format!("see where it is with `blockchat-node tx {id}`");
    Failure::new(cause, next).coded("interrupted").exiting(told.exit_code())
}

struct Waiting<'a> {
    client: &'a Client,
    names: &'a Names,
    arg: &'a WaitArg,
    quiet: bool,
}

impl Waiting<'_> {
    async fn wait(&self, submitted: &mut HandedIn) -> Result<(), Failure> {
        let start = Instant::now();
        let deadline = start + Duration::from_secs(self.arg.wait);
        let (mut pause, mut say_at, mut said) = (LOOK_FIRST, start + SAY_FIRST, String::new());
        loop {
            match look(self.client, submitted).await {
                Ok(state) => submitted.state = state,
                // Handed in is handed in: a node that is started again still has it.
                Err(gone) if gone.is("no_node") && Instant::now() < deadline => {}
                Err(refused) => return Err(refused),
            }
            match &submitted.state {
                TransactionState::Final { height, .. } => {
                    submitted.waited_ms = u64::try_from(start.elapsed().as_millis()).ok();
                    submitted.time = time_of(self.client, *height).await;
                    return Ok(());
                }
                TransactionState::Refused { code, reason, retry } => {
                    let refused = Failure::refused(format!("refused: {}", printable(reason)), code, *retry);
                    return Err(match &submitted.replaces {
                        Some(first) => too_late(self.client, first, refused).await,
                        None => refused,
                    });
                }
                _ if Instant::now() >= deadline => return Err(self.not_final_yet(submitted).await),
                _ => tokio::time::sleep(pause).await,
            }
            pause = (pause * 3 / 2).min(LOOK_MAX);
            if Instant::now() >= say_at && !self.quiet {
                say_at = Instant::now() + SAY_EVERY;
                let why = self.why_not_yet(submitted).await;
                if why != said {
                    note(&format!("waiting: {why}"));
                    said = why;
                }
            }
        }
    }

    /// The reason why it waits, as the node reports it.
    async fn why_not_yet(&self, submitted: &HandedIn) -> String {
        let status = match self.client.status().await {
            Ok(status) => status,
            Err(error) => return format!("the node does not answer now ({})", printable(&error.to_string())),
        };
        let alone = status.validators.len() == 1 && status.validator == Some(status.validators[0].address);
        match (&status.phase, &submitted.state) {
            (Phase::WaitingForStake { online_percent, missing }, _) => {
                let missing: Vec<_> = missing.iter().map(|address| self.names.show(address)).collect();
                let online = printable(online_percent);
                format!(
                    "too few validators are online, {online} % of 66.7 % of the stake; missing: {}",
                    missing.join(", ")
                )
            }
            (Phase::CatchingUp { target }, _) => {
                format!("the node is catching up: at block {} of {target}", status.height)
            }
            (Phase::UpdateNeeded { .. }, _) => "the node stands still until its program is updated".into(),
            (_, TransactionState::Queued) => {
                let sender = submitted.signed.transaction.sender;
                missing_nonces(self.client, &sender, submitted.signed.transaction.nonce).await
            }
            _ if status.peers == 0 && !alone => "the node is connected to no other node".into(),
            (_, TransactionState::InBlock { height }) => format!("block {height} holds it, and is being voted on"),
            _ => format!(
                "its turn in a block; block {} is being decided in round {}",
                status.height.next(),
                status.round
            ),
        }
    }

    async fn not_final_yet(&self, submitted: &HandedIn) -> Failure {
        let why = self.why_not_yet(submitted).await;
        let cause = format!("handed in, but not final after {} s: it waits for {why}", self.arg.wait);
        let next = format!("look again with `blockchat-node tx {}`, and see `blockchat-node status`", submitted.id);
        Failure::new(cause, next).coded("not_final_yet")
    }
}

/// Which nonces of its account a transaction waits for that is queued.
pub(crate) async fn missing_nonces(client: &Client, sender: &Address, nonce: u64) -> String {
    let Ok(account) = client.account(sender).await else { return "an earlier transaction of the account".into() };
    match nonce.checked_sub(account.pending_nonce) {
        None | Some(0) => "its turn after earlier transactions of the account".into(),
        Some(1) => {
            format!("the transaction with nonce {} of the same account, which this node has not seen", nonce - 1)
        }
        Some(_) => format!(
            "the transactions with nonces {} to {} of the same account, which this node has not seen",
            account.pending_nonce,
            nonce - 1
        ),
    }
}

/// The current place. A node that forgot it (a full pool, a restart) gets it again: submitting twice is safe.
async fn look(client: &Client, submitted: &HandedIn) -> Result<TransactionState, Failure> {
    match client.transaction(&submitted.id).await {
        Err(error) if error.is(ApiCode::TransactionUnknown) => Ok(client.submit(&submitted.signed).await?.state),
        found => Ok(found?.state),
    }
}

/// A comfort: without the block's time the transaction is no less final.
async fn time_of(client: &Client, height: Height) -> Option<UnixMillis> {
    Some(client.block(height).await.ok()?.time)
}

/// One line that says where it is.
pub(crate) fn place(submitted: &HandedIn) -> String {
    let waited = submitted.waited_ms.map(|ms| format!(", after {}.{:02} s", ms / 1_000, ms % 1_000 / 10));
    let time = submitted.time.map(|time| format!(" at {}", moment(time)));
    state(&submitted.state) + &time.unwrap_or_default() + &waited.unwrap_or_default()
}

/// The place of a transaction, for a person.
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
