//! Orders of flash sales: admitted buyers get orders in batches, each once, while units and payment time are left.

use std::ops::Range;

use futures::future::join_all;
use pulse_contract::kitchen::v1::ListTicketsRequest;
use pulse_contract::marketing::v1::*;
use pulse_contract::order::v1::*;
use pulse_contract::payment::v1::StartPaymentRequest;
use pulse_contract::stock::v1::*;
use pulse_kernel::{Error, Timestamp};
use pulse_store::{Commit, Statement, values};
use pulse_testkit::config::LatePayment;
use pulse_testkit::{Choice, Engine, TestNode, cny, run_with};

use crate::shop_fixtures::{ShopFixture, assert_clean, pay, published};
use crate::{MINUTE, code, tally};

const SALE: i64 = 4_242;

/// A sale of tea for 1.00; the IDs of its orders start with `first_id`.
struct Sale {
    fixture: ShopFixture,
    offer: SaleOffer,
    first_id: i64,
}

impl Sale {
    async fn of_tea(node: &TestNode, units: i64) -> Self {
        let fixture = ShopFixture::with_tea(node, units).await;
        let offer = SaleOffer {
            sale_id: SALE,
            shop_id: fixture.shop.id(),
            shop_name: "Tea house".to_owned(),
            kind: OrderKind::Goods.into(),
            product_id: fixture.tea.product_id,
            variant_id: fixture.tea.variants[0].variant_id,
            product_name: "Tea".to_owned(),
            variant_name: fixture.tea.variants[0].name.clone(),
            unit_price: Some(cny(100)),
            category_code: 0,
        };
        let resource = fixture.tea_units();
        Self::of(node, fixture, offer, resource, units).await
    }

    /// Transfers units from a resource to the sale.
    async fn of(node: &TestNode, fixture: ShopFixture, offer: SaleOffer, from: ResourceRef, units: i64) -> Self {
        let (shop_id, to) = (fixture.shop.id(), Some(resource()));
        let rules = Some(StockRules::default());
        let request = PutResourceRequest { shop_id, resource: to, rules, on_hand: 0 };
        node.stock().put_resource(&node.cx(), request).await.unwrap();
        let request =
            TransferStockRequest { shop_id, from: Some(from), to, quantity: units, note: "for the sale".to_owned() };
        node.stock().transfer_stock(&node.cx(), request).await.unwrap();
        let first_id = node.store("order").next_id(node.now());
        Self { fixture, offer, first_id }
    }

    /// Admissions by their numbers: one unit each, with 15 minutes of payment time.
    fn admitted(&self, node: &TestNode, numbers: Range<i64>) -> Vec<SaleOrder> {
        numbers.map(|number| self.order(node, number, 1)).collect()
    }

    fn order(&self, node: &TestNode, number: i64, quantity: i32) -> SaleOrder {
        SaleOrder {
            order_id: self.id(number),
            account_id: self.fixture.customer.id(),
            quantity,
            admitted_at: Some(node.now().into()),
            pay_until: Some(node.now().plus(MINUTE * 15).into()),
        }
    }

    fn id(&self, number: i64) -> i64 {
        self.first_id + number
    }

    async fn place(&self, node: &TestNode, orders: Vec<SaleOrder>) -> Result<Vec<SaleOrderOutcome>, Error> {
        let request = PlaceSaleOrdersRequest { offer: Some(self.offer.clone()), orders };
        node.orders().place_sale_orders(&node.cx(), request).await.map(|answer| answer.outcomes)
    }

    /// As [`Sale::place`], if all of them are expected to be placed.
    async fn placed(&self, node: &TestNode, orders: Vec<SaleOrder>) -> Vec<Order> {
        let outcomes = self.place(node, orders).await.unwrap();
        assert!(outcomes.iter().all(|one| one.state() == SaleOrderState::Placed), "{outcomes:?}");
        join_all(outcomes.iter().map(|one| self.fixture.seen(node, one.order_id))).await
    }

    /// Units of the sale: on hand and reserved.
    async fn units(&self, node: &TestNode) -> (i64, i64) {
        let request = GetStockRequest { shop_id: self.fixture.shop.id(), resource: Some(resource()) };
        let stock = node.stock().get_stock(&node.cx(), request).await.unwrap();
        (stock.on_hand, stock.reserved)
    }

    async fn movement_count(&self, node: &TestNode) -> usize {
        let request = ListMovementsRequest {
            shop_id: self.fixture.shop.id(),
            resource: Some(resource()),
            page_size: 100,
            page_token: String::new(),
        };
        node.stock().list_movements(&node.cx(), request).await.unwrap().movements.len()
    }

    /// The reservations of these orders, as placing makes them.
    fn reservations(orders: &[SaleOrder]) -> ReserveManyRequest {
        let wants = |order: &SaleOrder| ReserveRequest {
            key: Some(ReservationKey { owner: ReservationOwner::Order.into(), id: order.order_id }),
            lines: vec![ReservationLine { resource: Some(resource()), quantity: order.quantity.into() }],
            expires_at: order.pay_until.map(|at| Timestamp::from(at).plus(MINUTE * 10).into()),
            is_payment: false,
        };
        ReserveManyRequest { reservations: orders.iter().map(wants).collect() }
    }
}

fn resource() -> ResourceRef {
    ResourceRef { kind: ResourceKind::Sale.into(), id: SALE }
}

fn states(outcomes: &[SaleOrderOutcome]) -> Vec<(&'static str, usize)> {
    tally(outcomes.iter().map(|one| one.state().as_str_name().trim_start_matches("SALE_ORDER_STATE_")))
}

/// TR-36, TR-37: sixty units, a batch of a hundred single units: sixty orders, forty refusals with a reason.
pub(crate) async fn sixty_units_make_sixty_orders_of_a_hundred(node: &mut TestNode) {
    let sale = Sale::of_tea(node, 60).await;
    let outcomes = sale.place(node, sale.admitted(node, 0..100)).await.unwrap();
    assert!(
        outcomes.iter().zip(0..).all(|(one, number)| one.order_id == sale.id(number)),
        "in the sequence of the request"
    );
    assert_eq!((states(&outcomes[..60]), states(&outcomes[60..])), (vec![("PLACED", 60)], vec![("STOCK_SHORT", 40)]));
    assert_eq!(tally(outcomes.iter().map(|one| one.code.as_str())), [("", 60), ("ORDER_STOCK_SHORT", 40)]);
    assert_eq!(sale.units(node).await, (60, 60));
    node.settle().await;
    let placed = published::<OrderPlaced>(node).await;
    assert_eq!(
        placed.iter().map(|order| order.order_id).collect::<Vec<_>>(),
        (0..60).map(|n| sale.id(n)).collect::<Vec<_>>()
    );
    let nobodys = node.orders().get_order(&node.cx(), GetOrderRequest { order_id: sale.id(60) }).await;
    assert_eq!(code(&nobodys), "ORDER_NOT_FOUND");
    let order = sale.fixture.seen(node, sale.id(0)).await;
    assert_eq!(
        (order.state(), order.payment_state(), order.version),
        (OrderState::AwaitingPayment, PaymentState::Unpaid, 1)
    );
    assert_eq!((order.sale_id, order.shop_name.as_str(), order.fulfilment()), (SALE, "Tea house", Fulfilment::Pickup));
    assert_eq!((order.lines.len(), order.lines[0].subtotal_minor, order.price.unwrap().total_minor), (1, 100, 100));
    assert_eq!(
        (order.placed_at, order.expires_at),
        (Some(node.now().into()), Some(node.now().plus(MINUTE * 15).into()))
    );
    let counts =
        node.orders().count_my_orders(&sale.fixture.customer.cx(), CountMyOrdersRequest {}).await.unwrap().counts;
    assert_eq!(counts, [OrderCount { state: OrderState::AwaitingPayment.into(), count: 60 }]);
    node.assert_books().await;
}

/// TR-35: after the payment time there is no order and no stock movement.
pub(crate) async fn a_late_admission_moves_no_unit(node: &mut TestNode) {
    let sale = Sale::of_tea(node, 10).await;
    let mut batch = sale.admitted(node, 0..3);
    batch[1].pay_until = Some(node.now().into());
    batch[2].pay_until = Some(node.now().minus(MINUTE).into());
    let before = sale.movement_count(node).await;
    let late = sale.place(node, batch[1..].to_vec()).await.unwrap();
    assert_eq!((states(&late), late[0].code.as_str()), (vec![("EXPIRED", 2)], "ORDER_PAY_TIME_OVER"));
    assert_eq!((sale.movement_count(node).await, sale.units(node).await), (before, (10, 0)));
    let outcomes = sale.place(node, batch).await.unwrap();
    assert_eq!(states(&outcomes), [("EXPIRED", 2), ("PLACED", 1)]);
    assert_eq!((sale.movement_count(node).await, sale.units(node).await), (before + 1, (10, 1)));
    node.assert_books().await;
}

/// A repeated batch gets the same answer and moves nothing, in whatever state its orders are; new orders in it are placed.
pub(crate) async fn a_repeated_batch_moves_nothing(node: &mut TestNode) {
    let sale = Sale::of_tea(node, 10).await;
    let batch = sale.admitted(node, 0..5);
    let first = sale.place(node, batch.clone()).await.unwrap();
    sale.fixture.cancel(node, sale.id(4)).await.unwrap();
    node.settle().await;
    let before = sale.movement_count(node).await;
    assert_eq!(sale.place(node, batch.clone()).await.unwrap(), first);
    node.advance(MINUTE * 5);
    assert_eq!(sale.place(node, batch.clone()).await.unwrap(), first);
    assert_eq!((sale.movement_count(node).await, sale.units(node).await), (before, (10, 4)));
    let with_new = [batch, sale.admitted(node, 5..8), sale.admitted(node, 7..8)].concat();
    let outcomes = sale.place(node, with_new).await.unwrap();
    assert_eq!((states(&outcomes), sale.units(node).await), (vec![("PLACED", 9)], (10, 7)));
    node.settle().await;
    assert_eq!(published::<OrderPlaced>(node).await.len(), 8);
    node.assert_books().await;
}

/// The answer of a batch is saved with its refusals, although units are available later.
pub(crate) async fn a_batch_keeps_its_answer_under_an_idempotency_key(node: &mut TestNode) {
    let sale = Sale::of_tea(node, 1).await;
    // The second batch places no order, so its commit contains only the answer.
    for (key, holder, numbers) in [("a1", 0, 0..2), ("a2", 2, 3..4)] {
        let request = PlaceSaleOrdersRequest { offer: Some(sale.offer.clone()), orders: sale.admitted(node, numbers) };
        sale.placed(node, sale.admitted(node, holder..holder + 1)).await;
        let cx = node.keyed(node.cx(), key, "PlaceSaleOrders", &request);
        let first = node.orders().place_sale_orders(&cx, request.clone()).await.unwrap();
        assert_eq!(first.outcomes.last().map(SaleOrderOutcome::state), Some(SaleOrderState::StockShort));
        sale.fixture.cancel(node, sale.id(holder)).await.unwrap();
        node.settle().await;
        assert_eq!(node.orders().place_sale_orders(&cx, request).await.unwrap(), first);
        assert_eq!(sale.units(node).await, (1, 0));
    }
    assert_eq!(states(&sale.place(node, sale.admitted(node, 3..4)).await.unwrap()), [("PLACED", 1)]);
    node.assert_books().await;
}

/// Parallel calls with the same batch and with parts of it place each order once.
pub(crate) async fn the_same_batch_at_the_same_time_places_each_order_once(node: &mut TestNode) {
    let sale = Sale::of_tea(node, 30).await;
    let parts = [0..40, 0..40, 0..20, 10..40];
    let outcomes = join_all(parts.map(|part| sale.place(node, sale.admitted(node, part)))).await;
    assert!(outcomes.iter().all(Result::is_ok), "{outcomes:?}");
    let again = sale.place(node, sale.admitted(node, 0..40)).await.unwrap();
    assert_eq!((states(&again), sale.units(node).await), (vec![("PLACED", 30), ("STOCK_SHORT", 10)], (30, 30)));
    for outcome in outcomes.into_iter().flatten().flatten() {
        let settled = again.iter().find(|one| one.order_id == outcome.order_id);
        assert_eq!(settled, Some(&outcome), "all calls return the same");
    }
    node.settle().await;
    assert_eq!(published::<OrderPlaced>(node).await.len(), 30);
    node.assert_books().await;
}

/// After a crash between reservation and commit, the repeated batch places the reserved orders; other reservations expire.
pub(crate) async fn a_batch_continues_after_a_crash(node: &mut TestNode) {
    let sale = Sale::of_tea(node, 8).await;
    let batch = sale.admitted(node, 0..10);
    let reserved = node.stock().reserve_many(&node.cx(), Sale::reservations(&batch[2..])).await.unwrap();
    assert!(reserved.reservations.iter().all(|one| one.state() == ReservationState::Active));
    node.restart().await;
    // The units belong to the third to the tenth order, also if others come first now.
    let outcomes = sale.place(node, batch[..9].to_vec()).await.unwrap();
    assert_eq!((states(&outcomes[..2]), states(&outcomes[2..])), (vec![("STOCK_SHORT", 2)], vec![("PLACED", 7)]));
    assert_eq!(sale.units(node).await, (8, 8));
    // The payment time of the last one is over: its reservation stays until it expires.
    node.advance(MINUTE * 15);
    node.settle().await;
    assert_eq!(states(&sale.place(node, batch[9..].to_vec()).await.unwrap()), [("EXPIRED", 1)]);
    assert_eq!(sale.units(node).await, (8, 1), "unpaid orders released their units");
    node.advance(MINUTE * 10);
    node.settle().await;
    assert_eq!(
        (states(&sale.place(node, batch[9..].to_vec()).await.unwrap()), sale.units(node).await),
        (vec![("EXPIRED", 1)], (8, 0))
    );
    // With a late clock of the caller, the reservation has expired anyway.
    let mut late = batch[9];
    late.pay_until = Some(node.now().plus(MINUTE).into());
    assert_eq!(states(&sale.place(node, vec![late]).await.unwrap()), [("EXPIRED", 1)]);
    node.assert_books().await;
}

/// Refunded, cancelled, unpaid: the units return to the sale and are sold again.
pub(crate) async fn units_of_a_sale_return_to_it(node: &mut TestNode) {
    let sale = Sale::of_tea(node, 4).await;
    let mut orders = sale.placed(node, sale.admitted(node, 0..3)).await;
    orders.extend(sale.placed(node, vec![sale.order(node, 3, 1)]).await);
    assert_eq!(sale.units(node).await, (4, 4));
    pay(node, &orders[0]).await;
    pay(node, &orders[1]).await;
    assert_eq!(sale.units(node).await, (2, 2), "a payment deducts units of the sale");
    sale.fixture.cancel(node, orders[0].order_id).await.unwrap();
    sale.fixture.cancel(node, orders[2].order_id).await.unwrap();
    node.settle().await;
    assert_eq!(sale.units(node).await, (3, 1));
    assert_eq!(published::<OrderRefundRequested>(node).await[0].amount_minor, 100);
    node.advance(MINUTE * 15);
    node.settle().await;
    let unpaid = sale.fixture.seen(node, orders[3].order_id).await;
    assert_eq!((unpaid.state(), unpaid.cancel_reason()), (OrderState::Cancelled, CancelReason::PaymentTimedOut));
    assert_eq!((sale.units(node).await, sale.fixture.tea_stock(node).await), ((3, 0), (0, 0)));
    assert_eq!(
        states(&sale.place(node, sale.admitted(node, 4..8)).await.unwrap()),
        [("PLACED", 3), ("STOCK_SHORT", 1)]
    );
    node.settle().await;
    assert_clean(node).await;
}

/// An order of a sale is paid through a provider and prepared by the kitchen like any other order.
pub(crate) async fn an_order_of_a_sale_is_processed_like_any_order(node: &mut TestNode) {
    let sale = Sale::of_tea(node, 5).await;
    let (order, cx) = (sale.placed(node, vec![sale.order(node, 0, 2)]).await.remove(0), sale.fixture.customer.cx());
    let request =
        StartPaymentRequest { order_id: order.order_id, provider: "sandbox".to_owned(), return_url: String::new() };
    let payment = node.payments().start_payment(&cx, request).await.unwrap();
    assert_eq!(payment.amount, Some(cny(200)));
    let token = payment.attempts[0].pay_url.rsplit('/').next().unwrap_or_default();
    node.sandbox().choose(token, Choice::Pay).await.unwrap();
    node.settle().await;
    assert_eq!(
        (sale.fixture.seen(node, order.order_id).await.state(), sale.units(node).await),
        (OrderState::Confirmed, (3, 0))
    );
    let shop_id = sale.fixture.shop.id();
    let request = ListTicketsRequest { shop_id, page_size: 10, ..ListTicketsRequest::default() };
    let tickets = node.kitchens().list_tickets(&node.cx(), request).await.unwrap().tickets;
    assert_eq!((tickets.len(), tickets[0].order_id), (1, order.order_id));
    node.assert_books().await;
}

/// A sale has its own limit: its vouchers do not count towards the limit per customer. Its coupons are issued when the order
/// is paid.
pub(crate) async fn a_voucher_of_a_sale_does_not_count_towards_the_limit(node: &mut TestNode) {
    let fixture = ShopFixture::with_tea(node, 10).await;
    let template = crate::vouchers::voucher(node, &fixture, Distribution::Purchase, 12).await;
    let offer = SaleOffer {
        sale_id: SALE,
        shop_id: fixture.shop.id(),
        shop_name: "Tea house".to_owned(),
        kind: OrderKind::VirtualVoucher.into(),
        product_id: template.template_id,
        product_name: "Tea for two".to_owned(),
        unit_price: Some(cny(900)),
        ..SaleOffer::default()
    };
    let quota = ResourceRef { kind: ResourceKind::Coupon.into(), id: template.template_id };
    let sale = Sale::of(node, fixture, offer, quota, 6).await;
    let orders = sale.placed(node, vec![sale.order(node, 0, 3), sale.order(node, 1, 2), sale.order(node, 2, 1)]).await;
    pay(node, &orders[0]).await;
    sale.fixture.cancel(node, orders[1].order_id).await.unwrap();
    node.settle().await;
    let paid = sale.fixture.seen(node, orders[0].order_id).await;
    assert_eq!((paid.state(), crate::vouchers::coupons(node, &sale.fixture).await.len()), (OrderState::Completed, 3));
    assert_eq!(sale.units(node).await, (3, 1));
    // The limit per customer is six.
    let own = sale.fixture.place(node, crate::vouchers::buying(&sale.fixture, &template, 6)).await.unwrap();
    pay(node, &own).await;
    pay(node, &orders[2]).await;
    assert_eq!((crate::vouchers::coupons(node, &sale.fixture).await.len(), sale.units(node).await), (10, (2, 0)));
    node.assert_books_of("marketing").await;
    assert_clean(node).await;
}

/// A free order of a sale is confirmed at once, and its units leave the sale.
pub(crate) async fn a_free_order_of_a_sale_is_confirmed_at_once(node: &mut TestNode) {
    let mut sale = Sale::of_tea(node, 3).await;
    sale.offer.unit_price = Some(cny(0));
    let batch = sale.admitted(node, 0..4);
    let both = join_all((0..2).map(|_| sale.place(node, batch.clone()))).await;
    node.settle().await;
    let again = sale.place(node, batch).await.unwrap();
    assert!(both.iter().all(|one| one.as_ref().is_ok_and(|one| *one == again)), "{both:?}");
    assert_eq!((states(&again), sale.units(node).await), (vec![("PLACED", 3), ("STOCK_SHORT", 1)], (0, 0)));
    let order = sale.fixture.seen(node, sale.id(0)).await;
    assert_eq!(
        (order.state(), order.payment_state(), order.expires_at),
        (OrderState::Confirmed, PaymentState::Paid, None)
    );
    node.advance(MINUTE * 60);
    node.settle().await;
    assert_eq!(sale.fixture.seen(node, sale.id(0)).await.state(), OrderState::Confirmed);
    node.assert_books().await;
}

/// R12: a late payment is refunded although the shop has units: an order of a sale uses only units of the sale.
#[test]
fn a_late_payment_uses_units_of_the_sale_only() {
    let again = |config: &mut pulse_testkit::config::Config| config.order.late_payment = LatePayment::ReserveAgain;
    run_with(Engine::Sqlite, again, async |node| reserve_again(node).await);
}

async fn reserve_again(node: &mut TestNode) {
    let sale = Sale::of_tea(node, 1).await;
    let order = sale.placed(node, sale.admitted(node, 0..1)).await.remove(0);
    node.advance(MINUTE * 15);
    node.settle().await;
    let other = sale.placed(node, sale.admitted(node, 1..2)).await.remove(0);
    sale.fixture.count_tea(node, 5, StockRules::default()).await;
    pay(node, &order).await;
    assert_eq!(sale.fixture.seen(node, order.order_id).await.state(), OrderState::Cancelled);
    assert_eq!(published::<OrderRefundRequested>(node).await.len(), 1);
    sale.fixture.cancel(node, other.order_id).await.unwrap();
    node.settle().await;
    // The unit belongs to the sale again.
    let last = sale.placed(node, sale.admitted(node, 2..3)).await.remove(0);
    node.advance(MINUTE * 15);
    node.settle().await;
    pay(node, &last).await;
    assert_eq!(sale.fixture.seen(node, last.order_id).await.state(), OrderState::Confirmed);
    assert_eq!((sale.units(node).await, sale.fixture.tea_stock(node).await), ((0, 0), (5, 0)));
    assert_clean(node).await;
}

/// A commit that fails for good leaves no reservation.
pub(crate) async fn a_failed_commit_leaves_no_reservation(node: &mut TestNode) {
    let sale = Sale::of_tea(node, 5).await;
    let rename = |text: &'static str| Commit::new().write(Statement::new(text, values![]));
    let store = node.store("order");
    store.commit(&node.cx(), rename("ALTER TABLE order_timers RENAME TO order_timers_away")).await.unwrap();
    let outcome = sale.place(node, sale.admitted(node, 0..3)).await;
    store.commit(&node.cx(), rename("ALTER TABLE order_timers_away RENAME TO order_timers")).await.unwrap();
    assert_eq!((code(&outcome), sale.units(node).await), ("INTERNAL", (5, 0)));
    assert_eq!(states(&sale.place(node, sale.admitted(node, 0..1)).await.unwrap()), [("STOCK_SHORT", 1)], "given back");
    sale.placed(node, sale.admitted(node, 3..8)).await;
    node.assert_books().await;
}

/// Invalid batches are refused before any stock movement.
pub(crate) async fn an_invalid_batch_moves_nothing(node: &mut TestNode) {
    let sale = Sale::of_tea(node, 5).await;
    let stranger = |order: SaleOrder| SaleOrder { account_id: order.account_id + 1, ..order };
    sale.placed(node, sale.admitted(node, 0..1)).await;
    let before = sale.movement_count(node).await;
    let with = |offer: SaleOffer, orders: Vec<SaleOrder>| PlaceSaleOrdersRequest { offer: Some(offer), orders };
    let (new, offer) = (|number| sale.order(node, number, 1), sale.offer.clone());
    for (request, expected) in [
        (with(offer.clone(), vec![new(1), stranger(new(0))]), "IDEMPOTENCY_KEY_REUSED"),
        (with(offer.clone(), vec![new(1), stranger(new(1))]), "IDEMPOTENCY_KEY_REUSED"),
        (with(offer.clone(), vec![new(1), sale.order(node, 1, 2)]), "IDEMPOTENCY_KEY_REUSED"),
        (with(offer.clone(), vec![]), "VALIDATION_FAILED"),
        (with(offer.clone(), vec![new(1), sale.order(node, 2, 0)]), "VALIDATION_FAILED"),
        (with(SaleOffer { unit_price: None, ..offer.clone() }, vec![new(1)]), "VALIDATION_FAILED"),
        (with(SaleOffer { unit_price: Some(cny(-1)), ..offer.clone() }, vec![new(1)]), "VALIDATION_FAILED"),
        (with(SaleOffer { unit_price: Some(cny(i64::MAX)), ..offer.clone() }, vec![new(1)]), "ORDER_TOO_LARGE"),
        (PlaceSaleOrdersRequest { offer: None, orders: vec![new(1)] }, "VALIDATION_FAILED"),
    ] {
        assert_eq!(code(&node.orders().place_sale_orders(&node.cx(), request).await), expected);
    }
    // A sale without units refuses every order.
    let request = with(SaleOffer { sale_id: SALE + 1, ..offer }, vec![new(2)]);
    let outcomes = node.orders().place_sale_orders(&node.cx(), request).await.unwrap().outcomes;
    assert_eq!(states(&outcomes), [("STOCK_SHORT", 1)]);
    assert_eq!((sale.movement_count(node).await, sale.units(node).await), (before, (5, 1)));
    node.settle().await;
}
