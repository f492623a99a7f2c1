//! `wallet claim`: a welcome grant, for work instead of coins. SPEC CLAIM-1 to CLAIM-7.
//!
//! The search has no memory: a newer block to name, or a changed price, costs nothing of what was tried before. So both are
//! looked up again all the time, and a claim that comes too late is followed by another.
//! Start reading at [`claim`].

use super::args::{ApiArg, KeyArg, PassphraseArg, WaitArg};
use super::completion::keys;
use super::failure::Failure;
use super::home::Home;
use super::names::Names;
use super::node;
use super::output::{Format, bcc, moment, note, pairs, say};
use super::passphrase::{Keyring, OwnKey};
use super::submit::{self, HandedIn, place};
use crate::wallet::sign;
use blockchat_client::Client;
use blockchat_client::shapes::{GrantsView, StatusView};
use blockchat_host::signals::{Signals, Told};
use blockchat_proto::claim::{Found, Search};
use blockchat_proto::coins::Coins;
use blockchat_proto::genesis::VerifiedGenesis;
use blockchat_proto::hash::Hash32;
use blockchat_proto::keys::Address;
use blockchat_proto::refusal::TxCode;
use blockchat_proto::transaction::{Body, SignedTransaction};
use clap::Args;
use clap_complete::engine::ArgValueCompleter;
use serde::Serialize;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread;
use std::time::{Duration, Instant};

/// After so long the price and the block to name are looked up again.
const ROUND: Duration = Duration::from_secs(2);
/// A person hears how far it is this often.
const SAY_EVERY: Duration = Duration::from_secs(4);
/// Numbers that a thread tries between two looks at the clock.
const STRIDE: u64 = 8_192;
/// Claims that are refused because something changed meanwhile, before the command gives up.
const CLAIMS_MAX: u32 = 50;

const EXAMPLES: &str = "\
Examples:
  blockchat-node wallet claim                    coins for the validator key of the home, or its only wallet
  blockchat-node wallet claim bob                for this wallet
  blockchat-node wallet claim bob --threads 1    leaves the other processors alone; takes longer
  blockchat-node wallet claim bob --output json  for programs

The machine looks for a number whose hash is small enough: seconds while the treasury is full, longer as it empties. Ctrl-C
stops it; nothing is lost. `status` shows the treasury, and how many hashes a grant costs now.";

/// Arguments of `wallet claim`.
#[derive(Clone, Debug, Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct ClaimArgs {
    /// Wallet: a name or a key file [default: the validator key of the home, or its only wallet]
    #[arg(add = ArgValueCompleter::new(keys))]
    pub(crate) name: Option<String>,
    /// Threads that work [default: one for each processor]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=1024))]
    pub(crate) threads: Option<u32>,
    #[command(flatten)]
    pub(crate) wait: WaitArg,
    #[command(flatten)]
    pub(crate) passphrase: PassphraseArg,
    #[command(flatten)]
    pub(crate) api: ApiArg,
}

/// The result.
#[derive(Clone, Debug, Serialize)]
struct Claimed {
    account: Address,
    grant: Coins,
    /// Hashes tried here.
    tried: u64,
    worked_ms: u64,
    #[serde(flatten)]
    submitted: HandedIn,
}

/// Works, signs, hands in, waits for finality.
pub(crate) async fn claim(home: &Home, args: ClaimArgs, format: Format) -> Result<(), Failure> {
    let (client, genesis, status) = node::chain(home, &args.api).await?;
    let key_arg = KeyArg { wallet: args.name.clone(), passphrase: args.passphrase.clone() };
    let key = Keyring::default().signer(home, &key_arg)?;
    let account = client.account(&key.signer.address()).await?;
    if account.claimed {
        return Err(Failure::refused_as(TxCode::AlreadyClaimed, "this account has already received its welcome grant"));
    }
    let grants = open(&status)?;
    let names = Names::of(home)?;
    if format == Format::Table {
        say(&head(&account.address, &grants, &names));
    }
    let mut work = Work::new(&client, &genesis, &key, threads(args.threads), format);
    let mut signals = Signals::listen()
        .map_err(|error| Failure::new(format!("cannot hear signals: {error}"), "free some resources"))?;
    for _ in 0..CLAIMS_MAX {
        let signed = tokio::select! {
            signed = work.until_found() => signed?,
            told = signals.next() => return Err(work.interrupted(told)),
        };
        let mut submitted = match submit::hand_in(&client, signed).await {
            Ok(submitted) => submitted,
            Err(refused) if work.goes_on_after(&refused) => continue,
            Err(refused) => return Err(refused),
        };
        match submit::wait_final(&client, &mut submitted, &args.wait, &names, format).await {
            Ok(()) => {
                let (account, grant, worked_ms) = (account.address, grants.grant, work.worked_ms());
                let claimed = Claimed { account, grant, tried: work.tried, worked_ms, submitted };
                format.print(&claimed, shown);
                return Ok(());
            }
            Err(refused) if work.goes_on_after(&refused) => {}
            Err(refused) => return Err(refused),
        }
    }
    Err(Failure::new("others were faster each time: the treasury is much asked for now", "try again later")
        .coded("outbid"))
}

/// The terms, if grants are paid now.
fn open(status: &StatusView) -> Result<GrantsView, Failure> {
    let Some(grants) = status.grants.clone() else {
        return Err(Failure::refused_as(TxCode::ClaimsClosed, "this chain has no treasury for welcome grants"));
    };
    match &grants.closed {
        None => Ok(grants),
        Some(why) if grants.tries.is_some() => {
            let next = format!("try again from {} on, or ask somebody for coins", moment(grants.again));
            Err(Failure::refused_as(TxCode::GrantsSpent, why).advising(next))
        }
        Some(why) => Err(Failure::refused_as(TxCode::TreasuryEmpty, why)),
    }
}

fn head(account: &Address, grants: &GrantsView, names: &Names) -> String {
    pairs(&[
        ("account", names.show_long(account)),
        ("grant", format!("{} of {} in the treasury", bcc(grants.grant), bcc(grants.treasury))),
        ("work", format!("about {} hashes; more as the treasury empties", short(grants.tries.unwrap_or(0)))),
    ])
}

fn shown(claimed: &Claimed) -> String {
    let worked = format!(
        "{} hashes in {}.{} s",
        short(claimed.tried),
        claimed.worked_ms / 1_000,
        claimed.worked_ms % 1_000 / 100
    );
    pairs(&[
        ("worked ", worked),
        ("id     ", claimed.submitted.id.to_string()),
        ("state  ", place(&claimed.submitted)),
        ("granted", bcc(claimed.grant)),
    ])
}

/// All processors of the machine, unless told otherwise.
fn threads(wanted: Option<u32>) -> u64 {
    let all = || thread::available_parallelism().map_or(1, |count| u64::try_from(count.get()).unwrap_or(1));
    wanted.map_or_else(all, u64::from).max(1)
}

/// `10.1 million`, `340 thousand`, `17`.
fn short(number: u64) -> String {
    let units = [("billion", 1_000_000_000_u64), ("million", 1_000_000), ("thousand", 1_000)];
    match units.into_iter().find(|(_, size)| number >= *size) {
        Some((unit, size)) => format!("{}.{} {unit}", number / size, number % size * 10 / size),
        None => number.to_string(),
    }
}

/// The search of one account.
struct Work<'a> {
    client: &'a Client,
    genesis: &'a VerifiedGenesis,
    key: &'a OwnKey,
    threads: u64,
    /// Says how far it is.
    tells: bool,
    begun: Instant,
    tried: u64,
    /// The next number to try.
    next: u64,
    /// The previous claim: the next one must have more work if the previous one was outbid.
    last: Option<Found>,
    /// A hash must be smaller than this one.
    below: Option<Found>,
    said_at: Instant,
    stop: Arc<AtomicBool>,
}

impl<'a> Work<'a> {
    fn new(client: &'a Client, genesis: &'a VerifiedGenesis, key: &'a OwnKey, threads: u64, format: Format) -> Self {
        let (begun, tells) = (Instant::now(), format == Format::Table);
        let stop = Arc::new(AtomicBool::new(false));
        let (tried, next, last, below, said_at) = (0, 0, None, None, begun);
        Self { client, genesis, key, threads, tells, begun, tried, next, last, below, said_at, stop }
    }

    fn worked_ms(&self) -> u64 {
        u64::try_from(self.begun.elapsed().as_millis()).unwrap_or(u64::MAX)
    }

    /// Round after round, each by the terms of its moment.
    async fn until_found(&mut self) -> Result<SignedTransaction, Failure> {
        loop {
            let grants = open(&self.client.status().await?)?;
            let tries = grants.tries.unwrap_or(u64::MAX);
            let most = Found(u64::MAX / tries.max(1));
            let most = self.below.map_or(most, |below| most.min(Found(below.0.saturating_sub(1))));
            self.tell(&grants, tries);
            if let Some(work) = self.round(grants.recent, most).await {
                let body = Body::Claim { recent: grants.recent, work };
                return Ok(sign::sign(&self.key.signer, self.genesis.hash(), 0, body));
            }
        }
    }

    /// One round on threads of its own; the number that was found, if one was.
    async fn round(&mut self, recent: Hash32, most: Found) -> Option<u64> {
        let search = Search::new(self.genesis.hash(), self.key.signer.address(), recent);
        let (first, threads, stop) = (self.next, self.threads, Arc::clone(&self.stop));
        let look = search.clone();
        let searched = tokio::task::spawn_blocking(move || look_for(&look, most, first, threads, &stop)).await;
        let (found, tried) = searched.expect("a search does not panic");
        self.tried += tried;
        // Numbers that a thread was ahead of the others are tried again: that is cheaper than to remember them.
        self.next = first.wrapping_add(tried);
        self.last = found.map(|work| search.attempt(work)).or(self.last);
        found
    }

    fn tell(&mut self, grants: &GrantsView, tries: u64) {
        let worked_ms = self.worked_ms();
        if !self.tells || self.tried == 0 || worked_ms < 1_000 || self.said_at.elapsed() < SAY_EVERY {
            return;
        }
        self.said_at = Instant::now();
        let rate = (self.tried.saturating_mul(1_000) / worked_ms).max(1);
        let seconds = tries / rate;
        note(&format!(
            "working: {} of about {} hashes, {} a second; {} s on average from any moment on; {} in the treasury",
            short(self.tried),
            short(tries),
            short(rate),
            seconds.max(1),
            bcc(grants.treasury)
        ));
    }

    /// Did only something change meanwhile? Then the search goes on, harder if more work won.
    fn goes_on_after(&mut self, refused: &Failure) -> bool {
        let outbid = refused.is(TxCode::PoolFull.as_str());
        if outbid {
            self.below = self.last;
        }
        let changed = [TxCode::WeakWork, TxCode::StaleWork, TxCode::OneGrantPerBlock];
        let goes_on = outbid || changed.iter().any(|code| refused.is(code.as_str()));
        if goes_on && self.tells {
            note("somebody else was paid first: working on");
        }
        goes_on
    }

    fn interrupted(&self, told: Told) -> Failure {
        let cause = format!("stopped after {} hashes; nothing was handed in, and nothing is lost", short(self.tried));
        let next = "claim again whenever you like: the search has no memory";
        Failure::new(cause, next).coded("interrupted").exiting(told.exit_code())
    }
}

impl Drop for Work<'_> {
    /// Threads that still search end.
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Relaxed);
    }
}

/// Tries numbers from `first` on, for a round at most, until a hash is `most` or smaller; with how many were tried.
fn look_for(search: &Search, most: Found, first: u64, threads: u64, stop: &AtomicBool) -> (Option<u64>, u64) {
    let (found, is_found, tried) = (AtomicU64::new(0), AtomicBool::new(false), AtomicU64::new(0));
    let deadline = Instant::now() + ROUND;
    let seek = |thread: u64| {
        let mut at = first.wrapping_add(thread * STRIDE);
        while !stop.load(Ordering::Relaxed) && !is_found.load(Ordering::Relaxed) && Instant::now() < deadline {
            if let Some(work) = (0..STRIDE).map(|step| at.wrapping_add(step)).find(|work| search.attempt(*work) <= most)
            {
                found.store(work, Ordering::Relaxed);
                is_found.store(true, Ordering::Release);
            }
            tried.fetch_add(STRIDE, Ordering::Relaxed);
            at = at.wrapping_add(threads * STRIDE);
        }
    };
    thread::scope(|scope| {
        for thread in 0..threads {
            scope.spawn(move || seek(thread));
        }
    });
    let work = is_found.load(Ordering::Acquire).then(|| found.load(Ordering::Relaxed));
    (work, tried.load(Ordering::Relaxed))
}

#[cfg(test)]
mod tests {
    use super::*;
    use blockchat_proto::claim::Tries;

    #[test]
    fn what_is_found_is_worth_what_was_asked_and_a_stopped_search_finds_nothing() {
        let search = Search::new(Hash32([7; 32]), Address([1; 32]), Hash32([9; 32]));
        let grant = Coins::from_micros(20_000).unwrap();
        let tries = Tries::for_grant(grant, grant, grant).unwrap();
        let most = Found(u64::MAX / tries.count());
        let (work, tried) = look_for(&search, most, 0, 2, &AtomicBool::new(false));
        let found = search.attempt(work.expect("it takes 20 thousand hashes"));
        assert!(tries.are_met_by(found) && found <= most && tried >= STRIDE);
        assert_eq!(look_for(&search, Found(0), 0, 2, &AtomicBool::new(true)), (None, 0));
    }

    #[test]
    fn large_numbers_are_short() {
        assert_eq!([17, 1_000, 10_101_010].map(short), ["17", "1.0 thousand", "10.1 million"]);
    }
}
