//! Orders of the demo city: people order and pay, kitchens cook, and shops hand over or deliver.

use std::sync::atomic::Ordering;

use pulse_contract::kitchen::v1::{ListTicketsRequest, MoveTicketRequest, TicketMove, TicketState};
use pulse_contract::order::v1::{
    CartLine, Choice, CompleteOrderRequest, DeliveryAddress, Fulfilment, GetOrderRequest, HandOverOrderRequest,
    ListShopOrdersRequest, OrderDraft, OrderFilter, OrderState, PaymentMethod, PlaceOrderRequest, QuoteOrderRequest,
};
use pulse_contract::payment::v1::StartPaymentRequest;
use pulse_contract::shop::v1::{GetMenuRequest, GetOffersRequest, Product, SetTermsRequest, ShopTerms};
use pulse_kernel::Error;
use pulse_kernel::id::AccountId;
use pulse_payment::Choice as PayChoice;

use super::DemoCity;

/// Maximum number of busy kitchens. A kitchen beyond it continues with its next order.
const KITCHENS_MAX: usize = 64;
/// Terms of every shop of the demo.
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

impl DemoCity {
    /// Sets the terms of a shop that has none yet.
    pub(super) async fn set_terms(&self, shop_id: i64) -> Result<(), Error> {
        let Ok(offers) =
            self.catalog.get_offers(&self.cx(), GetOffersRequest { shop_id, product_ids: Vec::new() }).await
        else {
            // The shop was closed.
            return Ok(());
        };
        if offers.terms != Some(ShopTerms::default()) {
            return Ok(());
        }
        self.catalog
            .set_terms(&self.cx(), SetTermsRequest { shop_id, terms: Some(TERMS), ..SetTermsRequest::default() })
            .await
            .map(drop)
    }

    /// Places an order of random products in a random shop, and pays it online or in cash.
    pub(super) async fn place_random_order(&self, person: AccountId) -> Result<(), Error> {
        let Some(shop_id) = pick(&self.shops_with_menu).copied() else { return Ok(()) };
        let Some(draft) = self.draft(shop_id, person).await? else { return Ok(()) };
        let cx = self.cx_of(person);
        let quote = self.orders.quote_order(&cx, QuoteOrderRequest { draft: Some(draft.clone()) }).await?;
        if let Some(problem) = quote.problems.first() {
            tracing::info!(
                account.id = person.get(),
                shop.id = shop_id,
                problem = problem.code,
                "demo quote has a problem; no order placed"
            );
            return Ok(());
        }
        let is_cash = rand::random_ratio(1, 4);
        let method = if is_cash { PaymentMethod::CashOnDelivery } else { PaymentMethod::Online };
        let request = PlaceOrderRequest {
            draft: Some(draft),
            expected_total_minor: quote.price.map(|price| price.total_minor),
            payment_method: method.into(),
            ..PlaceOrderRequest::default()
        };
        let order = self.orders.place_order(&cx, request).await?;
        tracing::info!(
            order.id = order.order_id,
            account.id = person.get(),
            shop = order.shop_name,
            is_cash,
            "demo order placed"
        );
        if !is_cash {
            self.pay(person, order.order_id).await?;
        }
        self.mark_kitchen_busy(shop_id);
        Ok(())
    }

    /// A random order from the menu of a shop, for collection or delivery. `None` when the shop has no products.
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

    /// A draft of one product that needs no choice, to collect. `None` when the shop has none.
    pub(super) async fn simple_draft(&self, shop_id: i64) -> Result<Option<OrderDraft>, Error> {
        let Ok(menu) = self.catalog.get_menu(&self.cx(), GetMenuRequest { shop_id }).await else { return Ok(None) };
        let mut products = menu.sections.iter().flat_map(|section| &section.products);
        let product = products.find(|product| product.modifier_groups.iter().all(|group| group.choices_min == 0));
        let line = product.and_then(|product| {
            let variant_id = product.variants.first()?.variant_id;
            Some(CartLine { product_id: product.product_id, variant_id, quantity: 1, ..CartLine::default() })
        });
        Ok(line.map(|line| OrderDraft { shop_id, lines: vec![line], ..OrderDraft::default() }))
    }

    pub(super) async fn pay(&self, person: AccountId, order_id: i64) -> Result<(), Error> {
        let Some(sandbox) = &self.sandbox else { return Ok(()) };
        let request = StartPaymentRequest { order_id, ..StartPaymentRequest::default() };
        let payment = self.payments.start_payment(&self.cx_of(person), request).await?;
        let url = payment.attempts.last().map(|attempt| attempt.pay_url.clone()).unwrap_or_default();
        let Some((_, token)) = url.rsplit_once('/') else { return Ok(()) };
        let choice = match rand::random_range(0..10_u8) {
            0 => PayChoice::Decline,
            1 => PayChoice::Delay,
            2 => PayChoice::PayTwice,
            _ => PayChoice::Pay,
        };
        tracing::info!(order.id = order_id, account.id = person.get(), ?choice, "demo payment");
        sandbox.choose(token, choice).await
    }

    pub(super) fn mark_kitchen_busy(&self, shop_id: i64) {
        let mut busy = self.busy_kitchens.lock();
        if !busy.contains(&shop_id) {
            busy.push_back(shop_id);
        }
        while busy.len() > KITCHENS_MAX {
            busy.pop_front();
        }
    }

    /// Moves one ticket of the longest waiting kitchen, then hands over one ready order of the shop.
    pub(super) async fn kitchen_step(&self) -> Result<(), Error> {
        // Every other step is for the shop that the start page suggests, so that a visitor sees progress at once.
        let suggested = self.suggested_shop.load(Ordering::Relaxed);
        let is_suggested = suggested != 0 && rand::random_ratio(1, 2);
        let next = if is_suggested { Some(suggested) } else { self.busy_kitchens.lock().pop_front() };
        let Some(shop_id) = next else { return Ok(()) };
        let (has_ticket, has_order) = (self.move_ticket(shop_id).await?, self.hand_over(shop_id).await?);
        if has_ticket || has_order {
            self.mark_kitchen_busy(shop_id);
        }
        Ok(())
    }

    /// Moves the first ticket to its next state. Returns whether there was one.
    async fn move_ticket(&self, shop_id: i64) -> Result<bool, Error> {
        let request = ListTicketsRequest { shop_id, page_size: 1, ..ListTicketsRequest::default() };
        let tickets = self.kitchens.list_tickets(&self.cx(), request).await?.tickets;
        let Some(ticket) = tickets.first() else { return Ok(false) };
        let next = match ticket.state() {
            TicketState::New => TicketMove::Accept,
            TicketState::Accepted => TicketMove::Start,
            TicketState::Started => TicketMove::Ready,
            TicketState::Ready => TicketMove::Bump,
            TicketState::Unspecified | TicketState::Bumped | TicketState::Cancelled => return Ok(false),
        };
        let request = MoveTicketRequest { shop_id, ticket_id: ticket.ticket_id, r#move: next.into() };
        let moved = self.kitchens.move_ticket(&self.cx(), request).await?;
        tracing::info!(
            ticket = moved.call_number,
            shop.id = shop_id,
            state = moved.state().as_str_name(),
            "demo ticket moved"
        );
        Ok(true)
    }

    /// Hands over or completes the first ready order. Returns whether there was one.
    async fn hand_over(&self, shop_id: i64) -> Result<bool, Error> {
        let states = vec![OrderState::Ready.into(), OrderState::Delivering.into()];
        let filter = Some(OrderFilter { states, search: String::new() });
        let request = ListShopOrdersRequest { shop_id, filter, page_size: 1, ..ListShopOrdersRequest::default() };
        let found = self.orders.list_shop_orders(&self.cx(), request).await?;
        let Some(order) = found.orders.first() else { return Ok(false) };
        let order_id = order.order_id;
        let order = self.orders.get_order(&self.cx(), GetOrderRequest { order_id }).await?;
        let moved = match (order.state(), order.fulfilment()) {
            (OrderState::Ready, Fulfilment::Delivery) => {
                self.orders.hand_over_order(&self.cx(), HandOverOrderRequest { shop_id, order_id }).await?
            }
            (OrderState::Ready | OrderState::Delivering, _) => {
                self.orders.complete_order(&self.cx(), CompleteOrderRequest { order_id }).await?
            }
            // The list is eventually consistent and may show the state before the last move.
            _ => return Ok(true),
        };
        tracing::info!(order.id = order_id, shop.id = shop_id, state = moved.state().as_str_name(), "demo order moved");
        Ok(true)
    }
}

/// An order line with a random variant of a product and the minimum of modifiers.
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

/// A random element; `None` of an empty slice.
pub(super) fn pick<T>(all: &[T]) -> Option<&T> {
    if all.is_empty() { None } else { all.get(rand::random_range(0..all.len())) }
}
