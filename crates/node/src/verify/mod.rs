//! Proves from the journals that nothing was created and nothing lost, within each context and between them.

mod between;

use std::collections::BTreeMap;

use anyhow::{Context, anyhow};
use futures::FutureExt;
use futures::future::BoxFuture;
use pulse_kernel::{Error, Finding, Verified};
use pulse_store::Store;
use serde::Serialize;

use crate::node::Node;

/// What was looked at, and what was found.
#[derive(Debug, Default, Serialize)]
pub struct Report {
    /// How many things were checked, by invariant.
    pub checked: BTreeMap<&'static str, u64>,
    /// What does not hold.
    pub findings: Vec<Told>,
}

/// One finding.
#[derive(Debug, Serialize)]
pub struct Told {
    /// Which invariant.
    pub invariant: &'static str,
    /// Of what.
    pub subject: String,
    /// What is wrong.
    pub detail: String,
    /// Whether it was put right.
    pub is_repaired: bool,
}

impl Report {
    fn add(&mut self, verified: Verified) {
        for (invariant, count) in verified.checked {
            *self.checked.entry(invariant).or_default() += count;
        }
        for Finding { invariant, subject, detail, is_repaired } in verified.findings {
            self.checked.entry(invariant).or_default();
            self.findings.push(Told { invariant, subject, detail, is_repaired });
        }
    }

    /// Whether everything holds, or was repaired.
    #[must_use]
    pub fn holds(&self) -> bool {
        self.findings.iter().all(|finding| finding.is_repaired)
    }
}

/// Looks at every context, then at what is between them.
///
/// # Errors
/// When a database does not answer.
pub async fn verify(node: &Node, is_repair: bool) -> anyhow::Result<Report> {
    let mut report = Report::default();
    // What is still under way would be told as lost.
    let left = node.bus.settle().await;
    report.add(events(node, left));
    let coded = |error: Error| anyhow!(error.story());
    for (context, look) in CONTEXTS {
        let store = node.store(context).context("every context has its tables")?;
        report.add(look(store.clone(), is_repair).await.map_err(coded)?);
    }
    report.add(between::verify(node, is_repair).await.map_err(coded)?);
    // What was repaired may have told others something.
    node.bus.settle().await;
    Ok(report)
}

/// Looks at the tables of one context.
type Verify = fn(Store, bool) -> BoxFuture<'static, Result<Verified, Error>>;

/// The contexts that keep books.
const CONTEXTS: [(&str, Verify); 5] = [
    ("stock", |store, is_repair| async move { pulse_stock::verify(&store, is_repair).await }.boxed()),
    ("marketing", |store, is_repair| async move { pulse_marketing::verify(&store, is_repair).await }.boxed()),
    ("order", |store, is_repair| async move { pulse_order::verify(&store, is_repair).await }.boxed()),
    ("payment", |store, is_repair| async move { pulse_payment::verify(&store, is_repair).await }.boxed()),
    ("kitchen", |store, is_repair| async move { pulse_kitchen::verify(&store, is_repair).await }.boxed()),
];

/// Every event was taken in by every consumer that hears it, or waits for an operator.
fn events(node: &Node, left: Vec<String>) -> Verified {
    let status = node.bus.status();
    let findings = left.into_iter().map(|detail| Finding {
        invariant: "events.delivered",
        subject: "an event".to_owned(),
        detail,
        is_repaired: false,
    });
    let count = u64::try_from(status.len()).unwrap_or(u64::MAX);
    Verified { checked: vec![("events.delivered", count)], findings: findings.collect() }
}
