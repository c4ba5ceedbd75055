//! What races of payments need: orders that wait for their money, the word of the provider, and what all of it came to.

use std::time::Duration;

use anyhow::{Context, bail, ensure};
use pulse_kernel::Clock;
use pulse_payment::domain::signature;
use serde_json::{Value, json};

use super::burst::Shot;
use crate::stage::{PRICE_MINOR, Stage, StageShop, number, pay_path};

/// How long everything may take that follows from a race.
const SETTLED_WITHIN: Duration = Duration::from_secs(60);
/// How often is looked whether it has.
const LOOK_EVERY: Duration = Duration::from_millis(50);

/// A shop whose orders are paid with the sandbox.
pub(super) struct Till<'a> {
    pub(super) stage: &'a Stage,
    pub(super) shop: StageShop,
    secret: [u8; 32],
}

/// An order, and whose it is.
pub(super) struct Bill {
    pub(super) token: String,
    pub(super) order_id: i64,
}

/// An attempt to pay that waits for its customer.
pub(super) struct Page {
    /// Where it is paid.
    path: String,
    attempt_id: i64,
    /// What the sandbox calls it.
    reference: String,
}

/// What became of an order and of its money.
#[derive(Debug)]
pub(super) struct End {
    pub(super) is_cancelled: bool,
    pub(super) attempts: usize,
    pub(super) captures: usize,
    pub(super) refunds: usize,
    /// What is left with the provider.
    pub(super) kept_minor: i64,
    /// Whether every entry of the books sums to zero.
    pub(super) is_balanced: bool,
}

impl Bill {
    /// Somebody begins to pay it.
    pub(super) fn start(&self) -> Shot {
        Shot::call(&format!("/v1/orders/{}/payments", self.order_id), &self.token, &json!({ "provider": "sandbox" }))
    }

    /// Its customer does not want it any more.
    pub(super) fn cancel(&self) -> Shot {
        Shot::call(&format!("/v1/orders/{}:cancel", self.order_id), &self.token, &json!({}))
    }
}

impl Page {
    /// Somebody presses a button: `pay`, `decline`, `twice`.
    pub(super) fn press(&self, choice: &str) -> Shot {
        Shot::form(&self.path, format!("choice={choice}"))
    }

    /// That of the last attempt of a payment.
    pub(super) fn of(payment: &Value) -> anyhow::Result<Self> {
        let attempts = payment["attempts"].as_array().context("a payment has attempts")?;
        let attempt = attempts.last().context("a payment that was begun has an attempt")?;
        Ok(Self {
            path: pay_path(payment).context("the sandbox has a page")?,
            attempt_id: number(&attempt["attempt_id"])?,
            reference: attempt["provider_reference"].as_str().unwrap_or_default().to_owned(),
        })
    }
}

impl End {
    /// Whether it is an order that stands and was paid once, whatever else was paid and went back.
    pub(super) fn is_paid_once(&self) -> bool {
        !self.is_cancelled && self.captures == self.refunds + 1 && self.kept_minor == PRICE_MINOR && self.is_balanced
    }

    /// Whether it is an order that was cancelled and for which nothing was kept.
    pub(super) fn is_undone(&self) -> bool {
        self.is_cancelled && self.captures == self.refunds && self.kept_minor == 0 && self.is_balanced
    }
}

impl<'a> Till<'a> {
    /// A shop that sells so many units.
    pub(super) async fn open(stage: &'a Stage, units: usize) -> anyhow::Result<Self> {
        Ok(Self { stage, secret: stage.sandbox_secret()?, shop: stage.shop(units).await? })
    }

    /// An order of a new customer.
    pub(super) async fn order(&self) -> anyhow::Result<Bill> {
        let token = self.stage.customer();
        let body = json!({ "draft": self.shop.draft(), "expected_total_minor": PRICE_MINOR.to_string() });
        let order = self.stage.call("POST", "/v1/orders", &token, &body).await?;
        Ok(Bill { token, order_id: number(&order["order_id"])? })
    }

    /// Begins to pay it, or finds the page that is open.
    pub(super) async fn page(&self, bill: &Bill) -> anyhow::Result<Page> {
        let path = format!("/v1/orders/{}/payments", bill.order_id);
        let begun = self.stage.call("POST", &path, &bill.token, &json!({ "provider": "sandbox" })).await;
        Page::of(&begun.context("it cannot be paid; the sandbox is there with payment.has_sandbox = true")?)
    }

    /// The shop takes an order in hand.
    pub(super) fn accept(&self, bill: &Bill) -> Shot {
        let path = format!("/v1/shops/{}/orders/{}:accept", self.shop.shop_id, bill.order_id);
        Shot::call(&path, &self.stage.operator(), &json!({}))
    }

    /// What the provider tells of an attempt.
    pub(super) fn webhook(&self, event: &str, kind: &str, page: &Page) -> Shot {
        let now = Clock::system().now();
        let created = now.as_millis().div_euclid(1_000);
        let intent = json!({
            "id": page.reference,
            "object": "payment_intent",
            "amount": PRICE_MINOR,
            "amount_received": PRICE_MINOR,
            "currency": "cny",
            "status": "succeeded",
            "created": created,
            "metadata": { "pulse_attempt_id": page.attempt_id.to_string() },
        });
        let event = json!({
            "id": event, "object": "event", "type": kind, "created": created, "data": { "object": intent },
        });
        let body = event.to_string();
        Shot::signed("/webhooks/sandbox", signature::sign(&self.secret, body.as_bytes(), now), body)
    }

    /// What became of every order, once nothing is under way any more.
    pub(super) async fn ends(&self, bills: impl IntoIterator<Item = &Bill>) -> anyhow::Result<Vec<End>> {
        let mut ends = Vec::new();
        let look = async {
            for bill in bills {
                ends.push(self.end_of(bill).await?);
            }
            anyhow::Ok(())
        };
        tokio::time::timeout(SETTLED_WITHIN, look).await.context("the payments do not come to an end")??;
        Ok(ends)
    }

    async fn end_of(&self, bill: &Bill) -> anyhow::Result<End> {
        loop {
            let order = self.of_order(bill, "").await?;
            let payment = self.of_order(bill, "/payment").await?;
            if is_over(&order, &payment) {
                return self.books(bill, &order, &payment).await;
            }
            tokio::time::sleep(LOOK_EVERY).await;
        }
    }

    async fn of_order(&self, bill: &Bill, what: &str) -> anyhow::Result<Value> {
        self.stage.call("GET", &format!("/v1/orders/{}{what}", bill.order_id), &bill.token, &Value::Null).await
    }

    async fn books(&self, bill: &Bill, order: &Value, payment: &Value) -> anyhow::Result<End> {
        let path = format!("/v1/operator/ledger/entries?order_id={}&page_size=100", bill.order_id);
        let listed = self.stage.operate("GET", &path, &Value::Null).await?;
        let mut end = End {
            is_cancelled: is_cancelled(order),
            attempts: list(&payment["attempts"]).len(),
            captures: 0,
            refunds: 0,
            kept_minor: 0,
            is_balanced: true,
        };
        for entry in list(&listed["entries"]) {
            match entry["kind"].as_str() {
                Some("capture") => end.captures += 1,
                Some("refund") => end.refunds += 1,
                other => bail!("the books of order {} have an entry of kind {other:?}", bill.order_id),
            }
            let mut sum = 0;
            for line in list(&entry["lines"]) {
                let minor = number(&line["amount"]["minor"])?;
                sum += minor;
                if line["account"] == "provider:sandbox" {
                    end.kept_minor += minor;
                }
            }
            end.is_balanced &= sum == 0;
        }
        Ok(end)
    }

    /// The units on hand and those that are reserved, once none is reserved any more.
    pub(super) async fn stock(&self) -> anyhow::Result<(i64, i64)> {
        let look = async {
            loop {
                let (on_hand, reserved) = self.shop.stock(self.stage).await?;
                if reserved == 0 {
                    return anyhow::Ok((on_hand, reserved));
                }
                tokio::time::sleep(LOOK_EVERY).await;
            }
        };
        match tokio::time::timeout(SETTLED_WITHIN, look).await {
            Ok(stock) => stock,
            Err(_elapsed) => self.shop.stock(self.stage).await,
        }
    }

    /// Lets the page of an attempt be declined, and opens another one; both can be paid.
    pub(super) async fn two_pages(&self, bill: &Bill) -> anyhow::Result<[Page; 2]> {
        let first = self.page(bill).await?;
        let declined = super::burst::fire(self.stage, vec![first.press("decline")], false).await?;
        ensure!(declined.iter().all(|answer| answer.status == 303), "the page does not take a decline: {declined:?}");
        loop {
            let second = self.page(bill).await?;
            if second.attempt_id != first.attempt_id {
                return Ok([first, second]);
            }
            tokio::time::sleep(LOOK_EVERY).await;
        }
    }
}

/// Whether nothing more can follow: every attempt has ended, and what is not the order's is back.
fn is_over(order: &Value, payment: &Value) -> bool {
    let states = |what: &str| -> Vec<&str> {
        list(&payment[what]).iter().map(|one| one["state"].as_str().unwrap_or_default()).collect()
    };
    let (attempts, refunds) = (states("attempts"), states("refunds"));
    let ended = ["ATTEMPT_STATE_SUCCEEDED", "ATTEMPT_STATE_CANCELLED"];
    let captured = attempts.iter().filter(|state| **state == "ATTEMPT_STATE_SUCCEEDED").count();
    let returned = refunds.iter().filter(|state| **state == "REFUND_STATE_SUCCEEDED").count();
    let is_paid = order["payment_state"] == "PAYMENT_STATE_PAID";
    let is_told = order["state"] != "ORDER_STATE_AWAITING_PAYMENT" && is_paid != is_cancelled(order);
    is_told && attempts.iter().all(|state| ended.contains(state)) && returned + usize::from(is_paid) >= captured
}

fn is_cancelled(order: &Value) -> bool {
    order["state"] == "ORDER_STATE_CANCELLED"
}

fn list(value: &Value) -> &[Value] {
    value.as_array().map(Vec::as_slice).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn end(is_cancelled: bool, captures: usize, refunds: usize, kept_minor: i64) -> End {
        End { is_cancelled, attempts: captures, captures, refunds, kept_minor, is_balanced: true }
    }

    #[test]
    fn money_that_is_taken_twice_or_kept_is_seen() {
        for (end, is_paid_once, is_undone) in [
            (end(false, 1, 0, PRICE_MINOR), true, false),
            (end(false, 2, 1, PRICE_MINOR), true, false),
            (end(false, 2, 0, 2 * PRICE_MINOR), false, false),
            (end(false, 1, 1, 0), false, false),
            (end(false, 0, 0, 0), false, false),
            (End { is_balanced: false, ..end(false, 1, 0, PRICE_MINOR) }, false, false),
            (end(true, 0, 0, 0), false, true),
            (end(true, 1, 1, 0), false, true),
            (end(true, 1, 0, PRICE_MINOR), false, false),
            (end(true, 1, 2, -PRICE_MINOR), false, false),
        ] {
            assert_eq!((end.is_paid_once(), end.is_undone()), (is_paid_once, is_undone), "{end:?}");
        }
    }

    #[test]
    fn nothing_is_over_while_money_is_under_way() {
        let order = |state: &str, paid: &str| json!({ "state": format!("ORDER_STATE_{state}"), "payment_state": format!("PAYMENT_STATE_{paid}") });
        let states = |kind: &str, states: &[&str]| {
            let state = |state: &&str| json!({ "state": format!("{kind}_STATE_{state}") });
            Value::from(states.iter().map(state).collect::<Vec<_>>())
        };
        for (order, attempts, refunds, expected) in [
            (order("AWAITING_PAYMENT", "UNPAID"), ["SUCCEEDED"].as_slice(), [].as_slice(), false),
            (order("CONFIRMED", "PAID"), &["SUCCEEDED"], &[], true),
            (order("CONFIRMED", "PAID"), &["SUCCEEDED", "OPEN"], &[], false),
            (order("CONFIRMED", "PAID"), &["SUCCEEDED", "SUCCEEDED"], &["PENDING"], false),
            (order("PREPARING", "PAID"), &["SUCCEEDED", "SUCCEEDED"], &["SUCCEEDED"], true),
            (order("CANCELLED", "UNPAID"), &["FAILED"], &[], false),
            (order("CANCELLED", "UNPAID"), &["CANCELLED"], &[], true),
            (order("CANCELLED", "UNPAID"), &["SUCCEEDED"], &[], false),
            (order("CANCELLED", "PAID"), &["SUCCEEDED"], &["SUCCEEDED"], false),
            (order("CANCELLED", "REFUNDED"), &["SUCCEEDED"], &["SUCCEEDED"], true),
        ] {
            let payment = json!({ "attempts": states("ATTEMPT", attempts), "refunds": states("REFUND", refunds) });
            assert_eq!(is_over(&order, &payment), expected, "{order} {payment}");
        }
    }
}
