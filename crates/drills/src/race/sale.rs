//! Races of flash sales: for the last units, and of one buyer who sends many requests with one ticket.

use std::collections::BTreeSet;

use serde_json::json;

use super::burst::{RaceRequest, send_at_once};
use super::outcome::{Answer, Outcome};
use crate::target_node::{TargetNode, number};

/// Number of buyers per unit: a quarter of them can be admitted.
const BUYERS_PER_UNIT: usize = 4;

/// Runs both races.
pub(super) async fn all(node: &TargetNode, parallel: usize, is_single_packet: bool) -> anyhow::Result<Vec<Outcome>> {
    Ok(vec![last_units(node, parallel, is_single_packet).await?, one_buyer(node, parallel, is_single_packet).await?])
}

async fn last_units(node: &TargetNode, parallel: usize, is_single_packet: bool) -> anyhow::Result<Outcome> {
    let units = parallel.div_ceil(BUYERS_PER_UNIT);
    let shop = node.open_shop(units).await?;
    let sale = shop.open_sale(node, units).await?;
    let (mut tokens, mut requests) = (Vec::with_capacity(parallel), Vec::with_capacity(parallel));
    for _ in 0..parallel {
        let token = node.customer_token();
        let ticket = sale.admission_body(node, &token).await?;
        requests.push(RaceRequest::call(&sale.admissions_path(), &token, &ticket));
        tokens.push(token);
    }
    let answers = send_at_once(node, requests, is_single_packet).await?;
    let mut outcome = Outcome::new("sale-last-units", &answers);
    let (admitted, sold_out) = (outcome.count("200"), outcome.count("409 SALE_SOLD_OUT"));
    outcome.check(
        admitted == units,
        format!("{parallel} concurrent admission requests for {units} units: {admitted} were admitted"),
    );
    outcome.check(sold_out == parallel - units, format!("{sold_out} requests were refused with SALE_SOLD_OUT"));
    let orders = orders_of(&answers);
    outcome.check(orders.len() == admitted, format!("the admissions have {} different order ids", orders.len()));
    let mut placed = 0;
    for (token, answer) in tokens.iter().zip(&answers) {
        if answer.status == 200 {
            let result = sale.result(node, token).await?;
            let is_same = result["admission"]["order_id"] == answer.body["order_id"];
            placed += usize::from(is_same && result["state"] == "RESULT_STATE_PLACED");
        }
    }
    outcome
        .check(placed == admitted, format!("{placed} of {admitted} admissions became the order with the promised id"));
    let (free, count) = sale.counts(node).await?;
    let is_exact = free == 0 && usize::try_from(count)? == units;
    outcome.check(is_exact, format!("the sale has {count} admissions and {free} free units"));
    Ok(outcome)
}

async fn one_buyer(node: &TargetNode, parallel: usize, is_single_packet: bool) -> anyhow::Result<Outcome> {
    let shop = node.open_shop(parallel).await?;
    let sale = shop.open_sale(node, parallel).await?;
    let token = node.customer_token();
    let ticket = sale.admission_body(node, &token).await?;
    let requests = (0..parallel).map(|_| RaceRequest::call(&sale.admissions_path(), &token, &ticket)).collect();
    let answers = send_at_once(node, requests, is_single_packet).await?;
    let mut outcome = Outcome::new("sale-one-buyer", &answers);
    let first =
        answers.iter().filter(|answer| answer.status == 200 && answer.body["is_repeated"] != json!(true)).count();
    outcome.check(first == 1, format!("{parallel} concurrent requests with one ticket: {first} was an admission"));
    let (used, too_fast) = (outcome.count("409 SALE_TICKET_USED"), outcome.count("429 SALE_TOO_FAST"));
    outcome.check(
        used + too_fast == parallel - 1,
        format!("{used} were refused with SALE_TICKET_USED and {too_fast} with SALE_TOO_FAST"),
    );
    let orders = orders_of(&answers);
    outcome.check(orders.len() == 1, format!("the answers name {} order", orders.len()));
    let (free, count) = sale.counts(node).await?;
    let is_exact = count == 1 && usize::try_from(free)? == parallel - 1;
    outcome.check(is_exact, format!("the sale has {count} admission and {free} of {parallel} units free"));
    Ok(outcome)
}

/// Order ids of the admissions.
fn orders_of(answers: &[Answer]) -> BTreeSet<i64> {
    let admitted = answers.iter().filter(|answer| answer.status == 200);
    admitted.filter_map(|answer| number(&answer.body["order_id"]).ok()).collect()
}
