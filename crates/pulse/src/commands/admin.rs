//! `pulse admin`.

use anyhow::{Context, anyhow, bail};
use pulse_contract::account::v1::{AccountRole, GrantRoleRequest, SearchAccountsRequest};
use pulse_drills::target_node::TargetNode;
use pulse_kernel::Cx;
use pulse_node::data_folder::DataFolder;
use pulse_node::{Node, NodeOptions};
use pulse_token::KeyRing;

use super::arguments::{GrantOperator, RotateKeys, require_data};
use super::show::print;

/// `pulse admin grant-operator`. Calls the node that uses the data folder, or opens the data when none does.
pub(super) async fn grant_operator(arguments: GrantOperator) -> anyhow::Result<()> {
    let config = arguments.node.quiet_config()?;
    if DataFolder::is_in_use(&config.node.data) {
        let node = TargetNode::new(config.node.listen, &config.node.data)?;
        let granted_by_node = node.grant_operator(&arguments.phone).await;
        let (name, account_id) = granted_by_node.with_context(|| {
            let (data, address) = (config.node.data.display(), config.node.listen);
            format!("the data folder {data} is in use, and its node was called at {address} (--listen)")
        })?;
        return print(&granted(&name, account_id));
    }
    require_data(&config)?;
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
    Ok(granted(&account.display_name, account.account_id))
}

fn granted(name: &str, account_id: i64) -> String {
    format!("{name} ({account_id}) is an operator. The role applies to all sessions of the account.")
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
