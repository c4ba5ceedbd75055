//! Fixture of the payment races: payable orders, signed webhooks of the sandbox, and the final state of payments.

use std::time::Duration;

use anyhow::{Context, bail, ensure};
use pulse_kernel::Clock;
use pulse_payment::domain::signature;
use serde_json::{Value, json};

use super::burst::{RaceRequest, send_at_once};
use crate::target_node::{PRICE_MINOR, TargetNode, TargetShop, number, pay_path};

/// Timeout for all payments of a race to reach a final state.
const FINAL_WITHIN: Duration = Duration::from_secs(60);
/// Poll interval while a payment is not final.
const POLL_EVERY: Duration = Duration::from_millis(50);

/// A shop whose orders are paid through the sandbox payment provider.
pub(super) struct PaymentFixture<'a> {
    pub(super) node: &'a TargetNode,
    pub(super) shop: TargetShop,
    secret: [u8; 32],
}

/// An order that awaits payment.
pub(super) struct PayableOrder {
    /// Access token of its customer.
    pub(super) token: String,
    pub(super) order_id: i64,
}

/// The pay page of an open payment attempt.
pub(super) struct PayPage {
    path: String,
    attempt_id: i64,
    /// ID of the attempt at the sandbox.
    reference: String,
}

/// Final state of an order and its payments.
#[derive(Debug)]
pub(super) struct PaymentOutcome {
    pub(super) is_cancelled: bool,
    pub(super) attempts: usize,
    pub(super) captures: usize,
    pub(super) refunds: usize,
    /// Captured minus refunded amount, in minor units.
    pub(super) kept_minor: i64,
    /// Whether every ledger entry of the order sums to zero.
    pub(super) is_balanced: bool,
}

impl PayableOrder {
    /// Request that starts a payment.
    pub(super) fn start(&self) -> RaceRequest {
        RaceRequest::call(
            &format!("/v1/orders/{}/payments", self.order_id),
            &self.token,
            &json!({ "provider": "sandbox" }),
        )
    }

    /// Request of the customer that cancels the order.
    pub(super) fn cancel(&self) -> RaceRequest {
        RaceRequest::call(&format!("/v1/orders/{}:cancel", self.order_id), &self.token, &json!({}))
    }
}

impl PayPage {
    /// Request that submits the page with a choice: `pay`, `decline` or `twice`.
    pub(super) fn submit(&self, choice: &str) -> RaceRequest {
        RaceRequest::form(&self.path, format!("choice={choice}"))
    }

    /// The page of the last attempt of a payment.
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

impl PaymentOutcome {
    /// Whether the order is not cancelled and was paid once; further captures must be refunded.
    pub(super) fn is_paid_once(&self) -> bool {
        !self.is_cancelled && self.captures == self.refunds + 1 && self.kept_minor == PRICE_MINOR && self.is_balanced
    }

    /// Whether the order is cancelled and every captured amount is refunded.
    pub(super) fn is_cancelled_and_refunded(&self) -> bool {
        self.is_cancelled && self.captures == self.refunds && self.kept_minor == 0 && self.is_balanced
    }
}

impl<'a> PaymentFixture<'a> {
    /// Opens a shop with `units` units.
    pub(super) async fn new(node: &'a TargetNode, units: usize) -> anyhow::Result<Self> {
        Ok(Self { node, secret: node.sandbox_secret()?, shop: node.open_shop(units).await? })
    }

    /// Places an order of a new customer.
    pub(super) async fn place_order(&self) -> anyhow::Result<PayableOrder> {
        let token = self.node.customer_token();
        let body = json!({ "draft": self.shop.draft(), "expected_total_minor": PRICE_MINOR.to_string() });
        let order = self.node.call("POST", "/v1/orders", &token, &body).await?;
        Ok(PayableOrder { token, order_id: number(&order["order_id"])? })
    }

    /// Starts a payment. Returns the open page if there is one.
    pub(super) async fn pay_page(&self, order: &PayableOrder) -> anyhow::Result<PayPage> {
        let path = format!("/v1/orders/{}/payments", order.order_id);
        let begun = self.node.call("POST", &path, &order.token, &json!({ "provider": "sandbox" })).await;
        PayPage::of(&begun.context("the payment cannot be started; set payment.has_sandbox = true on the node")?)
    }

    /// Request of the shop that accepts an order.
    pub(super) fn accept(&self, order: &PayableOrder) -> RaceRequest {
        let path = format!("/v1/shops/{}/orders/{}:accept", self.shop.shop_id, order.order_id);
        RaceRequest::call(&path, &self.node.operator_token(), &json!({}))
    }

    /// Webhook of the sandbox about an attempt, with a valid signature.
    pub(super) fn webhook(&self, event: &str, kind: &str, page: &PayPage) -> RaceRequest {
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
        RaceRequest::signed("/webhooks/sandbox", signature::sign(&self.secret, body.as_bytes(), now), body)
    }

    /// Outcome of every order; waits until all payments are final.
    pub(super) async fn outcomes(
        &self,
        orders: impl IntoIterator<Item = &PayableOrder>,
    ) -> anyhow::Result<Vec<PaymentOutcome>> {
        let mut outcomes = Vec::new();
        let poll = async {
            for order in orders {
                outcomes.push(self.outcome_of(order).await?);
            }
            anyhow::Ok(())
        };
        tokio::time::timeout(FINAL_WITHIN, poll)
            .await
            .with_context(|| format!("the payments did not reach a final state within {FINAL_WITHIN:?}"))??;
        Ok(outcomes)
    }

    async fn outcome_of(&self, payable: &PayableOrder) -> anyhow::Result<PaymentOutcome> {
        loop {
            let order = self.get(payable, "").await?;
            let payment = self.get(payable, "/payment").await?;
            if is_final(&order, &payment) {
                return self.sum_ledger(payable, &order, &payment).await;
            }
            tokio::time::sleep(POLL_EVERY).await;
        }
    }

    async fn get(&self, order: &PayableOrder, resource: &str) -> anyhow::Result<Value> {
        self.node.call("GET", &format!("/v1/orders/{}{resource}", order.order_id), &order.token, &Value::Null).await
    }

    async fn sum_ledger(
        &self,
        payable: &PayableOrder,
        order: &Value,
        payment: &Value,
    ) -> anyhow::Result<PaymentOutcome> {
        let path = format!("/v1/operator/ledger/entries?order_id={}&page_size=100", payable.order_id);
        let listed = self.node.call_as_operator("GET", &path, &Value::Null).await?;
        let mut outcome = PaymentOutcome {
            is_cancelled: is_cancelled(order),
            attempts: list(&payment["attempts"]).len(),
            captures: 0,
            refunds: 0,
            kept_minor: 0,
            is_balanced: true,
        };
        for entry in list(&listed["entries"]) {
            match entry["kind"].as_str() {
                Some("capture") => outcome.captures += 1,
                Some("refund") => outcome.refunds += 1,
                other => bail!("the ledger of order {} has an entry of unknown kind {other:?}", payable.order_id),
            }
            let mut sum = 0;
            for line in list(&entry["lines"]) {
                let minor = number(&line["amount"]["minor"])?;
                sum += minor;
                if line["account"] == "provider:sandbox" {
                    outcome.kept_minor += minor;
                }
            }
            outcome.is_balanced &= sum == 0;
        }
        Ok(outcome)
    }

    /// Numbers of units on hand and reserved; waits until none is reserved, or until the timeout.
    pub(super) async fn stock(&self) -> anyhow::Result<(i64, i64)> {
        let poll = async {
            loop {
                let (on_hand, reserved) = self.shop.stock(self.node).await?;
                if reserved == 0 {
                    return anyhow::Ok((on_hand, reserved));
                }
                tokio::time::sleep(POLL_EVERY).await;
            }
        };
        match tokio::time::timeout(FINAL_WITHIN, poll).await {
            Ok(stock) => stock,
            Err(_elapsed) => self.shop.stock(self.node).await,
        }
    }

    /// Declines the page of an attempt and opens another one. The customer can pay both.
    pub(super) async fn two_pages(&self, order: &PayableOrder) -> anyhow::Result<[PayPage; 2]> {
        let first = self.pay_page(order).await?;
        let declined = send_at_once(self.node, vec![first.submit("decline")], false).await?;
        ensure!(
            declined.iter().all(|answer| answer.status == 303),
            "the page did not accept the decline: {declined:?}"
        );
        loop {
            let second = self.pay_page(order).await?;
            if second.attempt_id != first.attempt_id {
                return Ok([first, second]);
            }
            tokio::time::sleep(POLL_EVERY).await;
        }
    }
}

/// Whether no further change can follow: every attempt has ended, and every surplus capture is refunded.
fn is_final(order: &Value, payment: &Value) -> bool {
    let states = |what: &str| -> Vec<&str> {
        list(&payment[what]).iter().map(|one| one["state"].as_str().unwrap_or_default()).collect()
    };
    let (attempts, refunds) = (states("attempts"), states("refunds"));
    let ended = ["ATTEMPT_STATE_SUCCEEDED", "ATTEMPT_STATE_CANCELLED"];
    let captured = attempts.iter().filter(|state| **state == "ATTEMPT_STATE_SUCCEEDED").count();
    let returned = refunds.iter().filter(|state| **state == "REFUND_STATE_SUCCEEDED").count();
    let is_paid = order["payment_state"] == "PAYMENT_STATE_PAID";
    let is_settled = order["state"] != "ORDER_STATE_AWAITING_PAYMENT" && is_paid != is_cancelled(order);
    is_settled && attempts.iter().all(|state| ended.contains(state)) && returned + usize::from(is_paid) >= captured
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

    fn outcome(is_cancelled: bool, captures: usize, refunds: usize, kept_minor: i64) -> PaymentOutcome {
        PaymentOutcome { is_cancelled, attempts: captures, captures, refunds, kept_minor, is_balanced: true }
    }

    #[test]
    fn double_captures_and_missing_refunds_are_found() {
        for (outcome, is_paid_once, is_refunded) in [
            (outcome(false, 1, 0, PRICE_MINOR), true, false),
            (outcome(false, 2, 1, PRICE_MINOR), true, false),
            (outcome(false, 2, 0, 2 * PRICE_MINOR), false, false),
            (outcome(false, 1, 1, 0), false, false),
            (outcome(false, 0, 0, 0), false, false),
            (PaymentOutcome { is_balanced: false, ..outcome(false, 1, 0, PRICE_MINOR) }, false, false),
            (outcome(true, 0, 0, 0), false, true),
            (outcome(true, 1, 1, 0), false, true),
            (outcome(true, 1, 0, PRICE_MINOR), false, false),
            (outcome(true, 1, 2, -PRICE_MINOR), false, false),
        ] {
            assert_eq!(
                (outcome.is_paid_once(), outcome.is_cancelled_and_refunded()),
                (is_paid_once, is_refunded),
                "{outcome:?}"
            );
        }
    }

    #[test]
    fn open_attempts_and_refunds_are_not_final() {
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
            assert_eq!(is_final(&order, &payment), expected, "{order} {payment}");
        }
    }
}
