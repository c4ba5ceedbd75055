//! Verification: checks the invariants of each context and between contexts.

mod cross_context;
mod watch;

use std::collections::BTreeMap;
use std::sync::Arc;

use anyhow::{Context, anyhow};
use pulse_bus::Bus;
use pulse_context::Verify;
use pulse_contract::marketing::v1::CouponClient;
use pulse_contract::order::v1::OrderClient;
use pulse_contract::payment::v1::PaymentClient;
use pulse_contract::stock::v1::StockClient;
use pulse_kernel::{Clock, Error, Finding, Verified};
use pulse_store::{Store, Throttle};
use serde::Serialize;

pub use watch::Watch;

/// Numbers of checks, and violations.
#[derive(Debug, Default, Serialize)]
pub struct Report {
    /// Number of checks by invariant.
    pub checked: BTreeMap<&'static str, u64>,
    /// Violated invariants.
    pub findings: Vec<Violation>,
}

/// A violated invariant.
#[derive(Debug, Serialize)]
pub struct Violation {
    /// Name of the invariant, `<context>.<invariant>`.
    pub invariant: &'static str,
    /// What violates it, for example `order 42`.
    pub subject: String,
    /// Found and expected values.
    pub detail: String,
    /// Whether it was repaired.
    pub is_repaired: bool,
}

impl Report {
    fn add(&mut self, verified: Verified) {
        for (invariant, count) in verified.checked {
            *self.checked.entry(invariant).or_default() += count;
        }
        for Finding { invariant, subject, detail, is_repaired } in verified.findings {
            self.checked.entry(invariant).or_default();
            self.findings.push(Violation { invariant, subject, detail, is_repaired });
        }
    }

    /// Whether all invariants hold or were repaired.
    #[must_use]
    pub fn holds(&self) -> bool {
        self.findings.iter().all(|finding| finding.is_repaired)
    }
}

/// Targets of a verification: the stores and audits of the contexts, and the clients for checks between contexts. Cheap
/// to clone.
#[derive(Clone)]
pub struct VerifyTargets {
    pub(crate) contexts: Vec<(Store, Verify)>,
    pub(crate) stock: StockClient,
    pub(crate) coupons: CouponClient,
    pub(crate) orders: OrderClient,
    pub(crate) payments: PaymentClient,
    pub(crate) clock: Clock,
    /// Whether no other process writes.
    pub(crate) is_exclusive: bool,
    /// Limits the share of time spent reading, in the background.
    pub(crate) throttle: Option<Arc<Throttle>>,
}

impl VerifyTargets {
    /// Returns the same targets with a limited share of the time for reads.
    fn throttled(self, throttle: &Arc<Throttle>) -> Self {
        let contexts = self.contexts.iter().map(|(store, verify)| (store.throttled(throttle), Arc::clone(verify)));
        Self { contexts: contexts.collect(), throttle: Some(Arc::clone(throttle)), ..self }
    }
}

/// Scope of repairs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Repair {
    /// Nothing; violations are only reported.
    Nothing,
    /// Violations that can be repaired while other nodes work.
    BesideOthers,
    /// All violations that can be repaired, on the assumption that no other node works: unfinished work is abandoned.
    Exclusive,
}

/// Verifies every context, then the contexts against each other, once all events have been delivered.
///
/// # Errors
/// When a database does not answer.
pub async fn verify(targets: VerifyTargets, bus: &Bus, repair: Repair) -> anyhow::Result<Report> {
    // Work in progress would be reported as lost.
    let left = bus.drain().await;
    let is_exclusive = targets.is_exclusive || repair == Repair::Exclusive;
    let targets = VerifyTargets { is_exclusive, ..targets };
    let mut report = verify_once(&targets, repair != Repair::Nothing).await?;
    report.add(undelivered(bus, left));
    // A repair may have published events.
    bus.drain().await;
    Ok(report)
}

/// Verifies every context, then the contexts against each other, as they are now.
async fn verify_once(targets: &VerifyTargets, is_repair: bool) -> anyhow::Result<Report> {
    let mut report = Report::default();
    for (store, verify) in &targets.contexts {
        report.add(verify(store.clone(), is_repair).await.map_err(coded)?);
    }
    report.add(cross_context::verify(targets, is_repair).await.map_err(coded)?);
    Ok(report)
}

/// Verifies one context only.
///
/// # Errors
/// When its database does not answer, or it has no invariants to verify.
pub async fn verify_context(targets: &VerifyTargets, context: &str) -> anyhow::Result<Report> {
    let mut report = Report::default();
    let found = targets.contexts.iter().find(|(store, _)| store.context() == context);
    let (store, verify) = found.context("the context has no invariants to verify")?;
    report.add(verify(store.clone(), false).await.map_err(coded)?);
    Ok(report)
}

#[expect(clippy::needless_pass_by_value, reason = "it is what map_err hands over")]
fn coded(error: Error) -> anyhow::Error {
    anyhow!(error.report())
}

/// Every event is handled by every consumer of its topic, or waits for an operator.
fn undelivered(bus: &Bus, left: Vec<String>) -> Verified {
    let findings = left.into_iter().map(|detail| Finding {
        invariant: "events.delivered",
        subject: "an event".to_owned(),
        detail,
        is_repaired: false,
    });
    let count = u64::try_from(bus.status().len()).unwrap_or(u64::MAX);
    Verified { checked: vec![("events.delivered", count)], findings: findings.collect() }
}
