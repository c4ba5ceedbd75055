//! `pulse admin`: what must be done before anybody can sign in as an operator, or while no node runs.

use anyhow::{anyhow, bail};
use pulse_contract::account::v1::{AccountRole, GrantRoleRequest, SearchAccountsRequest};
use pulse_kernel::Cx;
use pulse_token::KeyRing;

use super::arguments::{GrantOperator, RotateKeys};
use super::show::print;
use crate::node::{Node, NodeOptions};

/// `pulse admin grant-operator`.
pub(super) async fn grant_operator(arguments: GrantOperator) -> anyhow::Result<()> {
    let config = arguments.node.quiet_config()?;
    let telemetry = pulse_telemetry::init(&config.telemetry.telemetry())?;
    let node = Node::start(&config, NodeOptions::for_command()).await?;
    let outcome = grant(&node, &arguments.phone).await;
    node.stop().await;
    telemetry.shutdown().await;
    print(&outcome?)
}

async fn grant(node: &Node, phone: &str) -> anyhow::Result<String> {
    let cx = Cx::system("admin", node.clock.now());
    let request = SearchAccountsRequest { phone_digits: phone.to_owned(), page_size: 100, ..Default::default() };
    let found = node.accounts().search_accounts(&cx, request).await.map_err(|error| anyhow!(error.report()))?;
    let Some(account) = found.accounts.into_iter().find(|account| account.phone == phone) else {
        bail!("nobody has signed up with {phone}; sign up with the app first, then run this again");
    };
    let request =
        GrantRoleRequest { account_id: account.account_id, role: AccountRole::Operator.into(), shop_ids: Vec::new() };
    node.accounts().grant_role(&cx, request).await.map_err(|error| anyhow!(error.report()))?;
    Ok(format!("{} ({}) is an operator from the next sign-in on.", account.display_name, account.account_id))
}

/// `pulse admin rotate-keys`; a node that runs on the folder takes the new key up by itself.
pub(super) fn rotate_keys(arguments: &RotateKeys) -> anyhow::Result<()> {
    let config = arguments.node.quiet_config()?;
    let folder = &config.node.data;
    if !folder.is_dir() {
        bail!("there is no data folder {}; name the node's with --data", folder.display());
    }
    let keys = KeyRing::open(&folder.join("keys"))?;
    let kid = keys.rotate()?;
    print(&format!("New tokens are signed with key {kid}; tokens of the key before work until they expire."))
}
