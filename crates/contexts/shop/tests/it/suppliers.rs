//! Catalogues of suppliers (TR-80).

use pulse_contract::shop::v1::*;
use pulse_kernel::Error;
use pulse_testkit::{Person, TestNode, cny};

use crate::code;

/// Number of changed items at which the list is written at once.
const ENOUGH: i32 = 2_000;
/// Number of items of one call.
const BATCH: i32 = 1_000;

async fn put(
    node: &TestNode,
    supplier: &Person,
    merchant_id: i64,
    items: Vec<SupplierItemDraft>,
) -> Result<PutSupplierItemsResponse, Error> {
    node.suppliers().put_supplier_items(&supplier.cx(), PutSupplierItemsRequest { merchant_id, items }).await
}

fn items(numbers: std::ops::Range<i32>, category_code: i64) -> Vec<SupplierItemDraft> {
    let item = |number: i32| SupplierItemDraft {
        item_code: format!("item-{number}"),
        name: format!("Tea {number}"),
        category_code,
        price: Some(cny(100)),
        is_available: number % 2 == 0,
    };
    numbers.map(item).collect()
}

async fn listed(node: &TestNode, category_code: i64) -> usize {
    let (mut count, mut page_token) = (0, String::new());
    loop {
        let request = ListSupplierItemsRequest { category_code, page_size: 100, page_token };
        let page = node.suppliers().list_supplier_items(&node.anonymous(), request).await.unwrap();
        count += page.items.len();
        page_token = page.next_page_token;
        if page_token.is_empty() {
            return count;
        }
    }
}

async fn category(node: &TestNode, name: &str) -> i64 {
    let request = CreateCategoryRequest { name: name.to_owned(), ..Default::default() };
    node.shops().create_category(&node.cx(), request).await.unwrap().code
}

/// TR-80: available items are listed when enough items have changed; the same batch again changes nothing; the list follows
/// a move of its category, and the old code has no items.
pub(crate) async fn what_can_be_had_is_listed(node: &mut TestNode) {
    let supplier = node.sign_up("+8613800138000").await;
    let merchant = node.merchant(&supplier).await.merchant_id;
    let (tea, drinks) = (category(node, "Tea").await, category(node, "Drinks").await);
    for from in (0..ENOUGH).step_by(1_000) {
        let first = put(node, &supplier, merchant, items(from..from + BATCH, tea)).await.unwrap();
        assert_eq!((first.created_count, first.updated_count, first.unchanged_count), (BATCH, 0, 0));
        let again = put(node, &supplier, merchant, items(from..from + BATCH, tea)).await.unwrap();
        assert_eq!((again.created_count, again.updated_count, again.unchanged_count), (0, 0, BATCH));
    }
    node.settle().await;
    assert_eq!((listed(node, tea).await, listed(node, drinks).await, listed(node, 0).await), (1_000, 0, 1_000));
    let request = MoveCategoryRequest { code: tea, new_parent_code: drinks };
    node.shops().move_category(&node.cx(), request).await.unwrap();
    assert_eq!((listed(node, tea).await, listed(node, drinks).await), (0, 1_000));
}

/// An item needs an existing category; only the owner of the supplier writes items.
pub(crate) async fn items_of_nowhere_are_refused(node: &mut TestNode) {
    let (supplier, other) = (node.sign_up("+8613800138000").await, node.sign_up("+8613800138001").await);
    let merchant = node.merchant(&supplier).await.merchant_id;
    let nowhere = put(node, &supplier, merchant, items(0..1, 10_000_001)).await;
    assert_eq!(code(&nowhere), "SHOP_CATEGORY_NOT_FOUND");
    assert!(put(node, &other, merchant, items(0..1, 0)).await.is_err());
    assert_eq!(listed(node, 0).await, 0);
}
