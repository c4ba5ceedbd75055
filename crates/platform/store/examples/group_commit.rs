//! Prints the speed of group commit and of single commits on this disk: `cargo run --release -p pulse-store --example group_commit`.
#![expect(clippy::print_stdout, reason = "an example that prints")]

use std::path::PathBuf;
use std::time::Duration;

use pulse_store::bench::{Plan, group_commit};

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let folder = std::env::args().nth(1).map_or_else(|| PathBuf::from("target"), PathBuf::from);
    for (use_cases, reference_use_cases, flush_delay) in
        [(64_000, 10_000, None), (32_000, 1_000, Some(Duration::from_millis(1)))]
    {
        let scratch = tempfile::tempdir_in(&folder)?;
        let folder = scratch.path().to_path_buf();
        let plan = Plan { folder, use_cases, concurrency: 64, reference_use_cases, flush_delay };
        let outcome = group_commit(&plan).await?;
        let (grouped, reference) = (outcome.grouped.rate_per_s(), outcome.reference.rate_per_s());
        println!("flush delay {flush_delay:?}: {grouped:.0}/s in groups, {reference:.0}/s one by one");
        println!("  p50 {:?}, p99 {:?}", outcome.grouped.quantile(500), outcome.grouped.quantile(990));
        println!("  one by one p50 {:?}", outcome.reference.quantile(500));
        println!("  writer {:?} per use case, {:?}", outcome.writer.busy_per_commit(), outcome.writer);
    }
    Ok(())
}
