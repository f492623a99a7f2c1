//! `status`: how the node is, on one screen.

use super::args::ApiArg;
use super::failure::Failure;
use super::home::Home;
use super::names::Names;
use super::node;
use super::output::{Format, age, amount, bcc, bytes, count, moment, pairs, table};
use super::peers;
use blockchat_client::shapes::{GrantsView, Phase, QueuedView, RulesView, StatusView, ValidatorView};

/// Asks the node.
pub(crate) async fn status(home: &Home, arg: &ApiArg, format: Format) -> Result<(), Failure> {
    let names = Names::of(home)?;
    let client = node::client(home, arg).await?;
    let status = client.status().await?;
    // A remark on the side: a node that cannot tell is shown all the same.
    let known = client.peers_known().await.unwrap_or_default();
    let peers = peers::count_of(status.peers, &known);
    format.print(&status, |status| shown(status, client.url(), &names, peers));
    Ok(())
}

fn shown(status: &StatusView, url: &str, names: &Names, peers: String) -> String {
    let role = match (&status.validator, status.voting) {
        (Some(own), true) => format!("validator {}, voting", names.show_long(own)),
        (Some(own), false) => format!("validator {}, not voting now", names.show_long(own)),
        (None, _) => "observer".into(),
    };
    let role = status.silence.iter().fold(role, |role, why| format!("{role}: {why}"));
    let block = match status.height.0 {
        0 => "none yet".into(),
        height => format!("{height}, {} ({})", age(status.tip_time), status.tip),
    };
    let clock = status.clock.clone().unwrap_or_else(|| "right, as far as blocks tell".into());
    let pool = format!("{}, {}", count(status.pool_transactions, "transaction"), count(status.pool_bytes, "byte"));
    let head = pairs(&[
        ("chain", status.chain.clone()),
        ("doing", doing(status, names)),
        ("block", block),
        ("role", role),
        ("peers", peers),
        ("traffic", format!("{} in, {} out", bytes(status.traffic.received_bytes), bytes(status.traffic.sent_bytes))),
        ("clock", clock),
        ("pool", pool),
        ("supply", supply(status)),
        ("treasury", status.grants.as_ref().map(grants).unwrap_or_default()),
        ("api", url.into()),
        ("peer id", status.peer_id.clone()),
        ("listens", status.listen.join(" ")),
        ("rules", rules(&status.rules)),
        ("running", format!("version {} since {}", status.version, moment(status.started))),
    ]);
    let mut rows: Vec<_> = status.validators.iter().map(|member| row(member, status, names)).collect();
    // By name, id2 before id10.
    rows.sort_by(|a, b| (a[0].len(), &a[0]).cmp(&(b[0].len(), &b[0])));
    let set = table(&["validator", "power", "share", "led", ""], &[1, 2, 3], rows);
    format!("{head}\n{set}{}{}", queue(status, names), barred(status, names))
}

/// All coins there are, and what burned.
fn supply(status: &StatusView) -> String {
    let burned = (!status.burned.is_zero()).then(|| format!("; {} burned", bcc(status.burned)));
    bcc(status.supply) + &burned.unwrap_or_default()
}

/// The treasury's remaining coins for newcomers, and the current price of a grant.
fn grants(grants: &GrantsView) -> String {
    let GrantsView { treasury, grant, tries, room, again, closed, .. } = grants;
    let price = match (closed, tries) {
        (Some(why), _) => why.clone(),
        (None, Some(tries)) => format!(
            "{} for about {tries} hashes with `wallet claim`; {} more until {}",
            bcc(*grant),
            bcc(*room),
            moment(*again)
        ),
        (None, None) => String::new(),
    };
    format!("{}; {price}", bcc(*treasury))
}

/// Stake that waits for power, with the time at which it counts.
fn queue(status: &StatusView, names: &Names) -> String {
    if status.queue.is_empty() {
        return String::new();
    }
    let row = |one: &QueuedView| vec![names.show(&one.address), amount(one.waiting), moment(one.done_at)];
    let rows = status.queue.iter().map(row).collect();
    format!("\n\n{}", table(&["waits for power", "stake", "complete at the earliest"], &[1], rows))
}

/// Barred accounts.
fn barred(status: &StatusView, names: &Names) -> String {
    if status.barred.is_empty() {
        return String::new();
    }
    let who: Vec<_> = status.barred.iter().map(|address| names.show(address)).collect();
    format!("\n\nbarred for contradicting themselves: {}", who.join(", "))
}

/// The version in force, and what follows.
fn rules(rules: &RulesView) -> String {
    let RulesView { version, known, next_begins } = *rules;
    let next = version.next();
    let update = if next > known { "; update this program before" } else { "" };
    let next = next_begins.map(|height| format!("; version {next} begins at height {height}{update}"));
    format!("version {version}, known up to {known}{}", next.unwrap_or_default())
}

/// The node's activity, as a sentence.
fn doing(status: &StatusView, names: &Names) -> String {
    match &status.phase {
        Phase::Idle | Phase::Deciding if !status.at_tip && status.peers == 0 => {
            format!("without peers: nobody says whether block {} is the newest", status.height)
        }
        Phase::Idle if !status.at_tip => {
            format!("starting: at block {}, not yet known to be the newest", status.height)
        }
        Phase::Idle => "at the tip, waiting for transactions".into(),
        Phase::Deciding => {
            let since = status.undecided_since.map(|since| format!(", begun {}", age(since)));
            format!("deciding block {} in round {}{}", status.height.next(), status.round, since.unwrap_or_default())
        }
        Phase::CatchingUp { target } => format!("catching up: at block {} of {target}", status.height),
        Phase::UpdateNeeded { version, known } => format!(
            "standing still: version {version} of the rules is in force at height {}, this program knows {known}; update it",
            status.height.next()
        ),
        Phase::WaitingForStake { online_percent, missing } => {
            let missing: Vec<_> = missing.iter().map(|address| names.show(address)).collect();
            format!("waiting for stake: {online_percent} % of 66.7 % online: {} missing", missing.join(", "))
        }
        Phase::Unknown => "something that this version of the program does not know".into(),
    }
}

fn row(member: &ValidatorView, status: &StatusView, names: &Names) -> Vec<String> {
    let total: u128 = status.validators.iter().map(|one| u128::from(one.stake.micros())).sum();
    let tenths = u128::from(member.stake.micros()) * 1_000 / total.max(1);
    let missing = matches!(&status.phase, Phase::WaitingForStake { missing, .. } if missing.contains(&member.address));
    let leads = status.leaders.iter().find(|one| one.address == member.address);
    let led = leads.map(|one| format!("{} of {}", one.led, one.blocks)).unwrap_or_default();
    let suspect = leads.filter(|one| one.suspect).map(|one| format!("leads too often: chance {}", one.chance));
    let remark = match () {
        () if missing => "missing",
        () if status.silent.contains(&member.address) => "silent",
        () if status.leader == Some(member.address) => "leads",
        () => "",
    };
    let share = format!("{}.{} %", tenths / 10, tenths % 10);
    let remark = [Some(remark.to_owned()), suspect].into_iter().flatten().filter(|one| !one.is_empty());
    let remark = remark.collect::<Vec<_>>().join("; ");
    vec![names.show(&member.address), amount(member.stake), share, led, remark]
}
