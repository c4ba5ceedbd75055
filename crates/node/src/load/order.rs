//! People who order: each places an order of one unit; most pay it, some cancel it, some forget it.

use std::sync::Arc;

use anyhow::{Context, bail};
use pulse_bench::{Next, Scenario};
use serde_json::{Value, json};

use super::mix::{Mix, draw, pick};
use super::target::Target;
use super::users::Users;
use super::{Plan, Prepared};
use crate::stage::{Stage, number, pay_path};

/// How many products of a menu are tried until one can be ordered.
const PRODUCTS_MAX: usize = 20;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Mind {
    Pays,
    Cancels,
    Forgets,
}

/// What becomes of orders.
const MIX: Mix<Mind> = &[(7, Mind::Pays), (2, Mind::Cancels), (1, Mind::Forgets)];
const OPERATIONS: &[&str] = &["place", "start-payment", "pay", "cancel"];
const PLACE: usize = 0;
const START_PAYMENT: usize = 1;
const PAY: usize = 2;
const CANCEL: usize = 3;

struct Order {
    users: Users,
    seed: u64,
    /// What keys begin with, so that no two runs share one.
    run: u64,
    /// The body of an order.
    body: String,
    /// Whether the node has the sandbox.
    is_paid: bool,
}

/// Finds a thing that can be ordered, or opens a shop with one for each visitor.
pub(super) async fn prepare(
    plan: &Plan,
    target: &Target,
    stage: Option<&Stage>,
    (users, visitors): (Users, u64),
) -> anyhow::Result<Prepared> {
    let token = users.token(0).context("nobody is signed in")?.to_owned();
    let (draft, total) = match (plan.shop, stage) {
        (Some(shop_id), _) => from_menu(target, shop_id, &token).await?,
        (None, Some(stage)) => {
            // One more for finding out how it is paid.
            let shop = stage.shop(usize::try_from(visitors.saturating_add(1))?).await?;
            let draft = shop.draft();
            let total = quote(target, &token, &draft).await?;
            (draft, total)
        }
        (None, None) => bail!(
            "name a shop with --shop ID; with --data, the folder of the node, one is opened that has enough of everything"
        ),
    };
    let body = json!({ "draft": draft, "expected_total_minor": total });
    let is_paid = has_sandbox(target, &token, &body).await?;
    let mut notes = Vec::new();
    if !is_paid {
        notes.push("nobody pays: the node has no sandbox (payment.has_sandbox)".to_owned());
    }
    let body = body.to_string();
    Ok(Prepared { scenario: Arc::new(Order { users, seed: plan.seed, run: rand::random(), body, is_paid }), notes })
}

/// The first thing of a menu that can be ordered, and what it costs.
async fn from_menu(target: &Target, shop_id: i64, token: &str) -> anyhow::Result<(Value, Value)> {
    let menu = target.get(&format!("/v1/shops/{shop_id}/menu"), None).await?;
    let list = |value: &Value| value.as_array().cloned().unwrap_or_default();
    let products = list(&menu["sections"]).into_iter().flat_map(|section| list(&section["products"]));
    let mut refused = None;
    for product in products.take(PRODUCTS_MAX) {
        let line = json!({
            "product_id": product["product_id"], "variant_id": product["variants"][0]["variant_id"], "quantity": 1,
        });
        let draft = json!({ "shop_id": shop_id.to_string(), "lines": [line] });
        match quote(target, token, &draft).await {
            Ok(total) => return Ok((draft, total)),
            Err(error) => refused = Some(error),
        }
    }
    match refused {
        Some(error) => Err(error).with_context(|| format!("nothing of shop {shop_id} can be ordered")),
        None => bail!("shop {shop_id} has nothing on its menu"),
    }
}

async fn quote(target: &Target, token: &str, draft: &Value) -> anyhow::Result<Value> {
    let quote = target.post("/v1/orders:quote", token, &json!({ "draft": draft })).await?;
    Ok(quote["price"]["total_minor"].clone())
}

/// Finds out with an order whether it can be paid, and cancels it.
async fn has_sandbox(target: &Target, token: &str, body: &Value) -> anyhow::Result<bool> {
    let order = target.post("/v1/orders", token, body).await?;
    let order_id = number(&order["order_id"])?;
    let begun = target.post(&format!("/v1/orders/{order_id}/payments"), token, &json!({ "provider": "sandbox" })).await;
    let is_paid = begun.is_ok_and(|payment| pay_path(&payment).is_some());
    target.post(&format!("/v1/orders/{order_id}:cancel"), token, &json!({})).await?;
    Ok(is_paid)
}

impl Order {
    fn ask(&self, visitor: u64, operation: usize, path: &str, body: String) -> Next {
        let key = format!("load-{:016x}-{visitor}-{operation}", self.run);
        let request = self.users.post(visitor, path, body).header("idempotency-key", &key).render();
        Next::Ask { operation, request }
    }

    fn of_order(&self, visitor: u64, last: &[u8], mind: Mind) -> Next {
        let order: Value = serde_json::from_slice(last).unwrap_or_default();
        let Ok(order_id @ 1..) = number(&order["order_id"]) else { return Next::Lost };
        match mind {
            Mind::Pays if self.is_paid => {
                let body = json!({ "provider": "sandbox" }).to_string();
                self.ask(visitor, START_PAYMENT, &format!("/v1/orders/{order_id}/payments"), body)
            }
            Mind::Cancels => self.ask(visitor, CANCEL, &format!("/v1/orders/{order_id}:cancel"), "{}".to_owned()),
            Mind::Pays | Mind::Forgets => Next::Over,
        }
    }
}

impl Scenario for Order {
    fn operations(&self) -> &'static [&'static str] {
        OPERATIONS
    }

    fn right_refusals(&self) -> &'static [&'static str] {
        // What many order at once is placed after the answer, and cannot be paid before.
        &["ORDER_STOCK_SHORT", "PAYMENT_ORDER_NOT_PLACED"]
    }

    fn next(&self, visitor: u64, step: usize, last: &[u8]) -> Next {
        let Some(mind) = pick(MIX, draw(self.seed, visitor)) else { return Next::Lost };
        match (step, mind) {
            (0, _) => self.ask(visitor, PLACE, "/v1/orders", self.body.clone()),
            (1, _) => self.of_order(visitor, last, mind),
            (2, Mind::Pays) => {
                let payment: Value = serde_json::from_slice(last).unwrap_or_default();
                match pay_path(&payment) {
                    Some(path) => Next::Ask { operation: PAY, request: self.users.form(visitor, &path, "choice=pay") },
                    None => Next::Lost,
                }
            }
            (_, Mind::Pays | Mind::Cancels | Mind::Forgets) => Next::Over,
        }
    }
}
