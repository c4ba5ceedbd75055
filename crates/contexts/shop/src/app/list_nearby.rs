//! Lists active shops around a position, nearest first, from memory.

use pulse_contract::errors as common;
use pulse_contract::shop::v1::{ListNearbyRequest, ListNearbyResponse, NearbyShop};
use pulse_kernel::id::ShopId;
use pulse_kernel::{Cx, Error};

use super::submit_shop_application::{category, position_of};
use super::{App, view};
use crate::domain::hours::LocalClocks;
use crate::domain::nearby::{Hit, Query, ShopPoint};

/// Default radius in metres (PL-04).
const RADIUS_DEFAULT_M: i32 = 5_000;
/// Default number of shops per page (PL-04).
const SIZE_DEFAULT: i32 = 5;

pub(crate) async fn list_nearby(app: &App, cx: &Cx, request: ListNearbyRequest) -> Result<ListNearbyResponse, Error> {
    let query = query(cx, &request)?;
    let mut clocks = LocalClocks::at(cx.now);
    let page = app.active.search(&query, |hit, point| shop(&mut clocks, hit, point))?;
    let next_page_token = page.next.map(|cursor| cursor.to_string()).unwrap_or_default();
    Ok(ListNearbyResponse { shops: page.hits, next_page_token })
}

fn query(cx: &Cx, request: &ListNearbyRequest) -> Result<Query, Error> {
    let center = position_of(request.latitude, request.longitude)?;
    let radius_m = or(request.radius_m, RADIUS_DEFAULT_M);
    let mut query = Query::around(center, u32::try_from(radius_m).unwrap_or_default());
    query.category = category(request.category_code)?;
    if let Ok(level @ 1..) = u8::try_from(request.price_level_max) {
        query.price_level = 1..=level;
    }
    query.rating_hundredths_min = u16::try_from(request.rating_hundredths_min).unwrap_or_default();
    query.open_at = request.is_open_now.then_some(cx.now);
    query.only = request.shop_ids.iter().copied().map(ShopId::new).collect();
    query.limit = usize::try_from(or(request.page_size, SIZE_DEFAULT)).unwrap_or_default();
    if !request.page_token.is_empty() {
        let cursor = request.page_token.parse();
        let invalid = || common::PAGE_TOKEN_INVALID.error("page_token must be next_page_token of the previous page");
        query.after = Some(cursor.map_err(|_not_a_cursor| invalid())?);
    }
    Ok(query)
}

fn or(value: i32, default: i32) -> i32 {
    if value == 0 { default } else { value }
}

fn shop(clocks: &mut LocalClocks, hit: Hit, shop: &ShopPoint) -> NearbyShop {
    NearbyShop {
        shop_id: hit.id.get(),
        name: shop.name.to_string(),
        name_en: shop.name_en.to_string(),
        category_code: shop.category.get(),
        location: Some(view::point(shop.at)),
        // Rounded to metres.
        distance_m: i32::try_from(hit.distance_mm.saturating_add(500).div_euclid(1_000)).unwrap_or(i32::MAX),
        price_level: shop.price_level.into(),
        rating_hundredths: shop.rating_hundredths.into(),
        rating_count: i32::try_from(shop.rating_count).unwrap_or(i32::MAX),
        is_open: shop.schedule.as_ref().and_then(|schedule| clocks.is_open(schedule)),
    }
}
