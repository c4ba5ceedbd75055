//! Measures a million timers: `cargo run --release -p pulse-store --example timers`.
#![expect(clippy::print_stdout, reason = "an example that prints")]

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::{Duration, Instant};

use bytes::Bytes;
use pulse_kernel::clock::VirtualClock;
use pulse_kernel::{Clock, Cx, Error, IdGenerator, Timestamp};
use pulse_store::{Commit, Database, Options, Store, Timer, TimerPump};

const COUNT: i64 = 1_000_000;
const PER_COMMIT: i64 = 5_000;
const FIRED: i64 = 20_000;
const START: Timestamp = Timestamp::from_millis(1_767_225_600_000);

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let folder = std::env::args().nth(1).map_or_else(|| PathBuf::from("target"), PathBuf::from);
    let scratch = tempfile::tempdir_in(&folder)?;
    let path = scratch.path().join("timers.db");
    let clock = VirtualClock::starting_at(START);
    let store = open(&path, &clock).await?;
    let (started, before) = (Instant::now(), resident_kib()?);
    for first in (0..COUNT).step_by(usize::try_from(PER_COMMIT)?) {
        let commit = (first..first + PER_COMMIT).fold(Commit::new(), |commit, key| {
            let due_at = Timestamp::from_millis(START.as_millis() + 1 + key);
            commit.timer(Timer { kind: "order.payment_overdue", key, due_at, payload: Bytes::new() })
        });
        store.commit(&Cx::system("timers", clock.now()), commit).await?;
    }
    println!("set {COUNT} in {:?}, {} KiB of memory more", started.elapsed(), resident_kib()?.saturating_sub(before));
    drop(store);
    let started = Instant::now();
    let store = open(&path, &clock).await?;
    println!("after a restart {} are there, found in {:?}", store.timer_count().await?, started.elapsed());
    println!("{} bytes of file each", std::fs::metadata(&path)?.len().checked_div(COUNT.unsigned_abs()).unwrap_or(0));
    clock.advance(Duration::from_millis(FIRED.unsigned_abs()));
    let (fired, handler_store) = (Arc::new(AtomicI64::new(0)), store.clone());
    let handler_fired = Arc::clone(&fired);
    let pump = TimerPump::new(&store).on("order.payment_overdue", move |due| {
        let (store, fired) = (handler_store.clone(), Arc::clone(&handler_fired));
        async move {
            store.commit(&Cx::system("timer", store.clock().now()), Commit::new().fired(&due)).await?;
            fired.fetch_add(1, Ordering::Relaxed);
            Ok::<_, Error>(())
        }
    });
    let started = Instant::now();
    pump.run_due().await?;
    println!("fired {} in {:?}, {} KiB of memory", fired.load(Ordering::Relaxed), started.elapsed(), resident_kib()?);
    Ok(())
}

async fn open(path: &std::path::Path, clock: &VirtualClock) -> Result<Store, Box<dyn std::error::Error>> {
    let database = Database::open(&format!("sqlite:{}", path.display()), Options::default()).await?;
    Ok(Store::open(&database, "timed", &[], Clock::Virtual(clock.clone()), Arc::new(IdGenerator::new(1))).await?)
}

/// Resident memory of this process in KiB, from /proc.
fn resident_kib() -> Result<u64, Box<dyn std::error::Error>> {
    let status = std::fs::read_to_string("/proc/self/status")?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).ok_or("no VmRSS")?;
    Ok(line.trim().trim_end_matches(" kB").parse()?)
}
