//! Flash sales: the last units, and one buyer who asks many times at once.

use std::collections::BTreeSet;
use std::time::Duration;

use pulse_kernel::{Clock, Timestamp};
use serde_json::{Value, json};

use super::burst::{Shot, fire};
use super::stage::{RaceShop, Stage, number};
use super::{Answer, Outcome};

/// A fourth of the buyers can have one.
const BUYERS_PER_UNIT: usize = 4;
/// How long a sale lasts, and how long its orders wait for their money.
const LONG: Duration = Duration::from_secs(86_400);
/// How long one request for a result waits, in milliseconds.
const RESULT_WAIT_MS: u32 = 20_000;

/// A sale that is open.
#[derive(Clone, Copy)]
pub(crate) struct RaceSale {
    pub(crate) shop_id: i64,
    pub(crate) sale_id: i64,
}

impl RaceSale {
    /// A sale of so many of the units of a shop.
    pub(crate) async fn open(stage: &Stage, shop: &RaceShop, units: usize) -> anyhow::Result<Self> {
        let RaceShop { shop_id, product_id, variant_id } = shop;
        let at = |at: Timestamp| json!(pulse_contract::Timestamp::from(at));
        let now = Clock::system().now();
        let draft = json!({
            "name": "Rush",
            "item": { "product_id": product_id.to_string(), "variant_id": variant_id.to_string() },
            "price": { "minor": "100", "currency": "CNY" },
            "units": units.to_string(),
            "per_buyer_limit": 1,
            "starts_at": at(now),
            "ends_at": at(now.plus(LONG)),
            "pay_within_s": LONG.as_secs(),
        });
        let sale = stage.operate("POST", &format!("/v1/shops/{shop_id}/sales"), &draft).await?;
        let sale_id = number(&sale["sale_id"])?;
        stage.operate("POST", &format!("/v1/shops/{shop_id}/sales/{sale_id}:schedule"), &json!({})).await?;
        Ok(Self { shop_id: *shop_id, sale_id })
    }

    /// Free units and admissions so far.
    pub(crate) async fn standing(self, stage: &Stage) -> anyhow::Result<(i64, i64)> {
        let sale = stage.operate("GET", &format!("/v1/sales/{}", self.sale_id), &Value::Null).await?;
        Ok((number(&sale["free_units"])?, number(&sale["admission_count"])?))
    }

    /// Where tickets are taken.
    pub(crate) fn tickets(self) -> String {
        format!("/v1/sales/{}/tickets", self.sale_id)
    }

    /// Where buyers ask to be admitted.
    pub(crate) fn admissions(self) -> String {
        format!("/v1/sales/{}/admissions", self.sale_id)
    }

    /// What somebody sends to be admitted: a ticket of their own.
    async fn ticket(self, stage: &Stage, token: &str) -> anyhow::Result<Value> {
        let ticket = stage.call("POST", &self.tickets(), token, &json!({})).await?;
        Ok(json!({ "ticket": ticket["ticket"] }))
    }

    /// What became of somebody's admission, once it has an end.
    async fn result(self, stage: &Stage, token: &str) -> anyhow::Result<Value> {
        let path = format!("/v1/sales/{}/result?wait_ms={RESULT_WAIT_MS}", self.sale_id);
        stage.call("GET", &path, token, &Value::Null).await
    }
}

/// Both races.
pub(super) async fn all(stage: &Stage, parallel: usize, is_packet: bool) -> anyhow::Result<Vec<Outcome>> {
    Ok(vec![last_units(stage, parallel, is_packet).await?, one_buyer(stage, parallel, is_packet).await?])
}

async fn last_units(stage: &Stage, parallel: usize, is_packet: bool) -> anyhow::Result<Outcome> {
    let units = parallel.div_ceil(BUYERS_PER_UNIT);
    let shop = stage.shop(units).await?;
    let sale = RaceSale::open(stage, &shop, units).await?;
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
    let sale = RaceSale::open(stage, &shop, parallel).await?;
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
