//! A hot row: everybody reserves the same variant, beside one transaction each.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;

use anyhow::anyhow;
use pulse_bench::{Outcome, Progress, alternate, run_concurrent};
use pulse_contract::errors;
use pulse_contract::stock::v1::{
    PutResourceRequest, ReservationKey, ReservationLine, ReservationOwner, ReservationState, ReserveRequest,
    ResourceKind, ResourceRef, StockClient, StockRules,
};
use pulse_kernel::{Cx, Error};
use pulse_store::{Commit, Insert, Statement, Store, values};

use super::super::arguments::Bench;
use super::Figure;
use super::town::Town;

/// How long a round is.
const ROUND: Duration = Duration::from_secs(2);
/// Of the stock.
const RESOURCE: ResourceRef = ResourceRef { kind: ResourceKind::Sku as i32, id: 1 };
/// More than is ever reserved.
const UNITS: i64 = 1_000_000_000_000;

pub(super) async fn run(plan: &Bench) -> anyhow::Result<Figure> {
    let town = Town::build(plan, 1).await?;
    let subject = Subject { stock: town.node().stock().clone(), next: Arc::new(AtomicI64::new(1)) };
    subject.fill(&town.cx()).await.map_err(|error| anyhow!(error.story()))?;
    let reference = Reference { store: town.rows()?, next: Arc::new(AtomicI64::new(1)) };
    reference.fill().await?;
    let (workers, rounds) = (usize::try_from(plan.connections)?, usize::try_from(plan.rounds)?);
    let progress = Progress::on_stderr("hot-sku", u64::from(plan.rounds) * 2);
    let measured = alternate(
        rounds,
        &progress,
        async |_| subject.measure(workers).await,
        async |_| reference.measure(workers).await,
    );
    let measured = measured.await.map_err(|error| anyhow!(error.story()))?;
    progress.finish();
    let label = "one transaction each: a guarded UPDATE, a movement, a reservation, through the same store";
    let latency = measured.subject_as_one();
    let figure = Figure::from(measured.measurement("hot-sku", label, workers, &latency));
    town.node().bus.settle().await;
    town.raze().await?;
    Ok(figure)
}

/// The stock context.
struct Subject {
    stock: StockClient,
    next: Arc<AtomicI64>,
}

impl Subject {
    async fn fill(&self, cx: &Cx) -> Result<(), Error> {
        let rules = Some(StockRules::default());
        let request = PutResourceRequest { shop_id: 1, resource: Some(RESOURCE), rules, on_hand: UNITS };
        self.stock.put_resource(cx, request).await.map(drop)
    }

    async fn measure(&self, workers: usize) -> Result<Outcome, Error> {
        let (stock, next) = (self.stock.clone(), Arc::clone(&self.next));
        run_concurrent(workers, ROUND, move |_, _| {
            let (stock, id) = (stock.clone(), next.fetch_add(1, Ordering::Relaxed));
            async move { reserve(&stock, id).await }
        })
        .await
    }
}

async fn reserve(stock: &StockClient, id: i64) -> Result<(), Error> {
    let now = pulse_kernel::Clock::system().now();
    let request = ReserveRequest {
        key: Some(ReservationKey { owner: ReservationOwner::External.into(), id }),
        lines: vec![ReservationLine { resource: Some(RESOURCE), quantity: 1 }],
        ..ReserveRequest::default()
    };
    let reservation = stock.reserve(&Cx::system("bench", now), request).await?;
    if reservation.state() == ReservationState::Held {
        return Ok(());
    }
    Err(errors::INTERNAL.error("a reservation of plenty was refused"))
}

/// What one would write without a stock context.
struct Reference {
    store: Store,
    next: Arc<AtomicI64>,
}

impl Reference {
    async fn fill(&self) -> anyhow::Result<()> {
        let row = Insert::into("bench_stock", &["id", "on_hand", "reserved"]).row(values![1_i64, UNITS, 0_i64]);
        let cx = Cx::system("bench", self.store.clock().now());
        Ok(self.store.commit(&cx, Commit::new().insert(row)).await?)
    }

    async fn measure(&self, workers: usize) -> Result<Outcome, Error> {
        let (store, next) = (self.store.clone(), Arc::clone(&self.next));
        run_concurrent(workers, ROUND, move |_, _| {
            let (store, id) = (store.clone(), next.fetch_add(1, Ordering::Relaxed));
            async move { Ok(store.commit(&Cx::system("bench", store.clock().now()), one(id)).await?) }
        })
        .await
    }
}

fn one(id: i64) -> Commit {
    let update = Statement::new(
        "UPDATE bench_stock SET reserved = reserved + 1 WHERE id = ? AND on_hand - reserved >= 1",
        values![1_i64],
    );
    let movement = Insert::into("bench_movements", &["id", "stock_id", "delta"]).row(values![id, 1_i64, 1_i64]);
    let reservation =
        Insert::into("bench_reservations", &["id", "stock_id", "quantity"]).row(values![id, 1_i64, 1_i64]);
    Commit::new().write(update).expect_rows(1).insert(movement).insert(reservation)
}
