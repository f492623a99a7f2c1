//! The HTTP API of a running node: what it answers, and how it refuses.

use crate::support::{Home, Node, PATIENCE};
use blockchat_client::Client;
use blockchat_client::shapes::{
    BlocksRequest, Direction, HistoryKind, HistoryRequest, HistoryView, Page, PageRequest, Problem, Standing,
    SubmitView, TransactionState, path,
};
use blockchat_node::wallet::{keystore, sign};
use blockchat_proto::codec;
use blockchat_proto::coins::Coins;
use blockchat_proto::hash::Hash32;
use blockchat_proto::keys::{Address, Signer};
use blockchat_proto::refusal::{Retry, TxCode};
use blockchat_proto::transaction::{Body, Payload, SignedTransaction, TransactionId};
use blockchat_proto::units::Height;
use reqwest::{Method, StatusCode};
use std::time::Duration;

/// A node on a chain of its own, its funded key, and a client.
pub(crate) struct World {
    pub(crate) home: Home,
    pub(crate) node: Node,
    pub(crate) client: Client,
    pub(crate) signer: Signer,
    chain: Hash32,
}

pub(crate) const BOB: Address = Address([2; 32]);

impl World {
    pub(crate) async fn start() -> Self {
        let home = Home::new();
        let node = home.start();
        let client = Client::new(&node.ready.api).unwrap();
        let signer = keystore::load(&home.path().join("keys").join("validator.pem"), None).unwrap();
        let chain = client.status().await.unwrap().genesis_hash;
        Self { home, node, client, signer, chain }
    }

    pub(crate) fn send(&self, nonce: u64, message: &str) -> SignedTransaction {
        self.sign(nonce, sign::send_body(BOB, Coins::from_bcc(1), Some(message.into())))
    }

    fn sign(&self, nonce: u64, body: Body) -> SignedTransaction {
        sign::sign(&self.signer, self.chain, nonce, body)
    }

    pub(crate) async fn until_final(&self, id: TransactionId) -> TransactionState {
        let look = async {
            loop {
                match self.client.transaction(&id).await.map(|view| view.state) {
                    Ok(state @ TransactionState::Final { .. }) => return state,
                    Ok(_) | Err(_) => tokio::time::sleep(Duration::from_millis(10)).await,
                }
            }
        };
        tokio::time::timeout(PATIENCE, look).await.expect("it becomes final")
    }

    /// Asks for something that is refused; the problem.
    #[track_caller]
    pub(crate) fn refused(
        &self,
        status: StatusCode,
        code: &str,
        request: reqwest::RequestBuilder,
    ) -> impl Future<Output = Problem> {
        let code = code.to_owned();
        async move {
            let response = request.send().await.unwrap();
            assert_eq!(response.status(), status);
            assert_eq!(response.headers()["content-type"], "application/problem+json");
            let problem: Problem = response.json().await.unwrap();
            assert_eq!((problem.status, problem.code.as_str()), (status.as_u16(), code.as_str()), "{problem:?}");
            problem
        }
    }

    fn at(&self, method: Method, path: &str) -> reqwest::RequestBuilder {
        let http = reqwest::Client::builder().no_proxy().timeout(PATIENCE).build().unwrap();
        http.request(method, format!("{}{path}", self.client.url()))
    }

    pub(crate) fn get(&self, path: &str) -> reqwest::RequestBuilder {
        self.at(Method::GET, path)
    }

    fn post(&self, path: &str, kind: &str, body: impl Into<reqwest::Body>) -> reqwest::RequestBuilder {
        self.at(Method::POST, path).header("content-type", kind).body(body)
    }
}

#[tokio::test]
async fn a_payment_is_final_and_found_everywhere() {
    let world = World::start().await;
    let signed = world.send(0, "Hello");
    let view = world.client.submit(&signed).await.unwrap();
    assert_eq!(view.id, signed.id());
    let TransactionState::Final { height, index, leader } = world.until_final(view.id).await else { unreachable!() };
    assert_eq!(leader, world.signer.address());

    let block = world.client.block(height).await.unwrap();
    assert_eq!(world.client.block(block.hash).await.unwrap(), block);
    assert_eq!(block.transactions[usize::try_from(index).unwrap()].id, view.id);
    assert_eq!(block.fees.to_string(), "5.030000");
    assert_eq!(block.signers, [world.signer.address()]);
    let account = world.client.account(&BOB).await.unwrap();
    assert_eq!((account.balance, account.standing), (Coins::from_bcc(1), Standing::Inactive));
    let own = world.client.account(&world.signer.address()).await.unwrap();
    assert_eq!((own.next_nonce, own.pending_nonce, own.pending_balance), (1, 1, own.balance));
    let messages = world.client.messages(&BOB, &PageRequest::first(10)).await.unwrap().items;
    assert_eq!(messages[0].text.as_deref(), Some("Hello"));
    let found = world.client.transaction(&view.id).await.unwrap();
    assert_eq!((found.transaction, found.fee), (Some(signed), Some(block.fees)));
}

#[tokio::test]
async fn submitting_again_is_safe_before_and_after_it_is_final() {
    let world = World::start().await;
    let signed = world.send(0, "once");
    let first = world.client.submit(&signed).await.unwrap();
    let second = world.client.submit(&signed).await.unwrap();
    assert_eq!(first.id, second.id);
    let place = world.until_final(first.id).await;
    assert_eq!(world.client.submit(&signed).await.unwrap().state, place, "never a stale nonce");
    let batch = world.client.submit_batch(&[signed]).await.unwrap();
    assert_eq!(batch, [SubmitView { id: first.id, state: place, waits: None }]);
    assert_eq!(world.client.account(&BOB).await.unwrap().balance, Coins::from_bcc(1), "paid once");
}

#[tokio::test]
async fn a_used_nonce_under_another_transaction_is_refused() {
    let world = World::start().await;
    let first = world.client.submit(&world.send(0, "first")).await.unwrap();
    world.until_final(first.id).await;
    let json = serde_json::to_vec(&world.send(0, "second")).unwrap();
    let request = world.post(path::TRANSACTIONS, "application/json", json);
    world.refused(StatusCode::UNPROCESSABLE_ENTITY, "stale_nonce", request).await;
}

#[tokio::test]
async fn a_nonce_too_far_ahead_is_told_which_one_comes_next_and_until_when_it_waits() {
    let world = World::start().await;
    let early = world.client.submit(&world.send(5, "too early")).await.unwrap();
    assert_eq!(early.state, TransactionState::Queued);
    let waits = early.waits.expect("it is queued");
    assert_eq!(waits.next_nonce, 0);
    let found = world.client.transaction(&early.id).await.unwrap();
    assert_eq!(found.waits, Some(waits), "the same however often it is asked");
    let batch = [world.send(7, "earlier still"), world.send(5, "too early")];
    let answers = world.client.submit_batch(&batch).await.unwrap();
    assert!(answers[0].waits.is_some_and(|wait| wait.next_nonce == 0 && wait.until >= waits.until), "{answers:?}");
    assert_eq!(answers[1].waits, Some(waits), "each for itself, as in the answer to one");
    let next = world.client.submit(&world.send(0, "in turn")).await.unwrap();
    assert_eq!(next.waits, None);
}

#[tokio::test]
async fn a_batch_answers_for_each_in_order() {
    let world = World::start().await;
    let mut batch: Vec<_> = (0..20).map(|nonce| world.send(nonce, &format!("number {nonce}"))).collect();
    batch[7].signature.0[0] ^= 1;
    let answers = world.client.submit_batch(&batch).await.unwrap();
    let ids: Vec<_> = batch.iter().map(SignedTransaction::id).collect();
    assert_eq!(answers.iter().map(|answer| answer.id).collect::<Vec<_>>(), ids);
    let refused = |answer: &&SubmitView| matches!(&answer.state, TransactionState::Refused { code, .. } if *code == TxCode::BadSignature);
    assert_eq!(answers.iter().filter(refused).map(|answer| answer.id).collect::<Vec<_>>(), [ids[7]]);
    assert!(matches!(answers[8].state, TransactionState::Queued), "its predecessor is missing: {:?}", answers[8]);
    world.until_final(ids[6]).await;
    // The missing one arrives, and those that waited follow it.
    world.client.submit(&world.send(7, "number 7")).await.unwrap();
    world.until_final(ids[19]).await;
}

#[tokio::test]
async fn messages_are_paged_newest_first() {
    let world = World::start().await;
    let batch: Vec<_> = (0..5).map(|nonce| world.send(nonce, &format!("number {nonce}"))).collect();
    world.client.submit_batch(&batch).await.unwrap();
    world.until_final(batch[4].id()).await;
    let (mut part, mut texts) = (PageRequest::first(2), vec![]);
    loop {
        let Page { items, next } = world.client.messages(&BOB, &part).await.unwrap();
        texts.push(items.into_iter().map(|message| message.text.unwrap()).collect::<Vec<_>>());
        part.cursor = next;
        if part.cursor.is_none() {
            break;
        }
    }
    assert_eq!(texts, [vec!["number 4", "number 3"], vec!["number 2", "number 1"], vec!["number 0"]]);
    let sender = world.client.messages(&world.signer.address(), &PageRequest::first(5)).await.unwrap();
    assert_eq!((sender.items.len(), sender.next), (5, None), "the sender sees them too");
}

/// The whole history of an account, in parts of two, as it is asked for with these filters.
async fn history(world: &World, account: &Address, wanted: HistoryRequest) -> Vec<HistoryView> {
    let (mut wanted, mut all) = (HistoryRequest { limit: Some(2), ..wanted }, vec![]);
    loop {
        let Page { items, next } = world.client.history(account, &wanted).await.unwrap();
        all.extend(items);
        wanted.cursor = next;
        if wanted.cursor.is_none() {
            return all;
        }
    }
}

/// SPEC API-8.
#[tokio::test]
async fn everything_that_happens_to_an_account_is_in_its_history_both_ways() {
    let world = World::start().await;
    let own = world.signer.address();
    let batch = vec![
        world.sign(0, Body::Send { to: BOB, amount: Coins::from_bcc(2), payload: Payload::None }),
        world.send(1, "Hello"),
        world.sign(2, Body::Stake { amount: Coins::from_bcc(20) }),
        world.sign(3, Body::Send { to: own, amount: Coins::from_bcc(3), payload: Payload::None }),
    ];
    world.client.submit_batch(&batch).await.unwrap();
    world.until_final(batch[3].id()).await;
    let all = history(&world, &own, HistoryRequest::default()).await;
    let signed: Vec<_> = all.iter().filter(|view| view.id.is_some()).map(|view| (view.kind, view.direction)).collect();
    let expected = [
        (HistoryKind::Payment, Direction::Own),
        (HistoryKind::Stake, Direction::Out),
        (HistoryKind::Message, Direction::Out),
        (HistoryKind::Payment, Direction::Out),
    ];
    assert_eq!(signed, expected);
    let ids: Vec<_> = all.iter().filter_map(|view| view.id).collect();
    assert_eq!(ids, batch.iter().rev().map(SignedTransaction::id).collect::<Vec<_>>());
    let paid = all.iter().filter_map(|view| view.fee).try_fold(Coins::ZERO, |sum, fee| sum.checked_add(fee));
    let earned = history(&world, &own, HistoryRequest { kind: Some(HistoryKind::Fees), ..Default::default() }).await;
    let earned = earned.iter().try_fold(Coins::ZERO, |sum, view| sum.checked_add(view.amount));
    assert_eq!(earned, paid, "it leads every block: what it paid came back");

    let to_bob = history(&world, &BOB, HistoryRequest::default()).await;
    let seen: Vec<_> =
        to_bob.iter().map(|view| (view.direction, view.from, view.amount, view.text.as_deref())).collect();
    let came = |bcc, text| (Direction::In, Some(own), Coins::from_bcc(bcc), text);
    assert_eq!(seen, [came(1, Some("Hello")), came(2, None)]);
    let out = history(&world, &BOB, HistoryRequest { direction: Some(Direction::Out), ..Default::default() }).await;
    assert_eq!(out, []);
    let heights = |from, to| HistoryRequest { from: Some(from), to: Some(to), ..Default::default() };
    let first = to_bob[1].height;
    let until_first = history(&world, &BOB, heights(Height(0), first)).await;
    assert!(until_first.iter().all(|view| view.height <= first) && until_first.contains(&to_bob[1]));
    assert_eq!(history(&world, &BOB, heights(Height(1_000_000), Height(1_000_001))).await, []);
}

#[tokio::test]
async fn blocks_are_listed_newest_first_and_by_range() {
    let world = World::start().await;
    for nonce in 0..5 {
        let id = world.client.submit(&world.send(nonce, "one more")).await.unwrap().id;
        world.until_final(id).await;
    }
    let (mut wanted, mut all) = (BlocksRequest { limit: Some(2), to: Some(Height(4)), ..Default::default() }, vec![]);
    loop {
        let Page { items, next } = world.client.blocks(&wanted).await.unwrap();
        assert!(items.len() <= 2);
        all.extend(items);
        wanted.cursor = next;
        if wanted.cursor.is_none() {
            break;
        }
    }
    assert_eq!(all.iter().map(|row| row.height.0).collect::<Vec<_>>(), [4, 3, 2, 1]);
    let block = world.client.block("3").await.unwrap();
    let row = &all[1];
    assert_eq!((row.hash, row.parent, row.time, row.leader), (block.hash, block.parent, block.time, block.leader));
    assert_eq!((row.round, row.fees, row.bytes), (block.round, block.fees, block.bytes));
    assert_eq!(usize::try_from(row.transactions).unwrap(), block.transactions.len());
    let range = BlocksRequest { from: Some(Height(2)), to: Some(Height(3)), ..Default::default() };
    let range = world.client.blocks(&range).await.unwrap();
    assert_eq!((range.items, range.next), (all[1..3].to_vec(), None));
}

#[tokio::test]
async fn every_refusal_is_a_problem_with_its_code() {
    let world = World::start().await;
    let json = "application/json";
    let nowhere = format!("{}/{}", path::TRANSACTIONS, Hash32::ZERO);
    let far = format!("{}/999999", path::BLOCKS);
    let bad_address = format!("{}/bcc1nobody", path::ACCOUNTS);
    let bad_limit = format!("{}/{BOB}?limit=0", path::MESSAGES);
    let bad_key = format!("{}/{BOB}?limti=1", path::MESSAGES);
    let bad_cursor = format!("{}?cursor=01", path::PEERS);
    let bad_kind = format!("{}/{BOB}?kind=letters", path::HISTORY);
    let bad_range = format!("{}?from=5&to=4", path::BLOCKS);
    let bad_place = format!("{}?cursor=0501", path::BLOCKS);
    use StatusCode as S;
    for (status, code, request) in [
        (S::NOT_FOUND, "no_such_path", world.get("/v2/status")),
        (S::NOT_FOUND, "transaction_unknown", world.get(&nowhere)),
        (S::NOT_FOUND, "block_not_found", world.get(&far)),
        (S::NOT_FOUND, "block_not_found", world.get("/v1/blocks/0")),
        (S::BAD_REQUEST, "bad_block_reference", world.get("/v1/blocks/newest")),
        (S::BAD_REQUEST, "bad_transaction_id", world.get("/v1/transactions/xyz")),
        (S::BAD_REQUEST, "bad_address", world.get(&bad_address)),
        (S::BAD_REQUEST, "bad_query", world.get(&bad_limit)),
        (S::BAD_REQUEST, "bad_query", world.get(&bad_key)),
        (S::BAD_REQUEST, "bad_query", world.get(&bad_cursor)),
        (S::BAD_REQUEST, "bad_query", world.get(&bad_kind)),
        (S::BAD_REQUEST, "bad_query", world.get(&bad_range)),
        (S::BAD_REQUEST, "bad_query", world.get(&bad_place)),
        (S::METHOD_NOT_ALLOWED, "method_not_allowed", world.at(Method::DELETE, path::STATUS)),
        (S::METHOD_NOT_ALLOWED, "method_not_allowed", world.get(path::TRANSACTIONS)),
        (S::BAD_REQUEST, "bad_json", world.post(path::TRANSACTIONS, json, "{")),
        (S::BAD_REQUEST, "bad_json", world.post(path::TRANSACTIONS, json, "{}")),
        (S::UNSUPPORTED_MEDIA_TYPE, "bad_content_type", world.post(path::TRANSACTIONS, "text/plain", "{}")),
        (S::PAYLOAD_TOO_LARGE, "body_refused", world.post(path::TRANSACTIONS, json, "x".repeat(17 * 1024))),
        (S::UNSUPPORTED_MEDIA_TYPE, "bad_content_type", world.post(path::TRANSACTIONS_BATCH, json, "[]")),
        (S::BAD_REQUEST, "bad_encoding", world.post(path::TRANSACTIONS_BATCH, "application/cbor", "?")),
        (S::BAD_REQUEST, "empty_batch", world.post(path::TRANSACTIONS_BATCH, "application/cbor", vec![0x80])),
        (
            S::PAYLOAD_TOO_LARGE,
            "body_refused",
            world.post(path::TRANSACTIONS_BATCH, "application/cbor", vec![0; 9 * 1024 * 1024]),
        ),
    ] {
        let problem = world.refused(status, code, request).await;
        assert!(!problem.detail.is_empty(), "{code}");
        let retry = if code == "block_not_found" && problem.detail.contains("not final yet") {
            Retry::AtHeight(Height(999_999))
        } else {
            Retry::Never
        };
        assert_eq!(problem.retry, retry, "{code}");
    }
}

#[tokio::test]
async fn a_transaction_that_cannot_be_is_refused_with_the_reason() {
    let world = World::start().await;
    let bob = Signer::from_seed(&[9; 32]);
    let sign = |signer: &Signer, chain, coins, message: Option<String>| {
        sign::sign(signer, chain, 0, sign::send_body(BOB, Coins::from_bcc(coins), message))
    };
    let mut forged = world.send(0, "hi");
    forged.transaction.nonce = 1;
    for (code, signed) in [
        ("bad_signature", forged),
        ("other_chain", sign(&world.signer, Hash32([1; 32]), 1, None)),
        ("nothing_to_send", sign(&world.signer, world.chain, 0, None)),
        ("empty_message", sign(&world.signer, world.chain, 1, Some(String::new()))),
        ("message_too_long", sign(&world.signer, world.chain, 1, Some("é".repeat(513)))),
        ("insufficient_funds", sign(&bob, world.chain, 1, None)),
        ("insufficient_funds", sign(&world.signer, world.chain, 1_000_000, None)),
    ] {
        let json = serde_json::to_vec(&signed).unwrap();
        let request = world.post(path::TRANSACTIONS, "application/json", json);
        world.refused(StatusCode::UNPROCESSABLE_ENTITY, code, request).await;
    }
}

#[tokio::test]
async fn a_negative_amount_does_not_even_decode() {
    let world = World::start().await;
    let json = serde_json::to_string(&world.send(0, "hi")).unwrap().replace("\"1.000000\"", "\"-1.000000\"");
    assert!(json.contains("-1.000000"));
    let request = world.post(path::TRANSACTIONS, "application/json", json);
    let problem = world.refused(StatusCode::BAD_REQUEST, "bad_json", request).await;
    assert!(problem.detail.contains("never negative"), "{}", problem.detail);
}

#[tokio::test]
async fn a_longer_encoding_of_a_batch_is_refused() {
    let world = World::start().await;
    let canonical = codec::encode(&vec![world.send(0, "hi")]);
    assert_eq!(canonical[0], 0x81);
    let longer = [&[0x98, 0x01], &canonical[1..]].concat();
    let request = world.post(path::TRANSACTIONS_BATCH, "application/cbor", longer);
    world.refused(StatusCode::BAD_REQUEST, "bad_encoding", request).await;
}

#[tokio::test]
async fn nothing_signs_or_unlocks() {
    let world = World::start().await;
    for wish in ["/v1/sign", "/v1/unlock", "/v1/wallet", "/v1/accounts/unlock/sign", "/v1/send"] {
        world.refused(StatusCode::NOT_FOUND, "no_such_path", world.post(wish, "application/json", "{}")).await;
    }
}

#[tokio::test]
async fn a_lone_validator_is_live_and_ready() {
    let world = World::start().await;
    assert!(world.get(path::LIVE).send().await.unwrap().status().is_success());
    assert!(world.client.ready().await.unwrap().ready);
    let status = world.client.status().await.unwrap();
    assert_eq!(status.validator, Some(world.signer.address()));
    assert_eq!(status.validators.len(), 1);
    assert_eq!(status.supply, Coins::from_bcc(1_020_000), "the faucet's million and the treasury too");
    assert_eq!(world.client.genesis().await.unwrap().verify().unwrap().hash(), status.genesis_hash);
    assert_eq!(world.client.peers().await.unwrap(), []);
}

#[tokio::test]
async fn events_tell_the_tip_and_each_new_block_and_end_with_the_node() {
    let world = World::start().await;
    let mut events = world.client.events(None).await.unwrap();
    let mut raw = world.get(path::EVENTS).send().await.unwrap();
    let head = tokio::time::timeout(PATIENCE, raw.chunk()).await.expect("the tip is told").unwrap().unwrap();
    assert!(head.starts_with(b"event: block\nid: "), "{head:?}");
    let signed = world.send(0, "hi");
    world.client.submit(&signed).await.unwrap();
    let TransactionState::Final { height, .. } = world.until_final(signed.id()).await else { unreachable!() };
    let listen = async {
        loop {
            let block = events.next().await.unwrap().expect("more to come");
            if block.height == height {
                break block;
            }
        }
    };
    let told = tokio::time::timeout(PATIENCE, listen).await.expect("the block is told");
    assert_eq!(told.hash, world.client.block(height).await.unwrap().hash);
    let node = world.node;
    let stopped = tokio::task::spawn_blocking(move || node.stop());
    let rest = async { while events.next().await.is_ok_and(|block| block.is_some()) {} };
    tokio::time::timeout(PATIENCE, rest).await.expect("the stream ends");
    assert_eq!(stopped.await.unwrap().0, Some(0));
}

#[tokio::test]
async fn a_reader_that_was_cut_off_hears_only_what_is_new() {
    let world = World::start().await;
    let mut events = world.client.events(None).await.unwrap();
    let tip = events.next().await.unwrap().unwrap();
    let id = events.last_id().unwrap().to_owned();
    let mut again = world.client.events(Some(&id)).await.unwrap();
    let signed = world.send(0, "hi");
    world.client.submit(&signed).await.unwrap();
    let next = tokio::time::timeout(PATIENCE, again.next()).await.expect("a new block is told").unwrap().unwrap();
    assert_eq!(next.height, tip.height.next());
}
