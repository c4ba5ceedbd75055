//! Life cycle of a sale: draft, schedule, open, close, return of units.

use pulse_contract::sale::v1::*;
use pulse_contract::stock::v1::{ResourceKind, ResourceRef};
use pulse_testkit::TestNode;

use crate::{MINUTE, SaleFixture, admit, code};

/// Scheduling transfers units from the stock once; the end of the sale returns them.
pub(crate) async fn units_are_transferred_and_returned(node: &mut TestNode) {
    let fixture = SaleFixture::new(node).await;
    let sale = fixture.create(node, fixture.draft(node, 40)).await.unwrap();
    assert_eq!((sale.state(), sale.free_units), (SaleState::Draft, 0));
    let sale = fixture.schedule(node, sale.sale_id).await.unwrap();
    assert_eq!((sale.free_units, sale.item_name.as_str()), (40, "lantern"));
    assert_eq!(fixture.stock(node, fixture.sku()).await.available, 60);
    let again = fixture.schedule(node, sale.sale_id).await.unwrap();
    assert_eq!((again.free_units, fixture.stock(node, fixture.sku()).await.available), (40, 60), "transferred once");
    node.advance(MINUTE * 11);
    node.settle().await;
    let sale = fixture.sale(node, sale.sale_id).await;
    assert_eq!(sale.state(), SaleState::Settled);
    assert_eq!(fixture.stock(node, fixture.sku()).await.available, 100);
    let units = ResourceRef { kind: ResourceKind::Sale.into(), id: sale.sale_id };
    assert_eq!(fixture.stock(node, units).await.on_hand, 0);
}

/// TR-02: a sale is loaded before its start, and is not open before it is loaded.
pub(crate) async fn a_sale_opens_by_the_clock_of_the_server(node: &mut TestNode) {
    let fixture = SaleFixture::new(node).await;
    let mut draft = fixture.draft(node, 1);
    draft.starts_at = Some(node.now().plus(MINUTE * 5).into());
    let sale = fixture.create(node, draft).await.unwrap().sale_id;
    let scheduled = fixture.schedule(node, sale).await.unwrap();
    assert_eq!((scheduled.state(), scheduled.is_ready), (SaleState::Scheduled, false));
    node.advance(MINUTE * 4);
    node.settle().await;
    let loaded = fixture.sale(node, sale).await;
    assert_eq!((loaded.state(), loaded.is_ready), (SaleState::Warming, true));
    node.advance(MINUTE);
    assert_eq!(fixture.sale(node, sale).await.state(), SaleState::Open, "without any timer");
    assert_eq!(code(&admit(node, sale, 1).await), "ok");
    assert_eq!(fixture.sale(node, sale).await.state(), SaleState::SoldOut);
}

/// A sale with more units than the stock of the shop stays a draft.
pub(crate) async fn a_sale_cannot_exceed_the_stock(node: &mut TestNode) {
    let fixture = SaleFixture::new(node).await;
    let sale = fixture.create(node, fixture.draft(node, 101)).await.unwrap().sale_id;
    assert_eq!(code(&fixture.schedule(node, sale).await), "SALE_STOCK_SHORT");
    let after = fixture.sale(node, sale).await;
    assert_eq!((after.state(), after.free_units), (SaleState::Draft, 0));
    assert_eq!(fixture.stock(node, fixture.sku()).await.available, 100);
}

/// TR-21: an open sale is paused, resumed, receives units and is closed.
pub(crate) async fn an_open_sale_can_be_paused_extended_and_closed(node: &mut TestNode) {
    let fixture = SaleFixture::new(node).await;
    let sale_id = fixture.open_sale(node, fixture.draft(node, 1)).await;
    let (shop_id, owner) = (fixture.shop.id(), fixture.shop.owner.cx());
    let paused = node.sales().pause_sale(&owner, PauseSaleRequest { shop_id, sale_id }).await.unwrap();
    assert_eq!(paused.state(), SaleState::Paused);
    assert_eq!(code(&admit(node, sale_id, 1).await), "SALE_PAUSED");
    node.sales().resume_sale(&owner, ResumeSaleRequest { shop_id, sale_id }).await.unwrap();
    assert_eq!(code(&admit(node, sale_id, 1).await), "ok");
    assert_eq!(code(&admit(node, sale_id, 2).await), "SALE_SOLD_OUT");
    let add = |units| AddSaleUnitsRequest { shop_id, sale_id, units };
    assert_eq!(code(&node.sales().add_sale_units(&owner, add(100)).await), "SALE_STOCK_SHORT");
    assert_eq!(node.sales().add_sale_units(&owner, add(9)).await.unwrap().free_units, 9);
    assert_eq!(code(&admit(node, sale_id, 2).await), "ok");
    let closed = node.sales().close_sale(&owner, CloseSaleRequest { shop_id, sale_id }).await.unwrap();
    assert!(matches!(closed.state(), SaleState::Closed | SaleState::Settled));
    assert_eq!(code(&admit(node, sale_id, 3).await), "SALE_ENDED");
    let foreign = PauseSaleRequest { shop_id: shop_id + 1, sale_id };
    assert_eq!(code(&node.sales().pause_sale(&node.cx(), foreign).await), "SALE_NOT_FOUND");
}

/// After a sale is scheduled, only its name, its description and its end can change.
pub(crate) async fn a_scheduled_sale_has_fixed_terms(node: &mut TestNode) {
    let fixture = SaleFixture::new(node).await;
    let (shop_id, owner) = (fixture.shop.id(), fixture.shop.owner.cx());
    let sale = fixture.create(node, fixture.draft(node, 5)).await.unwrap();
    let update = |sale: &Sale, draft: SaleDraft| UpdateSaleRequest {
        shop_id,
        sale_id: sale.sale_id,
        sale: Some(draft),
        expected_version: sale.version,
    };
    let cheap = SaleDraft { price: Some(pulse_testkit::cny(400)), ..fixture.draft(node, 5) };
    let sale_2 = node.sales().update_sale(&owner, update(&sale, cheap.clone())).await.unwrap();
    assert_eq!(code(&node.sales().update_sale(&owner, update(&sale, cheap.clone())).await), "SALE_VERSION_STALE");
    let sale = fixture.schedule(node, sale_2.sale_id).await.unwrap();
    let expensive = SaleDraft { price: Some(pulse_testkit::cny(500)), ..cheap.clone() };
    assert_eq!(code(&node.sales().update_sale(&owner, update(&sale, expensive)).await), "SALE_STATE_CONFLICT");
    let longer = SaleDraft { name: "longer".to_owned(), ends_at: Some(node.now().plus(MINUTE * 20).into()), ..cheap };
    node.sales().update_sale(&owner, update(&sale, longer)).await.unwrap();
    node.advance(MINUTE * 15);
    node.settle().await;
    assert_eq!(code(&admit(node, sale.sale_id, 1).await), "ok");
    let request = DeleteSaleRequest { shop_id, sale_id: sale.sale_id };
    assert_eq!(code(&node.sales().delete_sale(&owner, request).await), "SALE_STATE_CONFLICT");
}

/// Drafts with contradicting fields, an unknown item or another currency are refused.
pub(crate) async fn an_invalid_draft_is_refused(node: &mut TestNode) {
    let fixture = SaleFixture::new(node).await;
    let broken = SaleDraft { item: None, ends_at: Some(node.now().into()), ..fixture.draft(node, 1) };
    let refusal = fixture.create(node, broken).await.unwrap_err();
    let fields: Vec<&str> = refusal.violations().iter().map(|violation| violation.field.as_ref()).collect();
    assert_eq!((refusal.code(), fields.contains(&"sale.item")), ("SALE_INVALID", true), "{fields:?}");
    let elsewhere = SaleItem { product_id: fixture.product.product_id, variant_id: 7, template_id: 0 };
    let sale = fixture.create(node, SaleDraft { item: Some(elsewhere), ..fixture.draft(node, 1) }).await.unwrap();
    assert_eq!(code(&fixture.schedule(node, sale.sale_id).await), "SALE_INVALID");
    let dollars = pulse_contract::Money { minor: 5, currency: "USD".to_owned() };
    // M10: the refusal names both currencies, for a new draft and for a changed one.
    let in_dollars = SaleDraft { price: Some(dollars), ..fixture.draft(node, 1) };
    let refused = fixture.create(node, in_dollars.clone()).await.unwrap_err();
    let currencies: Vec<&str> = refused.metadata().iter().map(|(_, value)| value.as_ref()).collect();
    assert_eq!((refused.code(), currencies), ("SALE_INVALID", vec!["CNY", "USD"]));
    let owner = fixture.shop.owner.cx();
    let (shop_id, sale_id, expected_version) = (fixture.shop.id(), sale.sale_id, sale.version);
    let request = UpdateSaleRequest { shop_id, sale_id, expected_version, sale: Some(in_dollars) };
    assert_eq!(code(&node.sales().update_sale(&owner, request).await), "SALE_INVALID");
    let request = DeleteSaleRequest { shop_id: fixture.shop.id(), sale_id: sale.sale_id };
    node.sales().delete_sale(&fixture.shop.owner.cx(), request).await.unwrap();
    let gone = node.sales().get_sale(&node.cx(), GetSaleRequest { sale_id: sale.sale_id }).await;
    assert_eq!(code(&gone), "SALE_NOT_FOUND");
}
