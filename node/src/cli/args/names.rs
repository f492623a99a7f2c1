//! Verbs for keys and names: `wallet`, `contacts`.

use super::shared::{ApiArg, PassphraseArg};
use crate::cli::completion::{contacts, keys};
use blockchat_proto::keys::Address;
use clap::Subcommand;
use clap_complete::engine::ArgValueCompleter;

pub(super) const WALLET_EXAMPLES: &str = "\
Examples:
  blockchat-node wallet new bob                  asks for a passphrase
  blockchat-node wallet new bob --no-passphrase  protected by its file permissions only
  blockchat-node wallet new validator            the key that the node of this home votes with
  blockchat-node wallet list
  blockchat-node wallet show bob";

const WALLET_LIST_EXAMPLES: &str = "\
Examples:
  blockchat-node wallet list                     name, address, use and protection of each key
  blockchat-node wallet list --output json       with the files";

const WALLET_SHOW_EXAMPLES: &str = "\
Examples:
  blockchat-node wallet show bob                 address, file and balance
  blockchat-node wallet show ./other.pem         a key file anywhere";

#[derive(Debug, Subcommand)]
pub(crate) enum WalletCommand {
    /// Create a key, protected by a passphrase
    #[command(after_help = WALLET_EXAMPLES)]
    New {
        /// Name of the key; `validator` creates the key that the node of this home votes with
        name: String,
        /// Protect the key by its file permissions only
        #[arg(long, conflicts_with = "passphrase_file")]
        no_passphrase: bool,
        #[command(flatten)]
        passphrase: PassphraseArg,
    },
    /// List all keys of the home, each with its use and its fault if it has one
    #[command(after_help = WALLET_LIST_EXAMPLES)]
    List,
    /// Show address, file and balance of one key
    #[command(after_help = WALLET_SHOW_EXAMPLES)]
    Show {
        /// Name of the key
        #[arg(add = ArgValueCompleter::new(keys))]
        name: String,
        #[command(flatten)]
        api: ApiArg,
    },
    /// Get a welcome grant from the treasury of the chain: costs work of this machine, no coins; once per account
    Claim(crate::cli::claim::ClaimArgs),
}

pub(super) const CONTACTS_EXAMPLES: &str = "\
Examples:
  blockchat-node contacts add bob bcc1...        from now on `send bob 5` works
  blockchat-node contacts remove bob
  blockchat-node contacts list";

#[derive(Debug, Subcommand)]
pub(crate) enum ContactsCommand {
    /// Add a name for an address
    #[command(after_help = CONTACTS_EXAMPLES)]
    Add {
        /// The name
        name: String,
        /// The address: bcc1...
        address: Address,
    },
    /// Remove a name
    #[command(after_help = CONTACTS_EXAMPLES)]
    Remove {
        /// The name
        #[arg(add = ArgValueCompleter::new(contacts))]
        name: String,
    },
    /// List all names
    #[command(after_help = CONTACTS_EXAMPLES)]
    List,
}
