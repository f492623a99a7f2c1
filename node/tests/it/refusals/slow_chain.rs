//! A node whose blocks are a minute apart: what is submitted stays pooled while a test looks.

use super::initialised;
use crate::support::{Home, Node, Said};
use blockchat_client::Client;
use blockchat_client::shapes::{AccountView, Problem, path};
use blockchat_node::wallet::{keystore, sign};
use blockchat_proto::coins::Coins;
use blockchat_proto::hash::Hash32;
use blockchat_proto::keys::{Address, Signer};
use blockchat_proto::transaction::SignedTransaction;
use reqwest::StatusCode;

/// The chain's only rich account has 990 BCC to spend; Bob has nothing.
pub(super) struct SlowChain {
    pub(super) home: Home,
    pub(super) node: Node,
    pub(super) client: Client,
    pub(super) signer: Signer,
    pub(super) chain: Hash32,
}

pub(super) const BOB: Address = Address([2; 32]);

/// State that a refusal must not change: balances and nonces of both accounts, and the pool.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Books {
    accounts: Vec<(Coins, Coins, Coins, u64, u64)>,
    pooled: u32,
}

impl SlowChain {
    pub(super) async fn start() -> Self {
        let home = initialised(&["--block-interval", "60000", "--idle-block-interval", "3600000"]);
        let node = home.start();
        let client = Client::new(&node.ready.api).unwrap();
        let signer = keystore::load(&home.path().join("keys/validator.pem"), None).unwrap();
        let chain = client.status().await.unwrap().genesis_hash;
        Self { home, node, client, signer, chain }
    }

    /// Coins and a message from the rich account to Bob, with this nonce.
    pub(super) fn send(&self, nonce: u64, bcc: u64, message: Option<&str>) -> SignedTransaction {
        let body = sign::send_body(BOB, Coins::from_bcc(bcc), message.map(Into::into));
        sign::sign(&self.signer, self.chain, nonce, body)
    }

    /// A command against this node.
    pub(super) fn run(&self, args: &[&str]) -> Said {
        self.home.run(&[args, &["--output", "json"]].concat())
    }

    pub(super) async fn books(&self) -> Books {
        let view = |account: AccountView| {
            (account.balance, account.pending_balance, account.stake, account.next_nonce, account.pending_nonce)
        };
        let mut accounts = vec![];
        for address in [self.signer.address(), BOB] {
            accounts.push(view(self.client.account(&address).await.unwrap()));
        }
        Books { accounts, pooled: self.client.status().await.unwrap().pool_transactions }
    }

    /// Posts one transaction as JSON, which must be refused; what the node says.
    pub(super) async fn refused(&self, status: StatusCode, code: &str, json: String) -> Problem {
        let http = reqwest::Client::builder().no_proxy().build().unwrap();
        let url = format!("{}{}", self.client.url(), path::TRANSACTIONS);
        let request = http.post(url).header("content-type", "application/json").body(json);
        let response = request.send().await.unwrap();
        assert_eq!(response.headers()["content-type"], "application/problem+json");
        let problem: Problem = response.json().await.unwrap();
        assert_eq!((problem.status, problem.code.as_str()), (status.as_u16(), code), "{problem:?}");
        problem
    }
}
