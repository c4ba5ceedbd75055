//! Fixtures of stock tests: requests, calls and readings that several tests use.

use pulse_contract::stock::v1::*;
use pulse_kernel::{Error, Timestamp};
use pulse_testkit::TestNode;

/// ID of the shop of most tests. Stock does not require that the shop exists.
pub(crate) const SHOP: i64 = 7;

/// Reference to a variant.
pub(crate) fn sku(id: i64) -> ResourceRef {
    ResourceRef { kind: ResourceKind::Sku.into(), id }
}

/// Reservation key of an order.
pub(crate) fn order(id: i64) -> ReservationKey {
    ReservationKey { owner: ReservationOwner::Order.into(), id }
}

/// Lines from pairs of variant ID and quantity.
pub(crate) fn lines(of: &[(i64, i64)]) -> Vec<ReservationLine> {
    of.iter().map(|(id, quantity)| ReservationLine { resource: Some(sku(*id)), quantity: *quantity }).collect()
}

/// Request of an order for variants, as pairs of variant ID and quantity.
pub(crate) fn reserve_request(id: i64, of: &[(i64, i64)]) -> ReserveRequest {
    ReserveRequest { key: Some(order(id)), lines: lines(of), expires_at: None, is_payment: false }
}

/// As [`reserve_request`], with an expiry time.
pub(crate) fn reserve_request_until(id: i64, of: &[(i64, i64)], expires_at: Timestamp) -> ReserveRequest {
    ReserveRequest { expires_at: Some(expires_at.into()), ..reserve_request(id, of) }
}

pub(crate) fn confirm(id: i64, of: &[(i64, i64)]) -> ConfirmReservationRequest {
    ConfirmReservationRequest { key: Some(order(id)), lines: lines(of) }
}

pub(crate) fn release(id: i64) -> ReleaseReservationRequest {
    ReleaseReservationRequest { key: Some(order(id)) }
}

/// Creates the stock record of a variant, or changes its rules.
pub(crate) async fn put_stock_with(node: &TestNode, id: i64, on_hand: i64, rules: StockRules) -> Stock {
    let request = PutResourceRequest { shop_id: SHOP, resource: Some(sku(id)), rules: Some(rules), on_hand };
    node.stock().put_resource(&node.cx(), request).await.unwrap()
}

/// As [`put_stock_with`], with default rules.
pub(crate) async fn put_stock(node: &TestNode, id: i64, on_hand: i64) -> Stock {
    put_stock_with(node, id, on_hand, StockRules::default()).await
}

pub(crate) async fn reserve(node: &TestNode, request: ReserveRequest) -> Reservation {
    node.stock().reserve(&node.cx(), request).await.unwrap()
}

pub(crate) async fn confirmed(node: &TestNode, id: i64, of: &[(i64, i64)]) -> Reservation {
    node.stock().confirm_reservation(&node.cx(), confirm(id, of)).await.unwrap()
}

pub(crate) async fn released(node: &TestNode, id: i64) -> Reservation {
    node.stock().release_reservation(&node.cx(), release(id)).await.unwrap()
}

pub(crate) async fn replenish(node: &TestNode, id: i64, quantity: i64) -> Result<Stock, Error> {
    let request =
        ReplenishStockRequest { shop_id: SHOP, resource: Some(sku(id)), quantity, note: "a delivery".to_owned() };
    node.stock().replenish_stock(&node.cx(), request).await
}

pub(crate) async fn adjust(node: &TestNode, id: i64, delta: i64) -> Result<Stock, Error> {
    let request = AdjustStockRequest { shop_id: SHOP, resource: Some(sku(id)), delta, note: "counted".to_owned() };
    node.stock().adjust_stock(&node.cx(), request).await
}

/// Returns the quantities on hand, reserved and available.
pub(crate) async fn quantities(node: &TestNode, id: i64) -> (i64, i64, i64) {
    let request = GetStockRequest { shop_id: SHOP, resource: Some(sku(id)) };
    let stock = node.stock().get_stock(&node.cx(), request).await.unwrap();
    (stock.on_hand, stock.reserved, stock.available)
}

/// Returns the movements of a variant, oldest first.
pub(crate) async fn journal(node: &TestNode, id: i64) -> Vec<Movement> {
    let (mut movements, mut page_token) = (Vec::new(), String::new());
    loop {
        let request = ListMovementsRequest { shop_id: SHOP, resource: Some(sku(id)), page_size: 100, page_token };
        let page = node.stock().list_movements(&node.cx(), request).await.unwrap();
        movements.extend(page.movements);
        page_token = page.next_page_token;
        if page_token.is_empty() {
            movements.reverse();
            return movements;
        }
    }
}

/// Returns the kinds of movements.
pub(crate) fn kinds(movements: &[Movement]) -> Vec<MovementKind> {
    movements.iter().map(Movement::kind).collect()
}

/// Returns the status of each line.
pub(crate) fn statuses(reservation: &Reservation) -> Vec<LineStatus> {
    reservation.lines.iter().map(ReservedLine::status).collect()
}

/// Asserts that all invariants of the ledger are true.
pub(crate) async fn check(node: &TestNode) {
    let verified = pulse_stock::verify(node.store("stock"), false).await.unwrap();
    assert_eq!(verified.findings, []);
}
