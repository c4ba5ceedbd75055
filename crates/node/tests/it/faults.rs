//! Trade while events come twice, late, or not at first: what customers, shops and books have in the end is the same.

use std::collections::BTreeMap;

use futures::future::join_all;
use parking_lot::Mutex;
use pulse_bus::Faults;
use pulse_contract::kitchen::v1::*;
use pulse_contract::marketing::v1::*;
use pulse_contract::order::v1::*;
use pulse_contract::payment::v1::*;
use pulse_contract::shop::v1::{CreateProductRequest, Product, SetTermsRequest, ShopTerms};
use pulse_contract::stock::v1::*;
use pulse_kernel::{Error, Kind};
use pulse_payment::Choice;
use pulse_testkit::config::Config;
use pulse_testkit::{Engine, OpenShop, Person, TestNode, cny, product};
use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};

use crate::{DAY, MINUTE, SECOND};

/// Units of tea: fewer than are wanted.
const UNITS: i64 = 25;
const ROUNDS: usize = 14;
/// How many do something at the same time.
const CROWD: usize = 8;

/// What somebody does next.
#[derive(Clone, Copy, Debug)]
enum Deed {
    /// Orders so many teas, with a coupon when there is one.
    Order(i32, PaymentMethod),
    BuyVoucher,
    ClaimCoupon,
    Pay(Choice),
    Cancel,
    Cook,
    Serve,
}

fn deed(random: &mut StdRng) -> Deed {
    match random.random_range(0..20) {
        0..4 => Deed::Order(random.random_range(1..3), PaymentMethod::Online),
        4 => Deed::Order(1, PaymentMethod::CashOnDelivery),
        5 | 6 => Deed::BuyVoucher,
        7 => Deed::ClaimCoupon,
        8..10 => Deed::Pay(Choice::Pay),
        10 | 11 => Deed::Pay(Choice::PayTwice),
        12 => Deed::Pay(Choice::Delay),
        13 => Deed::Pay(Choice::Decline),
        14 | 15 => Deed::Cancel,
        16..19 => Deed::Cook,
        _ => Deed::Serve,
    }
}

/// A shop, those who buy there, and what they were told.
struct Town {
    shop: OpenShop,
    tea: Product,
    customers: Vec<Person>,
    sale: i64,
    gift: i64,
    /// Orders that were placed: the customer, and the coupon that was given.
    placed: Mutex<BTreeMap<i64, (usize, Option<i64>)>>,
}

impl Town {
    async fn of(node: &TestNode) -> Self {
        let shop = node.a_shop().await;
        let staff = shop.owner.cx();
        let terms = ShopTerms { is_cash_accepted: true, ..ShopTerms::default() };
        let request = SetTermsRequest { shop_id: shop.id(), terms: Some(terms), ..Default::default() };
        node.catalog().set_terms(&staff, request).await.unwrap();
        let tea = on_shelf(node, &shop, "Tea", UNITS).await;
        let sale = template(node, &shop, Distribution::Purchase).await;
        let gift = template(node, &shop, Distribution::Claim).await;
        let mut customers = Vec::new();
        for number in 0..4 {
            customers.push(node.sign_up(&format!("+861380013810{number}")).await);
        }
        node.settle().await;
        Self { shop, tea, customers, sale, gift, placed: Mutex::default() }
    }

    async fn act(&self, node: &TestNode, customer: usize, order: Option<i64>, deed: Deed) -> Result<(), Error> {
        let cx = self.customers[customer].cx();
        match (deed, order) {
            (Deed::Order(quantity, method), _) => self.order(node, customer, (quantity, method)).await,
            (Deed::BuyVoucher, _) => {
                let draft = OrderDraft {
                    shop_id: self.shop.id(),
                    kind: OrderKind::VirtualVoucher.into(),
                    voucher_template_id: self.sale,
                    voucher_quantity: 1,
                    ..OrderDraft::default()
                };
                self.place(node, customer, draft, PaymentMethod::Online).await
            }
            (Deed::ClaimCoupon, _) => {
                node.coupons().claim_coupon(&cx, ClaimCouponRequest { template_id: self.gift }).await.map(drop)
            }
            (Deed::Pay(choice), Some(order_id)) => pay(node, &cx, order_id, choice).await,
            (Deed::Cancel, Some(order_id)) => {
                let request = CancelOrderRequest { order_id, reason: "no more".to_owned() };
                node.orders().cancel_order(&cx, request).await.map(drop)
            }
            (Deed::Cook, _) => self.cook(node, customer).await,
            (Deed::Serve, Some(order_id)) => {
                let staff = self.shop.owner.cx();
                node.orders().complete_order(&staff, CompleteOrderRequest { order_id }).await.map(drop)
            }
            (Deed::Pay(_) | Deed::Cancel | Deed::Serve, None) => Ok(()),
        }
    }

    async fn order(
        &self,
        node: &TestNode,
        customer: usize,
        (quantity, method): (i32, PaymentMethod),
    ) -> Result<(), Error> {
        let request = ListMyCouponsRequest { state: CouponState::Active.into(), ..Default::default() };
        let coupons = node.coupons().list_my_coupons(&self.customers[customer].cx(), request).await?.coupons;
        let (product_id, variant_id) = (self.tea.product_id, self.tea.variants[0].variant_id);
        let draft = OrderDraft {
            shop_id: self.shop.id(),
            lines: vec![CartLine { product_id, variant_id, quantity, ..CartLine::default() }],
            coupon_ids: coupons.first().map(|coupon| coupon.coupon_id).into_iter().collect(),
            ..OrderDraft::default()
        };
        self.place(node, customer, draft, method).await
    }

    async fn place(
        &self,
        node: &TestNode,
        customer: usize,
        draft: OrderDraft,
        method: PaymentMethod,
    ) -> Result<(), Error> {
        let cx = self.customers[customer].cx();
        let coupon = draft.coupon_ids.first().copied();
        let quote = node.orders().quote_order(&cx, QuoteOrderRequest { draft: Some(draft.clone()) }).await?;
        let request = PlaceOrderRequest {
            draft: Some(draft),
            expected_total_minor: Some(quote.price.unwrap_or_default().total_minor),
            payment_method: method.into(),
            ..PlaceOrderRequest::default()
        };
        let order = node.orders().place_order(&cx, request).await?;
        self.placed.lock().insert(order.order_id, (customer, coupon));
        Ok(())
    }

    /// The kitchen goes one step on with one of its tickets.
    async fn cook(&self, node: &TestNode, which: usize) -> Result<(), Error> {
        let staff = self.shop.owner.cx();
        let request = ListTicketsRequest { shop_id: self.shop.id(), page_size: 100, ..Default::default() };
        let tickets = node.kitchens().list_tickets(&staff, request).await?.tickets;
        let Some(ticket) = tickets.get(which % tickets.len().max(1)) else { return Ok(()) };
        let by = match ticket.state() {
            TicketState::New => TicketMove::Accept,
            TicketState::Accepted => TicketMove::Start,
            TicketState::Started => TicketMove::Ready,
            TicketState::Unspecified | TicketState::Ready | TicketState::Bumped | TicketState::Cancelled => {
                TicketMove::Bump
            }
        };
        let request = MoveTicketRequest { shop_id: ticket.shop_id, ticket_id: ticket.ticket_id, r#move: by.into() };
        node.kitchens().move_ticket(&staff, request).await.map(drop)
    }

    /// What everybody has in the end fits to what they were told.
    async fn judge(&self, node: &TestNode) {
        let placed = self.placed.lock().clone();
        let mut orders = Vec::new();
        for order_id in placed.keys() {
            orders.push(node.orders().get_order(&node.cx(), GetOrderRequest { order_id: *order_id }).await.unwrap());
        }
        let (live, over): (Vec<&Order>, Vec<&Order>) =
            orders.iter().partition(|order| order.state() != OrderState::Cancelled);
        assert!(live.len() > 3 && over.len() > 3, "{} are live, {} are over", live.len(), over.len());
        assert!(live.iter().all(|order| order.state() != OrderState::AwaitingPayment), "the time to pay is over");
        let goods = || live.iter().filter(|order| order.kind() == OrderKind::Goods);

        let (on_hand, reserved) = stock_of(node, &self.shop, &self.tea).await;
        let sold: i64 = goods().flat_map(|order| &order.lines).map(|line| i64::from(line.quantity)).sum();
        assert_eq!(on_hand - reserved, UNITS - sold, "every unit is on the shelf or sold");

        let tickets = self.tickets(node).await;
        for order in &orders {
            let is_cooked = order.kind() == OrderKind::Goods && order.state() != OrderState::Cancelled;
            let states = tickets.get(&order.order_id).map(Vec::as_slice).unwrap_or_default();
            // What had left the screen before the kitchen heard that nobody wants it stays as it is.
            let fits = match states {
                [] => !is_cooked,
                [state] => is_cooked || *state == TicketState::Bumped,
                _ => false,
            };
            assert!(fits, "order {} has the tickets {states:?}: {order:?}", order.order_id);
            self.judge_books(node, order).await;
        }
        self.judge_coupons(node, &live, &placed).await;
    }

    /// How the orders were placed.
    async fn lanes(&self, node: &TestNode) -> Vec<PlacementMode> {
        let placed: Vec<i64> = self.placed.lock().keys().copied().collect();
        let mut lanes = Vec::new();
        for order_id in placed {
            lanes.push(
                node.orders().get_order(&node.cx(), GetOrderRequest { order_id }).await.unwrap().placement_mode(),
            );
        }
        lanes
    }

    /// The tickets of each order that are not cancelled.
    async fn tickets(&self, node: &TestNode) -> BTreeMap<i64, Vec<TicketState>> {
        let states = (1..=5).collect();
        let request = ListTicketsRequest { shop_id: self.shop.id(), states, page_size: 100, ..Default::default() };
        let page = node.kitchens().list_tickets(&node.cx(), request).await.unwrap();
        assert!(!page.tickets.is_empty() && page.next_page_token.is_empty(), "one page holds the tickets");
        let mut tickets = BTreeMap::<_, Vec<_>>::new();
        page.tickets.iter().for_each(|ticket| tickets.entry(ticket.order_id).or_default().push(ticket.state()));
        tickets
    }

    /// Each attempt that succeeded is in the books once. The shop keeps the money of one of them, or of none when the
    /// order is over: who is declined, begins anew and then pays on both pages has paid twice, and gets one back.
    async fn judge_books(&self, node: &TestNode, order: &Order) {
        if order.payment_method() != PaymentMethod::Online || order.price.as_ref().unwrap().total_minor == 0 {
            return;
        }
        let order_id = order.order_id;
        let request = ListLedgerEntriesRequest { order_id, page_size: 100, ..ListLedgerEntriesRequest::default() };
        let entries = node.payments().list_ledger_entries(&node.cx(), request).await.unwrap().entries;
        let count = |kind: &str| entries.iter().filter(|entry| entry.kind == kind).count();
        let (captures, refunds) = (count("capture"), count("refund"));
        let is_live = order.state() != OrderState::Cancelled;
        let payment = node.payments().get_order_payment(&node.cx(), GetOrderPaymentRequest { order_id }).await;
        let attempts = payment.map(|payment| payment.attempts).unwrap_or_default();
        let paid = attempts.iter().filter(|attempt| attempt.state() == AttemptState::Succeeded).count();
        assert_eq!(captures, paid, "{entries:?} of {attempts:?}");
        assert_eq!(captures, refunds + usize::from(is_live), "{entries:?} of {order:?}");
        assert_eq!(entries.len(), captures + refunds, "{entries:?}");
    }

    /// A voucher that was paid is one coupon; a coupon is in one live order.
    async fn judge_coupons(&self, node: &TestNode, live: &[&Order], placed: &BTreeMap<i64, (usize, Option<i64>)>) {
        let mut bought = 0;
        for customer in &self.customers {
            let request = ListMyCouponsRequest { page_size: 100, ..Default::default() };
            let coupons = node.coupons().list_my_coupons(&customer.cx(), request).await.unwrap().coupons;
            bought += coupons.iter().filter(|coupon| coupon.template_id == self.sale).count();
        }
        let vouchers = live.iter().filter(|order| order.kind() == OrderKind::VirtualVoucher).count();
        assert_eq!(bought, vouchers, "one coupon for each voucher");
        let mut uses: BTreeMap<i64, usize> = BTreeMap::new();
        for order in live {
            if let (_, Some(coupon)) = placed[&order.order_id] {
                *uses.entry(coupon).or_default() += 1;
            }
        }
        assert!(uses.values().all(|count| *count == 1), "a coupon is used once: {uses:?}");
    }
}

/// A product of 15 yuan, of which there are so many.
pub(crate) async fn on_shelf(node: &TestNode, shop: &OpenShop, name: &str, quantity: i64) -> Product {
    let (staff, shop_id) = (shop.owner.cx(), shop.id());
    let request = CreateProductRequest { shop_id, product: Some(product(name, 1_500)) };
    let product = node.catalog().create_product(&staff, request).await.unwrap();
    let (product_id, variant_id) = (product.product_id, product.variants[0].variant_id);
    let request = PutStockRequest { shop_id, product_id, variant_id, rules: Some(StockRules::default()) };
    node.stock().put_stock(&staff, request).await.unwrap();
    let request = ReplenishStockRequest { shop_id, resource: Some(units_of(&product)), quantity, note: String::new() };
    node.stock().replenish_stock(&staff, request).await.unwrap();
    product
}

/// On hand and reserved.
pub(crate) async fn stock_of(node: &TestNode, shop: &OpenShop, product: &Product) -> (i64, i64) {
    let request = GetStockRequest { shop_id: shop.id(), resource: Some(units_of(product)) };
    let stock = node.stock().get_stock(&shop.owner.cx(), request).await.unwrap();
    (stock.on_hand, stock.reserved)
}

fn units_of(tea: &Product) -> ResourceRef {
    ResourceRef { kind: ResourceKind::Sku.into(), id: tea.variants[0].variant_id }
}

async fn template(node: &TestNode, shop: &OpenShop, distribution: Distribution) -> i64 {
    let template = TemplateDraft {
        name: "Two yuan".to_owned(),
        discount: DiscountKind::Amount.into(),
        amount_minor: 200,
        currency: "CNY".to_owned(),
        starts_at: Some(node.now().into()),
        ends_at: Some(node.now().plus(DAY).into()),
        per_customer_limit: 5,
        quota: 8,
        distribution: distribution.into(),
        price: (distribution == Distribution::Purchase).then(|| cny(150)),
        ..TemplateDraft::default()
    };
    let request = CreateTemplateRequest { shop_id: shop.id(), template: Some(template) };
    node.coupons().create_template(&shop.owner.cx(), request).await.unwrap().template_id
}

async fn pay(node: &TestNode, cx: &pulse_kernel::Cx, order_id: i64, choice: Choice) -> Result<(), Error> {
    let request = StartPaymentRequest { order_id, provider: "sandbox".to_owned(), return_url: String::new() };
    let payment = node.payments().start_payment(cx, request).await?;
    let Some(attempt) = payment.attempts.last() else { return Ok(()) };
    let token = attempt.pay_url.rsplit('/').next().unwrap_or_default();
    node.sandbox().choose(token, choice).await
}

/// Everybody does as the seed says, with faults in between; then it must add up.
async fn trade(engine: Engine, seed: u64, hot: Option<u32>) {
    eprintln!("seed {seed}");
    let change = |config: &mut Config| {
        if let Some(enter) = hot {
            (
                config.order.queued_placement.start_orders_per_second,
                config.order.queued_placement.stop_orders_per_second,
            ) = (enter, 1);
        }
    };
    let node = TestNode::start_faulty(engine, Faults::many(seed), change).await;
    let town = Town::of(&node).await;
    let mut random = StdRng::seed_from_u64(seed);
    for round in 0..ROUNDS {
        let known: Vec<(i64, usize)> = town.placed.lock().iter().map(|(order, (who, _))| (*order, *who)).collect();
        let crowd: Vec<_> = (0..CROWD)
            .map(|_| {
                let of = (!known.is_empty()).then(|| known[random.random_range(0..known.len())]);
                let customer = of.map_or_else(|| random.random_range(0..town.customers.len()), |(_, who)| who);
                (customer, of.map(|(order, _)| order), deed(&mut random))
            })
            .collect();
        let done = join_all(crowd.iter().map(|(who, order, deed)| town.act(&node, *who, *order, *deed))).await;
        for (outcome, what) in done.into_iter().zip(&crowd) {
            let defect = outcome.err().filter(|error| matches!(error.kind(), Kind::Internal | Kind::Unavailable));
            assert!(defect.is_none(), "seed {seed}: {what:?}: {defect:?}");
        }
        match round % 4 {
            // What is under way stays so, and the next ones meet it there.
            0 | 2 => drop(node.bus().drain().await),
            1 => node.advance(SECOND * 20),
            _ => node.settle().await,
        }
    }
    node.settle().await;
    node.advance(MINUTE * 16);
    node.assert_books().await;
    town.judge(&node).await;
    let lanes = town.lanes(&node).await;
    assert_eq!(lanes.contains(&PlacementMode::Queued), hot.is_some(), "{lanes:?}");
    let suffered: Vec<_> = node.bus().status().iter().map(|one| (one.failed_count, one.duplicate_count)).collect();
    let (failed, duplicates) = suffered.iter().fold((0, 0), |sum, one| (sum.0 + one.0, sum.1 + one.1));
    assert!(failed > 30 && duplicates > 10, "events suffered: {suffered:?}");
    node.finish().await;
}

fn run(engine: Engine, seeds: std::ops::Range<u64>, hot: Option<u32>) {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
    for seed in seeds {
        runtime.block_on(trade(engine, seed, hot));
    }
}

/// T4, R05, R06, R14, R15: events that come twice at once, again, late and behind newer ones move no unit, no coin, no
/// coupon and no ticket twice, and lose none.
#[test]
fn trade_bears_faults_of_the_bus() {
    run(Engine::Sqlite, 1..5, None);
}

#[test]
fn trade_bears_faults_of_the_bus_on_postgres() {
    run(Engine::Postgres, 5..6, None);
}

#[test]
fn trade_bears_faults_of_the_bus_on_mariadb() {
    run(Engine::MariaDb, 6..7, None);
}

/// The same while what is ordered twice in a second goes through the hot lane.
#[test]
fn the_hot_lane_bears_faults_of_the_bus() {
    for (engine, seeds) in [(Engine::Sqlite, 20..22), (Engine::Postgres, 22..23), (Engine::MariaDb, 23..24)] {
        run(engine, seeds, Some(2));
    }
}
