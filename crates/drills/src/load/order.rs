//! Scenario `order`: every visit places an order of one unit; most orders are paid, some cancelled, some abandoned.

use std::sync::Arc;

use anyhow::{Context, bail};
use pulse_bench::{NextStep, Scenario};
use serde_json::{Value, json};

use super::mix::{Mix, draw, pick};
use super::plan::Plan;
use super::prepared::Prepared;
use super::target_url::TargetUrl;
use super::users::Users;
use crate::target_node::{TargetNode, number, pay_path};

/// Maximum number of products of a menu that are tried until one can be ordered.
const PRODUCTS_MAX: usize = 20;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum AfterOrder {
    Pay,
    Cancel,
    Abandon,
}

/// Weights of the actions after an order.
const MIX: Mix<AfterOrder> = &[(7, AfterOrder::Pay), (2, AfterOrder::Cancel), (1, AfterOrder::Abandon)];
const OPERATIONS: &[&str] = &["place", "start-payment", "pay", "cancel"];
const PLACE: usize = 0;
const START_PAYMENT: usize = 1;
const PAY: usize = 2;
const CANCEL: usize = 3;

struct Order {
    users: Users,
    seed: u64,
    /// Prefix of the idempotency keys, unique per run.
    run: u64,
    /// Body of the order requests.
    body: String,
    /// Whether the node has the sandbox payment provider.
    is_paid: bool,
}

/// Finds a product that can be ordered, or opens a shop with one unit per visit.
pub(super) async fn prepare(
    plan: &Plan,
    target: &TargetUrl,
    node: Option<&TargetNode>,
    (users, visits): (Users, u64),
) -> anyhow::Result<Prepared> {
    let token = users.token(0).context("there are no signed-in users")?.to_owned();
    let (draft, total) = match (plan.shop, node) {
        (Some(shop_id), _) => from_menu(target, shop_id, &token).await?,
        (None, Some(node)) => {
            // One more unit for the order of `has_sandbox`.
            let shop = node.open_shop(usize::try_from(visits.saturating_add(1))?).await?;
            let draft = shop.draft();
            let total = quote(target, &token, &draft).await?;
            (draft, total)
        }
        (None, None) => {
            bail!("set --shop to the id of a shop with a menu, or --data to the data folder of the node to open a shop")
        }
    };
    let body = json!({ "draft": draft, "expected_total_minor": total });
    let is_paid = has_sandbox(target, &token, &body).await?;
    let mut notes = Vec::new();
    if !is_paid {
        notes.push("orders are not paid: the node has no sandbox payment provider (payment.has_sandbox)".to_owned());
    }
    let body = body.to_string();
    Ok(Prepared { scenario: Arc::new(Order { users, seed: plan.seed, run: rand::random(), body, is_paid }), notes })
}

/// The first product of a menu that can be ordered, and its total price.
async fn from_menu(target: &TargetUrl, shop_id: i64, token: &str) -> anyhow::Result<(Value, Value)> {
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
        Some(error) => Err(error).with_context(|| format!("no product of shop {shop_id} can be ordered")),
        None => bail!("the menu of shop {shop_id} is empty"),
    }
}

async fn quote(target: &TargetUrl, token: &str, draft: &Value) -> anyhow::Result<Value> {
    let quote = target.post("/v1/orders:quote", token, &json!({ "draft": draft })).await?;
    Ok(quote["price"]["total_minor"].clone())
}

/// Whether orders can be paid in the sandbox: places one order, starts its payment, and cancels it.
async fn has_sandbox(target: &TargetUrl, token: &str, body: &Value) -> anyhow::Result<bool> {
    let order = target.post("/v1/orders", token, body).await?;
    let order_id = number(&order["order_id"])?;
    let begun = target.post(&format!("/v1/orders/{order_id}/payments"), token, &json!({ "provider": "sandbox" })).await;
    let is_paid = begun.is_ok_and(|payment| pay_path(&payment).is_some());
    target.post(&format!("/v1/orders/{order_id}:cancel"), token, &json!({})).await?;
    Ok(is_paid)
}

impl Order {
    fn post(&self, visit: u64, operation: usize, path: &str, body: String) -> NextStep {
        let key = format!("load-{:016x}-{visit}-{operation}", self.run);
        let request = self.users.post(visit, path, body).header("idempotency-key", &key).render();
        NextStep::Send { operation, request }
    }

    fn after_order(&self, visit: u64, last: &[u8], action: AfterOrder) -> NextStep {
        let order: Value = serde_json::from_slice(last).unwrap_or_default();
        let Ok(order_id @ 1..) = number(&order["order_id"]) else { return NextStep::Unexpected };
        match action {
            AfterOrder::Pay if self.is_paid => {
                let body = json!({ "provider": "sandbox" }).to_string();
                self.post(visit, START_PAYMENT, &format!("/v1/orders/{order_id}/payments"), body)
            }
            AfterOrder::Cancel => self.post(visit, CANCEL, &format!("/v1/orders/{order_id}:cancel"), "{}".to_owned()),
            AfterOrder::Pay | AfterOrder::Abandon => NextStep::Done,
        }
    }
}

impl Scenario for Order {
    fn operations(&self) -> &'static [&'static str] {
        OPERATIONS
    }

    fn expected_refusals(&self) -> &'static [&'static str] {
        // An order of a hot item is answered in state PLACING, and cannot be paid until it is placed.
        &["ORDER_STOCK_SHORT", "PAYMENT_ORDER_NOT_PLACED"]
    }

    fn next(&self, visit: u64, step: usize, last: &[u8]) -> NextStep {
        let Some(action) = pick(MIX, draw(self.seed, visit)) else { return NextStep::Unexpected };
        match (step, action) {
            (0, _) => self.post(visit, PLACE, "/v1/orders", self.body.clone()),
            (1, _) => self.after_order(visit, last, action),
            (2, AfterOrder::Pay) => {
                let payment: Value = serde_json::from_slice(last).unwrap_or_default();
                match pay_path(&payment) {
                    Some(path) => {
                        NextStep::Send { operation: PAY, request: self.users.form(visit, &path, "choice=pay") }
                    }
                    None => NextStep::Unexpected,
                }
            }
            (_, AfterOrder::Pay | AfterOrder::Cancel | AfterOrder::Abandon) => NextStep::Done,
        }
    }
}
