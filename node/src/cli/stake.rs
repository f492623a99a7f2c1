//! `stake`: the stake of a key, with a warning where it would harm the chain or its owner.

use super::args::StakeArgs;
use super::failure::Failure;
use super::home::Home;
use super::names::Names;
use super::node;
use super::output::{Format, bcc, note, pairs, say};
use super::passphrase::Keyring;
use super::submit::{self, HandedIn, Order, place};
use crate::wallet::keystore;
use blockchat_client::shapes::{AccountView, StatusView};
use blockchat_proto::coins::{Coins, Stake, is_honest_share};
use blockchat_proto::keys::Address;
use blockchat_proto::transaction::Body;
use serde::Serialize;

/// The change that was requested.
#[derive(Clone, Debug, Serialize)]
struct Staked {
    account: Address,
    before: Coins,
    stake: Coins,
    warnings: Vec<String>,
    #[serde(flatten)]
    submitted: HandedIn,
}

/// Signs, hands in, waits for finality.
pub(crate) async fn stake(home: &Home, args: StakeArgs, format: Format, keys: &mut Keyring) -> Result<(), Failure> {
    let (client, genesis, status) = node::chain(home, &args.api).await?;
    let key = keys.signer(home, &args.key)?;
    let own = key.signer.address();
    let account = client.account(&own).await?;
    let validator = keystore::address_of(&home.validator_path()?).ok().flatten();
    let warnings = warnings(own, args.amount, validator, &status);
    if format == Format::Table {
        warnings.iter().for_each(|warning| note(&format!("warning: {warning}")));
    }
    let body = Body::Stake { amount: args.amount };
    let order = Order::plain(&client, &genesis, &key, &body)?;
    let submitted = submit::submit(&order).await?;
    let mut staked = Staked { account: own, before: account.stake, stake: args.amount, warnings, submitted };
    let names = Names::of(home)?;
    if format == Format::Table {
        say(&head(&staked, &names, &account));
    }
    submit::wait_final(&client, &mut staked.submitted, &args.wait, &names, format).await?;
    format.print(&staked, |staked| pairs(&[("state  ", place(&staked.submitted))]));
    Ok(())
}

fn warnings(own: Address, stake: Coins, validator: Option<Address>, status: &StatusView) -> Vec<String> {
    let mut warnings = Vec::new();
    if !stake.is_zero() && validator != Some(own) && status.validator != Some(own) {
        warnings.push(
            "no node stands behind this key: the stake takes effect only once a node runs with it as its \
             keys/validator.pem"
                .into(),
        );
    }
    let others = status.validators.iter().filter(|member| member.address != own);
    let others = others.fold(Stake::default(), |sum, member| sum.plus(member.stake.into()));
    if others != Stake::default() && is_honest_share(stake.into(), others.plus(stake.into())) {
        warnings.push(
            "this is more than a third of the total stake: while this node is down, the whole chain stops".into(),
        );
    }
    warnings
}

fn head(staked: &Staked, names: &Names, account: &AccountView) -> String {
    let lowered = staked.before.checked_sub(staked.stake).filter(|less| !less.is_zero());
    let back = lowered.map(|less| format!("{} return to the balance after the unbonding time", bcc(less)));
    pairs(&[
        ("account", names.show_long(&staked.account)),
        ("stake", format!("{} instead of {}", bcc(staked.stake), bcc(account.stake))),
        ("", back.unwrap_or_default()),
        ("fee", bcc(staked.submitted.fee)),
        ("id", staked.submitted.id.to_string()),
    ])
}

#[cfg(test)]
mod tests {
    use super::*;
    use blockchat_client::shapes::{Phase, RulesView, TrafficView, ValidatorView};
    use blockchat_proto::hash::Hash32;
    use blockchat_proto::units::{Height, Round, RulesVersion, UnixMillis};

    fn status(stakes: &[u64]) -> StatusView {
        let member = |(n, stake): (usize, &u64)| ValidatorView {
            address: Address([u8::try_from(n).unwrap(); 32]),
            stake: Coins::from_bcc(*stake),
        };
        StatusView {
            chain: "test".into(),
            genesis_hash: Hash32::ZERO,
            version: String::new(),
            sources: String::new(),
            peer_id: String::new(),
            listen: vec![],
            validator: None,
            height: Height(1),
            tip: Hash32::ZERO,
            state_root: Hash32::ZERO,
            tip_time: UnixMillis(0),
            supply: Coins::ZERO,
            burned: Coins::ZERO,
            phase: Phase::Idle,
            rules: RulesView { version: RulesVersion(1), known: RulesVersion(1), next_begins: None },
            round: Round(0),
            leader: None,
            voting: true,
            silence: None,
            key_elsewhere: false,
            clock: None,
            at_tip: false,
            undecided_since: None,
            silent: vec![],
            peers: 0,
            pool_transactions: 0,
            pool_bytes: 0,
            validators: stakes.iter().enumerate().map(member).collect(),
            leaders: vec![],
            queue: vec![],
            barred: vec![],
            grants: None,
            started: UnixMillis(0),
            traffic: TrafficView::default(),
        }
    }

    #[test]
    fn a_key_without_a_node_is_warned_about_unless_it_leaves() {
        let own = Address([9; 32]);
        let bcc = Coins::from_bcc;
        assert_eq!(warnings(own, bcc(1), None, &status(&[10, 10, 10])).len(), 1);
        assert_eq!(warnings(own, bcc(1), Some(own), &status(&[10, 10, 10])).len(), 0);
        assert_eq!(warnings(own, Coins::ZERO, None, &status(&[10, 10, 10])).len(), 0);
    }

    #[test]
    fn more_than_a_third_of_all_stakes_is_warned_about() {
        let own = Address([0; 32]);
        let warned = |stake| warnings(own, Coins::from_bcc(stake), Some(own), &status(&[10, 10, 10])).len();
        assert_eq!(warned(10), 0, "10 of 30 is a third, not more");
        assert_eq!(warned(11), 1);
        assert_eq!(warnings(own, Coins::from_bcc(5), Some(own), &status(&[10])).len(), 0, "alone anyway");
    }
}
