//! `pulse admin`.

use anyhow::{anyhow, bail};
use pulse_contract::account::v1::{AccountRole, GrantRoleRequest, SearchAccountsRequest};
use pulse_kernel::Cx;
use pulse_node::{Node, NodeOptions};
use pulse_token::KeyRing;

use super::arguments::{GrantOperator, RotateKeys};
use super::show::print;

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
        bail!("no account has the phone number {phone}; sign up first, then run this command again");
    };
    let request =
        GrantRoleRequest { account_id: account.account_id, role: AccountRole::Operator.into(), shop_ids: Vec::new() };
    node.accounts().grant_role(&cx, request).await.map_err(|error| anyhow!(error.report()))?;
    Ok(format!("{} ({}) is an operator after the next sign-in.", account.display_name, account.account_id))
}

/// `pulse admin rotate-keys`. A running node reads the new key from the folder.
pub(super) fn rotate_keys(arguments: &RotateKeys) -> anyhow::Result<()> {
    let config = arguments.node.quiet_config()?;
    let folder = &config.node.data;
    if !folder.is_dir() {
        bail!("the data folder {} does not exist; set --data to the data folder of the node", folder.display());
    }
    let keys = KeyRing::open(&folder.join("keys"))?;
    let kid = keys.rotate()?;
    print(&format!("New tokens are signed with key {kid}; tokens of the previous key stay valid until they expire."))
}
