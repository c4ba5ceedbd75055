//! Slots of voucher orders in the limits of their customers.

use pulse_contract::errors;
use pulse_kernel::id::{AccountId, OrderId};
use pulse_store::{Commit, Insert, Statement, Store, StoreError, values};

use crate::domain::template::TemplateId;

/// The slots of a template that a customer has taken.
pub(crate) async fn taken(store: &Store, template: TemplateId, account: AccountId) -> Result<Vec<i64>, StoreError> {
    let query = Statement::new(
        "SELECT slot FROM marketing_purchase_slots WHERE template_id = ? AND account_id = ?",
        values![template, account],
    );
    store.all(query).await
}

/// Number of slots of an order.
pub(crate) async fn count_of(store: &Store, order: OrderId) -> Result<i64, StoreError> {
    let query = Statement::new("SELECT COUNT(*) FROM marketing_purchase_slots WHERE order_id = ?", values![order]);
    store.one(query).await
}

/// Number of slots of a template above its limit.
pub(crate) async fn count_beyond(store: &Store, template: TemplateId, limit: i64) -> Result<i64, StoreError> {
    let query = Statement::new(
        "SELECT COUNT(*) FROM marketing_purchase_slots WHERE template_id = ? AND slot > ?",
        values![template, limit],
    );
    store.one(query).await
}

/// Adds the writes that take slots; a slot that another order took meanwhile makes it a conflict.
pub(crate) fn take(
    commit: Commit,
    (template, account): (TemplateId, AccountId),
    slots: &[i64],
    order: OrderId,
) -> Commit {
    let insert = Insert::into("marketing_purchase_slots", &["template_id", "account_id", "slot", "order_id"]);
    let insert = slots.iter().fold(insert, |insert, slot| insert.row(values![template, account, *slot, order]));
    commit.insert(insert).duplicate_is(&errors::STORE_CONTENDED)
}

/// The write that releases the slots of an order.
pub(crate) fn release(order: OrderId) -> Statement {
    Statement::new("DELETE FROM marketing_purchase_slots WHERE order_id = ?", values![order])
}
