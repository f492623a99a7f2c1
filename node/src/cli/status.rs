//! `status`: how the node is, on one screen.

use super::args::ApiArg;
use super::failure::Failure;
use super::home::Home;
use super::names::Names;
use super::node;
use super::output::{Format, age, amount, bcc, bytes, count, moment, pairs, table};
use blockchat_client::shapes::{Phase, RulesView, StatusView, ValidatorView};

/// Asks the node.
pub(crate) async fn status(home: &Home, arg: &ApiArg, format: Format) -> Result<(), Failure> {
    let names = Names::of(home)?;
    let client = node::client(home, arg)?;
    let status = client.status().await?;
    format.print(&status, |status| shown(status, client.url(), &names));
    Ok(())
}

fn shown(status: &StatusView, url: &str, names: &Names) -> String {
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
    let pool = format!("{}, {}", count(status.pool_transactions, "transaction"), count(status.pool_bytes, "byte"));
    let head = pairs(&[
        ("chain", status.chain.clone()),
        ("doing", doing(status, names)),
        ("block", block),
        ("role", role),
        ("peers", status.peers.to_string()),
        ("traffic", format!("{} in, {} out", bytes(status.traffic.received_bytes), bytes(status.traffic.sent_bytes))),
        ("pool", pool),
        ("supply", bcc(status.supply)),
        ("api", url.into()),
        ("peer id", status.peer_id.clone()),
        ("listens", status.listen.join(" ")),
        ("rules", rules(&status.rules)),
        ("running", format!("version {} since {}", status.version, moment(status.started))),
    ]);
    let mut rows: Vec<_> = status.validators.iter().map(|member| row(member, status, names)).collect();
    // By name, id2 before id10.
    rows.sort_by(|a, b| (a[0].len(), &a[0]).cmp(&(b[0].len(), &b[0])));
    format!("{head}\n{}", table(&["validator", "stake", "share", ""], &[1, 2], rows))
}

/// The version in force, and what follows.
fn rules(rules: &RulesView) -> String {
    let RulesView { version, known, next_begins } = *rules;
    let next = version.next();
    let update = if next > known { "; update this program before" } else { "" };
    let next = next_begins.map(|height| format!("; version {next} begins at height {height}{update}"));
    format!("version {version}, known up to {known}{}", next.unwrap_or_default())
}

/// What the node does now, as a sentence.
fn doing(status: &StatusView, names: &Names) -> String {
    match &status.phase {
        Phase::Idle => "at the tip, waiting for transactions".into(),
        Phase::Deciding => format!("deciding block {} in round {}", status.height.next(), status.round),
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
    let remark = match () {
        () if missing => "missing",
        () if status.leader == Some(member.address) => "leads",
        () => "",
    };
    let share = format!("{}.{} %", tenths / 10, tenths % 10);
    vec![names.show(&member.address), amount(member.stake), share, remark.into()]
}
