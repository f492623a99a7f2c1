//! Views of a running node while it works: consensus, validators, pool, process, and event streams that go on where a
//! reader stopped.

use crate::http_api::{BOB, World};
use crate::support::{Home, Node, PATIENCE};
use blockchat_client::shapes::{
    ApiCode, EventTopic, LogLevel, NodeEvent, NodeRequest, PeerView, PeersEvent, PoolRequest, ReplacedEvent, Standing,
    TimerKind, TransactionState, path,
};
use blockchat_client::{Client, Events};
use blockchat_proto::units::{Height, Round};
use reqwest::StatusCode;
use std::collections::BTreeSet;
use std::time::Duration;

impl World {
    /// Sends a message to BOB and waits until it is final; its height.
    async fn say(&self, nonce: u64, message: &str) -> Height {
        let signed = self.send(nonce, message);
        self.client.submit(&signed).await.unwrap();
        match self.until_final(signed.id()).await {
            TransactionState::Final { height, .. } => height,
            other => unreachable!("{other:?}"),
        }
    }
}

/// The next event; fails if none comes.
async fn next(events: &mut Events) -> NodeEvent {
    let next = tokio::time::timeout(PATIENCE, events.next()).await.expect("something happens");
    next.expect("the stream holds").expect("the node runs")
}

#[tokio::test]
async fn consensus_tells_who_decides_the_next_height_and_how_the_last_ones_were_decided() {
    let world = World::start().await;
    let height = world.say(0, "hello").await;
    let own = world.signer.address();
    let view = world.client.consensus().await.unwrap();
    assert!(view.height > height && view.voting, "{view:?}");
    let [member] = &view.members[..] else { panic!("one validator: {view:?}") };
    assert!(member.own && member.address == own && member.stake == view.stake_total);
    assert!(
        view.stake_needed <= view.stake_total
            && 3 * u128::from(view.stake_needed.micros()) > 2 * u128::from(view.stake_total.micros())
    );
    assert_eq!(view.next_leaders.len(), 8);
    assert!(view.next_leaders.iter().all(|next| next.leader == own));
    assert!(view.begun || view.timers.iter().any(|timer| timer.timer == TimerKind::Pace && timer.until >= timer.since));
    let decided = view.decided.iter().find(|decided| decided.height == height).expect("kept");
    assert_eq!((decided.leader, decided.round, decided.transactions), (own, Round(0), 1));
    assert_eq!(view.signed(decided, &own), Some(true));
    assert_eq!(view.signed(decided, &BOB), None, "no member");
    assert!(decided.seen_to_final_ms.is_some() && !decided.caught_up);
    assert_eq!(decided.hash, world.client.block(height).await.unwrap().hash);
    assert!(view.decided.is_sorted_by(|newer, older| newer.height > older.height));
}

#[tokio::test]
async fn validators_have_their_share_of_what_was_led_and_signed() {
    let world = World::start().await;
    world.say(0, "hello").await;
    let validators = world.client.validators().await.unwrap();
    let [only] = &validators[..] else { panic!("one validator: {validators:?}") };
    assert_eq!((only.address, only.standing, only.member), (world.signer.address(), Standing::Active, true));
    assert!(only.counted >= 1 && only.led == only.counted && only.missed == 0);
    assert_eq!((only.led_ppm, only.fair_ppm, only.stake_ppm, only.chance_ppm), (1_000_000, 1_000_000, 1_000_000, None));
}

#[tokio::test]
async fn the_pool_is_listed_a_part_at_a_time_and_of_one_account() {
    let world = World::start().await;
    // Nonce 0 is missing: they wait for it.
    for nonce in 1..=5 {
        world.client.submit(&world.send(nonce, "early")).await.unwrap();
    }
    let mut wanted = PoolRequest { limit: Some(2), ..PoolRequest::default() };
    let mut nonces = vec![];
    loop {
        let page = world.client.pool(&wanted).await.unwrap();
        assert!(page.items.iter().all(|row| row.queued && row.from == world.signer.address() && row.to == Some(BOB)));
        nonces.extend(page.items.iter().map(|row| row.nonce));
        if page.next.is_none() {
            break;
        }
        wanted.cursor = page.next;
    }
    assert_eq!(nonces, [1, 2, 3, 4, 5]);
    let account = |account| PoolRequest { account: Some(account), ..PoolRequest::default() };
    assert_eq!(world.client.pool(&account(world.signer.address())).await.unwrap().items.len(), 5);
    assert_eq!(world.client.pool(&account(BOB)).await.unwrap().items, []);
    let cursor = PoolRequest { cursor: Some("07ff".to_owned().into()), ..PoolRequest::default() };
    assert!(world.client.pool(&cursor).await.unwrap_err().is(ApiCode::BadQuery));
}

#[tokio::test]
async fn the_process_tells_what_it_uses_and_what_it_logged() {
    let world = World::start().await;
    world.say(0, "hello").await;
    let node = world.client.node(&NodeRequest::default()).await.unwrap();
    assert_eq!(node.version, env!("CARGO_PKG_VERSION"));
    assert!(node.disk_bytes.is_some_and(|bytes| bytes > 0), "{node:?}");
    assert!(node.log.is_sorted_by(|earlier, later| earlier.number < later.number));
    let names: BTreeSet<_> = node.queues.iter().map(|queue| queue.name.clone()).collect();
    assert_eq!(names, first_cells().filter(|name| !name.starts_with("blockchat_")).collect(), "as the page says");
    assert!(node.queues.iter().all(|queue| queue.waiting <= queue.max));
    #[cfg(target_os = "linux")]
    assert!(node.memory_bytes > Some(1_000_000) && node.open_files > Some(3) && node.cpu_ms.is_some());
    let worst = NodeRequest { lines: Some(500), level: Some(LogLevel::Error) };
    let worst = world.client.node(&worst).await.unwrap();
    assert!(worst.log.iter().all(|line| line.level == LogLevel::Error));
    for query in ["lines=501", "level=moon", "level=unknown", "colour=red"] {
        let request = world.get(&format!("{}?{query}", path::NODE));
        world.refused(StatusCode::BAD_REQUEST, "bad_query", request).await;
    }
}

/// Everything up to the transaction with this text, the last thing told of its block, and the id of each event.
async fn until_transaction(events: &mut Events, text: &str) -> Vec<(NodeEvent, String)> {
    let mut heard = vec![];
    loop {
        let event = next(events).await;
        let found = matches!(&event, NodeEvent::Transaction(sent) if sent.entry.text.as_deref() == Some(text));
        heard.push((event, events.last_id().unwrap().to_owned()));
        if found {
            return heard;
        }
    }
}

#[tokio::test]
async fn a_reader_goes_on_behind_any_event_without_a_gap_even_if_the_node_was_started_anew() {
    let world = World::start().await;
    let topics = [EventTopic::Block, EventTopic::Transactions(BOB), EventTopic::Messages(BOB)];
    let mut events = world.client.listen(&topics, None).await.unwrap();
    assert!(matches!(next(&mut events).await, NodeEvent::Block(_)), "the tip is told at once");
    for (nonce, text) in (0..).zip(["one", "two", "three"]) {
        world.say(nonce, text).await;
    }
    let all = until_transaction(&mut events, "three").await;
    let messages = all.iter().filter(|(event, _)| matches!(event, NodeEvent::Message(_))).count();
    let transactions = all.iter().filter(|(event, _)| matches!(event, NodeEvent::Transaction(_))).count();
    assert_eq!((messages, transactions), (3, 3));
    let heights: Vec<_> = all.iter().filter_map(|(event, _)| block_height(event)).collect();
    assert!(heights.windows(2).all(|pair| pair[1] == pair[0].next()), "every block, in order: {heights:?}");
    let ids: BTreeSet<_> = all.iter().map(|(_, id)| id).collect();
    assert_eq!(ids.len(), all.len(), "every event has an id of its own");
    check_resumes(&world.client, &topics, &all).await;
    let World { home, node, .. } = world;
    tokio::task::spawn_blocking(move || node.stop()).await.unwrap();
    let node = home.start();
    check_resumes(&Client::new(&node.ready.api).unwrap(), &topics, &all).await;
}

fn block_height(event: &NodeEvent) -> Option<Height> {
    match event {
        NodeEvent::Block(block) => Some(block.height),
        _ => None,
    }
}

/// From behind each event on, a reader hears just those after it.
async fn check_resumes(client: &Client, topics: &[EventTopic], all: &[(NodeEvent, String)]) {
    for (at, (_, id)) in all.iter().enumerate() {
        let mut again = client.listen(topics, Some(id)).await.unwrap();
        for (expected, _) in &all[at + 1..] {
            assert_eq!(next(&mut again).await, *expected, "behind {id}");
        }
    }
}

/// SPEC API-11, API-12.
#[tokio::test]
async fn what_the_pool_replaces_is_told_to_readers_of_its_sender_and_to_nobody_else() {
    let world = World::start().await;
    let sender = world.signer.address();
    let topics = [EventTopic::Transactions(sender)];
    let mut events = world.client.listen(&topics, None).await.unwrap();
    let mut of_bob = world.client.listen(&[EventTopic::Transactions(BOB)], None).await.unwrap();
    // Nonce 0 is missing: they wait for it.
    let (early, dearer) = (world.send(1, "Hello"), world.send(1, "Hello, Bob"));
    world.client.submit(&early).await.unwrap();
    assert!(world.client.submit(&dearer).await.unwrap_err().is("nonce_taken"), "it names nothing: not told");
    world.client.submit_instead(&dearer, early.id()).await.unwrap();
    let replaced = ReplacedEvent { id: early.id(), by: dearer.id(), sender, nonce: 1 };
    assert_eq!(next(&mut events).await, NodeEvent::Replaced(replaced));
    let mut all = vec![(NodeEvent::Replaced(replaced), events.last_id().unwrap().to_owned())];
    world.say(0, "first").await;
    all.extend(until_transaction(&mut events, "Hello, Bob").await);
    let told = all.iter().filter(|(event, _)| matches!(event, NodeEvent::Replaced(_))).count();
    assert_eq!(told, 1, "what is final is not told as replaced: {all:?}");
    let heard = until_transaction(&mut of_bob, "Hello, Bob").await;
    assert!(heard.iter().all(|(event, _)| matches!(event, NodeEvent::Transaction(_))), "{heard:?}");
    check_resumes(&world.client, &topics, &all).await;
    // Of another run: the chain goes on, and what was replaced meanwhile is no reason to begin anew.
    let mut events = world.client.listen(&topics, Some("1-0-0-5-5-5")).await.unwrap();
    assert!(matches!(next(&mut events).await, NodeEvent::Transaction(_)));
}

#[tokio::test]
async fn whoever_cannot_go_on_is_told_so_first() {
    let world = World::start().await;
    world.say(0, "hello").await;
    for unknown in ["7", "what", "0-999999-0-0-0"] {
        let mut events = world.client.listen(&[EventTopic::Block], Some(unknown)).await.unwrap();
        assert!(matches!(next(&mut events).await, NodeEvent::Reset(_)), "{unknown}");
        assert!(matches!(next(&mut events).await, NodeEvent::Block(_)), "{unknown}: then the tip");
    }
    // Of another run: the chain goes on, what was beside it is lost.
    let mut events = world.client.listen(&[EventTopic::Consensus], Some("1-0-0-5-5")).await.unwrap();
    assert!(matches!(next(&mut events).await, NodeEvent::Reset(_)));
    for query in ["topics=moon", "topics=messages:bcc1qqqq", "topics=", "topic=block"] {
        let request = world.get(&format!("{}?{query}", path::EVENTS));
        world.refused(StatusCode::BAD_REQUEST, "bad_query", request).await;
    }
}

#[tokio::test]
async fn consensus_is_told_as_it_moves_on_and_a_reader_goes_on_within_a_run() {
    let world = World::start().await;
    let topics = [EventTopic::Consensus];
    let mut events = world.client.listen(&topics, None).await.unwrap();
    let (first, second) = (world.say(0, "hello").await, world.say(1, "again").await);
    let mut all = vec![];
    loop {
        let event = next(&mut events).await;
        let NodeEvent::Consensus(told) = &event else { panic!("not asked for: {event:?}") };
        assert_eq!((told.leader, told.voting), (world.signer.address(), true));
        let height = told.height;
        all.push((event, events.last_id().unwrap().to_owned()));
        if height > second {
            break;
        }
    }
    let told = |height: Height| {
        all.iter().any(|(event, _)| matches!(event, NodeEvent::Consensus(one) if one.height == height))
    };
    assert!(told(first.next()) && told(second.next()), "{all:?}");
    check_resumes(&world.client, &topics, &all).await;
}

/// The names in the first column of the tables of `docs/metrics.md`: of metrics, and of queues.
fn first_cells() -> impl Iterator<Item = String> {
    let page = concat!(env!("CARGO_MANIFEST_DIR"), "/docs/metrics.md");
    let page = std::fs::read_to_string(page).unwrap();
    let rows = page.lines().filter(|line| !line.contains("| `queue` |"));
    let cells = rows.filter_map(|line| line.strip_prefix("| `")?.split('`').next());
    cells.map(str::to_owned).collect::<Vec<_>>().into_iter()
}

#[tokio::test]
async fn every_metric_is_documented_and_every_documented_one_is_told() {
    let world = World::start().await;
    world.say(0, "hello").await;
    let response = world.get(path::METRICS).send().await.unwrap();
    assert!(response.headers()["content-type"].to_str().unwrap().starts_with("application/openmetrics-text"));
    let text = response.text().await.unwrap();
    assert!(text.ends_with("# EOF\n"));
    let kinds = text.lines().filter_map(|line| line.strip_prefix("# TYPE ")?.split_once(' '));
    let suffix = |(name, kind): (&str, &str)| match kind {
        "counter" => format!("{name}_total"),
        "info" => format!("{name}_info"),
        _ => name.to_owned(),
    };
    let told: BTreeSet<_> = kinds.map(suffix).filter(|name| name.starts_with("blockchat_")).collect();
    let documented: BTreeSet<_> = first_cells().filter(|name| name.starts_with("blockchat_")).collect();
    assert_eq!(told.difference(&documented).collect::<Vec<_>>(), Vec::<&String>::new(), "not documented");
    assert_eq!(documented.difference(&told).collect::<Vec<_>>(), Vec::<&String>::new(), "not told");
    for line in ["blockchat_submit_to_final_seconds_count 1", "blockchat_phase{is=\"update_needed\"} 0"] {
        assert!(text.lines().any(|found| found == line), "{line}\n{text}");
    }
    assert!(text.contains("# TYPE libp2p_") && text.contains("# TYPE gossipsub_"), "{text}");
}

/// Waits until this peer came or went.
async fn until_peer(events: &mut Events, id: &str, connected: bool) -> PeersEvent {
    loop {
        match next(events).await {
            NodeEvent::Peers(event) if event.peer_id == id && event.connected == connected => return event,
            NodeEvent::Peers(_) => {}
            other => panic!("not asked for: {other:?}"),
        }
    }
}

/// The only peer, once `found` says that all is known of it.
async fn peer_once(client: &Client, found: impl Fn(&PeerView) -> bool) -> PeerView {
    let look = async {
        loop {
            match &client.peers().await.unwrap()[..] {
                [peer] if found(peer) => return peer.clone(),
                _ => tokio::time::sleep(Duration::from_millis(20)).await,
            }
        }
    };
    tokio::time::timeout(PATIENCE, look).await.expect("it is there in time")
}

#[tokio::test]
async fn a_peer_is_told_with_all_that_is_known_of_it_and_so_is_its_coming_and_going() {
    let world = World::start().await;
    let mut events = world.client.listen(&[EventTopic::Peers], None).await.unwrap();
    let (home, address) = (Home::new(), world.node.ready.listen[0].clone());
    let path = home.path();
    let start = move || Node::start_with(&path, &["--join", "--peer", &address]);
    let other = tokio::task::spawn_blocking(start).await.unwrap();
    until_peer(&mut events, &other.ready.peer_id, true).await;
    let peer = peer_once(&world.client, |peer| peer.topics.iter().any(|topic| topic.mesh)).await;
    assert_eq!(peer.peer_id, other.ready.peer_id);
    assert_eq!(peer.client.as_deref(), Some(concat!("blockchat-node/", env!("CARGO_PKG_VERSION"))));
    let topics: BTreeSet<_> = peer.topics.iter().map(|topic| topic.topic.as_str()).collect();
    assert_eq!(topics, BTreeSet::from(["blocks", "evidence", "transactions", "votes"]));
    assert!(peer.inbound && peer.connections >= 1 && peer.connected_since.is_some(), "{peer:?}");
    assert!(peer.traffic.received_bytes > 100 && peer.traffic.sent_bytes > 100, "{peer:?}");
    assert_eq!((peer.score.points_milli, peer.score.faults.len()), (0, 0));
    drop(other);
    let gone = until_peer(&mut events, &peer.peer_id, false).await;
    assert_eq!((gone.peers, gone.address), (0, peer.address));
}

#[tokio::test]
async fn the_page_loads_nothing_from_elsewhere_and_what_it_lists_is_there() {
    let world = World::start().await;
    for (at, kind) in [("/", "text/html"), ("/page.js", "text/javascript"), ("/page.css", "text/css")] {
        let response = world.get(at).send().await.unwrap();
        let header = |name: &str| response.headers()[name].to_str().unwrap().to_owned();
        assert!(header("content-type").starts_with(kind), "{at}");
        assert!(header("content-security-policy").starts_with("default-src 'none'"), "{at}");
        let text = response.text().await.unwrap();
        assert!(!text.contains("://"), "{at} names another place");
    }
    let document: serde_json::Value = world.get(path::OPENAPI).send().await.unwrap().json().await.unwrap();
    let paths = document["paths"].as_object().unwrap();
    assert!(paths.len() > 18, "{paths:?}");
    for (at, methods) in paths.iter().filter(|(at, _)| *at != path::EVENTS) {
        let is_get = methods.get("get").is_some();
        let filled = at
            .replace("{address}", &BOB.to_string())
            .replace("{block}", "last")
            .replace("{id}", &"0".repeat(64))
            .replace("{hash}", &"0".repeat(64));
        let response = world.get(&filled).send().await.unwrap();
        let status = response.status().as_u16();
        if is_get {
            assert!([200, 404, 503].contains(&status), "{at}: {status}");
            assert!(methods["get"]["responses"].get(status.to_string()).is_some(), "{at}: {status} is not described");
        } else {
            assert_eq!(status, 405, "{at}");
        }
    }
}
