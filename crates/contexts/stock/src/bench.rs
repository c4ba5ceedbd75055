//! Benchmark of concurrent reservations of one hot variant: through the batcher, and as a reference with one transaction
//! each, on the same tables in the same run.
//!
//! A reservation writes the same rows as that of an order: the reservation, a movement, the resource and a timer, flushed
//! to disk before the answer.

use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::Bytes;
use pulse_contract::errors;
use pulse_kernel::id::ShopId;
use pulse_kernel::{Clock, Cx, Error, IdGenerator, Timestamp};
use pulse_store::bench::Run;
use pulse_store::{Commit, Database, Insert, Options, Statement, Store, StoreError, Timer, values};
use tokio::task::JoinSet;

use crate::batcher::StockBatcher;
use crate::domain::command::{Reply, Verb};
use crate::domain::reservation::{Key, Line, Owner, State};
use crate::domain::resource::{Kind, Moment, ResourceRef, Rules};
use crate::store::resources;
use crate::timers;
use crate::verify::verify;
use crate::{StockConfig, TABLES};

/// Parameters of the benchmark.
#[derive(Clone, Debug)]
pub struct Plan {
    /// URL of the database, for example `sqlite:/tmp/hot.db` or `postgres://...`.
    pub url: String,
    /// Number of reservations through the batcher.
    pub reservations: u32,
    /// Number of concurrent callers of the batcher.
    pub concurrency: u32,
    /// Number of reservations with one transaction each.
    pub reference_reservations: u32,
    /// Number of concurrent callers of the reference.
    pub reference_concurrency: u32,
}

/// Results of both runs.
#[derive(Clone, Debug)]
pub struct HotSku {
    /// Run through the batcher.
    pub batched: Run,
    /// Run with one transaction each: a guarded change of the hot row, and the same other rows.
    pub reference: Run,
}

/// Time until a reservation expires: longer than any measurement.
const HELD_FOR: Duration = Duration::from_secs(86_400);

/// Runs the benchmark, and verifies that no unit was created or lost.
///
/// # Errors
/// `STORE_UNAVAILABLE`; `INTERNAL` when the ledger violates an invariant afterwards.
pub async fn hot_sku(plan: &Plan) -> Result<HotSku, Error> {
    let database = Database::open(&plan.url, Options::default()).await?;
    let ids = Arc::new(IdGenerator::new(1));
    let store = Store::open(&database, "stock", TABLES.migrations, Clock::system(), ids).await?;
    let batcher = StockBatcher::start(store.clone(), &StockConfig::default());
    let hot = Hot {
        resource: open(&batcher, &store, plan.reservations).await?,
        store: store.clone(),
        batcher: batcher.clone(),
    };
    let other = Hot { resource: open(&batcher, &store, plan.reference_reservations).await?, ..hot.clone() };
    let reference =
        race(plan.reference_reservations, plan.reference_concurrency, move || one_each(other.clone())).await?;
    let batched = {
        let hot = hot.clone();
        race(plan.reservations, plan.concurrency, move || reserve_batched(hot.clone())).await?
    };
    let sold = resources::by_ref(&store, hot.resource).await?.map(|row| row.available());
    let wrong = verify(&store, false).await?.findings;
    if sold != Some(0) || !wrong.is_empty() {
        let detail = format!("{sold:?} units are left; findings: {wrong:?}");
        return Err(errors::INTERNAL.error("the ledger violates an invariant").caused_by(detail));
    }
    Ok(HotSku { batched, reference })
}

/// The hot variant, and the access to it.
#[derive(Clone)]
struct Hot {
    resource: ResourceRef,
    store: Store,
    batcher: StockBatcher,
}

async fn open(batcher: &StockBatcher, store: &Store, units: u32) -> Result<ResourceRef, Error> {
    let cx = Cx::system("bench", store.clock().now());
    let resource = ResourceRef { id: store.next_id(cx.now), kind: Kind::Sku };
    let verb = Verb::Put { shop: ShopId::new(1), resource, rules: Rules::default(), on_hand: units.into() };
    batcher.execute(&cx, verb).await.map(|_reply| resource)
}

/// Makes `count` calls from `callers` concurrent tasks. Each task waits for an answer before its next call.
async fn race<F>(count: u32, callers: u32, call: impl Fn() -> F + Clone + Send + 'static) -> Result<Run, Error>
where
    F: Future<Output = Result<(), Error>> + Send + 'static,
{
    let started = Instant::now();
    let mut tasks = JoinSet::new();
    for caller in 0..callers.max(1) {
        // The first callers make the remainder of the division.
        let share = (count + callers.saturating_sub(1) - caller).checked_div(callers.max(1)).unwrap_or(0);
        let call = call.clone();
        tasks.spawn(async move {
            let mut latencies = Vec::new();
            for _ in 0..share {
                let begun = Instant::now();
                call().await?;
                latencies.push(begun.elapsed());
            }
            Ok::<_, Error>(latencies)
        });
    }
    let mut latencies = Vec::new();
    while let Some(task) = tasks.join_next().await {
        let ended = task.map_err(|error| errors::INTERNAL.error("a caller task failed").caused_by(error))?;
        latencies.extend(ended?);
    }
    let elapsed = started.elapsed();
    latencies.sort_unstable();
    Ok(Run { elapsed, latencies })
}

async fn reserve_batched(hot: Hot) -> Result<(), Error> {
    let cx = Cx::system("bench", hot.store.clock().now());
    let verb = Verb::Reserve {
        key: Key { id: hot.store.next_id(cx.now), owner: Owner::Order },
        lines: vec![Line { resource: hot.resource, quantity: 1 }],
        expires_at: Some(cx.now.plus(HELD_FOR)),
        moment: Moment::Order,
    };
    let reply = hot.batcher.execute(&cx, verb).await?;
    if matches!(&reply, Reply::Reservation(result) if result.state == Some(State::Active)) {
        return Ok(());
    }
    Err(errors::INTERNAL
        .error("a reservation was refused although units were available")
        .caused_by(format!("{reply:?}")))
}

/// Writes the same rows without the batcher: the database guards the hot row, and concurrent callers wait for its lock.
async fn one_each(hot: Hot) -> Result<(), Error> {
    let cx = Cx::system("bench", hot.store.clock().now());
    let key = Key { id: hot.store.next_id(cx.now), owner: Owner::Order };
    loop {
        match hot.store.commit(&cx, guarded(&hot, &cx, key)).await {
            Ok(()) => return Ok(()),
            // The lock was not acquired in time: retry.
            Err(StoreError::Conflict) => {}
            Err(error) => return Err(error.into()),
        }
    }
}

fn guarded(hot: &Hot, cx: &Cx, key: Key) -> Commit {
    let (id, now) = (hot.resource.id, cx.now);
    let take = Statement::new(
        "UPDATE stock_resources SET reserved = reserved + 1, version = version + 1, revision = revision + 1 \
         WHERE ref_id = ? AND kind = 1 AND on_hand - reserved >= 1",
        values![id],
    );
    let note = Statement::new(
        "INSERT INTO stock_movements (ref_id, kind, version, id, movement_kind, on_hand_delta, reserved_delta, on_hand, \
         reserved, owner, owner_id, actor, note, moved_at) \
         SELECT ref_id, kind, version, ?, 1, 0, 1, on_hand, reserved, 1, ?, 0, '', ? \
         FROM stock_resources WHERE ref_id = ? AND kind = 1",
        values![hot.store.next_id(now), key.id, now, id],
    );
    let due_at = now.plus(HELD_FOR);
    Commit::new()
        .write(take)
        .expect_rows(1)
        .write(note)
        .expect_rows(1)
        .insert(reservation(hot.resource, key, now, due_at))
        .timer(Timer { kind: timers::kind_of(key.owner), key: key.id, due_at, payload: Bytes::new() })
}

fn reservation(resource: ResourceRef, key: Key, now: Timestamp, expires_at: Timestamp) -> Insert {
    use crate::domain::ledger::Changed;
    use crate::domain::reservation::{LineOutcome, Reservation};
    use crate::domain::resource::LineStatus;
    let line = Line { resource, quantity: 1 };
    let lines = vec![LineOutcome { line, status: LineStatus::Ok, available: 0 }];
    let is = Reservation { state: State::Active, lines, expires_at: Some(expires_at), created_at: now };
    crate::store::reservations::rows(&[Changed { key, was: None, is }], now)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// TR-20: the benchmark fails if a unit was created or lost.
    #[tokio::test]
    async fn every_measured_reservation_happened_once() {
        let plan = Plan {
            url: "sqlite::memory:".to_owned(),
            reservations: 301,
            concurrency: 16,
            reference_reservations: 50,
            reference_concurrency: 4,
        };
        let outcome = hot_sku(&plan).await.unwrap();
        assert_eq!((outcome.batched.latencies.len(), outcome.reference.latencies.len()), (301, 50));
    }
}
