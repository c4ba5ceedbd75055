//! `pulse crash`: a node under load is killed at random moments, looked at, and started again.
//!
//! Customers place and cancel orders, each request with a key of its own. After a kill the books are proven from the
//! journals; then the node starts again, and every request that was not answered is repeated under its key. In the end
//! what customers were told and what the stock says must be the same. `--sale` does the same to a flash sale.

mod customers;
mod process;
mod remains;
mod rush;

use std::path::PathBuf;

use anyhow::{Context, ensure};
use pulse_bench::Progress;
use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};
use serde::Serialize;
use serde_json::json;

use crate::stage::{Stage, StageShop};
use customers::Customers;
use process::Process;
pub(crate) use rush::run_rush;

/// How many answers come at most before a kill.
const ANSWERS_MAX: usize = 300;
/// How many units arrive per round: fewer than are asked for.
const UNITS_PER_ROUND: usize = 60;

/// What to do.
pub(crate) struct Plan {
    /// How often the node is killed.
    pub(crate) rounds: u32,
    /// How many customers call at the same time.
    pub(crate) customers: usize,
    /// Decides about the moments.
    pub(crate) seed: u64,
    /// Where the node keeps its things.
    pub(crate) data: PathBuf,
    /// On which database; none for the embedded one.
    pub(crate) store: Option<String>,
}

/// What came of it.
#[derive(Debug, Default, Serialize)]
pub(crate) struct Report {
    /// How often the node was killed.
    pub(crate) kills: u32,
    /// Orders that customers were told are placed.
    pub(crate) placed: usize,
    /// Orders that customers were told are cancelled.
    pub(crate) cancelled: usize,
    /// Customers who were told that there is not enough.
    pub(crate) refused: usize,
    /// Requests that a kill left without an answer, and that were repeated.
    pub(crate) repeated: usize,
    /// Things that were under way at a kill and were put right.
    pub(crate) repaired: usize,
    /// What should not have happened.
    pub(crate) broken: Vec<String>,
}

/// Runs it.
pub(crate) async fn run(plan: &Plan) -> anyhow::Result<Report> {
    let mut random = StdRng::seed_from_u64(plan.seed);
    let mut report = Report::default();
    let progress = Progress::on_stderr("kills", u64::from(plan.rounds));
    let mut node = Process::start(&plan.data, plan.store.as_deref()).await?;
    let mut stage = Stage::new(node.address(), &plan.data)?;
    let shop = open_shop(&stage).await?;
    let mut customers = Customers::new(plan.customers, &stage);
    for _ in 0..plan.rounds {
        shop.replenish(&stage, UNITS_PER_ROUND).await?;
        let answers = random.random_range(0..ANSWERS_MAX);
        customers.call_until(&stage, &shop, answers, &mut node).await?;
        report.kills += 1;
        look(plan, &mut report).await?;
        node = Process::start(&plan.data, plan.store.as_deref()).await?;
        stage = stage.moved_to(node.address());
        report.repeated += customers.repeat(&stage).await?;
        progress.step();
    }
    progress.finish();
    customers.check_orders(&stage, &mut report).await?;
    node.kill().await?;
    look(plan, &mut report).await?;
    let node = Process::start(&plan.data, plan.store.as_deref()).await?;
    let stage = stage.moved_to(node.address());
    sum_up(&customers, &shop, &stage, plan.rounds, &mut report).await?;
    node.kill().await?;
    Ok(report)
}

/// A shop that takes cash, so that some orders leave the stock at once.
async fn open_shop(stage: &Stage) -> anyhow::Result<StageShop> {
    let shop = stage.shop(0).await?;
    let terms = json!({ "is_cash_accepted": true });
    stage.operate("PUT", &format!("/v1/shops/{}/terms", shop.shop_id), &terms).await?;
    Ok(shop)
}

/// Proves the books of the dead node, and puts right what was under way.
async fn look(plan: &Plan, report: &mut Report) -> anyhow::Result<()> {
    if let Some(store) = &plan.store {
        remains::settle(store).await?;
    }
    let verified = process::verify(&plan.data, plan.store.as_deref()).await?;
    for finding in verified["findings"].as_array().context("a report has findings")? {
        if finding["is_repaired"] == json!(true) {
            report.repaired += 1;
        } else {
            report.broken.push(finding.to_string());
        }
    }
    Ok(())
}

async fn sum_up(
    customers: &Customers,
    shop: &StageShop,
    stage: &Stage,
    rounds: u32,
    report: &mut Report,
) -> anyhow::Result<()> {
    report.placed = customers.placed();
    report.cancelled = customers.cancelled();
    report.refused = customers.refused();
    report.broken.extend(customers.odd_answers());
    let (on_hand, reserved) = shop.stock(stage).await?;
    let arrived = i64::from(rounds).saturating_mul(i64::try_from(UNITS_PER_ROUND)?);
    let gone = arrived - (on_hand - reserved);
    let live = i64::try_from(report.placed - report.cancelled)?;
    ensure!(arrived > 0, "nothing was sold");
    if gone != live {
        report.broken.push(format!(
            "customers have {live} units, and the stock says that {gone} of {arrived} are gone \
             ({on_hand} on hand, {reserved} reserved)"
        ));
    }
    Ok(())
}

impl Report {
    /// Whether nothing happened that should not.
    pub(crate) fn holds(&self) -> bool {
        self.broken.is_empty()
    }
}
