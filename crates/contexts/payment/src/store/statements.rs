//! Revenue of a shop in a period, summed by the database.

use pulse_kernel::Timestamp;
use pulse_kernel::id::ShopId;
use pulse_store::{Statement, Store, StoreError, row, values};

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

/// The entries of a shop from `start` on and before `end`, by currency and kind.
pub(crate) async fn sums(
    store: &Store,
    shop: ShopId,
    (start, end): (Timestamp, Timestamp),
) -> Result<Vec<SumRow>, StoreError> {
    let query = Statement::new(
        "SELECT kind, currency, COUNT(*) AS entry_count, SUM(amount_minor) AS total_minor FROM payment_entries \
         WHERE shop_id = ? AND booked_at >= ? AND booked_at < ? GROUP BY kind, currency ORDER BY currency, kind",
        values![shop, start, end],
    );
    store.all(query).await
}

/// How many entries of a shop in that time have lines that do not sum to zero.
pub(crate) async fn unbalanced_count(
    store: &Store,
    shop: ShopId,
    (start, end): (Timestamp, Timestamp),
) -> Result<i64, StoreError> {
    let query = Statement::new(
        "SELECT COUNT(*) FROM (SELECT l.entry_id FROM payment_entries e JOIN payment_lines l ON l.entry_id = e.id \
         WHERE e.shop_id = ? AND e.booked_at >= ? AND e.booked_at < ? GROUP BY l.entry_id, l.currency \
         HAVING SUM(l.amount_minor) <> 0) wrong",
        values![shop, start, end],
    );
    store.one(query).await
}
