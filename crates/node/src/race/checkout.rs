//! The last units: everybody has seen the price and waits before the last step.

use serde_json::json;

use super::burst::{Shot, fire};
use super::{Answer, Outcome};
use crate::stage::{Stage, number};

/// A fourth of the customers can have one.
const CUSTOMERS_PER_UNIT: usize = 4;

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
    let answers = fire(stage, shots, is_packet).await?;
    let mut outcome = Outcome::new("checkout", &answers);
    judge(&mut outcome, &answers, units, shop.stock(stage).await?);
    Ok(outcome)
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
