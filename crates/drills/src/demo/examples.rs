//! The calls on the start page of the demo: look around, order, watch the order, as a customer of the city.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use futures::FutureExt;
use pulse_contract::order::v1::QuoteOrderRequest;
use pulse_kernel::Error;
use pulse_kernel::id::AccountId;
use pulse_node::Node;
use pulse_node::pages::{Example, Examples};
use pulse_token::{Claims, KeyRing};
use serde_json::json;

use super::DemoCity;

/// Lifetime of the token on the page.
const TOKEN_TTL: Duration = Duration::from_secs(15 * 60);
/// Number of shops to try until one of them is open and sells something.
const SHOPS_TRIED_MAX: usize = 50;

/// Makes the calls anew for each view of the page, with a fresh token and a shop that is open now.
#[must_use]
pub fn examples(node: &Node, city: &Arc<DemoCity>) -> Examples {
    let (keys, city) = (node.keys().clone(), Arc::clone(city));
    Arc::new(move |host| {
        let (keys, city) = (keys.clone(), Arc::clone(&city));
        async move {
            city.example_calls(&keys, &host).await.unwrap_or_else(|error| {
                tracing::warn!(error = %error.report(), "the examples of the start page were not made");
                Vec::new()
            })
        }
        .boxed()
    })
}

impl DemoCity {
    async fn example_calls(&self, keys: &KeyRing, host: &str) -> Result<Vec<Example>, Error> {
        let Some(customer) = self.person(0) else { return Ok(Vec::new()) };
        let principal = Self::principal(customer);
        let token = keys.sign(&Claims::new(principal, self.clock.now(), TOKEN_TTL));
        let mut calls = vec![Example {
            title: "Find open shops near the centre.".to_owned(),
            command: format!(
                "curl 'http://{host}/v1/shops:nearby?latitude=31.23&longitude=121.47&is_open_now=true&page_size=3'"
            ),
        }];
        if let Some(body) = self.example_order(customer).await? {
            calls.push(Example {
                title: "Order something to collect, to pay in cash, and keep the ID of the order.".to_owned(),
                command: format!(
                    "TOKEN='{token}'\nORDER=$(curl -s -X POST http://{host}/v1/orders \\\n  -H \"authorization: Bearer $TOKEN\" \
                     \\\n  -H 'content-type: application/json' \\\n  -H \"idempotency-key: try-$(date +%s)\" \\\n  -d '{body}' | \
                     grep -o '\"order_id\":\"[0-9]*' | tr -dc 0-9); echo $ORDER"
                ),
            });
            calls.push(Example {
                title: "Watch the kitchen of the shop prepare it. Repeat the call: the state changes.".to_owned(),
                command: format!("curl http://{host}/v1/orders/$ORDER \\\n  -H \"authorization: Bearer $TOKEN\""),
            });
        }
        Ok(calls)
    }

    /// The body of an order for one product of a shop that is open now, at its current price.
    async fn example_order(&self, customer: AccountId) -> Result<Option<serde_json::Value>, Error> {
        for shop_id in self.shops_with_menu.iter().copied().take(SHOPS_TRIED_MAX) {
            let Some(draft) = self.simple_draft(shop_id).await? else { continue };
            let quote = QuoteOrderRequest { draft: Some(draft.clone()) };
            let quote = self.orders.quote_order(&self.cx_of(customer), quote).await?;
            let Some(price) = quote.price.filter(|_| quote.problems.is_empty()) else { continue };
            let Some(line) = draft.lines.first() else { continue };
            self.suggested_shop.store(shop_id, Ordering::Relaxed);
            return Ok(Some(json!({
                "draft": {
                    "shop_id": shop_id.to_string(),
                    "lines": [{
                        "product_id": line.product_id.to_string(),
                        "variant_id": line.variant_id.to_string(),
                        "quantity": line.quantity,
                    }],
                },
                "expected_total_minor": price.total_minor.to_string(),
                "payment_method": "PAYMENT_METHOD_CASH_ON_DELIVERY",
            })));
        }
        Ok(None)
    }
}
