//! People who look around: each asks for one thing, and most ask what is near.

use std::sync::Arc;

use anyhow::ensure;
use bytes::Bytes;
use pulse_bench::{Next, Scenario};

use super::mix::{Mix, draw, pick};
use super::target::Target;
use super::users::Users;
use super::{Plan, Prepared};
use crate::stage::{Stage, number};

/// How far people look, in metres, and how many shops of the answer are visited.
const RADIUS_M: u32 = 50_000;
const SHOPS_MAX: usize = 100;
/// How far people stand from the middle, in steps of a thousandth of a degree to each side.
const STEPS: u64 = 64;

#[derive(Clone, Copy)]
enum Look {
    Nearby,
    OpenNow,
    Shop,
    Menu,
    MyOrders,
}

/// What is looked at, in the order of [`OPERATIONS`].
const MIX: Mix<Look> =
    &[(30, Look::Nearby), (15, Look::OpenNow), (25, Look::Shop), (25, Look::Menu), (5, Look::MyOrders)];
const OPERATIONS: &[&str] = &["nearby", "nearby-open-now", "shop", "menu", "my-orders"];

struct Browse {
    users: Users,
    seed: u64,
    middle: (f64, f64),
    /// Not empty.
    shops: Vec<i64>,
}

/// Finds shops to look at; opens one where there is none.
pub(super) async fn prepare(
    plan: &Plan,
    target: &Target,
    stage: Option<&Stage>,
    users: Users,
) -> anyhow::Result<Prepared> {
    let mut middle = plan.near;
    let mut shops = nearby(target, middle).await?;
    let mut notes = Vec::new();
    if shops.is_empty()
        && let Some(stage) = stage
    {
        let shop_id = stage.shop(0).await?.shop_id;
        let shop = target.get(&format!("/v1/shops/{shop_id}"), None).await?;
        let degrees = |name: &str| shop["location"][name].as_f64().unwrap_or_default();
        middle = (degrees("latitude"), degrees("longitude"));
        shops.push(shop_id);
        notes.push("there were no shops there, so everybody looks at one that was opened for them".to_owned());
    }
    ensure!(
        !shops.is_empty(),
        "there are no shops within {RADIUS_M} m of {},{}; name a place with --near LATITUDE,LONGITUDE",
        middle.0,
        middle.1
    );
    notes.push(format!("{} shops around {:.3},{:.3}", shops.len(), middle.0, middle.1));
    let scenario = Arc::new(Browse { users, seed: plan.seed, middle, shops });
    Ok(Prepared { scenario, notes })
}

async fn nearby(target: &Target, (latitude, longitude): (f64, f64)) -> anyhow::Result<Vec<i64>> {
    let path =
        format!("/v1/shops:nearby?latitude={latitude}&longitude={longitude}&radius_m={RADIUS_M}&page_size={SHOPS_MAX}");
    let found = target.get(&path, None).await?;
    let shops = found["shops"].as_array().map(Vec::as_slice).unwrap_or_default();
    shops.iter().map(|shop| number(&shop["shop_id"])).collect()
}

impl Browse {
    fn request(&self, visitor: u64, look: Look, drawn: u64) -> Option<Bytes> {
        let shop = || {
            let place = drawn.checked_rem(u64::try_from(self.shops.len()).ok()?)?;
            self.shops.get(usize::try_from(place).ok()?).copied()
        };
        let path = match look {
            Look::Nearby => self.nearby(drawn, ""),
            Look::OpenNow => self.nearby(drawn, "&is_open_now=true"),
            Look::Shop => format!("/v1/shops/{}", shop()?),
            Look::Menu => format!("/v1/shops/{}/menu", shop()?),
            Look::MyOrders => "/v1/me/orders".to_owned(),
        };
        Some(self.users.get(visitor, &path))
    }

    /// Somewhere around the middle.
    fn nearby(&self, drawn: u64, filter: &str) -> String {
        let step = |drawn: u64| u32::try_from(drawn % (2 * STEPS + 1)).map_or(0.0, f64::from);
        let around = |middle: f64, drawn: u64| shifted(middle, step(drawn));
        let (latitude, longitude) = (around(self.middle.0, drawn), around(self.middle.1, drawn >> 16));
        format!("/v1/shops:nearby?latitude={latitude:.4}&longitude={longitude:.4}{filter}")
    }
}

#[expect(clippy::float_arithmetic, reason = "a place on the map")]
fn shifted(middle: f64, step: f64) -> f64 {
    middle + (step - 64.0) / 1_000.0
}

impl Scenario for Browse {
    fn operations(&self) -> &'static [&'static str] {
        OPERATIONS
    }

    fn right_refusals(&self) -> &'static [&'static str] {
        &[]
    }

    fn next(&self, visitor: u64, step: usize, _: &[u8]) -> Next {
        if step > 0 {
            return Next::Over;
        }
        let drawn = draw(self.seed, visitor);
        let look = match pick(MIX, drawn) {
            // Only who is signed in has orders.
            Some(Look::MyOrders) if self.users.count() == 0 => Look::Nearby,
            Some(look) => look,
            None => return Next::Lost,
        };
        let operation = match look {
            Look::Nearby => 0,
            Look::OpenNow => 1,
            Look::Shop => 2,
            Look::Menu => 3,
            Look::MyOrders => 4,
        };
        match self.request(visitor, look, drawn >> 8) {
            Some(request) => Next::Ask { operation, request },
            None => Next::Lost,
        }
    }
}
