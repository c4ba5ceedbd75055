//! Scenario `browse`: one read request per visit, most of them searches for nearby shops.

use std::sync::Arc;

use anyhow::ensure;
use bytes::Bytes;
use pulse_bench::{NextStep, Scenario};

use super::mix::{Mix, draw, pick};
use super::plan::Plan;
use super::prepared::Prepared;
use super::target_url::TargetUrl;
use super::users::Users;
use crate::target_node::{TargetNode, number};

/// Search radius for shops to read, in metres.
const RADIUS_M: u32 = 50_000;
/// Maximum number of shops to read.
const SHOPS_MAX: usize = 100;
/// Maximum distance of a user from the centre in each direction, in steps of a thousandth of a degree.
const STEPS: u64 = 64;

#[derive(Clone, Copy)]
enum Read {
    Nearby,
    OpenNow,
    Shop,
    Menu,
    MyOrders,
}

/// Weights of the reads, in the order of [`OPERATIONS`].
const MIX: Mix<Read> =
    &[(30, Read::Nearby), (15, Read::OpenNow), (25, Read::Shop), (25, Read::Menu), (5, Read::MyOrders)];
const OPERATIONS: &[&str] = &["nearby", "nearby-open-now", "shop", "menu", "my-orders"];

struct Browse {
    users: Users,
    seed: u64,
    /// Latitude and longitude in degrees.
    centre: (f64, f64),
    /// IDs of the shops to read; not empty.
    shops: Vec<i64>,
}

/// Finds shops to read; opens one if there is none nearby.
pub(super) async fn prepare(
    plan: &Plan,
    target: &TargetUrl,
    node: Option<&TargetNode>,
    users: Users,
) -> anyhow::Result<Prepared> {
    let mut centre = plan.near;
    let mut shops = nearby(target, centre).await?;
    let mut notes = Vec::new();
    if shops.is_empty()
        && let Some(node) = node
    {
        let shop_id = node.open_shop(0).await?.shop_id;
        let shop = target.get(&format!("/v1/shops/{shop_id}"), None).await?;
        let degrees = |name: &str| shop["location"][name].as_f64().unwrap_or_default();
        centre = (degrees("latitude"), degrees("longitude"));
        shops.push(shop_id);
        notes.push("opened one shop, because there were no shops nearby".to_owned());
    }
    ensure!(
        !shops.is_empty(),
        "there are no shops within {RADIUS_M} m of {},{}; set --near LATITUDE,LONGITUDE to a location with shops",
        centre.0,
        centre.1
    );
    notes.push(format!("{} shops around {:.3},{:.3}", shops.len(), centre.0, centre.1));
    let scenario = Arc::new(Browse { users, seed: plan.seed, centre, shops });
    Ok(Prepared { scenario, notes })
}

async fn nearby(target: &TargetUrl, (latitude, longitude): (f64, f64)) -> anyhow::Result<Vec<i64>> {
    let path =
        format!("/v1/shops:nearby?latitude={latitude}&longitude={longitude}&radius_m={RADIUS_M}&page_size={SHOPS_MAX}");
    let found = target.get(&path, None).await?;
    let shops = found["shops"].as_array().map(Vec::as_slice).unwrap_or_default();
    shops.iter().map(|shop| number(&shop["shop_id"])).collect()
}

impl Browse {
    fn request(&self, visit: u64, read: Read, drawn: u64) -> Option<Bytes> {
        let shop = || {
            let place = drawn.checked_rem(u64::try_from(self.shops.len()).ok()?)?;
            self.shops.get(usize::try_from(place).ok()?).copied()
        };
        let path = match read {
            Read::Nearby => self.nearby(drawn, ""),
            Read::OpenNow => self.nearby(drawn, "&is_open_now=true"),
            Read::Shop => format!("/v1/shops/{}", shop()?),
            Read::Menu => format!("/v1/shops/{}/menu", shop()?),
            Read::MyOrders => "/v1/me/orders".to_owned(),
        };
        Some(self.users.get(visit, &path))
    }

    /// Path of a search at a random location around the centre.
    fn nearby(&self, drawn: u64, filter: &str) -> String {
        let step = |drawn: u64| u32::try_from(drawn % (2 * STEPS + 1)).map_or(0.0, f64::from);
        let around = |centre: f64, drawn: u64| shifted(centre, step(drawn));
        let (latitude, longitude) = (around(self.centre.0, drawn), around(self.centre.1, drawn >> 16));
        format!("/v1/shops:nearby?latitude={latitude:.4}&longitude={longitude:.4}{filter}")
    }
}

#[expect(clippy::float_arithmetic, reason = "a location on the map")]
fn shifted(centre: f64, step: f64) -> f64 {
    centre + (step - 64.0) / 1_000.0
}

impl Scenario for Browse {
    fn operations(&self) -> &'static [&'static str] {
        OPERATIONS
    }

    fn expected_refusals(&self) -> &'static [&'static str] {
        &[]
    }

    fn next(&self, visit: u64, step: usize, _: &[u8]) -> NextStep {
        if step > 0 {
            return NextStep::Done;
        }
        let drawn = draw(self.seed, visit);
        let read = match pick(MIX, drawn) {
            // Anonymous users have no orders.
            Some(Read::MyOrders) if self.users.count() == 0 => Read::Nearby,
            Some(read) => read,
            None => return NextStep::Unexpected,
        };
        let operation = match read {
            Read::Nearby => 0,
            Read::OpenNow => 1,
            Read::Shop => 2,
            Read::Menu => 3,
            Read::MyOrders => 4,
        };
        match self.request(visit, read, drawn >> 8) {
            Some(request) => NextStep::Send { operation, request },
            None => NextStep::Unexpected,
        }
    }
}
