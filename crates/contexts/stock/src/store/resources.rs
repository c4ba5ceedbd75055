//! Rows of resources.

use std::collections::BTreeSet;

use pulse_contract::errors;
use pulse_kernel::id::ShopId;
use pulse_store::{Commit, FromRow, Insert, Row, Statement, Store, StoreError, values};

use super::IDS_MAX;
use crate::domain::ledger::Changed;
use crate::domain::resource::{DeductAt, Resource, ResourceRef, Rules};

/// Flag: units are deducted at payment.
const AT_PAYMENT: i64 = 1;
/// Flag: overselling is allowed.
const OVERSELL: i64 = 2;
/// Flag: sales are halted (86).
const HALTED: i64 = 4;
/// Flag: quantities are not counted; the row exists for the halt alone.
const UNCOUNTED: i64 = 8;
/// Flag: overselling was allowed at some time.
const ONCE_OVERSELL: i64 = 16;

/// Row of a resource with its reference.
#[derive(Clone, Debug)]
pub(crate) struct ResourceRow {
    pub(crate) resource: ResourceRef,
    pub(crate) row: Resource,
}

impl FromRow for ResourceRow {
    fn from_row(row: &Row) -> Result<Self, StoreError> {
        let flags: i64 = row.get("flags")?;
        let has = |flag: i64| flags & flag != 0;
        Ok(Self {
            resource: ResourceRef::from_row(row)?,
            row: Resource {
                shop: row.get("shop_id")?,
                rules: Rules {
                    deduct_at: if has(AT_PAYMENT) { DeductAt::Payment } else { DeductAt::Order },
                    is_oversell_allowed: has(OVERSELL),
                    warning_line: row.get("warning_line")?,
                },
                is_counted: !has(UNCOUNTED),
                is_halted: has(HALTED),
                was_oversell_allowed: has(ONCE_OVERSELL),
                on_hand: row.get("on_hand")?,
                reserved: row.get("reserved")?,
                version: row.get("version")?,
                out_version: row.get("out_version")?,
                revision: row.get("revision")?,
                moved_at: row.get("moved_at")?,
            },
        })
    }
}

fn flags(row: &Resource) -> i64 {
    [
        (row.rules.deduct_at == DeductAt::Payment, AT_PAYMENT),
        (row.rules.is_oversell_allowed, OVERSELL),
        (row.is_halted, HALTED),
        (!row.is_counted, UNCOUNTED),
        (row.was_oversell_allowed, ONCE_OVERSELL),
    ]
    .into_iter()
    .filter_map(|(is_set, flag)| is_set.then_some(flag))
    .sum()
}

/// Returns the rows of these resources that exist.
pub(crate) async fn by_refs(store: &Store, wanted: &BTreeSet<ResourceRef>) -> Result<Vec<ResourceRow>, StoreError> {
    let ids: Vec<i64> = wanted.iter().map(|resource| resource.id).collect();
    let mut found = Vec::new();
    for ids in ids.chunks(IDS_MAX) {
        let query = Statement::listing("SELECT * FROM stock_resources WHERE ref_id IN (??)", ids.iter().copied(), []);
        let rows: Vec<ResourceRow> = store.all(query).await?;
        found.extend(rows.into_iter().filter(|row| wanted.contains(&row.resource)));
    }
    Ok(found)
}

pub(crate) async fn by_ref(store: &Store, wanted: ResourceRef) -> Result<Option<Resource>, StoreError> {
    let query =
        Statement::new("SELECT * FROM stock_resources WHERE ref_id = ? AND kind = ?", values![wanted.id, wanted.kind]);
    Ok(store.optional::<ResourceRow>(query).await?.map(|found| found.row))
}

/// Returns the counted resources of a shop after a kind and an ID, ordered by both. Rows that exist for a halt alone have
/// version 0 and are left out.
pub(crate) async fn of_shop(
    store: &Store,
    shop: ShopId,
    is_low: bool,
    [after_kind, after_id]: [i64; 2],
    limit: i64,
) -> Result<Vec<ResourceRow>, StoreError> {
    let text = if is_low {
        "SELECT * FROM stock_resources WHERE shop_id = ? AND (kind > ? OR (kind = ? AND ref_id > ?)) AND version > 0 \
         AND warning_line > 0 AND on_hand - reserved <= warning_line ORDER BY kind, ref_id LIMIT ?"
    } else {
        "SELECT * FROM stock_resources WHERE shop_id = ? AND (kind > ? OR (kind = ? AND ref_id > ?)) AND version > 0 \
         ORDER BY kind, ref_id LIMIT ?"
    };
    store.all(Statement::new(text, values![shop, after_kind, after_kind, after_id, limit])).await
}

/// Returns all resources after an ID and a kind, ordered by both.
pub(crate) async fn after(store: &Store, id: i64, kind: i64, limit: i64) -> Result<Vec<ResourceRow>, StoreError> {
    let query = Statement::new(
        "SELECT * FROM stock_resources WHERE ref_id > ? OR (ref_id = ? AND kind > ?) ORDER BY ref_id, kind LIMIT ?",
        values![id, id, kind, limit],
    );
    store.all(query).await
}

/// Adds the write of one resource, on condition that its row is unchanged since it was read.
pub(crate) fn write(commit: Commit, changed: &Changed<ResourceRef, Resource>) -> Commit {
    let Changed { key, was, is } = changed;
    let Some(was) = was else { return insert(commit, *key, is) };
    let update = Statement::new(
        "UPDATE stock_resources SET on_hand = ?, reserved = ?, warning_line = ?, flags = ?, version = ?, \
         out_version = ?, moved_at = ?, revision = ? WHERE ref_id = ? AND kind = ? AND revision = ?",
        values![
            is.on_hand,
            is.reserved,
            is.rules.warning_line,
            flags(is),
            is.version,
            is.out_version,
            is.moved_at,
            is.revision,
            key.id,
            key.kind,
            was.revision
        ],
    );
    commit.write(update).expect_rows(1)
}

fn insert(commit: Commit, resource: ResourceRef, row: &Resource) -> Commit {
    let insert = Insert::into(
        "stock_resources",
        &[
            "ref_id",
            "kind",
            "shop_id",
            "on_hand",
            "reserved",
            "warning_line",
            "flags",
            "version",
            "out_version",
            "revision",
            "moved_at",
        ],
    )
    .row(values![
        resource.id,
        resource.kind,
        row.shop,
        row.on_hand,
        row.reserved,
        row.rules.warning_line,
        flags(row),
        row.version,
        row.out_version,
        row.revision,
        row.moved_at
    ]);
    // Another node has created it meanwhile: the batch is decided again on new rows.
    commit.insert(insert).duplicate_is(&errors::STORE_CONTENDED)
}
