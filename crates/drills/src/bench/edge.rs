//! Cost of the edge: an authenticated, rate-limited, traced GET of one cached row.

use super::bench_node::BenchNode;
use super::figure::Figure;
use super::plan::BenchPlan;

/// Number of shops in the database; one of them is read.
const SHOPS: u32 = 1_000;

pub(super) async fn run(plan: &BenchPlan) -> anyhow::Result<Figure> {
    let mut node = BenchNode::start(plan, SHOPS).await?;
    node.open_shops(SHOPS).await?;
    let target = format!("/v1/shops/{}", node.first_shop().await?);
    let requests = node.gets(std::iter::repeat_n(target, node.tokens().len()));
    let measured = node.against_constant(plan, "edge", ("GET /v1/shops/{id}, a cached row", requests)).await?;
    node.stop().await?;
    Ok(measured.into())
}
