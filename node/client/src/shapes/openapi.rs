//! The API as an OpenAPI document: the paths are listed here, what they answer comes from the shapes themselves.
//!
//! Always true: every path of [`super::path`] is described; a shape that an answer names is among the components.
//! Start reading at [`document`].

use super::{
    AccountView, ApiCode, BlockRowView, BlockView, ConsensusView, HistoryView, KnownPeerView, LiveView, MessageView,
    NodeView, PeerView, PoolRowView, Problem, ReadyView, StatusView, SubmitView, TransactionView, ValidatorRowView,
    open, path, status_of,
};
use blockchat_proto::refusal::TxCode;
use serde_json::{Map, Value, json};
use std::collections::BTreeSet;
use utoipa::ToSchema;
use utoipa::openapi::RefOr;
use utoipa::openapi::schema::Schema;

/// An address without a known key, for readers who try a path.
const NOBODY: &str = "bcc1qqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqkyrmkv";

/// One operation.
struct Operation {
    path: String,
    post: bool,
    about: &'static str,
    parameters: Vec<Value>,
    body: Option<Value>,
    status: u16,
    answer: Value,
}

/// The whole document, OpenAPI 3.1, for a node of this version.
pub fn document(version: &str) -> Value {
    let mut components = Components::default();
    let mut paths: Map<String, Value> = Map::new();
    for operation in operations(&mut components) {
        let method = if operation.post { "post" } else { "get" };
        let described = describe(&operation);
        let at = paths.entry(operation.path).or_insert_with(|| json!({}));
        at[method] = described;
    }
    components.add::<Problem>();
    json!({
        "openapi": "3.1.0",
        "info": {
            "title": "BlockChat node",
            "version": version,
            "description": "What a node tells, and how signed transactions get in. proto/SPEC.md, section 15, is the contract.",
            "license": { "name": "Apache-2.0", "identifier": "Apache-2.0" },
        },
        "paths": paths,
        "components": { "schemas": components.0 },
    })
}

fn describe(operation: &Operation) -> Value {
    let problem = json!({
        "description": "A problem (RFC 9457): code and retry are for programs",
        "content": { "application/problem+json": { "schema": reference(&Problem::name()) } },
    });
    let mut answers = Map::new();
    answers.insert(operation.status.to_string(), operation.answer.clone());
    for status in statuses_of_problems() {
        answers.insert(status.to_string(), problem.clone());
    }
    let id = format!("{} {}", if operation.post { "post" } else { "get" }, operation.path);
    let mut described = json!({
        "operationId": id.replace(['/', '{', '}'], " ").split_whitespace().collect::<Vec<_>>().join("_"),
        "summary": operation.about,
        "parameters": operation.parameters,
        "responses": answers,
    });
    if let Some(body) = &operation.body {
        described["requestBody"] = body.clone();
    }
    described
}

/// The statuses of all problems there are: any path may answer with one, if only because its request is none.
fn statuses_of_problems() -> BTreeSet<u16> {
    let api = ApiCode::ALL.iter().map(|code| code.status());
    api.chain(TxCode::ALL.iter().map(|code| status_of(*code))).collect()
}

/// Schemas by name.
#[derive(Default)]
struct Components(Map<String, Value>);

impl Components {
    /// Adds a shape and all that it is made of; where it is found.
    fn add<T: ToSchema>(&mut self) -> Value {
        let mut parts: Vec<(String, RefOr<Schema>)> = vec![(T::name().into_owned(), T::schema())];
        T::schemas(&mut parts);
        for (name, schema) in parts {
            self.0.insert(name, serde_json::to_value(schema).expect("a schema is JSON"));
        }
        reference(&T::name())
    }

    /// A list that is answered a part at a time. SPEC API-7.
    fn page<T: ToSchema>(&mut self) -> Value {
        let items = self.add::<T>();
        json!({
            "type": "object",
            "required": ["items", "next"],
            "properties": {
                "items": { "type": "array", "items": items },
                "next": { "type": ["string", "null"], "description": "cursor of the next part" },
            },
        })
    }
}

fn reference(name: &str) -> Value {
    json!({ "$ref": format!("#/components/schemas/{name}") })
}

fn answers(kind: &str, schema: Value, about: &str) -> Value {
    let mut content = Map::new();
    content.insert(kind.to_owned(), json!({ "schema": schema }));
    json!({ "description": about, "content": content })
}

fn parameter(name: &str, place: &str, schema: Value, about: &str) -> Value {
    json!({ "name": name, "in": place, "required": place == "path", "schema": schema, "description": about })
}

fn query(name: &str, schema: Value, about: &str) -> Value {
    parameter(name, "query", schema, about)
}

fn cursor_and_limit() -> Vec<Value> {
    vec![
        query("limit", json!({ "type": "integer", "minimum": 1, "maximum": 500 }), "At most so many entries"),
        query("cursor", json!({ "type": "string" }), "`next` of the part before"),
    ]
}

/// A page of what the rules define, and SPEC describes.
fn any_page() -> Value {
    json!({ "type": "object", "required": ["items", "next"] })
}

/// A list of the same.
fn any_list() -> Value {
    json!({ "type": "array", "items": { "type": "object" } })
}

fn heights() -> Vec<Value> {
    let height = || json!({ "type": "integer", "minimum": 0 });
    vec![query("from", height(), "Only from this height on"), query("to", height(), "Only up to this height")]
}

fn trust() -> Value {
    query("trust", json!({ "type": "integer", "minimum": 0 }), "Begin at this block, which the reader trusts")
}

fn get(path: String, about: &'static str, parameters: Vec<Value>, schema: Value) -> Operation {
    let answer = answers("application/json", schema, "The answer");
    Operation { path, post: false, about, parameters, body: None, status: 200, answer }
}

/// All of them; the document has them by path.
fn operations(components: &mut Components) -> Vec<Operation> {
    let mut all = about_the_node(components);
    all.extend(about_the_chain(components));
    all.extend(about_accounts(components));
    all.extend(taking_transactions(components));
    all.push(events());
    all.push(metrics());
    all
}

fn about_the_node(components: &mut Components) -> Vec<Operation> {
    let lines = json!({ "type": "integer", "minimum": 0, "maximum": 500 });
    let levels = json!({ "type": "string", "enum": ["error", "warn", "info", "debug", "trace"] });
    let node = vec![query("lines", lines, "Log lines"), query("level", levels, "This level and worse")];
    let list = cursor_and_limit;
    vec![
        get(path::STATUS.into(), "Node status", vec![], components.add::<StatusView>()),
        get(path::NODE.into(), "Process, resources, and last log lines", node, components.add::<NodeView>()),
        get(path::PEERS.into(), "Connected peers", list(), components.page::<PeerView>()),
        get(path::PEERS_KNOWN.into(), "Known peers, connected or not", list(), components.page::<KnownPeerView>()),
        get(path::LIVE.into(), "Liveness: the process works", vec![], components.add::<LiveView>()),
        get(path::READY.into(), "Readiness: the node takes part in its chain", vec![], components.add::<ReadyView>()),
        get(path::OPENAPI.into(), "This document", vec![], json!({ "type": "object" })),
    ]
}

fn about_the_chain(components: &mut Components) -> Vec<Operation> {
    let forms = ["^last$", "^[0-9]{1,15}$", "^[0-9a-f]{64}$"].map(|form| json!({ "type": "string", "pattern": form }));
    let block = json!({ "anyOf": forms, "description": "`last`, a height, or a hash" });
    let block = vec![parameter("block", "path", block, "Block")];
    let blocks = [cursor_and_limit(), heights()].concat();
    let headers = [cursor_and_limit(), heights()].concat();
    let hash = parameter("hash", "path", components.add::<open::Hash32>(), "`validators_hash` of a header");
    let account = query("account", components.add::<open::Address>(), "Only transactions signed by this account");
    let pool = [cursor_and_limit(), vec![account]].concat();
    vec![
        get(path::GENESIS.into(), "The genesis", vec![], json!({ "type": "object" })),
        get(
            path::CONSENSUS.into(),
            "Voting: the current height and the last ones",
            vec![],
            components.add::<ConsensusView>(),
        ),
        get(path::VALIDATORS.into(), "Validators", cursor_and_limit(), components.page::<ValidatorRowView>()),
        get(path::POOL.into(), "Pooled transactions", pool, components.page::<PoolRowView>()),
        get(path::BLOCKS.into(), "Final blocks, newest first", blocks, components.page::<BlockRowView>()),
        get(format!("{}/{{block}}", path::BLOCKS), "One final block", block, components.add::<BlockView>()),
        get(path::HEADERS.into(), "Headers with certificates, newest first", headers, any_page()),
        get(
            format!("{}/{{hash}}", path::VALIDATOR_SETS),
            "Members of a validator set, by its hash",
            vec![hash],
            any_list(),
        ),
    ]
}

fn about_accounts(components: &mut Components) -> Vec<Operation> {
    let address = components.add::<open::Address>();
    let whose = || {
        let mut whose = parameter("address", "path", address.clone(), "Address of the account");
        whose["example"] = NOBODY.into();
        whose
    };
    let under = |path: &str| format!("{path}/{{address}}");
    let kinds = json!({ "type": "string", "enum": [
        "payment", "message", "stake", "activate", "claim", "fees", "released", "jailed", "announce",
    ] });
    let directions = json!({ "type": "string", "enum": ["in", "out", "own"] });
    let filters = vec![query("kind", kinds, "Only this kind"), query("direction", directions, "Only this direction")];
    let proof = format!("{}/{}", under(path::ACCOUNTS), path::PROOF);
    let history = [vec![whose()], cursor_and_limit(), heights(), filters].concat();
    let messages = [vec![whose()], cursor_and_limit()].concat();
    vec![
        get(under(path::ACCOUNTS), "One account", vec![whose()], components.add::<AccountView>()),
        get(proof, "Proof of the state of an account", vec![whose(), trust()], json!({ "type": "object" })),
        get(under(path::HISTORY), "History of an account", history, components.page::<HistoryView>()),
        get(under(path::MESSAGES), "Messages of an account", messages, components.page::<MessageView>()),
    ]
}

fn taking_transactions(components: &mut Components) -> Vec<Operation> {
    let submitted = components.add::<SubmitView>();
    let signed = components.add::<open::SignedTransaction>();
    let body = |kind: &str, schema: Value| {
        let mut content = Map::new();
        content.insert(kind.to_owned(), json!({ "schema": schema }));
        Some(json!({ "required": true, "content": content }))
    };
    let id = parameter("id", "path", components.add::<open::Hash32>(), "Id of the transaction");
    let replaces = query(
        "replaces",
        components.add::<open::Hash32>(),
        "Pooled transaction of the same sender and nonce to replace, for a higher fee",
    );
    let one = answers("application/json", submitted.clone(), "Accepted: its state");
    let many = json!({ "type": "array", "items": submitted });
    vec![
        get(
            format!("{}/{{id}}", path::TRANSACTIONS),
            "State of a transaction",
            vec![id.clone()],
            components.add::<TransactionView>(),
        ),
        get(
            format!("{}/{{id}}", path::RECEIPTS),
            "Proof that a transaction is final",
            vec![id, trust()],
            json!({ "type": "object" }),
        ),
        Operation {
            path: path::TRANSACTIONS.into(),
            post: true,
            about: "Submit a signed transaction; safe to repeat",
            parameters: vec![replaces],
            body: body("application/json", signed),
            status: 202,
            answer: one,
        },
        Operation {
            path: path::TRANSACTIONS_BATCH.into(),
            post: true,
            about: "Submit many transactions, as canonical bytes",
            parameters: vec![],
            body: body(super::BATCH_CONTENT_TYPE, json!({ "type": "string", "format": "binary" })),
            status: 200,
            answer: answers("application/json", many, "One answer each, in order"),
        },
    ]
}

fn events() -> Operation {
    let topics = "Comma-separated: block, consensus, peers, barred, log, messages:ADDRESS, transactions:ADDRESS";
    let last = json!({ "type": "string" });
    Operation {
        path: path::EVENTS.into(),
        post: false,
        about: "Live events: a stream without end",
        parameters: vec![
            query("topics", json!({ "type": "string", "default": "block" }), topics),
            parameter("Last-Event-ID", "header", last, "Continue after this event"),
        ],
        body: None,
        status: 200,
        answer: answers("text/event-stream", json!({ "type": "string" }), "Events (SPEC API-11)"),
    }
}

fn metrics() -> Operation {
    Operation {
        path: path::METRICS.into(),
        post: false,
        about: "Counters for Prometheus",
        parameters: vec![],
        body: None,
        status: 200,
        answer: answers("application/openmetrics-text", json!({ "type": "string" }), "OpenMetrics text"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Every `$ref` of a document.
    fn references(value: &Value, found: &mut BTreeSet<String>) {
        match value {
            Value::Object(fields) => {
                if let Some(Value::String(name)) = fields.get("$ref") {
                    found.insert(name.clone());
                }
                fields.values().for_each(|field| references(field, found));
            }
            Value::Array(items) => items.iter().for_each(|item| references(item, found)),
            _ => {}
        }
    }

    #[test]
    fn everything_that_is_named_is_there() {
        let document = document("1");
        let mut named = BTreeSet::new();
        references(&document, &mut named);
        assert!(named.len() > 20, "{named:?}");
        for name in named {
            let name = name.strip_prefix("#/components/schemas/").unwrap();
            assert!(document["components"]["schemas"].get(name).is_some(), "{name} is missing");
        }
    }

    #[test]
    fn every_path_is_described() {
        let document = document("1");
        let paths: Vec<_> = document["paths"].as_object().unwrap().keys().cloned().collect();
        let source = include_str!("mod.rs");
        let constants = source.split("pub const ").skip(1).filter_map(|rest| rest.split('"').nth(1));
        let constants: Vec<_> = constants.filter(|text| text.starts_with('/')).collect();
        assert!(constants.len() > 15, "{constants:?}");
        for constant in constants {
            let under = format!("{constant}/{{");
            assert!(paths.iter().any(|path| path == constant || path.starts_with(&under)), "{constant} is missing");
        }
    }

    #[test]
    fn a_shape_is_described_with_its_fields() {
        let document = document("1");
        let peer = &document["components"]["schemas"]["PeerView"];
        assert_eq!(peer["properties"]["height"]["$ref"], "#/components/schemas/Height");
        assert!(peer["required"].as_array().unwrap().contains(&"peer_id".into()), "{peer}");
        let phase = document["components"]["schemas"]["Phase"].to_string();
        assert!(phase.contains("waiting_for_stake") && phase.contains("online_percent"), "{phase}");
    }
}
