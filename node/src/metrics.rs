//! Counters, gauges and histograms of this process, for Prometheus: all names with their units stand in
//! `node/docs/metrics.md`.
//!
//! Owns: the registry. Events are counted where they happen, at the cost of an atomic addition; gauges are read at a
//! scrape. Nothing is ever read back from a log. Always true: every name begins with `blockchat_`, but for libp2p's
//! own; no label contains text of strangers. Start reading at [`Metrics::new`].

use blockchat_client::shapes::{QueueView, TrafficView};
use blockchat_proto::coins::MICROS_PER_BCC;
use prometheus_client::encoding::text::encode;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::histogram::{Histogram, exponential_buckets};
use prometheus_client::metrics::info::Info;
use prometheus_client::registry::{Metric, Registry, Unit};
use std::fmt;
use std::sync::atomic::AtomicU64;
use std::sync::{Mutex, MutexGuard, PoisonError};

/// Content type of what [`Metrics::text`] makes.
pub const CONTENT_TYPE: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";

/// One label and its value.
type Label = [(&'static str, String); 1];

/// A gauge of parts of a unit.
type Real = Gauge<f64, AtomicU64>;

/// See the module's header.
pub struct Metrics {
    registry: Mutex<Registry>,
    /// Between two blocks that became final here, in s; not while catching up.
    pub block_interval: Histogram,
    /// Rounds that a height took.
    pub rounds: Histogram,
    /// To write down and sync what was signed, in s.
    pub sync_point: Histogram,
    /// To make blocks durable, in s.
    pub store: Histogram,
    /// From the submit of a transaction at this node until it was final here, in s.
    pub submit_to_final: Histogram,
    /// Blocks that became final here.
    pub blocks: Counter,
    /// Transactions in them.
    pub transactions: Counter,
    answers: Family<Label, Counter>,
    now: Gauges,
}

/// Number of accounts worth a second look.
#[derive(Clone, Copy, Debug, Default)]
pub struct Odd {
    /// Lead more often than chance explains. SPEC LEAD-5.
    pub suspects: u64,
    /// Barred for misbehaviour.
    pub barred: u64,
    /// Have stake that waits to become power.
    pub queued: u64,
}

/// The coins of the chain by place, in micro-BCC.
#[derive(Clone, Copy, Debug, Default)]
pub struct Money {
    /// All there are.
    pub supply: u64,
    /// Of these, what welcome grants can still take; 0 on a chain without them. SPEC CLAIM-1.
    pub treasury: u64,
    /// Burned for misbehaviour, and no part of the supply any more.
    pub burned: u64,
}

/// The node's state at the moment of a scrape.
#[derive(Clone, Debug, Default)]
pub struct Reading {
    /// Last final height.
    pub height: u64,
    /// Round of the height being decided.
    pub round: u64,
    /// Age of the last block's time, in ms.
    pub tip_age_ms: u64,
    /// The node's activity, as in the status.
    pub phase: &'static str,
    /// Does it vote?
    pub voting: bool,
    /// Members of the set.
    pub validators: u64,
    /// Counts of members that lead more often than chance explains, of barred accounts, and of stake that waits for
    /// power.
    pub odd: Odd,
    /// Coins of the chain.
    pub money: Money,
    /// Pooled transactions, and their bytes.
    pub pool: (u64, u64),
    /// Difference between the clocks of the other validators and ours, in ms; 0 before enough were heard.
    pub clocks_ahead_ms: i64,
    /// Connected peers.
    pub peers: u64,
    /// Bytes to and from them.
    pub traffic: TrafficView,
    /// The node's queues.
    pub queues: Vec<QueueView>,
    /// Resources that the process uses.
    pub process: crate::process_facts::ProcessFacts,
    /// Sizes of the files in its data folder.
    pub disk: crate::process_facts::DiskFacts,
}

/// All values of [`Reading::phase`].
pub const PHASES: [&str; 5] = ["idle", "deciding", "catching_up", "update_needed", "waiting_for_stake"];

#[derive(Debug)]
struct Gauges {
    height: Gauge,
    round: Gauge,
    tip_age: Real,
    phase: Family<Label, Gauge>,
    voting: Gauge,
    validators: Gauge,
    suspects: Gauge,
    barred: Gauge,
    queued: Gauge,
    supply: Real,
    treasury: Real,
    burned: Real,
    clocks_ahead: Real,
    pool_transactions: Gauge,
    pool_size: Gauge,
    peers: Gauge,
    received: Counter,
    sent: Counter,
    waiting: Family<Label, Gauge>,
    max: Family<Label, Gauge>,
    dropped: Family<Label, Counter>,
    open_files: Gauge,
    memory: Gauge,
    cpu: Counter<f64, AtomicU64>,
    disk: Gauge,
    disk_free: Gauge,
}

impl fmt::Debug for Metrics {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Metrics")
    }
}

impl Metrics {
    /// All of ours, at zero. `started_s`: unix time.
    pub fn new(started_s: u64) -> Self {
        let mut registry = Registry::default();
        let ours = registry.sub_registry_with_prefix("blockchat");
        let build = [("version", env!("CARGO_PKG_VERSION")), ("sources", blockchat_engine::SOURCES)];
        ours.register("build", "The program", Info::new(build.to_vec()));
        let started: Gauge = enter(ours, "started", "Unix time at which the process started", Some(Unit::Seconds));
        started.set(narrow(started_s));
        let mut seconds = |name, help, first, factor, buckets| {
            let histogram = Histogram::new(exponential_buckets(first, factor, buckets));
            ours.register_with_unit(name, help, Unit::Seconds, histogram.clone());
            histogram
        };
        let block_interval =
            seconds("block_interval", "Between two final blocks, but while catching up", 0.01, 2.0, 12);
        let sync_point = seconds("sync_point", "To sync what was signed to disk, before it is sent", 0.0001, 2.0, 14);
        let store = seconds("store", "To make final blocks durable", 0.0005, 2.0, 13);
        let help = "From the submit of a transaction at this node until it was final here";
        let submit_to_final = seconds("submit_to_final", help, 0.005, 2.0, 14);
        let rounds = Histogram::new([1.0, 2.0, 3.0, 4.0, 6.0, 10.0, 20.0]);
        ours.register("rounds", "Rounds that a height took", rounds.clone());
        Self {
            block_interval,
            rounds,
            sync_point,
            store,
            submit_to_final,
            blocks: enter(ours, "blocks", "Blocks that became final here", None),
            transactions: enter(ours, "transactions", "Transactions that became final here", None),
            answers: enter(ours, "api_answers", "Answers of the API by HTTP status", None),
            now: Gauges::new(ours),
            registry: Mutex::new(registry),
        }
    }

    /// Lets a library enter its own.
    pub fn enter_others<T>(&self, enter: impl FnOnce(&mut Registry) -> T) -> T {
        enter(&mut self.lock())
    }

    /// The API answered with this HTTP status.
    pub fn answered(&self, status: u16) {
        self.answers.get_or_create(&[("status", status.to_string())]).inc();
    }

    /// Everything as OpenMetrics text.
    pub fn text(&self, reading: &Reading) -> String {
        self.now.set(reading);
        let mut text = String::new();
        // Writing into a text cannot fail.
        _ = encode(&mut text, &self.lock());
        text
    }

    fn lock(&self) -> MutexGuard<'_, Registry> {
        self.registry.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Gauges {
    fn new(ours: &mut Registry) -> Self {
        Self {
            height: enter(ours, "height", "Last final height", None),
            round: enter(ours, "round", "Round of the height being decided", None),
            tip_age: enter(ours, "tip_age", "How long ago the time of the last final block is", Some(Unit::Seconds)),
            phase: enter(ours, "phase", "1 for what the node does now", None),
            voting: enter(ours, "voting", "1 if the node votes", None),
            validators: enter(ours, "validators", "Members of the set that decides", None),
            suspects: enter(ours, "suspects", "Members that lead more often than chance explains", None),
            barred: enter(ours, "barred", "Accounts barred for misbehaviour", None),
            queued: enter(ours, "queued_for_power", "Accounts whose stake waits to become power", None),
            supply: enter(ours, "supply", "All coins of the chain", Some(bcc())),
            treasury: enter(ours, "treasury", "What welcome grants can still take", Some(bcc())),
            burned: enter(ours, "burned", "Coins burned for misbehaviour", Some(bcc())),
            clocks_ahead: enter(
                ours,
                "clocks_ahead",
                "What the clocks of the other validators show beyond this one",
                Some(Unit::Seconds),
            ),
            pool_transactions: enter(ours, "pool_transactions", "Pooled transactions", None),
            pool_size: enter(ours, "pool", "Size of the pooled transactions", Some(Unit::Bytes)),
            peers: enter(ours, "peers", "Connected peers of the chain", None),
            received: enter(ours, "p2p_received", "From peers, through sockets", Some(Unit::Bytes)),
            sent: enter(ours, "p2p_sent", "To peers, through sockets", Some(Unit::Bytes)),
            waiting: enter(ours, "queue_waiting", "What waits in a queue", None),
            max: enter(ours, "queue_max", "What may wait in a queue", None),
            dropped: enter(ours, "queue_dropped", "What a queue refused or dropped", None),
            open_files: enter(ours, "process_open_files", "Open files and sockets", None),
            memory: enter(ours, "process_memory", "Resident memory", Some(Unit::Bytes)),
            cpu: enter(ours, "process_cpu", "Processor time of all threads", Some(Unit::Seconds)),
            disk: enter(ours, "disk", "Of the data folder", Some(Unit::Bytes)),
            disk_free: enter(ours, "disk_free", "Free where the data folder lies", Some(Unit::Bytes)),
        }
    }

    fn set(&self, reading: &Reading) {
        self.height.set(narrow(reading.height));
        self.round.set(narrow(reading.round));
        self.tip_age.set(reading.tip_age_ms as f64 / 1_000.0);
        for phase in PHASES {
            self.phase.get_or_create(&[("is", phase.into())]).set(i64::from(phase == reading.phase));
        }
        self.voting.set(i64::from(reading.voting));
        self.validators.set(narrow(reading.validators));
        self.suspects.set(narrow(reading.odd.suspects));
        self.barred.set(narrow(reading.odd.barred));
        self.queued.set(narrow(reading.odd.queued));
        self.supply.set(whole(reading.money.supply));
        self.treasury.set(whole(reading.money.treasury));
        self.burned.set(whole(reading.money.burned));
        self.clocks_ahead.set(reading.clocks_ahead_ms as f64 / 1_000.0);
        self.pool_transactions.set(narrow(reading.pool.0));
        self.pool_size.set(narrow(reading.pool.1));
        self.peers.set(narrow(reading.peers));
        raise(&self.received, reading.traffic.received_bytes);
        raise(&self.sent, reading.traffic.sent_bytes);
        for queue in &reading.queues {
            let label = [("queue", queue.name.clone())];
            self.waiting.get_or_create(&label).set(narrow(queue.waiting));
            self.max.get_or_create(&label).set(narrow(queue.max));
            raise(&self.dropped.get_or_create(&label), queue.dropped);
        }
        self.set_process(reading);
    }

    /// Values that the system does not report stay zero.
    fn set_process(&self, reading: &Reading) {
        let (process, disk) = (&reading.process, &reading.disk);
        self.open_files.set(narrow(process.open_files.unwrap_or(0)));
        self.memory.set(narrow(process.memory_bytes.unwrap_or(0)));
        let cpu = process.cpu_ms.unwrap_or(0) as f64 / 1_000.0;
        self.cpu.inc_by((cpu - self.cpu.get()).max(0.0));
        self.disk.set(narrow(disk.used_bytes.unwrap_or(0)));
        self.disk_free.set(narrow(disk.free_bytes.unwrap_or(0)));
    }
}

/// Enters a metric at zero.
fn enter<M: Metric + Clone + Default>(registry: &mut Registry, name: &str, help: &str, unit: Option<Unit>) -> M {
    let metric = M::default();
    match unit {
        Some(unit) => registry.register_with_unit(name, help, unit, metric.clone()),
        None => registry.register(name, help, metric.clone()),
    }
    metric
}

/// Counts up to this number.
fn raise(counter: &Counter, to: u64) {
    counter.inc_by(to.saturating_sub(counter.get()));
}

/// Unit of coins.
fn bcc() -> Unit {
    Unit::Other("bcc".into())
}

/// Micro-BCC as BCC: exact up to 2^53 of them.
fn whole(micros: u64) -> f64 {
    micros as f64 / MICROS_PER_BCC as f64
}

fn narrow(number: u64) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_carry_their_units_and_counters_only_rise() {
        let metrics = Metrics::new(7);
        metrics.block_interval.observe(0.25);
        metrics.answered(200);
        let queues = |dropped| vec![QueueView::new("engine_calls", 3, 256, dropped)];
        let money = Money { supply: 1_500_000, ..Money::default() };
        let reading = Reading { height: 5, phase: "deciding", money, queues: queues(9), ..Reading::default() };
        metrics.text(&reading);
        let text = metrics.text(&Reading { queues: queues(4), ..reading });
        for line in [
            "# UNIT blockchat_block_interval_seconds seconds",
            "blockchat_block_interval_seconds_count 1",
            "blockchat_height 5",
            "blockchat_phase{is=\"deciding\"} 1",
            "blockchat_phase{is=\"idle\"} 0",
            "blockchat_queue_waiting{queue=\"engine_calls\"} 3",
            "blockchat_queue_dropped_total{queue=\"engine_calls\"} 9",
            "blockchat_api_answers_total{status=\"200\"} 1",
            "blockchat_started_seconds 7",
            "# UNIT blockchat_supply_bcc bcc",
            "blockchat_supply_bcc 1.5",
            "# EOF",
        ] {
            assert!(text.lines().any(|found| found == line), "{line} is missing in\n{text}");
        }
    }
}
