//! `pulse load`: people who come to a running node as a schedule says, whatever the node does.
//!
//! Everything is prepared first (who comes, which shops there are, a sale that is open); then [`pulse_bench::Crowd`]
//! lets them come. What they do is a scenario, in a file each.

mod browse;
mod flash_sale;
mod limit;
mod mix;
mod order;
mod target;
mod users;

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, bail};
use pulse_bench::{Arrivals, Crowd, Glimpse, Scenario, Spacing, Visited};
use serde::Serialize;
use tokio::sync::oneshot;

use crate::stage::Stage;
pub(crate) use limit::Limit;
use target::Target;
pub(crate) use users::USERS_MAX;
use users::Users;

/// What visitors do.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, clap::ValueEnum)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum ScenarioName {
    /// Looks around: what is nearby, a shop, its menu, one's own orders.
    Browse,
    /// Orders one unit; most pay with the sandbox, some change their mind.
    Order,
    /// Takes a ticket of a flash sale and asks to be admitted; everybody once.
    FlashSale,
}

/// What to do.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct Plan {
    /// Where the node is.
    pub(crate) url: String,
    pub(crate) scenario: ScenarioName,
    pub(crate) rate_per_s: f64,
    #[serde(serialize_with = "humantime_serde::serialize")]
    pub(crate) duration: Duration,
    #[serde(serialize_with = "humantime_serde::serialize")]
    pub(crate) ramp: Duration,
    pub(crate) is_even: bool,
    pub(crate) seed: u64,
    pub(crate) connections: usize,
    /// Who may wait for a connection.
    pub(crate) waiting_max: usize,
    #[serde(serialize_with = "humantime_serde::serialize")]
    pub(crate) patience: Duration,
    /// How many different people come; none for the scenario's own number.
    pub(crate) users: Option<u32>,
    /// The data folder of the node, which has the keys that sign tokens.
    pub(crate) data: Option<PathBuf>,
    pub(crate) token_file: Option<PathBuf>,
    /// Whether each user says to come from an address of their own.
    pub(crate) is_proxy: bool,
    /// Where people look around.
    pub(crate) near: (f64, f64),
    /// Where they order.
    pub(crate) shop: Option<i64>,
    /// Which sale they come to.
    pub(crate) sale: Option<i64>,
    /// How many units a sale of its own has.
    pub(crate) units: Option<u32>,
}

/// What came of it.
#[derive(Debug, Serialize)]
pub(crate) struct Report {
    /// The version of the generator.
    pub(crate) version: &'static str,
    /// On which machine the generator ran.
    pub(crate) machine: String,
    pub(crate) settings: Plan,
    /// Visitors per second who were answered rightly.
    pub(crate) answered_per_s: f64,
    /// Visitors who did not have what is right.
    pub(crate) errors: u64,
    #[serde(flatten)]
    pub(crate) visited: Visited,
    /// What one must know to read the numbers.
    pub(crate) notes: Vec<String>,
}

/// A scenario that can begin, and what must be said about it.
struct Prepared {
    scenario: Arc<dyn Scenario>,
    notes: Vec<String>,
}

/// Prepares everything and lets people come; `stop` ends it early, `look` hears every second how it goes.
pub(crate) async fn run(
    plan: Plan,
    mut stop: oneshot::Receiver<()>,
    look: impl FnMut(Glimpse) + Send + 'static,
) -> anyhow::Result<Report> {
    let ready = tokio::select! {
        biased;
        _stopped = &mut stop => bail!("ended before anybody came"),
        ready = prepare(&plan) => ready?,
    };
    let (crowd, Prepared { scenario, mut notes }) = ready;
    let visited = crowd.run(scenario, stop, look).await.with_context(|| format!("cannot load {}", plan.url))?;
    notes.extend(remarks(&visited));
    Ok(Report {
        version: env!("CARGO_PKG_VERSION"),
        machine: pulse_bench::machine(),
        answered_per_s: visited.answered_per_s(),
        errors: visited.errors(),
        settings: plan,
        visited,
        notes,
    })
}

async fn prepare(plan: &Plan) -> anyhow::Result<(Crowd, Prepared)> {
    let target = Target::find(&plan.url).await?;
    let stage = plan.data.as_deref().map(|data| Stage::new(target.address, data)).transpose()?;
    let mut arrivals = plan.arrivals();
    let users = Users::gather(plan, &target, stage.as_ref(), &arrivals).await?;
    if plan.scenario == ScenarioName::FlashSale {
        arrivals.visitors_max = Some(u64::try_from(users.count())?);
    }
    let crowd = Crowd {
        address: target.address,
        connections: plan.connections,
        waiting_max: plan.waiting_max,
        arrivals,
        patience: plan.patience,
    };
    let prepared = match plan.scenario {
        ScenarioName::Browse => browse::prepare(plan, &target, stage.as_ref(), users).await?,
        ScenarioName::Order => order::prepare(plan, &target, stage.as_ref(), (users, crowd.arrivals.count())).await?,
        ScenarioName::FlashSale => flash_sale::prepare(plan, stage.as_ref(), (users, crowd.arrivals.count())).await?,
    };
    Ok((crowd, prepared))
}

impl Plan {
    fn arrivals(&self) -> Arrivals {
        Arrivals {
            rate_per_s: self.rate_per_s,
            ramp: self.ramp,
            duration: self.duration,
            spacing: if self.is_even { Spacing::Even } else { Spacing::Random },
            seed: self.seed,
            visitors_max: None,
        }
    }
}

/// What the counts mean where they are easily read wrong.
fn remarks(visited: &Visited) -> Vec<String> {
    let mut remarks = Vec::new();
    let answers = || visited.operations.iter().flat_map(|operation| &operation.answers);
    if answers().any(|answer| answer.status == Some(429)) {
        remarks.push(
            "429: the node limits how often one user and one address may call. With --as-proxy every user has an address \
             of their own, and more --users share the rest; or multiply the limits of a node that is only measured with \
             edge.capacity.rate_factor"
                .to_owned(),
        );
    }
    if visited.dropped > 0 {
        remarks.push(
            "dropped: more people waited than the generator lets wait; the node is slower than they come, or there are \
             too few --connections"
                .to_owned(),
        );
    }
    if visited.is_cut_short {
        remarks.push("ended before its time; who was under way then is unfinished and not measured".to_owned());
    }
    remarks
}
