//! The last units: everybody has seen the price and waits before the last step.

use std::time::Duration;

use serde_json::{Value, json};
use tokio::time::sleep;

use super::burst::{Shot, fire};
use super::{Answer, Outcome};
use crate::stage::{Stage, number};

/// A fourth of the customers can have one.
const CUSTOMERS_PER_UNIT: usize = 4;
/// How often it is looked what has become of an order.
const LOOK_EVERY: Duration = Duration::from_millis(100);

pub(super) async fn last_units(stage: &Stage, parallel: usize, is_packet: bool) -> anyhow::Result<Outcome> {
    let units = parallel.div_ceil(CUSTOMERS_PER_UNIT);
    let shop = stage.shop(units).await?;
    let mut shots = Vec::with_capacity(parallel);
    for _ in 0..parallel {
        let token = stage.customer();
        let quote = stage.call("POST", "/v1/orders:quote", &token, &json!({ "draft": shop.draft() })).await?;
        let total = &quote["price"]["total_minor"];
        let body = json!({ "draft": shop.draft(), "expected_total_minor": total });
        shots.push(Shot::call("/v1/orders", &token, &body));
    }
    let mut answers = fire(stage, shots, is_packet).await?;
    for answer in &mut answers {
        follow(stage, answer).await?;
    }
    let mut outcome = Outcome::new("checkout", &answers);
    judge(&mut outcome, &answers, units, shop.stock(stage).await?);
    Ok(outcome)
}

/// An order that is placed after its answer: what becomes of it is what counts. The node ends every one in time.
async fn follow(stage: &Stage, answer: &mut Answer) -> anyhow::Result<()> {
    while answer.body["state"] == "ORDER_STATE_PLACING" {
        sleep(LOOK_EVERY).await;
        let path = format!("/v1/orders/{}", number(&answer.body["order_id"])?);
        answer.body = stage.operate("GET", &path, &Value::Null).await?;
    }
    if let Some(code) = answer.body["refusal_code"].as_str().filter(|code| !code.is_empty()) {
        *answer = Answer { status: 409, body: json!({ "code": code }) };
    }
    Ok(())
}

fn judge(outcome: &mut Outcome, answers: &[Answer], units: usize, (on_hand, reserved): (i64, i64)) {
    let (placed, short) = (outcome.count("200"), outcome.count("409 ORDER_STOCK_SHORT"));
    let parallel = outcome.parallel;
    outcome.expect(
        placed == units,
        format!("{parallel} customers ordered {units} units at the same moment: {placed} orders were placed"),
    );
    outcome.expect(short == parallel - units, format!("{short} customers were told that there is not enough"));
    let orders: std::collections::BTreeSet<i64> = answers
        .iter()
        .filter(|answer| answer.status == 200)
        .filter_map(|answer| number(&answer.body["order_id"]).ok())
        .collect();
    outcome.expect(orders.len() == placed, format!("the placed orders have {} different numbers", orders.len()));
    let is_exact = i64::try_from(placed) == Ok(reserved) && i64::try_from(units) == Ok(on_hand);
    outcome.expect(is_exact, format!("the stock says {on_hand} on hand and {reserved} reserved"));
}
