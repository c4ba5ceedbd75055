//! `pulse bench`: measures this machine, each time against a reference in the same run.

mod bench_node;
mod checkout;
mod edge;
mod figure;
mod flash_sale;
mod flash_sale_memory;
mod flash_sale_orders;
mod flash_sale_redis;
mod group_commit;
mod hot_sku;
mod import;
mod nearby;
mod plain_insert;
mod plan;
mod start;

use anyhow::bail;

pub use figure::Figure;
use figure::Output;
pub use plan::{BenchName, BenchPlan};

/// Runs the benchmarks of the plan, the shortest first. Benchmarks that leave much in memory run last.
///
/// # Errors
/// When a benchmark fails, `redis` is missing for `flash-sale-redis`, or `report` fails.
pub async fn run(plan: &BenchPlan, report: &mut dyn FnMut(Figure) -> anyhow::Result<()>) -> anyhow::Result<()> {
    let mut output = Output(report);
    if plan.includes(BenchName::Start) {
        output.add(start::run(plan).await?)?;
    }
    if plan.includes(BenchName::GroupCommit) {
        group_commit::run(plan, &mut output).await?;
    }
    if plan.includes(BenchName::Import) {
        output.add(import::run(plan).await?)?;
    }
    if plan.includes(BenchName::HotSku) {
        output.add(hot_sku::run(plan).await?)?;
    }
    if plan.includes(BenchName::Checkout) {
        checkout::run(plan, &mut output).await?;
    }
    if plan.includes(BenchName::FlashSaleOrders) {
        flash_sale_orders::run(plan, &mut output).await?;
    }
    match &plan.redis {
        Some(redis) if plan.includes(BenchName::FlashSaleRedis) => {
            flash_sale_redis::run(plan, redis, &mut output).await?;
        }
        None if plan.name == BenchName::FlashSaleRedis => bail!("flash-sale-redis needs --redis URL"),
        Some(_) | None => {}
    }
    if plan.includes(BenchName::Edge) {
        output.add(edge::run(plan).await?)?;
    }
    if plan.includes(BenchName::FlashSale) {
        flash_sale::admitted(plan, &mut output).await?;
    }
    if plan.includes(BenchName::FlashSaleRefused) {
        flash_sale::refused(plan, &mut output).await?;
    }
    if plan.includes(BenchName::Nearby) {
        nearby::run(plan, &mut output).await?;
    }
    if plan.includes(BenchName::FlashSaleMemory) {
        output.add(flash_sale_memory::run(plan).await?)?;
    }
    Ok(())
}
