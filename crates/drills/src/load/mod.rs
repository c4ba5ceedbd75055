//! `pulse load-test`: an open-loop load test against a running node.
//!
//! The preparation creates users, shops and sales; then [`pulse_bench::LoadRun`] runs visits on a schedule. Each scenario has
//! its own file.

mod browse;
mod flash_sale;
mod limit;
mod mix;
mod order;
mod plan;
mod prepared;
mod target_url;
mod users;

use anyhow::{Context, bail};
use pulse_bench::{LoadReport, LoadRun, Snapshot};
use tokio::sync::oneshot;

pub use limit::Limit;
pub use plan::{Plan, Report, ScenarioName};
pub use users::USERS_MAX;

use crate::target_node::TargetNode;
use prepared::Prepared;
use target_url::TargetUrl;
use users::Users;

/// Prepares and runs a load test. Ends early when `stop` receives a value or is dropped; calls `observe` every second.
///
/// # Errors
/// When the node cannot be reached, or the preparation fails.
pub async fn run(
    plan: Plan,
    mut stop: oneshot::Receiver<()>,
    observe: impl FnMut(Snapshot) + Send + 'static,
) -> anyhow::Result<Report> {
    let ready = tokio::select! {
        biased;
        _stopped = &mut stop => bail!("stopped before the load test began"),
        ready = prepare(&plan) => ready?,
    };
    let (load_run, Prepared { scenario, mut notes }) = ready;
    let load = load_run
        .run(scenario, stop, observe)
        .await
        .with_context(|| format!("cannot run the load test against {}", plan.url))?;
    notes.extend(remarks(&load));
    Ok(Report {
        version: env!("CARGO_PKG_VERSION"),
        machine: pulse_bench::machine(),
        completed_per_s: load.completed_per_s(),
        errors: load.errors(),
        settings: plan,
        load,
        notes,
    })
}

async fn prepare(plan: &Plan) -> anyhow::Result<(LoadRun, Prepared)> {
    let target = TargetUrl::resolve(&plan.url).await?;
    let node = plan.data.as_deref().map(|data| TargetNode::new(target.address, data)).transpose()?;
    let mut arrivals = plan.arrivals();
    let users = Users::prepare(plan, &target, node.as_ref(), &arrivals).await?;
    if plan.scenario == ScenarioName::FlashSale {
        arrivals.visits_max = Some(u64::try_from(users.count())?);
    }
    let load_run = LoadRun {
        address: target.address,
        connections: plan.connections,
        queue_max: plan.queue_max,
        arrivals,
        timeout: plan.timeout,
    };
    let prepared = match plan.scenario {
        ScenarioName::Browse => browse::prepare(plan, &target, node.as_ref(), users).await?,
        ScenarioName::Order => order::prepare(plan, &target, node.as_ref(), (users, load_run.arrivals.count())).await?,
        ScenarioName::FlashSale => flash_sale::prepare(plan, node.as_ref(), (users, load_run.arrivals.count())).await?,
    };
    Ok((load_run, prepared))
}

/// Explanations of counts that are easily misread.
fn remarks(load: &LoadReport) -> Vec<String> {
    let mut remarks = Vec::new();
    let mut responses = load.operations.iter().flat_map(|operation| &operation.responses);
    if responses.any(|response| response.status == Some(429)) {
        remarks.push(
            "429: the node limits the calls per user and per client address. Use --spoof-client-ip to give each user its own \
             address and --users for more users, or raise the limits of a test node with edge.capacity.rate_factor"
                .to_owned(),
        );
    }
    if load.dropped > 0 {
        remarks.push(
            "dropped: the queue of the load generator was full; the node is slower than --rate, or --connections is too \
             low"
                .to_owned(),
        );
    }
    if load.is_cut_short {
        remarks.push("stopped early; unfinished visits are not measured".to_owned());
    }
    remarks
}
