//! Crash test of a flash sale: buyers ask for admission while the node is killed, and unanswered requests are sent again.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use anyhow::ensure;
use parking_lot::Mutex;
use pulse_bench::{Connection, Progress, Request};
use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};
use serde_json::{Value, json};
use tokio::sync::Notify;
use tokio::task::JoinSet;

use super::after_crash;
use super::node_process::NodeProcess;
use super::plan::{Plan, Report, UNITS_PER_ROUND};
use crate::target_node::{TargetNode, TargetSale, number};

/// Maximum number of answers before a kill: twice the units of a round.
const ANSWERS_MAX: usize = 2 * UNITS_PER_ROUND;
/// Timeout for the units of cancelled orders to become free again.
const RELEASED_WITHIN: Duration = Duration::from_secs(120);
/// Poll interval while units are not free yet.
const POLL_EVERY: Duration = Duration::from_millis(100);

/// Runs the test: kills the node during admissions, then cancels all orders, then sells every unit again.
pub(super) async fn run(plan: &Plan) -> anyhow::Result<Report> {
    let mut random = StdRng::seed_from_u64(plan.seed);
    let mut report = Report::default();
    let progress = Progress::on_stderr("kills", u64::from(plan.rounds));
    let mut process = NodeProcess::start(plan).await?;
    let mut node = TargetNode::new(process.address(), &plan.data)?;
    let units = UNITS_PER_ROUND.saturating_mul(usize::try_from(plan.rounds)?);
    let sale = Sale::open(&node, units).await?;
    let answers: Arc<Mutex<Answers>> = Arc::default();
    for round in 0..plan.rounds {
        if round > 0 {
            sale.add_units(&node, UNITS_PER_ROUND).await?;
        }
        let answers_max = random.random_range(0..ANSWERS_MAX);
        admit_until_killed(&node, (sale, plan.customers, answers_max), &answers, &mut process).await?;
        report.kills += 1;
        after_crash::verify(plan, &mut report).await?;
        process = NodeProcess::start(plan).await?;
        node = node.moved_to(process.address());
        report.repeated += retry_unanswered(&node, sale, &answers).await?;
        progress.step();
    }
    progress.finish();
    let admitted = answers.lock().admitted.clone();
    ensure!(!admitted.is_empty(), "no buyer was admitted");
    check_admissions(&node, sale, &admitted, &mut report).await?;
    sell_again(&node, sale, (&admitted, units), &mut report).await?;
    process.kill().await?;
    after_crash::verify(plan, &mut report).await?;
    let answers = answers.lock();
    report.placed = answers.admitted.len();
    report.refused = answers.sold_out;
    report.violations.extend(answers.unexpected.clone());
    Ok(report)
}

/// All answers that buyers got.
#[derive(Default)]
struct Answers {
    /// Admitted buyers: order id by token.
    admitted: BTreeMap<String, i64>,
    unanswered: Vec<String>,
    sold_out: usize,
    unexpected: Vec<String>,
}

impl Answers {
    fn record(&mut self, token: &str, status: u16, answer: &Value) {
        match (status, answer["code"].as_str()) {
            (200, _) => match number(&answer["order_id"]) {
                Ok(order) => drop(self.admitted.insert(token.to_owned(), order)),
                Err(_) => self.unexpected.push(format!("an admission has no order id: {answer}")),
            },
            (409, Some("SALE_SOLD_OUT")) => self.sold_out += 1,
            _ => self.unexpected.push(format!("an admission request returned status {status}: {answer}")),
        }
    }
}

/// The sale of the test.
#[derive(Clone, Copy)]
struct Sale(TargetSale);

impl Sale {
    /// Opens a sale with the units of one round, in a shop with `units` units.
    async fn open(node: &TargetNode, units: usize) -> anyhow::Result<Self> {
        let shop = node.open_shop(units).await?;
        shop.open_sale(node, UNITS_PER_ROUND).await.map(Self)
    }

    async fn add_units(self, node: &TargetNode, units: usize) -> anyhow::Result<()> {
        let path = format!("/v1/shops/{}/sales/{}:add-units", self.0.shop_id, self.0.sale_id);
        node.call_as_operator("POST", &path, &json!({ "units": units.to_string() })).await.map(drop)
    }

    /// Takes a ticket and asks for admission. `Err` means that the node was killed; it contains whether the admission
    /// request may have reached the node.
    async fn buy(self, connection: &mut Connection, host: &str, token: &str) -> Result<(u16, Value), bool> {
        let ask = |path: String, body: Value| Request::post_json(host, &path, body.to_string()).bearer(token).render();
        let request = ask(self.0.tickets_path(), json!({}));
        let (_, body) = connection.fetch(&request).await.map_err(|_killed| false)?;
        let ticket: Value = serde_json::from_slice(&body).unwrap_or_default();
        let request = ask(self.0.admissions_path(), json!({ "ticket": ticket["ticket"] }));
        let (reply, body) = connection.fetch(&request).await.map_err(|_killed| true)?;
        Ok((reply.status, serde_json::from_slice(&body).unwrap_or_default()))
    }
}

/// Sends admission requests of new buyers until `answers_max` answers have come, and kills the node at that moment.
async fn admit_until_killed(
    node: &TargetNode,
    (sale, connections, answers_max): (Sale, usize, usize),
    answers: &Arc<Mutex<Answers>>,
    process: &mut NodeProcess,
) -> anyhow::Result<()> {
    let (answered, enough) = (Arc::new(AtomicUsize::new(0)), Arc::new(Notify::new()));
    let mut tasks = JoinSet::new();
    // Every request has a new buyer: each connection has more buyers than there are answers before the kill.
    for _ in 0..connections {
        let tokens: Vec<String> = (0..=ANSWERS_MAX).map(|_| node.customer_token()).collect();
        let mut connection = Connection::open(node.address()).await?;
        let (answers, answered, enough) = (Arc::clone(answers), Arc::clone(&answered), Arc::clone(&enough));
        let host = node.address().to_string();
        tasks.spawn(async move {
            for token in tokens {
                match sale.buy(&mut connection, &host, &token).await {
                    Ok((status, answer)) => answers.lock().record(&token, status, &answer),
                    Err(may_have_arrived) => {
                        if may_have_arrived {
                            answers.lock().unanswered.push(token);
                        }
                        return;
                    }
                }
                if answered.fetch_add(1, Ordering::Relaxed) + 1 == answers_max {
                    enough.notify_one();
                }
            }
        });
    }
    if answers_max > 0 {
        enough.notified().await;
    }
    process.kill_now().await?;
    tasks.join_all().await;
    Ok(())
}

/// Sends every unanswered request again. Returns their number.
async fn retry_unanswered(node: &TargetNode, sale: Sale, answers: &Mutex<Answers>) -> anyhow::Result<usize> {
    let unanswered = std::mem::take(&mut answers.lock().unanswered);
    let (mut connection, host) = (Connection::open(node.address()).await?, node.address().to_string());
    for token in &unanswered {
        let answer = sale.buy(&mut connection, &host, token).await;
        let (status, answer) = answer.map_err(|_killed| anyhow::anyhow!("the node does not answer"))?;
        answers.lock().record(token, status, &answer);
    }
    Ok(unanswered.len())
}

/// Checks that every admitted buyer gets the same answer again, and that the sale counts no other admission.
async fn check_admissions(
    node: &TargetNode,
    sale: Sale,
    admitted: &BTreeMap<String, i64>,
    report: &mut Report,
) -> anyhow::Result<()> {
    let (mut connection, host) = (Connection::open(node.address()).await?, node.address().to_string());
    for (token, order) in admitted {
        let answer = sale.buy(&mut connection, &host, token).await;
        let (status, answer) = answer.map_err(|_killed| anyhow::anyhow!("the node does not answer"))?;
        if status != 200 || number(&answer["order_id"])? != *order || answer["is_repeated"] != json!(true) {
            report.violations.push(format!("the repeated request of order {order} returned status {status}: {answer}"));
        }
    }
    let (free, admissions) = sale.0.counts(node).await?;
    if usize::try_from(admissions)? != admitted.len() {
        let known = admitted.len();
        report
            .violations
            .push(format!("{known} buyers are admitted, but the sale has {admissions} admissions, {free} free"));
    }
    Ok(())
}

/// Cancels all orders, and checks that every unit can be sold again and not one more (TR-19).
async fn sell_again(
    node: &TargetNode,
    sale: Sale,
    (admitted, units): (&BTreeMap<String, i64>, usize),
    report: &mut Report,
) -> anyhow::Result<()> {
    for (token, order) in admitted {
        let result = sale.0.result(node, token).await?;
        if result["state"] != json!("RESULT_STATE_PLACED") {
            report.violations.push(format!("the admission of order {order} did not become an order: {result}"));
            continue;
        }
        node.call("POST", &format!("/v1/orders/{order}:cancel"), token, &json!({})).await?;
        report.cancelled += 1;
    }
    let began = std::time::Instant::now();
    let all = i64::try_from(units)?;
    while sale.0.counts(node).await?.0 < all && began.elapsed() < RELEASED_WITHIN {
        tokio::time::sleep(POLL_EVERY).await;
    }
    let (mut connection, host) = (Connection::open(node.address()).await?, node.address().to_string());
    for unit in 0..=units {
        let answer = sale.buy(&mut connection, &host, &node.customer_token()).await;
        let (status, answer) = answer.map_err(|_killed| anyhow::anyhow!("the node does not answer"))?;
        let is_expected = if unit < units { status == 200 } else { answer["code"] == json!("SALE_SOLD_OUT") };
        if !is_expected {
            report
                .violations
                .push(format!("request {} for {units} units returned status {status}: {answer}", unit + 1));
        }
    }
    let (free, _) = sale.0.counts(node).await?;
    if free != 0 {
        report.violations.push(format!("{free} units are free after all were sold"));
    }
    Ok(())
}
