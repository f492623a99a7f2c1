//! Messages of commands that fail: the cause, and the next step.

use super::output::{Format, printable};
use crate::config::ConfigRejected;
use crate::net::NetError;
use crate::runtime::{NodeFault, RunError};
use crate::store::StoreError;
use crate::wallet::address_book::AddressBookError;
use crate::wallet::keystore::KeystoreError;
use blockchat_client::ClientError;
use blockchat_client::shapes::{ApiCode, Code};
use blockchat_host::{stream, text};
use blockchat_proto::ledger::TxRejected;
use blockchat_proto::refusal::{Retry, TxCode};
use std::path::Path;
use std::process::ExitCode;

/// A command that failed. Always with a next step: the user should not have to guess.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Failure {
    cause: String,
    next: String,
    code: String,
    /// The node's retry advice.
    retry: Option<Retry>,
    exit: u8,
}

impl Failure {
    /// Something refused or failed: exit code 1.
    pub(crate) fn new(cause: impl Into<String>, next: impl Into<String>) -> Self {
        Self { cause: cause.into(), next: next.into(), code: "failed".into(), retry: None, exit: 1 }
    }

    /// The command line itself makes no sense: exit code 2.
    pub(crate) fn usage(cause: impl Into<String>, next: impl Into<String>) -> Self {
        Self { exit: 2, code: "usage".into(), ..Self::new(cause, next) }
    }

    /// With a stable code for scripts.
    pub(crate) fn coded(self, code: impl Into<String>) -> Self {
        Self { code: code.into(), ..self }
    }

    /// With another next step than the code has by itself.
    pub(crate) fn advising(self, next: impl Into<String>) -> Self {
        Self { next: next.into(), ..self }
    }

    /// With another exit code.
    pub(crate) fn exiting(self, exit: u8) -> Self {
        Self { exit, ..self }
    }

    /// Why it failed.
    pub(crate) fn cause(&self) -> &str {
        &self.cause
    }

    /// Has it this code?
    pub(crate) fn is(&self, code: &str) -> bool {
        self.code == code
    }

    /// Cause and next step, for a place that has no exit code.
    pub(crate) fn told(&self) -> String {
        // Lines of a cause that another program wrote must not pass for ours.
        format!("error: {}\n next: {}", self.cause.replace('\n', "\n       "), self.next)
    }

    /// A refusal by a node: its code, the remedy, and whether to try again.
    pub(crate) fn refused(cause: impl Into<String>, code: &Code, retry: Retry) -> Self {
        Self { retry: Some(retry), ..Self::new(cause, next_after(code)) }.coded(code.as_str())
    }

    /// A refusal that is certain before a node is asked.
    pub(crate) fn refused_as(code: TxCode, cause: impl Into<String>) -> Self {
        Self::refused(cause, &code.into(), Retry::Never)
    }

    /// A refusal by the rules, before any node is asked.
    pub(crate) fn rejected(reason: &TxRejected) -> Self {
        Self::refused(reason.to_string(), &reason.code().into(), reason.retry())
    }

    /// A file of ours that the system refuses.
    pub(crate) fn file(path: &Path, doing: &str, error: &std::io::Error) -> Self {
        let next = match error.kind() {
            std::io::ErrorKind::PermissionDenied => "use a folder that you own, with --home DIR",
            std::io::ErrorKind::StorageFull => "free some space, then try again",
            std::io::ErrorKind::ReadOnlyFilesystem => "use a folder that can be written: --home DIR",
            _ => "check the path and try again",
        };
        Self::new(format!("cannot {doing} {}: {error}", path.display()), next).coded("disk_refused")
    }

    /// Prints it to standard error and gives the exit code.
    pub(crate) fn report(&self, format: Format) -> ExitCode {
        let text = match format {
            Format::Table => self.told(),
            Format::Json => {
                let mut error = serde_json::json!({ "error": self.cause, "next": self.next, "code": self.code });
                if let Some(retry) = self.retry {
                    error["retry"] = serde_json::json!(retry);
                }
                text::json(&error.to_string()).into_owned()
            }
        };
        stream::note(&text);
        ExitCode::from(self.exit)
    }
}

impl From<ClientError> for Failure {
    fn from(error: ClientError) -> Self {
        let cause = printable(&error.to_string());
        match error {
            ClientError::Url { .. } => {
                Self::usage(cause, "give the address that `blockchat-node run` printed").coded("bad_url")
            }
            ClientError::NoNode { .. } | ClientError::HungUp { .. } | ClientError::Timeout { .. } => {
                let next = "start the node of this home with `blockchat-node run` (with --join if others began the chain), or \
                            name a running one with --api http://HOST:PORT";
                Self::new(cause, next).coded("no_node")
            }
            ClientError::Foreign { .. } | ClientError::Shape { .. } | ClientError::TooLong { .. } => {
                let next = "check --api: it is the address that `blockchat-node run` prints; both programs must have one version";
                Self::new(cause, next).coded("no_blockchat_api")
            }
            ClientError::Problem(problem) => {
                let cause = match problem.status {
                    404 => cause,
                    503 => format!("the node cannot do this now: {cause}"),
                    _ => format!("refused: {cause}"),
                };
                Self::refused(cause, &problem.code, problem.retry)
            }
        }
    }
}

/// The remedy for this refusal.
pub(crate) fn next_after(code: &Code) -> &'static str {
    match code {
        Code::Transaction(code) => next_after_refusal(*code),
        Code::Api(code) => next_after_problem(*code),
        Code::Unknown(_) => SEE_MORE,
    }
}

const SEE_MORE: &str = "see `blockchat-node status`, and the same command with --help";
const IN_A_MOMENT: &str = "try again in a moment";

fn next_after_refusal(code: TxCode) -> &'static str {
    match code {
        TxCode::InsufficientFunds => "see the spendable amount with `blockchat-node balance`, or send less",
        TxCode::MessageTooLong => "split the message: at most 1,024 bytes fit into one",
        TxCode::StaleNonce | TxCode::NonceTaken | TxCode::EarlyNonce => {
            "another transaction of this account used the nonce first: send it again"
        }
        TxCode::FeeTooLow => "send more, or a longer text: the fee grows with both",
        TxCode::Replaced => "look at the one that replaced it with `blockchat-node tx`",
        TxCode::OtherChain => "the home of this key belongs to another chain: check --home and --api",
        TxCode::StakeOutOfRange | TxCode::StakeUnchanged => "see the present stake with `blockchat-node balance`",
        TxCode::TooManyUnbonding => "wait for the first release: `blockchat-node balance` shows the date",
        TxCode::PoolFull | TxCode::SenderLimit | TxCode::ReplacedTooOften => IN_A_MOMENT,
        TxCode::ClaimsClosed | TxCode::TreasuryEmpty => {
            "ask somebody on the chain for coins: `blockchat-node balance` shows what they type"
        }
        TxCode::AlreadyClaimed => "see the account with `blockchat-node balance`",
        TxCode::GrantsSpent => "see when grants go on with `blockchat-node status`, or ask somebody for coins",
        TxCode::StaleWork | TxCode::WeakWork | TxCode::OneGrantPerBlock => {
            "work again: `blockchat-node wallet claim` does so by itself"
        }
        _ => SEE_MORE,
    }
}

fn next_after_problem(code: ApiCode) -> &'static str {
    match code {
        ApiCode::Busy | ApiCode::Timeout | ApiCode::Starting => IN_A_MOMENT,
        ApiCode::BadBlockReference => "see the last block with `blockchat-node view`",
        ApiCode::BlockNotFound => "see how far the chain is with `blockchat-node status`",
        ApiCode::TransactionUnknown => "check the id; refused transactions are only remembered for a short time",
        ApiCode::StoreFault | ApiCode::Stuck => "look at the node's log",
        ApiCode::NotReady => "see more with `blockchat-node status`",
        _ => SEE_MORE,
    }
}

/// Why `run` did not start, or ended.
impl From<RunError> for Failure {
    fn from(error: RunError) -> Self {
        let cause = error.to_string();
        match error {
            RunError::Store(store) | RunError::Fault(NodeFault::Store(store)) => store.into(),
            RunError::ApiListen { .. } => {
                let next = "if a node runs there already, use it: `blockchat-node status`; or choose another address with --api";
                Self::new(cause, next).coded("cannot_listen")
            }
            RunError::Net(NetError::Listen { .. }) => {
                Self::new(cause, "choose another address with --listen, or stop what listens there")
                    .coded("cannot_listen")
            }
            RunError::Net(NetError::Address { .. }) => {
                Self::new(cause, "correct --listen, --peer or --external, or [p2p] in config.toml").coded("bad_config")
            }
            RunError::Net(NetError::Peer { .. }) => {
                Self::new(cause, "correct --peer, or peers under [p2p] in config.toml").coded("bad_config")
            }
            RunError::Log(_) => {
                Self::new(cause, "correct --log, BLOCKCHAT_LOG or [log] in config.toml").coded("bad_config")
            }
            RunError::Ready { .. } => Self::new(cause, "choose another file with --ready-file").coded("disk_refused"),
            RunError::Fault(NodeFault::Engine(_)) | RunError::EnginePanicked => {
                let next = "keep the folder and the log for a bug report; it is safe to restart the node";
                Self::new(cause, next).coded("node_fault")
            }
            RunError::Net(NetError::Setup(_)) | RunError::System(_) => {
                Self::new(cause, "check the limits of the process, such as `ulimit -n`").coded("system_refused")
            }
        }
    }
}

impl From<StoreError> for Failure {
    fn from(error: StoreError) -> Self {
        Self::new(error.to_string(), error.next_step()).coded(error.code())
    }
}

impl From<KeystoreError> for Failure {
    fn from(error: KeystoreError) -> Self {
        let failure = |next: &str| Self::new(error.to_string(), next);
        match &error {
            KeystoreError::Missing { .. } => failure(
                "see your keys with `blockchat-node wallet list`, or make one with `blockchat-node wallet new NAME`",
            )
            .coded("key_missing"),
            KeystoreError::Exists { .. } => {
                failure("choose another name, or move the file away if you are sure").coded("key_exists")
            }
            KeystoreError::OpenPermissions { path, .. } => {
                failure(&format!("chmod 600 {}", path.display())).coded("key_open")
            }
            KeystoreError::PassphraseNeeded { .. } => {
                failure("run the command in a terminal, which asks for the passphrase, or use --passphrase-file FILE")
                    .coded("passphrase_needed")
            }
            KeystoreError::WrongPassphrase { .. } => {
                failure("try again; a lost passphrase cannot be recovered").coded("wrong_passphrase")
            }
            KeystoreError::NotAKey { .. } => {
                failure("keys look like those of `blockchat-node wallet new` or `openssl genpkey -algorithm ed25519`")
                    .coded("not_a_key")
            }
            KeystoreError::OtherAddress { .. } => {
                failure("correct or delete the line before the key in this file").coded("key_mismatch")
            }
            KeystoreError::Io { path, source } => Self::file(path, "use", source),
        }
    }
}

impl From<AddressBookError> for Failure {
    fn from(error: AddressBookError) -> Self {
        let cause = error.to_string();
        match &error {
            AddressBookError::Name { .. } => Self::usage(cause, "choose another name, such as bob").coded("bad_name"),
            AddressBookError::Taken { name, .. } => {
                let next = format!("choose another name, or first `blockchat-node contacts remove {name}`");
                Self::new(cause, next).coded("name_taken")
            }
            AddressBookError::Syntax { path, .. } => {
                Self::new(cause, format!("correct {}", path.display())).coded("bad_contacts")
            }
            AddressBookError::Io { path, source } => Self::file(path, "use", source),
        }
    }
}

impl From<ConfigRejected> for Failure {
    fn from(error: ConfigRejected) -> Self {
        let next = match &error {
            ConfigRejected::Read { .. } => "check the file and its permissions",
            ConfigRejected::Syntax { .. } => {
                "correct or delete that line; `blockchat-node run --help` lists every setting"
            }
            ConfigRejected::Value { .. } => "correct it in config.toml, the environment or the flags",
        };
        Self::new(error.to_string(), next).coded("bad_config")
    }
}
