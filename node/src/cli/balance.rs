//! `balance`: what an account has, final and pending.

use super::args::BalanceArgs;
use super::failure::Failure;
use super::home::Home;
use super::names::Names;
use super::node;
use super::output::{Format, bcc, pairs};
use super::submit::how_to_get_coins;
use blockchat_client::shapes::{AccountView, Standing};

/// Asks the node.
pub(crate) async fn balance(home: &Home, args: BalanceArgs, format: Format) -> Result<(), Failure> {
    let names = Names::of(home)?;
    let address = names.account(args.account.as_deref())?;
    let account = node::client(home, &args.api).await?.account(&address).await?;
    let grants = home.genesis()?.is_some_and(|genesis| genesis.least_work().is_some());
    format.print(&account, |account| shown(account, &names, grants));
    Ok(())
}

/// One account for a person; what is nothing is left out.
///
/// `grants`: the chain has a treasury for welcome grants.
pub(crate) fn shown(account: &AccountView, names: &Names, grants: bool) -> String {
    let some = |wanted: bool, text: String| if wanted { text } else { String::new() };
    let is_new = account.balance.is_zero() && account.stake.is_zero() && account.pending_nonce == 0;
    let pending = account.pending_balance != account.balance;
    let is_validator = !account.stake.is_zero() || account.standing != Standing::Inactive;
    let unbonding: Vec<_> = account
        .unbonding
        .iter()
        .map(|part| format!("{} on {}", bcc(part.amount), super::output::moment(part.release)))
        .collect();
    let name = names.name(&account.address).map(str::to_owned).unwrap_or_default();
    pairs(&[
        ("name", name),
        ("address", account.address.to_string()),
        ("balance", format!("{}, final at block {}", bcc(account.balance), account.height)),
        ("pending", some(pending, format!("{} once its pooled transactions are final", bcc(account.pending_balance)))),
        ("stake", some(is_validator, format!("{}, {}", bcc(account.stake), account.standing.as_str()))),
        ("returns", unbonding.join("; ")),
        ("next", some(is_new, how_to_get_coins(account, grants))),
    ])
}
