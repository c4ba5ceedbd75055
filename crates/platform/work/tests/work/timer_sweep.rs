//! Sweeps by a timer of the store: pages, positions, failures.

use std::sync::Arc;
use std::time::Duration;

use parking_lot::Mutex;
use pulse_contract::errors;
use pulse_kernel::clock::VirtualClock;
use pulse_kernel::{Error, IdGenerator};
use pulse_store::{Commit, Database, Migration, Options, Statement, Store, TimerPump, values};
use pulse_work::{SweepPage, TimerSweep};

use crate::stopped_clock;

const SWEEP: TimerSweep = TimerSweep::every("test.purge", Duration::from_secs(3_600))
    .first_after(Duration::from_secs(60))
    .page_pause(Duration::from_secs(1));

const MIGRATIONS: &[Migration] =
    &[Migration { version: 1, name: "rows", sql: "CREATE TABLE t_rows (id BIGINT NOT NULL PRIMARY KEY)" }];

/// Outcomes of pages, the next one last: the position of the page behind it, or a failure.
type Plan = Arc<Mutex<Vec<Result<Option<i64>, ()>>>>;

/// A store, its clock, and the positions of the pages.
struct Fixture {
    store: Store,
    hands: VirtualClock,
    positions: Arc<Mutex<Vec<i64>>>,
    plan: Plan,
}

impl Fixture {
    async fn new(plan: &[Result<Option<i64>, ()>]) -> Self {
        let (clock, hands) = stopped_clock();
        let database = Database::open("sqlite::memory:", Options::default()).await.unwrap();
        let store = Store::open(&database, "t", MIGRATIONS, clock, Arc::new(IdGenerator::new(1))).await.unwrap();
        let plan = Arc::new(Mutex::new(plan.iter().rev().copied().collect()));
        Self { store, hands, positions: Arc::default(), plan }
    }

    /// Fires what is due after some time.
    async fn fire_after(&self, seconds: u64) {
        self.hands.advance(Duration::from_secs(seconds));
        let (store, positions, plan) = (self.store.clone(), Arc::clone(&self.positions), Arc::clone(&self.plan));
        let pump = TimerPump::new(&self.store).on(SWEEP.kind(), move |due| {
            let (store, positions, plan) = (store.clone(), Arc::clone(&positions), Arc::clone(&plan));
            async move {
                SWEEP.fire(&store, &due, |cx, position| page((cx, position), positions, plan)).await?;
                // A second firing of the same setting changes nothing.
                SWEEP.fire(&store, &due, |_cx, _position| async { Ok(SweepPage::default()) }).await
            }
        });
        pump.run_due().await.unwrap();
    }

    fn positions(&self) -> Vec<i64> {
        self.positions.lock().clone()
    }
}

async fn page(
    (cx, position): (pulse_kernel::Cx, i64),
    positions: Arc<Mutex<Vec<i64>>>,
    plan: Plan,
) -> Result<SweepPage, Error> {
    assert_eq!(cx.now.as_millis() % 1_000, 0, "the context has the time of the clock");
    positions.lock().push(position);
    let next = plan.lock().pop().unwrap_or(Ok(None));
    let next = next.map_err(|()| errors::STORE_UNAVAILABLE.error("no database"))?;
    let row = Statement::new("INSERT INTO t_rows (id) VALUES (?)", values![position]);
    Ok(SweepPage { commit: Commit::new().write(row), next })
}

#[tokio::test]
async fn pages_follow_each_other_until_the_walk_is_complete() {
    let fixture = Fixture::new(&[Ok(Some(7)), Ok(Some(9)), Ok(None)]).await;
    SWEEP.start(&fixture.store).await.unwrap();
    fixture.fire_after(59).await;
    assert_eq!(fixture.positions(), [0_i64; 0]);
    fixture.fire_after(1).await;
    assert_eq!(fixture.positions(), [0]);
    fixture.fire_after(1).await;
    fixture.fire_after(1).await;
    assert_eq!(fixture.positions(), [0, 7, 9]);
    let written: Vec<(i64,)> =
        fixture.store.all(Statement::new("SELECT id FROM t_rows ORDER BY id", values![])).await.unwrap();
    assert_eq!(written, [(0,), (7,), (9,)], "with the position, once each");
    fixture.fire_after(3_599).await;
    assert_eq!(fixture.positions().len(), 3);
}

#[tokio::test]
async fn a_failed_page_is_tried_again() {
    let fixture = Fixture::new(&[Ok(Some(7)), Err(()), Ok(None)]).await;
    SWEEP.start(&fixture.store).await.unwrap();
    for seconds in [60, 1, 1] {
        fixture.fire_after(seconds).await;
    }
    assert_eq!(fixture.positions(), [0, 7, 7]);
}

#[tokio::test]
async fn a_start_begins_from_the_first_row() {
    let fixture = Fixture::new(&[Ok(Some(7)), Ok(None)]).await;
    SWEEP.start(&fixture.store).await.unwrap();
    fixture.fire_after(60).await;
    SWEEP.start(&fixture.store).await.unwrap();
    fixture.fire_after(1).await;
    assert_eq!(fixture.positions(), [0], "the timer was moved");
    fixture.fire_after(59).await;
    assert_eq!(fixture.positions(), [0, 0]);
}
