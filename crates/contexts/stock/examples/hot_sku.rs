//! Prints how many reservations of one variant a second are possible:
//! `cargo run --release -p pulse-stock --example hot_sku [FOLDER | postgres | mariadb | URL]`.
#![expect(clippy::print_stdout, reason = "an example that prints")]

use pulse_stock::bench::{Plan, hot_sku};
use pulse_testkit::servers;

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let place = std::env::args().nth(1).unwrap_or_else(|| "target".to_owned());
    let (postgres, mariadb);
    let url = match place.as_str() {
        "postgres" => {
            postgres = servers::postgres()?;
            postgres.fresh_database()?
        }
        "mariadb" => {
            mariadb = servers::mariadb()?;
            mariadb.fresh_database()?
        }
        url if url.contains("://") => url.to_owned(),
        folder => {
            let scratch = tempfile::tempdir_in(folder)?;
            let url = |name: &str| format!("sqlite:{}", scratch.path().join(name).display());
            measure(&url("one.db"), (64_000, 64), (2_000, 1)).await?;
            return measure(&url("many.db"), (64_000, 64), (20_000, 64)).await;
        }
    };
    measure(&url, (20_000, 64), (2_000, 64)).await?;
    measure(&url, (40_000, 256), (2_000, 256)).await
}

async fn measure(
    url: &str,
    (reservations, concurrency): (u32, u32),
    (reference_reservations, reference_concurrency): (u32, u32),
) -> Result<(), Box<dyn std::error::Error>> {
    let url = url.to_owned();
    let plan = Plan { url, reservations, concurrency, reference_reservations, reference_concurrency };
    let outcome = hot_sku(&plan).await?;
    for (name, callers, run) in [
        ("over the desk", concurrency, &outcome.desk),
        ("one transaction each", reference_concurrency, &outcome.reference),
    ] {
        let (p50, p99) = (run.quantile(500), run.quantile(990));
        println!("{name}, {callers} callers: {:.0}/s, p50 {p50:?}, p99 {p99:?}", run.rate_per_s());
    }
    Ok(())
}
