//! `guard show|reset`: the file that keeps a validator key from contradicting itself.

use super::args::{GuardCommand, GuardResetArgs};
use super::failure::Failure;
use super::home::Home;
use super::node;
use super::output::{Format, note, pairs};
use crate::store::StoreError;
use crate::store::guard::Guard;
use crate::wallet::keystore;
use blockchat_engine::journal::{GuardMark, GuardState, Lock, SignStep};
use blockchat_host::path_json;
use blockchat_proto::units::Height;
use serde::Serialize;
use std::path::{Path, PathBuf};
use std::time::Duration;

/// Number and interval of the requests for the chain's height before a new guard is written.
const LISTENS: u32 = 3;
const LISTEN_PAUSE: Duration = Duration::from_secs(1);

/// A guard for a person or a program.
#[derive(Clone, Debug, Serialize)]
struct GuardView {
    #[serde(serialize_with = "path_json::shown")]
    file: PathBuf,
    mark: Option<GuardMark>,
    lock: Option<Lock>,
}

impl GuardView {
    fn of(file: PathBuf, state: Option<GuardState>) -> Self {
        Self { file, mark: state.map(|state| state.mark), lock: state.map(|state| state.lock) }
    }
}

/// Shows or replaces the guard.
pub(crate) async fn guard(home: &Home, command: GuardCommand, format: Format) -> Result<(), Failure> {
    let path = home.config()?.guard_path(home.path());
    let key = home.validator_path()?;
    if !key.exists() {
        let cause = format!("there is no validator key {}, so there is nothing to guard", key.display());
        return Err(Failure::new(cause, "name the right home with --home").coded("no_validator"));
    }
    match command {
        GuardCommand::Show => {
            let state = Guard::peek(&path)?;
            format.print(&GuardView::of(path, state), shown);
        }
        GuardCommand::Reset(args) if args.drop_lock => {
            let state = without_lock(&path)?;
            Guard::reset(&path, &state).map_err(not_reset)?;
            note(
                "the lock is given up: if more than a third of the stake does this, a decided block can be contradicted",
            );
            note("start the node: it votes in later rounds of this height, and signs nothing twice");
            format.print(&GuardView::of(path, Some(state)), shown);
        }
        GuardCommand::Reset(args) => {
            refuse_whole(&path, &args)?;
            let state = GuardState::end_of(quiet_height(home, &args).await?);
            Guard::reset(&path, &state).map_err(not_reset)?;
            note("a running node signs again once it is restarted");
            format.print(&GuardView::of(path, Some(state)), shown);
        }
    }
    Ok(())
}

/// The guard without its lock. Height, round and step stay, so that nothing is signed twice.
fn without_lock(path: &Path) -> Result<GuardState, Failure> {
    let nothing = |cause: String| Failure::new(cause, "start the node, and see what it says").coded("no_lock");
    match Guard::peek(path)? {
        None => Err(nothing("the guard is missing, so there is no lock in it".into())),
        Some(GuardState { lock: Lock::None, .. }) => Err(nothing("the guard remembers no lock".into())),
        Some(state) => Ok(GuardState { lock: Lock::None, ..state }),
    }
}

/// Only a node at rest lets go of its guard.
fn not_reset(error: StoreError) -> Failure {
    match error {
        StoreError::InUse { .. } => {
            Failure::new(error.to_string(), "stop the node first, then reset its guard, then start it again")
                .coded(error.code())
        }
        other => other.into(),
    }
}

/// A guard that is whole needs no reset; replacing it could make the key contradict itself.
fn refuse_whole(path: &Path, args: &GuardResetArgs) -> Result<(), Failure> {
    match Guard::peek(path) {
        Ok(Some(state)) if !args.force && state.mark != GuardMark::STOPPED => {
            let cause = format!("the guard is whole: it stands at height {}", state.mark.height);
            let next = "nothing to do; --force replaces it all the same, at the risk of a burnt stake";
            Err(Failure::new(cause, next).coded("guard_whole"))
        }
        _ => Ok(()),
    }
}

/// The height above which the key is taken to have signed nothing.
async fn quiet_height(home: &Home, args: &GuardResetArgs) -> Result<Height, Failure> {
    if let Some(height) = args.height {
        return Ok(Height(height));
    }
    let own = keystore::address_of(&home.validator_path()?)?;
    let mut highest = Height(0);
    for turn in 0..LISTENS {
        if turn > 0 {
            tokio::time::sleep(LISTEN_PAUSE).await;
        }
        let (_, _, status) = node::chain(home, &args.api).await?;
        let alone = matches!(status.validators.as_slice(), [only] if Some(only.address) == own);
        // Others may hold votes of this key for the block being decided; a lone validator contradicts nobody.
        highest = highest.max(if alone { status.height } else { status.height.next() });
    }
    Ok(highest)
}

fn shown(view: &GuardView) -> String {
    let stands = match &view.mark {
        None => "lost: this key signs nothing until `blockchat-node guard reset`".into(),
        Some(mark) if *mark == GuardMark::START => "new: nothing was ever signed".into(),
        Some(mark) if *mark == GuardMark::STOPPED => {
            "stopped: another node signs with this key. Find it and stop it, then `blockchat-node guard reset`".into()
        }
        Some(mark) if mark.ends_its_height() => format!("signs above height {} only", mark.height),
        Some(mark) => {
            let step = match mark.step {
                SignStep::Proposal => "proposal",
                SignStep::Prevote => "prevote",
                SignStep::Precommit => "precommit",
            };
            format!("{step} of height {}, round {}", mark.height, mark.round)
        }
    };
    let lock = match &view.lock {
        None | Some(Lock::None) => "none".into(),
        Some(Lock::On { round, block }) => format!("on block {block} since round {round}"),
        Some(Lock::Unknown) => "not known to the guard; the journal knows".into(),
    };
    pairs(&[("guard", view.file.display().to_string()), ("stands", stands), ("lock", lock)])
}
