//! Proves from the journals that nothing was created and nothing lost, within each context and between them.

mod between;
mod watch;

use std::collections::BTreeMap;
use std::sync::Arc;

use anyhow::{Context, anyhow};
use futures::FutureExt;
use futures::future::BoxFuture;
use pulse_contract::order::v1::OrderClient;
use pulse_contract::payment::v1::PaymentClient;
use pulse_contract::stock::v1::StockClient;
use pulse_kernel::{Clock, Error, Finding, Verified};
use pulse_store::{Pace, Store};
use serde::Serialize;

use crate::node::Node;

pub use watch::Watch;

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

/// Where the books of a node are, and whom to ask. Cheap to clone.
#[derive(Clone)]
pub struct Books {
    pub(crate) stores: Vec<Store>,
    pub(crate) stock: StockClient,
    pub(crate) orders: OrderClient,
    pub(crate) payments: PaymentClient,
    pub(crate) clock: Clock,
    /// Whether this process is the only one that writes.
    pub(crate) is_alone: bool,
    /// Where it is not urgent.
    pub(crate) pace: Option<Arc<Pace>>,
}

impl Books {
    /// The same, read in no more than a share of the time.
    fn at_pace(self, pace: &Arc<Pace>) -> Self {
        let stores = self.stores.iter().map(|store| store.at_pace(pace)).collect();
        Self { stores, pace: Some(Arc::clone(pace)), ..self }
    }

    fn of(&self, context: &str) -> anyhow::Result<Store> {
        let found = self.stores.iter().find(|store| store.context() == context);
        found.cloned().context("every context has its tables")
    }
}

/// What is put right.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Repair {
    /// Nothing: it is only told.
    Nothing,
    /// What can be put right while other nodes work.
    BesideOthers,
    /// No other node works: what looks as if it were under way will never come to its end.
    Alone,
}

/// Looks at every context, then at what is between them, when everything that was told has arrived.
///
/// # Errors
/// When a database does not answer.
pub async fn verify(node: &Node, repair: Repair) -> anyhow::Result<Report> {
    // What is still under way would be told as lost.
    let left = node.bus.settle().await;
    let books = node.books();
    let books = Books { is_alone: books.is_alone || repair == Repair::Alone, ..books };
    let mut report = look(&books, repair != Repair::Nothing).await?;
    report.add(events(node, left));
    // What was repaired may have told others something.
    node.bus.settle().await;
    Ok(report)
}

/// Looks at every context, then at what is between them.
async fn look(books: &Books, is_repair: bool) -> anyhow::Result<Report> {
    let mut report = Report::default();
    for (context, look) in CONTEXTS {
        report.add(look(books.of(context)?, is_repair).await.map_err(coded)?);
    }
    report.add(pulse_marketing::verify_quotas(&books.of("marketing")?, &books.stock).await.map_err(coded)?);
    report.add(pulse_sale::verify_orders(&books.of("sale")?, &books.orders).await.map_err(coded)?);
    report.add(between::verify(books, is_repair).await.map_err(coded)?);
    Ok(report)
}

/// Looks at the books of one context only.
///
/// # Errors
/// When its database does not answer, or it keeps no books.
pub async fn verify_context(node: &Node, context: &str) -> anyhow::Result<Report> {
    let mut report = Report::default();
    let look = CONTEXTS.iter().find(|(name, _)| *name == context).context("the context keeps no books")?.1;
    report.add(look(node.books().of(context)?, false).await.map_err(coded)?);
    Ok(report)
}

#[expect(clippy::needless_pass_by_value, reason = "it is what map_err hands over")]
fn coded(error: Error) -> anyhow::Error {
    anyhow!(error.report())
}

/// Looks at the tables of one context.
type Verify = fn(Store, bool) -> BoxFuture<'static, Result<Verified, Error>>;

/// The contexts that keep books.
const CONTEXTS: [(&str, Verify); 6] = [
    ("stock", |store, is_repair| async move { pulse_stock::verify(&store, is_repair).await }.boxed()),
    ("marketing", |store, is_repair| async move { pulse_marketing::verify(&store, is_repair).await }.boxed()),
    ("order", |store, is_repair| async move { pulse_order::verify(&store, is_repair).await }.boxed()),
    ("payment", |store, is_repair| async move { pulse_payment::verify(&store, is_repair).await }.boxed()),
    ("kitchen", |store, is_repair| async move { pulse_kitchen::verify(&store, is_repair).await }.boxed()),
    ("sale", |store, _is_repair| async move { pulse_sale::verify(&store).await }.boxed()),
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
