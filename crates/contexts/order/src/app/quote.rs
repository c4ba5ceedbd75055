//! What an order would cost now: asks the catalogue, and lets the rules decide.

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
use pulse_kernel::id::ShopId;
use pulse_kernel::{Cx, Error, ErrorSpec};

use super::{App, caller, on_behalf, view};
use crate::domain::area::Place;
use crate::domain::quote::{
    self, Discount, Group, Line, Lines, Offer, Price, Problem, ProblemKind, Setting, Terms, Variant, Wish,
};
use crate::store::carts::{self, CartRow};

pub(crate) async fn quote_order(app: &App, cx: &Cx, request: QuoteOrderRequest) -> Result<Quote, Error> {
    quote(app, cx, &request.draft.unwrap_or_default()).await
}

/// The quote of a draft, with everything that would keep it from being placed.
pub(super) async fn quote(app: &App, cx: &Cx, draft: &OrderDraft) -> Result<Quote, Error> {
    let mut basket = fill(app, cx, draft).await?;
    let discounts = match coupons_to_ask(&basket, draft) {
        Some(request) => Some(app.deps.coupons.validate_coupons(&on_behalf(cx), request).await),
        None => None,
    };
    let discounts = match discounts {
        Some(worth) => basket.take_worth(worth)?,
        None => Vec::new(),
    };
    let price = basket.sum_up(&discounts, cx);
    Ok(wire(&basket, price, cx))
}

/// Everything of an order before it has a number: what is wanted, what it is asked for, and what is wrong.
pub(super) struct Basket {
    pub(super) kind: OrderKind,
    pub(super) fulfilment: Fulfilment,
    pub(super) shop: ShopId,
    pub(super) shop_name: String,
    pub(super) lines: Lines,
    pub(super) setting: Setting,
    pub(super) problems: Vec<Problem>,
    /// The cart that the lines are from.
    pub(super) cart: Option<CartRow>,
}

/// Finds out what the draft asks for.
///
/// # Errors
/// `SHOP_NOT_FOUND`, `VALIDATION_FAILED`.
pub(super) async fn fill(app: &App, cx: &Cx, draft: &OrderDraft) -> Result<Basket, Error> {
    // The edge has checked this already; calls within the process have not been.
    draft.validate()?;
    match draft.kind() {
        OrderKind::VirtualVoucher => fill_voucher(app, cx, draft).await,
        OrderKind::Unspecified | OrderKind::Goods => fill_goods(app, cx, draft).await,
    }
}

async fn fill_goods(app: &App, cx: &Cx, draft: &OrderDraft) -> Result<Basket, Error> {
    let shop = ShopId::new(draft.shop_id);
    if draft.shop_id == 0 {
        return Err(common::VALIDATION_FAILED.error("goods are ordered at a shop"));
    }
    let cart = if draft.is_cart { carts::find(&app.deps.store, caller(cx)?, shop).await? } else { None };
    let lines = match &cart {
        Some(cart) => &cart.stored.lines,
        None if draft.is_cart => &Vec::new(),
        None => &draft.lines,
    };
    let wishes: Vec<Wish> = lines.iter().cloned().map(view::wish).collect();
    let product_ids: BTreeSet<i64> = wishes.iter().map(|wish| wish.product_id).collect();
    let request = GetOffersRequest { shop_id: draft.shop_id, product_ids: product_ids.into_iter().collect() };
    let offers = app.deps.catalog.get_offers(&on_behalf(cx), request).await?;
    let setting = setting(&offers, draft);
    let goods: Vec<Offer> = offers.products.into_iter().map(offer).collect();
    let lines = quote::price_lines(&goods, wishes);
    let mut problems = lines.problems.clone();
    problems.extend(quote::check_setting(&setting, &lines));
    let fulfilment = if setting.is_delivery { Fulfilment::Delivery } else { Fulfilment::Pickup };
    Ok(Basket { kind: OrderKind::Goods, fulfilment, shop, shop_name: offers.shop_name, lines, setting, problems, cart })
}

fn setting(offers: &Offers, draft: &OrderDraft) -> Setting {
    let address = draft.address.as_ref().and_then(|address| address.location);
    Setting {
        terms: offers.terms.map(terms).unwrap_or_default(),
        is_open: offers.is_open,
        shop: offers.location.map(place),
        is_delivery: draft.fulfilment() == Fulfilment::Delivery,
        address: address.map(place),
        tip_minor: draft.tip_minor,
    }
}

fn place(point: GeoPoint) -> Place {
    Place { latitude: point.latitude, longitude: point.longitude }
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

/// A voucher is one line at its own price, with nothing added.
async fn fill_voucher(app: &App, cx: &Cx, draft: &OrderDraft) -> Result<Basket, Error> {
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
        setting: Setting { is_open: true, tip_minor: draft.tip_minor, ..Setting::default() },
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
        let detail = "a voucher is not paid for with coupons";
        problems.push(Problem::new(ProblemKind::CouponRefused, "coupon_ids", detail));
    }
    let says = template.and_then(|template| template.template.as_ref());
    let (Some(template), Some(says)) = (template, says) else {
        problems.push(Problem::new(ProblemKind::ItemUnknown, "voucher_template_id", "there is no such voucher"));
        return problems;
    };
    let now = pulse_contract::Timestamp::from(cx.now);
    let is_on_sale = says.distribution() == Distribution::Purchase
        && !template.is_closed
        && template.shop_id == draft.shop_id
        && says.starts_at.is_some_and(|starts_at| starts_at <= now)
        && says.ends_at.is_some_and(|ends_at| now < ends_at);
    if !is_on_sale {
        problems.push(Problem::new(ProblemKind::ItemUnknown, "voucher_template_id", "the voucher is not for sale"));
    }
    if draft.voucher_quantity > says.per_customer_limit {
        let detail = format!("one customer may have {}", says.per_customer_limit);
        problems.push(Problem::new(ProblemKind::TooLarge, "voucher_quantity", detail));
    }
    problems
}

fn voucher_line(draft: &OrderDraft, template: CouponTemplate) -> Lines {
    let says = template.template.unwrap_or_default();
    let price = says.price.unwrap_or_default();
    let variant = Variant { variant_id: 0, name: String::new(), price_minor: price.minor, currency: price.currency };
    let product_id = template.template_id;
    let offer = Offer { product_id, name: says.name, variants: vec![variant], ..Offer::default() };
    let wish = Wish { product_id, quantity: draft.voucher_quantity.max(1), ..Wish::default() };
    quote::price_lines(&[offer], vec![wish])
}

/// What to ask about the coupons of the draft, when there are any and the lines could be priced.
pub(super) fn coupons_to_ask(basket: &Basket, draft: &OrderDraft) -> Option<ValidateCouponsRequest> {
    let can_be_asked =
        basket.kind == OrderKind::Goods && basket.lines.problems.is_empty() && !draft.coupon_ids.is_empty();
    can_be_asked.then(|| ValidateCouponsRequest {
        shop_id: basket.shop.get(),
        currency: basket.lines.currency.clone(),
        lines: basket.lines.lines.iter().map(discount_line).collect(),
        coupon_ids: draft.coupon_ids.clone(),
    })
}

fn discount_line(line: &Line) -> DiscountLine {
    DiscountLine {
        line_number: line.number,
        variant_id: line.wish.variant_id,
        category_code: line.category_code,
        subtotal_minor: line.subtotal_minor,
    }
}

impl Basket {
    /// Takes in what coupons are worth; those that are worth nothing are a problem.
    ///
    /// # Errors
    /// Those of coupons that are no refusal.
    pub(super) fn take_worth(&mut self, worth: Result<CouponDiscounts, Error>) -> Result<Vec<Discount>, Error> {
        use pulse_kernel::Kind;

        let worth = match worth {
            Ok(worth) => worth,
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
        let mut discounts = Vec::with_capacity(worth.discounts.len());
        for discount in worth.discounts {
            if discount.code.is_empty() {
                discounts.push(Discount {
                    coupon_id: discount.coupon_id,
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

    /// The price; `None`, and a problem, when there can be none.
    pub(super) fn sum_up(&mut self, discounts: &[Discount], cx: &Cx) -> Option<Price> {
        if !self.lines.problems.is_empty() || self.lines.lines.is_empty() {
            return None;
        }
        quote::sum_up(&mut self.lines, &self.setting, discounts, cx.locale)
            .map_err(|problem| self.problems.push(problem))
            .ok()
    }

    /// Whether this way of paying is taken; when not, that is a problem.
    pub(super) fn check_method(&mut self, method: PaymentMethod) {
        let is_cash = method == PaymentMethod::CashOnDelivery;
        if is_cash && (self.kind == OrderKind::VirtualVoucher || !self.setting.terms.is_cash_accepted) {
            let detail = "cash is not taken for this order";
            self.problems.push(Problem::new(ProblemKind::PaymentMethodRefused, "payment_method", detail));
        }
    }
}

/// The quote as the wire carries it.
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

/// The error that placing answers with.
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
        ProblemKind::CouponRefused => &errors::ORDER_COUPON_REFUSED,
        ProblemKind::StockShort => &errors::ORDER_STOCK_SHORT,
        ProblemKind::PriceChanged => &errors::ORDER_PRICE_CHANGED,
    }
}
