//! Fairness report: shares of networks, devices and account ages in a sale.

use std::time::Duration;

use pulse_contract::sale::v1::{FairnessReport, FairnessShare, GetFairnessReportRequest};
use pulse_kernel::{Cx, Error, snowflake};

use super::{App, managed};
use crate::domain::network::network_text;
use crate::store::admissions;
use crate::store::shares::{self, Share};

/// Maximum number of networks and of devices in the report.
const SHARES_MAX: i64 = 20;
/// Maximum number of admissions that are read at once.
const PAGE: i64 = 4_096;
const DAY: Duration = Duration::from_secs(86_400);
/// Age groups: upper limit and name.
const AGES: [(Duration, &str); 5] = [
    (Duration::from_secs(3_600), "under an hour"),
    (DAY, "under a day"),
    (Duration::from_secs(7 * 86_400), "under a week"),
    (Duration::from_secs(30 * 86_400), "under 30 days"),
    (Duration::from_secs(365 * 86_400), "under a year"),
];
const OLDEST: &str = "a year and more";

pub(crate) async fn get_fairness_report(
    app: &App,
    _cx: &Cx,
    request: GetFairnessReportRequest,
) -> Result<FairnessReport, Error> {
    let sale = managed(app, request.shop_id, request.sale_id).await?.id;
    let store = &app.deps.store;
    let total = shares::total(store, sale).await?;
    let networks = shares::networks(store, sale, SHARES_MAX).await?;
    let devices = shares::devices(store, sale, SHARES_MAX).await?;
    let groups = |shares: Vec<Share>, text: fn(i64) -> String| {
        shares.into_iter().map(|share| wire(text(share.group), share, total.units)).collect()
    };
    Ok(FairnessReport {
        admission_count: total.admissions,
        units: total.units,
        network_count: shares::network_count(store, sale).await?,
        device_count: shares::device_count(store, sale).await?,
        networks: groups(networks, network_text),
        devices: groups(devices, device_text),
        account_ages: account_ages(app, sale, total.units).await?,
    })
}

fn device_text(device: i64) -> String {
    if device == 0 { "unknown".to_owned() } else { format!("{device:016x}") }
}

fn wire(group: String, share: Share, units: i64) -> FairnessShare {
    let basis_points = share.units.saturating_mul(10_000).checked_div(units).unwrap_or(0);
    FairnessShare {
        group,
        admission_count: share.admissions,
        units: share.units,
        basis_points: i32::try_from(basis_points).unwrap_or(i32::MAX),
    }
}

/// Shares by the age of the account at its admission. The IDs of account and order contain both times.
async fn account_ages(app: &App, sale: i64, units: i64) -> Result<Vec<FairnessShare>, Error> {
    let mut groups: Vec<(&str, Share)> =
        AGES.iter().map(|(_, name)| *name).chain([OLDEST]).map(|name| (name, Share::default())).collect();
    let mut after = 0;
    loop {
        let rows = admissions::page(&app.deps.store, sale, after, PAGE).await?;
        let Some(last) = rows.last() else { break };
        after = last.account;
        for row in &rows {
            let age = snowflake::timestamp_of(row.order).since(snowflake::timestamp_of(row.account));
            let index = AGES.iter().position(|(younger, _)| age < *younger).unwrap_or(AGES.len());
            if let Some((_, share)) = groups.get_mut(index) {
                share.admissions += 1;
                share.units += row.units;
            }
        }
    }
    let used = groups.into_iter().filter(|(_, share)| share.admissions > 0);
    Ok(used.map(|(name, share)| wire(name.to_owned(), share, units)).collect())
}
