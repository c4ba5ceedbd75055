//! Messages of the contract, made from rows.

use pulse_contract::GeoPoint as WirePoint;
use pulse_contract::shop::v1::{HoursMistake, Merchant, Shop};
use pulse_kernel::Timestamp;

use super::{App, KnownShop};
use crate::domain::geo::GeoPoint;
use crate::domain::hours::Mistake;
use crate::store::merchants::MerchantRow;
use crate::store::shops::ShopRow;

/// A shop at an instant, which decides whether it is open.
pub(super) fn shop(known: &KnownShop, now: Timestamp) -> Shop {
    let KnownShop { row, hours } = known;
    let details = row.details.clone();
    Shop {
        shop_id: row.id.get(),
        merchant_id: row.merchant.get(),
        name: row.name.clone(),
        name_en: details.name_en,
        state: row.state.into(),
        review_reason: details.review_reason,
        category_code: row.category.get(),
        location: Some(point(row.at)),
        address: details.address,
        phone: details.phone,
        website: details.website,
        price_level: row.price_level.into(),
        rating_hundredths: row.rating_hundredths.into(),
        rating_count: i32::try_from(row.rating_count).unwrap_or(i32::MAX),
        hours: details.hours,
        is_open: hours.as_ref().and_then(|hours| hours.is_open(now)),
        next_change_at: hours.as_ref().and_then(|hours| hours.next_change(now)).map(Into::into),
        image_urls: details.image_urls,
        description: details.description,
        external_id: row.external_id.clone().unwrap_or_default(),
        tags: details.tags,
        version: row.version,
        created_at: Some(row.created_at.into()),
        hours_mistakes: hours.iter().flat_map(|hours| hours.mistakes()).map(mistake).collect(),
    }
}

fn mistake(mistake: &Mistake) -> HoursMistake {
    HoursMistake { position: i32::try_from(mistake.position).unwrap_or(i32::MAX), text: mistake.text.clone() }
}

/// A row with its parsed hours. Hours that cannot be parsed anymore are unknown.
pub(super) fn known(app: &App, row: ShopRow) -> KnownShop {
    let hours = row.details.hours.as_ref().and_then(|hours| app.zones.read(hours).ok());
    KnownShop { row, hours }
}

pub(super) fn merchant(row: MerchantRow) -> Merchant {
    Merchant {
        merchant_id: row.id.get(),
        owner_account_id: row.owner.get(),
        name: row.name,
        legal_name: row.legal_name,
        contact_phone: row.contact_phone,
        created_at: Some(row.created_at.into()),
    }
}

pub(super) fn point(at: GeoPoint) -> WirePoint {
    WirePoint { latitude: Some(at.lat_degrees()), longitude: Some(at.lon_degrees()) }
}
