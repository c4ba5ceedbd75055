//! A flash sale under kills: buyers who remember what they were told, and ask again when they were not answered.

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

use super::process::Process;
use super::{Plan, Report, UNITS_PER_ROUND, look};
use crate::stage::{Stage, StageSale, number};

/// How many answers come at most before a kill: twice as many as a round has units.
const RUSH_ANSWERS_MAX: usize = 2 * UNITS_PER_ROUND;
/// How long units may take to come back after their orders were cancelled.
const BACK_WITHIN: Duration = Duration::from_secs(120);
/// How often it is looked whether they are back.
const LOOK_EVERY: Duration = Duration::from_millis(100);

/// Runs it: kills in the middle of a rush, then everybody cancels, then every unit is sold again.
pub(crate) async fn run_rush(plan: &Plan) -> anyhow::Result<Report> {
    let mut random = StdRng::seed_from_u64(plan.seed);
    let mut report = Report::default();
    let progress = Progress::on_stderr("kills", u64::from(plan.rounds));
    let mut node = Process::start(&plan.data, plan.store.as_deref()).await?;
    let mut stage = Stage::new(node.address(), &plan.data)?;
    let units = UNITS_PER_ROUND.saturating_mul(usize::try_from(plan.rounds)?);
    let sale = Sale::open(&stage, units).await?;
    let told: Arc<Mutex<Told>> = Arc::default();
    for round in 0..plan.rounds {
        if round > 0 {
            sale.add(&stage, UNITS_PER_ROUND).await?;
        }
        let answers = random.random_range(0..RUSH_ANSWERS_MAX);
        rush_until(&stage, (sale, plan.customers, answers), &told, &mut node).await?;
        report.kills += 1;
        look(plan, &mut report).await?;
        node = Process::start(&plan.data, plan.store.as_deref()).await?;
        stage = stage.moved_to(node.address());
        report.repeated += repeat(&stage, sale, &told).await?;
        progress.step();
    }
    progress.finish();
    let admitted = told.lock().admitted.clone();
    ensure!(!admitted.is_empty(), "nobody was admitted");
    check(&stage, sale, &admitted, &mut report).await?;
    sell_again(&stage, sale, (&admitted, units), &mut report).await?;
    node.kill().await?;
    look(plan, &mut report).await?;
    let told = told.lock();
    report.placed = told.admitted.len();
    report.refused = told.sold_out;
    report.broken.extend(told.odd.clone());
    Ok(report)
}

/// What buyers were told.
#[derive(Default)]
struct Told {
    /// The order of each, by their token.
    admitted: BTreeMap<String, i64>,
    unanswered: Vec<String>,
    sold_out: usize,
    odd: Vec<String>,
}

impl Told {
    fn hear(&mut self, token: &str, status: u16, answer: &Value) {
        match (status, answer["code"].as_str()) {
            (200, _) => match number(&answer["order_id"]) {
                Ok(order) => drop(self.admitted.insert(token.to_owned(), order)),
                Err(_) => self.odd.push(format!("an admission was answered {answer}")),
            },
            (409, Some("SALE_SOLD_OUT")) => self.sold_out += 1,
            _ => self.odd.push(format!("an admission was answered {status} {answer}")),
        }
    }
}

/// The sale.
#[derive(Clone, Copy)]
struct Sale(StageSale);

impl Sale {
    /// A sale that is open, of a shop that has so many units; the sale has those of one round.
    async fn open(stage: &Stage, units: usize) -> anyhow::Result<Self> {
        let shop = stage.shop(units).await?;
        shop.open_sale(stage, UNITS_PER_ROUND).await.map(Self)
    }

    async fn add(self, stage: &Stage, units: usize) -> anyhow::Result<()> {
        let path = format!("/v1/shops/{}/sales/{}:add-units", self.0.shop_id, self.0.sale_id);
        stage.operate("POST", &path, &json!({ "units": units.to_string() })).await.map(drop)
    }

    /// Takes a ticket and asks to be admitted; `None` when the node is gone. The flag tells whether the admission may
    /// have been heard.
    async fn buy(self, connection: &mut Connection, host: &str, token: &str) -> Result<(u16, Value), bool> {
        let ask = |path: String, body: Value| Request::post_json(host, &path, body.to_string()).bearer(token).render();
        let request = ask(self.0.tickets(), json!({}));
        let (_, body) = connection.fetch(&request).await.map_err(|_gone| false)?;
        let ticket: Value = serde_json::from_slice(&body).unwrap_or_default();
        let request = ask(self.0.admissions(), json!({ "ticket": ticket["ticket"] }));
        let (reply, body) = connection.fetch(&request).await.map_err(|_gone| true)?;
        Ok((reply.status, serde_json::from_slice(&body).unwrap_or_default()))
    }
}

/// Lets new buyers come until so many answers were given, and kills the node at that moment.
async fn rush_until(
    stage: &Stage,
    (sale, buyers, answers): (Sale, usize, usize),
    told: &Arc<Mutex<Told>>,
    node: &mut Process,
) -> anyhow::Result<()> {
    let (answered, enough) = (Arc::new(AtomicUsize::new(0)), Arc::new(Notify::new()));
    let mut everybody = JoinSet::new();
    // Nobody comes twice: each connection has buyers of its own, more than there are answers.
    for _ in 0..buyers {
        let tokens: Vec<String> = (0..=RUSH_ANSWERS_MAX).map(|_| stage.customer()).collect();
        let mut connection = Connection::open(stage.address()).await?;
        let (told, answered, enough) = (Arc::clone(told), Arc::clone(&answered), Arc::clone(&enough));
        let host = stage.address().to_string();
        everybody.spawn(async move {
            for token in tokens {
                match sale.buy(&mut connection, &host, &token).await {
                    Ok((status, answer)) => told.lock().hear(&token, status, &answer),
                    Err(may_be_heard) => {
                        if may_be_heard {
                            told.lock().unanswered.push(token);
                        }
                        return;
                    }
                }
                if answered.fetch_add(1, Ordering::Relaxed) + 1 == answers {
                    enough.notify_one();
                }
            }
        });
    }
    if answers > 0 {
        enough.notified().await;
    }
    node.kill_now().await?;
    everybody.join_all().await;
    Ok(())
}

/// Asks again for those who were not answered; says how many.
async fn repeat(stage: &Stage, sale: Sale, told: &Mutex<Told>) -> anyhow::Result<usize> {
    let unanswered = std::mem::take(&mut told.lock().unanswered);
    let (mut connection, host) = (Connection::open(stage.address()).await?, stage.address().to_string());
    for token in &unanswered {
        let answer = sale.buy(&mut connection, &host, token).await;
        let (status, answer) = answer.map_err(|_gone| anyhow::anyhow!("the node does not answer"))?;
        told.lock().hear(token, status, &answer);
    }
    Ok(unanswered.len())
}

/// Everybody who was told that they are admitted is told the same again, and the sale knows of nobody else.
async fn check(stage: &Stage, sale: Sale, admitted: &BTreeMap<String, i64>, report: &mut Report) -> anyhow::Result<()> {
    let (mut connection, host) = (Connection::open(stage.address()).await?, stage.address().to_string());
    for (token, order) in admitted {
        let answer = sale.buy(&mut connection, &host, token).await;
        let (status, answer) = answer.map_err(|_gone| anyhow::anyhow!("the node does not answer"))?;
        if status != 200 || number(&answer["order_id"])? != *order || answer["is_repeated"] != json!(true) {
            report.broken.push(format!("who was admitted with order {order} was answered {status} {answer}"));
        }
    }
    let (free, admissions) = sale.0.standing(stage).await?;
    if usize::try_from(admissions)? != admitted.len() {
        report.broken.push(format!("{} buyers are admitted, the sale says {admissions}, {free} free", admitted.len()));
    }
    Ok(())
}

/// Everybody cancels; then every unit can be had again, and not one more (TR-19).
async fn sell_again(
    stage: &Stage,
    sale: Sale,
    (admitted, units): (&BTreeMap<String, i64>, usize),
    report: &mut Report,
) -> anyhow::Result<()> {
    for (token, order) in admitted {
        let path = format!("/v1/sales/{}/result?wait_ms=20000", sale.0.sale_id);
        let result = stage.call("GET", &path, token, &Value::Null).await?;
        if result["state"] != json!("RESULT_STATE_PLACED") {
            report.broken.push(format!("the admission {order} is {result}"));
            continue;
        }
        stage.call("POST", &format!("/v1/orders/{order}:cancel"), token, &json!({})).await?;
        report.cancelled += 1;
    }
    let began = std::time::Instant::now();
    let all = i64::try_from(units)?;
    while sale.0.standing(stage).await?.0 < all && began.elapsed() < BACK_WITHIN {
        tokio::time::sleep(LOOK_EVERY).await;
    }
    let (mut connection, host) = (Connection::open(stage.address()).await?, stage.address().to_string());
    for unit in 0..=units {
        let answer = sale.buy(&mut connection, &host, &stage.customer()).await;
        let (status, answer) = answer.map_err(|_gone| anyhow::anyhow!("the node does not answer"))?;
        let is_as_it_should = if unit < units { status == 200 } else { answer["code"] == json!("SALE_SOLD_OUT") };
        if !is_as_it_should {
            report.broken.push(format!("unit {} of {units} was answered {status} {answer}", unit + 1));
        }
    }
    let (free, _) = sale.0.standing(stage).await?;
    if free != 0 {
        report.broken.push(format!("{free} units are free after all were sold"));
    }
    Ok(())
}
