//! People eat: they order, pay, kitchens cook, and somebody brings it.

use std::collections::VecDeque;

use parking_lot::Mutex;
use pulse_contract::kitchen::v1::{KitchenClient, ListTicketsRequest, MoveTicketRequest, TicketMove, TicketState};
use pulse_contract::order::v1::{
    CartLine, Choice, CompleteOrderRequest, DeliveryAddress, Fulfilment, GetOrderRequest, HandOverOrderRequest,
    ListShopOrdersRequest, OrderClient, OrderDraft, OrderFilter, OrderState, PaymentMethod, PlaceOrderRequest,
    QuoteOrderRequest,
};
use pulse_contract::payment::v1::{PaymentClient, StartPaymentRequest};
use pulse_contract::shop::v1::{GetMenuRequest, GetOffersRequest, Product, SetTermsRequest, ShopTerms};
use pulse_kernel::Error;
use pulse_kernel::id::AccountId;
use pulse_payment::{Choice as PayChoice, Sandbox};

use super::DemoCity;

/// How many kitchens somebody looks after; older ones finish when they get another order.
const KITCHENS_MAX: usize = 64;
/// On which terms every shop of the demo sells.
const TERMS: ShopTerms = ShopTerms {
    tax_basis_points: 600,
    is_tax_included: true,
    delivery_radius_m: 5_000,
    delivery_fee_minor: 500,
    delivery_free_from_minor: 6_000,
    order_minimum_minor: 0,
    packing_fee_minor: 100,
    is_cash_accepted: true,
};

/// Those who trade.
pub(crate) struct Trade {
    pub(crate) orders: OrderClient,
    pub(crate) payments: PaymentClient,
    pub(crate) kitchens: KitchenClient,
    pub(crate) sandbox: Option<Sandbox>,
    /// The shops that have a menu.
    pub(crate) menus: Vec<i64>,
    /// The kitchens that have something to do, the one that waits longest first.
    pub(crate) busy: Mutex<VecDeque<i64>>,
}

impl DemoCity {
    /// Gives a shop its terms when it has none yet.
    pub(super) async fn set_terms(&self, shop_id: i64) -> Result<(), Error> {
        let Ok(offers) =
            self.catalog.get_offers(&self.cx(), GetOffersRequest { shop_id, product_ids: Vec::new() }).await
        else {
            // It was closed since.
            return Ok(());
        };
        if offers.terms != Some(ShopTerms::default()) {
            return Ok(());
        }
        self.catalog.set_terms(&self.cx(), SetTermsRequest { shop_id, terms: Some(TERMS) }).await.map(drop)
    }

    /// Somebody orders something somewhere, and pays for it in some way.
    pub(super) async fn order_something(&self, person: AccountId) -> Result<(), Error> {
        let Some(shop_id) = pick(&self.trade.menus).copied() else { return Ok(()) };
        let Some(draft) = self.draft(shop_id, person).await? else { return Ok(()) };
        let cx = self.cx_of(person);
        let quote = self.trade.orders.quote_order(&cx, QuoteOrderRequest { draft: Some(draft.clone()) }).await?;
        if let Some(problem) = quote.problems.first() {
            tracing::info!(account.id = person.get(), shop.id = shop_id, problem = problem.code, "went on");
            return Ok(());
        }
        let is_cash = rand::random_ratio(1, 4);
        let method = if is_cash { PaymentMethod::CashOnDelivery } else { PaymentMethod::Online };
        let request = PlaceOrderRequest {
            draft: Some(draft),
            expected_total_minor: quote.price.map(|price| price.total_minor).unwrap_or_default(),
            payment_method: method.into(),
            ..PlaceOrderRequest::default()
        };
        let order = self.trade.orders.place_order(&cx, request).await?;
        tracing::info!(
            order.id = order.order_id,
            account.id = person.get(),
            shop = order.shop_name,
            is_cash,
            "ordered"
        );
        if !is_cash {
            self.pay(person, order.order_id).await?;
        }
        self.wake_kitchen(shop_id);
        Ok(())
    }

    /// What somebody picks from a menu, to be fetched or to be brought.
    async fn draft(&self, shop_id: i64, person: AccountId) -> Result<Option<OrderDraft>, Error> {
        let Ok(menu) = self.catalog.get_menu(&self.cx(), GetMenuRequest { shop_id }).await else { return Ok(None) };
        let products: Vec<Product> = menu.sections.into_iter().flat_map(|section| section.products).collect();
        let lines: Vec<CartLine> = (0..rand::random_range(1..=3)).filter_map(|_| line(pick(&products)?)).collect();
        let mut draft = OrderDraft { shop_id, lines, ..OrderDraft::default() };
        if rand::random_ratio(1, 3) {
            let offers =
                self.catalog.get_offers(&self.cx(), GetOffersRequest { shop_id, product_ids: Vec::new() }).await?;
            draft.fulfilment = Fulfilment::Delivery.into();
            draft.address = Some(DeliveryAddress {
                recipient: format!("Person {}", person.get()),
                phone: "+8613800138000".to_owned(),
                address: "Around the corner".to_owned(),
                location: offers.location,
            });
        }
        Ok((!draft.lines.is_empty()).then_some(draft))
    }

    pub(super) async fn pay(&self, person: AccountId, order_id: i64) -> Result<(), Error> {
        let Some(sandbox) = &self.trade.sandbox else { return Ok(()) };
        let request = StartPaymentRequest { order_id, ..StartPaymentRequest::default() };
        let payment = self.trade.payments.start_payment(&self.cx_of(person), request).await?;
        let url = payment.attempts.last().map(|attempt| attempt.pay_url.clone()).unwrap_or_default();
        let Some((_, token)) = url.rsplit_once('/') else { return Ok(()) };
        let choice = match rand::random_range(0..10_u8) {
            0 => PayChoice::Decline,
            1 => PayChoice::Delay,
            2 => PayChoice::PayTwice,
            _ => PayChoice::Pay,
        };
        tracing::info!(order.id = order_id, account.id = person.get(), ?choice, "at the till");
        sandbox.choose(token, choice).await
    }

    pub(super) fn wake_kitchen(&self, shop_id: i64) {
        let mut busy = self.trade.busy.lock();
        if !busy.contains(&shop_id) {
            busy.push_back(shop_id);
        }
        while busy.len() > KITCHENS_MAX {
            busy.pop_front();
        }
    }

    /// The kitchen that waits longest does one thing; then the counter gives away what is ready.
    pub(super) async fn cook_something(&self) -> Result<(), Error> {
        let Some(shop_id) = self.trade.busy.lock().pop_front() else { return Ok(()) };
        let (has_ticket, has_order) = (self.move_ticket(shop_id).await?, self.give_away(shop_id).await?);
        if has_ticket || has_order {
            self.wake_kitchen(shop_id);
        }
        Ok(())
    }

    /// Whether there was a ticket to move.
    async fn move_ticket(&self, shop_id: i64) -> Result<bool, Error> {
        let request = ListTicketsRequest { shop_id, page_size: 1, ..ListTicketsRequest::default() };
        let tickets = self.trade.kitchens.list_tickets(&self.cx(), request).await?.tickets;
        let Some(ticket) = tickets.first() else { return Ok(false) };
        let next = match ticket.state() {
            TicketState::New => TicketMove::Accept,
            TicketState::Accepted => TicketMove::Start,
            TicketState::Started => TicketMove::Ready,
            TicketState::Ready => TicketMove::Bump,
            TicketState::Unspecified | TicketState::Bumped | TicketState::Cancelled => return Ok(false),
        };
        let request = MoveTicketRequest { shop_id, ticket_id: ticket.ticket_id, r#move: next.into() };
        let moved = self.trade.kitchens.move_ticket(&self.cx(), request).await?;
        tracing::info!(ticket = moved.call_number, shop.id = shop_id, state = moved.state().as_str_name(), "kitchen");
        Ok(true)
    }

    /// Whether there was an order to hand over or to complete.
    async fn give_away(&self, shop_id: i64) -> Result<bool, Error> {
        let states = vec![OrderState::Ready.into(), OrderState::Delivering.into()];
        let filter = Some(OrderFilter { states, search: String::new() });
        let request = ListShopOrdersRequest { shop_id, filter, page_size: 1, ..ListShopOrdersRequest::default() };
        let found = self.trade.orders.list_shop_orders(&self.cx(), request).await?;
        let Some(order) = found.orders.first() else { return Ok(false) };
        let order_id = order.order_id;
        let order = self.trade.orders.get_order(&self.cx(), GetOrderRequest { order_id }).await?;
        let moved = match (order.state(), order.fulfilment()) {
            (OrderState::Ready, Fulfilment::Delivery) => {
                self.trade.orders.hand_over_order(&self.cx(), HandOverOrderRequest { shop_id, order_id }).await?
            }
            (OrderState::Ready | OrderState::Delivering, _) => {
                self.trade.orders.complete_order(&self.cx(), CompleteOrderRequest { order_id }).await?
            }
            // The list follows the orders, and has not heard of the last move yet.
            _ => return Ok(true),
        };
        tracing::info!(order.id = order_id, shop.id = shop_id, state = moved.state().as_str_name(), "counter");
        Ok(true)
    }
}

/// One of a product, in some form, with as few choices as it takes.
fn line(product: &Product) -> Option<CartLine> {
    let variant = pick(&product.variants)?;
    let choices = product.modifier_groups.iter().flat_map(|group| {
        let count = usize::try_from(group.choices_min).unwrap_or_default();
        let chosen = group.modifiers.iter().take(count);
        chosen.map(|modifier| Choice { group: group.name.clone(), modifier: modifier.name.clone() })
    });
    Some(CartLine {
        product_id: product.product_id,
        variant_id: variant.variant_id,
        quantity: rand::random_range(1..=2),
        choices: choices.collect(),
        note: String::new(),
    })
}

pub(super) fn pick<T>(all: &[T]) -> Option<&T> {
    if all.is_empty() { None } else { all.get(rand::random_range(0..all.len())) }
}
