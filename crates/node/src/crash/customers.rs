//! Customers who order and cancel, remember what they were told, and ask again when they were not answered.

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

use super::Report;
use super::process::Process;
use crate::stage::{PRICE_MINOR, Stage, StageShop, number};

/// How often it is looked what has become of an order that is being placed.
const LOOK_EVERY: Duration = Duration::from_millis(50);
/// Every such order is cancelled again, and every such order is paid in cash.
const CANCEL_EVERY: usize = 4;
const CASH_EVERY: usize = 3;
/// Why most orders are refused.
const SHORT: &str = "ORDER_STOCK_SHORT";

/// Something that a customer asked for, and asks again until there is an answer.
#[derive(Clone, Debug)]
struct Wish {
    token: String,
    key: String,
    path: String,
    body: Value,
    /// The order that is to be cancelled.
    cancels: Option<i64>,
}

/// What customers were told.
#[derive(Default)]
struct Told {
    /// Whose order it is, by its number.
    placed: BTreeMap<i64, String>,
    /// Those that were still being placed when their customer heard of them.
    placing: BTreeSet<i64>,
    cancelled: BTreeSet<i64>,
    /// Those that could not be cancelled, because they had been refused by then.
    lost: BTreeSet<i64>,
    refused: usize,
    unanswered: Vec<Wish>,
    odd: Vec<String>,
}

/// The customers.
pub(super) struct Customers {
    tokens: Vec<String>,
    told: Arc<Mutex<Told>>,
    wishes: Arc<AtomicUsize>,
}

impl Customers {
    pub(super) fn new(count: usize, stage: &Stage) -> Self {
        let tokens = (0..count).map(|_| stage.customer()).collect();
        Self { tokens, told: Arc::default(), wishes: Arc::default() }
    }

    /// Lets everybody order until so many answers have come, and kills the node at that moment.
    pub(super) async fn call_until(
        &self,
        stage: &Stage,
        shop: &StageShop,
        answers: usize,
        node: &mut Process,
    ) -> anyhow::Result<()> {
        let calls = Arc::new(Calls {
            host: stage.address().to_string(),
            draft: shop.draft(),
            told: Arc::clone(&self.told),
            wishes: Arc::clone(&self.wishes),
            answered: AtomicUsize::new(0),
            enough: Notify::new(),
            answers,
        });
        let mut everybody = JoinSet::new();
        for token in self.tokens.iter().cloned() {
            let connection = Connection::open(stage.address()).await?;
            everybody.spawn(Arc::clone(&calls).shop(token, connection));
        }
        if answers > 0 {
            calls.enough.notified().await;
        }
        node.kill_now().await?;
        everybody.join_all().await;
        Ok(())
    }

    /// Asks again for what was not answered; says how often.
    pub(super) async fn repeat(&mut self, stage: &Stage) -> anyhow::Result<usize> {
        let wishes = std::mem::take(&mut self.told.lock().unanswered);
        let mut connection = Connection::open(stage.address()).await?;
        let host = stage.address().to_string();
        for wish in &wishes {
            let (reply, body) = connection.fetch(&wish.request(&host)).await?;
            self.told.lock().hear(wish, reply.status, &body);
        }
        Ok(wishes.len())
    }

    /// Makes sure that every order that somebody was told of is there, in the state that they were told. One that was still
    /// being placed may have been refused since, for want of units; then it was never cancelled.
    pub(super) async fn check_orders(&self, stage: &Stage, report: &mut Report) -> anyhow::Result<()> {
        let (placed, cancelled) = {
            let told = self.told.lock();
            (told.placed.clone(), told.cancelled.clone())
        };
        let host = stage.address().to_string();
        let mut connection = Connection::open(stage.address()).await?;
        for (order, token) in placed {
            let request = Request::get(&host, &format!("/v1/orders/{order}")).bearer(&token).render();
            let (reply, answer) = loop {
                let (reply, body) = connection.fetch(&request).await?;
                let answer: Value = serde_json::from_slice(&body).unwrap_or_default();
                if answer["state"] != json!("ORDER_STATE_PLACING") {
                    break (reply, answer);
                }
                sleep(LOOK_EVERY).await;
            };
            if answer["refusal_code"] == json!(SHORT) && !cancelled.contains(&order) {
                self.told.lock().refuse(order);
                continue;
            }
            let is_cancelled = answer["state"] == json!("ORDER_STATE_CANCELLED");
            if reply.status != 200 || is_cancelled != cancelled.contains(&order) {
                report.broken.push(format!("order {order} is {} {}", reply.status, answer["state"]));
            }
        }
        let told = self.told.lock();
        report.broken.extend(told.lost.iter().map(|order| format!("order {order} could not be cancelled")));
        Ok(())
    }

    pub(super) fn placed(&self) -> usize {
        self.told.lock().placed.len()
    }

    pub(super) fn cancelled(&self) -> usize {
        self.told.lock().cancelled.len()
    }

    pub(super) fn refused(&self) -> usize {
        self.told.lock().refused
    }

    pub(super) fn odd_answers(&self) -> Vec<String> {
        self.told.lock().odd.clone()
    }
}

/// One round of calls.
struct Calls {
    host: String,
    draft: Value,
    told: Arc<Mutex<Told>>,
    wishes: Arc<AtomicUsize>,
    answered: AtomicUsize,
    enough: Notify,
    answers: usize,
}

impl Calls {
    /// Orders and cancels until the node is gone.
    async fn shop(self: Arc<Self>, token: String, mut connection: Connection) {
        loop {
            let number = self.wishes.fetch_add(1, Ordering::Relaxed);
            let Some(order) = self.ask(&mut connection, &self.order(&token, number)).await else { return };
            if let Some(order) = order
                && number.is_multiple_of(CANCEL_EVERY)
                && self.ask(&mut connection, &cancel(&token, number, order)).await.is_none()
            {
                return;
            }
        }
    }

    fn order(&self, token: &str, number: usize) -> Wish {
        let method =
            if number.is_multiple_of(CASH_EVERY) { "PAYMENT_METHOD_CASH_ON_DELIVERY" } else { "PAYMENT_METHOD_ONLINE" };
        Wish {
            token: token.to_owned(),
            key: format!("order-{number}"),
            path: "/v1/orders".to_owned(),
            body: json!({
                "draft": self.draft, "expected_total_minor": PRICE_MINOR.to_string(), "payment_method": method,
            }),
            cancels: None,
        }
    }

    /// The order that was placed, when one was; `None` when the node is gone.
    async fn ask(&self, connection: &mut Connection, wish: &Wish) -> Option<Option<i64>> {
        let Ok((reply, body)) = connection.fetch(&wish.request(&self.host)).await else {
            self.told.lock().unanswered.push(wish.clone());
            return None;
        };
        let order = self.told.lock().hear(wish, reply.status, &body);
        if self.answered.fetch_add(1, Ordering::Relaxed) + 1 == self.answers {
            self.enough.notify_one();
        }
        Some(order)
    }
}

fn cancel(token: &str, number: usize, order: i64) -> Wish {
    Wish {
        token: token.to_owned(),
        key: format!("cancel-{number}"),
        path: format!("/v1/orders/{order}:cancel"),
        body: json!({}),
        cancels: Some(order),
    }
}

impl Wish {
    fn request(&self, host: &str) -> Bytes {
        let request = Request::post_json(host, &self.path, self.body.to_string()).bearer(&self.token);
        request.header("idempotency-key", &self.key).render()
    }
}

impl Told {
    /// An order that was still being placed got no units.
    fn refuse(&mut self, order: i64) {
        self.placed.remove(&order);
        self.refused += 1;
        self.lost.remove(&order);
        if !self.placing.contains(&order) {
            self.odd.push(format!("order {order} was placed, and then it was not"));
        }
    }

    /// Notes an answer; gives back the order that was placed, when one was.
    fn hear(&mut self, wish: &Wish, status: u16, body: &[u8]) -> Option<i64> {
        let answer: Value = serde_json::from_slice(body).unwrap_or_default();
        match (status, wish.cancels) {
            (200, Some(order)) => {
                self.cancelled.insert(order);
                None
            }
            (200, None) => {
                let order = number(&answer["order_id"]).ok()?;
                self.placed.insert(order, wish.token.clone());
                if answer["state"] == json!("ORDER_STATE_PLACING") {
                    self.placing.insert(order);
                }
                Some(order)
            }
            (409, None) if answer["code"] == json!(SHORT) => {
                self.refused += 1;
                None
            }
            // It was refused while it was being placed; whether that is so is looked at in the end.
            (409, Some(order)) if self.placing.contains(&order) && answer["code"] == json!("ORDER_MOVE_INVALID") => {
                self.lost.insert(order);
                None
            }
            (status, _) => {
                self.odd.push(format!("{} was answered {status} {answer}", wish.path));
                None
            }
        }
    }
}
