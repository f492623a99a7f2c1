//! Examples below the help of the verbs that need few words. Those of the longer verbs stand beside their flags, in `args`.

pub(crate) const WALLET: &str = "\
Examples:
  blockchat-node wallet new bob                  asks for a passphrase
  blockchat-node wallet new bob --no-passphrase  protected by its file permissions only
  blockchat-node wallet new validator            the key that the node of this home votes with
  blockchat-node wallet list
  blockchat-node wallet show bob";

pub(crate) const WALLET_LIST: &str = "\
Examples:
  blockchat-node wallet list                     name, address, use and protection of each key
  blockchat-node wallet list --output json       with the files";

pub(crate) const WALLET_SHOW: &str = "\
Examples:
  blockchat-node wallet show bob                 address, file and balance
  blockchat-node wallet show ./other.pem         a key file anywhere";

pub(crate) const CONTACTS: &str = "\
Examples:
  blockchat-node contacts add bob bcc1...        from now on `send bob 5` works
  blockchat-node contacts remove bob
  blockchat-node contacts list";

pub(crate) const STAKE: &str = "\
Examples:
  blockchat-node stake 10                        stake 10 BCC in all; the node of this key votes and leads
  blockchat-node stake 0                         leave; the coins come back after the unbonding time";

pub(crate) const BALANCE: &str = "\
Examples:
  blockchat-node balance                         your own account
  blockchat-node balance bob                     a contact or a wallet; an address works too
  blockchat-node balance --output json";

pub(crate) const VIEW: &str = "\
Examples:
  blockchat-node view                            the last block
  blockchat-node view 12                         block 12
  blockchat-node view 12 --output json           with all transactions and signatures";

pub(crate) const TX: &str = "\
Examples:
  blockchat-node tx 170ceab0...64 hex digits     as `send` printed it";

pub(crate) const MESSAGES: &str = "\
Examples:
  blockchat-node inbox                           your last messages
  blockchat-node inbox bob --limit 100           those of another account
  blockchat-node inbox --follow                  then wait for more; Ctrl-C stops
  blockchat-node inbox --follow --output json    one JSON object per line, for a program";

pub(crate) const STATUS: &str = "\
Examples:
  blockchat-node status                          phase, height, peers, validators
  blockchat-node status --api 192.168.1.7:7474   another node
  blockchat-node status --output json";

pub(crate) const PEERS: &str = "\
Examples:
  blockchat-node peers                           who is connected, how far away, how it was found
  blockchat-node peers --known                   all peers that the node could dial";

pub(crate) const HEALTH: &str = "\
Examples:
  blockchat-node health && echo ready            for scripts and probes";

pub(crate) const GUARD: &str = "\
Examples:
  blockchat-node guard show
  blockchat-node guard reset                     after the guard was lost; asks a node how far the chain is";

pub(crate) const DB: &str = "\
Examples, each with the node stopped:
  blockchat-node db verify                       checks and executes every block again
  blockchat-node db export blocks.jsonl
  blockchat-node db prune --keep 1000            keeps the last 1000 blocks";

pub(crate) const MAN: &str = "\
Examples:
  blockchat-node man --dir ~/.local/share/man/man1";

pub(crate) const VERSION: &str = "\
Examples:
  blockchat-node version
  blockchat-node version --output json";
