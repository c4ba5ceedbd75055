//! Customers that place and cancel orders, record every answer, and send unanswered requests again.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use bytes::Bytes;
use parking_lot::Mutex;
use pulse_bench::{Connection, Request};
use serde_json::{Value, json};
use tokio::sync::Notify;
use tokio::task::JoinSet;
use tokio::time::sleep;

use super::node_process::NodeProcess;
use super::plan::Report;
use crate::target_node::{PRICE_MINOR, TargetNode, TargetShop, number};

/// Poll interval while an order is in state PLACING.
const POLL_EVERY: Duration = Duration::from_millis(50);
/// Every n-th order is cancelled.
const CANCEL_EVERY: usize = 4;
/// Every n-th order is paid in cash on delivery.
const CASH_EVERY: usize = 3;
/// Error code of an order without enough stock.
const SHORT: &str = "ORDER_STOCK_SHORT";

/// A request that is sent until it is answered.
#[derive(Clone, Debug)]
struct CustomerRequest {
    token: String,
    key: String,
    path: String,
    body: Value,
    /// ID of the order that the request cancels.
    cancels: Option<i64>,
}

/// All answers that customers got.
#[derive(Default)]
struct Answers {
    /// Placed orders: token of the customer by order id.
    placed: BTreeMap<i64, String>,
    /// Orders that were in state PLACING when they were answered.
    placing: BTreeSet<i64>,
    cancelled: BTreeSet<i64>,
    /// Orders in state PLACING whose cancellation was rejected; valid only if the order was refused meanwhile.
    uncancelled: BTreeSet<i64>,
    refused: usize,
    unanswered: Vec<CustomerRequest>,
    unexpected: Vec<String>,
}

/// The customers, across all rounds.
pub(super) struct Customers {
    tokens: Vec<String>,
    answers: Arc<Mutex<Answers>>,
    request_count: Arc<AtomicUsize>,
}

impl Customers {
    pub(super) fn new(count: usize, node: &TargetNode) -> Self {
        let tokens = (0..count).map(|_| node.customer_token()).collect();
        Self { tokens, answers: Arc::default(), request_count: Arc::default() }
    }

    /// Sends requests of all customers until `answers_max` answers have come, and kills the node at that moment.
    pub(super) async fn send_until_killed(
        &self,
        node: &TargetNode,
        shop: &TargetShop,
        answers_max: usize,
        process: &mut NodeProcess,
    ) -> anyhow::Result<()> {
        let round = Arc::new(Round {
            host: node.address().to_string(),
            draft: shop.draft(),
            answers: Arc::clone(&self.answers),
            request_count: Arc::clone(&self.request_count),
            answered: AtomicUsize::new(0),
            enough: Notify::new(),
            answers_max,
        });
        let mut customers = JoinSet::new();
        for token in self.tokens.iter().cloned() {
            let connection = Connection::open(node.address()).await?;
            customers.spawn(Arc::clone(&round).order_and_cancel(token, connection));
        }
        if answers_max > 0 {
            round.enough.notified().await;
        }
        process.kill_now().await?;
        customers.join_all().await;
        Ok(())
    }

    /// Sends every unanswered request again with the same idempotency key. Returns their number.
    pub(super) async fn retry_unanswered(&mut self, node: &TargetNode) -> anyhow::Result<usize> {
        let unanswered = std::mem::take(&mut self.answers.lock().unanswered);
        let mut connection = Connection::open(node.address()).await?;
        let host = node.address().to_string();
        for request in &unanswered {
            let (reply, body) = connection.fetch(&request.render(&host)).await?;
            self.answers.lock().record(request, reply.status, &body);
        }
        Ok(unanswered.len())
    }

    /// Checks that every answered order exists in the answered state. An order in state PLACING may have been refused
    /// later for lack of stock; such an order must not be cancelled.
    pub(super) async fn check_orders(&self, node: &TargetNode, report: &mut Report) -> anyhow::Result<()> {
        let (placed, cancelled) = {
            let answers = self.answers.lock();
            (answers.placed.clone(), answers.cancelled.clone())
        };
        let host = node.address().to_string();
        let mut connection = Connection::open(node.address()).await?;
        for (order, token) in placed {
            let request = Request::get(&host, &format!("/v1/orders/{order}")).bearer(&token).render();
            let (reply, answer) = loop {
                let (reply, body) = connection.fetch(&request).await?;
                let answer: Value = serde_json::from_slice(&body).unwrap_or_default();
                if answer["state"] != json!("ORDER_STATE_PLACING") {
                    break (reply, answer);
                }
                sleep(POLL_EVERY).await;
            };
            if answer["refusal_code"] == json!(SHORT) && !cancelled.contains(&order) {
                self.answers.lock().refuse(order);
                continue;
            }
            let is_cancelled = answer["state"] == json!("ORDER_STATE_CANCELLED");
            if reply.status != 200 || is_cancelled != cancelled.contains(&order) {
                let (status, state) = (reply.status, &answer["state"]);
                report.violations.push(format!(
                    "order {order} has status {status} and state {state}, is_cancelled should be {}",
                    cancelled.contains(&order)
                ));
            }
        }
        let answers = self.answers.lock();
        let uncancelled = answers.uncancelled.iter();
        report.violations.extend(uncancelled.map(|order| format!("order {order} could not be cancelled")));
        Ok(())
    }

    pub(super) fn placed(&self) -> usize {
        self.answers.lock().placed.len()
    }

    pub(super) fn cancelled(&self) -> usize {
        self.answers.lock().cancelled.len()
    }

    pub(super) fn refused(&self) -> usize {
        self.answers.lock().refused
    }

    pub(super) fn unexpected_answers(&self) -> Vec<String> {
        self.answers.lock().unexpected.clone()
    }
}

/// One round, from the start of the node to its kill.
struct Round {
    host: String,
    draft: Value,
    answers: Arc<Mutex<Answers>>,
    request_count: Arc<AtomicUsize>,
    answered: AtomicUsize,
    enough: Notify,
    answers_max: usize,
}

impl Round {
    /// Places and cancels orders until the node is killed.
    async fn order_and_cancel(self: Arc<Self>, token: String, mut connection: Connection) {
        loop {
            let number = self.request_count.fetch_add(1, Ordering::Relaxed);
            let Some(order) = self.send(&mut connection, &self.order(&token, number)).await else { return };
            if let Some(order) = order
                && number.is_multiple_of(CANCEL_EVERY)
                && self.send(&mut connection, &cancel(&token, number, order)).await.is_none()
            {
                return;
            }
        }
    }

    fn order(&self, token: &str, number: usize) -> CustomerRequest {
        let method =
            if number.is_multiple_of(CASH_EVERY) { "PAYMENT_METHOD_CASH_ON_DELIVERY" } else { "PAYMENT_METHOD_ONLINE" };
        CustomerRequest {
            token: token.to_owned(),
            key: format!("order-{number}"),
            path: "/v1/orders".to_owned(),
            body: json!({
                "draft": self.draft, "expected_total_minor": PRICE_MINOR.to_string(), "payment_method": method,
            }),
            cancels: None,
        }
    }

    /// Sends a request. Returns the placed order, if there is one; the outer `None` means that the node was killed.
    async fn send(&self, connection: &mut Connection, request: &CustomerRequest) -> Option<Option<i64>> {
        let Ok((reply, body)) = connection.fetch(&request.render(&self.host)).await else {
            self.answers.lock().unanswered.push(request.clone());
            return None;
        };
        let order = self.answers.lock().record(request, reply.status, &body);
        if self.answered.fetch_add(1, Ordering::Relaxed) + 1 == self.answers_max {
            self.enough.notify_one();
        }
        Some(order)
    }
}

fn cancel(token: &str, number: usize, order: i64) -> CustomerRequest {
    CustomerRequest {
        token: token.to_owned(),
        key: format!("cancel-{number}"),
        path: format!("/v1/orders/{order}:cancel"),
        body: json!({}),
        cancels: Some(order),
    }
}

impl CustomerRequest {
    fn render(&self, host: &str) -> Bytes {
        let request = Request::post_json(host, &self.path, self.body.to_string()).bearer(&self.token);
        request.header("idempotency-key", &self.key).render()
    }
}

impl Answers {
    /// Records that an order in state PLACING was refused for lack of stock.
    fn refuse(&mut self, order: i64) {
        self.placed.remove(&order);
        self.refused += 1;
        self.uncancelled.remove(&order);
        if !self.placing.contains(&order) {
            self.unexpected.push(format!("order {order} was answered as placed and refused later"));
        }
    }

    /// Records an answer. Returns the placed order, if there is one.
    fn record(&mut self, request: &CustomerRequest, status: u16, body: &[u8]) -> Option<i64> {
        let answer: Value = serde_json::from_slice(body).unwrap_or_default();
        match (status, request.cancels) {
            (200, Some(order)) => {
                self.cancelled.insert(order);
                None
            }
            (200, None) => {
                let order = number(&answer["order_id"]).ok()?;
                self.placed.insert(order, request.token.clone());
                if answer["state"] == json!("ORDER_STATE_PLACING") {
                    self.placing.insert(order);
                }
                Some(order)
            }
            (409, None) if answer["code"] == json!(SHORT) => {
                self.refused += 1;
                None
            }
            // Valid if the order was refused meanwhile, which `check_orders` decides.
            (409, Some(order)) if self.placing.contains(&order) && answer["code"] == json!("ORDER_MOVE_INVALID") => {
                self.uncancelled.insert(order);
                None
            }
            (status, _) => {
                self.unexpected.push(format!("{} returned status {status}: {answer}", request.path));
                None
            }
        }
    }
}
