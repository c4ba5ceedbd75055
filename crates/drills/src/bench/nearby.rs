//! Search for nearby shops through the whole edge, at growing shop counts.

use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};

use super::bench_node::BenchNode;
use super::figure::{Figure, Output};
use super::plan::BenchPlan;
use crate::process_memory;

/// Shop counts of the series when the plan has none.
const SHOP_COUNTS: [u32; 3] = [10_000, 100_000, 1_000_000];
/// Number of different requests.
const REQUESTS: usize = 4_096;
/// Seed of the requests, so that every run has the same locations and filters.
const SEED: u64 = 4;

pub(super) async fn run(plan: &BenchPlan, output: &mut Output<'_>) -> anyhow::Result<()> {
    let counts = plan.shops.map_or_else(|| SHOP_COUNTS.to_vec(), |count| vec![count]);
    let mut node = BenchNode::start(plan, counts.iter().copied().max().unwrap_or_default()).await?;
    for count in counts {
        node.open_shops(count).await?;
        let subject = ("GET /v1/shops:nearby, 5 km, 20 results, filters", node.gets(targets(&node)));
        let measured = node.against_constant(plan, &format!("nearby-{count}"), subject).await?;
        let memory = process_memory::current("self").unwrap_or_default();
        output.add(Figure::from(measured).with("shops", count).with("memory_bytes", memory))?;
    }
    node.stop().await
}

/// Request targets at locations of shops all over the city. A fifth has no filter; the others have one to three filters.
fn targets(node: &BenchNode) -> Vec<String> {
    let mut random = StdRng::seed_from_u64(SEED);
    let categories = pulse_city::categories();
    let mut target = |number: usize| {
        let place = node.city.shop(random.random_range(0..node.city.size().shops)).place;
        let (latitude, longitude) = (place.latitude(), place.longitude());
        let any = categories.get(random.random_range(0..categories.len()));
        let category = any.map_or(0, |category| category.code.number());
        let filter = match number % 5 {
            0 => String::new(),
            1 => format!("&category_code={category}"),
            2 => "&price_level_max=2&rating_hundredths_min=400".to_owned(),
            3 => "&is_open_now=true".to_owned(),
            _ => format!("&category_code={category}&rating_hundredths_min=350&is_open_now=true"),
        };
        format!("/v1/shops:nearby?latitude={latitude}&longitude={longitude}&radius_m=5000&page_size=20{filter}")
    };
    (0..REQUESTS).map(&mut target).collect()
}
