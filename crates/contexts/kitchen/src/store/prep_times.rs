//! Prep times of stations.

use std::time::Duration;

use pulse_contract::errors;
use pulse_kernel::id::ShopId;
use pulse_store::{Commit, Insert, Statement, Store, StoreError, values};

use crate::domain::prep_time::PrepTime;

/// The prep time of a station; `None` before its first sample.
pub(crate) async fn of_station(store: &Store, shop: ShopId, station: &str) -> Result<Option<PrepTime>, StoreError> {
    let query = Statement::new(
        "SELECT unit_ms, sample_count FROM kitchen_prep_times WHERE shop_id = ? AND station = ?",
        values![shop, station],
    );
    let row: Option<(i64, u32)> = store.optional(query).await?;
    row.map(|(unit, sample_count)| {
        let unit = u64::try_from(unit).map_err(|_negative| super::defect("prep time is negative"))?;
        Ok(PrepTime { unit: Duration::from_millis(unit), sample_count })
    })
    .transpose()
}

/// Adds the write that replaces the prep time `read` by `learned`; a concurrent write makes it a conflict.
pub(crate) fn put(
    commit: Commit,
    (shop, station): (ShopId, &str),
    read: Option<PrepTime>,
    learned: PrepTime,
) -> Commit {
    let Some(read) = read else {
        let insert = Insert::into("kitchen_prep_times", &["shop_id", "station", "unit_ms", "sample_count"]);
        let row = values![shop, station, millis(learned), learned.sample_count];
        return commit.insert(insert.row(row)).duplicate_is(&errors::STORE_CONTENDED);
    };
    let update = Statement::new(
        "UPDATE kitchen_prep_times SET unit_ms = ?, sample_count = ? \
         WHERE shop_id = ? AND station = ? AND unit_ms = ? AND sample_count = ?",
        values![millis(learned), learned.sample_count, shop, station, millis(read), read.sample_count],
    );
    commit.write(update).expect_rows(1)
}

fn millis(time: PrepTime) -> i64 {
    i64::try_from(time.unit.as_millis()).unwrap_or(i64::MAX)
}
