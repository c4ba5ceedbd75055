//! Flash sales: the last units, and one buyer who asks many times at once.

use std::collections::BTreeSet;

use serde_json::json;

use super::burst::{Shot, fire};
use super::{Answer, Outcome};
use crate::stage::{Stage, number};

/// A fourth of the buyers can have one.
const BUYERS_PER_UNIT: usize = 4;

/// Both races.
pub(super) async fn all(stage: &Stage, parallel: usize, is_packet: bool) -> anyhow::Result<Vec<Outcome>> {
    Ok(vec![last_units(stage, parallel, is_packet).await?, one_buyer(stage, parallel, is_packet).await?])
}

async fn last_units(stage: &Stage, parallel: usize, is_packet: bool) -> anyhow::Result<Outcome> {
    let units = parallel.div_ceil(BUYERS_PER_UNIT);
    let shop = stage.shop(units).await?;
    let sale = shop.open_sale(stage, units).await?;
    let (mut tokens, mut shots) = (Vec::with_capacity(parallel), Vec::with_capacity(parallel));
    for _ in 0..parallel {
        let token = stage.customer();
        let ticket = sale.ticket(stage, &token).await?;
        shots.push(Shot::call(&sale.admissions(), &token, &ticket));
        tokens.push(token);
    }
    let answers = fire(stage, shots, is_packet).await?;
    let mut outcome = Outcome::new("sale-last-units", &answers);
    let (admitted, sold_out) = (outcome.count("200"), outcome.count("409 SALE_SOLD_OUT"));
    outcome.expect(
        admitted == units,
        format!("{parallel} buyers asked for {units} units at the same moment: {admitted} were admitted"),
    );
    outcome.expect(sold_out == parallel - units, format!("{sold_out} buyers were told that nothing is left"));
    let orders = orders_of(&answers);
    outcome.expect(orders.len() == admitted, format!("the admissions have {} different orders", orders.len()));
    let mut placed = 0;
    for (token, answer) in tokens.iter().zip(&answers) {
        if answer.status == 200 {
            let result = sale.result(stage, token).await?;
            let is_same = result["admission"]["order_id"] == answer.body["order_id"];
            placed += usize::from(is_same && result["state"] == "RESULT_STATE_PLACED");
        }
    }
    outcome.expect(placed == admitted, format!("{placed} of {admitted} admissions became the order that was promised"));
    let (free, count) = sale.standing(stage).await?;
    let is_exact = free == 0 && usize::try_from(count)? == units;
    outcome.expect(is_exact, format!("the sale says {count} admissions and {free} free"));
    Ok(outcome)
}

async fn one_buyer(stage: &Stage, parallel: usize, is_packet: bool) -> anyhow::Result<Outcome> {
    let shop = stage.shop(parallel).await?;
    let sale = shop.open_sale(stage, parallel).await?;
    let token = stage.customer();
    let ticket = sale.ticket(stage, &token).await?;
    let shots = (0..parallel).map(|_| Shot::call(&sale.admissions(), &token, &ticket)).collect();
    let answers = fire(stage, shots, is_packet).await?;
    let mut outcome = Outcome::new("sale-one-buyer", &answers);
    let first =
        answers.iter().filter(|answer| answer.status == 200 && answer.body["is_repeated"] != json!(true)).count();
    outcome.expect(
        first == 1,
        format!("one buyer asked {parallel} times at the same moment, with one ticket: {first} was an admission"),
    );
    let (used, too_fast) = (outcome.count("409 SALE_TICKET_USED"), outcome.count("429 SALE_TOO_FAST"));
    outcome.expect(
        used + too_fast == parallel - 1,
        format!("{used} were told that the ticket is used, and {too_fast} that it was too fast"),
    );
    let orders = orders_of(&answers);
    outcome.expect(orders.len() == 1, format!("they heard of {} order", orders.len()));
    let (free, count) = sale.standing(stage).await?;
    let is_exact = count == 1 && usize::try_from(free)? == parallel - 1;
    outcome.expect(is_exact, format!("the sale says {count} admission and {free} free of {parallel}"));
    Ok(outcome)
}

/// The orders that admissions were promised.
fn orders_of(answers: &[Answer]) -> BTreeSet<i64> {
    let admitted = answers.iter().filter(|answer| answer.status == 200);
    admitted.filter_map(|answer| number(&answer.body["order_id"]).ok()).collect()
}
