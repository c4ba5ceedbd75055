//! Crash test of orders: customers place and cancel orders while the node is killed.
//!
//! Each request has its own idempotency key. After a kill, `pulse verify` checks the journals; then the node starts again,
//! and every unanswered request is sent again with its key. In the end, the answers that customers got must agree with the
//! stock.

use anyhow::ensure;
use pulse_bench::Progress;
use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};
use serde_json::json;

use super::after_crash;
use super::customers::Customers;
use super::node_process::NodeProcess;
use super::plan::{Plan, Report, UNITS_PER_ROUND};
use crate::target_node::{TargetNode, TargetShop};

/// Maximum number of answers before a kill.
const ANSWERS_MAX: usize = 300;

/// Runs the test.
pub(super) async fn run(plan: &Plan) -> anyhow::Result<Report> {
    let mut random = StdRng::seed_from_u64(plan.seed);
    let mut report = Report::default();
    let progress = Progress::on_stderr("kills", u64::from(plan.rounds));
    let mut process = NodeProcess::start(plan).await?;
    let mut node = TargetNode::new(process.address(), &plan.data)?;
    let shop = open_shop(&node).await?;
    let mut customers = Customers::new(plan.customers, &node);
    for _ in 0..plan.rounds {
        shop.replenish(&node, UNITS_PER_ROUND).await?;
        let answers = random.random_range(0..ANSWERS_MAX);
        customers.send_until_killed(&node, &shop, answers, &mut process).await?;
        report.kills += 1;
        after_crash::verify(plan, &mut report).await?;
        process = NodeProcess::start(plan).await?;
        node = node.moved_to(process.address());
        report.repeated += customers.retry_unanswered(&node).await?;
        progress.step();
    }
    progress.finish();
    customers.check_orders(&node, &mut report).await?;
    process.kill().await?;
    after_crash::verify(plan, &mut report).await?;
    let process = NodeProcess::start(plan).await?;
    let node = node.moved_to(process.address());
    compare_with_stock(&customers, &shop, &node, plan.rounds, &mut report).await?;
    process.kill().await?;
    Ok(report)
}

/// Opens a shop that accepts cash. Cash orders take their units from the stock immediately.
async fn open_shop(node: &TargetNode) -> anyhow::Result<TargetShop> {
    let shop = node.open_shop(0).await?;
    let terms = json!({ "is_cash_accepted": true });
    node.call_as_operator("PUT", &format!("/v1/shops/{}/terms", shop.shop_id), &terms).await?;
    Ok(shop)
}

/// Compares the orders that customers know with the stock.
async fn compare_with_stock(
    customers: &Customers,
    shop: &TargetShop,
    node: &TargetNode,
    rounds: u32,
    report: &mut Report,
) -> anyhow::Result<()> {
    report.placed = customers.placed();
    report.cancelled = customers.cancelled();
    report.refused = customers.refused();
    report.violations.extend(customers.unexpected_answers());
    let (on_hand, reserved) = shop.stock(node).await?;
    let arrived = i64::from(rounds).saturating_mul(i64::try_from(UNITS_PER_ROUND)?);
    let gone = arrived - (on_hand - reserved);
    let live = i64::try_from(report.placed - report.cancelled)?;
    ensure!(arrived > 0, "the shop received no units");
    if gone != live {
        report.violations.push(format!(
            "customers have {live} orders, but {gone} of {arrived} units have left the stock \
             ({on_hand} on hand, {reserved} reserved)"
        ));
    }
    Ok(())
}
