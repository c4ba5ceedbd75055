//! Revenue of a shop in a period, summed by the database.

use pulse_kernel::id::ShopId;
use pulse_store::{Statement, Store, StoreError, row, values};

use crate::domain::business_day::BusinessDay;

row! {
    /// Sum of the entries of one kind in one currency.
    #[derive(Clone, Debug)]
    pub(crate) struct SumRow {
        pub(crate) kind: String = "kind",
        pub(crate) currency: String = "currency",
        pub(crate) count: i64 = "entry_count",
        pub(crate) minor: i64 = "total_minor",
    }
}

/// Sums of the entries of a shop on one day, by currency and kind.
pub(crate) async fn sums(store: &Store, shop: ShopId, day: BusinessDay) -> Result<Vec<SumRow>, StoreError> {
    let query = Statement::new(
        "SELECT kind, currency, COUNT(*) AS entry_count, SUM(amount_minor) AS total_minor FROM payment_entries \
         WHERE shop_id = ? AND booked_at >= ? AND booked_at < ? GROUP BY kind, currency ORDER BY currency, kind",
        values![shop, day.start, day.end],
    );
    store.all(query).await
}

/// Number of entries of a shop on one day whose lines do not sum to zero.
pub(crate) async fn unbalanced_count(store: &Store, shop: ShopId, day: BusinessDay) -> Result<i64, StoreError> {
    let query = Statement::new(
        "SELECT COUNT(*) FROM (SELECT l.entry_id FROM payment_entries e JOIN payment_lines l ON l.entry_id = e.id \
         WHERE e.shop_id = ? AND e.booked_at >= ? AND e.booked_at < ? GROUP BY l.entry_id, l.currency \
         HAVING SUM(l.amount_minor) <> 0) wrong",
        values![shop, day.start, day.end],
    );
    store.one(query).await
}
