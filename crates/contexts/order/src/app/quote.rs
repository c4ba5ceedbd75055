//! Quotes: the current price of an order, and the problems that prevent placing it.

use std::collections::BTreeSet;

use pulse_contract::Validate;
use pulse_contract::marketing::v1::errors::MARKETING_CUSTOMER_LIMIT;
use pulse_contract::marketing::v1::{
    CouponDiscounts, CouponTemplate, DiscountLine, Distribution, GetTemplateRequest, ValidateCouponsRequest,
};
use pulse_contract::order::v1::{
    Fulfilment, OrderDraft, OrderKind, OrderProblem, PaymentMethod, Quote, QuoteOrderRequest, errors,
};
use pulse_contract::shop::v1::{GetOffersRequest, Offers, Product, ShopTerms};
use pulse_contract::{GeoPoint, errors as common};
use pulse_kernel::id::{CouponId, ShopId};
use pulse_kernel::{Currency, Cx, Error, ErrorSpec, Money};

use super::{App, caller, on_behalf, view};
use crate::domain::area::Location;
use crate::domain::quote::{
    self, Conditions, Discount, Group, Line, Lines, Offer, Price, Problem, ProblemKind, RequestedLine, Terms, Variant,
};
use crate::store::carts::{self, CartRow};

pub(crate) async fn quote_order(app: &App, cx: &Cx, request: QuoteOrderRequest) -> Result<Quote, Error> {
    quote(app, cx, &request.draft.unwrap_or_default()).await
}

/// Quote of a draft, with all problems.
pub(super) async fn quote(app: &App, cx: &Cx, draft: &OrderDraft) -> Result<Quote, Error> {
    let mut basket = price_draft(app, cx, draft).await?;
    let discounts = match coupon_validation(&basket, draft) {
        Some(request) => Some(app.deps.coupons.validate_coupons(&on_behalf(cx), request).await),
        None => None,
    };
    let discounts = match discounts {
        Some(outcome) => basket.discounts(outcome)?,
        None => Vec::new(),
    };
    let price = basket.total_price(&discounts, cx);
    if let Some(price) = price.as_ref().filter(|_| !basket.is_cash_possible()) {
        basket.check_online_amount(app, price.total_minor);
    }
    Ok(wire(&basket, price, cx))
}

/// Priced content of a draft, with its problems.
pub(super) struct Basket {
    pub(super) kind: OrderKind,
    pub(super) fulfilment: Fulfilment,
    pub(super) shop: ShopId,
    pub(super) shop_name: String,
    pub(super) lines: Lines,
    pub(super) conditions: Conditions,
    pub(super) problems: Vec<Problem>,
    /// Cart from which the lines were taken.
    pub(super) cart: Option<CartRow>,
}

/// Prices the content of a draft.
///
/// # Errors
/// `SHOP_NOT_FOUND`, `VALIDATION_FAILED`.
pub(super) async fn price_draft(app: &App, cx: &Cx, draft: &OrderDraft) -> Result<Basket, Error> {
    // The edge validates requests; calls inside the process are validated here.
    draft.validate()?;
    match draft.kind() {
        OrderKind::VirtualVoucher => price_voucher(app, cx, draft).await,
        OrderKind::Unspecified | OrderKind::Goods => price_goods(app, cx, draft).await,
    }
}

async fn price_goods(app: &App, cx: &Cx, draft: &OrderDraft) -> Result<Basket, Error> {
    let shop = ShopId::new(draft.shop_id);
    if draft.shop_id == 0 {
        return Err(common::VALIDATION_FAILED.error("shop_id must be greater than 0 for an order of goods, got 0"));
    }
    let cart = if draft.is_cart { carts::find(&app.deps.store, caller(cx)?, shop).await? } else { None };
    let lines = match &cart {
        Some(cart) => &cart.stored.lines,
        None if draft.is_cart => &Vec::new(),
        None => &draft.lines,
    };
    let requested: Vec<RequestedLine> = lines.iter().cloned().map(view::requested_line).collect();
    let product_ids: BTreeSet<i64> = requested.iter().map(|line| line.product_id).collect();
    let request = GetOffersRequest { shop_id: draft.shop_id, product_ids: product_ids.into_iter().collect() };
    let offers = app.deps.catalog.get_offers(&on_behalf(cx), request).await?;
    let conditions = conditions(&offers, draft);
    let goods: Vec<Offer> = offers.products.into_iter().map(offer).collect();
    let lines = quote::price_lines(&goods, requested);
    let mut problems = lines.problems.clone();
    problems.extend(quote::check_conditions(&conditions, &lines));
    let fulfilment = if conditions.is_delivery { Fulfilment::Delivery } else { Fulfilment::Pickup };
    let (kind, shop_name) = (OrderKind::Goods, offers.shop_name);
    Ok(Basket { kind, fulfilment, shop, shop_name, lines, conditions, problems, cart })
}

fn conditions(offers: &Offers, draft: &OrderDraft) -> Conditions {
    let address = draft.address.as_ref().and_then(|address| address.location);
    Conditions {
        terms: offers.terms.map(terms).unwrap_or_default(),
        is_open: offers.is_open,
        shop: offers.location.map(location),
        is_delivery: draft.fulfilment() == Fulfilment::Delivery,
        address: address.map(location),
        tip_minor: draft.tip_minor,
    }
}

fn location(point: GeoPoint) -> Location {
    // The contract requires both.
    Location { latitude: point.latitude.unwrap_or_default(), longitude: point.longitude.unwrap_or_default() }
}

fn terms(terms: ShopTerms) -> Terms {
    Terms {
        tax_basis_points: u32::try_from(terms.tax_basis_points).unwrap_or_default(),
        is_tax_included: terms.is_tax_included,
        delivery_radius_m: u32::try_from(terms.delivery_radius_m).unwrap_or_default(),
        delivery_fee_minor: terms.delivery_fee_minor,
        delivery_free_from_minor: terms.delivery_free_from_minor,
        order_minimum_minor: terms.order_minimum_minor,
        packing_fee_minor: terms.packing_fee_minor,
        is_cash_accepted: terms.is_cash_accepted,
    }
}

fn offer(product: Product) -> Offer {
    let count = |number: i32| usize::try_from(number).unwrap_or_default();
    let variants = product.variants.into_iter().map(|variant| {
        let price = variant.price.unwrap_or_default();
        let (price_minor, currency) = (price.minor, price.currency);
        Variant { variant_id: variant.variant_id, name: variant.name, price_minor, currency }
    });
    let groups = product.modifier_groups.into_iter().map(|group| Group {
        name: group.name,
        choices_min: count(group.choices_min),
        choices_max: count(group.choices_max),
        modifiers: group.modifiers.into_iter().map(|modifier| (modifier.name, modifier.price_delta_minor)).collect(),
    });
    Offer {
        product_id: product.product_id,
        name: product.name,
        category_code: product.category_code,
        variants: variants.collect(),
        groups: groups.collect(),
    }
}

/// A voucher order has one line at the price of the voucher, without fees and taxes.
async fn price_voucher(app: &App, cx: &Cx, draft: &OrderDraft) -> Result<Basket, Error> {
    let request = GetTemplateRequest { template_id: draft.voucher_template_id };
    let template = match draft.voucher_template_id {
        0 => None,
        _ => match app.deps.coupons.get_template(&on_behalf(cx), request).await {
            Err(error) if error.kind() == pulse_kernel::Kind::NotFound => None,
            template => Some(template?),
        },
    };
    let mut basket = Basket {
        kind: OrderKind::VirtualVoucher,
        fulfilment: Fulfilment::Pickup,
        shop: ShopId::new(draft.shop_id),
        shop_name: String::new(),
        lines: Lines::default(),
        conditions: Conditions { is_open: true, tip_minor: draft.tip_minor, ..Conditions::default() },
        problems: Vec::new(),
        cart: None,
    };
    if draft.shop_id != 0 {
        let request = GetOffersRequest { shop_id: draft.shop_id, product_ids: Vec::new() };
        basket.shop_name = app.deps.catalog.get_offers(&on_behalf(cx), request).await?.shop_name;
    }
    basket.problems = check_voucher(draft, template.as_ref(), cx);
    if let Some(template) = template {
        basket.lines = voucher_line(draft, template);
        basket.problems.extend(basket.lines.problems.clone());
    }
    Ok(basket)
}

fn check_voucher(draft: &OrderDraft, template: Option<&CouponTemplate>, cx: &Cx) -> Vec<Problem> {
    let mut problems = Vec::new();
    if !draft.coupon_ids.is_empty() {
        let detail = format!("coupon_ids must be empty for a voucher, got {} coupons", draft.coupon_ids.len());
        problems.push(Problem::new(ProblemKind::CouponRefused, "coupon_ids", detail));
    }
    let content = template.and_then(|template| template.template.as_ref());
    let (Some(template), Some(content)) = (template, content) else {
        let detail = format!("voucher {} does not exist", draft.voucher_template_id);
        problems.push(Problem::new(ProblemKind::ItemUnknown, "voucher_template_id", detail));
        return problems;
    };
    let now = pulse_contract::Timestamp::from(cx.now);
    let is_on_sale = content.distribution() == Distribution::Purchase
        && !template.is_closed
        && template.shop_id == draft.shop_id
        && content.starts_at.is_some_and(|starts_at| starts_at <= now)
        && content.ends_at.is_some_and(|ends_at| now < ends_at);
    if !is_on_sale {
        let detail = "the voucher is not sold at this shop at this time";
        problems.push(Problem::new(ProblemKind::ItemUnknown, "voucher_template_id", detail));
    }
    let limit = content.per_customer_limit;
    if draft.voucher_quantity > limit {
        let detail = format!("voucher_quantity must be at most {limit}, got {}", draft.voucher_quantity);
        problems.push(Problem::new(ProblemKind::TooLarge, "voucher_quantity", detail));
    }
    problems
}

fn voucher_line(draft: &OrderDraft, template: CouponTemplate) -> Lines {
    let content = template.template.unwrap_or_default();
    let price = content.price.unwrap_or_default();
    let variant = Variant { variant_id: 0, name: String::new(), price_minor: price.minor, currency: price.currency };
    let product_id = template.template_id;
    let offer = Offer { product_id, name: content.name, variants: vec![variant], ..Offer::default() };
    let quantity = draft.voucher_quantity.max(1);
    quote::price_lines(&[offer], vec![RequestedLine { product_id, quantity, ..RequestedLine::default() }])
}

/// Request for the discounts of the draft's coupons, if it has coupons and all lines could be priced.
pub(super) fn coupon_validation(basket: &Basket, draft: &OrderDraft) -> Option<ValidateCouponsRequest> {
    let has_coupons =
        basket.kind == OrderKind::Goods && basket.lines.problems.is_empty() && !draft.coupon_ids.is_empty();
    has_coupons.then(|| ValidateCouponsRequest {
        shop_id: basket.shop.get(),
        currency: basket.lines.currency.clone(),
        lines: basket.lines.lines.iter().map(discount_line).collect(),
        coupon_ids: draft.coupon_ids.clone(),
    })
}

fn discount_line(line: &Line) -> DiscountLine {
    DiscountLine {
        line_number: line.number,
        variant_id: line.requested.variant_id,
        category_code: line.category_code,
        subtotal_minor: line.subtotal_minor,
    }
}

impl Basket {
    /// Discounts of the coupons. A refused coupon becomes a problem.
    ///
    /// # Errors
    /// Errors of the marketing context that are no refusal.
    pub(super) fn discounts(&mut self, outcome: Result<CouponDiscounts, Error>) -> Result<Vec<Discount>, Error> {
        use pulse_kernel::Kind;

        let outcome = match outcome {
            Ok(outcome) => outcome,
            Err(error) if error.code() == MARKETING_CUSTOMER_LIMIT.code => {
                let detail = error.detail().to_owned();
                self.problems.push(Problem::new(ProblemKind::TooLarge, "voucher_quantity", detail));
                return Ok(Vec::new());
            }
            Err(error) if matches!(error.kind(), Kind::NotFound | Kind::FailedPrecondition | Kind::InvalidArgument) => {
                let detail = format!("{}: {}", error.code(), error.detail());
                self.problems.push(Problem::new(ProblemKind::CouponRefused, "coupon_ids", detail));
                return Ok(Vec::new());
            }
            Err(error) => return Err(error),
        };
        let mut discounts = Vec::with_capacity(outcome.discounts.len());
        for discount in outcome.discounts {
            if discount.code.is_empty() {
                discounts.push(Discount {
                    coupon: CouponId::new(discount.coupon_id),
                    amount_minor: discount.discount_minor,
                    reason: if discount.reason.is_empty() { discount.name } else { discount.reason },
                    shares: discount.lines.iter().map(|share| (share.line_number, share.discount_minor)).collect(),
                });
            } else {
                let detail = format!("coupon {}: {}: {}", discount.coupon_id, discount.code, discount.reason);
                self.problems.push(Problem::new(ProblemKind::CouponRefused, "coupon_ids", detail));
            }
        }
        Ok(discounts)
    }

    /// Price of the order. `None` if a problem prevents the calculation.
    pub(super) fn total_price(&mut self, discounts: &[Discount], cx: &Cx) -> Option<Price> {
        if !self.lines.problems.is_empty() || self.lines.lines.is_empty() {
            return None;
        }
        quote::total_price(&mut self.lines, &self.conditions, discounts, cx.locale)
            .map_err(|problem| self.problems.push(problem))
            .ok()
    }

    fn is_cash_possible(&self) -> bool {
        self.kind != OrderKind::VirtualVoucher && self.conditions.terms.is_cash_accepted
    }

    /// Checks a total that is to be paid online; one that the payment provider cannot charge becomes a problem.
    pub(super) fn check_online_amount(&mut self, app: &App, total_minor: i64) {
        let Some(currency) = Currency::from_code(&self.lines.currency).filter(|_| total_minor > 0) else { return };
        if let Err(rule) = (app.deps.online_amounts)(Money::new(total_minor, currency)) {
            let detail = format!("the total cannot be paid online: {rule}");
            self.problems.push(Problem::new(ProblemKind::AmountNotPayable, "lines", detail));
        }
    }

    /// Checks the payment method; a method that is not accepted becomes a problem.
    pub(super) fn check_payment_method(&mut self, method: PaymentMethod) {
        if method == PaymentMethod::CashOnDelivery && !self.is_cash_possible() {
            let detail = "payment_method must be ONLINE: cash is not accepted for this order";
            self.problems.push(Problem::new(ProblemKind::PaymentMethodRefused, "payment_method", detail));
        }
    }
}

/// The quote as a message of the contract.
pub(super) fn wire(basket: &Basket, price: Option<Price>, cx: &Cx) -> Quote {
    let problem = |problem: &Problem| OrderProblem {
        code: spec(problem.kind).code.to_owned(),
        field: problem.field.clone(),
        detail: problem.detail.clone(),
    };
    Quote {
        lines: basket.lines.lines.iter().cloned().map(view::line).collect(),
        price: price.map(|price| view::price(price, &basket.lines.currency)),
        problems: basket.problems.iter().map(problem).collect(),
        quoted_at: Some(cx.now.into()),
    }
}

/// Error of `PlaceOrder` for a kind of problem.
pub(super) fn spec(kind: ProblemKind) -> &'static ErrorSpec {
    match kind {
        ProblemKind::Empty => &errors::ORDER_EMPTY,
        ProblemKind::ItemUnknown => &errors::ORDER_ITEM_UNKNOWN,
        ProblemKind::ChoicesInvalid => &errors::ORDER_CHOICES_INVALID,
        ProblemKind::CurrencyMismatch => &errors::ORDER_CURRENCY_MISMATCH,
        ProblemKind::TooLarge => &errors::ORDER_TOO_LARGE,
        ProblemKind::ShopClosed => &errors::ORDER_SHOP_CLOSED,
        ProblemKind::AddressOutside => &errors::ORDER_ADDRESS_OUTSIDE,
        ProblemKind::BelowMinimum => &errors::ORDER_BELOW_MINIMUM,
        ProblemKind::PaymentMethodRefused => &errors::ORDER_PAYMENT_METHOD_REFUSED,
        ProblemKind::AmountNotPayable => &errors::ORDER_AMOUNT_NOT_PAYABLE,
        ProblemKind::CouponRefused => &errors::ORDER_COUPON_REFUSED,
        ProblemKind::StockShort => &errors::ORDER_STOCK_SHORT,
        ProblemKind::PriceChanged => &errors::ORDER_PRICE_CHANGED,
    }
}
