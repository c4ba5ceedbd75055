//! What the edge costs: an authenticated, rate-limited, traced GET of one cached row.

use super::super::arguments::Bench;
use super::town::Town;
use super::{Figure, against_constant};

/// Enough that the row is one of many.
const SHOPS: u32 = 1_000;

pub(super) async fn run(plan: &Bench) -> anyhow::Result<Figure> {
    let mut town = Town::build(plan, SHOPS).await?;
    town.grow(SHOPS).await?;
    let target = format!("/v1/shops/{}", town.first_shop().await?);
    let requests = town.gets(std::iter::repeat_n(target, town.people_count()));
    let measured = against_constant(plan, "edge", &town, ("GET /v1/shops/{id}, a cached row", requests)).await?;
    town.raze().await?;
    Ok(measured.into())
}
