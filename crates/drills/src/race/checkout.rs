//! Race for the last units of a variant: every customer has a quote and places an order.

use std::time::Duration;

use serde_json::{Value, json};
use tokio::time::sleep;

use super::burst::{RaceRequest, send_at_once};
use super::outcome::{Answer, Outcome};
use crate::target_node::{TargetNode, number};

/// Number of customers per unit: a quarter of the orders can be placed.
const CUSTOMERS_PER_UNIT: usize = 4;
/// Poll interval while an order is in state PLACING.
const POLL_EVERY: Duration = Duration::from_millis(100);

pub(super) async fn last_units(node: &TargetNode, parallel: usize, is_single_packet: bool) -> anyhow::Result<Outcome> {
    let units = parallel.div_ceil(CUSTOMERS_PER_UNIT);
    let shop = node.open_shop(units).await?;
    let mut requests = Vec::with_capacity(parallel);
    for _ in 0..parallel {
        let token = node.customer_token();
        let quote = node.call("POST", "/v1/orders:quote", &token, &json!({ "draft": shop.draft() })).await?;
        let total = &quote["price"]["total_minor"];
        let body = json!({ "draft": shop.draft(), "expected_total_minor": total });
        requests.push(RaceRequest::call("/v1/orders", &token, &body));
    }
    let mut answers = send_at_once(node, requests, is_single_packet).await?;
    for answer in &mut answers {
        await_placement(node, answer).await?;
    }
    let mut outcome = Outcome::new("checkout", &answers);
    check(&mut outcome, &answers, units, shop.stock(node).await?);
    Ok(outcome)
}

/// Replaces the answer of an order in state PLACING by its final result. The node finishes every order within a timeout.
async fn await_placement(node: &TargetNode, answer: &mut Answer) -> anyhow::Result<()> {
    while answer.body["state"] == "ORDER_STATE_PLACING" {
        sleep(POLL_EVERY).await;
        let path = format!("/v1/orders/{}", number(&answer.body["order_id"])?);
        answer.body = node.call_as_operator("GET", &path, &Value::Null).await?;
    }
    if let Some(code) = answer.body["refusal_code"].as_str().filter(|code| !code.is_empty()) {
        *answer = Answer { status: 409, body: json!({ "code": code }) };
    }
    Ok(())
}

fn check(outcome: &mut Outcome, answers: &[Answer], units: usize, (on_hand, reserved): (i64, i64)) {
    let (placed, short) = (outcome.count("200"), outcome.count("409 ORDER_STOCK_SHORT"));
    let parallel = outcome.parallel;
    outcome
        .check(placed == units, format!("{parallel} concurrent orders for {units} units: {placed} orders were placed"));
    outcome.check(short == parallel - units, format!("{short} orders were refused with ORDER_STOCK_SHORT"));
    let orders: std::collections::BTreeSet<i64> = answers
        .iter()
        .filter(|answer| answer.status == 200)
        .filter_map(|answer| number(&answer.body["order_id"]).ok())
        .collect();
    outcome.check(orders.len() == placed, format!("the placed orders have {} different ids", orders.len()));
    let is_exact = i64::try_from(placed) == Ok(reserved) && i64::try_from(units) == Ok(on_hand);
    outcome.check(is_exact, format!("the stock has {on_hand} units on hand and {reserved} reserved"));
}
