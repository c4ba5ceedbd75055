//! What is nearby, through the whole edge, as the number of shops grows.

use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};

use super::super::arguments::Bench;
use super::super::process;
use super::town::Town;
use super::{Figure, Output, against_constant};

/// The numbers of shops when none is asked for.
const GROWTH: [u32; 3] = [10_000, 100_000, 1_000_000];
/// How many different requests there are.
const REQUESTS: usize = 4_096;
/// The same places and filters in every run.
const SEED: u64 = 4;

pub(super) async fn run(plan: &Bench, output: &mut Output) -> anyhow::Result<()> {
    let counts = plan.shops.map_or_else(|| GROWTH.to_vec(), |count| vec![count]);
    let mut town = Town::build(plan, counts.iter().copied().max().unwrap_or_default()).await?;
    for count in counts {
        town.grow(count).await?;
        let requests = town.gets(targets(&town));
        let name = format!("nearby-{count}");
        let label = ("GET /v1/shops:nearby, 5 km, 20 results, filters", requests);
        let measured = against_constant(plan, &name, &town, label).await?;
        let memory = process::memory("self").unwrap_or_default();
        output.add(Figure::from(measured).with("shops", count).with("memory_bytes", memory))?;
    }
    town.raze().await
}

/// Where shops are, all over the city. A fifth of the requests has no filter; the others have one or two of them.
fn targets(town: &Town) -> Vec<String> {
    let mut random = StdRng::seed_from_u64(SEED);
    let categories = pulse_city::categories();
    let mut target = |number: usize| {
        let place = town.city.shop(random.random_range(0..town.city.size().shops)).place;
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
